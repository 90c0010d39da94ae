"""Sentences that say what a result shows, and no more: computed when a page is made, never typed in advance."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from nerlib.formats import capital, counted, decimal, interval, listed, number, points
from nerlib.languages import language_name
from nerlib.records import Plan, plans
from nerlib.results.compare import Comparison, as_table, paired
from nerlib.results.runs import words
from nerlib.statistics import LIKE_THESE, Interval
from nerlib.vocabulary import TASKS, base_method, label

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
        return (
            f"{'. '.join(sick)}{where}: they predict one label only, or next to nothing right, so nothing is compared."
        )
    size = f" {c.verdict.size}" if c.verdict.size else ""
    spread = c.verdict.scope == LIKE_THESE and c.verdict.value != "undecided" and not brief
    told = [
        f"{capital(VERDICTS[c.verdict.value].format(a=a, b=b))}{size}{where}, {c.verdict.scope}",
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
    p = "" if math.isnan(c.p) else f", p = {c.p:.2g}"
    pairs = counted(len(c.pairs), "pairs") if c.pairs["shared"].all() else "{} and {} runs".format(*c.runs)
    told = [
        f"{counted(c.languages, 'languages')}, {pairs}{p}",
        f"As one of {c.family} comparisons: adjusted p = {c.adjusted_p:.2g}" if p and c.family > 1 else "",
        *(
            capital(score_text(name, of, "languages" if c.languages > 1 else "seeds"))
            for name, of in zip(c.question.labels, (c.a, c.b), strict=False)
        ),
        f"Left out, without a partner: {c.left_out}" if c.left_out else "",
    ]
    return ". ".join(filter(None, told)) + "."


def describe_spread(c: Comparison) -> str:
    """What a mean over languages does not say: the worst language, and how many of such languages may lose."""
    row = as_table([c]).iloc[0]
    least = f"{points(c.doubts[row['worst']].value, signed=True)} ({language_name(row['worst'])})"
    return (
        f"Of the languages the least is {least}. "
        f"At most {100 * row['loses_most']:.0f} % of such languages lose more than {points(c.own_margin)}"
    )


def describe_needed(comparisons: Sequence[Comparison]) -> list[str]:
    """What would decide the undecided ones, 3 times in 4 or more, by the rule that judges; those alike together."""
    rows = [(_needed(c), c.question.name) for c in comparisons if c.word == "undecided"]
    named = pd.DataFrame(rows, columns=["needed", "name"]).groupby("needed", sort=False)["name"]
    return [f"{listed([*names], 1)}: undecided. {needed}" for needed, names in named]


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
    given = ", ".join(f"{100 * margin:g}" for margin in sorted({c.margin for c in comparisons}))
    signature = f"nerlib:{version('nerlib')}|alpha:{alpha:g}|margin:{given}|family:{','.join(map(str, sizes))}|draws:0"
    return (
        "Scores were compared as differences of corpus F1, averaged over seeds, then over languages, alike. "
        "On given languages other seeds and other test sentences (documents, where the corpus marks them) were in "
        "doubt. Seeds were judged by the variance between them, sentences by their linearised influence on F1 "
        "(Cochran 1977), their interaction counted once. Student's half-widths of the two were added as the root of "
        "their squares (Howe 1974), that of seeds (K, with ν degrees of freedom, over languages by Welch 1947) beside "
        "that of sentences (S) as K² exp(−5 S² / ν² K²). What was decided there "
        "was then asked of languages like these, the language being the unit: t test and sign-flip test (Fisher 1935; "
        "intervals by Hartigan 1969) had to agree. Within a family of "
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
    lies = "lies above" if value.value > 0 else "lies below"
    return f"{what} of {a} {lies} that of {b}: {difference} points. Paired by {value.n} seeds."


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
    return (
        f"No number of seeds tried finds a true difference of {points(margin)} on such a test set; "
        f"{most['seeds']:.0f} seeds find a true difference of {points(most['smallest_detectable'])}."
    )


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
        edges = {
            tried["learning_rate"].min(): "at their lower edge: a lower one may do better",
            tried["learning_rate"].max(): "at their upper edge: a higher one may do better",
        }
        best = f"the best on dev of the {len(tried)} tried; it lies {edges.get(rate, 'inside their edges')}"
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
    adapters = table[table["method"] != "full"]
    names = adapters["method"].map(label) + " (" + adapters["part"] + ")"
    sides = {"less": names[adapters["share"] < claimed], "more": names[~(adapters["share"] < claimed)]}
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
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    tested = "" if math.isnan(row["p"]) else f" ({decimal(row['low'])} to {decimal(row['high'])}), {p}"
    note = f" ({row['note']})" if row["note"] else ""
    return f"{row['measure']}: ρ = {decimal(row['rho'])}{tested}{note}."


# --- what was planned -------------------------------------------------------------------------------------------------


def registered(
    study: str, runs: pd.DataFrame, comparisons: Sequence[Comparison], *, margin: float, alpha: float
) -> list[str]:
    """Which comparisons were registered before their runs began, and why others are exploratory, as sentences.

    Only what was registered before the first of its runs began (`records.register`) is called planned; everything else
    is exploratory.

    Parameters
    ----------
    runs
        As `read_records` gives them; a run whose start is not known counts as made before.
    margin, alpha
        By which the comparisons were judged, 0..1.
    """
    known = plans(study)
    begun = [int((runs["started"] < plan.registered).sum()) for plan in known]
    told = [
        f"{'Changed' if order else 'Registered'} {plan.registered[:16].replace('T', ' ')} UTC, "
        f"{f'after {n} runs' if n else 'before any run'} (plan {plan.digest[:8]}). Margin {plan.margin:g} "
        f"at level {plan.significance:g}, {counted(len(plan.languages), 'languages')}, "
        f"{counted(len(plan.seeds), 'seeds')}."
        for order, (plan, n) in enumerate(zip(known, begun, strict=True))
    ]
    started = dict(zip(runs["digest"], runs["started"], strict=True))
    rows = [(_why_exploratory(c, started, known, round(100 * margin, 9), alpha), c.question.name) for c in comparisons]
    named = pd.DataFrame(rows, columns=["why", "name"]).groupby("why", sort=False)["name"]
    n_planned = sum(not why for why, _ in rows)
    return [
        *told,
        f"{n_planned} of {len(comparisons)} comparisons were planned: registered before their runs.",
        *(f"{len(of)} exploratory, since {why!s}. One is {of.iloc[0]}." for why, of in named if why),
    ]


def _why_exploratory(
    one: Comparison, started: Mapping[str, str], known: Sequence[Plan], margin: float, alpha: float
) -> str:
    """Why a comparison is none that was registered; "" where it is one."""
    joined = pd.concat([one.pairs["digest_a"], one.pairs["digest_b"]]).dropna()
    first = min(started.get(digest, "") for text in joined for digest in text.split("+"))
    plan = next((plan for plan in reversed(known) if plan.registered <= first), None)
    if plan is None:
        return "nothing was registered before its runs began"
    for name, planned in (("language", plan.languages), ("seed", plan.seeds)):
        if others := sorted(set(one.pairs[name]) - set(planned)):
            return f"{name} {listed([language_name(str(other)) for other in others], 3)} was not registered"
    sides = [{**one.question.where, **side} for side in (one.question.a, one.question.b)]
    for method, stage in ((side["method"], side["stage"]) for side in sides if "method" in side and "stage" in side):
        if plan.runs and f"{base_method(method)} {stage}" not in plan.runs:
            return f"{label(method)}, {label(stage)} was not registered"
    if (margin, alpha) != (plan.margin, plan.significance):
        return f"margin {margin:g} at level {alpha:g} is not the registered {plan.margin:g} at {plan.significance:g}"
    return ""
