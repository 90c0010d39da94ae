"""Confidence is what it says: calibrated on dev, honest about itself; no promise is broken more often than it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from nerlib.annotation import document
from nerlib.errors import SettingsError
from nerlib.models import build
from nerlib.tagger import Calibration, Tagger, calibrate, calibration_error, judged, promise, reliability
from nerlib.tagger.confidence import FEWEST
from tests.tagger.test_tagger import opinionated
from tests.tiny import handwritten_words


def drawn(rng, n, a_sentence=1, better=0.0):
    """Entities whose scores are too sure of themselves: their log odds are halved; some of each sentence."""
    scores = np.repeat(rng.uniform(0.3, 1, -(-n // a_sentence)), a_sentence)[:n]
    return scores, rng.random(n) < special.expit(special.logit(scores) / 2 + better), np.arange(n) // a_sentence


def test_what_is_too_sure_is_brought_down_to_what_is_so():
    rng = np.random.default_rng(1)
    dev, test = Calibration(*drawn(rng, 4000)), drawn(rng, 4000)
    scores, right, sentences = test
    before = calibration_error(scores, right, sentences, rng)
    after = calibration_error(dev.confidence(scores), right, sentences, rng)
    assert after.high < before.low
    assert after.value < 0.03
    assert (np.argsort(dev.confidence(scores)) == np.argsort(scores)).all()  # the order stays


def test_a_reliability_diagram_s_bins_hold_all_entities_and_clopper_pearson_s_intervals():
    rng = np.random.default_rng(2)
    scores, right, _ = drawn(rng, 505)
    table = reliability(scores, right)
    assert table["entities"].sum() == 505 and table["stated"].is_monotonic_increasing
    for row in table.itertuples():
        k, n = round(row.right * row.entities), row.entities
        assert row.low == pytest.approx(stats.beta.ppf(0.025, k, n - k + 1) if k else 0)
        assert row.high == pytest.approx(stats.beta.ppf(0.975, k + 1, n - k) if k < n else 1)


def test_the_calibration_error_is_the_mean_distance_over_bins():
    stated = np.repeat([0.2, 0.9], 5000)
    right = np.concatenate([np.arange(5000) % 5 < 2, np.arange(5000) % 5 < 3])
    found = calibration_error(stated, right, np.arange(10_000) // 20, np.random.default_rng(0))
    assert found.value == pytest.approx(0.25, abs=0.01)  # |.2 - .4| and |.9 - .6|, half of the entities each


def test_a_calibrated_model_has_an_error_about_zero_though_its_bins_are_small():
    rng = np.random.default_rng(5)
    found = []
    for _ in range(12):
        stated = rng.uniform(0, 1, 200)
        found.append(calibration_error(stated, rng.random(200) < stated, np.arange(200), rng))
    assert np.mean([one.value for one in found]) < 0.06  # 0.09 as it is drawn
    assert np.mean([one.low for one in found]) < 0.02


def test_the_honest_confidence_of_an_entity_does_not_know_its_own_sentence():
    rng = np.random.default_rng(3)
    scores, right, sentences = drawn(rng, 200, a_sentence=2)
    one, flipped = Calibration(scores, right, sentences), right.copy()
    flipped[sentences % 5 == 0] ^= True  # whatever that fold's gold says, its own confidences stay
    other = Calibration(scores, flipped, sentences)
    np.testing.assert_allclose(one.honest[sentences % 5 == 0], other.honest[sentences % 5 == 0])
    assert not np.allclose(one.honest, other.honest)


@pytest.mark.parametrize(
    ("right", "message"),
    [(np.ones(99), "99, 99 of them right"), (np.zeros(99), "99, 0"), (np.arange(FEWEST - 1) > 3, "49, 45")],
)
def test_too_few_entities_promise_nothing(right, message):
    with pytest.raises(SettingsError, match=f"expected {FEWEST} entities or more .* got {message}"):
        Calibration(np.full(len(right), 0.5), right.astype(bool), np.arange(len(right)))


# --- the promise ------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.integers(60, 400), st.integers(1, 400), st.integers(0, 40), st.floats(0.02, 0.4), st.floats(0.01, 0.3))
def test_a_promise_is_clopper_pearson_s_for_sets_without_end_and_harder_for_one_that_is_finite(
    n, m, failed, wrong, risk
):
    right = np.arange(n) >= min(failed, n - 1)
    if right.all():
        right[0] = False
    dev = Calibration(np.full(n, 0.9), right, np.arange(n))
    high = stats.binomtest(int((~right).sum()), n).proportion_ci(1 - 2 * risk / 10).high  # one-sided, of ten tests
    endless = promise(dev, np.full(10**6, 0.9), wrong=wrong, risk=risk)
    if abs(high - wrong) > 0.002:
        assert (endless is not None) == (high <= wrong)
    finite = promise(dev, np.full(m, 0.9), wrong=wrong, risk=risk)
    assert finite is None or (finite.entities, finite.dev_entities, finite.dev_wrong) == (m, n, (~right).sum())


def test_promises_are_broken_no_more_often_than_they_say():
    """2,000 times another dev and another text: the exact bound of a binomial test of the stated risk holds."""
    rng = np.random.default_rng(4)
    broken = kept = 0
    for _ in range(2000):
        dev, (scores, right, _) = Calibration(*drawn(rng, 600, better=1.2)), drawn(rng, 300, better=1.2)
        if made := promise(dev, scores, wrong=0.2, risk=0.1):
            chosen = scores >= made.threshold
            assert chosen.sum() == made.entities
            late = (~right[chosen]).mean() > 0.2
            broken, kept = broken + late, kept + (not late)
    assert kept > 1000  # something is promised at all
    assert stats.binomtest(int(broken), 2000, 0.1, alternative="greater").pvalue > 0.001


def test_a_promise_says_what_it_is():
    dev = Calibration(np.linspace(0.5, 1, 600), np.arange(600) > 60, np.arange(600))
    told = str(promise(dev, np.linspace(0.5, 1, 1240), wrong=0.05))
    assert told.startswith("of these ") and told.endswith("at most 5 % are wrong, but for a risk of 5 %")
    assert promise(Calibration(np.full(60, 0.9), np.arange(60) > 30, np.arange(60)), np.full(9, 0.9)) is None


# --- of a tagger ------------------------------------------------------------------------------------------------------


def test_entities_are_judged_by_span_and_type(tiny_backbone):
    tagger = Tagger((opinionated(build(tiny_backbone(), "ner", "full", seed=1)),), "", None, 64)
    rows = handwritten_words()[:30]
    found = tagger.tag([document([row], [["O"] * len(row)], "") for row in rows])
    gold = [["O"] * len(row) for row in rows]
    for number, one in enumerate(found[:15]):  # gold is what was found, in half of the sentences
        starts = {place[0]: i for i, place in enumerate(one.sentences[0])}
        for e in one.entities:
            first, n = starts[e.start], len(e.text.split(" "))
            gold[number][first : first + n] = [f"B-{e.type}"] + [f"I-{e.type}"] * (n - 1)
    table = judged(tagger, rows, gold)
    assert table["right"].equals(table["sentence"] < 15)
    made = calibrate(tagger, rows, gold)
    sure = Tagger(tagger.models, "", made, 64).tag([document([rows[0]], [["O"] * len(rows[0])], "")])[0].entities
    np.testing.assert_allclose([e.confidence for e in sure], made.confidence(np.array([e.score for e in sure])))
    assert "points before calibration" in str(made)
