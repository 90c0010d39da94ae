"""Sentences that say what a result shows, and no more: computed when a page is made, never typed in advance."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from nerlib.formats import capital, counted, decimal, interval, listed, number, points
from nerlib.languages import language_name
from nerlib.results.compare import Comparison, as_table, paired
from nerlib.results.runs import words
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
    """What a comparison shows, the same on every page: verdict and scope, the difference, what narrows them.

    What it stands on is in the columns of `as_table`, and said by `describe_basis`. `brief`: without the difference,
    for a headline beside which it stands in a column.
    """
    a, b, where = c.question.labels
    where = f" ({where})" if where else ""
    sick = [f"{k} of {n} runs of {side} collapsed" for k, n, side in zip(c.collapsed, c.runs, (a, b), strict=True) if k]
    if c.word == "collapsed":
        what = "they predict one label only, or next to nothing right, so nothing is compared"
        return f"{'. '.join(sick)}{where}: {what}."
    size = f" {c.verdict.size}" if c.verdict.size else ""
    said = capital(VERDICTS[c.verdict.value].format(a=a, b=b)) + f"{size}{where}, {c.verdict.scope}"
    spread = c.verdict.scope == LIKE_THESE and c.verdict.value != "undecided" and not brief
    told = [
        said,
        "" if brief else f"The difference is {interval(c.difference, 'signed')} {_unit(c)}",
        capital(c.verdict.why),
        describe_spread(c) if spread else "",
        f"{'. '.join(sick)}; the others are compared" if sick else "",
        "What has no partner is left out" if c.left_out and not brief else "",
        f"Seeds are added until it is decided: look {c.look}, intervals of level {100 * c.difference.level:g} %"
        if c.look
        else "",
    ]
    return ". ".join(filter(None, told)) + "."


def describe_basis(c: Comparison) -> str:
    """What a comparison stands on, where no table says it: pairs and p, both scores, what was left out."""
    units = "languages" if c.languages > 1 else "seeds"
    p = "" if math.isnan(c.p) else f", p = {c.p:.2g}"
    pairs = counted(len(c.pairs), "pairs") if c.pairs["shared"].all() else "{} and {} runs".format(*c.runs)
    told = [
        f"{counted(c.languages, 'languages')}, {pairs}{p}",
        f"As one of {c.family} comparisons: adjusted p = {c.adjusted_p:.2g}" if p and c.family > 1 else "",
        *(capital(score_text(name, of, units)) for name, of in zip(c.question.labels, (c.a, c.b), strict=False)),
        f"Left out, without a partner: {c.left_out}" if c.left_out else "",
    ]
    return ". ".join(filter(None, told)) + "."


def describe_spread(c: Comparison) -> str:
    """What a mean over languages does not say: the worst language, and how many of such languages may lose."""
    row = as_table([c]).iloc[0]
    of = c.doubts[row["worst"]].value
    least = f"the least is {points(of, signed=True)} ({language_name(row['worst'])})"
    lose = f"at most {100 * row['loses_most']:.0f} % of such languages lose more than {points(c.own_margin)}"
    return f"Of the languages {least}. {capital(lose)}"


def describe_needed(comparisons: Sequence[Comparison]) -> list[str]:
    """What would decide the undecided ones, 3 times in 4 or more, by the rule that judges; those alike together."""
    undecided: dict[str, list[str]] = {}
    for c in comparisons:
        if c.word == "undecided":
            undecided.setdefault(_needed(c), []).append(c.question.name)
    return [f"{listed(names, 1)}: undecided. {needed}" for needed, names in undecided.items()]


def _needed(c: Comparison) -> str:
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
        return f"{capital(c.verdict.why)}."
    limit = "; sentences are the limit: more seeds hardly can" if seeds and math.isinf(seeds.value) else ""
    if seeds and seeds.value <= now:
        return f"{capital(margin)} would mostly have been found."
    return f"{capital(ways or 'nothing that was tried')} would mostly tell {margin}{limit}."


def methods_text(comparisons: Sequence[Comparison], *, alpha: float = 0.05) -> str:
    """How the comparisons were judged, as a paragraph for a paper; its last line is the signature of the rule."""
    sizes = sorted({c.family for c in comparisons}) or [0]
    margins = sorted({c.margin for c in comparisons})
    given = ", ".join(f"{100 * margin:g}" for margin in margins)
    signature = f"nerlib:{version('nerlib')}|alpha:{alpha:g}|margin:{given}|family:{','.join(map(str, sizes))}|draws:0"
    return (
        "Scores were compared as differences of corpus F1, averaged over seeds, then over languages, alike. "
        "On given languages other seeds and other test sentences (documents, where the corpus marks them) were in "
        "doubt. Seeds were judged by the variance between them, sentences by their linearised influence on F1 "
        "(Cochran 1977), their interaction counted once. Student's half-widths of the two were added as the root of "
        "their squares (Howe 1974), with degrees of freedom by Satterthwaite (1946). What was decided there "
        "was then asked of languages like these, the language being the "
        "unit: t test and sign-flip test (Fisher 1935; intervals by Hartigan 1969) had to agree. Within a family of "
        f"comparisons ({sizes[0]} to {sizes[-1]} of them) each was judged at {alpha:g} over their number "
        f"(Bonferroni), so that all intervals hold at once. Equivalence: two one-sided tests (Schuirmann 1987) within "
        f"±{given} points, at most a tenth of score and error. Runs that collapsed were counted and left out.\n"
        f"{signature}"
    )


def _unit(c: Comparison) -> str:
    task = c.question.where.get("task", "ner")
    return "F1 points" if task in TASKS and TASKS[task].metric.endswith("f1") else "points"


def describe_paired(row: Mapping[Any, Any], *, a: str, b: str, what: str) -> str:
    """What a row of `paired` shows, of shares or of other values from 0 to 1; `what` stands before "of"."""
    value: Interval = row["difference"]
    what, a, b, difference = capital(what), label(a), label(b), interval(value, "signed")
    if math.isnan(value.low):
        return f"{what} of {a} and {b} differs by {difference} points; one seed decides nothing."
    if value.contains(0):
        return f"{what}: no difference between {a} and {b} can be told; paired by seed {difference} points."
    direction = "above" if value.value > 0 else "below"
    return f"{what} of {a} lies {direction} that of {b}: {difference} points. Paired by {value.n} seeds."


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


def describe_rates(rates: pd.DataFrame) -> list[str]:
    """Which learning rate each stage took, and whether a rate that was chosen lies at the edge of those tried.

    Parameters
    ----------
    rates
        As `experiment.learning_rates` gives them: `stage`, `method`, `learning_rate`, `chosen`.
    """
    told = []
    for (stage, method), tried in rates.groupby(["stage", "method"], sort=False):
        rate = float(tried.loc[tried["chosen"], "learning_rate"].iloc[0])
        low, high = tried["learning_rate"].min(), tried["learning_rate"].max()
        edges = {low: "at their lower edge: a lower one may do", high: "at their upper edge: a higher one may do"}
        where = f"{edges[rate]} better" if rate in edges else "inside their edges"
        best = f"the best on dev of the {len(tried)} tried; it lies {where}"
        how = best if len(tried) > 1 else "no other one was tried"
        told.append(f"{capital(label(method))}, {label(stage)}: learning rate {number(rate, '.2g')}, {how}.")
    return told


def describe_shares(table: pd.DataFrame, claimed: float = 0.01) -> str:
    """Whether each part trains less than the claimed share of the weights (`trained_weights`); full is left out.

    Parameters
    ----------
    claimed
        The share that adapters are said to stay below: the WikiANN study says 1 %.
    """
    names = table["method"].map(label) + " (" + table["part"] + ")"
    small, adapters = table["share"] < claimed, table["method"] != "full"
    sides = {"less": names[adapters & small], "more": names[adapters & ~small]}
    limit = f"than {100 * claimed:g} % of the weights is trained by"
    return capital("; ".join(f"{side} {limit} {', '.join(of)}" for side, of in sides.items() if len(of))) + "."


def describe_harm(row: Mapping[str, Any]) -> str:
    """What a row of `negative_transfer` shows."""
    return (
        f"{capital(' '.join(words(row, ['method', 'sources'])))}, {row['train_sentences']:g} target sentences: "
        f"{row['worse']} of {row['share'].n} runs are below {label(row['baseline_method'])} on the target alone."
    )


def describe_correlation(row: Mapping[str, Any]) -> str:
    """What a row of `similarity.transfer_correlation` shows."""
    if math.isnan(row["rho"]):
        return f"{row['measure']}: no correlation can be computed ({row['note']})."
    note = f" ({row['note']})" if row["note"] else ""
    if math.isnan(row["p"]):
        return f"{row['measure']}: ρ = {decimal(row['rho'])}{note}."
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    ends = f"{decimal(row['low'])} to {decimal(row['high'])}"
    return f"{row['measure']}: ρ = {decimal(row['rho'])} ({ends}), {p}{note}."
