"""What pingouin and autorank have, too, is equal. They are asked where they are installed (see CONTRIBUTING)."""

import numpy as np
import pandas as pd
import pytest

from nerlib import statistics

ALPHA, MARGIN = 0.05, 0.01


@pytest.fixture
def pingouin():
    return pytest.importorskip("pingouin")


@pytest.fixture
def sides():
    """Two methods' means over ten languages."""
    rng = np.random.default_rng(1)
    first = rng.normal(0.7, 0.05, size=10)
    return first, first - rng.normal(0.004, 0.01, size=10)


def test_the_estimate_over_languages_is_the_paired_t_test(pingouin, sides):
    told = pingouin.ttest(*sides, paired=True).iloc[0]
    assert statistics.estimate_of(np.subtract(*sides)).p() == pytest.approx(told["p_val"])


def test_two_one_sided_tests(pingouin, sides):
    p = pingouin.tost(*sides, bound=MARGIN, paired=True)["pval"].iloc[0]
    found = statistics.estimate_of(np.subtract(*sides))
    assert found.inside(MARGIN, 1.001 * p) and not found.inside(MARGIN, 0.999 * p)


def test_effect_sizes(pingouin, sides):
    cohen = pingouin.compute_effsize(*sides, paired=True, eftype="cohen")
    hedges = pingouin.compute_effsize(*sides, paired=True, eftype="hedges")  # by the approximate factor
    assert statistics.hedges_correction(18) * cohen == pytest.approx(hedges, rel=1e-3)


def test_ranks_and_iman_and_davenports_f(pingouin):
    scores = pd.DataFrame(np.random.default_rng(3).normal((0, 0, 0.5, 1), size=(9, 4)), columns=list("abcd"))
    found = statistics.friedman_test(scores, alpha=ALPHA)
    assert found.statistic == pytest.approx(pingouin.friedman(scores, method="f")["F"].iloc[0])


def test_mean_ranks_and_the_critical_difference_are_autoranks():
    autorank = pytest.importorskip("autorank")
    scores = pd.DataFrame(np.random.default_rng(3).normal((0, 0, 0.5, 1), size=(9, 4)), columns=list("abcd"))
    told = autorank.autorank(scores, alpha=ALPHA, force_mode="nonparametric")
    found = statistics.friedman_test(scores, alpha=ALPHA)
    assert found.critical_difference == pytest.approx(told.cd, rel=1e-3)
    np.testing.assert_allclose(found.mean_ranks, told.rankdf["meanrank"].reindex(list("abcd")))
