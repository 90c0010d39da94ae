r"""Within a language: two systems, the same sentences, the same seeds.

A `Pair` holds the counts of two systems on one test set: `a` and `b`, each (tp, fp, fn) with arrays (seeds, sentences),
the i-th row of both from the same seed; arrays (sentences,) are one seed. The quantity is the mean over seeds of the
difference of corpus F1, a − b, in 0..1; of several languages, the mean over languages of that: every language weighs
the same.

What is drawn again decides what is said: sentences only (`permutation_test_f1`), or seeds and sentences
(`two_level_bootstrap_f1`). Languages are never drawn here: they are fixed, see `nerlib.statistics.across` for them.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray, f1_from_counts
from nerlib.statistics.drawing import (
    MULTINOMIAL_COST,
    check_draws,
    check_level,
    coins,
    parts,
    percentiles,
    resampled_sums,
)

TIE = 1e-12  # differences of F1 that are closer than this are equal: they differ by rounding


class Pair(NamedTuple):
    """Counts of two systems on the sentences of one language: each (tp, fp, fn), arrays (seeds, sentences)."""

    a: Sequence[npt.ArrayLike]
    b: Sequence[npt.ArrayLike]


class PermutationTest(NamedTuple):
    """A difference and its two-sided p.

    Attributes
    ----------
    value
        The difference a − b, 0..1.
    p
        Never 0: (as extreme + 1) / (draws + 1).
    draws
        Number of permutations.
    """

    value: float
    p: float
    draws: int


class TwoLevelInterval(NamedTuple):
    """A mean difference with its interval over seeds and sentences, and where the doubt comes from.

    Attributes
    ----------
    value, low, high, level
        As in `Interval`; low and high are NaN with one seed, which says nothing about others.
    seeds, sentences
        The fewest seeds of a language, and the sentences of all languages.
    seed_sd, sentence_sd
        Standard error of `value` for other seeds on these sentences, and for other sentences with these seeds.
    standard_error, degrees_of_freedom
        For other seeds and other sentences; what both components share counts once.
    """

    value: float
    low: float
    high: float
    level: float
    seeds: int
    sentences: int
    seed_sd: float
    sentence_sd: float
    standard_error: float
    degrees_of_freedom: float

    def contains(self, value: float) -> bool:
        """Whether `value` lies inside; an unknown interval contains everything."""
        return not (value < self.low or value > self.high)


# --- permutation ------------------------------------------------------------------------------------------------------


def permutation_test_f1(pairs: Sequence[Pair], *, rng: np.random.Generator, draws: int = 10_000) -> PermutationTest:
    """Paired permutation test of corpus F1 over sentences (approximate randomisation), two-sided.

    Were the systems exchangeable, each sentence's outputs could as well have been the other's. So the two are swapped
    at random, sentence by sentence (in all seeds of a sentence at once, since its difficulty is shared), and the
    difference of corpus F1 is computed anew from the sums.

    Parameters
    ----------
    pairs
        One a language.
    rng
        Draws the swaps.
    draws
        Number of permutations.

    Raises
    ------
    SettingsError
        When a pair's arrays are not of one shape, or the two sides do not hold the same gold entities in each sentence.

    References
    ----------
    Yeh (2000), More accurate tests for the statistical significance of result differences, COLING. The added one:
    Phipson & Smyth (2010), Permutation p-values should never be zero.
    """
    check_draws(draws)
    drawn, observed = np.zeros(draws), 0.0
    for pair in pairs:
        a, b = _both_sides(pair)
        observed += float((_f1(a.sum(axis=1)) - _f1(b.sum(axis=1))).mean())
        drawn += _swapped(a, b, draws, rng)
    as_extreme = int((np.abs(drawn) >= abs(observed) - TIE * len(pairs)).sum())
    return PermutationTest(float(observed) / max(len(pairs), 1), (as_extreme + 1) / (draws + 1), draws)


def _swapped(a: FloatArray, b: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """Mean F1 difference after swapping sentences at random, (draws,).

    A swap moves a sentence's difference (a − b) from one sum to the other. Sentences of one difference are one kind, of
    which a binomial number is swapped (where kinds are few); those without a difference cannot matter.
    """
    seeds = a.shape[0]
    sums_a, sums_b = a.sum(axis=1), b.sum(axis=1)  # (seeds, 2)
    moves = (a - b).transpose(1, 0, 2).reshape(a.shape[1], -1)  # (sentences, 2 seeds)
    moves = moves[moves.any(axis=1)]
    kinds, sizes = np.unique(moves, axis=0, return_counts=True)
    few = len(kinds) * MULTINOMIAL_COST < len(moves)
    drawn = []
    for part in parts(draws, len(kinds) if few else len(moves)):
        if few:
            moved = rng.binomial(sizes, 0.5, size=(part, len(sizes))) @ kinds
        else:
            moved = coins(part, len(moves), rng) @ moves.astype(float)
        moved = moved.reshape(part, seeds, 2)
        drawn.append((_f1(sums_a - moved) - _f1(sums_b + moved)).mean(axis=1))
    return np.concatenate(drawn)


# --- two levels -------------------------------------------------------------------------------------------------------


def two_level_bootstrap_f1(
    pairs: Sequence[Pair], *, rng: np.random.Generator, draws: int = 10_000, level: float = 0.95
) -> TwoLevelInterval:
    r"""Mean F1 difference with an interval for other seeds *and* other sentences, corrected for few seeds.

    Each draw takes the sentences of a test set again (the same ones for all seeds and both systems) and the seeds
    again. Seeds and sentences are crossed, and few seeds are drawn from; hence three corrections:

    1. A bootstrap over k seeds has :math:`(k - 1) / k` of the unbiased variance: the part of a draw that comes from
       seeds is stretched by :math:`\sqrt{k / (k - 1)}`.
    2. What a seed makes of a sentence (their interaction) is in both levels' variances, so it would count twice. Its
       variance follows from the draws, :math:`V_{kn} = (\bar V_{one} - V_n) / (k - 1)`, with V_n that of the mean over
       seeds and V_one that of a single seed; the part that comes from sentences is shrunk by it.
    3. k seeds tell their variance badly: the percentiles are stretched away from the estimate by the ratio of Student's
       quantile to the normal one, with Satterthwaite's degrees of freedom, :math:`\nu = (V_k + V_n - V_{kn})^2 / (V_k^2
       / (k - 1) + (V_n - V_{kn})^2 / (n - 1))`.

    Parameters
    ----------
    pairs
        One a language; languages are fixed.
    rng
        Draws sentences and seeds.
    draws, level
        As for `bootstrap_f1`.

    Raises
    ------
    SettingsError
        As `permutation_test_f1`, and for a level outside 0..1.

    References
    ----------
    McCullagh (2000), Resampling and exchangeable arrays, Bernoulli 6 (no bootstrap of crossed arrays is unbiased by
    itself); Satterthwaite (1946), An approximate distribution of estimates of variance components; stretching by
    √(k / (k − 1)) and by t: Hesterberg (2015), What teachers should know about the bootstrap, section 4.
    """
    check_draws(draws)
    check_level(level)
    if not pairs:
        raise SettingsError("expected the counts of at least one language, met none")
    levels = [_one_language(pair, draws, rng) for pair in pairs]
    drawn = np.mean([language.drawn for language in levels], axis=0)
    value = float(np.mean([language.value for language in levels]))
    seeds, sentences, shared = (
        np.array([getattr(language, name) for language in levels]) / len(levels) ** 2
        for name in ("seed_variance", "sentence_variance", "shared_variance")
    )
    components = np.concatenate([seeds, shared])
    freedoms = [n - 1 for name in ("seeds", "sentences") for n in (getattr(language, name) for language in levels)]
    total = float(components.sum())
    freedom = float(total**2 / (components**2 / np.maximum(freedoms, 1)).sum()) if total > 0 else math.inf
    low, high = (math.nan, math.nan) if math.isnan(total) else _stretched(drawn, value, level, freedom)
    return TwoLevelInterval(
        value,
        low,
        high,
        level,
        seeds=min(language.seeds for language in levels),
        sentences=sum(language.sentences for language in levels),
        seed_sd=math.sqrt(seeds.sum()),
        sentence_sd=math.sqrt(sentences.sum()),
        standard_error=math.sqrt(total),
        degrees_of_freedom=freedom,
    )


class _Levels(NamedTuple):
    """One language: its draws, and the variances of its mean over seeds."""

    value: float
    drawn: FloatArray  # (draws,)
    seed_variance: float
    sentence_variance: float
    shared_variance: float  # of sentences, without what is in the seeds' already
    seeds: int
    sentences: int


def _one_language(pair: Pair, draws: int, rng: np.random.Generator) -> _Levels:
    a, b = _both_sides(pair)
    k, n, _ = a.shape
    by_seed = _f1(a.sum(axis=1)) - _f1(b.sum(axis=1))  # (seeds,)
    value = float(by_seed.mean())
    again = _resampled_differences(a, b, draws, rng)  # (draws, seeds)
    sentence_variance = float(again.mean(axis=1).var())
    if k == 1:
        return _Levels(value, again[:, 0], math.nan, sentence_variance, sentence_variance, k, n)
    interaction = max(float(again.var(axis=0).mean()) - sentence_variance, 0) / (k - 1)
    shared = max(sentence_variance - interaction, 0)
    shrunk = math.sqrt(shared / sentence_variance) if sentence_variance > 0 else 0.0
    which = rng.multinomial(k, np.full(k, 1 / k), size=draws) / k  # (draws, seeds)
    from_seeds = math.sqrt(k / (k - 1)) * (which @ by_seed - value)
    drawn = value + shrunk * (again.mean(axis=1) - value) + from_seeds
    return _Levels(value, drawn, float(by_seed.var(ddof=1)) / k, sentence_variance, shared, k, n)


def _resampled_differences(a: FloatArray, b: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """F1 difference of each seed on drawn sentences, the same for all seeds: (draws, seeds)."""
    seeds, sentences, _ = a.shape
    both = np.concatenate([a, b])  # (2 seeds, sentences, 2)
    rows = both.transpose(1, 0, 2).reshape(sentences, -1)
    sums = resampled_sums(rows, draws, rng).reshape(draws, 2 * seeds, 2)
    f1 = _f1(sums)
    return f1[:, :seeds] - f1[:, seeds:]


def _stretched(drawn: FloatArray, value: float, level: float, freedom: float) -> tuple[float, float]:
    """Percentiles, their distances from `value` times t / z."""
    tail = (1 + level) / 2
    ratio = stats.t.ppf(tail, max(freedom, 1)) / stats.norm.ppf(tail)
    low, high = percentiles(drawn, level)
    return float(value + ratio * (low - value)), float(value + ratio * (high - value))


# --- counts -----------------------------------------------------------------------------------------------------------


def _both_sides(pair: Pair) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Found and wrong of both sides, each (seeds, sentences, 2), after checking that they are of one test set."""
    sides = [tuple(np.atleast_2d(np.asarray(array)) for array in side) for side in pair]
    shapes = {array.shape for side in sides for array in side}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or 0 in shape:
        raise SettingsError(
            "expected tp, fp and fn of both systems as arrays of one shape (seeds, sentences), neither of them 0; "
            f"met {[[np.shape(array) for array in side] for side in pair]}"
        )
    gold_a, gold_b = (tp + fn for tp, _, fn in sides)
    if (differ := np.argwhere(gold_a != gold_b)).size:
        seed, sentence = differ[0] + 1
        raise SettingsError(
            f"expected the same gold entities on both sides, met others in sentence {sentence} of pair {seed}"
        )
    a, b = (np.stack([tp, fp + fn], axis=-1) for tp, fp, fn in sides)
    return a, b


def _f1(sums: npt.NDArray[Any]) -> FloatArray:
    """F1 from sums (..., 2) of found and wrong."""
    return f1_from_counts(sums[..., 0], sums[..., 1], 0)
