"""What became of a run's test set, by kind, and examples of each kind."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from nerlib import analysis, records
from nerlib.analysis.errors import CORRECT
from nerlib.corpora import Example, Sentence, read_examples
from nerlib.experiment.runs import Run

CONFUSIONS = 5  # pairs of tags or labels that are told apart; all others count together
OTHER = "other"
KINDS = (CORRECT, *analysis.KINDS, *analysis.ANSWER_KINDS)


def about(run: Run) -> dict[str, Any]:
    """What a run's row says beside its numbers."""
    return {"stage": run.record.stage, "method": run.record.method}


def each_once(runs: Iterable[Iterable[Run]]) -> list[Run]:
    """The runs of all groups, those that stand in several only once."""
    return list({run.digest: run for group in runs for run in group}.values())


def error_kinds(*runs: Iterable[Run]) -> pd.DataFrame:
    """What became of the test set, means over seeds: `task`, `stage`, `method`, `kind`, `count`.

    Of entities the kinds are those of `analysis.error_table`, of questions those of `analysis.answer_kinds`; of words
    and texts the right ones, and those that got another tag or label, the most frequent pairs of all runs by name.
    """
    rows = [
        {"task": run.record.task, **about(run), "run": run.digest, "kind": kind, "count": count}
        for run in each_once(runs)
        for kind, count in _outcomes(run).items()
    ]
    found = pd.DataFrame(rows)
    totals = found.groupby("kind")["count"].sum().sort_values(ascending=False, kind="stable")
    known = [kind for kind in KINDS if kind in totals.index]
    shown = [*known, *[kind for kind in totals.index if kind not in known][:CONFUSIONS]]
    found["kind"] = found["kind"].where(found["kind"].isin(shown), OTHER)
    by_run = found.pivot_table("count", ["task", "stage", "method", "run"], "kind", "sum", fill_value=0, sort=False)
    ordered = by_run[[kind for kind in (*shown, OTHER) if kind in by_run]]
    means = ordered.groupby(level=["task", "stage", "method"], sort=False).mean()
    return means.melt(ignore_index=False, var_name="kind", value_name="count").reset_index()


def _outcomes(run: Run) -> Mapping[str, int]:
    _, gold, predicted = run.predictions()
    if run.record.task == "ner":
        return dict(analysis.error_table(gold, predicted)["all"])
    if run.record.task == "qa":
        return Counter(analysis.answer_kinds(gold, predicted))
    pairs = zip(chain(*gold), chain(*predicted), strict=True)
    return Counter(CORRECT if right == given else _confused(given, right) for right, given in pairs)


def _confused(given: str, right: str) -> str:
    return f"{given} for {right}"


def examples(run: Run, each: int = 1) -> dict[str, list[int]]:
    """Places of test examples that show each kind of error, the clearest ones.

    Of entities as `analysis.examples` chooses them; of tags there is one kind, `wrong tag`, and the sentences with the
    fewest are chosen; of texts and questions the shortest ones, of texts of the most frequent kinds only. Of tags and
    of texts twice `each`.
    """
    words, gold, predicted = run.predictions()
    if run.record.task == "ner":
        return analysis.examples(analysis.find_errors(gold, predicted), each)
    if run.record.task == "pos":
        wrong = Counter({i: _different(*pair) for i, pair in enumerate(zip(gold, predicted, strict=True))})
        few = sorted((i for i, count in wrong.items() if count), key=lambda i: (wrong[i], i))
        return {"wrong tag": few[: 2 * each]} if few else {}
    kinds = _kinds_of_wrong(run, gold, predicted)
    counts = Counter(kind for kind in kinds if kind)
    frequent = [kind for kind, _ in counts.most_common(CONFUSIONS)]
    by_length = sorted(range(len(words)), key=lambda i: (len(words[i]), i))
    number = each if run.record.task == "qa" else 2 * each
    return {kind: [i for i in by_length if kinds[i] == kind][:number] for kind in frequent}


def _different(gold: tuple[str, ...], predicted: tuple[str, ...]) -> int:
    return sum(g != p for g, p in zip(gold, predicted, strict=True))


def _kinds_of_wrong(run: Run, gold: list[tuple[str, ...]], predicted: list[tuple[str, ...]]) -> list[str]:
    """Of each text or question the kind of error, "" where there is none."""
    if run.record.task == "qa":
        kinds = analysis.answer_kinds(gold, predicted)
        return [kind if kind in analysis.WRONG_ANSWERS else "" for kind in kinds]
    pairs = zip(chain(*gold), chain(*predicted), strict=True)
    return ["" if right == given else _confused(given, right) for right, given in pairs]


def predicted_examples(run: Run, split: str = "test") -> list[tuple[Example, tuple[str, ...]]]:
    """The examples of a split, each with its prediction, as `reporting.example` shows them.

    Raises
    ------
    RecordError
        As `records.read_predictions`.
    """
    words, gold, predicted = run.predictions(split)
    place = records.predictions_file(run.folder, split)
    shown: Sequence[Example]
    if place is not None and place.suffix == ".jsonl":
        shown, _ = read_examples(place)
    else:
        language = run.record.language
        shown = [Sentence(*pair, language) for pair in zip(words, gold, strict=True)]
    return list(zip(shown, predicted, strict=True))
