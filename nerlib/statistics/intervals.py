"""Intervals, of a mean over seeds, of a share, and how wide one of F1 will be; effect sizes, ranks, families of tests.

Pure functions on arrays. Scores and F1 are shares (0..1); higher is better. Across languages the language is the unit:
arrays are (languages,), each language's mean over seeds. Nothing pools languages × seeds as if they were independent.

Many tests at α each find something by chance, so p values are adjusted within a family. Comparisons have intervals,
which hold at once: each is judged at α over their number (Bonferroni). What has none goes through Holm.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray


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
    low, high = np.clip([interval.low, interval.high], 0, 1)
    return interval._replace(low=float(low), high=float(high))


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
    interval = Interval(d_z, d_z - half, d_z + half, n, level)
    return {"d_z": interval, "d_av": d_av, "hedges_g_av": d_av * hedges_correction(2 * n - 2)}


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
    width = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / math.sqrt(2)
    critical = float(width * math.sqrt(methods * (methods + 1) / (6 * languages)))
    nothing_differs = (table == table[:, :1]).all()  # Friedman's ratio is 0 / 0
    chi2 = 0.0 if nothing_differs else float(stats.friedmanchisquare(*table.T).statistic)
    most = languages * (methods - 1)  # all languages rank alike
    statistic = (languages - 1) * chi2 / (most - chi2) if chi2 < most else math.inf
    p = float(stats.f.sf(statistic, methods - 1, (methods - 1) * (languages - 1)))
    return RankTest(statistic, p, mean_ranks, critical, languages, alpha)


# --- families of tests ------------------------------------------------------------------------------------------------


def _sd(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _ratio(value: float, spread: float) -> float:
    return float(value / spread) if spread > 0 else math.nan
