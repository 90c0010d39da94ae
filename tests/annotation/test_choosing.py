"""What to annotate next: as said, within its budget, and no better than random where it is not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerlib.annotation import best_strategy, choose, gains, learning_curve, left_out, uncertainty
from nerlib.annotation.choosing import DIVERSE, RANDOM, STRATEGIES, UNCERTAIN
from nerlib.errors import SettingsError


def test_uncertainty_is_a_mean_over_words_whatever_the_length():
    found = np.array([[0.5, 0.5], [0.9, 0.1], [0.9, 0.1], [1.0, 0.0]])
    np.testing.assert_allclose(uncertainty(found, [1, 2, 1]), [np.log(2), -np.log(0.9), 0])


@given(st.sampled_from(STRATEGIES), st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 400))
def test_a_batch_ends_with_the_sentence_that_reaches_its_budget(strategy, costs, budget):
    rng, costs = np.random.default_rng(len(costs)), np.array(costs)
    chosen = choose(strategy, budget, costs, rng, rng.random(len(costs)), rng.normal(size=(len(costs), 3)))
    assert len(set(chosen)) == len(chosen)
    assert costs[chosen[:-1]].sum() < budget
    assert costs[chosen].sum() >= budget or len(chosen) == len(costs)


def test_the_uncertain_come_first_and_the_diverse_are_no_twins():
    uncertain, costs, rng = (
        np.array([0.1, 0.9, 0.89, 0.88, *[0.01] * 12]),
        np.ones(16, dtype=int),
        np.random.default_rng(0),
    )
    assert choose(UNCERTAIN, 3, costs, rng, uncertain).tolist() == [1, 2, 3]
    vectors = np.zeros((16, 2))
    vectors[:, 0] = 1
    vectors[3] = [0, 1]  # 1 and 2 say the same
    assert choose(DIVERSE, 2, costs, rng, uncertain, vectors).tolist() == [1, 3]
    with pytest.raises(SettingsError, match="expected a strategy of random, uncertain"):
        choose(DIVERSE, 2, costs, rng, uncertain)


def simulated(better, seeds=5, noise=0.01):
    keys = [(name, i, n) for name in (RANDOM, UNCERTAIN) for i in range(seeds) for n in (100, 200, 400, 800)]
    table = pd.DataFrame(keys, columns=["strategy", "seed", "budget"])
    score = 0.1 * np.log(table["budget"]) + better * (table["strategy"] == UNCERTAIN)
    drawn = np.random.default_rng(7).normal(0, noise, len(table))
    return table.assign(words=table["budget"], test_score=score + drawn)


def test_only_what_beats_random_on_this_data_is_gone_by():
    assert best_strategy(simulated(0.05)) == UNCERTAIN
    assert best_strategy(simulated(0.0)) == best_strategy(simulated(-0.05)) == RANDOM
    (row,) = gains(simulated(0.05)).itertuples()
    table = simulated(0.05)
    means = table.groupby(["strategy", "seed"])["test_score"].mean().unstack(0)
    assert row.difference.value == pytest.approx((means[UNCERTAIN] - means[RANDOM]).mean())


def test_a_learning_curve_foretells_what_it_has_not_seen():
    table = simulated(0, noise=1e-6)
    table = table[table["strategy"] == RANDOM]
    curve = learning_curve(table)
    assert curve.at(1000).value == pytest.approx(0.1 * np.log(1000), abs=1e-4)
    assert curve.words_for(0.1 * np.log(1600)) == pytest.approx(1600, rel=1e-3)
    foretold, so = left_out(table)
    assert foretold.value == pytest.approx(so.value, abs=1e-4)
    with pytest.raises(SettingsError, match="expected two budgets or more"):
        learning_curve(table[table["budget"] == 100])
    flat = table.assign(test_score=0.5 - table["words"] * 1e-5)
    assert learning_curve(flat).words_for(0.9) == np.inf
