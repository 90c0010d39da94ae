"""Verdicts: better, worse, equivalent or undecided, with their scope; and what would decide what is undecided.

Differences are a − b in 0..1, one a unit (language or seed); a margin of 0.01 is one F1 point.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.statistics.intervals import check_level

MARGIN = 0.01  # one F1 point
LANGUAGES_LIKE_THESE = 6  # the fewest languages over which an exact two-sided sign-flip test can go below 0.05
Value = Literal["better", "worse", "equivalent", "undecided"]
Scope = Literal["on this test set with these seeds", "on these languages", "on languages like these"]


class EquivalenceTest(NamedTuple):
    """Two one-sided tests.

    Attributes
    ----------
    p
        The larger of the two one-sided p: below α, the difference lies inside ±margin.
    low, high
        The interval of level 1 − 2α that lies inside ±margin exactly when p < α.
    margin
        As given.
    """

    p: float
    low: float
    high: float
    margin: float

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies inside ±margin."""
        return -self.margin < self.low and self.high < self.margin


class Verdict(NamedTuple):
    """What may be said of a comparison.

    Attributes
    ----------
    value
        better: adjusted p < α and the interval excludes 0 (worse likewise); equivalent: the interval of level 1 − 2α
        lies inside ±margin; undecided: neither. A difference that is both told from 0 and inside the margin is better
        (or worse), and `within_margin`.
    scope
        For what it holds.
    within_margin
        Whether the interval of level 1 − 2α lies inside ±margin.
    """

    value: Value
    scope: Scope
    within_margin: bool

    def __str__(self) -> str:
        small = ", by less than the margin" if self.within_margin and self.value in ("better", "worse") else ""
        return f"{self.value}{small} ({self.scope})"


class Decision(NamedTuple):
    """How much more of what would decide an undecided comparison; None where even the most tried would not.

    Attributes
    ----------
    languages
        The fewest languages in all, with as many seeds as now.
    seeds
        The fewest seeds of each language, with these languages.
    """

    languages: int | None
    seeds: int | None


def tost(differences: npt.ArrayLike, *, margin: float = MARGIN, alpha: float = 0.05) -> EquivalenceTest:
    """Two one-sided t tests of equivalence.

    Parameters
    ----------
    differences
        (n,), one a unit.
    margin
        δ, stated beforehand: differences inside ±δ do not matter.
    alpha
        Of each of the two tests.

    Raises
    ------
    SettingsError
        For a margin that is not above 0, or an α outside 0..1.

    References
    ----------
    Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach. J. Pharmacokinetics and
    Biopharmaceutics 15; Lakens (2017), Equivalence tests, Social Psychological and Personality Science 8.
    """
    values = np.asarray(differences, dtype=float).ravel()
    mean = float(values.mean()) if len(values) else math.nan
    error = float(stats.sem(values)) if len(values) > 1 else math.nan
    return tost_from(mean, error, len(values) - 1, margin=margin, alpha=alpha)


def tost_from(
    value: float, standard_error: float, degrees_of_freedom: float, *, margin: float = MARGIN, alpha: float = 0.05
) -> EquivalenceTest:
    """`tost` from an estimate and its standard error, as a two-level bootstrap gives them; NaN where it is unknown."""
    check_level(1 - 2 * alpha)
    if not margin > 0:
        raise SettingsError(f"expected a margin above 0, as 0.01 for one F1 point, got {margin!r}")
    if math.isnan(standard_error) or math.isnan(value):
        return EquivalenceTest(math.nan, math.nan, math.nan, margin)
    freedom = max(degrees_of_freedom, 1)
    half = float(stats.t.ppf(1 - alpha, freedom) * standard_error)
    outside = float(abs(value) >= margin)  # without any spread it is certain
    p = float(stats.t.sf((margin - abs(value)) / standard_error, freedom)) if standard_error > 0 else outside
    return EquivalenceTest(p, value - half, value + half, margin)


def verdict(
    *, adjusted_p: float, low: float, high: float, equivalence: EquivalenceTest, languages: int, alpha: float = 0.05
) -> Verdict:
    """Decide between better, worse, equivalent and undecided (DESIGN, section 6).

    Parameters
    ----------
    adjusted_p
        Of the difference, two-sided, adjusted in its family; NaN when no test was possible.
    low, high
        Of the difference's interval of level 1 − α.
    equivalence
        Of the same differences.
    languages
        How many were compared: one gives the scope of its test set, six or more that of languages like these.
    alpha
        Of the verdict.
    """
    value: Value = "undecided"
    if adjusted_p < alpha and low > 0:
        value = "better"
    elif adjusted_p < alpha and high < 0:
        value = "worse"
    elif equivalence.equivalent:
        value = "equivalent"
    return Verdict(value, scope_of(languages), equivalence.equivalent)


def scope_of(languages: int) -> Scope:
    """For what a verdict over so many languages holds."""
    if languages >= LANGUAGES_LIKE_THESE:
        return "on languages like these"
    return "on these languages" if languages > 1 else "on this test set with these seeds"


# --- what would decide ------------------------------------------------------------------------------------------------

LANGUAGES_TRIED = (6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)
SEEDS_TRIED = (2, 3, 5, 7, 10, 15, 20, 30, 50, 100)


def what_would_decide(
    differences: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    margin: float = MARGIN,
    alpha: float = 0.05,
    power: float = 0.8,
    simulations: int = 2000,
) -> Decision:
    """How many languages, or seeds, would decide, by simulation from the observed variances.

    The observed mean and variances are taken for the truth: languages' means are normal around the mean with the
    variance between languages, seeds normal around them. A simulated study is decided when the t interval over its
    languages excludes 0 or (TOST) lies inside ±margin; with one language the unit is the seed. Estimates of variances
    from few languages are rough, and so is the answer.

    Parameters
    ----------
    differences
        (languages, seeds), a − b; one language is one row.
    rng
        Draws the simulated studies.
    margin, alpha
        Of the verdict.
    power
        Share of simulated studies that must be decided.
    simulations
        Studies for each design tried.
    """
    cells = np.atleast_2d(np.asarray(differences, dtype=float))
    languages, seeds = cells.shape
    mean = float(np.nanmean(cells))
    seed_variance = float(np.nanmean(np.nanvar(cells, axis=1, ddof=1))) if seeds > 1 else 0.0
    between = float(np.nanmean(cells, axis=1).var(ddof=1)) if languages > 1 else 0.0
    language_variance = max(between - seed_variance / seeds, 0.0)

    def decided(number_of_languages: int, number_of_seeds: int) -> bool:
        units = number_of_languages if languages > 1 else number_of_seeds
        variance = language_variance + seed_variance / number_of_seeds if languages > 1 else seed_variance
        return _share_decided(mean, variance, units, margin, alpha, rng, simulations) >= power

    more = [n for n in LANGUAGES_TRIED if n >= languages] if languages > 1 else []
    again = [k for k in SEEDS_TRIED if k >= seeds]
    return Decision(
        next((n for n in more if decided(n, seeds)), None), next((k for k in again if decided(languages, k)), None)
    )


def _share_decided(
    mean: float, variance: float, units: int, margin: float, alpha: float, rng: np.random.Generator, simulations: int
) -> float:
    """Share of studies of so many units whose interval excludes 0 or lies inside the margin."""
    if units < 2:
        return 0.0
    means = rng.normal(mean, math.sqrt(variance / units), size=simulations)
    errors = np.sqrt(variance * rng.chisquare(units - 1, size=simulations) / (units - 1) / units)
    can_tell = 2 / 2**units < alpha  # so few units say nothing to the sign-flip test
    told = can_tell & (np.abs(means) > stats.t.ppf(1 - alpha / 2, units - 1) * errors)
    inside = np.abs(means) + stats.t.ppf(1 - alpha, units - 1) * errors < margin
    return float((told | inside).mean())


def smallest_detectable(standard_deviation: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true mean difference that a study of n units finds with this chance.

    Of the two-sided paired t test (statsmodels); infinite where n units cannot reach α in an exact sign-flip test.

    Parameters
    ----------
    standard_deviation
        Of the differences over units, 0..1.
    n
        Units.
    alpha, power
        Of the test.

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    if n < 2 or 2 / 2**n >= alpha or math.isnan(standard_deviation):
        return math.inf
    from statsmodels.stats.power import TTestPower

    size = TTestPower().solve_power(effect_size=None, nobs=n, alpha=alpha, power=power, alternative="two-sided")
    return float(np.squeeze(size)) * standard_deviation
