"""Sentences that say what a result shows, and no more: computed when a page is made, never typed in advance."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from nerlib.formats import capital, decimal, interval, number, points
from nerlib.languages import language_name
from nerlib.results.compare import Comparison, as_table, paired
from nerlib.statistics import LIKE_THESE, Interval
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


def describe(c: Comparison, *, brief: bool = False) -> str:
    """The sentence of a comparison, the same on every page: verdict and scope, difference, interval and p.

    `brief`: verdict and scope alone, for a headline beside which the numbers stand in a column.
    """
    a, b, where = c.question.labels
    where = f" ({where})" if where else ""
    sick = [f"{k} of {n} runs of {side} collapsed" for k, n, side in zip(c.collapsed, c.runs, (a, b), strict=True) if k]
    if c.word == "collapsed":
        what = "they predict one label only, or next to nothing right, so nothing is compared"
        return f"{capital(' and '.join(sick))}{where}: {what}{_left(c)}."
    units = "languages" if c.languages > 1 else "seeds"
    size = f" {c.verdict.size}" if c.verdict.size else ""
    said = capital(VERDICTS[c.verdict.value].format(a=a, b=b)) + f"{size}{where}, {c.verdict.scope}"
    n = f"{c.languages} language{'s' if c.languages > 1 else ''}, {_pairs(c)}"
    numbers = f": {interval_text(c.difference)} {_unit(c)} over {n}{_p(c)}"
    both = capital(f"{score_text(a, c.a, units)}, {score_text(b, c.b, units)}{_left(c)}")
    told = [said] if brief else [said + numbers, both]
    told += [capital(c.verdict.why)] if c.verdict.why else []
    spread = c.verdict.scope == LIKE_THESE and c.verdict.value != "undecided" and not brief
    told += [describe_spread(c)] if spread else []
    told += [f"{capital(' and '.join(sick))}; the others are compared"] if sick else []
    level = f"of level {100 * c.difference.level:g} %"
    told += [f"Seeds are added until it is decided: look {c.look}, intervals {level}"] if c.look else []
    return ". ".join(told) + "."


def describe_spread(c: Comparison) -> str:
    """What a mean over languages does not say: the worst language, and how many of such languages may lose."""
    row = as_table([c]).iloc[0]
    of = c.doubts[row["worst"]].value
    least = f"the least is {points(of, signed=True)} ({language_name(row['worst'])})"
    lose = f"at most {100 * row['loses_most']:.0f} % of such languages lose more than {points(c.own_margin)}"
    return f"Of the languages {least}; {lose}"


def describe_needed(c: Comparison) -> str:
    """What would decide an undecided comparison: of a true difference of the margin, by the rule that judges."""
    seeds, sentences, languages = c.needed
    now = min(c.runs) // c.languages
    needed = [
        (f"{seeds} seeds", seeds and now < seeds.value < math.inf),
        (f"{sentences:.0f} times the test sentences", math.isfinite(sentences)),
        (f"{languages:.0f} languages like these", math.isfinite(languages)),
    ]
    ways = " or ".join(way for way, enough in needed if enough)
    margin = f"a true difference of {points(c.own_margin)}"
    if c.verdict.why and not ways:
        return f"{c.question.name}: {c.verdict.why}."
    limit = "; sentences are the limit: more seeds hardly can" if seeds and math.isinf(seeds.value) else ""
    if seeds and seeds.value <= now:
        return f"{c.question.name}: a true difference of {points(c.own_margin)} would mostly have been found."
    often = "3 times in 4 or more"
    return f"{c.question.name}: {ways or 'nothing that was tried'} would tell {margin}, {often}{limit}."


def methods_text(comparisons: Sequence[Comparison], *, alpha: float = 0.05) -> str:
    """How the comparisons were judged, as a paragraph for a paper; its last line is the signature of the rule."""
    sizes = sorted({c.family for c in comparisons})
    margins = sorted({c.margin for c in comparisons})
    given = ", ".join(f"{100 * margin:g}" for margin in margins)
    signature = f"nerlib:{version('nerlib')}|alpha:{alpha:g}|margin:{given}|family:{','.join(map(str, sizes))}|draws:0"
    return (
        "Scores were compared as differences of corpus F1, averaged over seeds, then over languages, alike. "
        "On given languages other seeds and other test sentences (documents, where the corpus marks them) were in "
        "doubt: seeds by the variance between them, sentences by their linearised influence on F1 (Cochran 1977), "
        "their interaction counted once; Student's half-widths of the two were added as the root of their squares "
        "(Howe 1974), with degrees of freedom by Satterthwaite (1946). What was decided there "
        "was then asked of languages like these, the language being the "
        "unit: t test and sign-flip test (Fisher 1935; intervals by Hartigan 1969) had to agree. Within a family of "
        f"comparisons (of {' or '.join(map(str, sizes)) or 'no'} members) each was judged at {alpha:g} over it "
        f"(Bonferroni), so that all intervals hold at once. Equivalence: two one-sided tests (Schuirmann 1987) within "
        f"±{given} points, at most a tenth of score and error. Runs that collapsed were counted and left out.\n"
        f"{signature}"
    )


def _pairs(c: Comparison) -> str:
    """How many pairs, or runs of either side where seeds are not shared."""
    shared = bool(c.pairs["shared"].all())
    n = len(c.pairs)
    return f"{n} pair{'s' * (n > 1)}" if shared else "{} and {} runs".format(*c.runs)


def _p(c: Comparison) -> str:
    if math.isnan(c.p):
        return ""
    if c.family == 1:
        return f"; p = {c.p:.2g}"
    return f"; adjusted p = {c.adjusted_p:.2g} (one of {c.family} comparisons: p = {c.p:.2g}, intervals hold at once)"


def interval_text(value: Interval) -> str:
    """A signed difference in points with its interval, as ``+2.3 (−0.4 to +5.0)``."""
    return interval(value, "signed")


def _unit(c: Comparison) -> str:
    task = c.question.where.get("task", "ner")
    return "F1 points" if task in TASKS and TASKS[task].metric.endswith("f1") else "points"


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
) -> list[str]:
    """The first method set against each other one by `paired`: a sentence each, of each cell of `by`.

    Parameters
    ----------
    what
        What was measured, as it stands before "of"; ``{}`` in it is filled with the cell of `by`.
    """
    first, *others = methods
    return [
        describe_paired(row, a=first, b=other, what=what.format(*(row[name] for name in by)))
        for other in others
        for row in paired(table, value, a=first, b=other, by=by).to_dict("records")
    ]


def describe_widths(widths: pd.DataFrame, size: int, examples: str) -> str:
    """How wide the interval of the score is at most on a test set of this size (`expected_widths`)."""
    here = widths[widths["sentences"] == size]
    width, f1 = max(zip(here["width"], here["f1"], strict=True))
    return f"On {size} {examples} the interval is up to {points(width)} points wide (at {points(f1)})."


def describe_plan(table: pd.DataFrame, margin: float) -> str:
    """Whether any number of seeds in `plan` finds a true difference of the margin, and what the most of them find."""
    enough = table[table["smallest_detectable"] <= margin]
    if len(enough):
        return f"{enough['seeds'].iloc[0]} seeds find a true difference of {points(margin)} points, 4 times in 5."
    most = table.iloc[-1]
    finds = f"{most['seeds']:.0f} seeds find a true difference of {points(most['smallest_detectable'])}"
    return f"No number of seeds tried finds a true difference of {points(margin)} on such a test set; {finds}."


def count_verdicts(comparisons: Sequence[Comparison]) -> dict[str, int]:
    """How many comparisons came to which verdict, by its word; the most frequent first."""
    return dict(Counter(c.word for c in comparisons).most_common())


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
