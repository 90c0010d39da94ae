"""Drift and CKA against scipy and the definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orth
from scipy.spatial import distance

from nerlib.similarity import drift_by_layer, linear_cka

RNG = np.random.default_rng(5)


def test_drift_is_scipy_s_cosine_distance():
    before, after = RNG.normal(size=(2, 6, 4)), RNG.normal(size=(2, 6, 4))
    expected = [
        np.mean([distance.cosine(x, y) for x, y in zip(*layers, strict=True)])
        for layers in zip(before, after, strict=True)
    ]
    np.testing.assert_allclose(drift_by_layer(before, after)["drift"], expected)
    np.testing.assert_allclose(drift_by_layer(before, 3 * before)["drift"], 0, atol=1e-12)
    np.testing.assert_allclose(drift_by_layer(before, -before)["drift"], 2)


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


def test_drift_by_layer_is_the_mean_over_sentences():
    before = RNG.normal(size=(3, 20, 8))
    after = before + np.array([0, 0.1, 1])[:, None, None] * RNG.normal(size=before.shape)
    table = drift_by_layer(before, after)
    assert table["layer"].tolist() == [0, 1, 2] and table["sentences"].tolist() == [20] * 3
    assert table["drift"].is_monotonic_increasing and table["cka"].is_monotonic_decreasing
    assert table.loc[0, ["drift", "cka"]].tolist() == pytest.approx([0, 1], abs=1e-12)
    moved = [distance.cosine(x, y) for x, y in zip(before[2], after[2], strict=True)]
    assert table.loc[2, "drift"] == pytest.approx(np.mean(moved))
