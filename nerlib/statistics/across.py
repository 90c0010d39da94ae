"""Across languages: the language is the unit, its seeds and sentences are repetitions inside it.

Arrays are (languages,), each language's mean over seeds, in 0..1; higher is better. Nothing here pools languages ×
seeds as if they were independent, except `as_the_source_reports`, which says so.
"""

import functools
import math
import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray
from nerlib.statistics.drawing import check_draws, check_level
from nerlib.statistics.intervals import Interval

EXACT_UP_TO = 12  # units: all 2^12 signs are counted; beyond, signs are drawn
TIE = 1e-12


class SignFlipTest(NamedTuple):
    """A mean difference and its two-sided p by flipping signs.

    Attributes
    ----------
    value
        The mean difference.
    p
        Two-sided; exact, or (as extreme + 1) / (draws + 1).
    smallest_p
        What no result over so many units can go below: 2 / 2^n when exact, 1 / (draws + 1) else.
    n
        Units: languages, or seeds.
    exact
        Whether all signs were counted.
    """

    value: float
    p: float
    smallest_p: float
    n: int
    exact: bool


class PooledTest(NamedTuple):
    """What a source study reports when it takes cells (languages × seeds) for independent units. They are not.

    Attributes
    ----------
    value, t, p
        Mean difference, paired t, its two-sided p.
    cohens_d
        Mean difference over the root mean square of both sides' standard deviations over cells.
    cells
        Languages × seeds.
    """

    value: float
    t: float
    p: float
    cohens_d: float
    cells: int


class EffectSize(NamedTuple):
    """Standardised mean differences over languages; NaN where a standard deviation is 0 or there are too few.

    Attributes
    ----------
    d_z, hedges_g_z
        Mean over the standard deviation *of the differences*; and corrected for few languages.
    d_av, hedges_g_av
        Mean over the mean of both sides' standard deviations; and corrected.
    """

    d_z: float
    hedges_g_z: float
    d_av: float
    hedges_g_av: float


# --- two methods ------------------------------------------------------------------------------------------------------


def sign_flip_test(
    differences: npt.ArrayLike, *, rng: np.random.Generator | None = None, draws: int = 10_000
) -> SignFlipTest:
    """Sign-flip (one-sample permutation) test that the mean of paired differences is 0, two-sided.

    Under the null hypothesis each unit's difference could as well have had the other sign. All 2^n signs are counted up
    to n = 12; beyond, `draws` of them are drawn.

    Parameters
    ----------
    differences
        (n,), one a unit: a language's mean over seeds, or one seed's difference within a language.
    rng
        Draws signs; needed for more than 12 units.
    draws
        Number of drawn signs.

    Raises
    ------
    SettingsError
        For no differences, NaN among them, or more than 12 without a generator.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21; Phipson & Smyth (2010) for the drawn form.
    """
    values = _finite(differences)
    n = len(values)
    observed = abs(values.sum()) - TIE * n
    if n <= EXACT_UP_TO:
        # A sign pattern and its opposite are equally extreme: half of them are enough.
        as_extreme = int((np.abs(_signs(n) @ values) >= observed).sum())
        return SignFlipTest(float(values.mean()), as_extreme / 2 ** (n - 1), 2 / 2**n, n, True)
    if rng is None:
        raise SettingsError(f"expected a generator to draw the signs of {n} differences (over {EXACT_UP_TO}), met None")
    check_draws(draws)
    signs = rng.integers(2, size=(draws, n), dtype=np.int8)
    sums = 2 * (signs @ values) - values.sum()
    as_extreme = int((np.abs(sums) >= observed).sum())
    return SignFlipTest(float(values.mean()), (as_extreme + 1) / (draws + 1), 1 / (draws + 1), n, False)


@functools.cache
def _signs(n: int) -> FloatArray:
    """Half of all signs of n units, the first one's fixed: (2^(n − 1), n)."""
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n)[None, ::-1] & 1
    return np.where(bits, -1.0, 1.0)


def wilcoxon_p(differences: npt.ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (scipy); 1 when all differences are 0.

    References
    ----------
    Wilcoxon (1945), Individual comparisons by ranking methods.
    """
    values = _finite(differences)
    if not values.any():
        return 1.0
    with warnings.catch_warnings():  # scipy says that ties make the p approximate
        warnings.simplefilter("ignore")
        return float(stats.wilcoxon(values).pvalue)


def effect_sizes(*, a: npt.ArrayLike, b: npt.ArrayLike) -> EffectSize:
    r"""Standardised differences of paired values, a − b.

    :math:`d_z = \bar d / s_d` says how steady the difference is over languages, :math:`d_{av} = \bar d / ((s_a + s_b) /
    2)` how large it is beside the spread of languages. Hedges' correction, exactly :math:`J(m) = \Gamma(m/2) /
    (\sqrt{m/2}\, \Gamma((m - 1)/2))` with m = n − 1, takes off the bias of few languages.

    Parameters
    ----------
    a, b
        (languages,), the i-th of both of one language.

    References
    ----------
    Lakens (2013), Calculating and reporting effect sizes, Frontiers in Psychology 4:863; Hedges (1981), Distribution
    theory for Glass's estimator of effect size.
    """
    first, second = _pairs(a, b)
    differences, n = first - second, len(first)
    if n < 2:
        return EffectSize(math.nan, math.nan, math.nan, math.nan)
    mean = differences.mean()
    d_z = _ratio(mean, differences.std(ddof=1))
    d_av = _ratio(mean, (first.std(ddof=1) + second.std(ddof=1)) / 2)
    correction = hedges_correction(n - 1)
    return EffectSize(d_z, d_z * correction, d_av, d_av * correction)


def hedges_correction(degrees_of_freedom: int) -> float:
    """Hedges' factor J that makes a standardised difference unbiased; NaN below 2 degrees of freedom."""
    if degrees_of_freedom < 2:
        return math.nan
    half = degrees_of_freedom / 2
    return float(np.exp(special.gammaln(half) - special.gammaln(half - 0.5)) / math.sqrt(half))


def as_the_source_reports(*, a: npt.ArrayLike, b: npt.ArrayLike) -> PooledTest:
    """Paired t-test and Cohen's d over pooled cells, as the African study reports its comparisons.

    Cells of one language share its sentences and its difficulty, so they are not independent: p is too small, often by
    far. It stands here to be shown beside the test over languages, and under this name.

    Parameters
    ----------
    a, b
        (cells,), a cell is a language with a seed.

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2. Against pooling: Hurlbert (1984),
    Pseudoreplication and the design of ecological field experiments.
    """
    first, second = _pairs(a, b)
    differences, cells = first - second, len(first)
    mean = float(differences.mean())
    spread = differences.std(ddof=1) if cells > 1 else math.nan
    t = _ratio(mean, spread / math.sqrt(cells))
    p = float(2 * stats.t.sf(abs(t), cells - 1)) if cells > 1 else math.nan
    pooled = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2) if cells > 1 else math.nan
    return PooledTest(mean, t, p, _ratio(mean, pooled), cells)


# --- collapse ---------------------------------------------------------------------------------------------------------


def collapse_rate(collapsed: npt.ArrayLike, *, level: float = 0.95) -> Interval:
    """Share of runs that collapsed (true in `collapsed`), with Wilson's interval; `n` is the number of runs.

    A collapsed run is a result: it is counted here and stays in every mean.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    from statsmodels.stats.proportion import proportion_confint

    values = _finite(collapsed)
    check_level(level)
    low, high = proportion_confint(int(values.sum()), len(values), alpha=1 - level, method="wilson")
    return Interval(float(values.mean()), float(low), float(high), len(values), level)


# --- shared -----------------------------------------------------------------------------------------------------------


def _finite(values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=float).ravel()
    if not len(array) or not np.isfinite(array).all():
        raise SettingsError(
            f"expected a number of each unit, met {len(array)}, {np.count_nonzero(~np.isfinite(array))} of them missing"
        )
    return array


def _pairs(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = _finite(a), _finite(b)
    if first.shape != second.shape:
        raise SettingsError(f"expected pairs, met arrays of shapes {first.shape} and {second.shape}")
    return first, second


def _ratio(value: float, spread: float) -> float:
    return float(value / spread) if spread > 0 else math.nan
