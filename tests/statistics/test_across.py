"""Tests over languages equal scipy's, statsmodels' and scikit-posthocs'; effect sizes equal their formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scikit_posthocs import posthoc_nemenyi_friedman
from scipy import stats

from nerlib import statistics
from nerlib.errors import SettingsError

RNG = np.random.default_rng(3)


def sign_flip_p(values):
    return statistics.flipped_signs_p(tuple(values))


def scipys_sign_flip(values, **how):
    """Swapping the sides of a pair flips the sign of its difference."""
    return stats.permutation_test(
        (values, np.zeros_like(values)), lambda a, b, axis: (a - b).mean(axis=axis), permutation_type="samples",
        vectorized=True, alternative="two-sided", **how,
    ).pvalue  # fmt: skip


@pytest.mark.parametrize("n", [2, 3, 6, 10, 12])
def test_the_exact_sign_flip_test_equals_scipys(n):
    values = RNG.normal(0.4, 1, size=n)
    assert sign_flip_p(values) == pytest.approx(scipys_sign_flip(values, n_resamples=2**13))
    assert sign_flip_p(np.abs(values)) == 2 / 2**n


def test_ties_count_as_ties():
    values = np.array([1.0, 1.0, 2.0, -1.0, 0.0, 0.1 + 0.2, -0.3])
    assert sign_flip_p(values) == pytest.approx(scipys_sign_flip(values, n_resamples=2**10))


def test_beyond_sixteen_units_signs_are_drawn_always_the_same():
    values = RNG.normal(0.5, 1, size=20)
    expected = scipys_sign_flip(values, n_resamples=40_000, rng=np.random.default_rng(2))
    assert sign_flip_p(values) == pytest.approx(expected, abs=6 * math.sqrt(expected / 40_000))


@given(st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=9))
def test_p_is_possible_and_has_no_side(values):
    assert 2 / 2 ** len(values) <= sign_flip_p(values) <= 1
    assert sign_flip_p(np.negative(values)) == sign_flip_p(values)


def test_what_the_african_study_prints_is_the_smallest_p_over_nine_pooled_pairs():
    """All nine differences positive: 2 / 2^9, printed as .0039 (PITFALLS 33); over its three languages it is .25."""
    gains = np.array([4.1, 3.9, 3.6, 4.3, 4.0, 4.2, 3.3, 3.4, 3.5])
    assert round(sign_flip_p(gains), 4) == 0.0039
    assert sign_flip_p(gains.reshape(3, 3).mean(axis=1)) == 0.25


@pytest.mark.parametrize("cells", [2, 9, 16, 30])
def test_the_source_s_test_over_cells_equals_scipys_and_is_the_same_each_time(cells):
    values = np.random.default_rng(cells).normal(0.3, 1, cells)
    exact = cells <= 16  # beyond, what is drawn would differ from one look to the next
    theirs = stats.ttest_1samp(values, 0).pvalue
    if exact:
        theirs = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert statistics.pooled_p(values) == pytest.approx(theirs) == statistics.pooled_p(values)


def test_effect_sizes_are_their_formulas():
    a, b = np.array([0.8, 0.7, 0.9, 0.6]), np.array([0.7, 0.65, 0.75, 0.6])
    found = statistics.effect_sizes(a=a, b=b)
    d = a - b
    assert found["d_z"].value == pytest.approx(d.mean() / d.std(ddof=1))
    assert found["d_av"] == pytest.approx(d.mean() / ((a.std(ddof=1) + b.std(ddof=1)) / 2))
    # Lakens (2013), formula 4, with as many on both sides: 2n − 2 degrees of freedom
    assert found["hedges_g_av"] / found["d_av"] == pytest.approx(1 - 3 / (4 * (4 + 4) - 9), abs=0.01)
    assert math.isnan(statistics.hedges_correction(1))


def test_hedges_correction_takes_the_bias_off():
    differences = np.random.default_rng(5).normal(0.8, 1, size=(20_000, 5))
    d = differences.mean(axis=1) / differences.std(axis=1, ddof=1)
    assert d.mean() > 0.9
    assert (d * statistics.hedges_correction(4)).mean() == pytest.approx(0.8, abs=0.02)


def test_the_interval_of_an_effect_size_holds_it():
    rng = np.random.default_rng(6)
    held = [statistics.effect_sizes(a=rng.normal(0.8, 1, 20), b=np.zeros(20))["d_z"].contains(0.8) for _ in range(1000)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_friedman_and_nemenyi():
    scores = RNG.normal([0.7, 0.71, 0.72, 0.8], 0.05, size=(12, 4))
    found = statistics.friedman_test(scores)
    theirs = stats.friedmanchisquare(*scores.T)
    f = 11 * theirs.statistic / (12 * 3 - theirs.statistic)  # Demšar (2006), section 3.2.2
    assert (found.statistic, found.p) == pytest.approx((f, stats.f.sf(f, 3, 33)))
    assert found.mean_ranks.argmin() == 3 and found.mean_ranks.sum() == pytest.approx(10)
    # Demšar (2006), table 5: q of two-tailed Nemenyi at .05 for 4 methods is 2.569
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 12)), abs=1e-3)
    apart = np.abs(np.subtract.outer(found.mean_ranks, found.mean_ranks)) > found.critical_difference
    assert (apart == (posthoc_nemenyi_friedman(scores).to_numpy() < 0.05)).all()


def test_methods_that_never_differ_are_not_told_apart():
    found = statistics.friedman_test(np.full((5, 3), 0.5))
    assert found.p == 1 and found.mean_ranks.tolist() == [2, 2, 2]


def test_too_few_methods_are_named():
    with pytest.raises(SettingsError, match="3 methods at least"):
        statistics.friedman_test([[1, 2], [2, 1]])
