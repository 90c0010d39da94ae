"""Declared comparisons of a study, each with its verdict; and the exploratory table by language behind it.

A comparison sets two values of one factor (method, stage or sources) against each other where all else is equal, paired
by language and seed. What decides depends on how many languages there are (DESIGN, section 6): six or more, and the
language is the unit; fewer, and they are fixed, with other seeds and other sentences in doubt.
"""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nerlib import statistics
from nerlib.analysis.integrity import with_sources
from nerlib.errors import RecordError
from nerlib.scoring import Counts
from nerlib.statistics import Interval, Pair
from nerlib.statistics.equivalence import LANGUAGES_LIKE_THESE

FULL, TARGET, CONVERGED = "full", "target", "baseline_converged"
FACTORS = ("method", "stage", "sources")
UNIT = ["task", "backbone", "recipe"]  # within which runs are compared
CELL = ["language", "seed"]  # by which they are paired


@dataclass(frozen=True)
class Declared:
    """A comparison, named before its result is seen.

    Attributes
    ----------
    factor
        What differs: `method`, `stage` or `sources`.
    a, b
        Its two values.
    where
        Columns that both sides share, with their values.
    b_where
        Columns in which b differs besides (a baseline has no sources).
    """

    factor: str
    a: str
    b: str
    where: Mapping[str, str]
    b_where: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a reader calls it, as ``lora − full (target from hi+bn)``."""
        a, b = (_words(value, self.factor) for value in (self.a, self.b))
        told = [_words(self.where[column], column) for column in FACTORS if self.where.get(column)]
        recipe = self.where.get("recipe", "")
        told += [recipe.replace("_", " ")] if recipe not in ("", "ours") else []
        return f"{a} − {b}" + (f" ({', '.join(told)})" if told else "")


def _words(value: str, column: str) -> str:
    return f"from {value}" if column == "sources" else str(value).replace("_", " ")


def declared(runs: pd.DataFrame) -> list[Declared]:
    """The comparisons that a study of these runs has been set up for.

    Methods against full fine-tuning (against each other where it is not there) at each stage; the target stage against
    the converged baseline of the same method; sources against sources. Where every language has one set of sources,
    which may be a different one each, it is no factor.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    """
    found: list[Declared] = []
    for values, group in _prepared(runs).groupby(UNIT, sort=True):
        unit = dict(zip(UNIT, map(str, values), strict=True))
        found += [*_methods(group, unit), *_stages(group, unit), *_source_sets(group, unit)]
    return found


def _prepared(runs: pd.DataFrame) -> pd.DataFrame:
    """Finished runs with a column `sources`, empty at stages where no language has more than one set of them."""
    finished = with_sources(runs[(runs["status"] == "finished") & runs["test_score"].notna()])
    sets = finished.groupby([*UNIT, "stage", "language"])["sources"].nunique()
    several = sets[sets > 1].reset_index()[[*UNIT, "stage"]].drop_duplicates()
    keys = set(several.itertuples(index=False, name=None))
    is_factor = [key in keys for key in finished[[*UNIT, "stage"]].itertuples(index=False, name=None)]
    return finished.assign(sources=finished["sources"].where(np.array(is_factor, dtype=bool), ""))


def _methods(group: pd.DataFrame, unit: dict[str, str]) -> Iterator[Declared]:
    for (stage, sources), cell in group.groupby(["stage", "sources"], sort=True):
        methods = sorted(cell["method"].unique())
        pairs = [(m, FULL) for m in methods if m != FULL] if FULL in methods else list(combinations(methods, 2))
        for a, b in pairs:
            yield Declared("method", a, b, unit | {"stage": str(stage), "sources": str(sources)})


def _stages(group: pd.DataFrame, unit: dict[str, str]) -> Iterator[Declared]:
    baselines = set(group.loc[group["stage"] == CONVERGED, "method"])
    for (method, sources), _ in group[group["stage"] == TARGET].groupby(["method", "sources"], sort=True):
        if method in baselines:
            where = unit | {"method": str(method), "sources": str(sources)}
            yield Declared("stage", TARGET, CONVERGED, where, {"sources": ""})


def _source_sets(group: pd.DataFrame, unit: dict[str, str]) -> Iterator[Declared]:
    for (method, stage), cell in group.groupby(["method", "stage"], sort=True):
        for a, b in combinations(sorted(set(cell["sources"]) - {""}), 2):
            yield Declared("sources", a, b, unit | {"method": str(method), "stage": str(stage)})


# --- pairs ------------------------------------------------------------------------------------------------------------


def pairs(runs: pd.DataFrame, comparison: Declared, score: str = "test_score") -> pd.DataFrame:
    """The runs of both sides that belong together.

    Returns
    -------
    DataFrame
        `language`, `seed`, `a`, `b` (scores, 0..1), `difference`, `folder_a`, `folder_b`, `gold_a`, `gold_b`; where a
        side has several runs of one seed, their mean, and the first of the folders. Sorted by language and seed.
    """
    prepared = _prepared(runs)
    sides = []
    for value, more in ((comparison.a, {}), (comparison.b, comparison.b_where)):
        which = dict(comparison.where) | {comparison.factor: value} | dict(more)
        rows = prepared[(prepared[list(which)] == list(which.values())).all(axis=1)].dropna(subset=[score])
        sides.append(rows.groupby(CELL).agg({score: "mean", "folder": "first", "gold": "first"}))
    both = sides[0].join(sides[1], how="inner", lsuffix="_a", rsuffix="_b").reset_index()
    both = both.rename(columns={f"{score}_a": "a", f"{score}_b": "b"}).sort_values(CELL, ignore_index=True)
    return both.assign(difference=both["a"] - both["b"])


def counts_of(cells: pd.DataFrame) -> list[Pair] | None:
    """Sentence counts of both sides, one pair a language; None where some run has none, or test sets differ."""
    found = []
    for _, language in cells.groupby("language", sort=True):
        try:
            sides = [[_counts(folder) for folder in language[f"folder_{side}"]] for side in "ab"]
            found.append(Pair(*(tuple(np.stack(arrays) for arrays in zip(*side, strict=True)) for side in sides)))
        except (RecordError, ValueError):
            return None
    return found


@functools.lru_cache(maxsize=8192)
def _counts(folder: str) -> tuple[np.ndarray, ...]:
    """Strict (tp, fp, fn) of each test sentence, small integers: a study's fit into memory."""
    over_types = Counts.load(Path(folder) / "counts.npz").strict.over_types()
    return tuple(array.astype(np.int16) for array in over_types)


# --- verdicts ---------------------------------------------------------------------------------------------------------


def judge(
    runs: pd.DataFrame,
    comparisons: Sequence[Declared],
    *,
    rng: np.random.Generator,
    margin: float = statistics.MARGIN,
    alpha: float = 0.05,
    draws: int = 2000,
) -> pd.DataFrame:
    """Each declared comparison with its interval, tests and verdict; p adjusted by Holm within each task and factor.

    Parameters
    ----------
    runs
        As `read_records` gives them.
    comparisons
        As `declared` gives them; those without pairs are left out.
    rng
        Draws seeds, sentences, signs.
    margin, alpha
        Of the verdicts, 0..1 (0.01: one F1 point).
    draws
        Of bootstraps and permutations.

    Returns
    -------
    DataFrame
        `comparison`, `factor`, `task`, `backbone`, `languages`, `pairs`, `difference` (an `Interval`: over languages
        from six on, else over seeds and sentences), `p`, `smallest_p`, `adjusted_p`, `wilcoxon_p`, `tost_p`,
        `tost_low`, `tost_high`, `verdict` (a `Verdict`), `d_z`, `hedges_g_z`, `d_av`, `pooled_p` and `pooled_d` (over
        cells, as a source reports them), `smallest_detectable`, `more_languages` and `more_seeds` (what would decide;
        NaN: nothing tried would), `declared` (the comparison itself).
    """
    rows = []
    for comparison in comparisons:
        cells = pairs(runs, comparison)
        if len(cells):
            rows.append(_tested(comparison, cells, rng, margin, alpha, draws))
    table = pd.DataFrame(rows, columns=TESTED)
    family = table.groupby(["task", "factor"], sort=False)["p"]
    table["adjusted_p"] = family.transform(lambda p: statistics.holm(p.to_numpy(float))).astype(float)
    table["verdict"] = [
        statistics.verdict(
            adjusted_p=row["adjusted_p"],
            low=row["difference"].low,
            high=row["difference"].high,
            equivalence=row["equivalence"],
            languages=row["languages"],
            alpha=alpha,
        )
        for _, row in table.iterrows()
    ]
    needed = [_needed(runs, row, rng, margin, alpha) for _, row in table.iterrows()]
    table["more_languages"] = np.array([languages for languages, _ in needed], dtype=float)
    table["more_seeds"] = np.array([seeds for _, seeds in needed], dtype=float)
    return table.drop(columns="equivalence")


TESTED = [
    *("comparison", "factor", "task", "backbone", "languages", "pairs", "difference", "p", "smallest_p", "adjusted_p"),
    *("wilcoxon_p", "tost_p", "tost_low", "tost_high", "d_z", "hedges_g_z", "d_av", "pooled_p", "pooled_d"),
    *("smallest_detectable", "equivalence", "declared"),
]


def _tested(
    comparison: Declared, cells: pd.DataFrame, rng: np.random.Generator, margin: float, alpha: float, draws: int
) -> dict[str, Any]:
    by_language = cells.groupby("language")[["a", "b", "difference"]].mean()
    n = len(by_language)
    differences = by_language["difference"].to_numpy()
    pooled = statistics.as_the_source_reports(a=cells["a"], b=cells["b"])
    effects = statistics.effect_sizes(a=by_language["a"], b=by_language["b"])
    units = differences if n > 1 else cells["difference"].to_numpy()
    spread = float(units.std(ddof=1)) if len(units) > 1 else math.nan
    row = {
        "comparison": comparison.name,
        "factor": comparison.factor,
        "task": comparison.where["task"],
        "backbone": comparison.where["backbone"],
        "languages": n,
        "pairs": len(cells),
        "wilcoxon_p": statistics.wilcoxon_p(differences) if n > 1 else math.nan,
        "d_z": effects.d_z,
        "hedges_g_z": effects.hedges_g_z,
        "d_av": effects.d_av,
        "pooled_p": pooled.p,
        "pooled_d": pooled.cohens_d,
        "smallest_detectable": statistics.smallest_detectable(spread, len(units), alpha=alpha),
        "declared": comparison,
    }
    counts = counts_of(cells) if n < LANGUAGES_LIKE_THESE else None
    if counts is not None:
        interval = statistics.two_level_bootstrap_f1(counts, rng=rng, draws=draws, level=1 - alpha)
        test = statistics.permutation_test_f1(counts, rng=rng, draws=draws)
        difference = Interval(interval.value, interval.low, interval.high, n, 1 - alpha)
        known = not math.isnan(interval.low)
        equivalence = statistics.tost_from(
            interval.value,
            interval.standard_error if known else math.nan,
            interval.degrees_of_freedom,
            margin=margin,
            alpha=alpha,
        )
        p, smallest = test.p, 1 / (draws + 1)
    else:
        flipped = statistics.sign_flip_test(units, rng=rng, draws=draws)
        difference, equivalence = (
            statistics.mean_interval(units, 1 - alpha),
            statistics.tost(units, margin=margin, alpha=alpha),
        )
        p, smallest = flipped.p, flipped.smallest_p
    tost = {"tost_p": equivalence.p, "tost_low": equivalence.low, "tost_high": equivalence.high}
    return row | {"difference": difference, "p": p, "smallest_p": smallest, "equivalence": equivalence} | tost


def _needed(
    runs: pd.DataFrame, row: pd.Series, rng: np.random.Generator, margin: float, alpha: float
) -> tuple[float, float]:
    if row["verdict"].value != "undecided" or row["pairs"] < 2:
        return math.nan, math.nan
    cells = pairs(runs, row["declared"]).pivot(index="language", columns="seed", values="difference")
    decision = statistics.what_would_decide(cells.to_numpy(float), rng=rng, margin=margin, alpha=alpha)
    return decision.languages or math.nan, decision.seeds or math.nan


def by_language(
    runs: pd.DataFrame,
    comparisons: Sequence[Declared],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
) -> pd.DataFrame:
    """The comparisons language by language, exploratory: p adjusted by Benjamini and Hochberg within each comparison.

    Returns
    -------
    DataFrame
        `comparison`, `language`, `seeds`, `a`, `b` (means), `difference`, `low`, `high` (two-level bootstrap; over
        seeds where there are no counts), `seed_sd`, `sentence_sd` (standard errors of its two parts), `p` (paired
        permutation of sentences; sign-flip over seeds where there are no counts), `adjusted_p`, `relative` (of b).
    """
    rows = []
    for comparison in comparisons:
        for language, cells in pairs(runs, comparison).groupby("language", sort=True):
            rows.append(
                {
                    "comparison": comparison.name,
                    "language": language,
                    "seeds": len(cells),
                    "a": cells["a"].mean(),
                    "b": cells["b"].mean(),
                    "relative": cells["difference"].mean() / cells["b"].mean() if cells["b"].mean() > 0 else math.nan,
                }
                | _within(cells, rng, level, draws)
            )
    columns = ["comparison", "language", "seeds", "a", "b", "difference", "low", "high", "seed_sd", "sentence_sd"]
    table = pd.DataFrame(rows, columns=[*columns, "p", "adjusted_p", "relative"])
    adjusted = table.groupby("comparison", sort=False)["p"].transform(
        lambda p: statistics.benjamini_hochberg(p.to_numpy(float))
    )
    return table.assign(adjusted_p=adjusted.astype(float))


def _within(cells: pd.DataFrame, rng: np.random.Generator, level: float, draws: int) -> dict[str, float]:
    counts = counts_of(cells)
    if counts is None:
        interval = statistics.mean_interval(cells["difference"], level)
        p = statistics.sign_flip_test(cells["difference"], rng=rng, draws=draws).p
        return {"difference": interval.value, "low": interval.low, "high": interval.high, "p": p}
    found = statistics.two_level_bootstrap_f1(counts, rng=rng, draws=draws, level=level)
    return {
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "seed_sd": found.seed_sd,
        "sentence_sd": found.sentence_sd,
        "p": statistics.permutation_test_f1(counts, rng=rng, draws=draws).p,
    }


def ranks(runs: pd.DataFrame, *, alpha: float = 0.05) -> tuple[list[str], statistics.RankTest] | None:
    """Friedman's test of the largest complete block: the stage at which most languages have three methods or more.

    Returns
    -------
    tuple or None
        The methods and their test; None when no stage has three methods in two languages.
    """
    best: pd.DataFrame | None = None
    prepared = _prepared(runs)
    for _, cell in prepared.groupby([*UNIT, "stage", "sources"], sort=True):
        block = cell.pivot_table(index="language", columns="method", values="test_score", aggfunc="mean")
        block = block.dropna(axis=1, thresh=max(2, len(block) // 2)).dropna(axis=0)
        if block.shape[0] >= 2 and block.shape[1] >= 3 and (best is None or block.size > best.size):
            best = block
    return None if best is None else (list(best.columns), statistics.friedman_test(best, alpha=alpha))
