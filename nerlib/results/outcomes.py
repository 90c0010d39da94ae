"""What became of each run's test set: scores by name and by type, kinds of errors, examples, curves.

All take rows of the table that `records.read_records` gives, and read what those runs left in their folders.

The rule that pairs gold with predicted entities of a sentence (both read strictly), one to one:

1. entities with the same words and the same type are correct;
2. of the others, those that share a word are paired, most shared words first; among equals a pair of one type before
   one of two, then the earlier gold entity, then the earlier predicted one;
3. what is left over in gold was missed, what is left over in the predictions is spurious.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nerlib.corpora import Example, Sentence, read_examples
from nerlib.labels import Span, spans
from nerlib.records import predictions_file, read_predictions, read_record
from nerlib.results.runs import check_one_kind
from nerlib.scoring import AS_WRITTEN, check_tags, score_answers
from nerlib.statistics import mean_interval, score_interval
from nerlib.vocabulary import form_of, label

ABOUT = ("task", "method", "stage", "seed", "metric")  # what is said of each run
CORRECT = "correct"
# Kind of a pair by (same words, same type).
KIND_OF_PAIR = {(False, True): "boundary", (True, False): "type", (False, False): "boundary and type"}
KINDS = (*KIND_OF_PAIR.values(), "missed", "spurious")
GROUPS = {"all": ("all",), "length": ("1 word", "2 words", "3+ words")}  # of entities
CONFUSIONS = 5  # pairs of tags or labels that are told apart; all others count together
OTHER = "other"
EXACT, RIGHTLY_NONE = "exact", "rightly none"
# Kinds of answers that are not right, from the nearly right one on.
WRONG_ANSWERS = ("overlaps gold", "no overlap", "answer where there is none", "none where there is an answer")
ORDER = (CORRECT, *KINDS, EXACT, RIGHTLY_NONE, *WRONG_ANSWERS)
TWICE = ("token_accuracy", "micro_f1")  # what `accuracy` is under another name
SCORE_LABELS = {"f1": "strict F1", "answer_f1": "token F1"} | {f"rouge_{n}": f"ROUGE-{n.upper()}" for n in "12l"}


def _rows(runs: pd.DataFrame) -> Sequence[Mapping[Any, Any]]:
    """The finished runs, each once; they may differ in method, stage and seed."""
    rows = runs[runs["status"] == "finished"].drop_duplicates("digest")
    check_one_kind(rows, ["method", "stage"])
    return rows.to_dict("records")


def each_run(runs: pd.DataFrame, table: Callable[[Mapping[Any, Any]], pd.DataFrame]) -> pd.DataFrame:
    """What `table` makes of each row of runs, one below the other, with the columns `ABOUT`."""
    parts = [table(run).assign(**{name: run[name] for name in ABOUT}) for run in _rows(runs)]
    return pd.concat(parts, ignore_index=True)


# --- scores -----------------------------------------------------------------------------------------------------------


def all_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Every score of the test set: a row a score, a column a stage and method with the mean over seeds (`Interval`)."""
    rows = [
        (_score_label(name), f"{label(run['method'])}, {label(run['stage'])}", value)
        for run in _rows(runs)
        for name, value in read_record(Path(run["folder"])).scores["test"].items()
        if isinstance(value, float) and name not in TWICE
    ]
    groups = pd.DataFrame(rows, columns=["score", "run", "value"]).groupby(["score", "run"], sort=False)["value"]
    return groups.apply(score_interval).unstack().rename_axis(columns=None).reset_index()


def _score_label(name: str) -> str:
    plain = name.removesuffix(AS_WRITTEN)
    return SCORE_LABELS.get(plain, plain.replace("_", " ").replace("f1", "F1")) + ", as written" * (plain != name)


def adapters_that_ran(runs: pd.DataFrame) -> pd.DataFrame:
    """The adapters that the forward passes called, as each method's first run says: `training` and `prediction`."""
    first = {
        run["method"]: read_record(Path(run["folder"])).provenance for run in _rows(runs.drop_duplicates("method"))
    }
    rows = [
        (method, *(origin.get(name, []) for name in ("adapters_in_training", "adapters_in_prediction")))
        for method, origin in first.items()
    ]
    return pd.DataFrame(rows, columns=["method", "in training", "predicting the target"])


def language_adapters_compared(runs: pd.DataFrame) -> pd.DataFrame:
    """Zero-shot scores with another language adapter than the target's at prediction, and what the target's adds.

    Returns
    -------
    DataFrame
        `method`, `predicted with` (the target's adapter, a source's, none), `score` and `difference` (`Interval` over
        seeds, 0..1; of the target's minus it, paired by seed).
    """
    rows = [
        {"method": run["method"], "predicted with": name, "score": score, "difference": run["test_score"] - score}
        for run in _rows(runs)
        for name, score in _by_language_adapter(run)
    ]
    table = pd.DataFrame(rows, columns=["method", "predicted with", "score", "difference"])
    return table.groupby(["method", "predicted with"], sort=False).agg(mean_interval).reset_index()


def _by_language_adapter(run: Mapping[Any, Any]) -> list[tuple[str, float]]:
    found = read_record(Path(run["folder"])).scores.get("test_by_language_adapter", {})
    others = [(f"the adapter of {tag}" if tag else "no language adapter", score) for tag, score in found.items()]
    return [("the target's adapter", run["test_score"]), *others] if found else []


def scores_by_type(runs: pd.DataFrame) -> pd.DataFrame:
    """Test scores by type, part of speech or label; of questions those with an answer, and those without.

    Returns
    -------
    DataFrame
        `stage`, `method`, `seed`, `metric`, `type`, `f1`, `support`, and `precision` and `recall`, of questions their
        other scores instead.
    """
    return each_run(runs, _by_type)


def _by_type(run: Mapping[Any, Any]) -> pd.DataFrame:
    scores = read_record(Path(run["folder"])).scores["test"]
    if form_of(run["task"]) == "questions":
        by_type = {name: scores[name] | {"f1": scores[name]["answer_f1"]} for name in ("answerable", "unanswerable")}
        scores = {"by_type": {name: of_type for name, of_type in by_type.items() if of_type["support"]}}
    return pd.DataFrame([{"type": kind, **of_type} for kind, of_type in scores["by_type"].items()])


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """The learning curves of runs, one row a scored epoch, with `method`, `stage`, `seed`, `metric` and `is_best`.

    The best epoch of a run is the first with the highest dev score, as training chooses it.
    """
    return each_run(runs, _curve)


def _curve(run: Mapping[Any, Any]) -> pd.DataFrame:
    curve = pd.read_csv(Path(run["folder"]) / "curve.csv")
    scores = curve.get("dev_score", pd.Series(dtype=float)).dropna()
    return curve.assign(is_best=curve.index == (scores.idxmax() if len(scores) else -1))


# --- errors -----------------------------------------------------------------------------------------------------------


def error_kinds(runs: pd.DataFrame) -> pd.DataFrame:
    """What became of the test set, means over seeds: `task`, `stage`, `method`, `kind`, `count`.

    Of entities the kinds are `KINDS`, of questions those of `answer_kinds`; of words and texts the
    right ones, and those that got another tag or label, the most frequent pairs of all runs by name.
    """
    counts = each_run(runs, _counted)
    totals = counts.groupby("kind")["count"].sum().sort_values(ascending=False, kind="stable")
    known = [kind for kind in ORDER if kind in totals.index]
    shown = [*known, *[kind for kind in totals.index if kind not in known][:CONFUSIONS]]
    counts["kind"] = counts["kind"].where(counts["kind"].isin(shown), OTHER)
    key = ["task", "stage", "method"]
    by_run = counts.pivot_table("count", [*key, "seed"], "kind", "sum", fill_value=0, sort=False)
    means = by_run[[kind for kind in (*shown, OTHER) if kind in by_run]].groupby(level=key, sort=False).mean()
    return means.melt(ignore_index=False, var_name="kind", value_name="count").reset_index()


def _counted(run: Mapping[Any, Any]) -> pd.DataFrame:
    every = dict.fromkeys((CORRECT, *KINDS), 0) if form_of(run["task"]) == "entities" else {}
    counts = Counter(kind for _, kind in _outcomes(run))
    return pd.DataFrame((every | counts).items(), columns=["kind", "count"])


def _outcomes(run: Mapping[Any, Any]) -> list[tuple[int, str]]:
    """What became of each entity, question, word or text: the place of its example, and its kind."""
    _, gold, predicted = read_predictions(Path(run["folder"]))
    if form_of(run["task"]) == "entities":
        return [(sentence, kind) for kind, sentence, _ in entity_outcomes(gold, predicted)]
    if form_of(run["task"]) == "questions":
        return list(enumerate(answer_kinds(gold, predicted)))
    return [
        (i, CORRECT if right == given else f"{given} for {right}")
        for i, sides in enumerate(zip(gold, predicted, strict=True))
        for right, given in zip(*sides, strict=True)
    ]


def answer_kinds(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> list[str]:
    """The kind of each predicted answer: `exact`, `rightly none`, or one of `WRONG_ANSWERS`.

    Exact answers equal a gold one once normalised, those that overlap share a token with one; `rightly none` is no
    answer where there is none. Arguments as for `scoring.score_answers`, which raises for them.
    """
    counts = score_answers(gold, predicted).counts
    exact, overlaps = counts.lenient.tp[:, 0] > 0, counts.strict.tp[:, 0] > 0
    answerable, answered = (np.array([bool(answers) for answers in side], dtype=bool) for side in (gold, predicted))
    overlapping, apart, invented, missed = WRONG_ANSWERS
    kinds = [EXACT, RIGHTLY_NONE, invented, missed, overlapping]
    return np.select([exact & answered, exact, ~answerable, ~answered, overlaps], kinds, apart).tolist()


def entity_outcomes(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> list[tuple[str, int, Span]]:
    """What became of every entity: its kind (`CORRECT` or one of `KINDS`), its sentence, and its span.

    An entity counts with gold's span, a spurious one with its own. All kinds but "spurious" add up to gold's entities,
    all but "missed" to the predicted ones.

    Parameters
    ----------
    gold, predicted
        IOB2 tags of each sentence.

    Raises
    ------
    CorpusError
        As `scoring.score`.
    """
    check_tags(gold, predicted)
    return [
        (kind, sentence, span)
        for sentence, sides in enumerate(zip(gold, predicted, strict=True))
        for kind, span in _outcomes_of(*(spans(tags, strict=True) for tags in sides))
    ]


def _outcomes_of(gold: list[Span], predicted: list[Span]) -> list[tuple[str, Span]]:
    """Of one sentence."""
    true = [span for span in gold if span not in predicted]
    found = [span for span in predicted if span not in gold]
    shared = [(min(g.end, p.end) - max(g.start, p.start), g, p) for g in true for p in found]
    overlaps = sorted(shared, key=lambda pair: (-pair[0], pair[1].type != pair[2].type, pair[1], pair[2]))
    outcomes = [(CORRECT, span) for span in gold if span in predicted]
    for words, g, p in overlaps:
        if words > 0 and g in true and p in found:
            true.remove(g)
            found.remove(p)
            outcomes.append((KIND_OF_PAIR[g[:2] == p[:2], g.type == p.type], g))
    return outcomes + [("missed", span) for span in true] + [("spurious", span) for span in found]


def misalignments(runs: pd.DataFrame) -> pd.DataFrame:
    """`misalignment` of each run, with `method`, `stage` and `seed`; entities only."""
    return each_run(runs, lambda run: misalignment(*read_predictions(Path(run["folder"]))[1:]))


def misalignment(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> pd.DataFrame:
    """What became of the entities by their length: wrong boundaries against wrong types.

    Arguments as for `entity_outcomes`, which raises for them.

    Returns
    -------
    DataFrame
        A row for each `by` ("all", "length"), `group` and `kind` ("correct" and `KINDS`): `count`, `entities` (of gold,
        in the group) and `share` (count / entities; NaN without entities). An entity is of gold's length, a spurious
        one of its own; so all shares but that of "spurious" add up to 1, which itself may exceed 1.
    """
    counts = Counter(
        (group, kind)
        for kind, _, span in entity_outcomes(gold, predicted)
        for group in ("all", GROUPS["length"][min(span.end - span.start, 3) - 1])
    )
    rows = [
        (by, group, kind, counts[group, kind], sum(counts[group, of_gold] for of_gold in (CORRECT, *KINDS[:-1])))
        for by, names in GROUPS.items()
        for group, kind in product(names, (CORRECT, *KINDS))
    ]
    table = pd.DataFrame(rows, columns=["by", "group", "kind", "count", "entities"])
    return table.assign(share=table["count"] / table["entities"].where(table["entities"] > 0))


# --- examples ---------------------------------------------------------------------------------------------------------


def examples(run: Mapping[Any, Any], each: int = 1) -> dict[str, list[tuple[Example, tuple[str, ...]]]]:
    """Test examples of a run with their predictions, by the kind of error that they show, the clearest ones first.

    Those with the fewest errors are the clearest, then the shortest; none is shown twice. Of tags there is one kind,
    `wrong tag`, of labels only the most frequent confusions are shown; of tags and labels twice `each`.

    Parameters
    ----------
    run
        A row of the table of runs.
    """
    shown, form = predicted_examples(run), form_of(run["task"])
    errors = [
        (i, "wrong tag" if form == "tags" else kind)
        for i, kind in _outcomes(run)
        if kind not in (CORRECT, EXACT, RIGHTLY_NONE)
    ]
    number = each if form in ("entities", "questions") else 2 * each
    chosen = clearest(errors, [len(example.words) for example, _ in shown], number)
    return {kind: [shown[i] for i in places] for kind, places in chosen.items()}


def clearest(errors: Sequence[tuple[int, str]], lengths: Sequence[int], each: int) -> dict[str, list[int]]:
    """Choose examples that show each kind of error: by their number of errors, their length, their place.

    Parameters
    ----------
    errors
        The place of the example and the kind, of each error.
    lengths
        Of the examples, in words.
    each
        Examples a kind, at most; none is chosen twice.
    """
    of_example = Counter(i for i, _ in errors)
    frequent = [kind for kind, _ in Counter(kind for _, kind in errors).most_common(CONFUSIONS)]
    chosen: dict[str, list[int]] = {}
    for kind in sorted(frequent, key=lambda kind: ORDER.index(kind) if kind in ORDER else len(ORDER)):
        having = {i for i, k in errors if k == kind} - {i for places in chosen.values() for i in places}
        chosen[kind] = sorted(having, key=lambda i: (of_example[i], lengths[i], i))[:each]
    return {kind: places for kind, places in chosen.items() if places}


def predicted_examples(run: Mapping[Any, Any]) -> list[tuple[Example, tuple[str, ...]]]:
    """The test examples of a run, each with its prediction.

    Raises
    ------
    RecordError
        As `records.read_predictions`.
    """
    words, gold, predicted = read_predictions(Path(run["folder"]))
    path = predictions_file(Path(run["folder"]))
    sentences = (Sentence(*pair, run["language"]) for pair in zip(words, gold, strict=True))
    shown: Sequence[Example] = read_examples(path)[0] if path and path.suffix == ".jsonl" else list(sentences)
    return list(zip(shown, predicted, strict=True))
