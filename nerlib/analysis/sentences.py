"""Sentences that say what a comparison shows, and no more: computed when a report is made, never typed in advance."""

import math
from collections.abc import Sequence

import pandas as pd

from nerlib.analysis.tables import Comparison
from nerlib.statistics import Interval

MINUS = "−"


def points(share: float, *, signed: bool = False) -> str:
    """A share as points: 0.7123 is "71.2", signed "+71.2"; what would round to zero keeps the decimals it needs."""
    value = 100 * share
    decimals = 1
    while value and round(value, decimals) == 0 and decimals < 6:
        decimals += 1
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    return f"{sign}{abs(value):.{decimals}f}"


def describe_score(name: str, score: Interval) -> str:
    """A mean over seeds: ``target 71.2 (69.0 to 73.4, 3 seeds)``."""
    if score.n == 0:
        return f"{name} (no seed)"
    spread = "1 seed" if score.n == 1 else f"{points(score.low)} to {points(score.high)}, {score.n} seeds"
    return f"{name} {points(score.value)} ({spread})"


def describe_difference(comparison: Comparison, where: str = "on this test set") -> str:
    """One or two sentences on which of the two is better, as far as the seeds at hand can tell.

    Parameters
    ----------
    comparison
        As `compare` makes it.
    where
        What the scores are of, as it stands in a sentence.

    Returns
    -------
    str
        Names a difference only when the interval paired by seed excludes 0; otherwise it says that none can be told.
        With one seed it gives both scores and no verdict, with none it says so.
    """
    a, b = describe_score(comparison.a, comparison.score_a), describe_score(comparison.b, comparison.score_b)
    unit = "F1 points" if comparison.metric.endswith("f1") else "points"
    value, low, high, n, level = comparison.difference
    signed = f"{points(value, signed=True)} {unit}"
    scope = f"{where} with these {n} seeds"
    interval = f"{level * 100:g} % interval {points(low, signed=True)} to {points(high, signed=True)}"
    if n == 0:
        sentence = f"{comparison.a} and {comparison.b} have no seed in common: nothing can be compared"
    elif n == 1:
        sentence = f"{a} and {b} differ by {signed} {where}; with one seed no difference can be told"
    elif comparison.difference.contains(0):
        sentence = f"{a} against {b}: no difference can be told {scope}; paired by seed it is {signed} ({interval})"
    else:
        direction = "above" if value > 0 else "below"
        sentence = f"{a} is {points(abs(value))} {unit} {direction} {b} {scope}; paired by seed: {interval}"
    return f"{sentence[0].upper()}{sentence[1:]}{_left_out(comparison.unpaired)}."


def _left_out(seeds: Sequence[int]) -> str:
    if not seeds:
        return ""
    listed = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"
    return f" ({listed} left out: without a partner)"


def describe_verdict(row: pd.Series) -> str:
    """A sentence of a row of `judge`: the verdict and its scope, the difference with its interval, p."""
    difference, verdict, declared = row["difference"], row["verdict"], row["declared"]
    ends = (points(end, signed=True) for end in (difference.low, difference.high))
    interval = "" if math.isnan(difference.low) else f" ({' to '.join(ends)})"
    a, b, where = declared.words
    said = {
        "better": f"{a} is better than {b}",
        "worse": f"{a} is worse than {b}",
        "equivalent": f"{a} and {b} are equivalent",
        "undecided": f"Between {a} and {b} nothing is decided",
    }[verdict.value]
    small = " by less than the margin" if verdict.within_margin and verdict.value in ("better", "worse") else ""
    n = f"{row['languages']} language{'s' if row['languages'] > 1 else ''}, {row['pairs']} pairs"
    smallest = f"; it cannot go below {row['smallest_p']:.2g}" if row["p"] < 2 * row["smallest_p"] else ""
    return (
        f"{said}{small}{where and f' ({where})'}, {verdict.scope}: {points(difference.value, signed=True)} F1 points"
        f"{interval} over {n}; adjusted p = {row['adjusted_p']:.2g} (p = {row['p']:.2g}{smallest})."
    )
