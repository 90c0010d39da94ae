"""Intervals equal scipy's where scipy has them, and cover what they promise where the truth is known."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import EntityCounts, f1_from_counts, score
from nerlib.statistics import (
    Interval,
    bootstrap_f1,
    expected_f1_width,
    mean_interval,
    paired_bootstrap_f1,
    paired_interval,
)
from tests.masakhaner import tags_of


def sentences(rng, n, f1=0.7):
    """Counts of n sentences: entities found with probability f1, and spurious ones."""
    entities = rng.poisson(1.5, size=n)
    tp = rng.binomial(entities, f1)
    return EntityCounts(tp, rng.poisson(0.4, size=n), entities - tp)


def f1_of(counts):
    return float(f1_from_counts(*(array.sum() for array in counts)))


# --- over seeds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 30])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_interval_of_a_mean_equals_scipys(n, level):
    values = np.random.default_rng(n).normal(0.7, 0.02, size=n)
    ours = mean_interval(values, level)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.value, ours.n, ours.level) == (pytest.approx(values.mean()), n, level)


def test_the_paired_interval_equals_scipys():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.7, 0.1, 5), rng.normal(0.6, 0.1, 5)
    ours, theirs = paired_interval(a=a, b=b), stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("values, mean", [([0.7], 0.7), ([], math.nan)])
def test_too_few_seeds_have_no_interval_and_no_warning(values, mean):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = mean_interval(values)
    assert interval[:4] == pytest.approx((mean, math.nan, math.nan, len(values)), nan_ok=True)
    assert interval.contains(0)


@pytest.mark.parametrize("n", [3, 5])
def test_the_interval_over_seeds_covers_the_mean(n):
    runs = np.random.default_rng(2).normal(0.7, 0.05, size=(2000, n))
    covered = np.mean([mean_interval(seeds).contains(0.7) for seeds in runs])
    assert abs(covered - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


# --- over sentences -------------------------------------------------------------------------------------------------


def test_the_bootstrap_equals_scipys_within_its_own_noise():
    counts = sentences(np.random.default_rng(3), 300)
    ours = bootstrap_f1(*counts, rng=np.random.default_rng(4), draws=20_000)
    theirs = stats.bootstrap(
        counts, lambda tp, fp, fn, axis: f1_from_counts(tp.sum(axis), fp.sum(axis), fn.sum(axis)), paired=True,
        vectorized=True, n_resamples=20_000, method="percentile", rng=np.random.default_rng(5), batch=1000,
    ).confidence_interval  # fmt: skip
    width = ours.high - ours.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)
    assert (ours.value, ours.n) == (pytest.approx(f1_of(counts)), 300)


def test_the_paired_bootstrap_equals_scipys_within_its_own_noise():
    rng = np.random.default_rng(6)
    a = sentences(rng, 300)
    tp = rng.binomial(a.tp, 0.9)
    b = EntityCounts(tp, a.fp, a.tp + a.fn - tp)

    def difference(*arrays, axis):
        sums = [array.sum(axis) for array in arrays]
        return f1_from_counts(*sums[:3]) - f1_from_counts(*sums[3:])

    ours = paired_bootstrap_f1(a, b, rng=np.random.default_rng(7), draws=20_000)
    theirs = stats.bootstrap(
        (*a, *b), difference, paired=True, vectorized=True,
        n_resamples=20_000, method="percentile", rng=np.random.default_rng(8), batch=1000,
    ).confidence_interval  # fmt: skip
    width = ours.high - ours.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)
    assert ours.value == pytest.approx(f1_of(a) - f1_of(b))
    alone = bootstrap_f1(*a, rng=np.random.default_rng(7))
    assert width < alone.high - alone.low  # what both find hard cancels


def test_the_bootstrap_interval_covers_the_f1_of_the_population():
    rng = np.random.default_rng(9)
    truth = 2 * 0.7 / (1 + 0.7 + 0.4 / 1.5)  # 2 tp / (gold + predicted), for one expected entity
    intervals = [bootstrap_f1(*sentences(rng, 500), rng=rng, draws=1000) for _ in range(600)]
    covered = np.mean([interval.contains(truth) for interval in intervals])
    assert 0.93 <= covered <= 0.97


def test_the_paired_interval_of_a_system_against_one_as_good_covers_zero():
    rng = np.random.default_rng(10)

    def pair():
        entities = rng.poisson(1.5, size=500)
        first, second = (rng.binomial(entities, 0.7) for _ in range(2))
        spurious = rng.poisson(0.4, size=(2, 500))
        return (first, spurious[0], entities - first), (second, spurious[1], entities - second)

    intervals = [paired_bootstrap_f1(*pair(), rng=rng, draws=600) for _ in range(400)]
    assert 0.93 <= np.mean([interval.contains(0) for interval in intervals]) <= 0.97


counts_of_sentences = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=20)


@given(counts_of_sentences, st.integers(0, 99))
def test_for_all_counts(rows, seed):
    counts = EntityCounts(*np.array(rows).T)
    interval = bootstrap_f1(*counts, rng=np.random.default_rng(seed), draws=200)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.value == f1_of(counts)
    by_type = EntityCounts(*(np.stack([array, array], axis=1) for array in counts))  # twice everything: same F1
    assert bootstrap_f1(*by_type, rng=np.random.default_rng(seed), draws=200) == pytest.approx(interval)
    itself = paired_bootstrap_f1(counts, counts, rng=np.random.default_rng(seed), draws=200)
    assert itself[:3] == (0, 0, 0)


def test_equal_generators_give_equal_intervals_and_nothing_global_is_drawn():
    counts = sentences(np.random.default_rng(11), 100)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = (bootstrap_f1(*counts, rng=np.random.default_rng(seed), draws=500) for seed in (1, 1, 2))
    assert first == second != other
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_draws_in_parts_are_the_same_and_no_large_array_is_held(monkeypatch):
    rng = np.random.default_rng(12)
    counts = EntityCounts(*rng.integers(0, 1000, size=(3, 2000)))  # every sentence is a kind of its own
    whole = bootstrap_f1(*counts, rng=np.random.default_rng(1), draws=300)
    monkeypatch.setattr("nerlib.statistics.drawing.CELLS", 2000 * 7)
    tracemalloc.start()
    try:
        parts = bootstrap_f1(*counts, rng=np.random.default_rng(1), draws=300)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert parts == whole
    assert peak < 300 * 2000 * 8 / 4


# --- before anything was trained ------------------------------------------------------------------------------------


@pytest.mark.parametrize("correlation", [0.0, 0.3])
@pytest.mark.parametrize("f1", [0.3, 0.7, 0.9])
def test_the_expected_width_is_that_of_the_bootstrap_under_its_model(f1, correlation):
    """Entities of a sentence share one fate with probability ρ: their correlation is ρ."""
    rng = np.random.default_rng(13)
    entities = rng.poisson(2, size=800)
    widths = []
    for _ in range(20):
        together = np.where(rng.random(800) < f1, entities, 0)
        tp = np.where(rng.random(800) < correlation, together, rng.binomial(entities, f1))
        interval = bootstrap_f1(tp, entities - tp, entities - tp, rng=rng, draws=1000)
        widths.append(interval.high - interval.low)
    assert expected_f1_width(entities, f1, correlation=correlation) == pytest.approx(np.mean(widths), rel=0.05)


def test_the_expected_width_on_real_predictions(shared):
    """Published predictions of ten systems and languages: within a fifth of the width that the bootstrap finds."""
    rng = np.random.default_rng(14)
    for language in ("nya", "pcm", "ewe", "mos", "bbj"):
        gold = tags_of(shared / "data" / "masakhaner2" / language / "test.txt")
        for system in ("xlmrbase", "afroxlmr"):
            predicted = tags_of(shared / "data" / "predictions" / "masakhaner2" / system / language / "1.conll")
            counts = score(gold, predicted).counts.strict.over_types()
            interval = bootstrap_f1(*counts, rng=rng)
            expected = expected_f1_width(counts.tp + counts.fn, interval.value)
            assert expected == pytest.approx(interval.high - interval.low, rel=0.2), (system, language)


def test_the_expected_width_of_a_test_set_without_entities_is_unknown():
    widths = expected_f1_width(np.zeros(5), [0.2, 0.5])
    assert np.isnan(widths).tolist() == [True, True]


# --- bad input ------------------------------------------------------------------------------------------------------

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mean_interval([0.5, math.nan]), "NaN for 1 of 2"),
        (lambda: mean_interval([0.5, 0.6], level=95), "level between 0 and 1, as 0.95, met 95"),
        (lambda: paired_interval(a=[0.5], b=[0.5, 0.6]), r"shapes \(1,\) and \(2,\)"),
        (lambda: bootstrap_f1([], [], [], rng=rng), "at least one sentence"),
        (lambda: bootstrap_f1([1, 2], [1, 2], [1], rng=rng), r"\(2,\), \(2,\) and \(1,\)"),
        (lambda: bootstrap_f1([1], [1], [1], rng=rng, draws=0), "draws=0"),
        (lambda: paired_bootstrap_f1(([1], [0], [0]), ([1, 1], [0, 0], [0, 0]), rng=rng), "1 and 2 sentences"),
        (lambda: paired_bootstrap_f1(([1, 1], [0, 0], [0, 0]), ([1, 1], [0, 0], [0, 1]), rng=rng), "in sentence 2"),
        (lambda: expected_f1_width([1, 2], 71.0), "met 71.0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(SettingsError, match=message):
        call()


def test_an_interval_contains_its_ends():
    interval = Interval(0.1, 0.0, 0.2, 3, 0.95)
    assert interval.contains(0.0) and interval.contains(0.2) and not interval.contains(-0.01)
