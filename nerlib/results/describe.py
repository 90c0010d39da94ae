"""Sentences that say what a result shows, and no more: computed when a page is made, never typed in advance."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nerlib.formats import capital, decimal, interval, number, points
from nerlib.results.compare import Comparison, paired
from nerlib.statistics import Interval
from nerlib.vocabulary import TASKS, label

VERDICTS = {
    "better": "{a} is better than {b}",
    "worse": "{a} is worse than {b}",
    "equivalent": "{a} and {b} are equivalent",
    "undecided": "between {a} and {b} nothing is decided",
}


def score_text(name: str, score: Interval, units: str = "seeds") -> str:
    """A mean with its interval: ``transfer 71.2 (69.0 to 73.4, 3 seeds)``."""
    if math.isnan(score.low):
        return f"{name} {points(score.value)} (1 {units.removesuffix('s')})"
    return f"{name} {interval(score, 'points', f', {score.n} {units}')}"


def describe(c: Comparison) -> str:
    """The sentence of a comparison, the same on every page: verdict and scope, difference, interval and p."""
    a, b, where = c.question.labels
    where = f" ({where})" if where else ""
    told = [f"{k} of {len(c.pairs)} runs of {side} collapsed" for k, side in zip(c.collapsed, (a, b), strict=True) if k]
    if c.word == "collapsed":
        what = "they predict one label only, or next to nothing right, so nothing is compared"
        return f"{capital(' and '.join(told))}{where}: {what}{_left(c)}."
    assert c.verdict, "as `compare` gives it"
    if len(c.pairs) == 1:
        difference = points(c.difference.value, signed=True)
        return f"{capital(a)} and {b}{where} differ by {difference} {_unit(c)}; one seed decides nothing{_left(c)}."
    units = "languages" if c.languages > 1 else "seeds"
    sides = f"{score_text(a, c.a, units)}, {score_text(b, c.b, units)}"
    small = " by less than the margin" if c.verdict.within_margin and c.verdict.value in ("better", "worse") else ""
    said = capital(VERDICTS[c.verdict.value].format(a=a, b=b)) + f"{small}{where}, {c.verdict.scope}"
    n = f"{c.languages} language{'s' if c.languages > 1 else ''}, {len(c.pairs)} pairs"
    smallest = f"; it cannot go below {c.smallest_p:.2g}" if c.p < 2 * c.smallest_p else ""
    doubt = f" {capital(' and '.join(told))}." if told else ""
    return (
        f"{said}: {interval_text(c.difference)} {_unit(c)} over {n}; adjusted p = {c.adjusted_p:.2g} "
        f"(p = {c.p:.2g}{smallest}). {capital(sides)}{_left(c)}.{doubt}"
    )


def interval_text(value: Interval) -> str:
    """A signed difference in points with its interval, as ``+2.3 (−0.4 to +5.0)``."""
    return interval(value, "signed")


def _unit(c: Comparison) -> str:
    task = c.question.where.get("task", "ner")
    return "F1 points" if task not in TASKS or TASKS[task].metric.endswith("f1") else "points"


def _left(c: Comparison) -> str:
    return f" (left out, without a partner: {c.left_out})" if c.left_out else ""


def describe_paired(row: Mapping[Any, Any], *, a: str, b: str, what: str) -> str:
    """What a row of `paired` shows, of shares or of other values from 0 to 1; `what` stands before "of"."""
    value: Interval = row["difference"]
    what, a, b = capital(what), label(a), label(b)
    if math.isnan(value.low):
        return f"{what} of {a} and {b} differs by {interval_text(value)} points; one seed decides nothing."
    if value.contains(0):
        return f"{what}: no difference between {a} and {b} can be told; paired by seed {interval_text(value)} points."
    direction = "above" if value.value > 0 else "below"
    return f"{what} of {a} lies {direction} that of {b}: {interval_text(value)} points over {value.n} seeds."


def describe_all_paired(
    table: pd.DataFrame, value: str, methods: Sequence[str], *, by: Sequence[str], what: str
) -> str:
    """The first method set against each other one by `paired`: a sentence each, of each cell of `by`.

    Parameters
    ----------
    what
        What was measured, as it stands before "of"; ``{}`` in it is filled with the cell of `by`.
    """
    first, *others = methods
    return " ".join(
        describe_paired(row, a=first, b=other, what=what.format(*(row[name] for name in by)))
        for other in others
        for row in paired(table, value, a=first, b=other, by=by).to_dict("records")
    )


def describe_widths(widths: pd.DataFrame, size: int, examples: str) -> str:
    """How wide the interval of the score is at most on a test set of this size (`expected_widths`)."""
    here = widths[widths["sentences"] == size]
    width, f1 = max(zip(here["width"], here["f1"], strict=True))
    return f"On {size} {examples} the interval is up to {points(width)} points wide (at {points(f1)})."


def count_verdicts(comparisons: Sequence[Comparison]) -> str:
    """How many comparisons came to which verdict, in a sentence."""
    counts = ", ".join(f"{n} {word}" for word, n in Counter(c.word for c in comparisons).most_common())
    return f"Of {len(comparisons)} comparisons: {counts}." if comparisons else ""


def describe_rates(rates: pd.DataFrame) -> str:
    """Which learning rate each stage took, and whether a rate that was chosen lies at the edge of those tried.

    Parameters
    ----------
    rates
        As `experiment.learning_rates` gives them: `stage`, `method`, `learning_rate`, `chosen`.
    """
    told = []
    for (stage, method), tried in rates.groupby(["stage", "method"], sort=False):
        rate = float(tried.loc[tried["chosen"], "learning_rate"].iloc[0])
        who = f"{capital(label(method))}, {label(stage)}: learning rate {number(rate, '.2g')}"
        if len(tried) == 1:
            told.append(f"{who}, no other one was tried.")
            continue
        low, high = tried["learning_rate"].min(), tried["learning_rate"].max()
        edges = {low: "at their lower edge: a lower one may do", high: "at their upper edge: a higher one may do"}
        where = f"{edges[rate]} better" if rate in edges else "inside their edges"
        ends = f"{number(low, '.2g')} to {number(high, '.2g')}"
        told.append(f"{who}, the best on dev of the {len(tried)} tried ({ends}); it lies {where}.")
    return " ".join(told)


def describe_shares(table: pd.DataFrame, claimed: float = 0.01) -> str:
    """Whether each part trains less than the claimed share of the weights (`trained_weights`); full is left out.

    Parameters
    ----------
    claimed
        The share that adapters are said to stay below: the WikiANN study says 1 %.
    """
    rows = table[table["method"] != "full"].to_dict("records")
    told: dict[bool, list[str]] = {True: [], False: []}
    for row in rows:
        told[row["share"] < claimed].append(f"{label(row['method'])} ({row['part']}, {100 * row['share']:.2g} %)")
    limit = f"{100 * claimed:g} % of the weights"
    sides = {True: f"less than {limit} is trained by", False: f"more than {limit} is trained by"}
    return capital("; ".join(f"{sides[side]} {', '.join(found)}" for side, found in told.items() if found)) + "."


def describe_harm(row: Mapping[str, Any]) -> str:
    """What a row of `negative_transfer` shows."""
    share: Interval = row["share"]
    targets = "1 target" if row["targets"] == 1 else f"{row['targets']} targets"
    ends = f"{100 * share.level:g} % interval {100 * share.low:.0f} to {100 * share.high:.0f} %"
    return (
        f"{label(row['method'])} from {row['sources']}, {row['train_sentences']:g} target sentences: {row['worse']} of "
        f"{share.n} runs on {targets} are below {label(row['baseline_method'])} on the target alone "
        f"({100 * share.value:.0f} %, {ends}, runs taken as independent)."
    )


def describe_correlation(row: Mapping[str, Any], level: float = 0.95) -> str:
    """What a row of `similarity.transfer_correlation` shows."""
    if math.isnan(row["rho"]):
        return f"{row['measure']}: no correlation can be computed ({row['note']})."
    sentence = f"{row['measure']}: ρ = {decimal(row['rho'])} over {row['pairs']} pairs of {row['languages']} languages"
    if math.isnan(row["p"]):
        return f"{sentence} ({row['note']})."
    ends = f"{100 * level:g} % interval {decimal(row['low'])} to {decimal(row['high'])} over languages"
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    note = f"; {row['note']}" if row["note"] else ""
    return f"{sentence} ({ends}; {p} by permuting languages, Holm's correction{note})."
