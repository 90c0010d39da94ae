"""The promises of the tests, kept under simulation with fixed seeds; `benchmarks/calibration.py` does it in full."""

import numpy as np
import pytest

from benchmarks import calibration

SIMULATIONS = 2000


def assert_no_more_than_promised(p):
    for alpha, share in calibration.share_below(p).items():
        assert share <= alpha + 2 * calibration.standard_error(alpha, len(p)), alpha


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_permutation_test_keeps_its_level(seeds):
    p = calibration.permutation_null(SIMULATIONS, sentences=100, seeds=seeds, draws=199)
    assert_no_more_than_promised(p)
    assert np.mean(np.array(p) <= 0.1) > 0.06  # and gives nothing away


@pytest.mark.parametrize("n", [10, 20])
def test_the_sign_flip_test_keeps_its_level(n):
    assert_no_more_than_promised(calibration.sign_flip_null(SIMULATIONS, n=n))


def test_over_ten_languages_the_unit_decides_over_false_positives():
    over_languages, pooled = calibration.languages(SIMULATIONS)
    assert_no_more_than_promised(over_languages)
    assert np.mean(np.array(pooled) <= 0.05) > 0.15
    found, _ = calibration.languages(SIMULATIONS, effect=1.2, seed=31)
    assert np.mean(np.array(found) <= 0.05) >= 0.8


def test_equivalence_is_wrong_at_the_margin_no_more_than_promised():
    assert_no_more_than_promised(calibration.tost_at_the_margin(SIMULATIONS))


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    for sentences, seeds in ((500, 5), (100, 3)):
        corrected, plain = calibration.two_level_coverage(400, sentences, seeds, draws=500)
        print(f"{sentences} sentences × {seeds} seeds: coverage {corrected:.3f}, uncorrected {plain:.3f}")
        assert abs(corrected - 0.95) < 3 * calibration.standard_error(0.95, 400)
        assert plain < corrected - 0.03  # what the correction is for
