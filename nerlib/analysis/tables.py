"""Tables and comparisons over seeds, from the table of runs that `records.read_records` gives.

Scores are shares (0..1). Only finished runs count. Seeds are repetitions within one language: nothing here pools
languages. Where two runs would count for one seed (other settings, other sources), an error says so: filter the table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nerlib.analysis.collapse import Collapse, count_collapsed, why_collapsed
from nerlib.corpora import Example, Sentence
from nerlib.errors import RecordError, SettingsError
from nerlib.labels import units
from nerlib.statistics import Interval, expected_f1_width, mean_interval, paired_interval

UNIT = ["language", "task", "backbone"]  # columns within which runs can be compared
BASELINES = ("baseline", "baseline_converged")


@dataclass(frozen=True)
class Comparison:
    """Two kinds of runs compared on the seeds that both have.

    Attributes
    ----------
    a, b
        What they are called in a sentence.
    score_a, score_b
        Means over the paired seeds, their t intervals cut to 0..1.
    difference
        a − b, paired by seed.
    unpaired
        Seeds that only one of them has; they are left out of all three intervals.
    metric
        As in the runs' records.
    collapsed
        How many of the paired runs of a and of b collapsed.
    """

    a: str
    b: str
    score_a: Interval
    score_b: Interval
    difference: Interval
    unpaired: tuple[int, ...]
    metric: str
    collapsed: tuple[Collapse, Collapse] = (Collapse(), Collapse())


def compare(
    runs: pd.DataFrame,
    *,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    names: tuple[str, str] | None = None,
    scores: tuple[str, str] = ("test_score", "test_score"),
    level: float = 0.95,
) -> Comparison:
    """Compare two kinds of runs of one language, paired by seed.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    a, b
        Which runs: values of columns, as ``{"stage": "target", "method": "lora"}``.
    names
        What to call them; by default their values, joined.
    scores
        The column that is compared, of a and of b: ``("test_score", "zero_shot_f1")`` with equal `a` and `b` compares
        each run with the zero-shot score that it started from.
    level
        Of the intervals.

    Raises
    ------
    SettingsError
        When a column is unknown, or the runs are of several languages, tasks, backbones or metrics.
    RecordError
        When a seed has two runs of one kind.
    """
    selected = [_selected(runs, which) for which in (a, b)]
    both = pd.concat(selected)
    for column in [*UNIT, "metric"]:
        if len(met := both[column].unique()) > 1:
            raise SettingsError(
                f"expected runs of one {column}, met {', '.join(map(repr, met))}: seeds repeat one {column}"
            )
    values_a, values_b = (_by_seed(part, score) for part, score in zip(selected, scores, strict=True))
    seeds = values_a.index.intersection(values_b.index)
    paired_a, paired_b = values_a[seeds].to_numpy(), values_b[seeds].to_numpy()
    name_a, name_b = names or tuple(" ".join(map(str, which.values())) for which in (a, b))
    return Comparison(
        a=name_a,
        b=name_b,
        score_a=score_interval(paired_a, level),
        score_b=score_interval(paired_b, level),
        difference=paired_interval(a=paired_a, b=paired_b, level=level),
        unpaired=tuple(int(seed) for seed in values_a.index.symmetric_difference(values_b.index)),
        metric=str(both["metric"].iloc[0]) if len(both) else "",
        collapsed=(
            _collapsed(selected[0][selected[0]["seed"].isin(seeds)], scores[0], runs),
            _collapsed(selected[1][selected[1]["seed"].isin(seeds)], scores[1], runs),
        ),
    )


def summary(
    runs: pd.DataFrame,
    by: Sequence[str] = ("language", "task", "backbone", "method", "stage", "train_languages"),
    *,
    score: str = "test_score",
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean over seeds with its t interval (cut to 0..1), and mean costs, one row for each kind of finished runs.

    Returns
    -------
    DataFrame
        The columns `by`, then `mean`, `low`, `high` (NaN with one seed), `n` (seeds), `fewest_steps`, `most_steps`,
        and means of `seconds`, `peak_memory_bytes`, `trainable_parameters`.

    Raises
    ------
    RecordError
        When a seed has two runs of one kind.
    """
    rows = []
    for values, group in finished(runs).groupby(list(by), sort=True):
        interval = score_interval(_by_seed(group, score).to_numpy(), level)
        row = dict(zip(by, values, strict=True))
        row |= {"mean": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}
        row |= {"fewest_steps": group["steps"].min(), "most_steps": group["steps"].max()}
        rows.append(row | group[["seconds", "peak_memory_bytes", "trainable_parameters"]].mean().to_dict())
    costs = ["fewest_steps", "most_steps", "seconds", "peak_memory_bytes", "trainable_parameters"]
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n", *costs])


def with_intervals(table: pd.DataFrame, name: str, *, mean: str = "mean") -> pd.DataFrame:
    """The columns `mean`, `low` and `high` as one column of `Interval` at their place, for tables to be read."""
    intervals = [
        Interval(row[mean], row["low"], row["high"], int(row["n"]), math.nan) for row in table.to_dict("records")
    ]
    shown = table.drop(columns=["low", "high", "n"])
    place = list(shown.columns).index(mean)
    shown = shown.drop(columns=mean)
    shown.insert(place, name, pd.Series(intervals, index=table.index, dtype=object))
    shown.insert(place + 1, "seeds", table["n"])
    return shown


def two_by_two(
    runs: pd.DataFrame,
    *,
    baseline: str = "baseline_converged",
    methods: Sequence[str] = ("full", "lora"),
    level: float = 0.95,
) -> pd.DataFrame:
    """{target only, transfer} × methods for one language: scores over seeds, with steps and costs of the last stage.

    Returns
    -------
    DataFrame
        `training` ("target only" is the stage `baseline`, "transfer" the stage ``target``), `method`, and the columns
        of `summary`; a cell without finished runs has `n` 0 and NaN.

    Raises
    ------
    SettingsError
        When the runs are of several languages, tasks or backbones.
    RecordError
        When a seed has two runs in one cell, as with two sets of sources.
    """
    for column in UNIT:
        if len(met := runs[column].unique()) > 1:
            raise SettingsError(f"expected runs of one {column}, met {', '.join(map(repr, met))}")
    trainings = {baseline: "target only", "target": "transfer"}
    cells = pd.MultiIndex.from_product([trainings, methods], names=["stage", "method"])
    table = summary(runs, ["stage", "method"], level=level).set_index(["stage", "method"]).reindex(cells).reset_index()
    table["n"] = table["n"].fillna(0).astype("int64")
    table.insert(0, "training", table.pop("stage").map(trainings))
    return table


def gaps(runs: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """How far each `target` stage stands above its zero-shot start and above the baselines, paired by seed.

    Returns
    -------
    DataFrame
        One row for each language, task, backbone, method, set of sources and opponent: `a` ("target"), `b` ("zero-shot"
        or a baseline's stage), `method_b` (the same method where it has baselines, else each that has), `mean_a`,
        `mean_b`, `difference`, `low`, `high` (NaN with one seed), `n` (pairs). Opponents without runs have no row.
    """
    ended = with_sources(finished(runs))
    rows = []
    for values, targets in ended[ended["stage"] == "target"].groupby([*UNIT, "method", "sources"], sort=True):
        where = dict(zip([*UNIT, "method", "sources"], values, strict=True))
        same_unit = ended[(ended[UNIT] == targets[UNIT].iloc[0]).all(axis=1)]
        candidates = [("zero-shot", where["method"], targets, "zero_shot_f1")]
        for stage in BASELINES:
            of_stage = same_unit[same_unit["stage"] == stage]
            of_method = {str(method): group for method, group in of_stage.groupby("method")}
            if where["method"] in of_method:
                of_method = {where["method"]: of_method[where["method"]]}
            candidates += [(stage, method, group, "test_score") for method, group in of_method.items()]
        for name, method, opponents, score in candidates:
            if opponents[score].notna().any():
                pairs = pd.concat([_by_seed(targets, "test_score"), _by_seed(opponents, score)], axis=1, join="inner")
                rows.append(where | {"a": "target", "b": name, "method_b": method} | _difference(pairs, level))
    columns = [*UNIT, "method", "sources", "a", "b", "method_b", "mean_a", "mean_b", "difference", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def forgetting(runs: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """What the `target` stage cost on the sources: their dev score after it minus the one before, paired by seed.

    Returns
    -------
    DataFrame
        `language`, `task`, `backbone`, `method`, `sources`, then `before`, `after`, `change` (negative: forgotten),
        `low`, `high` (NaN with one seed), `n`; a row for each kind of finished runs whose records hold both scores.
    """
    before, after = "source_dev_score_before", "source_dev_score_after"
    scored = with_sources(finished(runs)).dropna(subset=[before, after])
    rows = []
    for values, group in scored.groupby([*UNIT, "method", "sources"], sort=True):
        pairs = pd.concat([_by_seed(group, after), _by_seed(group, before)], axis=1)
        rows.append(dict(zip([*UNIT, "method", "sources"], values, strict=True)) | _difference(pairs, level))
    names = {"mean_b": "before", "mean_a": "after", "difference": "change"}
    columns = [*UNIT, "method", "sources", *names, "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns).rename(columns=names)


def expected_widths(
    examples: Sequence[Example], f1: Sequence[float] = (0.3, 0.5, 0.7, 0.9), *, level: float = 0.95
) -> pd.DataFrame:
    """How wide the F1 interval over examples will be on this test set, and on smaller and larger ones like it.

    Returns
    -------
    DataFrame
        `sentences`, `f1`, `width` (high − low, 0..1): see `statistics.expected_f1_width`; over sizes it goes with one
        over the root of the number of sentences (texts, questions). For parts of speech, where every word counts, and
        for texts, which count once, `f1` is the accuracy. For questions it is the mean of their token F1; its interval
        is at most so wide, since no values from 0 to 1 vary more than those of a share.
    """
    entities = [len(units(example.tags)) if isinstance(example, Sentence) else 1 for example in examples]
    here = expected_f1_width(entities, list(f1), level=level)
    sizes = sorted({50, 100, 200, 500, 1000, 2000, len(examples)})
    return pd.DataFrame(
        [
            {"sentences": size, "f1": value, "width": width * math.sqrt(len(examples) / size)}
            for size in sizes
            for value, width in zip(f1, here, strict=True)
        ]
    )


def score_interval(values: npt.ArrayLike, level: float) -> Interval:
    """As `mean_interval`, without the part outside 0..1 where no score can be: the coverage stays the same."""
    interval = mean_interval(values, level)
    low, high = np.clip([interval.low, interval.high], 0, 1)
    return interval._replace(low=float(low), high=float(high))


# --- rows -----------------------------------------------------------------------------------------------------------


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs."""
    return runs[runs["status"] == "finished"]


def _selected(runs: pd.DataFrame, which: Mapping[str, Any]) -> pd.DataFrame:
    """The finished runs with these values."""
    if unknown := set(which) - set(runs.columns):
        raise SettingsError(f"unknown columns {sorted(unknown)}; runs are told apart by {list(runs.columns)}")
    rows = finished(runs)
    for column, value in which.items():
        rows = rows[rows[column] == value]
    return rows


def _by_seed(rows: pd.DataFrame, score: str) -> pd.Series:
    """The score of each seed, without those that have none; index: the seeds, sorted."""
    scored = rows.dropna(subset=[score])
    if (twice := scored[scored["seed"].duplicated(keep=False)]).size:
        folders = "\n".join(twice.sort_values("seed")["folder"])
        raise RecordError(
            f"seed {twice['seed'].iloc[0]} has several runs of one kind; choose (by digest, sources, ...):\n{folders}"
        )
    return scored.set_index("seed")[score].sort_index()


def _collapsed(rows: pd.DataFrame, score: str, runs: pd.DataFrame) -> Collapse:
    """Of the runs whose score it is: of a zero-shot score those that the rows continue, as far as they are known."""
    if score == "zero_shot_f1":
        parents = runs[runs["digest"].isin(rows["parent"])]
        rows = parents if len(parents) else rows.assign(collapsed="", test_score=rows[score])
    return count_collapsed(why_collapsed(rows))


def with_sources(runs: pd.DataFrame) -> pd.DataFrame:
    """With a column `sources`: the languages that a run was trained on besides its target, joined with "+"."""
    trained = runs["train_languages"].str.split("+")
    sources = [
        "+".join(tag for tag in tags if tag != language)
        for tags, language in zip(trained, runs["language"], strict=True)
    ]
    return runs.assign(sources=sources)


def _difference(pairs: pd.DataFrame, level: float) -> dict[str, Any]:
    """Of two columns, a and b, a row a seed."""
    a, b = pairs.to_numpy(dtype=float).T
    interval = paired_interval(a=a, b=b, level=level)
    means = {"mean_a": a.mean(), "mean_b": b.mean()} if len(a) else {"mean_a": np.nan, "mean_b": np.nan}
    return means | {"difference": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}
