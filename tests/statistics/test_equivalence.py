"""One estimate: interval and p are one test; verdicts and their scope; what would decide is what then decides."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from nerlib import statistics
from nerlib.errors import SettingsError
from nerlib.statistics import LIKE_THESE, Estimate, estimate_of

RNG = np.random.default_rng(2)
HERE = "on these languages"


@pytest.mark.parametrize("mean", [-0.004, 0.0, 0.02])
def test_tost_equals_statsmodels(mean):
    differences = RNG.normal(mean, 0.006, size=9)
    found, p = estimate_of(differences), DescrStatsW(differences).ttost_mean(-0.01, 0.01)[0]
    assert found.inside(0.01, 0.05) == (p < 0.05)
    assert p > 0.5 or (found.inside(0.01, 1.001 * p) and not found.inside(0.01, 0.999 * p))


def test_one_part_is_student_s_test():
    values = RNG.normal(0.01, 0.02, size=7)
    theirs = stats.ttest_1samp(values, 0.003)
    assert estimate_of(values).p(0.003) == pytest.approx(theirs.pvalue)
    assert estimate_of(values).interval(0.05) == pytest.approx(tuple(theirs.confidence_interval()))


def test_half_widths_add_as_the_root_of_their_squares_where_seeds_decide_and_are_those_of_sentences_where_these_do():
    for seeds, freedom in ((4e-3, 2.0), (4e-4, 9.0)):
        parts = [Estimate(0, (v,), (f,)).half_width(0.05) for v, f in ((seeds, freedom), (9e-6, 30.0))]
        both = Estimate(0, (seeds, 9e-6), (freedom, 30.0))
        assert both.half_width(0.05) == pytest.approx(math.hypot(*parts), rel=0.01)
        assert Estimate(0, (1e-9, 9e-6), (freedom, 30.0)).half_width(0.05) == pytest.approx(parts[1], rel=0.01)


def missed(true, freedom, alpha):
    """How often an interval misses, where the variance of seeds truly is `true` times that of sentences: an integral.

    Over what may be found of the variance of seeds (chi²), each with the normal law of the difference.
    """
    found = true * stats.chi2.ppf((np.arange(300) + 0.5) / 300, freedom) / freedom
    half = np.array([Estimate(0.0, (of, 1.0), (freedom, 1e9)).half_width(alpha) for of in found])
    return float((2 * stats.norm.sf(half / math.sqrt(1 + true))).mean())


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("alpha", [0.05, 0.0125, 0.005])
def test_whatever_the_true_variances_are_intervals_keep_their_level_and_are_not_too_wide(freedom, alpha):
    rates = [missed(true, freedom, alpha) for true in np.geomspace(0.001, 1000, 25)]
    assert max(rates) <= 1.12 * alpha
    assert min(rates) >= (0.03 if alpha == 0.05 else 0), "coverage of one comparison: .97 at most"


@given(st.lists(st.tuples(st.floats(1e-8, 1e-3), st.integers(1, 9)), min_size=1, max_size=9))
def test_degrees_of_freedom_of_a_sum_lie_between_the_fewest_and_all_and_above_satterthwaite_s(parts):
    variances, freedoms = zip(*parts, strict=True)
    found = statistics.summed_freedom(variances, freedoms)
    assert min(freedoms) - 1e-9 <= found <= sum(freedoms)
    assert found >= statistics.satterthwaite(variances, freedoms) - 1e-9


def test_degrees_of_freedom_of_two_variances_are_those_of_welch_s_formula():
    """As he prints it, and other programs offer it, for two samples of 4 and 6: n + 1 below, 2 taken off."""
    a, b = 6e-5, 2e-5
    assert statistics.summed_freedom([a, b], [3, 5]) == pytest.approx((a + b) ** 2 / (a**2 / 5 + b**2 / 7) - 2)


VARIANCES = st.floats(1e-8, 1e-3)
ESTIMATES = st.one_of(
    st.builds(
        lambda value, a, b, few, many: Estimate(value, (a, b), (few, many)),
        st.floats(-0.1, 0.1), VARIANCES, VARIANCES, st.floats(1, 20), st.floats(20, 1e4),
    ),
    st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=9, unique_by=lambda x: round(x, 4))
    .map(lambda units: estimate_of(units, drawn=True)),
)  # fmt: skip


@given(ESTIMATES, st.sampled_from([0.05, 0.0125, 0.005]), st.floats(-0.02, 0.02))
def test_p_and_interval_are_one_test(estimate, alpha, null):
    """Whatever the parts, the level and the value asked about."""
    low, high = estimate.interval(alpha)
    p = estimate.p(null)
    if abs(p - alpha) > 1e-9 and min(abs(null - low), abs(null - high)) > 1e-9:
        assert (p < alpha) == (not low <= null <= high)
    one_sided = max(estimate.p(0.01), estimate.p(-0.01)) / 2
    ends = np.abs(estimate.interval(2 * alpha))
    if abs(one_sided - alpha) > 1e-9 and np.abs(ends - 0.01).min() > 1e-9:
        assert estimate.inside(0.01, alpha) == (one_sided < alpha and abs(estimate.value) < 0.01)


@settings(max_examples=30)
@given(st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=6, max_size=9))
def test_the_ends_of_flipped_signs_are_where_their_test_turns(values):
    units = tuple(values)
    wide = Estimate(float(np.mean(units)), (1e-30,), (len(units) - 1,), units)
    low, high = wide.interval(0.05)
    for end, outward in ((low, -1), (high, 1)):
        shifted = np.array(units) - (end + outward * 1e-6)
        assert statistics.flipped_signs_p(tuple(shifted)) < 0.05 or np.ptp(units) < 1e-5


@pytest.mark.parametrize(
    "differences, expected",
    [
        ([0.03, 0.02, 0.04, 0.03, 0.02, 0.03], f"better, by more than the margin ({LIKE_THESE})"),
        ([-0.03, -0.02, -0.04, -0.03, -0.02, -0.03], f"worse, by more than the margin ({LIKE_THESE})"),
        ([0.004, 0.003, 0.004, 0.005, 0.003, 0.004], f"better, by less than the margin ({LIKE_THESE})"),
        ([0.004, -0.003, 0.002, -0.005, 0.001, 0.0], f"equivalent ({LIKE_THESE})"),
        ([0.04, -0.03, 0.02, -0.05, 0.01, 0.02], f"undecided ({HERE})"),
        ([0.03, 0.02, 0.04, 0.03, 0.02], f"better, by more than the margin ({HERE})"),
    ],
)
def test_verdicts(differences, expected):
    """These languages are known well; languages like these are spoken of from six on."""
    spread = (0.004 if abs(np.mean(differences)) > 0.02 else 0.0012 if "undecided" not in expected else 0.01) ** 2
    here = Estimate(float(np.mean(differences)), (spread,), (50,))
    said, _ = statistics.judge([(HERE, here), (LIKE_THESE, estimate_of(differences, drawn=True))])
    assert str(said) == expected
    if len(differences) == 5:
        assert said.why == "6 languages are needed to speak of languages like these"


def test_a_comparison_more_narrows_the_scope_and_says_why():
    """Six languages cannot show anything at .025: the verdict stays, about these languages."""
    units = [0.03, 0.02, 0.04, 0.03, 0.02, 0.03]
    ladder = [(HERE, Estimate(0.0283, (1e-6,), (50,))), (LIKE_THESE, estimate_of(units, drawn=True))]
    alone, among_two = (statistics.judge(ladder, alpha=alpha)[0] for alpha in (0.05, 0.025))
    assert (alone.value, alone.scope, alone.why) == ("better", LIKE_THESE, "")
    assert (among_two.value, among_two.scope) == ("better", HERE)
    assert among_two.why == "7 languages are needed to speak of languages like these"


@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.0125, 0.005, 0.01])
def test_languages_are_needed_as_long_as_no_result_over_fewer_could_be_enough(alpha):
    n = statistics.languages_needed(alpha)
    assert 2 / 2**n < alpha <= 2 / 2 ** (n - 1)


def test_what_does_not_vary_has_no_verdict():
    said, estimate = statistics.judge([(HERE, Estimate(0.0, (0.0, 0.0), (2, 50)))])
    assert (said.value, said.why) == ("undecided", "nothing varies, so chance cannot be told")
    assert math.isnan(estimate.p()) and all(map(math.isnan, estimate.interval(0.05)))


def test_the_margin_shrinks_at_floor_and_ceiling():
    assert statistics.margin_at(0.7) == 0.01
    assert statistics.margin_at(0.02) == pytest.approx(0.002) == pytest.approx(statistics.margin_at(0.98))
    assert statistics.margin_at(0.0) == 0


def test_the_share_of_languages_that_may_lose_is_bounded_by_their_number():
    """Six languages of which none loses: 1 − .05^(1/6)."""
    assert statistics.share_that_loses(np.zeros(6), 0.01) == pytest.approx(1 - 0.05 ** (1 / 6))
    with_one = statistics.share_that_loses([-0.2, *np.zeros(9)], 0.01)
    assert stats.binom.cdf(1, 10, with_one) == pytest.approx(0.05)


def test_what_is_detectable_is_found_as_often_as_it_says():
    differences = np.random.default_rng(4).normal(0, 0.02, size=(20_000, 10))
    standard = estimate_of(differences[0] / differences[0].std(ddof=1) * 0.02)
    found = stats.ttest_1samp(differences + standard.detectable(0.05), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 49])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_power_of_one_part_is_that_of_the_noncentral_t(freedom, alpha):
    one = Estimate(0.0, (1e-6,), (freedom,))
    for difference in (0.001, 0.003, 0.01):
        exact = stats.nct.sf(stats.t.isf(alpha / 2, freedom), freedom, difference / 0.001)
        assert one.power(difference, alpha) == pytest.approx(exact, abs=0.003)
    assert one.power(one.detectable(alpha), alpha) == pytest.approx(0.8)


def test_seeds_that_are_needed_have_an_interval_and_sentences_a_limit():
    pilot = Estimate(0.0, (6e-5, 1e-5), (2.0, 500.0))
    needed = statistics.seeds_needed(pilot, 3, difference=0.02)
    assert 3 <= needed.low < needed.value < needed.high
    assert statistics.seeds_needed(pilot, 3, difference=0.005) == (math.inf,) * 3
    assert 2 < statistics.sentences_needed(Estimate(0.0, (1e-6, 5e-5), (20.0, 500.0)), 11, difference=0.01) < 20
    assert statistics.languages_that_find([0.01] * 4, difference=0.02) == statistics.languages_needed(0.05)
    assert statistics.languages_that_find([0.01, -0.01, 0.02, 0.0, 0.005, 0.01], difference=0.02) >= 6


def test_bad_input_is_named():
    with pytest.raises(SettingsError, match="a number of each unit, got 2, 1 of them missing"):
        estimate_of([0.1, math.nan])
    with pytest.raises(SettingsError, match="number of the look"):
        statistics.alpha_of_look(0.05, 0)
