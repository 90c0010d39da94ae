r"""A difference with its doubt, and the one rule by which all is judged: interval and p of one and the same test.

Verdicts (better, worse, equivalent or undecided) with their scope, and what would decide what is undecided. Differences
are a − b in 0..1; a margin of 0.01 is one F1 point.

What could have come out otherwise (the seeds, the sentences; or the languages) are independent parts, each a variance
with its degrees of freedom. Student's half-width of each is :math:`t_{\nu}(1 - \alpha/2) \sqrt V`; half-widths add as
the root of their squares (Howe 1974). No draws: the same data give the same digits.
"""

import bisect
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from nerlib.errors import SettingsError
from nerlib.formats import MINUS
from nerlib.scoring import FloatArray

EXACT_UP_TO = 16  # units: all 2^16 signs are counted; beyond, as many are drawn
SMALLEST_P = 1e-100
MOST_FREEDOM = 1e9
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
NO_SPREAD = "nothing varies, so chance cannot be told"


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
        quantiles = special.stdtrit(np.minimum(self.freedoms, MOST_FREEDOM), alpha / 2)
        return math.sqrt(float(np.dot(quantiles**2, self.variances)))

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
        if self.half_width(SMALLEST_P) <= distance:
            student = SMALLEST_P
        else:
            student = math.exp(
                optimize.brentq(lambda x: self.half_width(math.exp(x)) - distance, math.log(SMALLEST_P), 0)
            )
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

    def detectable(self, alpha: float, power: float = 0.8) -> float:
        """The true difference that a study like this one finds with this chance."""
        return self.half_width(alpha) + self.half_width(2 * (1 - power))


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
    above = np.mean(units) >= null
    beyond = int((means <= null + TIE).sum() if above else (means >= null - TIE).sum())
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
    if value in ("better", "worse"):
        beyond = low > margin or high < -margin
        inside = estimate.inside(margin, alpha)
        size = "by more than the margin" if beyond else "by less than the margin" if inside else ""
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
        why = ONE_SEED if math.isnan(estimate.standard_error) else NO_SPREAD
        return scope, estimate, said, why
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
    values = np.asarray(differences, dtype=float)
    lost = int((values < -margin).sum())
    return float(stats.binomtest(lost, len(values), alternative="less").proportion_ci(level).high)


# --- what would decide ------------------------------------------------------------------------------------------------

MOST_TRIED = 1000
NEAR = 0.9  # of what is to be found: what sentences alone let be missed by less, seeds in reach hardly change
USUAL = 0.4  # a variance is taken for what it is below with a chance of .6: so 4 times in 5 are 3 in 4 at least


class Needed(NamedTuple):
    """How much it takes, with how far that itself is in doubt; infinite where nothing that was tried is enough."""

    low: float
    value: float
    high: float

    def __str__(self) -> str:
        ends = [f"{end:.0f}" if math.isfinite(end) else f"over {MOST_TRIED}" for end in (self.low, self.high)]
        return " to ".join(dict.fromkeys(ends))


def grown(estimate: Estimate, *, seeds: float, times: float, sentences: float = 1.0, doubtful: float = 1.0) -> Estimate:
    """What `estimate`, of so many seeds, is expected to be with `times` the seeds and so many times the sentences.

    Parameters
    ----------
    estimate
        As `fixed_languages` gives it: seeds, then sentences.
    seeds
        Of each side and language now.
    doubtful
        By how much the variance of seeds may be larger than it was found.
    """
    variances, freedoms = list(estimate.variances), list(estimate.freedoms)
    if len(variances) == 2:
        variances[0] *= doubtful / times
        freedoms[0] *= (times * seeds - 1) / (seeds - 1)
    variances[-1] /= sentences
    freedoms[-1] *= sentences
    return Estimate(estimate.value, tuple(variances), tuple(freedoms))


def seeds_needed(
    estimate: Estimate, seeds: int, *, difference: float = MARGIN, alpha: float = 0.05, power: float = 0.8
) -> Needed:
    """How many seeds, in these languages, find a true difference of this size with this chance, by the rule of `judge`.

    What was found is not taken for the truth (that would be post hoc power); its variances are, with their own doubt:
    `value` is for what the variance of seeds is below with a chance of .6, `low` and `high` for .1 and .9. Infinite
    where sentences are the limit, or nearly.

    References
    ----------
    Hoenig & Heisey (2001), The abuse of power, The American Statistician 55.
    """
    alone = Estimate(estimate.value, estimate.variances[1:], estimate.freedoms[1:])
    if alone.detectable(alpha, power) > NEAR * difference:
        return Needed(math.inf, math.inf, math.inf)

    def fewest(share: float) -> float:
        doubtful = _doubtful(estimate.freedoms[0], share)
        return _fewest(
            lambda k: grown(estimate, seeds=seeds, times=k / seeds, doubtful=doubtful), difference, alpha, power
        )

    return Needed(fewest(0.9), fewest(USUAL), fewest(0.1))


def _doubtful(freedom: float, share: float = USUAL) -> float:
    """By how much a variance of so many degrees of freedom is larger than it was found, with this chance at most."""
    return freedom / float(stats.chi2.ppf(share, freedom))


def sentences_needed(estimate: Estimate, seeds: int, *, difference: float = MARGIN, alpha: float = 0.05) -> float:
    """How many times the sentences, with these seeds, find a true difference of this size 4 times in 5.

    The variance of seeds, which then decides, is taken for what it is below with a chance of .95.
    """
    doubtful = _doubtful(estimate.freedoms[0], 0.05) if len(estimate.variances) == 2 else 1.0
    return _fewest(
        lambda n: grown(estimate, seeds=seeds, times=1, sentences=n, doubtful=doubtful), difference, alpha, 0.8
    )


def languages_that_find(
    units: npt.ArrayLike, *, difference: float = MARGIN, alpha: float = 0.05, power: float = 0.8
) -> float:
    """How many languages like these, each as well known as now, find a true mean difference of this size 4 times in 5.

    Their variance is taken for what it is below with a chance of two in three (3 in 4 languages then find it at least).
    """
    now = estimate_of(units)
    spread = now.variances[0] * np.size(units) * _doubtful(now.freedoms[0], 0.33)
    found = _fewest(lambda n: Estimate(now.value, (spread / n,), (n - 1,)), difference, alpha, power)
    return max(found, languages_needed(alpha))


def _fewest(design: Callable[[int], Estimate], difference: float, alpha: float, power: float) -> float:
    """The smallest number whose design finds the difference, by bisection; infinite where none that is tried does."""
    tried = range(2, MOST_TRIED + 1)
    place = bisect.bisect_left(tried, True, key=lambda n: design(n).detectable(alpha, power) <= difference)
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
