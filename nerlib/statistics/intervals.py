"""Intervals: of a mean over seeds, of a share; and how wide one of F1 will be.

Pure functions on arrays. Scores and F1 are shares (0..1).
"""

import math
from typing import NamedTuple

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
