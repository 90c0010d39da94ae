"""Intervals equal scipy's where scipy has them, and cover what they promise where the truth is known."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import EntityCounts, f1_from_counts, score
from nerlib.statistics import (
    ALIKE_IN_DOCUMENT,
    Interval,
    expected_f1_width,
    mean_interval,
    resampled_sums,
    wilson_interval,
)
from tests.masakhaner import tags_of


def sentences(rng, n, f1=0.7):
    """Counts of n sentences: entities found with probability f1, and spurious ones."""
    entities = rng.poisson(1.5, size=n)
    tp = rng.binomial(entities, f1)
    return EntityCounts(tp, rng.poisson(0.4, size=n), entities - tp)


# --- over seeds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 30])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_interval_of_a_mean_equals_scipys(n, level):
    values = np.random.default_rng(n).normal(0.7, 0.02, size=n)
    ours = mean_interval(values, level)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.value, ours.n, ours.level) == (pytest.approx(values.mean()), n, level)


@pytest.mark.parametrize("values, mean", [([0.7], 0.7), ([], math.nan)])
def test_too_few_seeds_have_no_interval_and_no_warning(values, mean):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = mean_interval(values)
    assert interval[:4] == pytest.approx((mean, math.nan, math.nan, len(values)), nan_ok=True)
    assert interval.contains(0)


def test_equal_scores_have_an_interval_of_no_width_and_no_warning():
    """scipy's is NaN; but that seeds agree is no lack of seeds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean_interval([0.5, 0.5, 0.5])[:3] == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("count, n", [(0, 5), (2, 5), (5, 5)])
def test_the_interval_of_a_share_equals_scipys(count, n):
    ours = wilson_interval(count, n)
    theirs = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    assert (ours.value, ours.n) == (count / n, n)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("n", [3, 5])
def test_the_interval_over_seeds_covers_the_mean(n):
    runs = np.random.default_rng(2).normal(0.7, 0.05, size=(2000, n))
    covered = np.mean([mean_interval(seeds).contains(0.7) for seeds in runs])
    assert abs(covered - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


# --- resampling sentences -------------------------------------------------------------------------------------------


def resampled_f1(counts, seed, n_resamples=20_000):
    """Corpus F1 on drawn test sets, (n_resamples,)."""
    tp, fp, fn = counts
    sums = resampled_sums(np.stack([tp, fp + fn], axis=1), n_resamples, np.random.default_rng(seed))
    return f1_from_counts(sums[:, 0], sums[:, 1], 0)


def width(counts, seed=0):
    """Of the 95 % percentile interval."""
    low, high = np.quantile(resampled_f1(counts, seed, 10_000), [0.025, 0.975])
    return high - low


# --- before anything was trained ------------------------------------------------------------------------------------


@pytest.mark.parametrize("f1", [0.3, 0.7, 0.9])
def test_the_expected_width_is_that_of_the_bootstrap_under_its_model(f1):
    rng = np.random.default_rng(13)
    entities = rng.poisson(2, size=800)
    widths = []
    for seed in range(20):
        tp = rng.binomial(entities, f1)
        widths.append(width((tp, entities - tp, entities - tp), seed))
    assert expected_f1_width(entities, f1) == pytest.approx(np.mean(widths), rel=0.05)


def test_the_expected_width_over_documents_is_that_of_entities_which_are_found_together():
    """Beta-binomial: the entities of a document share its luck, with the correlation that the width takes."""
    rng, f1, entities = np.random.default_rng(14), 0.7, np.repeat([1, 3], 200)
    documents = np.repeat(np.arange(50), 8)
    luck = 1 / ALIKE_IN_DOCUMENT - 1
    of_document = rng.beta(f1 * luck, (1 - f1) * luck, size=(5000, 50))
    found = rng.binomial(entities, of_document[:, documents]).sum(axis=1) / entities.sum()
    wide = expected_f1_width(entities, f1, documents=documents)
    assert wide == pytest.approx(2 * stats.norm.ppf(0.975) * found.std(), rel=0.03)
    assert wide > 1.05 * expected_f1_width(entities, f1)


def test_the_expected_width_on_real_predictions(shared):
    """Published predictions of ten systems and languages: within a fifth of the width that the bootstrap finds."""
    for language in ("nya", "pcm", "ewe", "mos", "bbj"):
        gold = tags_of(shared / "data" / "masakhaner2" / language / "test.txt")
        for system in ("xlmrbase", "afroxlmr"):
            predicted = tags_of(shared / "data" / "predictions" / "masakhaner2" / system / language / "1.conll")
            scores = score(gold, predicted)
            found = width(scores.counts.strict.over_types())
            assert expected_f1_width(scores.support, scores.f1) == pytest.approx(found, rel=0.2), (system, language)


def test_the_expected_width_of_a_test_set_without_entities_is_unknown():
    widths = expected_f1_width(np.zeros(5), [0.2, 0.5])
    assert np.isnan(widths).tolist() == [True, True]


# --- bad input ------------------------------------------------------------------------------------------------------

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mean_interval([0.5, math.nan]), "NaN for 1 of 2"),
        (lambda: mean_interval([0.5, 0.6], level=95), "level between 0 and 1, as 0.95, got 95"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(SettingsError, match=message):
        call()


def test_an_interval_contains_its_ends():
    interval = Interval(0.1, 0.0, 0.2, 3, 0.95)
    assert interval.contains(0.0) and interval.contains(0.2) and not interval.contains(-0.01)
