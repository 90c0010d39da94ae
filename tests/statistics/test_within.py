"""What seeds and sentences would have changed: equal to resampling, to formulas, and to the spread of whole studies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import EntityCounts, f1_from_counts
from nerlib.statistics import (
    doubt_of,
    f1_side,
    fixed_languages,
    mean_interval,
    of_documents,
)


def side(rng, entities, f1, seeds=1):
    tp = rng.binomial(entities, f1, size=(seeds, len(entities)))
    return EntityCounts(tp, rng.poisson(0.4, size=tp.shape), entities - tp)


def doubt(a, b, **how):
    """Of two systems' counts."""
    return doubt_of(f1_side(*a), f1_side(*b), **how)


def a_pair(rng, n=200, seeds=1, f1=(0.7, 0.6)):
    entities = rng.poisson(1.5, size=n)
    return [side(rng, entities, share, seeds) for share in f1]


def f1_of(counts):
    return f1_from_counts(*(np.asarray(array).sum(axis=-1) for array in counts))


def difference(pair):
    return float(np.mean(f1_of(pair[0])) - np.mean(f1_of(pair[1])))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("f1", [(0.7, 0.6), (0.95, 0.96)])
def test_sentences_move_f1_as_much_as_the_bootstrap_finds(seeds, f1):
    pair = a_pair(np.random.default_rng(4), n=400, seeds=seeds, f1=f1)
    rows = np.concatenate([[tp, fp + fn] for tp, fp, fn in pair], axis=1)  # (2, 2 seeds, sentences)
    again = np.random.default_rng(5).multinomial(400, np.full(400, 1 / 400), size=5_000)
    sums = (again @ rows.reshape(-1, 400).T.astype(float)).reshape(-1, 2, 2 * seeds)
    drawn = f1_from_counts(sums[:, 0], sums[:, 1], 0)
    again = drawn[:, :seeds].mean(axis=1) - drawn[:, seeds:].mean(axis=1)
    found = doubt(*pair)
    assert found.value == pytest.approx(difference(pair))
    assert math.sqrt(found.trained) == pytest.approx(again.std(), rel=0.05)
    if seeds == 1:
        low, high = fixed_languages([found]).interval(0.05)
        half = (np.quantile(again, 0.975) - np.quantile(again, 0.025)) / 2
        assert (high - low) / 2 == pytest.approx(half, rel=0.05)


def test_where_sentences_do_not_matter_it_is_student_s_interval_over_seeds():
    """All sentences equal: drawing them again changes nothing, and only seeds are left."""
    seeds = np.array([[7], [8], [6], [9], [7]])
    tp = np.broadcast_to(seeds, (5, 50))
    a, b = (tp, 0 * tp, 10 - tp), (0 * tp + 5, 0 * tp, 0 * tp + 5)
    found = fixed_languages([doubt(a, b)])
    assert found.interval(0.05) == pytest.approx(mean_interval(f1_of(a) - f1_of(b))[1:3])
    assert found.p() == pytest.approx(stats.ttest_rel(f1_of(a), f1_of(b)).pvalue)


def test_seeds_that_are_not_shared_are_welch_s_test_in_any_order():
    rng = np.random.default_rng(6)
    tp = rng.integers(5, 10, size=(8, 1)).repeat(50, axis=1)
    a, b = ((part, 0 * part, 10 - part) for part in (tp[:5], tp[5:]))
    found = fixed_languages([doubt(a, b, shared_seeds=False)])
    theirs = stats.ttest_ind(f1_of(a), f1_of(b), equal_var=False)
    assert found.p() == pytest.approx(theirs.pvalue)
    assert found.interval(0.05) == pytest.approx(tuple(theirs.confidence_interval()))
    turned = tuple(array[::-1] for array in a)
    assert fixed_languages([doubt(turned, b, shared_seeds=False)]).p() == pytest.approx(found.p())


def test_the_standard_error_is_the_spread_of_whole_studies():
    """Seeds, sentences and their interaction, each counted once."""
    rng = np.random.default_rng(7)

    def study():
        entities, hard = rng.poisson(1.5, 300), rng.normal(0, 0.15, 300)
        own = rng.normal(0, 0.2, size=(2, 300))  # what a system makes of a sentence, in all its seeds
        sides = [
            side(rng, entities, np.clip(0.7 + hard + of + rng.normal(0, 0.03, (4, 1)), 0, 1), seeds=4) for of in own
        ]
        return sides

    found = [doubt(*study()) for _ in range(500)]
    spread = np.std([doubt.value for doubt in found])
    assert math.sqrt(np.mean([d.seeds + d.sentences for d in found])) == pytest.approx(spread, rel=0.1)
    assert np.mean([d.sentences for d in found]) < np.mean([d.trained for d in found])


def test_languages_weigh_the_same_and_their_variances_add_up():
    rng = np.random.default_rng(8)
    each = [doubt(*a_pair(rng, n=n, seeds=3)) for n in (50, 500)]
    both = fixed_languages(each)
    assert both.value == pytest.approx(np.mean([one.value for one in each]))
    assert both.standard_error == pytest.approx(
        math.hypot(*(fixed_languages([one]).standard_error for one in each)) / 2
    )


def test_few_sentences_that_differ_are_few_degrees_of_freedom():
    """A thousand sentences, of which the systems differ in three: as good as three."""
    tp = np.ones((1, 1000), int)
    other = tp.copy()
    other[0, :3] = 0
    few = doubt((tp, 0 * tp, 1 - tp), (other, 0 * tp, 1 - other))
    assert few.sentence_freedom == pytest.approx(6, rel=0.05)
    normal = np.random.default_rng(1).normal(0, 1, size=5000)
    many = f1_side(np.exp(0.01 * normal)[None] * 100, np.zeros((1, 5000)), np.full((1, 5000), 100.0))
    assert many.moved.sum() == pytest.approx(0, abs=1e-12)


def test_neighbours_that_are_alike_show_in_blocks():
    rng = np.random.default_rng(9)
    alike = np.repeat(rng.integers(0, 3, size=60), 10)[None]
    gold = np.full((1, 600), 2)
    pair = (alike, 0 * alike, gold - alike), (gold - gold // 2, 0 * gold, gold // 2)
    assert doubt(*pair).blocks > 8
    order = rng.permutation(600)
    assert doubt(*([np.asarray(array)[:, order] for array in one] for one in pair)).blocks < 2


def test_documents_in_doubt_hold_what_sentences_in_doubt_do_not():
    """Systems that differ by document: 12 sentences each, 600 in all."""
    rng = np.random.default_rng(10)
    documents = np.repeat(np.arange(50), 12)
    held = {"sentences": 0, "documents": 0}
    for _ in range(300):
        entities = rng.poisson(2, 600)
        chances = np.clip(0.7 + np.repeat(rng.normal(0, 0.12, (2, 50)), 12, axis=1), 0, 1)
        sides = [f1_side(*side(rng, entities, chance)) for chance in chances]
        for name, pair in (("sentences", sides), ("documents", [of_documents(one, documents) for one in sides])):
            low, high = fixed_languages([doubt_of(*pair)]).interval(0.05)
            held[name] += low <= 0 <= high
    assert held["documents"] / 300 > 0.92 > held["sentences"] / 300
    alone = of_documents(sides[0], np.arange(600))
    np.testing.assert_array_equal(alone.moved, sides[0].moved)


counts = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12)


@given(counts, st.integers(1, 3))
def test_for_all_counts(rows, seeds):
    tp, fp, fn = (np.tile(array, (seeds, 1)) for array in np.array(rows).T)
    pair = (tp, fp, fn), (0 * tp, fp, tp + fn)  # the second finds nothing
    found, turned = doubt(*pair), doubt(*pair[::-1])
    assert found.value == pytest.approx(difference(pair)) == pytest.approx(-turned.value)
    assert found.trained >= 0 and 0 <= found.sentences <= found.trained + 1e-15
    assert found.sentence_freedom >= 1
    assert doubt(pair[0], pair[0]).trained == 0


def test_seeds_that_are_shared_are_as_many_on_both_sides():
    ones, zeros = np.ones((1, 3), int), np.zeros((1, 3), int)
    with pytest.raises(SettingsError, match="as many seeds on both sides"):
        doubt((ones, zeros, zeros), tuple(np.repeat(x, 2, axis=0) for x in (ones, zeros, zeros)))
