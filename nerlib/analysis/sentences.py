"""Sentences that say what a comparison shows, and no more: computed when a report is made, never typed in advance."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nerlib.analysis.collapse import Collapse, describe_collapse
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
        With one seed it gives both scores and no verdict, with none it says so. Collapsed runs are named first, and
        where all of a side collapsed no difference is told.
    """
    a, b = describe_score(comparison.a, comparison.score_a), describe_score(comparison.b, comparison.score_b)
    unit = "F1 points" if comparison.metric.endswith("f1") else "points"
    value, low, high, n, level = comparison.difference
    signed = f"{points(value, signed=True)} {unit}"
    scope = f"{where} with these {n} seeds"
    interval = f"{level * 100:g} % interval {points(low, signed=True)} to {points(high, signed=True)}"
    collapse, nothing_left = describe_collapse(comparison.a, comparison.b, comparison.collapsed)
    if nothing_left:
        sentence = f"{a}, {b}"
    elif n == 0:
        sentence = f"{comparison.a} and {comparison.b} have no seed in common: nothing can be compared"
    elif n == 1:
        sentence = f"{a} and {b} differ by {signed} {where}; with one seed no difference can be told"
    elif comparison.difference.contains(0):
        sentence = f"{a} against {b}: no difference can be told {scope}; paired by seed it is {signed} ({interval})"
    else:
        direction = "above" if value > 0 else "below"
        sentence = f"{a} is {points(abs(value))} {unit} {direction} {b} {scope}; paired by seed: {interval}"
    return f"{collapse}{_capital(sentence)}{_left_out(comparison.unpaired)}."


def describe_rates(rates: pd.DataFrame) -> str:
    """Which learning rate each stage took, and whether a rate that was chosen lies at the edge of those tried.

    Parameters
    ----------
    rates
        As `experiment.learning_rates` gives them: `stage`, `method`, `learning_rate`, `seconds`, `chosen`.
    """
    told = []
    for (stage, method), tried in rates.groupby(["stage", "method"], sort=False):
        rate = float(tried.loc[tried["chosen"], "learning_rate"].iloc[0])
        who = f"Stage {stage}, method {method}: learning rate {_rate(rate)}"
        if len(tried) == 1:
            told.append(f"{who}, no other one was tried.")
            continue
        low, high = tried["learning_rate"].min(), tried["learning_rate"].max()
        edges = {low: "at their lower edge: a lower one may do", high: "at their upper edge: a higher one may do"}
        place = f"{edges[rate]} better" if rate in edges else "inside their edges"
        told.append(
            f"{who}, the best on dev of the {len(tried)} tried ({_rate(low)} to {_rate(high)}); it lies {place}."
        )
    return " ".join(told)


def _rate(value: float) -> str:
    return f"{value:.2g}".replace("-", MINUS)


def _left_out(seeds: Sequence[int]) -> str:
    if not seeds:
        return ""
    listed = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"
    return f" ({listed} left out: without a partner)"


# --- rows of the tables of transfer ---------------------------------------------------------------------------------


def describe_paired(row: Mapping[str, Any], *, a: str, b: str, what: str, level: float = 0.95) -> str:
    """What a row of `paired_differences` shows, of shares or of other values from 0 to 1.

    Parameters
    ----------
    row
        With `difference`, `low`, `high`, `n`, and perhaps `collapsed`.
    a, b
        What the methods are called.
    what
        What was measured, as it stands before "of": "the share of wrong boundaries".
    level
        Of the row's interval.
    """
    collapse, nothing_left = describe_collapse(a, b, row.get("collapsed", (Collapse(), Collapse())))
    if nothing_left:
        return f"{collapse}{_capital(what)} is not compared."
    value, low, high, n = (row[name] for name in ("difference", "low", "high", "n"))
    what, signed = f"{collapse}{_capital(what)}", f"{points(value, signed=True)} points"
    if n < 2:
        return f"{what} of {a} and {b} differs by {signed}; with one seed no difference can be told."
    ends = f"{100 * level:g} % interval {points(low, signed=True)} to {points(high, signed=True)}, {n} seeds"
    if not (low > 0 or high < 0):
        return f"{what}: no difference between {a} and {b} can be told; paired by seed it is {signed} ({ends})."
    direction = "above" if value > 0 else "below"
    return f"{what} of {a} is {points(abs(value))} points {direction} that of {b} ({ends})."


def describe_shares(table: pd.DataFrame, claimed: float = 0.01) -> str:
    """Whether each stage trains less than the claimed share of the weights, from `experiment.trained_weights`.

    Parameters
    ----------
    table
        With `method`, `stage` and `share`.
    claimed
        The share that adapters are said to stay below: the WikiANN study says 1 %. Full fine-tuning is left out.
    """
    told: dict[bool, list[str]] = {True: [], False: []}
    for row in table[table["method"] != "full"].to_dict("records"):
        told[row["share"] < claimed].append(f"{row['method']} ({row['stage']}, {100 * row['share']:.2g} %)")
    limit = f"{100 * claimed:g} % of the weights"
    words = {True: f"less than {limit} is trained by", False: f"more than {limit} is trained by"}
    return _capital("; ".join(f"{words[side]} {', '.join(found)}" for side, found in told.items() if found)) + "."


def describe_harm(row: Mapping[str, Any], level: float = 0.95) -> str:
    """What a row of `negative_transfer` shows."""
    targets = "1 target" if row["targets"] == 1 else f"{row['targets']} targets"
    return (
        f"{row['method']} from {row['sources']}, {row['train_sentences']:g} target sentences: "
        f"{row['worse']} of {row['n']} runs on {targets} are below {row['baseline_method']} on the target alone "
        f"({100 * row['share']:.0f} %, "
        f"{100 * level:g} % interval {100 * row['low']:.0f} to {100 * row['high']:.0f} %, runs taken as independent)."
    )


def describe_correlation(row: Mapping[str, Any], level: float = 0.95) -> str:
    """What a row of `similarity.transfer_correlation` shows."""
    if math.isnan(row["rho"]):
        return f"{row['measure']}: no correlation can be computed ({row['note']})."
    sentence = f"{row['measure']}: ρ = {_decimal(row['rho'])} over {row['pairs']} pairs of {row['languages']} languages"
    if math.isnan(row["p"]):
        return f"{sentence} ({row['note']})."
    ends = f"{100 * level:g} % interval {_decimal(row['low'])} to {_decimal(row['high'])} over languages"
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    note = f"; {row['note']}" if row["note"] else ""
    return f"{sentence} ({ends}; {p} by permuting languages, Holm's correction{note})."


def _decimal(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def describe_verdict(row: pd.Series) -> str:
    """A sentence of a row of `judge`: the verdict and its scope, the difference with its interval, p."""
    difference, verdict, declared = row["difference"], row["verdict"], row["declared"]
    ends = (points(end, signed=True) for end in (difference.low, difference.high))
    interval = "" if math.isnan(difference.low) else f" ({' to '.join(ends)})"
    a, b, where = declared.words
    collapse, nothing_left = describe_collapse(a, b, row["collapsed"])
    if nothing_left:
        return f"{collapse}There are {row['pairs']} pairs{where and f' ({where})'}."
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
        f"{collapse}{said}{small}{where and f' ({where})'}, {verdict.scope}: "
        f"{points(difference.value, signed=True)} F1 points{interval} over {n}; "
        f"adjusted p = {row['adjusted_p']:.2g} (p = {row['p']:.2g}{smallest})."
    )
