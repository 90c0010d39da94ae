"""Tables of runs: which belong together and must not be averaged, means over seeds and languages, harm, costs.

All take the tidy table that `records.read_records` gives, a row a run. Scores are shares (0..1); averages are over
seeds, of which each counts once; over languages only where a table says so.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nerlib.corpora import Example, Sentence, documents_of
from nerlib.errors import RecordError
from nerlib.labels import gold_items
from nerlib.languages import language_name, language_names
from nerlib.statistics import Interval, expected_f1_width, mean_interval, score_interval, wilson_interval
from nerlib.vocabulary import label

UNIT = ["task", "backbone", "variant"]  # within which runs are compared
FACTORS = ["method", "stage", "sources"]  # what may differ between two sides
KIND = [*UNIT, *FACTORS]
OURS = "ours"  # the variant that goes without saying
COLLAPSED = 0.05  # F1 of a run that has collapsed, where its record does not say whether it has
SOURCES, TARGET, CONVERGED = "sources", "target", "baseline_converged"
COSTS = ["seconds", "peak_memory_bytes", "trainable_parameters"]
TRANSFERRED, TARGET_ONLY = "transfer", "target only"
TRAINING = dict.fromkeys((SOURCES, TARGET, "few_shot"), TRANSFERRED) | dict.fromkeys(
    (CONVERGED, "target_only"), TARGET_ONLY
)
ON_CURVE = [*UNIT, "language", "method", "training", "sources", "train_sentences"]


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs that have a score, once in each variant that they were asked for in."""
    return in_each_variant(runs[(runs["status"] == "finished") & runs["test_score"].notna()])


def in_each_variant(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, each once in each variant that it was asked for in."""
    return runs.assign(variant=runs["variant"].str.split(" + ", regex=False)).explode("variant", ignore_index=True)


def has_collapsed(runs: pd.DataFrame) -> pd.Series:
    """Whether each run has collapsed: as its record says, else by its score (`COLLAPSED`)."""
    return ~runs["collapsed"].isin(["", "no"]) | ((runs["collapsed"] == "") & (runs["test_score"] <= COLLAPSED))


def words(of: Mapping[Any, Any], columns: Sequence[str] = (*FACTORS, "variant")) -> list[str]:
    """What a reader calls the values of columns: ``["LoRA", "from Hindi (hi) + Bengali (bn)"]``; "" has no word."""
    forms: Mapping[Any, Callable[[Any], str]] = {
        "language": language_name,
        "sources": lambda tags: f"from {language_names(tags.split('+'))}",
        "seed": "seed {}".format,
    }
    told = [forms.get(name, label)(of[name]) for name in columns if of.get(name)]
    return [word for word in told if word != OURS]


def comparable_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Finished runs with a score; what tells them apart is said only where it does.

    `sources` is empty at stages where no language has more than one set of them (`own_sources` holds each run's).
    Where one language has runs of one stage that were asked for otherwise (other steps, sizes, lengths), `variant` ends
    in the digest of what was asked, and likewise of what the runs that they continue were asked (`exact_variant` always
    holds both). Where a method was configured otherwise, `method` says how: ``lora (rank 16)``. `collapsed` is a bool.
    """
    table = _on_one_test_set(finished(runs))
    stage = [*UNIT, "stage", "sources"]
    digests = ["parent_variant_digest", "variant_digest"]
    marks = {name: (" #" + table[name]).where(table[name] != "", "") for name in digests}
    told = {name: mark.where(_several(table, stage, name), "") for name, mark in marks.items()}
    return table.assign(
        variant=table["variant"] + told[digests[0]] + told[digests[1]],
        exact_variant=table["variant"] + marks[digests[0]] + marks[digests[1]],
        method=_configured(table, [*stage, *digests, "method"]),
        sources=table["sources"].where(_several(table, [*UNIT, "stage"], "sources"), ""),
        own_sources=table["sources"],
        collapsed=has_collapsed(table),
    )


def _on_one_test_set(table: pd.DataFrame) -> pd.DataFrame:
    """Of runs of one kind and seed that were scored on several test sets, those on the one that most runs have."""
    kind = ["language", *KIND, "seed", "parent_variant_digest", "variant_digest", "method_settings"]
    several = table.groupby(kind)["gold"].transform("nunique") > 1
    runs = table.groupby(["language", "task", "gold"])["digest"].transform("size")
    return table[~several | (runs == runs.groupby([table[name] for name in kind]).transform("max"))]


def _several(runs: pd.DataFrame, key: list[str], column: str) -> pd.Series:
    """For each run, whether some language has several values of `column` among the runs of its key."""
    most = runs.groupby([*key, "language"])[column].nunique().groupby(key).max().rename("values")
    return (runs.join(most, on=key)["values"] > 1).astype(bool)


def _configured(table: pd.DataFrame, key: list[str]) -> pd.Series:
    """The method of each run, with the settings that differ where a language has it configured in several ways."""
    names = table["method"].copy()
    for method, of in table[_several(table, key, "method_settings")].groupby("method"):
        settings = {text: json.loads(text or "{}") for text in of["method_settings"].unique()}
        every = sorted({name for one in settings.values() for name in one})
        differ = [name for name in every if len({str(one.get(name)) for one in settings.values()}) > 1]
        told = {text: ", ".join(f"{name} {one.get(name)}" for name in differ) for text, one in settings.items()}
        names[of.index] = [f"{method} ({told[text]})" for text in of["method_settings"]]
    return names


def selected(table: pd.DataFrame, **which: str) -> pd.DataFrame:
    """The rows of `comparable_runs` with these values.

    A run that no sources were used for is not told apart by them, nor by the digests of a variant one that is alone in
    its stage.
    """
    for name, value in which.items():
        if name == "sources":
            table = table[table["own_sources"].isin([value, ""])]
        elif name == "variant":
            named = pd.MultiIndex.from_frame(table[["variant", "exact_variant"]])
            table = table[named.isin([pair for pair in named.unique() if alike(pair[0], value, pair[1])])]
        else:
            table = table[table[name] == value]
    return table


def alike(variant: str, wanted: str, exact: str = "") -> bool:
    """Whether runs of a variant are meant by another's name: of the same words, of no digest that the name lacks.

    They are meant, too, where `exact`, all their digests, holds every one that the name has.
    """
    (words_here, *here), (words_there, *there), (_, *all_here) = (t.split(" #") for t in (variant, wanted, exact))
    return words_here == words_there and (set(here) <= set(there) or set(there) <= set(all_here))


def check_one_kind(runs: pd.DataFrame, by: Sequence[str]) -> None:
    """Refuse runs whose mean would be over more than seeds: in a group of `by`, of other kinds, or a seed twice.

    Raises
    ------
    RecordError
        With what differs, or with the folders of the runs that share a seed.
    """
    for name in (name for name in ["language", *KIND] if name in runs and name not in by):
        if (runs.groupby(list(by))[name].nunique() > 1).any():
            raise RecordError(
                f"expected runs of one {name}, got {', '.join(map(repr, sorted(runs[name].unique())))}; "
                "tell them apart, or choose one of them"
            )
    if (twice := runs[runs.duplicated([*by, "seed"], keep=False)]).size:
        raise RecordError(
            f"seed {twice['seed'].min()} has several runs of one kind; choose among them: "
            f"{', '.join(twice.sort_values('seed')['folder'])}"
        )


# --- means ------------------------------------------------------------------------------------------------------------


def summary(runs: pd.DataFrame, by: Sequence[str] = ("stage", "method")) -> pd.DataFrame:
    """Mean over seeds with its t interval, and mean costs, one row for each kind of finished runs.

    Returns
    -------
    DataFrame
        The columns `by`, then `score` (an `Interval`), `seeds`, `steps` (the most) and the means of `COSTS`.

    Raises
    ------
    RecordError
        When a mean would be over more than seeds: over languages, variants, sources, or several runs of one seed.
    """
    scored = finished(runs)
    check_one_kind(scored, by)
    groups = scored.groupby(list(by), sort=False)
    table = groups.agg(seeds=("seed", "size"), steps=("steps", "max"), **{name: (name, "mean") for name in COSTS})
    table.insert(0, "score", _intervals(groups["test_score"], score_interval))
    return table.reset_index()


def _intervals(groups: Any, interval: Callable[..., Interval] = mean_interval) -> pd.Series:
    """The mean of each group with its interval."""
    return groups.apply(interval).astype(object)


def cells(runs: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind of finished runs in each language, with its mean over seeds and its costs.

    Returns
    -------
    DataFrame
        `language`, the columns of `KIND`, `metric`, `score` (an `Interval`), `mean` (its value), `seeds`,
        `train_sentences` (of the target; 0 at zero-shot), the means of `COSTS`, `kind` (method, stage and sources in
        words).
    """
    key, table = ["language", *KIND], comparable_runs(runs)
    table["train_sentences"] = table["train_sentences"].where(table["stage"] != SOURCES, 0.0)
    groups, by_seed = table.groupby(key), table.groupby([*key, "seed"])["test_score"].mean().groupby(key)
    scores = {
        "score": _intervals(by_seed, score_interval),
        "mean": by_seed.mean(),
        "seeds": by_seed.size(),
        "metric": groups["metric"].first(),
    }
    means = groups[["train_sentences", *COSTS]].mean().assign(**scores).reset_index()
    return means[[*key, *scores, "train_sentences", *COSTS]].assign(kind=_kinds(means))


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """`cells` with a row a language, task and backbone, and a column a kind: its score as an `Interval`."""
    key = ["language", "task", "backbone"]
    square = table.set_index([*key, "kind"])["score"].unstack("kind").reset_index().rename_axis(columns=None)
    return square.drop(columns=[name for name in key[1:] if table[name].nunique() == 1])


def _kinds(table: pd.DataFrame) -> list[str]:
    """What a reader calls the kind of each row: ``LoRA, transfer, from hi+bn``."""
    return [", ".join(dict.fromkeys(words(row))) for row in table[KIND].to_dict("records")]


def over_languages(table: pd.DataFrame) -> pd.DataFrame:
    """Macro averages of `cells`: the mean over languages of each kind, with the t interval over them.

    Returns
    -------
    DataFrame
        The columns of `KIND`, `score` (an `Interval`), `languages`, `seconds`, `trainable_parameters`.
    """
    groups = table.groupby(KIND)
    means = groups[["seconds", "trainable_parameters"]].mean().reset_index()
    scores = {"score": _intervals(groups["mean"]).array, "languages": groups.size().array}
    return means.assign(**scores)[[*KIND, *scores, "seconds", "trainable_parameters"]]


def grid(runs: pd.DataFrame) -> pd.DataFrame:
    """How many runs of each kind are finished, by language: ``3``, or ``2 of 3``, or nothing."""
    runs = in_each_variant(runs)
    counts = (runs["status"] == "finished").groupby([runs[name] for name in [*KIND, "language"]]).agg(["size", "sum"])
    texts = [f"{done}" if done == size else f"{done} of {size}" for size, done in counts.itertuples(index=False)]
    table = pd.Series(texts, index=counts.index, dtype=object).unstack("language").fillna("")
    return table.rename(columns=language_name).reset_index()


def seed_deviations(runs: pd.DataFrame) -> pd.DataFrame:
    """Each run's score minus the mean of its kind and language: `kind`, `language`, `seed`, `deviation` (0..1)."""
    table = comparable_runs(runs)
    scores = table.groupby(["language", *KIND])["test_score"]
    told = table.assign(kind=_kinds(table), deviation=table["test_score"] - scores.transform("mean"))
    return told.loc[scores.transform("size") > 1, ["kind", "language", "seed", "deviation"]]


def collapse_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of collapsed runs of each unit, `method` and `stage`: `share` (an `Interval` by Wilson) and `runs`."""
    table = finished(runs)
    groups = has_collapsed(table).groupby([table[name] for name in [*UNIT, "method", "stage"]])
    return pd.DataFrame({"share": _intervals(groups, _share), "runs": groups.size()}).reset_index()


def _share(values: pd.Series) -> Interval:
    """The share of true values, with the interval by Wilson (1927)."""
    return wilson_interval(int(values.sum()), len(values))


def forgetting(runs: pd.DataFrame) -> pd.DataFrame:
    """What training on the target cost on the sources: their dev score before and after, paired by seed.

    Returns
    -------
    DataFrame
        `language`, the columns of `KIND`, `before`, `after` (means, 0..1), `difference` (an `Interval`; negative:
        forgotten), `seeds`; a row for each kind of finished runs whose records hold both scores.
    """
    names = {"source_dev_score_before": "before", "source_dev_score_after": "after"}
    scored = finished(runs).rename(columns=names).dropna(subset=["before", "after"])
    groups = scored.assign(difference=scored["after"] - scored["before"]).groupby(["language", *KIND])
    told = {"difference": _intervals(groups["difference"]), "seeds": groups.size()}
    return groups[["before", "after"]].mean().assign(**told).reset_index()


def expected_widths(examples: Sequence[Example], f1: Sequence[float] = (0.3, 0.5, 0.7, 0.9)) -> pd.DataFrame:
    """How wide the interval of the score will be on this test set, and on smaller and larger ones like it.

    Returns
    -------
    DataFrame
        `sentences`, `f1`, `width` (high − low, 0..1): see `statistics.expected_f1_width`; over sizes it goes with one
        over the root of the number of sentences (texts, questions). For parts of speech, where every word counts, and
        for texts, which count once, `f1` is the accuracy. For questions it is the mean of their token F1; its interval
        is at most so wide, since no values from 0 to 1 vary more than those of a share. Examples of one document count
        for less, where the corpus marks documents.
    """
    entities = [len(gold_items(example.tags)) if isinstance(example, Sentence) else 1 for example in examples]
    here = expected_f1_width(entities, list(f1), documents=documents_of(examples))
    rows = [
        (size, value, width * math.sqrt(len(examples) / size))
        for size in sorted({50, 100, 200, 500, 1000, 2000, len(examples)})
        for value, width in zip(f1, here, strict=True)
    ]
    return pd.DataFrame(rows, columns=["sentences", "f1", "width"])


# --- transfer ---------------------------------------------------------------------------------------------------------


def few_shot(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that belong on a curve over the number of labelled target sentences.

    Returns
    -------
    DataFrame
        The finished runs of `sources` (0 target sentences), `target` and `few_shot_<n>` with `training` "transfer", and
        of `baseline_converged` and `target_only_<n>` with "target only". A size has the stage that is made for it where
        there is one: `few_shot_<n>` before `target`, `target_only_<n>` before `baseline_converged`. Columns as in
        `runs`, then `training`; `train_sentences` are those of the target.
    """
    rows = finished(runs)
    kinds = rows["stage"].str.replace(r"^(few_shot|target_only)_.*", r"\1", regex=True)
    rows = rows.assign(
        training=kinds.map(TRAINING),
        train_sentences=rows["train_sentences"].where(rows["stage"] != SOURCES, 0.0),
    ).dropna(subset=["training", "train_sentences"])
    by_size = rows["stage"].str.match(r"(few_shot|target_only)_\d+$")
    made_for_size = by_size.groupby([rows[name] for name in ON_CURVE]).transform("any")
    return rows[by_size | ~made_for_size].reset_index(drop=True)


def negative_transfer(runs: pd.DataFrame) -> pd.DataFrame:
    """How often transfer did harm: the share of (target, seed) that score below training on the target alone.

    Both have the same number of target sentences, the same seed, task, backbone and variant; the target-only run is the
    same method's where it has some, else each method's. The interval treats (target, seed) as independent, which seeds
    of one target are not: it describes these runs and is no claim about other languages.

    Returns
    -------
    DataFrame
        A row for each task, backbone, variant, `method`, `baseline_method`, `sources` and `train_sentences`: `worse`,
        `targets` (languages), `share` (an `Interval` by Wilson; `n` pairs).

    Raises
    ------
    RecordError
        When two runs would count for one seed.
    """
    curve = few_shot(runs)
    key = [*UNIT, "language", "seed", "train_sentences"]
    check_one_kind(curve, ON_CURVE)
    started, alone = (curve[curve["training"] == name] for name in (TRANSFERRED, TARGET_ONLY))
    names = {"method": "baseline_method", "test_score": "alone"}
    pairs = started.merge(alone[[*key, *names]].rename(columns=names), on=key)
    pairs = pairs[(pairs["baseline_method"] == pairs["method"]) | ~pairs["method"].isin(alone["method"])]
    groups = pairs.assign(worse=pairs["test_score"].lt(pairs["alone"])).groupby(
        [*UNIT, "method", "baseline_method", "sources", "train_sentences"]
    )
    table = groups.agg(worse=("worse", "sum"), targets=("language", "nunique"))
    return table.assign(share=_intervals(groups["worse"], _share)).reset_index()


# --- costs ------------------------------------------------------------------------------------------------------------


def trained_weights(runs: pd.DataFrame) -> pd.DataFrame:
    """What is trained for a language, and what for the task: `method`, `part`, `trainable`, `head`, `share`.

    Language adapters (stage `language_adapter`) are of one size, so that one of them counts; for their method a third
    row adds up both parts. `share` is of all weights of the model that is trained.
    """
    names = {"trainable_parameters": "trainable", "head_parameters": "head", "total_parameters": "total"}
    done = runs[runs["status"] == "finished"].rename(columns=names)
    done["part"] = np.where(done["stage"] == "language_adapter", "language", "task")
    first = done.drop_duplicates(["method", "part"])[["method", "part", *names.values()]]
    own, task = first[first["part"] == "language"].assign(head=0), first[first["part"] == "task"]
    both = task.merge(own[["method", "trainable", "total"]], on="method", suffixes=("", "_own"))
    totals = {"trainable": both["trainable"] + both["trainable_own"], "total": both["total_own"] + both["trainable"]}
    parts = pd.concat([own, task, both.assign(part="language and task", **totals)]).set_index("method")
    table = parts.assign(share=parts["trainable"] / parts["total"]).loc[task["method"]].reset_index()
    return table[["method", "part", "trainable", "head", "share"]]
