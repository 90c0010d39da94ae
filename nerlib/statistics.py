r"""Inference about F1: one estimate with its doubt, tests and verdicts, as pure functions on arrays.

Scores, F1 and their differences a − b are shares (0..1; a margin of 0.01 is one F1 point); higher is better. What could
have come out otherwise decides what may be said: other *sentences* like these and other *seeds* (`doubt_of`,
`fixed_languages`), other *languages* like these (`estimate_of` of languages' differences, with the sign-flip test
beside). `judge` gives the verdict (better, worse, equivalent or undecided) of one rule, with its scope; interval and p
are of one and the same test. Nothing is drawn where a formula is known: the same data give the same digits.

Seeds and sentences, or languages, are independent parts of the doubt, each a variance with its degrees of freedom.
Student's half-width of each is :math:`t_{\nu}(1 - \alpha/2) \sqrt V`; half-widths add as the root of their
squares (Howe 1974). Alone, that makes intervals over two or three seeds too wide where seeds differ little: a variance
that is hardly known then asks for t of one or two degrees of freedom. So what seeds add to the square is not
:math:`K^2` but :math:`K^2 \exp(-5 S^2 / \nu^2 K^2)` beside the :math:`S^2` of sentences: nearly all of it where seeds
decide, next to nothing where sentences do. Whatever the true variances are, the interval at α misses in 1.12 α at most,
and at α = .05 it covers .94 to .97 (`tests/statistics/test_equivalence.py` integrates).

Within a language a `Side` is one system: of counts (tp, fp, fn), arrays (seeds, sentences) or, of one seed,
(sentences,), `f1_side` makes it. The quantity is the mean over seeds of corpus F1 of a, minus that of b; of several
languages, the mean over languages of that: every language weighs the same. F1 is a ratio of sums,
:math:`F = \sum x_i / \sum y_i` with x = 2 tp and y = 2 tp + fp + fn, so that a sentence moves it by
:math:`e_i = (x_i - F y_i) / \sum y_i`, to first order: what the bootstrap finds by drawing sentences follows.

Across languages the language is the unit: arrays are (languages,), each language's mean over seeds. Nothing pools
languages × seeds as if they were independent. Many tests at α each find something by chance, so p values are adjusted
within a family. Comparisons have intervals, which hold at once: each is judged at α over their number (Bonferroni).
What has none goes through Holm.
"""

import bisect
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from nerlib.errors import SettingsError
from nerlib.formats import MINUS
from nerlib.scoring import FloatArray, share

EXACT_UP_TO = 16  # units: all 2^16 signs are counted; beyond, as many are drawn
SMALLEST_P = 1e-100
MOST_FREEDOM = 1e9
SPARED = 5.0  # how fast what seeds add to an interval vanishes beside what sentences do; our own, by the integral above
POWER, USUAL = 0.8, 0.3  # 4 times in 5, where a variance is taken for what it is below with a chance of .7
CHANCES = (np.arange(100) + 0.5) / 100  # of a variance that is drawn again
TIE = 1e-12  # differences that are closer than this are equal: they differ by rounding

MARGIN = 0.01  # one F1 point
RELATIVE_MARGIN = 0.1  # at most this share of the score, and of the error
Value = Literal["better", "worse", "equivalent", "undecided"]
Scope = Literal[
    "for these trained models", "on this language", "on these languages", "on languages like these"
]  # from the narrowest to the widest
Size = Literal["", "by less than the margin", "by more than the margin"]
LIKE_THESE: Scope = "on languages like these"
ONE_SEED = "one seed on a side and no counts by sentence: what chance does is not known"
BLOCK = 10  # sentences: about a short document
NO_SPREAD = "nothing varies, so chance cannot be told"


# --- intervals of means and shares ------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """An estimate and its confidence interval.

    Attributes
    ----------
    value
        The estimate.
    low, high
        The interval's ends; NaN when `n` is too small to tell.
    n
        What the interval is over: seeds, pairs, languages or runs.
    level
        The share of such intervals that hold the true value, as 0.95.
    """

    value: float
    low: float
    high: float
    n: int
    level: float

    def contains(self, value: float) -> bool:
        """Whether `value` lies inside; an unknown interval contains everything."""
        return not (value < self.low or value > self.high)


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Mean over seeds with Student's t interval, mean ± t(n − 1) · sd / √n.

    scipy's `ttest_1samp(...).confidence_interval()`, which is NaN where all values are equal; here it has no width.

    Parameters
    ----------
    values
        One score a seed, (n,).
    level
        Of the interval.

    Returns
    -------
    Interval
        With one value low and high are NaN, with none the mean too.

    Raises
    ------
    SettingsError
        When a value is NaN (a run that was not finished must be left out knowingly) or `level` is not between 0 and 1.

    References
    ----------
    Student (1908), The probable error of a mean. Biometrika 6(1).
    """
    scores = np.asarray(values, dtype=float).ravel()
    if not 0 < level < 1:
        raise SettingsError(f"expected a level between 0 and 1, as 0.95, got {level!r}")
    if np.isnan(scores).any():
        raise SettingsError(f"expected a score of each seed, got NaN for {np.isnan(scores).sum()} of {len(scores)}")
    n = len(scores)
    mean = float(scores.mean()) if n else math.nan
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * stats.sem(scores)) if n > 1 else math.nan
    return Interval(mean, mean - half, mean + half, n, level)


def score_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """As `mean_interval`, without the part outside 0..1 where no score can be: the coverage stays the same."""
    interval = mean_interval(values, level)
    return interval._replace(low=float(np.clip(interval.low, 0, 1)), high=float(np.clip(interval.high, 0, 1)))


def wilson_interval(count: int, n: int, level: float = 0.95) -> Interval:
    """A share, count / n, with Wilson's interval.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=1 - level, method="wilson")
    return Interval(count / n, float(low), float(high), n, level)


#: Correlation of whether two entities of one document are found: the mean over 70 published runs in seven languages
#: for MasakhaNER 2.0, in blocks of ten sentences (the variance was .76 to 2.0 times that of independent entities).
ALIKE_IN_DOCUMENT = 0.014


def expected_f1_width(
    entities: npt.ArrayLike, f1: npt.ArrayLike, *, documents: npt.ArrayLike = (), level: float = 0.95
) -> FloatArray:
    r"""How wide the F1 interval over sentences will be on a test set, before anything was trained.

    The model: each gold entity is found with probability F1, and each that is missed leaves one spurious entity (as
    errors of boundary and of type do), so that F1 = found / entities is a share, with the variance of a share,
    :math:`F_1 (1 - F_1) / G`, for G entities, independent of one another. The width is :math:`2 z` standard deviations.
    Where documents are known, their entities are found or missed together with a correlation of `ALIKE_IN_DOCUMENT`,
    and the variance is :math:`1 + (m - 1) \rho` times as large, m the mean size of an entity's document.

    Parameters
    ----------
    entities
        Gold entities of each sentence of the test set, (sentences,), or of all.
    documents
        (sentences,), the document of each; empty: not known.
    f1
        F1 to be expected: a scalar or an array.
    level
        Of the interval.

    Returns
    -------
    ndarray of float64
        The distance from the interval's low to its high end, of the shape of `f1`; NaN for a test set without entities,
        and 0 at F1 of 0 and 1, where the approximation says nothing.

    References
    ----------
    Kish (1965), Survey Sampling, section 5.4 (the effect of clusters; their mean size weighted by itself).
    """
    share = np.asarray(f1, dtype=float)
    total, (_, of) = float(np.sum(entities)), np.unique(np.asarray(documents), return_inverse=True)
    sizes = np.bincount(of, np.asarray(entities, dtype=float)) if len(of) else np.zeros(0)
    larger = 1 + max((sizes**2).sum() / total - 1, 0) * ALIKE_IN_DOCUMENT if total and len(of) else 1.0
    return 2 * stats.norm.ppf((1 + level) / 2) * np.sqrt(larger * share * (1 - share) / (total or math.nan))


# --- one estimate -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A mean difference and the parts of its doubt.

    Attributes
    ----------
    value
        The difference, 0..1.
    variances, freedoms
        Of each independent part: its variance, and the degrees of freedom that this is known with.
    units
        Where languages are drawn: their differences. Signs of them are flipped beside the t test, and both must agree.
        Skewness taken out of t (Hall 1992, JRSS B 54) keeps the level of skewed languages, too, but takes verdicts away
        where all ten languages agree: tried and dropped.
    """

    value: float
    variances: tuple[float, ...]
    freedoms: tuple[float, ...]
    units: tuple[float, ...] = ()

    @property
    def standard_error(self) -> float:
        """Root of all variances together."""
        return math.sqrt(sum(self.variances))

    def half_width(self, alpha: float) -> float:
        """Half of the interval of level 1 − α that the parts alone give."""
        return float(self._half_widths(alpha, self.variances[0]))

    def _half_widths(self, alpha: float, first: float | FloatArray) -> FloatArray:
        """Half of the interval, were the variance of the first part what is given."""
        squares = special.stdtrit(np.minimum(self.freedoms, MOST_FREEDOM), alpha / 2) ** 2
        few, known = squares[0] * first, float(np.dot(squares[1:], self.variances[1:]))
        spared = SPARED / self.freedoms[0] ** 2 * known / np.maximum(few, np.finfo(float).tiny)
        return np.sqrt(known + few * np.exp(-spared))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The values that a two-sided test at α does not reject; NaN where nothing varies: then chance is not known."""
        if not self.standard_error > 0:
            return math.nan, math.nan
        half = self.half_width(alpha)
        low, high = self.value - half, self.value + half
        if self.units:
            means = typical_values(self.units)
            rank = math.ceil(alpha / 2 * (len(means) + 1)) - 1
            low = min(low, means[rank - 1]) if rank else -math.inf
            high = max(high, means[-rank]) if rank else math.inf
        return float(low), float(high)

    def p(self, null: float = 0.0) -> float:
        """Two-sided p of the same test, that the difference is `null`: the smallest α whose interval leaves it out."""
        if not self.standard_error > 0:
            return math.nan
        distance = abs(self.value - null)
        if distance <= TIE:
            return 1.0
        student = SMALLEST_P
        if self.half_width(SMALLEST_P) > distance:
            log_p = optimize.brentq(lambda x: self.half_width(math.exp(x)) - distance, math.log(SMALLEST_P), 0)
            student = math.exp(log_p)
        return max(student, flipped_signs_p(self.units, null)) if self.units else student

    def inside(self, margin: float, alpha: float) -> bool:
        """Whether the difference lies inside ±margin, by two one-sided tests at α: the interval of level 1 − 2α does.

        References
        ----------
        Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach. J. Pharmacokinetics
        and Biopharmaceutics 15; Lakens (2017), Equivalence tests, Social Psychological and Personality Science 8.
        """
        low, high = self.interval(2 * alpha)
        return -margin < low and high < margin

    def detectable(self, alpha: float) -> float:
        """The true difference that a study like this one finds 4 times in 5."""
        most = 4 * (self.half_width(alpha) + self.half_width(2 * (1 - POWER)))
        return float(optimize.brentq(lambda difference: self.power(difference, alpha) - POWER, 0, most))

    def power(self, difference: float, alpha: float) -> float:
        """The chance that a study like this one finds a true difference: the variance of its first part drawn again."""
        if not self.standard_error > 0:
            return float(difference > 0)
        again = self._half_widths(alpha, self.variances[0] * _found(self.freedoms[0], CHANCES))
        return float(special.ndtr((difference - again) / self.standard_error).mean())

    def doubted(self, share: float = USUAL) -> "Estimate":
        """With the variance of the first part taken for what it is below with a chance of 1 − share.

        The usual share: then what is said to be found 4 times in 5 is, on average over what may have been found, in
        .75 to .87 (`benchmarks/calibration.py`), where the variance as it was found would make it .6 over two seeds.
        """
        return replace(self, variances=(self.variances[0] / _found(self.freedoms[0], share), *self.variances[1:]))


def _found(freedom: float, chances: Any) -> Any:
    """Quantiles of a variance that is found, over the true one."""
    half = min(freedom, 1e6) / 2  # a variance that is known better is known
    return special.gammaincinv(half, chances) / half


@functools.lru_cache(maxsize=256)
def typical_values(units: tuple[float, ...]) -> FloatArray:
    """Means of all subsets of the units, sorted: between the j-th and the j-th last lies the centre, 1 − 2j / 2^n.

    References
    ----------
    Hartigan (1969), Using subsample values as typical values, JASA 64. Flipping signs and taking subsets is the same
    test: the flipped sum exceeds the observed one where the flipped units have a mean below 0.
    """
    if len(units) <= EXACT_UP_TO:
        sums, sizes = np.zeros(1), np.zeros(1)
        for unit in units:
            sums, sizes = np.append(sums, sums + unit), np.append(sizes, sizes + 1)
        return np.sort(sums[1:] / sizes[1:])
    # Always the same subsets of so many units: numbers that belong together are drawn together.
    drawn = np.random.default_rng(len(units)).integers(2, size=(2**EXACT_UP_TO, len(units)), dtype=np.int8)
    sizes = drawn.sum(axis=1)
    return np.sort((drawn @ np.array(units))[sizes > 0] / sizes[sizes > 0])


def flipped_signs_p(units: tuple[float, ...], null: float = 0.0) -> float:
    """Two-sided p of the sign-flip (one-sample permutation) test that the units are symmetric about `null`.

    All 2^n signs are counted up to n = 16 (as scipy's `permutation_test` does, in a hundredth of its time).

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21; Phipson & Smyth (2010) for the drawn form.
    """
    means = typical_values(units)
    beyond = int((means <= null + TIE).sum() if np.mean(units) >= null else (means >= null - TIE).sum())
    return min(2 * (beyond + 1) / (len(means) + 1), 1.0)


def pooled_p(cells: npt.ArrayLike) -> float:
    """The African study's test: languages × seeds as if they were independent. They are not, so its p is too small.

    All signs are flipped where cells are few (the floor over 3 languages × 3 seeds is 2 / 2^9), else Student's t; NaN
    of fewer than two.
    """
    units = np.asarray(cells, dtype=float)
    if len(units) < 2:
        return math.nan
    return flipped_signs_p(tuple(units)) if len(units) <= EXACT_UP_TO else estimate_of(units).p()


def estimate_of(values: npt.ArrayLike, *, drawn: bool = False) -> Estimate:
    """The mean of independent units with Student's doubt; `drawn`: signs of the units are flipped beside it.

    Raises
    ------
    SettingsError
        When a value is missing.
    """
    units = np.asarray(values, dtype=float).ravel()
    if not len(units) or not np.isfinite(units).all():
        raise SettingsError(
            f"expected a number of each unit, got {len(units)}, {np.isnan(units).sum()} of them missing"
        )
    variance = float(units.var(ddof=1) / len(units)) if len(units) > 1 else math.nan
    return Estimate(float(units.mean()), (variance,), (len(units) - 1,), tuple(units.tolist()) if drawn else ())


def satterthwaite(variances: npt.ArrayLike, freedoms: npt.ArrayLike) -> float:
    """Degrees of freedom of a sum of independent variances.

    References
    ----------
    Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics 2.
    """
    parts = np.asarray(variances, dtype=float)
    squares = float((parts**2 / np.asarray(freedoms, dtype=float)).sum())
    return float(parts.sum()) ** 2 / squares if squares > 0 else MOST_FREEDOM


def summed_freedom(variances: npt.ArrayLike, freedoms: npt.ArrayLike) -> float:
    """Degrees of freedom of a sum of variances that are known with few: Satterthwaite's are then too few on average.

    References
    ----------
    Welch (1947), The generalization of "Student's" problem when several different population variances are involved,
    Biometrika 34; here at most all degrees of freedom together.
    """
    known = np.asarray(freedoms, dtype=float)
    return min(satterthwaite(variances, known + 2) - 2, float(known.sum()))


# --- within a language: what other seeds and other sentences would have changed ---------------------------------------


class Doubt(NamedTuple):
    """One language: its difference, and what it would have been otherwise.

    Attributes
    ----------
    value
        Mean over seeds, a − b, 0..1.
    seeds, seed_freedom
        Variance of `value` for other seeds, with its degrees of freedom; NaN where a side has one seed.
    sentences, sentence_freedom
        Its variance for other sentences, without what is in the seeds' already: what a seed makes of a sentence.
    trained
        Its variance for other sentences with these trained models.
    blocks
        The same for sentences drawn in blocks, over `trained`: above 1 where neighbours are alike.
    """

    value: float
    seeds: float
    seed_freedom: float
    sentences: float = 0.0
    sentence_freedom: float = MOST_FREEDOM
    trained: float = math.nan
    blocks: float = math.nan


class Side(NamedTuple):
    """Scores of one side's seeds, (seeds,), and by how much each sentence moves them, (seeds, sentences)."""

    scores: FloatArray
    moved: FloatArray


def doubt_of(a: Side, b: Side | None = None, *, shared_seeds: bool = True) -> Doubt:
    r"""The difference of two sides, or the mean of one, with the variances of its seeds and of its sentences.

    Seeds and sentences are crossed: with V_k the variance for other seeds, V_n for other sentences, and V_kn that of
    what a seed makes of a sentence, which is in both, the total is :math:`V_k + (V_n - V_{kn})`. Where no sentences are
    known, (seeds, 0), they are not in doubt.

    Parameters
    ----------
    a, b
        On the same test set.
    shared_seeds
        Whether the i-th seed of both is one seed, as in our runs; of systems from elsewhere it is not.

    Raises
    ------
    SettingsError
        When seeds are shared and the two sides have not as many.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4 (variance of a ratio); McCullagh (2000), Resampling and
    exchangeable arrays, Bernoulli 6 (crossed variances); O'Neill (2014), Some useful moment results in sampling
    problems, The American Statistician 68 (degrees of freedom of a variance by the fourth moment).
    """
    sides = [a] if b is None else [a, b]
    value = float(a.scores.mean()) - sum(float(side.scores.mean()) for side in sides[1:])
    if b and shared_seeds:
        if len(a.scores) != len(b.scores):
            raise SettingsError(
                f"expected as many seeds on both sides, which share them; got {len(a.scores)} and {len(b.scores)}"
            )
        sides = [Side(a.scores - b.scores, a.moved - b.moved)]
    ours = sides[0].moved.mean(axis=0) - sum(side.moved.mean(axis=0) for side in sides[1:])  # (sentences,)
    n = len(ours)
    correction = n / max(n - 1, 1)
    trained = float((ours**2).sum()) * correction if n else math.nan
    sentences = {"sentence_freedom": _freedom(ours) if n else MOST_FREEDOM, "trained": trained, "blocks": _blocks(ours)}
    if min(len(side.scores) for side in sides) == 1:
        return Doubt(value, math.nan, math.nan, 0.0 if not n else trained, **sentences)
    seeds = [float(side.scores.var(ddof=1)) / len(side.scores) for side in sides]
    both = sum(float(side.moved.var(axis=0, ddof=1).sum()) / len(side.moved) for side in sides) * correction
    freedom = satterthwaite(seeds, [len(side.scores) - 1 for side in sides])
    return Doubt(value, sum(seeds), freedom, max(trained - both, 0.0) if n else 0.0, **sentences)


def side_of(top: npt.ArrayLike, bottom: npt.ArrayLike) -> Side:
    """Any ratio of sums over sentences, from its numerators and denominators, (seeds, sentences) each."""
    over, under = (np.atleast_2d(np.asarray(array, dtype=float)) for array in (top, bottom))
    total = under.sum(axis=1, keepdims=True)
    ratio = share(over.sum(axis=1, keepdims=True), total)
    return Side(ratio[:, 0], share(over - ratio * under, np.broadcast_to(total, over.shape)))


def of_documents(side: Side, documents: npt.ArrayLike) -> Side:
    """The side with documents in doubt instead of sentences: what all sentences of one move together.

    Parameters
    ----------
    documents
        (sentences,), the document of each; empty where it is not known: then sentences stay in doubt.

    References
    ----------
    Cochran (1977), Sampling Techniques, chapter 9A (cluster sampling).
    """
    _, of = np.unique(np.asarray(documents), return_inverse=True)
    return Side(side.scores, np.stack([np.bincount(of, row) for row in side.moved])) if len(of) else side


def side_of_scores(scores: npt.ArrayLike) -> Side:
    """Scores of seeds whose sentences are not known."""
    values = np.asarray(scores, dtype=float).ravel()
    return Side(values, np.zeros((len(values), 0)))


def _freedom(moved: FloatArray) -> float:
    """With how many degrees of freedom the variance of so many sentences is known, by their fourth moment."""
    squares, fourth = float((moved**2).sum()), float((moved**4).sum())
    spread = fourth - squares**2 / len(moved)
    return float(np.clip(2 * squares**2 / spread, 1, MOST_FREEDOM)) if spread > 0 else float(max(len(moved) - 1, 1))


def _blocks(moved: FloatArray) -> float:
    """Variance of sentences drawn in blocks of neighbours, over that of sentences drawn alone."""
    whole = moved[: len(moved) // BLOCK * BLOCK]
    squares = float((whole**2).sum())
    return float((whole.reshape(-1, BLOCK).sum(axis=1) ** 2).sum()) / squares if squares > 0 else math.nan


def fixed_languages(doubts: Sequence[Doubt]) -> Estimate:
    """The mean over languages, which are fixed, with other seeds and other sentences in doubt.

    Where a language has one seed on a side, other sentences alone are: it is about these trained models.
    """
    values, seeds, seed_freedoms, sentences, freedoms, trained, _ = np.array(doubts).T  # of each language
    both = [(seeds, seed_freedoms), (sentences, freedoms)]
    parts = [(trained, freedoms)] if np.isnan(seeds).any() else both
    variances = tuple(float(variance.sum()) / len(doubts) ** 2 for variance, _ in parts)
    return Estimate(float(values.mean()), variances, tuple(summed_freedom(*part) for part in parts))


def resampled_sums(rows: npt.NDArray[Any], n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Column sums of `rows` (n, k) after drawing n rows with replacement: (n_resamples, k).

    Equal rows are one kind; how often each kind is drawn is multinomial.
    """
    kinds, sizes = np.unique(rows, axis=0, return_counts=True)
    return rng.multinomial(len(rows), sizes / len(rows), size=n_resamples) @ kinds.astype(float)


def f1_side(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike) -> Side:
    """Corpus F1 = 2 tp / (2 tp + fp + fn) of each seed, from counts (seeds, sentences)."""
    found, wrong, missed = (np.atleast_2d(np.asarray(array)) for array in (tp, fp, fn))
    return side_of(2 * found, 2 * found + wrong + missed)


# --- verdicts ---------------------------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What may be said of a comparison.

    Attributes
    ----------
    value
        better: the interval lies above 0 (worse: below); equivalent: the interval of level 1 − 2α lies inside ±margin;
        undecided: neither.
    scope
        The widest for which it holds.
    size
        What a better or worse one is beside the margin, where that is known.
    why
        Why it does not reach farther, or is no verdict at all; empty where there is nothing to say.
    """

    value: Value
    scope: Scope
    size: Size = ""
    why: str = ""

    def __str__(self) -> str:
        return f"{self.value}{', ' + self.size if self.size else ''} ({self.scope})"


def margin_at(score: float, margin: float = MARGIN) -> float:
    """The margin at a score, 0..1: at floor and ceiling at most a tenth of what is right, and of what is wrong."""
    return min(margin, RELATIVE_MARGIN * score, RELATIVE_MARGIN * (1 - score))


def languages_needed(alpha: float) -> int:
    """The fewest languages over which an exact two-sided sign-flip test, 2 / 2^n, can go below α."""
    return math.floor(math.log2(2 / alpha)) + 1


def judge(
    ladder: Sequence[tuple[Scope, Estimate]], *, margin: float = MARGIN, alpha: float = 0.05
) -> tuple[Verdict, Estimate]:
    """The verdict at the widest scope for which it holds, and the estimate that shows it.

    Scopes are tested in their order, each only where the one before was decided, so that all of them together are wrong
    with a chance of α (fixed-sequence testing). A language more never takes a verdict away: it may fail to widen it.

    Parameters
    ----------
    ladder
        From the narrowest scope to the widest.
    margin, alpha
        Of the verdict; α of one comparison, after its family's share.

    References
    ----------
    Maurer, Hothorn & Lehmacher (1995), Multiple comparisons in drug clinical trials: a-priori ordered hypotheses.
    """
    scope, estimate, value, why = widest(ladder, lambda one: _value(one, margin, alpha), alpha)
    low, high = estimate.interval(alpha)
    size: Size = ""
    if low > margin or high < -margin:
        size = "by more than the margin"
    elif value in ("better", "worse") and estimate.inside(margin, alpha):
        size = "by less than the margin"
    return Verdict(value, scope, size, why), estimate


Said = TypeVar("Said", bound=str)


def widest(
    ladder: Sequence[tuple[Scope, Estimate]], said_of: Callable[[Estimate], Said], alpha: float
) -> tuple[Scope, Estimate, Said, str]:
    """The widest scope for which the same is said as for the narrowest, and why it reaches no farther.

    Languages like these are spoken of where the sign-flip test over so many languages can go below α at all.
    """
    (scope, estimate), *wider = ladder
    said = said_of(estimate)
    if not estimate.standard_error > 0:
        return scope, estimate, said, ONE_SEED if math.isnan(estimate.standard_error) else NO_SPREAD
    needed = languages_needed(alpha)
    few = f"{needed} languages are needed to speak of languages like these"
    if estimate.units and len(estimate.units) < needed:
        return scope, estimate, said, few
    for farther, other in wider if said != "undecided" else []:
        if len(other.units) < needed:
            return scope, estimate, said, few
        if said_of(other) != said:
            low, high = (f"{100 * end:+.1f}".replace("-", MINUS) for end in other.interval(alpha))
            return scope, estimate, said, f"{farther} it is undecided ({low} to {high} points)"
        scope, estimate = farther, other
    return scope, estimate, said, ""


def _value(estimate: Estimate, margin: float, alpha: float) -> Value:
    low, high = estimate.interval(alpha)
    if low > 0 or high < 0:
        return "better" if low > 0 else "worse"
    return "equivalent" if estimate.inside(margin, alpha) else "undecided"


def share_that_loses(differences: npt.ArrayLike, margin: float, level: float = 0.95) -> float:
    """The share of languages like these, at most, that lose more than the margin: Clopper and Pearson's upper bound.

    References
    ----------
    Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial.
    """
    lost = np.asarray(differences, dtype=float) < -margin
    return float(stats.binomtest(int(lost.sum()), len(lost), alternative="less").proportion_ci(level).high)


# --- what would decide ------------------------------------------------------------------------------------------------

MOST_TRIED = 1000
NEAR = 0.9  # of what is to be found: what sentences alone let be missed by less, seeds in reach hardly change


class Needed(NamedTuple):
    """How much it takes, with how far that itself is in doubt; infinite where nothing that was tried is enough."""

    low: float
    value: float
    high: float

    def __str__(self) -> str:
        ends = (f"{end:.0f}" if math.isfinite(end) else f"over {MOST_TRIED}" for end in (self.low, self.high))
        return " to ".join(dict.fromkeys(ends))


def grown(estimate: Estimate, *, seeds: float, times: float, sentences: float = 1.0) -> Estimate:
    """What `estimate`, of so many seeds, is expected to be with `times` the seeds and so many times the sentences.

    Parameters
    ----------
    estimate
        As `fixed_languages` gives it: seeds, then sentences.
    seeds
        Of each side and language now.
    """
    variances, freedoms = list(estimate.variances), list(estimate.freedoms)
    if len(variances) == 2:
        variances[0] /= times
        freedoms[0] *= (times * seeds - 1) / (seeds - 1)
    variances[-1] /= sentences
    freedoms[-1] *= sentences
    return Estimate(estimate.value, tuple(variances), tuple(freedoms))


def seeds_needed(estimate: Estimate, seeds: int, *, difference: float = MARGIN, alpha: float = 0.05) -> Needed:
    """How many seeds, in these languages, find a true difference of this size 4 times in 5, by the rule of `judge`.

    What was found is not taken for the truth (that would be post hoc power); its variances are, with their own doubt:
    `value` is for the variance of seeds as it is `doubted`, `low` and `high` for what it is below with a chance of .1
    and of .9. Infinite where sentences are the limit, or nearly.

    References
    ----------
    Hoenig & Heisey (2001), The abuse of power, The American Statistician 55.
    """
    alone = Estimate(estimate.value, estimate.variances[1:], estimate.freedoms[1:])
    if alone.power(NEAR * difference, alpha) < POWER:
        return Needed(math.inf, math.inf, math.inf)

    def fewest(share: float) -> float:
        known = estimate.doubted(share)
        return _fewest(lambda k: grown(known, seeds=seeds, times=k / seeds), difference, alpha)

    return Needed(fewest(0.9), fewest(USUAL), fewest(0.1))


def sentences_needed(estimate: Estimate, seeds: int, *, difference: float = MARGIN, alpha: float = 0.05) -> float:
    """How many times the sentences, with these seeds, find a true difference of this size 4 times in 5.

    The variance of seeds, which then decides, is taken for what it is below with a chance of .95.
    """
    known = estimate.doubted(0.05) if len(estimate.variances) == 2 else estimate
    return _fewest(lambda n: grown(known, seeds=seeds, times=1, sentences=n), difference, alpha)


def languages_that_find(units: npt.ArrayLike, *, difference: float = MARGIN, alpha: float = 0.05) -> float:
    """How many languages like these, each as well known as now, find a true mean difference of this size 4 times in 5.

    Their variance is taken as it is `Estimate.doubted`.
    """
    (variance,) = estimate_of(units).doubted().variances
    fewest = _fewest(lambda n: Estimate(0.0, (variance * np.size(units) / n,), (n - 1,)), difference, alpha)
    return max(fewest, languages_needed(alpha))


def _fewest(design: Callable[[int], Estimate], difference: float, alpha: float) -> float:
    """The smallest number whose design finds the difference, by bisection; infinite where none that is tried does."""
    tried = range(2, MOST_TRIED + 1)
    place = bisect.bisect_left(tried, True, key=lambda n: design(n).power(difference, alpha) >= POWER)
    return float(tried[place]) if place < len(tried) else math.inf


def alpha_of_look(alpha: float, look: int, looks: int = 0) -> float:
    """What the look-th look at growing data may spend of α, so that all looks together cost no more than α.

    Where it is known beforehand how many there are at most, half is kept for the last one, which knows most; else
    α / (j (j + 1)), which sums to α. By the union bound a verdict stays valid whenever one stops.

    Parameters
    ----------
    look
        From 1 on.
    looks
        How many there are at most; 0: not known.

    References
    ----------
    Robbins (1970), Statistical methods related to the law of the iterated logarithm; spending functions: Lan & DeMets
    (1983), Discrete sequential boundaries for clinical trials, Biometrika 70.
    """
    if look < 1:
        raise SettingsError(f"expected the number of the look, 1 for the first, got {look}")
    if looks < look:
        return alpha / (look * (look + 1))
    return alpha / 2 if 1 < look == looks else alpha if looks == 1 else alpha / 2 / (looks - 1)


# --- across languages -------------------------------------------------------------------------------------------------


def effect_sizes(*, a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> dict[str, Any]:
    r"""Standardised differences of paired values, a − b.

    :math:`d_z = \bar d / s_d` says how steady the difference is over languages, :math:`d_{av} = \bar d / ((s_a + s_b) /
    2)` how large it is beside the spread of languages; Hedges' correction of it has 2n − 2 degrees of freedom. The
    interval of d_z takes its variance as :math:`1 / n + d_z^2 / (2 n)`.

    Parameters
    ----------
    a, b
        (languages,), the i-th of both of one language.
    level
        Of the interval.

    Returns
    -------
    dict
        `d_z` (`Interval`), `d_av` and `hedges_g_av`; NaN where a standard deviation is 0 or there are too few.

    References
    ----------
    Lakens (2013), Calculating and reporting effect sizes, Frontiers in Psychology 4:863, formula 4; Hedges (1981),
    Distribution theory for Glass's estimator of effect size; interval: Hedges & Olkin (1985), Statistical Methods for
    Meta-Analysis, chapter 5.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    differences, n = first - second, len(first)
    d_z = _ratio(differences.mean(), _sd(differences))
    d_av = _ratio(differences.mean(), (_sd(first) + _sd(second)) / 2)
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(1 / n + d_z**2 / (2 * n))
    g_av = d_av * hedges_correction(2 * n - 2)
    return {"d_z": Interval(d_z, d_z - half, d_z + half, n, level), "d_av": d_av, "hedges_g_av": g_av}


def hedges_correction(degrees_of_freedom: int) -> float:
    r"""Hedges' factor that makes a standardised difference unbiased; NaN below 2 degrees of freedom.

    Exactly :math:`J(m) = \Gamma(m/2) / (\sqrt{m/2}\, \Gamma((m - 1)/2))`, near :math:`1 - 3 / (4m - 1)`.
    """
    if degrees_of_freedom < 2:
        return math.nan
    half = degrees_of_freedom / 2
    return math.exp(math.lgamma(half) - math.lgamma(half - 0.5)) / math.sqrt(half)


class RankTest(NamedTuple):
    """Several methods ranked in each language.

    Attributes
    ----------
    statistic, p
        Iman and Davenport's F of Friedman's test, and its p.
    mean_ranks
        (methods,), 1 is the best.
    critical_difference
        Nemenyi's: mean ranks that are farther apart than this differ at level `alpha`.
    languages, alpha
        What it was computed over, and the level.
    """

    statistic: float
    p: float
    mean_ranks: FloatArray
    critical_difference: float
    languages: int
    alpha: float


def friedman_test(scores: npt.ArrayLike, *, alpha: float = 0.05) -> RankTest:
    r"""Friedman's test over languages by Iman and Davenport's F, and Nemenyi's critical difference of mean ranks.

    :math:`F = (n - 1) \chi^2 / (n (k - 1) - \chi^2)` with k − 1 and (k − 1)(n − 1) degrees of freedom.
    :math:`CD = q_\alpha / \sqrt{2} \cdot \sqrt{k (k + 1) / (6 n)}` for k methods and n languages, q the quantile of the
    studentised range with infinite degrees of freedom.

    Parameters
    ----------
    scores
        (languages, methods), higher is better; three methods at least.
    alpha
        Of the critical difference.

    Raises
    ------
    SettingsError
        For fewer than three methods or two languages, or NaN among the scores.

    References
    ----------
    Iman & Davenport (1980), Approximations of the critical region of the Friedman statistic; Demšar (2006), Statistical
    comparisons of classifiers over multiple data sets, JMLR 7. Nemenyi's groups hang on which methods are ranked
    (Benavoli et al. 2016): they describe; what is judged is each comparison in its family.
    """
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3 or not np.isfinite(table).all():
        raise SettingsError(
            f"expected scores (languages, methods) of 2 languages and 3 methods at least, none missing; got an array "
            f"of shape {table.shape} with {np.count_nonzero(~np.isfinite(table))} missing"
        )
    languages, methods = table.shape
    mean_ranks = stats.rankdata(-table, axis=1).mean(axis=0)
    quantile = stats.studentized_range.ppf(1 - alpha, methods, np.inf)
    critical = float(quantile / math.sqrt(2) * math.sqrt(methods * (methods + 1) / (6 * languages)))
    nothing_differs = (table == table[:, :1]).all()  # Friedman's ratio is 0 / 0
    chi2 = 0.0 if nothing_differs else float(stats.friedmanchisquare(*table.T).statistic)
    most = languages * (methods - 1)  # all languages rank alike
    statistic = (languages - 1) * chi2 / (most - chi2) if chi2 < most else math.inf
    p = float(stats.f.sf(statistic, methods - 1, (methods - 1) * (languages - 1)))
    return RankTest(statistic, p, mean_ranks, critical, languages, alpha)


def _sd(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _ratio(value: float, spread: float) -> float:
    return float(value / spread) if spread > 0 else math.nan
