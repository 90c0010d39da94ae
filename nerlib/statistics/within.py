r"""Within a language: two systems on the same sentences, and what other seeds and other sentences would have changed.

A `Side` is one system: of counts (tp, fp, fn), arrays (seeds, sentences) or, of one seed, (sentences,), `f1_side` makes
it. The quantity is the mean over seeds of corpus F1 of a, minus that of b, in 0..1; of several languages, the mean over
languages of that: every language weighs the same.

F1 is a ratio of sums, :math:`F = \sum x_i / \sum y_i` with x = 2 tp and y = 2 tp + fp + fn, so that a sentence moves
it by :math:`e_i = (x_i - F y_i) / \sum y_i`, to first order: what the bootstrap finds by drawing sentences follows.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray
from nerlib.scoring.counts import share
from nerlib.statistics.estimate import MOST_FREEDOM, Estimate, satterthwaite

BLOCK = 10  # sentences: about a short document


class Doubt(NamedTuple):
    """One language: its difference, and what it would have been otherwise.

    Attributes
    ----------
    value
        Mean over seeds, a − b, 0..1.
    seeds, seed_freedom
        Variance of `value` for other seeds, with its degrees of freedom; NaN where a side has one seed.
    sentences, sentence_freedom
        Its variance for other sentences, without what is in the seeds' already: what a seed makes of a sentence.
    trained
        Its variance for other sentences with these trained models.
    blocks
        The same for sentences drawn in blocks, over `trained`: above 1 where neighbours are alike.
    """

    value: float
    seeds: float
    seed_freedom: float
    sentences: float = 0.0
    sentence_freedom: float = MOST_FREEDOM
    trained: float = math.nan
    blocks: float = math.nan


# --- what could have come out otherwise -------------------------------------------------------------------------------


class Side(NamedTuple):
    """Scores of one side's seeds, (seeds,), and by how much each sentence moves them, (seeds, sentences)."""

    scores: FloatArray
    moved: FloatArray


def doubt_of(a: Side, b: Side | None = None, *, shared_seeds: bool = True) -> Doubt:
    r"""The difference of two sides, or the mean of one, with the variances of its seeds and of its sentences.

    Seeds and sentences are crossed: with V_k the variance for other seeds, V_n for other sentences, and V_kn that of
    what a seed makes of a sentence, which is in both, the total is :math:`V_k + (V_n - V_{kn})`. Where no sentences are
    known, (seeds, 0), they are not in doubt.

    Parameters
    ----------
    a, b
        On the same test set.
    shared_seeds
        Whether the i-th seed of both is one seed, as in our runs; of systems from elsewhere it is not.

    Raises
    ------
    SettingsError
        When seeds are shared and the two sides have not as many.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4 (variance of a ratio); McCullagh (2000), Resampling and
    exchangeable arrays, Bernoulli 6 (crossed variances); O'Neill (2014), Some useful moment results in sampling
    problems, The American Statistician 68 (degrees of freedom of a variance by the fourth moment).
    """
    if b is None:
        sides, value = [a], float(a.scores.mean())
    else:
        sides, value = [a, b], float(a.scores.mean() - b.scores.mean())
    if b and shared_seeds:
        if len(a.scores) != len(b.scores):
            raise SettingsError(
                f"expected as many seeds on both sides, which share them; got {len(a.scores)} and {len(b.scores)}"
            )
        sides = [Side(a.scores - b.scores, a.moved - b.moved)]
    ours = sides[0].moved.mean(axis=0) - sum(side.moved.mean(axis=0) for side in sides[1:])  # (sentences,)
    n = len(ours)
    correction = n / max(n - 1, 1)
    trained = float((ours**2).sum()) * correction if n else math.nan
    sentences = {"sentence_freedom": _freedom(ours) if n else MOST_FREEDOM, "trained": trained, "blocks": _blocks(ours)}
    if min(len(side.scores) for side in sides) == 1:
        return Doubt(value, math.nan, math.nan, 0.0 if not n else trained, **sentences)
    seeds = [float(side.scores.var(ddof=1)) / len(side.scores) for side in sides]
    both = sum(float(side.moved.var(axis=0, ddof=1).sum()) / len(side.moved) for side in sides) * correction
    freedom = satterthwaite(seeds, [len(side.scores) - 1 for side in sides])
    return Doubt(value, sum(seeds), freedom, max(trained - both, 0.0) if n else 0.0, **sentences)


def side_of(top: npt.ArrayLike, bottom: npt.ArrayLike) -> Side:
    """Any ratio of sums over sentences, from its numerators and denominators, (seeds, sentences) each."""
    over, under = (np.atleast_2d(np.asarray(array, dtype=float)) for array in (top, bottom))
    total = under.sum(axis=1, keepdims=True)
    ratio = share(over.sum(axis=1, keepdims=True), total)
    return Side(ratio[:, 0], share(over - ratio * under, np.broadcast_to(total, over.shape)))


def of_documents(side: Side, documents: npt.ArrayLike) -> Side:
    """The side with documents in doubt instead of sentences: what all sentences of one move together.

    Parameters
    ----------
    documents
        (sentences,), the document of each; empty where it is not known: then sentences stay in doubt.

    References
    ----------
    Cochran (1977), Sampling Techniques, chapter 9A (cluster sampling).
    """
    _, of = np.unique(np.asarray(documents), return_inverse=True)
    return Side(side.scores, np.stack([np.bincount(of, row) for row in side.moved])) if len(of) else side


def side_of_scores(scores: npt.ArrayLike) -> Side:
    """Scores of seeds whose sentences are not known."""
    values = np.asarray(scores, dtype=float).ravel()
    return Side(values, np.zeros((len(values), 0)))


def _freedom(moved: FloatArray) -> float:
    """With how many degrees of freedom the variance of so many sentences is known, by their fourth moment."""
    squares, fourth = float((moved**2).sum()), float((moved**4).sum())
    spread = fourth - squares**2 / len(moved)
    return float(np.clip(2 * squares**2 / spread, 1, MOST_FREEDOM)) if spread > 0 else float(max(len(moved) - 1, 1))


def _blocks(moved: FloatArray) -> float:
    """Variance of sentences drawn in blocks of neighbours, over that of sentences drawn alone."""
    whole = moved[: len(moved) // BLOCK * BLOCK]
    squares = float((whole**2).sum())
    return float((whole.reshape(-1, BLOCK).sum(axis=1) ** 2).sum()) / squares if squares > 0 else math.nan


def fixed_languages(doubts: Sequence[Doubt]) -> Estimate:
    """The mean over languages, which are fixed, with other seeds and other sentences in doubt.

    Where a language has one seed on a side, other sentences alone are: it is about these trained models.
    """
    table = np.array(doubts).T  # (fields, languages)
    n, value = len(doubts), float(table[0].mean())
    seeds, seed_freedoms, sentences, freedoms = table[1:5]
    both = [(seeds, seed_freedoms), (sentences, freedoms)]
    parts = [(table[5], freedoms)] if np.isnan(seeds).any() else both
    variances = tuple(float(variance.sum()) / n**2 for variance, _ in parts)
    return Estimate(value, variances, tuple(satterthwaite(*part) for part in parts))


def resampled_sums(rows: npt.NDArray[Any], n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Column sums of `rows` (n, k) after drawing n rows with replacement: (n_resamples, k).

    Equal rows are one kind; how often each kind is drawn is multinomial.
    """
    kinds, sizes = np.unique(rows, axis=0, return_counts=True)
    return rng.multinomial(len(rows), sizes / len(rows), size=n_resamples) @ kinds.astype(float)


# --- counts -----------------------------------------------------------------------------------------------------------


def f1_side(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike) -> Side:
    """Corpus F1 = 2 tp / (2 tp + fp + fn) of each seed, from counts (seeds, sentences)."""
    found, wrong, missed = (np.atleast_2d(np.asarray(array)) for array in (tp, fp, fn))
    return side_of(2 * found, 2 * found + wrong + missed)
