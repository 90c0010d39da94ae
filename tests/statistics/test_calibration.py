"""The promises of the tests, kept under simulation with fixed seeds; `benchmarks/calibration.py` does it in full."""

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.calibration import ALPHA, Design
from nerlib import results, statistics

NUMBER = 1000
BOUND = ALPHA + 2 * calibration.standard_error(ALPHA, NUMBER)


@pytest.mark.parametrize("languages", [1, 3, 6])
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("family", [1, 4])
def test_false_verdicts_are_as_rare_as_promised_whatever_seeds_do(languages, seeds, family):
    """Where seeds matter most: until now a comparison of four equal methods found one in a fifth of the studies."""
    for seed_sd in (0.3, 2.5):
        found = calibration.cell(Design(languages, seeds, 1000, family, seed_sd), NUMBER)
        for name in calibration.RATES[:4]:
            assert found[name] <= BOUND + calibration.standard_error(ALPHA, NUMBER), name


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_hold_the_truth_sentence_by_sentence(seeds):
    held, _ = calibration.one_language(300, sentences=500, seeds=seeds, seed_sd=0.01, own_sd=0.1)
    assert held > 0.95 - 3 * calibration.standard_error(0.95, 300)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_intervals_over_few_seeds_are_never_too_short(seeds, alpha):
    for share in (0.05, 0.5, 0.9):
        missed, _ = calibration.two_parts(share, seeds - 1, alpha, number=4000)
        assert missed <= alpha + 3 * calibration.standard_error(alpha, 4000), share


@pytest.mark.parametrize("languages", [1, 2, 5])
@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_over_few_seeds_cover_about_what_they_promise(languages, seeds):
    """Until now .98 over two seeds of one language, .99 over two of two."""
    for sentences, seed_sd in ((500, 0.3), (2000, 0.3), (2000, 1.0), (1000, 2.5)):
        held = calibration.cell(Design(languages, seeds, sentences, 1, seed_sd), NUMBER)["coverage"]
        assert 0.93 <= held <= 0.97 + 2 * calibration.standard_error(0.97, NUMBER), (sentences, seed_sd)


def test_a_rule_that_is_less_wide_over_two_seeds_breaks_the_level_of_a_family():
    _, missed = calibration.two_parts(0.9, 1, 0.005)
    assert missed > 0.005 + 5 * calibration.standard_error(0.005, 20_000)
    _, missed = calibration.two_parts(0.2, 1, 0.05)
    assert missed < 0.03, "nor does it bring the coverage of one comparison to .97"


def test_intervals_hold_the_truth_where_documents_are_marked():
    held, _ = calibration.one_language(200, sentences=500, seeds=3, seed_sd=0.01, document_sd=0.15, marked=True)
    short, _ = calibration.one_language(200, sentences=500, seeds=3, seed_sd=0.01, document_sd=0.15)
    assert held > 0.95 - 3 * calibration.standard_error(0.95, 200) and held > short


def test_p_of_trained_models_is_not_p_of_methods():
    """What was shown as p until now, where seeds differ by 2.5 points."""
    held, trained = calibration.one_language(300, sentences=1000, seeds=3, seed_sd=0.025)
    assert trained > 0.25 and held > 0.92


def test_one_language_more_never_takes_a_verdict_away_for_its_number_alone():
    """At equal effects, from five to six: until now .90 became .53, and 0 in a family of two."""
    for family in (1, 2):
        shares = [calibration.cell(Design(n, 3, 1000, family, 1.0), NUMBER)["power at 2 points"] for n in (5, 6, 8)]
        assert shares == sorted(shares)


@pytest.mark.parametrize("tail", ["normal", "skewed", "t2.5"])
def test_languages_like_these_are_spoken_of_no_more_often_than_promised(tail):
    for n, (false, _) in calibration.language_tails(NUMBER, language_tail=tail).items():
        assert false <= BOUND + 0.015, n


@pytest.mark.parametrize("n", [10, 20])
def test_the_sign_flip_test_keeps_its_level(n):
    number = 1000 if n == 10 else 60
    p = calibration.sign_flip_null(number, n=n)
    for alpha, share in calibration.share_below(p).items():
        assert share <= alpha + 3 * calibration.standard_error(alpha, number), alpha


def test_cells_as_units_find_what_is_not_there():
    assert calibration.pooled(ratio=0.25) > 0.3 > calibration.pooled(ratio=2) > 0.1


def test_as_many_seeds_or_languages_as_the_plan_names_decide_three_times_in_four():
    for seed_sd, goal in ((1.0, 2.0), (2.5, 2.0)):
        share, named = calibration.plan(seed_sd=seed_sd, goal=goal, simulations=150)
        assert named > 0.9 and share >= 0.75 - 0.03, (seed_sd, goal)
    assert calibration.plan(seed_sd=2.5, goal=1.7, simulations=50)[1] < 0.05, "what sentences nearly forbid is not said"
    assert calibration.plan_sentences(3, seed_sd=1.0, simulations=50)[1] < 0.05, "nor what three seeds do not know"
    assert calibration.plan_languages(3, 1.0, 1.0, 50)[0] >= 0.75 - 0.03


def test_looking_again_and_again_costs_what_it_spends():
    assert calibration.looks(500)[0] <= ALPHA
    assert calibration.looks(500, spending=False)[0] > 2 * ALPHA
    share, taken, first, most = calibration.looks(500, most=10, difference=2.0)
    assert first < share < most and taken < 10
    assert sum(statistics.alpha_of_look(ALPHA, look) for look in range(1, 10_000)) < ALPHA
    assert np.isclose(statistics.alpha_of_look(ALPHA, 1), ALPHA / 2)
    for looks in (1, 2, 8):
        assert np.isclose(sum(statistics.alpha_of_look(ALPHA, look, looks) for look in range(1, looks + 1)), ALPHA)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_what_a_study_calls_detectable_is_found_four_times_in_five_by_another_one_like_it(seeds):
    """On average over what the first one knows of its seeds: until now .6 over two or three of them."""
    for seed_sd, alpha in ((0.3, ALPHA), (2.5, ALPHA), (1.0, ALPHA / 10)):
        assert 0.74 <= calibration.detectable(seeds, 1000, seed_sd, alpha, 100) <= 0.9, (seed_sd, alpha)


@pytest.mark.parametrize("languages", [1, 3])
def test_what_a_plan_calls_detectable_is_found_four_times_in_five(languages):
    n, seed_sd = 1000, 1.0
    own = calibration.INTERACTION_SD / np.sqrt(n)
    variances = {
        "seed_variance": 2e-4 * (seed_sd**2 + own**2),
        "sentence_variance": 2e-4 * calibration.SENTENCE_SD**2 / n,
    }
    table = results.plan(n, languages, **variances).set_index("seeds")["smallest_detectable"]
    for seeds in (2, 3, 5, 10):
        design = Design(languages, seeds, n, 1, seed_sd)
        true = {"difference": 100 * table[seeds], "language_sd": 0.0}
        studies = calibration.studies(np.random.default_rng(seeds), design, NUMBER, **true)
        found = (calibration.said(studies, 1)[0] > 0).mean()
        assert 0.75 <= found <= 0.9, (seeds, found)
