"""Equivalence equals statsmodels'; the four verdicts and their scope; what would decide is what then decides."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from nerlib import statistics
from nerlib.errors import SettingsError

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("mean", [-0.004, 0.0, 0.02])
def test_tost_equals_statsmodels(mean):
    differences = RNG.normal(mean, 0.006, size=9)
    found = statistics.tost(differences, margin=0.01)
    assert found.p == pytest.approx(DescrStatsW(differences).ttost_mean(-0.01, 0.01)[0])
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.equivalent == (found.p < 0.05)


def judged(differences, languages=None, margin=0.01):
    interval = statistics.mean_interval(differences)
    return statistics.verdict(
        adjusted_p=statistics.sign_flip_test(differences).p,
        low=interval.low,
        high=interval.high,
        equivalence=statistics.tost(differences, margin=margin),
        languages=len(differences) if languages is None else languages,
    )


@pytest.mark.parametrize(
    "differences, expected",
    [
        ([0.03, 0.02, 0.04, 0.03, 0.02, 0.03], "better (on languages like these)"),
        ([-0.03, -0.02, -0.04, -0.03, -0.02, -0.03], "worse (on languages like these)"),
        ([0.004, 0.003, 0.004, 0.005, 0.003, 0.004], "better, by less than the margin (on languages like these)"),
        ([0.004, -0.003, 0.002, -0.005, 0.001, 0.0], "equivalent (on languages like these)"),
        ([0.04, -0.03, 0.02, -0.05, 0.01, 0.0], "undecided (on languages like these)"),
        ([0.03, 0.02, 0.04, 0.03, 0.02], "undecided (on these languages)"),  # five: p cannot go below 0.0625
        ([0.03], "undecided (on this test set with these seeds)"),
    ],
)
def test_verdicts(differences, expected):
    assert str(judged(differences)) == expected


def test_the_smallest_detectable_difference_is_found_as_often_as_it_says():
    effect = statistics.smallest_detectable(0.02, 10)
    samples = np.random.default_rng(4).normal(effect, 0.02, size=(20_000, 10))
    assert (stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.01)
    assert statistics.smallest_detectable(0.02, 5) == math.inf


def test_what_would_decide_does_decide():
    """Six languages cannot tell a small difference; as many as it says can, four times in five."""
    rng = np.random.default_rng(5)
    cells = 0.01 + rng.normal(0, 0.02, size=(6, 1)) + rng.normal(0, 0.01, size=(6, 3))
    needed = statistics.what_would_decide(cells, rng=rng)
    assert needed.languages is not None and needed.languages > 6
    spread = cells.mean(axis=1).std(ddof=1)  # of languages' means over three seeds
    studies = rng.normal(cells.mean(), spread, size=(5000, needed.languages))
    told = stats.ttest_1samp(studies, 0, axis=1).pvalue < 0.05
    low, high = stats.ttest_1samp(studies, 0, axis=1).confidence_interval(0.90)
    assert (told | ((low > -0.01) & (high < 0.01))).mean() > 0.75
    assert needed.seeds is None  # more seeds cannot make up for few languages


def test_with_one_language_more_seeds_decide():
    rng = np.random.default_rng(6)
    needed = statistics.what_would_decide(rng.normal(0.02, 0.02, size=(1, 5)), rng=rng)
    assert needed.languages is None
    assert needed.seeds >= 6  # the fewest over which a sign-flip test can tell


def test_bad_input_is_named():
    with pytest.raises(SettingsError, match=r"margin above 0, as 0\.01 for one F1 point, got 0"):
        statistics.tost([0.1, 0.2], margin=0)
    with pytest.raises(SettingsError, match="level between 0 and 1"):
        statistics.tost([0.1, 0.2], alpha=0.6)
