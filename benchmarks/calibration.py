"""Do the statistics keep what they promise? Simulations with known truth and fixed seeds.

    python -m benchmarks.calibration             # all of it: prints the tables of benchmarks/README.md
    python -m benchmarks.calibration 200         # with 200 studies a cell
    python -m benchmarks.calibration grid        # the grid alone, into benchmarks/calibration.csv

Two generators. `test_set` draws counts sentence by sentence; `studies` draws whole studies at once from what the rule
looks at (means, variances of seeds, variances of sentences), so that a thousand studies of twenty languages take a
tenth of a second. The tests call the same functions with fewer studies (`tests/statistics/test_calibration.py`).
"""

import math
import sys
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from nerlib import statistics

ALPHA = 0.05
ALPHAS = (0.01, 0.05, 0.10)
POINT = 0.01
LANGUAGES, SEEDS, SENTENCES = (1, 2, 3, 5, 6, 8, 10, 20), (1, 2, 3, 5, 10), (100, 500, 2000)
FAMILIES, SEED_SDS = (1, 4, 10), (0.3, 1.0, 2.5)
LANGUAGE_SD = 1.0  # points, of a comparison's difference between languages
# Standard deviation, in points, of F1 of one run on a test set of one sentence: shared by a system's seeds, and not.
SENTENCE_SD, INTERACTION_SD = 13.0, 13.0
COUNTED = 10  # languages up to which signs are flipped here; beyond, the t test alone (signs only make it stricter)


# --- sentence by sentence ---------------------------------------------------------------------------------------------


def test_set(
    rng, sentences, f1=0.7, seeds=1, seed_sd=0.0, sentence_sd=0.15, own_sd=0.0, document_sd=0.0, seed_tail="normal"
):
    """Counts (tp, fp, fn), each (seeds, sentences), of a pair of systems that are equally good in the population.

    A sentence's difficulty is shared by all (`sentence_sd`), or by a system's seeds (`own_sd`), or by a system's
    sentences of one document of twelve (`document_sd`); each seed of each system has a luck of its own, normal, t with
    three degrees of freedom or skewed. Lengths are lognormal. So the true difference over seeds and sentences is 0.
    """
    words = rng.lognormal(np.log(17), 0.65, size=sentences)
    entities = rng.poisson(rng.gamma(2, 0.5, size=sentences) * words / 10)
    difficulty = rng.normal(0, sentence_sd, size=sentences)
    lucks = {
        "normal": lambda size: rng.normal(size=size),
        "t3": lambda size: rng.standard_t(3, size=size) / math.sqrt(3),
        "skewed": lambda size: 1 - rng.exponential(size=size),
    }

    def side():
        luck = seed_sd * lucks[seed_tail]((seeds, 1))
        documents = np.repeat(rng.normal(0, document_sd, size=-(-sentences // 12)), 12)[:sentences]
        own = rng.normal(0, own_sd, size=sentences)
        tp = rng.binomial(entities, np.clip(f1 + luck + difficulty + documents + own, 0, 1))
        return tp, rng.poisson(0.2 * words / 10, size=(seeds, sentences)), entities - tp

    return side(), side()


def one_language(simulations, seed=6, languages=1, marked=False, **generator):
    """Without a difference: coverage of the 95 % interval, and P(p ≤ .05) of these trained models.

    `marked`: the corpus says where its documents begin.
    """
    rng = np.random.default_rng(seed)
    held, trained = 0, 0
    documents = np.arange(generator["sentences"] * marked) // 12
    for _ in range(simulations):
        pairs = (test_set(rng, **generator) for _ in range(languages))
        sides = ([statistics.of_documents(statistics.f1_side(*one), documents) for one in pair] for pair in pairs)
        doubts = [statistics.doubt_of(*pair) for pair in sides]
        low, high = statistics.fixed_languages(doubts).interval(ALPHA)
        held += low <= 0 <= high
        trained += statistics.fixed_languages([doubt._replace(seeds=math.nan) for doubt in doubts]).p() <= ALPHA
    return held / simulations, trained / simulations


def two_parts(share, freedom, alpha=ALPHA, number=20_000, seed=11):
    """How often the interval of seeds and sentences misses the truth; and likewise by the weighted t, for comparison.

    `share` of the variance is the seeds', known with `freedom` degrees; the rest is the sentences', which is known
    well. The weighted t (Cochran & Cox 1950) is never wider.
    """
    rng = np.random.default_rng(seed)
    values, seeds = rng.normal(size=number), share * rng.chisquare(freedom, size=number) / freedom
    ours = np.array([statistics.Estimate(0.0, (of, 1 - share), (freedom, 1000)).half_width(alpha) for of in seeds])
    of_seeds, of_sentences = special.stdtrit([freedom, 1000], 1 - alpha / 2)
    weighted = (of_seeds * seeds + of_sentences * (1 - share)) / np.sqrt(seeds + 1 - share)
    return tuple(float(np.mean(np.abs(values) > half)) for half in (ours, weighted))


# --- whole studies at once --------------------------------------------------------------------------------------------


class Design(NamedTuple):
    """What was run: languages, seeds a side, sentences of each test set, comparisons with one baseline; seeds' SD."""

    languages: int
    seeds: int
    sentences: int
    family: int
    seed_sd: float  # points of F1 of one run


class Studies(NamedTuple):
    """Many studies at once: differences and variances in points, (studies, family), and what is true of each."""

    values: np.ndarray
    units: np.ndarray  # (studies, family, languages)
    seeds: np.ndarray
    seed_freedoms: np.ndarray
    sentences: np.ndarray
    sentence_freedoms: np.ndarray
    trained: np.ndarray  # variance of sentences with these trained models
    truth_here: np.ndarray  # true mean of these languages; of one seed a side, of these trained models
    satterthwaite: np.ndarray  # degrees of freedom of seeds as the rule until now took them


def studies(rng, design, number, *, difference=0.0, language_sd=LANGUAGE_SD, language_tail="normal"):
    """Studies of methods that differ from one baseline by `difference` points, in the population of languages."""
    languages, k, n, family, seed_sd = design
    shape = (number, family + 1, languages)
    effects = rng.normal(0, seed_sd, size=(*shape, k))
    main = rng.normal(0, SENTENCE_SD / math.sqrt(n), size=shape)
    own = rng.normal(0, INTERACTION_SD / math.sqrt(n), size=(*shape, k))
    runs = effects + own
    differences = runs[:, 1:] - runs[:, :1]  # (studies, family, languages, seeds)
    between = TAILS[language_tail](rng, (number, family, languages)) * language_sd
    noise = main[:, 1:] - main[:, :1]
    units = difference + between + noise + differences.mean(axis=3)
    freedom = n / 2
    known = rng.chisquare(freedom, size=(number, family, languages)) / freedom
    sentence = 2 * SENTENCE_SD**2 / n * known
    trained = sentence + 2 * INTERACTION_SD**2 / n / k * known
    seeds = differences.var(axis=3, ddof=1) / k if k > 1 else np.full(units.shape, np.nan)
    here = difference + between
    here = here + (effects[:, 1:] - effects[:, :1]).mean(axis=3) if k == 1 else here
    square, squares = seeds.sum(axis=2) ** 2, (seeds**2).sum(axis=2)
    return Studies(
        units.mean(axis=2),
        units,
        seeds.sum(axis=2) / languages**2,
        np.minimum(square / squares * (k + 1) - 2, max(k - 1, 1) * languages),  # Welch (1947)
        sentence.sum(axis=2) / languages**2,
        np.full(units.shape[:2], freedom * languages),
        trained.sum(axis=2) / languages**2,
        here.mean(axis=2),
        square / squares * max(k - 1, 1),
    )


TAILS = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed": lambda rng, size: 1 - rng.exponential(size=size),
    "t2.5": lambda rng, size: rng.standard_t(2.5, size=size),
    "a tenth loses 20": lambda rng, size: np.where(rng.random(size) < 0.1, -20.0, 0.0) + rng.normal(size=size) / 2,
}


UNPROMISED = {"a tenth loses 20": "measured (true mean −2)", "skewed": "measured: symmetry is assumed"}


def half_widths(of, alpha):
    """Of the interval over these languages, as `Estimate.half_width`; of one seed, of these trained models."""
    sentences = special.stdtrit(of.sentence_freedoms, 1 - alpha / 2) ** 2
    if np.isnan(of.seeds).all():
        return np.sqrt(sentences * of.trained)
    of_seeds, of_sentences = special.stdtrit(of.seed_freedoms, 1 - alpha / 2) ** 2 * of.seeds, sentences * of.sentences
    return np.sqrt(of_sentences + of_seeds * np.exp(-5 * of_sentences / (of.seed_freedoms**2 * of_seeds)))


def wide_ends(of, alpha):
    """Ends of the interval over languages like these: Student's, and that of flipped signs around it."""
    n = of.units.shape[2]
    half = special.stdtrit(n - 1, 1 - alpha / 2) * of.units.std(axis=2, ddof=1) / math.sqrt(n)
    low, high = of.values - half, of.values + half
    if n <= COUNTED:
        subsets = (np.arange(1, 2**n)[:, None] >> np.arange(n) & 1).astype(float)
        rank = math.ceil(alpha / 2 * 2**n) - 1
        if rank < 1:
            return np.full_like(low, -np.inf), np.full_like(high, np.inf)
        means = np.partition(of.units @ (subsets / subsets.sum(axis=1, keepdims=True)).T, [rank - 1, -rank], axis=2)
        low, high = np.minimum(low, means[..., rank - 1]), np.maximum(high, means[..., -rank])
    return low, high


def said(of, family, margin=1.0):
    """What the rule says: better (1) or worse (−1) and equivalent, for these languages and for such languages."""
    alpha = ALPHA / family
    half, narrow = half_widths(of, alpha), half_widths(of, 2 * alpha)
    told = np.where(np.abs(of.values) > half, np.sign(of.values), 0)
    alike = (told == 0) & (np.abs(of.values) + narrow < margin)
    like_told, like_alike = np.zeros_like(told), np.zeros_like(alike)
    if of.units.shape[2] >= statistics.languages_needed(alpha):
        low, high = wide_ends(of, alpha)
        like_told = np.where((low > 0) & (told > 0), 1, np.where((high < 0) & (told < 0), -1, 0))
        low, high = wide_ends(of, 2 * alpha)
        like_alike = alike & (low > -margin) & (high < margin)
    return told, alike, like_told, like_alike


def todays(of, family):
    """Better or worse by the rule until now: intervals by Satterthwaite, unadjusted; Holm's p over sentences."""
    p = 2 * stats.norm.sf(np.abs(of.values) / np.sqrt(of.trained))
    n = of.units.shape[2]
    if n >= 6:
        half = special.stdtrit(n - 1, 1 - ALPHA / 2) * of.units.std(axis=2, ddof=1) / math.sqrt(n)
        reach = 2 / 2**n * family < ALPHA
        return (np.abs(of.values) > half) & reach
    total = of.seeds + of.sentences
    parts = of.seeds**2 / of.satterthwaite + of.sentences**2 / of.sentence_freedoms
    half = special.stdtrit(np.maximum(total**2 / parts, 1), 1 - ALPHA / 2) * np.sqrt(total)
    order = np.argsort(p, axis=1)
    stepped = np.maximum.accumulate(np.take_along_axis(p, order, axis=1) * np.arange(family, 0, -1), axis=1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, stepped, axis=1)  # Holm's
    return (adjusted < ALPHA) & (np.abs(of.values) > half)


def cell(design, number=1000, seed=1):
    """What the rule does in one cell of the grid: rates, each a share of `number` studies."""
    rng = np.random.default_rng([seed, *design[:4], int(10 * design.seed_sd)])
    null = studies(rng, design, number, language_sd=0.0)
    told = said(null, design.family)[0]
    wrong = (told != 0) & (np.sign(null.truth_here) != told)
    spread = studies(rng, design, number)
    spread_told, _, like_told, _ = said(spread, design.family)
    wrong_here = (spread_told != 0) & (np.sign(spread.truth_here) != spread_told)
    held = np.abs(spread.values - spread.truth_here) <= half_widths(spread, ALPHA / design.family)
    edge = studies(rng, design, number, difference=1.0, language_sd=0.0)
    better = studies(rng, design, number, difference=2.0)
    edge_alike = said(edge, design.family)[1] & (np.abs(edge.truth_here) >= 1.0)
    return {
        **design._asdict(),
        "no difference: false better or worse": wrong.any(axis=1).mean(),
        "these languages: wrong direction": wrong_here.any(axis=1).mean(),
        "languages like these: false": (like_told != 0).any(axis=1).mean(),
        "at the margin: equivalent": edge_alike.any(axis=1).mean(),
        "coverage": held[:, 0].mean() if design.family == 1 else held.all(axis=1).mean(),
        "power at 2 points": (said(better, design.family)[0] > 0).mean(),
        "until now": todays(better, design.family).mean(),
        "until now, false": todays(null, design.family).any(axis=1).mean(),
    }


def grid(number=1000):
    """Every design that people run."""
    designs = [Design(*values) for values in product(LANGUAGES, SEEDS, SENTENCES, FAMILIES, SEED_SDS)]
    return pd.DataFrame([cell(design, number) for design in designs])


def false_again(design, number, times=40, seed=2):
    """The first rate of `cell`, with many more studies and other draws: whether it was above its bound by chance."""
    rng = np.random.default_rng([seed, *design[:4], int(10 * design.seed_sd)])
    again = (said(studies(rng, design, number, language_sd=0.0), design.family)[0] for _ in range(times))
    return float(np.mean([(told != 0).any(axis=1).mean() for told in again]))


# --- other promises ---------------------------------------------------------------------------------------------------


def share_below(p, alphas=ALPHAS):
    """P(p ≤ α) for each α."""
    return {alpha: float(np.mean(np.asarray(p) <= alpha)) for alpha in alphas}


def standard_error(share, simulations):
    return math.sqrt(share * (1 - share) / simulations)


def sign_flip_null(simulations=2000, n=10, seed=2):
    """p of the sign-flip test over n units without a difference. Heavy tails."""
    rng = np.random.default_rng(seed)
    return [statistics.flipped_signs_p(tuple(rng.standard_t(3, size=n))) for _ in range(simulations)]


def pooled(simulations=2000, languages=10, seeds=5, ratio=0.5, seed=3):
    """P(p ≤ .05) of the t-test over pooled cells, without a difference; `ratio` of seeds' to languages' SD."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(simulations, languages, 1)) + rng.normal(0, ratio, size=(simulations, languages, seeds))
    return float((stats.ttest_1samp(cells.reshape(simulations, -1), 0, axis=1).pvalue <= ALPHA).mean())


def finds(named, now, goal, design_of, decides, most, **more):
    """How often what pilots name finds a true difference of `goal`; the share of pilots that name any."""
    rng, found = np.random.default_rng(7), 0.0
    enough = named[(named > now) & np.isfinite(named)].astype(int)
    for number, often in zip(*np.unique(enough, return_counts=True), strict=True):
        later = studies(rng, design_of(min(int(number), most)), 300, difference=goal, **more)
        found += often * (said(later, 1)[decides] > 0).mean()
    return found / max(len(enough), 1), len(enough) / len(named)


def pilot_estimates(design, simulations, seed=8):
    """What pilot studies of one comparison know."""
    names = ("seeds", "sentences", "seed_freedoms", "sentence_freedoms")
    pilots = studies(np.random.default_rng(seed), design, simulations)
    for row in zip(*(getattr(pilots, name)[:, 0].tolist() for name in names), strict=True):
        yield statistics.Estimate(0.0, row[:2], row[2:])


def plan(seeds=3, sentences=1000, seed_sd=1.0, goal=3.0, simulations=1000):
    """Of as many seeds as a pilot names, in one language."""
    pilots = pilot_estimates(Design(1, seeds, sentences, 1, seed_sd), simulations)
    named = np.array([statistics.seeds_needed(pilot, seeds, difference=goal).value for pilot in pilots])
    return finds(named, seeds, goal, lambda k: Design(1, k, sentences, 1, seed_sd), 0, 200, language_sd=0.0)


def plan_sentences(seeds=3, sentences=500, seed_sd=1.0, goal=2.0, simulations=1000):
    """Of so many times the sentences as a pilot names, in one language."""
    pilots = pilot_estimates(Design(1, seeds, sentences, 1, seed_sd), simulations)
    named = np.array([statistics.sentences_needed(pilot, seeds, difference=goal) for pilot in pilots])
    return finds(named, 1, goal, lambda n: Design(1, seeds, sentences * n, 1, seed_sd), 0, 1000, language_sd=0.0)


def detectable(seeds, sentences, seed_sd, alpha=ALPHA, simulations=200):
    """How often a study finds the difference that another one like it, of which it is told, calls detectable."""
    pilots = pilot_estimates(Design(1, seeds, sentences, 1, seed_sd), simulations)
    own = 2 * (seed_sd**2 + INTERACTION_SD**2 / sentences) / seeds
    true = statistics.Estimate(0.0, (own, 2 * SENTENCE_SD**2 / sentences), (seeds - 1, sentences / 2))
    return float(np.mean([true.power(pilot.doubted().detectable(alpha), alpha) for pilot in pilots]))


def plan_languages(languages, goal, language_sd, simulations=1000):
    """Of as many languages as a pilot names, for languages like these."""
    pilots = studies(np.random.default_rng(8), Design(languages, 3, 1000, 1, 1.0), simulations, language_sd=language_sd)
    named = np.array([statistics.languages_that_find(row, difference=goal) for row in pilots.units[:, 0]])
    return finds(named, languages, goal, lambda n: Design(n, 3, 1000, 1, 1.0), 2, 250, language_sd=language_sd)


def looks(simulations=2000, first=3, most=30, sentences=2000, seed_sd=1.0, spending=True, seed=9, difference=0.0):
    """How often seed after seed ends in better or worse, with α spent over the looks or whole at each; seeds taken.

    Also how often the first and the most seeds do, at one look.
    """
    rng = np.random.default_rng(seed)
    design = Design(1, most, sentences, 1, seed_sd)
    seeds = rng.normal(0, math.hypot(seed_sd, INTERACTION_SD / math.sqrt(sentences)) * math.sqrt(2),
                       size=(simulations, most))  # fmt: skip
    noise = difference + rng.normal(0, SENTENCE_SD * math.sqrt(2 / sentences), size=simulations)

    def decides(k, alpha):
        values, variance = seeds[:, :k].mean(axis=1) + noise, seeds[:, :k].var(axis=1, ddof=1) / k
        sentence = 2 * SENTENCE_SD**2 / sentences
        of_seeds = special.stdtrit(k - 1, 1 - alpha / 2) ** 2 * variance
        of_sentences = special.stdtrit(design.sentences / 2, 1 - alpha / 2) ** 2 * sentence
        return values**2 > of_sentences + of_seeds * np.exp(-5 * of_sentences / ((k - 1) ** 2 * of_seeds))

    stopped, taken = np.zeros(simulations, dtype=bool), np.full(simulations, most)
    for look, k in enumerate(range(first, most + 1), start=1):
        now = decides(k, statistics.alpha_of_look(ALPHA, look, most - first + 1) if spending else ALPHA) & ~stopped
        taken[now] = k
        stopped |= now
    return float(stopped.mean()), float(taken.mean()), *(float(decides(k, ALPHA).mean()) for k in (first, most))


def language_tails(number=2500, seed=10, **generator):
    """What is said of languages like these, by their number: false better or worse, and equivalent."""
    rng = np.random.default_rng(seed)
    found = {}
    for n in (6, 8, 10):
        of = studies(rng, Design(n, 5, 2000, 1, 0.3), number, **generator)
        _, _, told, alike = said(of, 1)
        found[n] = (float((told != 0).mean()), float(alike.mean()))
    return found


# --- the tables -------------------------------------------------------------------------------------------------------


def rows(simulations):
    """Rows of the table: what was simulated, what must hold, what was found."""
    bound = ALPHA + 2 * standard_error(ALPHA, simulations)
    for n in (10, 20):
        share = share_below(sign_flip_null(simulations, n=n))[ALPHA]
        yield f"sign flips over {n} languages, heavy tails", f"P(p ≤ .05) ≤ {bound:.3f}", f"{share:.3f}", share <= bound
    for sentences, seeds, more in SENTENCE_CELLS:
        held, trained = one_language(max(simulations // 2, 1), sentences=sentences, seeds=seeds, **more)
        settings = ", ".join(f"{name} {value}" for name, value in more.items())
        unmarked = "document_sd" in more and "marked" not in more
        promised = "measured" if unmarked or sentences < 500 else "coverage .93 to .99"
        kept = None if promised == "measured" else 0.93 - 2 * standard_error(0.95, simulations // 2) <= held <= 0.99
        name = f"{sentences} sentences × {seeds} seeds, {settings}"
        yield name, promised, f"{held:.3f}; these trained models alone: p ≤ .05 in {trained:.3f}", kept
    for share, family in product((0.1, 0.5, 0.9), (1, 10)):
        ours, weighted = two_parts(share, 1, ALPHA / family)
        name = f"two seeds, {share:g} of the variance theirs, one of {family}"
        most = 1.12 * ALPHA / family
        yield name, f"misses ≤ {most:.4g}", f"{ours:.4f}; weighted t {weighted:.4f}", ours <= most
    for ratio in (0.25, 0.5, 1, 2, 3):
        yield (
            f"pooled cells, 10 × 5, seed SD / language SD {ratio}",
            "measured",
            f"{pooled(simulations, ratio=ratio):.3f}",
            None,
        )
    yield from plans(max(simulations // 4, 1))
    for spending in (True, False):
        share, *_ = looks(simulations, spending=spending)
        name = "seed by seed from 3 to 30, " + ("α spent over the looks" if spending else "α whole at each look")
        yield (
            name,
            f"false verdicts ≤ {bound:.3f}" if spending else "measured",
            f"{share:.3f}",
            (share <= bound if spending else None),
        )
    for seed_sd, difference in product((0.3, 1.0, 2.5), (1.0, 2.0, 4.0)):
        share, taken, *once = looks(simulations, most=10, seed_sd=seed_sd, difference=difference)
        found = f"{share:.2f} with {taken:.1f} seeds; 3 seeds {once[0]:.2f}, 10 seeds {once[1]:.2f} at one look"
        yield (
            f"until decided, 3 to 10 seeds of SD {seed_sd}: a true difference of {difference:g}",
            "measured",
            found,
            None,
        )
    for tail in TAILS:
        found = language_tails(simulations, language_tail=tail)
        told = "; ".join(f"{n}: {better:.3f}, equivalent {alike:.3f}" for n, (better, alike) in found.items())
        unpromised = UNPROMISED.get(tail)
        kept = None if unpromised else max(better for better, _ in found.values()) <= bound
        promised = unpromised or f"≤ {bound:.3f}"
        yield f"languages like these, {tail}: better or worse", promised, told, kept


def plans(simulations):
    """Rows of what would decide: it finds the difference 3 times in 4 or more, wherever it is said."""
    cells = [
        (f"plan from {seeds} seeds of SD {sd}: {what}, a true difference of {goal:g}",
         of(seeds, seed_sd=sd, goal=goal, simulations=simulations))
        for what, of, goals in (("seeds", plan, (1.7, 2.0, 4.0)), ("sentences", plan_sentences, (1.0, 2.0, 4.0)))
        for sd, goal, seeds in product((0.3, 1.0, 2.5), goals, (3, 5, 10))
    ]  # fmt: skip
    cells += [
        (f"plan from {n} languages of SD {sd:g}: languages, a true difference of {goal:g}",
         plan_languages(n, goal, sd, simulations))
        for n, goal, sd in product((3, 5, 6, 10), (1.0, 2.0), (1.0, 3.0))
    ]  # fmt: skip
    for seeds, sd, n, family in product((2, 3, 5, 10), SEED_SDS, (500, 2000), (1, 10)):
        share = detectable(seeds, n, sd, ALPHA / family, simulations)
        name = f"called detectable by {seeds} seeds of SD {sd}, {n} sentences, one of {family}"
        yield name, "found in .75 to .90", f"{share:.2f}", 0.75 <= share <= 0.9
    for name, (share, named) in cells:
        found = f"{share:.2f} (said in {named:.2f})"
        yield name, "≥ .75 where it is said", found, share >= 0.75 if named > 0.05 else None


SENTENCE_CELLS = [
    *((n, k, {"seed_sd": sd, "own_sd": 0.1}) for n, k, sd in product((500, 2000), (2, 3, 5), (0.003, 0.01, 0.025))),
    (100, 3, {"seed_sd": 0.01, "own_sd": 0.1}),
    (1000, 3, {"seed_sd": 0.025, "seed_tail": "skewed"}),
    (1000, 3, {"seed_sd": 0.025, "seed_tail": "t3"}),
    (1000, 3, {"seed_sd": 0.01, "languages": 3}),
    (1000, 3, {"seed_sd": 0.01, "document_sd": 0.05}),
    (1000, 3, {"seed_sd": 0.01, "document_sd": 0.1}),
    *((n, k, {"seed_sd": 0.01, "document_sd": 0.1, "marked": True}) for n, k in product((500, 1000, 2000), (3, 5))),
]
RATES = ["no difference: false better or worse", "these languages: wrong direction", "languages like these: false",
         "at the margin: equivalent", "coverage", "power at 2 points", "until now", "until now, false"]  # fmt: skip


def summary(table):
    """The grid by one of its sides at a time: worst cells of what is promised, means of power."""
    worst = {name: "max" for name in RATES[:4]} | {"until now, false": "max"}
    rules = worst | {"coverage": "min", "power at 2 points": "mean", "until now": "mean"}
    parts = []
    for name in Design._fields:
        part = table.groupby(name).agg(rules)[RATES]
        parts.append(part.set_axis([f"{name.replace('_', ' ')} {value:g}" for value in part.index]))
    return pd.concat(parts).round(3)


def main(*given):
    started = time.perf_counter()
    number = next((int(word) for word in given if word.isdecimal()), 1000)
    table = grid(number)
    table.round(4).to_csv(Path(__file__).parent / "calibration.csv", index=False)
    bound = ALPHA + 2 * standard_error(ALPHA, number)
    print(f"{len(table)} cells of {number} studies; α + 2 standard errors: {bound:.4f}; "
          f"by chance alone {len(table) * stats.norm.sf(2):.0f} cells of a rate of .05 are above it\n")  # fmt: skip
    print("cells above:", {name: int((table[name] > bound).sum()) for name in RATES[:4]})
    for row in table[table[RATES[0]] > bound].to_dict("records"):
        design = Design(*(row[name] for name in Design._fields))
        print(design, f"again, with {40 * number} other studies: {false_again(design, number):.4f}")
    many, one = table[table["sentences"] >= 500], "coverage of one comparison, 500 sentences or more, least and most:"
    print("coverage below .93, 500 sentences or more:", int((many["coverage"] < 0.93).sum()))
    print(one, many.loc[many["family"] == 1].groupby("seeds")["coverage"].agg(["min", "mean", "max"]).round(3), "\n")
    print(summary(table).reset_index(names="cells").to_markdown(index=False, floatfmt=".3f"))
    print(f"\n{time.perf_counter() - started:.0f} s")
    if "grid" in given:
        return
    print("\n| simulated | promised | found | |\n|---|---|---|---|")
    for name, promised, found, held in rows(2 * number):
        print(
            f"| {name} | {promised} | {found} | {'' if held is None else 'holds' if held else '**fails**'} |",
            flush=True,
        )
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
