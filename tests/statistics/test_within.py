"""Permutation and two-level bootstrap: equal to enumeration and to formulas where there are some."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib.errors import SettingsError
from nerlib.scoring import EntityCounts, f1_from_counts
from nerlib.statistics import Pair, mean_interval, permutation_test_f1, resampled_sums, two_level_bootstrap_f1


def side(rng, entities, f1, seeds=1):
    tp = rng.binomial(entities, f1, size=(seeds, len(entities)))
    return EntityCounts(tp, rng.poisson(0.4, size=tp.shape), entities - tp)


def a_pair(rng, n=200, seeds=1, f1=(0.7, 0.6)):
    entities = rng.poisson(1.5, size=n)
    return Pair(*(side(rng, entities, share, seeds) for share in f1))


def f1_of(counts):
    return f1_from_counts(*(np.asarray(array).sum(axis=-1) for array in counts))


def difference(pair):
    return float(np.mean(f1_of(pair.a) - f1_of(pair.b)))


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_permutation_test_agrees_with_all_permutations(seeds):
    rng = np.random.default_rng(1)
    pair = a_pair(rng, n=10, seeds=seeds, f1=(0.8, 0.5))
    a, b = (np.array(side) for side in pair)  # (3, seeds, 10)
    swapped = [np.where(swap, b, a) for swap in itertools.product([False, True], repeat=10)]
    kept = [np.where(swap, a, b) for swap in itertools.product([False, True], repeat=10)]
    all_of_them = np.array([difference(Pair(x, y)) for x, y in zip(swapped, kept, strict=True)])
    exact = np.mean(np.abs(all_of_them) >= abs(difference(pair)) - 1e-12)
    found = permutation_test_f1([pair], rng=rng, n_resamples=40_000)
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 40_000))
    assert found.value == pytest.approx(difference(pair))


def test_swaps_are_drawn_by_kind_and_by_sentence_alike():
    """Few kinds of sentences, and (with other numbers of invented entities) many: both against swaps by hand."""
    rng = np.random.default_rng(2)
    few = a_pair(rng, n=1200, f1=(0.70, 0.68))
    noise = rng.integers(0, 400, size=(2, 1, 1200))
    many = Pair(*(EntityCounts(s.tp, s.fp + more, s.fn) for s, more in zip(few, noise, strict=True)))
    for pair in (few, many):
        x, y = (np.array(s)[:, 0] for s in pair)  # (3, 1200)
        moved = (rng.random((4000, 1200)) < 0.5) @ (x - y).T
        drawn = f1_from_counts(*(x.sum(axis=1) - moved).T) - f1_from_counts(*(y.sum(axis=1) + moved).T)
        expected = np.mean(np.abs(drawn) >= abs(difference(pair)) - 1e-12)
        assert 0.02 < expected < 0.98  # there is something to tell
        assert permutation_test_f1([pair], rng=rng, n_resamples=20_000).p == pytest.approx(expected, abs=0.03)


def test_a_system_against_itself_differs_in_no_permutation():
    pair = a_pair(np.random.default_rng(3))
    found = permutation_test_f1([Pair(pair.a, pair.a)], rng=np.random.default_rng(1), n_resamples=99)
    assert (found.value, found.p) == (0, 1)
    assert permutation_test_f1([pair] * 3, rng=np.random.default_rng(1), n_resamples=99).p >= 1 / 100


def test_with_one_seed_the_components_are_the_sentence_bootstrap_s_alone():
    rng = np.random.default_rng(4)
    pair = a_pair(rng, n=400)
    found = two_level_bootstrap_f1([pair], rng=np.random.default_rng(5), n_resamples=20_000)
    rows = [[tp[0], (fp + fn)[0]] for tp, fp, fn in pair]  # of both sides, as F1 needs them
    sums = resampled_sums(np.concatenate(rows).T, 20_000, np.random.default_rng(5))
    alone = f1_from_counts(sums[:, 0], sums[:, 1], 0) - f1_from_counts(sums[:, 2], sums[:, 3], 0)
    assert math.isnan(found.low) and math.isnan(found.seed_sd)
    assert found.value == pytest.approx(difference(pair))
    assert found.sentence_sd == pytest.approx(alone.std(), rel=0.03)


def test_where_sentences_do_not_matter_it_is_student_s_interval_over_seeds():
    """All sentences equal: drawing them again changes nothing, and only seeds are left."""
    seeds = np.array([[7], [8], [6], [9], [7]])
    tp = np.broadcast_to(seeds, (5, 50))
    a, b = (tp, 0 * tp, 10 - tp), (0 * tp + 5, 0 * tp, 0 * tp + 5)
    found = two_level_bootstrap_f1([Pair(a, b)], rng=np.random.default_rng(6), n_resamples=40_000)
    student = mean_interval(f1_of(a) - f1_of(b))
    assert found.sentence_sd == pytest.approx(0, abs=1e-9)
    assert found.seed_sd == pytest.approx(np.std(f1_of(a), ddof=1) / math.sqrt(5))
    assert found.degrees_of_freedom == pytest.approx(4)
    assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=0.15 * (found.high - found.low))


def test_the_standard_error_is_the_spread_of_whole_studies():
    """Seeds, sentences and their interaction, each counted once."""
    rng = np.random.default_rng(7)

    def study():
        entities, hard = rng.poisson(1.5, 300), rng.normal(0, 0.15, 300)
        sides = [
            side(rng, entities, np.clip(0.7 + hard + rng.normal(0, 0.03, (4, 1)), 0, 1), seeds=4) for _ in range(2)
        ]
        return Pair(*sides)

    found = [two_level_bootstrap_f1([study()], rng=rng, n_resamples=200) for _ in range(300)]
    spread = np.std([interval.value for interval in found])
    assert math.sqrt(np.mean([i.standard_error**2 for i in found])) == pytest.approx(spread, rel=0.15)


def test_languages_weigh_the_same_and_their_variances_add_up():
    rng = np.random.default_rng(8)
    pairs = [a_pair(rng, n=n, seeds=3) for n in (50, 500)]
    both = two_level_bootstrap_f1(pairs, rng=rng, n_resamples=4000)
    each = [two_level_bootstrap_f1([pair], rng=rng, n_resamples=4000) for pair in pairs]
    assert both.value == pytest.approx(np.mean([one.value for one in each]))
    assert both.seed_sd == pytest.approx(math.hypot(*(one.seed_sd for one in each)) / 2)
    assert both.standard_error == pytest.approx(math.hypot(*(one.standard_error for one in each)) / 2, rel=0.05)


counts = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12)


@given(counts, st.integers(1, 3), st.integers(0, 9))
def test_for_all_counts(rows, seeds, seed):
    tp, fp, fn = (np.tile(array, (seeds, 1)) for array in np.array(rows).T)
    rng = np.random.default_rng(seed)
    pair = Pair((tp, fp, fn), (rng.permutation(tp + fn) * 0, fp, tp + fn))  # the second finds nothing
    found = two_level_bootstrap_f1([pair], rng=np.random.default_rng(seed), n_resamples=50)
    assert found.value == pytest.approx(difference(pair))
    assert two_level_bootstrap_f1([pair], rng=np.random.default_rng(seed), n_resamples=50) == pytest.approx(
        found, nan_ok=True
    )
    turned = permutation_test_f1([Pair(pair.b, pair.a)], rng=np.random.default_rng(seed), n_resamples=50)
    assert turned.value == pytest.approx(-found.value)
    assert 1 / 51 <= turned.p <= 1


@pytest.mark.parametrize("call", [permutation_test_f1, two_level_bootstrap_f1])
def test_other_generators_give_other_draws_and_nothing_global_is_drawn(call):
    pair = a_pair(np.random.default_rng(9), seeds=3, f1=(0.7, 0.69))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = (call([pair], rng=np.random.default_rng(seed), n_resamples=500) for seed in (1, 1, 2))
    assert first == second != other
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    ones, zeros = np.ones((1, 3), int), np.zeros((1, 3), int)
    with pytest.raises(SettingsError, match="in sentence 2 of pair 1"):
        two_level_bootstrap_f1([Pair((ones, zeros, zeros), (ones, zeros, np.array([[0, 1, 0]])))], rng=rng)
    with pytest.raises(SettingsError, match="one shape"):
        permutation_test_f1([Pair((ones, zeros, zeros), (ones, zeros, zeros[:, :2]))], rng=rng)
    with pytest.raises(SettingsError, match="at least one language"):
        two_level_bootstrap_f1([], rng=rng)
