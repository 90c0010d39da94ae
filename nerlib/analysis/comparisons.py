"""Declared comparisons of a study, each with its verdict; and the exploratory table by language behind it.

A comparison sets two values of one factor (method, stage or sources) against each other where all else is equal, paired
by language and seed. What decides depends on how many languages there are (DESIGN, section 6): six or more, and the
language is the unit; fewer, and they are fixed, with other seeds and other sentences in doubt.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nerlib import statistics
from nerlib.analysis.collapse import count_collapsed
from nerlib.analysis.pairing import FACTORS, TARGET, UNIT, Declared, counts_of, pairs, prepared
from nerlib.statistics import Interval
from nerlib.statistics.equivalence import LANGUAGES_LIKE_THESE


def judge(
    runs: pd.DataFrame,
    comparisons: Sequence[Declared],
    *,
    rng: np.random.Generator,
    margin: float = statistics.MARGIN,
    alpha: float = 0.05,
    draws: int = 2000,
) -> pd.DataFrame:
    """Each declared comparison with its interval, tests and verdict; p adjusted by Holm in its family.

    A family is what asks one question of one backbone: the comparisons of one task and factor.

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
        NaN: nothing tried would), `declared` (the comparison itself), `collapsed` (a `Collapse` of each side).
    """
    rows = []
    for comparison in comparisons:
        cells = pairs(runs, comparison)
        if len(cells):
            rows.append(_tested(comparison, cells, rng, margin, alpha, draws))
    table = pd.DataFrame(rows, columns=TESTED)
    family = table.groupby(["task", "backbone", "factor"], sort=False)["p"]
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
    *("smallest_detectable", "equivalence", "declared", "collapsed"),
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
        "collapsed": tuple(count_collapsed(cells[f"collapsed_{side}"]) for side in "ab"),
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
        permutation of sentences; `seed_p` where there are no counts), `adjusted_p`, `seed_p` (sign-flip over seeds) and
        what it cannot go below, `smallest_seed_p`, `relative` (the difference as a share of b).
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
    table = pd.DataFrame(rows, columns=[*columns, "p", "adjusted_p", "seed_p", "smallest_seed_p", "relative"])
    adjusted = table.groupby("comparison", sort=False)["p"].transform(
        lambda p: statistics.benjamini_hochberg(p.to_numpy(float))
    )
    return table.assign(adjusted_p=adjusted.astype(float))


def _within(cells: pd.DataFrame, rng: np.random.Generator, level: float, draws: int) -> dict[str, float]:
    over_seeds = statistics.sign_flip_test(cells["difference"], rng=rng, draws=draws)
    row = {"seed_p": over_seeds.p, "smallest_seed_p": over_seeds.smallest_p}
    counts = counts_of(cells)
    if counts is None:
        interval = statistics.mean_interval(cells["difference"], level)
        of_seeds = {"difference": interval.value, "low": interval.low, "high": interval.high}
        return row | of_seeds | {"p": over_seeds.p}
    found = statistics.two_level_bootstrap_f1(counts, rng=rng, draws=draws, level=level)
    p = statistics.permutation_test_f1(counts, rng=rng, draws=draws).p
    of_both = {"difference": found.value, "low": found.low, "high": found.high}
    return row | of_both | {"seed_sd": found.seed_sd, "sentence_sd": found.sentence_sd, "p": p}


def leading(judged: pd.DataFrame, aside: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of `judge`, those that answer the study's question first.

    Methods before stages before sources, the trained target before other stages, more languages before fewer; those of
    the backbones `aside` (such as simulated systems) last.
    """
    order = pd.DataFrame(
        {
            "aside": judged["backbone"].isin(list(aside)),
            "factor": judged["factor"].map({factor: place for place, factor in enumerate(FACTORS)}),
            "stage": [declared.where.get("stage", TARGET) != TARGET for declared in judged["declared"]],
            "fewer": -judged["languages"],
        }
    )
    return judged.loc[order.sort_values(list(order.columns), kind="stable").index]


def ranks(runs: pd.DataFrame, *, alpha: float = 0.05) -> tuple[list[str], statistics.RankTest] | None:
    """Friedman's test of the largest complete block: the stage at which most languages have three methods or more.

    Returns
    -------
    tuple or None
        The methods and their test; None when no stage has three methods in two languages.
    """
    best: pd.DataFrame | None = None
    for _, cell in prepared(runs).groupby([*UNIT, "stage", "sources"], sort=True):
        block = cell.pivot_table(index="language", columns="method", values="test_score", aggfunc="mean")
        block = block.dropna(axis=1, thresh=max(2, len(block) // 2)).dropna(axis=0)
        if block.shape[0] >= 2 and block.shape[1] >= 3 and (best is None or block.size > best.size):
            best = block
    return None if best is None else (list(best.columns), statistics.friedman_test(best, alpha=alpha))
