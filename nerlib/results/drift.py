"""Semantic drift: how far tuning has moved a model's representations of the same sentences, layer by layer.

Letters of shapes: S sentences, H hidden width, M layers. A representation is one vector a sentence (a mean over its
words, say); *before* is the model that tuning began with, *after* the one that it left.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray


def semantic_drift(before: npt.ArrayLike, after: npt.ArrayLike) -> FloatArray:
    """1 − cosine between a sentence's two representations: 0 unmoved, 1 at a right angle.

    Parameters
    ----------
    before, after
        (..., S, H), of the same sentences.

    Returns
    -------
    ndarray of float64
        (..., S), 0..2; NaN where a representation is zero.

    Raises
    ------
    SettingsError
        When the two differ in shape, or hold NaN.
    """
    x, y = _pair(before, after)
    norms = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    cosines = np.divide((x * y).sum(axis=-1), norms, out=np.full(norms.shape, np.nan), where=norms > 0)
    return 1 - np.clip(cosines, -1, 1)


def linear_cka(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    r"""Linear centred kernel alignment: how alike two sets of representations are, up to rotation and scale.

    With the columns of X and Y centred it is :math:`\|Y^T X\|_F^2 / (\|X^T X\|_F \|Y^T Y\|_F)`.

    Parameters
    ----------
    before, after
        (S, H) and (S, H'), of the same sentences; the widths may differ.

    Returns
    -------
    float
        0..1, where 1 is alike; NaN when all sentences have one representation.

    Raises
    ------
    SettingsError
        With other numbers of sentences, fewer than two of them, or NaN.

    References
    ----------
    Kornblith, Norouzi, Lee & Hinton (2019), Similarity of Neural Network Representations Revisited, equation 4 and
    section 3.
    """
    x, y = _pair(before, after, same_width=False)
    if x.ndim != 2 or len(x) < 2:
        raise SettingsError(f"expected representations of at least two sentences, (S, H), got {x.shape}")
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    cross, own_x, own_y = np.linalg.norm(y.T @ x) ** 2, np.linalg.norm(x.T @ x), np.linalg.norm(y.T @ y)
    return float(cross / (own_x * own_y)) if own_x > 0 and own_y > 0 else float("nan")


def drift_by_layer(before: npt.ArrayLike, after: npt.ArrayLike) -> pd.DataFrame:
    """Drift of each layer: the mean over sentences, and linear CKA over all of them.

    Parameters
    ----------
    before, after
        (M, S, H), of the same sentences; layer 0 is usually the embeddings.

    Returns
    -------
    DataFrame
        A row a layer: `layer` (from 0), `drift`, `cka`, `sentences`.

    Raises
    ------
    SettingsError
        As `linear_cka`, and when a representation is zero.
    """
    x, y = _pair(before, after)
    if x.ndim != 3:
        raise SettingsError(f"expected representations by layer, (layers, sentences, hidden), got {x.shape}")
    drift = semantic_drift(x, y)
    if np.isnan(drift).any():
        raise SettingsError("expected representations other than zero, got NaN for their cosine")
    cka = [linear_cka(here, there) for here, there in zip(x, y, strict=True)]
    return pd.DataFrame({"layer": range(len(x)), "drift": drift.mean(axis=1), "cka": cka, "sentences": x.shape[1]})


def _pair(before: npt.ArrayLike, after: npt.ArrayLike, same_width: bool = True) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if x.ndim < 2 or y.ndim != x.ndim or x.shape[: None if same_width else -1] != y.shape[: None if same_width else -1]:
        raise SettingsError(f"expected representations of the same sentences, got shapes {x.shape} and {y.shape}")
    if np.isnan(x).any() or np.isnan(y).any():
        raise SettingsError("expected representations without NaN; leave out sentences that have none")
    return x, y
