"""Drift and CKA against scipy and the definition; means and paired differences over seeds."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.linalg import orth
from scipy.spatial import distance

from nerlib.analysis import drift_by_layer, linear_cka, means_over_seeds, paired_differences, semantic_drift
from nerlib.errors import SettingsError

RNG = np.random.default_rng(5)


def test_drift_is_scipy_s_cosine_distance():
    before, after = RNG.normal(size=(2, 6, 4)), RNG.normal(size=(2, 6, 4))
    expected = [
        [distance.cosine(x, y) for x, y in zip(*layers, strict=True)] for layers in zip(before, after, strict=True)
    ]
    np.testing.assert_allclose(semantic_drift(before, after), expected)
    np.testing.assert_allclose(semantic_drift(before, 3 * before), 0, atol=1e-12)
    np.testing.assert_allclose(semantic_drift(before, -before), 2)


def hsic_cka(x, y):
    """CKA from Gram matrices centred by H = I − 1/n (Kornblith et al., equations 3 and 4)."""
    centre = np.eye(len(x)) - 1 / len(x)
    k, l = x @ x.T, y @ y.T  # noqa: E741 (the paper's letters)
    hsic = lambda a, b: np.trace(a @ centre @ b @ centre)  # noqa: E731
    return hsic(k, l) / math.sqrt(hsic(k, k) * hsic(l, l))


@pytest.mark.parametrize("sentences, width, other", [(30, 5, 5), (30, 5, 8), (4, 9, 6)])
def test_cka_equals_its_definition_by_gram_matrices(sentences, width, other):
    x, y = RNG.normal(size=(sentences, width)) + 2, RNG.normal(size=(sentences, other))
    assert linear_cka(x, y) == pytest.approx(hsic_cka(x, y))
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x))


@given(st.floats(0.1, 10), st.integers(0, 1000))
def test_cka_sees_neither_rotation_nor_scale_nor_shift(scale, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, 4))
    turned = scale * x @ orth(rng.normal(size=(4, 4))) + rng.normal(size=4)
    assert linear_cka(x, turned) == pytest.approx(1)
    assert 0 <= linear_cka(x, rng.normal(size=(12, 4))) < 1


def test_cka_of_what_does_not_vary_is_unknown():
    assert math.isnan(linear_cka(np.ones((3, 2)), RNG.normal(size=(3, 2))))


def test_drift_by_layer_has_scipy_s_interval():
    before = RNG.normal(size=(3, 20, 8))
    after = before + np.array([0, 0.1, 1])[:, None, None] * RNG.normal(size=before.shape)
    table = drift_by_layer(before, after)
    assert table["layer"].tolist() == [0, 1, 2] and table["sentences"].tolist() == [20] * 3
    assert table["drift"].is_monotonic_increasing and table["cka"].is_monotonic_decreasing
    assert table.loc[0, ["drift", "cka"]].tolist() == pytest.approx([0, 1], abs=1e-12)
    moved = [distance.cosine(x, y) for x, y in zip(before[2], after[2], strict=True)]
    interval = stats.t.interval(0.95, 19, np.mean(moved), stats.sem(moved))
    assert table.loc[2, ["low", "high"]].tolist() == pytest.approx(interval)


@pytest.mark.parametrize(
    "function, before, after, message",
    [
        (semantic_drift, np.ones((3, 2)), np.ones((2, 2)), r"same sentences, met shapes \(3, 2\) and \(2, 2\)"),
        (linear_cka, np.ones((3, 2)), np.ones((2, 2)), "same sentences"),
        (linear_cka, np.ones((1, 2)), np.ones((1, 2)), "at least two sentences"),
        (drift_by_layer, np.ones((3, 2)), np.ones((3, 2)), r"\(layers, sentences, hidden\), met \(3, 2\)"),
        (semantic_drift, np.full((2, 2), np.nan), np.ones((2, 2)), "without NaN"),
        (drift_by_layer, np.zeros((1, 2, 2)), np.ones((1, 2, 2)), "met NaN"),
    ],
)
def test_representations_that_cannot_be_compared_are_refused(function, before, after, message):
    with pytest.raises(SettingsError, match=message):
        function(before, after)


# --- over seeds -------------------------------------------------------------------------------------------------------


@pytest.fixture
def table():
    rows = [(m, s, layer, RNG.random()) for m in ("full", "madx") for s in (1, 2, 3) for layer in (0, 1)]
    return pd.DataFrame(rows, columns=["method", "seed", "layer", "drift"])


def test_means_have_scipy_s_intervals(table):
    found = means_over_seeds(table, "drift", by=["method", "layer"]).set_index(["method", "layer"])
    for key, group in table.groupby(["method", "layer"])["drift"]:
        expected = (group.mean(), *stats.t.interval(0.95, 2, group.mean(), stats.sem(group)), 3)
        assert found.loc[key].tolist() == pytest.approx(expected)


def test_differences_are_paired_by_seed_whatever_the_order_of_rows(table):
    found = paired_differences(table, "drift", a="madx", b="full", by=["layer"]).set_index("layer")
    shuffled = paired_differences(table.sample(frac=1, random_state=1), "drift", a="madx", b="full", by=["layer"])
    pd.testing.assert_frame_equal(shuffled.set_index("layer").sort_index(), found)
    wide = table.pivot(index=["layer", "seed"], columns="method", values="drift")
    for layer, pairs in wide.groupby("layer"):
        test = stats.ttest_rel(pairs["madx"], pairs["full"]).confidence_interval()
        assert found.loc[layer, ["low", "high"]].tolist() == pytest.approx([test.low, test.high])
        assert found.loc[layer, "difference"] == pytest.approx(pairs["madx"].mean() - pairs["full"].mean())


def test_seeds_without_a_partner_and_values_are_left_out(table):
    table.loc[0, "drift"] = np.nan  # full, seed 1, layer 0
    found = paired_differences(table, "drift", a="madx", b="full", by=["layer"])
    assert found["n"].tolist() == [2, 3] or found.set_index("layer")["n"].to_dict() == {0: 2, 1: 3}
    assert means_over_seeds(table, "drift", by=["method", "layer"])["n"].sum() == 11


def test_tables_that_cannot_be_paired_are_refused(table):
    with pytest.raises(SettingsError, match="each seed once in a cell, met it twice: method full, layer 0, seed 1"):
        paired_differences(pd.concat([table, table]), "drift", a="madx", b="full", by=["layer"])
    with pytest.raises(SettingsError, match="expected runs of lora, met full, madx"):
        paired_differences(table, "drift", a="lora", b="full", by=["layer"])
    with pytest.raises(SettingsError, match=r"expected the columns \['cka'\]"):
        means_over_seeds(table, "cka", by=["method"])
