"""Intervals: of a mean over seeds, of a difference paired by seed, and of F1 over the sentences of a test set.

Pure functions on arrays. Scores and F1 are shares (0..1). Whatever is drawn comes from the generator that is handed in.
Two kinds of doubt are kept apart: an interval *over seeds* says what other seeds would give on the same test set, one
*over sentences* what the same predictions would score on other sentences like these.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray, f1_from_counts
from nerlib.statistics.drawing import check_level, found_and_wrong, percentiles, resampled_sums


class Interval(NamedTuple):
    """An estimate and its confidence interval.

    Attributes
    ----------
    value
        The estimate.
    low, high
        The interval's ends; NaN when `n` is too small to tell.
    n
        What the interval is over: seeds, pairs or sentences.
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


# --- over seeds -----------------------------------------------------------------------------------------------------


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Mean over seeds with Student's t interval, mean ± t(n − 1) · sd / √n.

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
    check_level(level)
    if np.isnan(scores).any():
        raise SettingsError(f"expected a score of each seed, met NaN for {np.isnan(scores).sum()} of {len(scores)}")
    n = len(scores)
    if n < 2:
        return Interval(float(scores[0]) if n else math.nan, math.nan, math.nan, n, level)
    mean = float(scores.mean())
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * scores.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n, level)


def paired_interval(*, a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Mean of the differences a − b of pairs (the same seed in both), with Student's t interval over the pairs.

    Parameters
    ----------
    a, b
        Scores (n,), the i-th of both from the same seed.
    level
        Of the interval.

    Raises
    ------
    SettingsError
        As `mean_interval`, and when the two are not of one length.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape:
        raise SettingsError(f"expected pairs, met arrays of shapes {first.shape} and {second.shape}")
    return mean_interval(first - second, level)


# --- over sentences -------------------------------------------------------------------------------------------------


def bootstrap_f1(
    tp: npt.ArrayLike,
    fp: npt.ArrayLike,
    fn: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """Corpus F1 with the percentile interval of the sentence bootstrap.

    Sentences are drawn again with replacement, and F1 is computed anew from the sums of their counts: F1 is no mean of
    sentences.

    Parameters
    ----------
    tp, fp, fn
        Counts by sentence, (sentences,), or (sentences, types) to be summed over types.
    rng
        Draws the sentences.
    draws
        Number of resampled test sets.
    level
        Of the interval.

    Returns
    -------
    Interval
        `n` is the number of sentences.

    Raises
    ------
    SettingsError
        When the counts are of different shapes or empty, `draws` < 1, or `level` is not between 0 and 1.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13; for F1 in language processing
    Berg-Kirkpatrick, Burkett & Klein (2012), An empirical investigation of statistical significance in NLP.
    """
    found, wrong = found_and_wrong((tp, fp, fn))
    check_level(level)
    sums = resampled_sums(np.stack([found, wrong], axis=1), draws, rng)  # (draws, 2)
    low, high = percentiles(f1_from_counts(sums[:, 0], sums[:, 1], 0), level)
    return Interval(float(f1_from_counts(found.sum(), wrong.sum(), 0)), low, high, len(found), level)


def paired_bootstrap_f1(
    a: Sequence[npt.ArrayLike],
    b: Sequence[npt.ArrayLike],
    *,
    rng: np.random.Generator,
    draws: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """Difference of two systems' corpus F1, a − b, with the percentile interval of the paired sentence bootstrap.

    Both are computed on the same drawn sentences, so that a hard draw is hard for both.

    Parameters
    ----------
    a, b
        Each (tp, fp, fn) by sentence, as for `bootstrap_f1` (an `EntityCounts` is one), of the same sentences.
    rng, draws, level
        As for `bootstrap_f1`.

    Raises
    ------
    SettingsError
        As `bootstrap_f1`, and when the two do not count the same gold entities in each sentence: these are different
        test sets.
    """
    gold_a, gold_b = (np.asarray(tp) + np.asarray(fn) for tp, _, fn in (a, b))
    gold_a, gold_b = (gold.reshape(len(gold), -1).sum(axis=1) for gold in (gold_a, gold_b))
    if len(gold_a) != len(gold_b):
        raise SettingsError(f"expected counts of the same sentences, met {len(gold_a)} and {len(gold_b)} sentences")
    if (differ := np.flatnonzero(gold_a != gold_b)).size:
        raise SettingsError(f"expected the same gold entities on both sides, met others in sentence {differ[0] + 1}")
    check_level(level)
    (found_a, wrong_a), (found_b, wrong_b) = found_and_wrong(a), found_and_wrong(b)
    sums = resampled_sums(np.stack([found_a, wrong_a, found_b, wrong_b], axis=1), draws, rng)  # (draws, 4)
    differences = f1_from_counts(sums[:, 0], sums[:, 1], 0) - f1_from_counts(sums[:, 2], sums[:, 3], 0)
    value = f1_from_counts(found_a.sum(), wrong_a.sum(), 0) - f1_from_counts(found_b.sum(), wrong_b.sum(), 0)
    return Interval(float(value), *percentiles(differences, level), len(gold_a), level)


def expected_f1_width(
    entities: npt.ArrayLike, f1: npt.ArrayLike, *, level: float = 0.95, correlation: float = 0.0
) -> FloatArray:
    r"""How wide the F1 interval over sentences will be on a test set, before anything was trained.

    The model: each gold entity is found with probability F1, and each that is missed leaves one spurious entity (as
    errors of boundary and of type do), so that F1 = found / entities is a share, with the variance of a share,
    :math:`F_1 (1 - F_1) / G`, for G entities. Entities of one sentence may be found or missed together: a correlation
    ρ multiplies the variance by Kish's design effect :math:`1 + \rho (\sum_i g_i^2 / G - 1)`, where g_i are the
    entities of sentence i. The width is :math:`2 z` standard deviations.

    Parameters
    ----------
    entities
        Gold entities of each sentence of the test set, (sentences,).
    f1
        F1 to be expected: a scalar or an array.
    level
        Of the interval.
    correlation
        ρ, 0 to 1.

    Returns
    -------
    ndarray of float64
        The distance from the interval's low to its high end, of the shape of `f1`; NaN for a test set without entities,
        and 0 at F1 of 0 and 1, where the approximation says nothing.

    References
    ----------
    Kish (1965), Survey Sampling, section 5.4 (design effect).
    """
    per_sentence = np.asarray(entities, dtype=float).ravel()
    share = np.asarray(f1, dtype=float)
    check_level(level)
    if not (0 <= correlation <= 1 and ((share >= 0) & (share <= 1)).all()):
        raise SettingsError(f"expected f1 and correlation from 0 to 1, met {f1!r} and {correlation!r}")
    total = per_sentence.sum()
    if total == 0:
        return np.full(share.shape, math.nan)
    design_effect = 1 + correlation * ((per_sentence**2).sum() / total - 1)
    return 2 * stats.norm.ppf((1 + level) / 2) * np.sqrt(share * (1 - share) / total * design_effect)
