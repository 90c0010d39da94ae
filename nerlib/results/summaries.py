"""Tables of runs: means over seeds and over languages, few-shot curves, harm done by transfer, costs.

All take the tidy table that `records.read_records` gives, a row a run. Scores are shares (0..1); averages are over
seeds, of which each counts once; over languages only where a table says so.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nerlib.corpora import Example, Sentence, documents_of
from nerlib.labels import gold_items
from nerlib.languages import language_name
from nerlib.results.compare import CONVERGED, SOURCES, TARGET
from nerlib.results.runs import (
    KIND,
    UNIT,
    check_one_kind,
    comparable_runs,
    finished,
    has_collapsed,
    in_each_variant,
    words,
)
from nerlib.statistics import Interval, expected_f1_width, mean_interval, score_interval, wilson_interval

COSTS = ["seconds", "peak_memory_bytes", "trainable_parameters"]
TRANSFERRED, TARGET_ONLY = "transfer", "target only"


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
    table = comparable_runs(runs)
    table["train_sentences"] = table["train_sentences"].where(table["stage"] != SOURCES, 0.0)
    key = ["language", *KIND]
    by_seed = table.groupby([*key, "seed"])["test_score"].mean().groupby(key)
    means = table.groupby(key)[["train_sentences", *COSTS]].mean()
    scores = {"score": _intervals(by_seed, score_interval), "mean": by_seed.mean(), "seeds": by_seed.size()}
    scores["metric"] = table.groupby(key)["metric"].first()
    result = means.assign(**scores).reset_index()[[*key, *scores, "train_sentences", *COSTS]]
    return result.assign(kind=_kinds(result))


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
    table = groups[["before", "after"]].mean()
    return table.assign(difference=_intervals(groups["difference"]), seeds=groups.size()).reset_index()


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
    sizes = sorted({50, 100, 200, 500, 1000, 2000, len(examples)})
    rows = [
        (size, value, width * math.sqrt(len(examples) / size))
        for size in sizes
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
    by_size = rows["stage"].str.match(r"(few_shot|target_only)_\d+$")
    started = rows["stage"].isin([SOURCES, TARGET]) | rows["stage"].str.startswith("few_shot_")
    alone = (rows["stage"] == CONVERGED) | rows["stage"].str.startswith("target_only_")
    sentences = rows["train_sentences"].where(rows["stage"] != SOURCES, 0.0)
    training = np.where(started, TRANSFERRED, TARGET_ONLY)
    rows = rows.assign(training=training, train_sentences=sentences, by_size=by_size)[started | alone]
    rows = rows.dropna(subset=["train_sentences"])
    cell = [*UNIT, "language", "method", "training", "sources", "train_sentences"]
    made_for_size = rows.groupby(cell)["by_size"].transform("any")
    return rows[rows["by_size"] | ~made_for_size].drop(columns="by_size").reset_index(drop=True)


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
    check_one_kind(curve, [*UNIT, "language", "method", "training", "sources", "train_sentences"])
    started, alone = (curve[curve["training"] == name] for name in (TRANSFERRED, TARGET_ONLY))
    names = {"method": "baseline_method", "test_score": "alone"}
    pairs = started.merge(alone[[*key, *names]].rename(columns=names), on=key)
    has_own = pairs["method"].isin(alone["method"])
    pairs = pairs[~has_own | (pairs["baseline_method"] == pairs["method"])]
    kind = [*UNIT, "method", "baseline_method", "sources", "train_sentences"]
    groups = pairs.assign(worse=pairs["test_score"].lt(pairs["alone"])).groupby(kind)
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
    of_language = done["stage"] == "language_adapter"
    first = [done[rows].drop_duplicates("method")[["method", *names.values()]] for rows in (of_language, ~of_language)]
    own, task = first[0].assign(part="language", head=0), first[1].assign(part="task")
    both = task.merge(own[["method", "trainable", "total"]], on="method", suffixes=("", "_own"))
    totals = {"trainable": both["trainable"] + both["trainable_own"], "total": both["total_own"] + both["trainable"]}
    table = pd.concat([own, task, both.assign(part="language and task", **totals)])
    table = table[table["method"].isin(task["method"])].assign(share=table["trainable"] / table["total"])
    table["method"] = pd.Categorical(table["method"], task["method"])
    shown = table.sort_values("method", kind="stable", ignore_index=True).astype({"method": "str"})
    return shown[["method", "part", "trainable", "head", "share"]]
