r"""Within a language: two systems, the same sentences, the same seeds.

A `Pair` holds the counts of two systems on one test set: `a` and `b`, each (tp, fp, fn) with arrays (seeds, sentences),
the i-th row of both from the same seed; arrays (sentences,) are one seed. The quantity is the mean over seeds of the
difference of corpus F1, a − b, in 0..1; of several languages, the mean over languages of that: every language weighs
the same.

What is drawn again decides what is said: sentences only (`permutation_test_f1`), or seeds and sentences
(`two_level_bootstrap_f1`). Languages are never drawn here: they are fixed, see `nerlib.statistics.across` for them.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray, f1_from_counts
from nerlib.statistics.intervals import PermutationTest, check_level, check_resamples

CELLS = 2**20  # of an array of weights (resamples, sentences) held at once: 8 MiB
# A multinomial number costs about as much as this many sentences drawn one by one.
MULTINOMIAL_COST = 8
TIE = 1e-12  # differences of F1 that are closer than this are equal: they differ by rounding


class Pair(NamedTuple):
    """Counts of two systems on the sentences of one language: each (tp, fp, fn), arrays (seeds, sentences)."""

    a: Sequence[npt.ArrayLike]
    b: Sequence[npt.ArrayLike]


class TwoLevelInterval(NamedTuple):
    """A mean difference with its interval over seeds and sentences, and where the doubt comes from.

    Attributes
    ----------
    value, low, high
        As in `Interval`; low and high are NaN with one seed, which says nothing about others.
    seed_sd, sentence_sd
        Standard error of `value` for other seeds on these sentences, and for other sentences with these seeds.
    standard_error, degrees_of_freedom
        For other seeds and other sentences; what both components share counts once.
    """

    value: float
    low: float
    high: float
    seed_sd: float
    sentence_sd: float
    standard_error: float
    degrees_of_freedom: float


# --- permutation ------------------------------------------------------------------------------------------------------


def permutation_test_f1(
    pairs: Sequence[Pair], *, rng: np.random.Generator, n_resamples: int = 10_000
) -> PermutationTest:
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
    n_resamples
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
    check_resamples(n_resamples)
    drawn, observed = np.zeros(n_resamples), 0.0
    for pair in pairs:
        a, b = _both_sides(pair)
        observed += float((_f1(a.sum(axis=1)) - _f1(b.sum(axis=1))).mean())
        drawn += _swapped(a, b, n_resamples, rng)
    as_extreme = int((np.abs(drawn) >= abs(observed) - TIE * len(pairs)).sum())
    smallest = 1 / (n_resamples + 1)
    return PermutationTest(observed / max(len(pairs), 1), (as_extreme + 1) * smallest, smallest)


def _swapped(a: FloatArray, b: FloatArray, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Mean F1 difference after swapping sentences at random, (n_resamples,).

    A swap moves a sentence's difference (a − b) from one sum to the other. Sentences of one difference are one kind, of
    which a binomial number is swapped (where kinds are few); those without a difference cannot matter.
    """
    sums_a, sums_b = a.sum(axis=1), b.sum(axis=1)  # (seeds, 2)
    moves = (a - b).transpose(1, 0, 2).reshape(a.shape[1], -1)  # (sentences, 2 seeds)
    moves = moves[moves.any(axis=1)]
    kinds, sizes = np.unique(moves, axis=0, return_counts=True)
    few = len(kinds) * MULTINOMIAL_COST < len(moves)
    drawn = []
    for size in chunks(n_resamples, len(kinds) if few else len(moves)):
        if few:
            moved = rng.binomial(sizes, 0.5, size=(size, len(sizes))) @ kinds
        else:
            moved = random_bits(size, len(moves), rng) @ moves.astype(float)
        moved = moved.reshape(size, -1, 2)
        drawn.append((_f1(sums_a - moved) - _f1(sums_b + moved)).mean(axis=1))
    return np.concatenate(drawn)


# --- two levels -------------------------------------------------------------------------------------------------------


def two_level_bootstrap_f1(
    pairs: Sequence[Pair], *, rng: np.random.Generator, n_resamples: int = 10_000, level: float = 0.95
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
    n_resamples, level
        Number of resampled studies; of the interval.

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
    check_resamples(n_resamples)
    check_level(level)
    if not pairs:
        raise SettingsError("expected the counts of at least one language, got none")
    languages = [_one_language(pair, n_resamples, rng) for pair in pairs]
    drawn = np.mean([language.drawn for language in languages], axis=0)
    value = float(np.mean([language.value for language in languages]))
    variances = np.array([language.variances for language in languages]).T / len(languages) ** 2  # (3, languages)
    seeds, sentences, _ = (math.sqrt(total) for total in variances.sum(axis=1))
    components = variances[[0, 2]]  # of seeds; of sentences, without what is in the seeds' already
    freedoms = np.array([language.freedoms for language in languages]).T
    total = float(components.sum())
    freedom = float(total**2 / (components**2 / freedoms).sum()) if total > 0 else math.inf
    low, high = (math.nan, math.nan) if math.isnan(total) else _stretched(drawn, value, level, freedom)
    return TwoLevelInterval(value, low, high, seeds, sentences, math.sqrt(total), freedom)


class _Levels(NamedTuple):
    """One language: its mean over seeds, the draws of it, and what they tell of its variance.

    Variances are of seeds, of sentences, and of sentences without what is in the seeds' already; degrees of freedom of
    the first and the last.
    """

    value: float
    drawn: FloatArray  # (n_resamples,)
    variances: tuple[float, float, float]
    freedoms: tuple[int, int]


def _one_language(pair: Pair, n_resamples: int, rng: np.random.Generator) -> _Levels:
    a, b = _both_sides(pair)
    k, n, _ = a.shape
    by_seed = _f1(a.sum(axis=1)) - _f1(b.sum(axis=1))  # (seeds,)
    value, freedoms = float(by_seed.mean()), (max(k - 1, 1), max(n - 1, 1))
    again = _resampled_differences(a, b, n_resamples, rng)  # (n_resamples, seeds)
    sentence_variance = float(again.mean(axis=1).var())
    if k == 1:
        return _Levels(value, again[:, 0], (math.nan, sentence_variance, sentence_variance), freedoms)
    interaction = max(float(again.var(axis=0).mean()) - sentence_variance, 0) / (k - 1)
    shared = max(sentence_variance - interaction, 0)
    shrunk = math.sqrt(shared / sentence_variance) if sentence_variance > 0 else 0.0
    which = rng.multinomial(k, np.full(k, 1 / k), size=n_resamples) / k  # (n_resamples, seeds)
    from_seeds = math.sqrt(k / (k - 1)) * (which @ by_seed - value)
    drawn = value + shrunk * (again.mean(axis=1) - value) + from_seeds
    return _Levels(value, drawn, (float(by_seed.var(ddof=1)) / k, sentence_variance, shared), freedoms)


def _resampled_differences(a: FloatArray, b: FloatArray, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """F1 difference of each seed on drawn sentences, the same for all seeds: (n_resamples, seeds)."""
    seeds, sentences, _ = a.shape
    rows = np.concatenate([a, b]).transpose(1, 0, 2).reshape(sentences, -1)  # (sentences, 4 seeds)
    f1 = _f1(resampled_sums(rows, n_resamples, rng).reshape(n_resamples, 2 * seeds, 2))
    return f1[:, :seeds] - f1[:, seeds:]


def _stretched(drawn: FloatArray, value: float, level: float, freedom: float) -> tuple[float, float]:
    """Percentiles, their distances from `value` times t / z."""
    tail = (1 + level) / 2
    ratio = stats.t.ppf(tail, max(freedom, 1)) / stats.norm.ppf(tail)
    low, high = value + ratio * (np.quantile(drawn, [1 - tail, tail]) - value)
    return float(low), float(high)


# --- drawing sentences ------------------------------------------------------------------------------------------------


def resampled_sums(rows: npt.NDArray[Any], n_resamples: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Column sums of `rows` (n, k) after drawing n rows with replacement: (n_resamples, k).

    Equal rows are one kind. How often each kind is drawn is multinomial: one number a kind instead of one a sentence,
    and exactly the same distribution; it pays where a test set has few kinds of sentences.
    """
    check_resamples(n_resamples)
    n = len(rows)
    kinds, sizes = np.unique(rows, axis=0, return_counts=True)
    if len(kinds) * MULTINOMIAL_COST < n:
        drawn = (rng.multinomial(n, sizes / n, size=size) @ kinds for size in chunks(n_resamples, len(kinds)))
    else:
        values = rows.astype(float)  # sums of integers are exact, and matrices of floats multiply fast
        drawn = (bootstrap_counts(n, size, rng) @ values for size in chunks(n_resamples, n))
    return np.concatenate(list(drawn))


def bootstrap_counts(n: int, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """How often each of n rows is drawn, n times with replacement: (n_resamples, n)."""
    drawn = (
        rng.integers(n, size=(n_resamples, n), dtype=np.uint32) + np.arange(n_resamples, dtype=np.int64)[:, None] * n
    )
    return np.bincount(drawn.ravel(), minlength=n_resamples * n).reshape(n_resamples, n).astype(float)


def random_bits(n_resamples: int, n: int, rng: np.random.Generator) -> FloatArray:
    """0 or 1 with equal chance: (n_resamples, n)."""
    width = -(-n // 8)
    octets = np.frombuffer(rng.bytes(n_resamples * width), dtype=np.uint8).reshape(n_resamples, width)
    return np.unpackbits(octets, axis=1, count=n).astype(float)


def chunks(n_resamples: int, width: int) -> Iterator[int]:
    """Split the resamples so that an array (chunk, width) stays within `CELLS`."""
    step = max(1, CELLS // max(width, 1))
    for start in range(0, n_resamples, step):
        yield min(step, n_resamples - start)


# --- counts -----------------------------------------------------------------------------------------------------------


def _both_sides(pair: Pair) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Found and wrong of both sides, each (seeds, sentences, 2), after checking that they are of one test set."""
    sides = [tuple(np.atleast_2d(np.asarray(array)) for array in side) for side in pair]
    shapes = {array.shape for side in sides for array in side}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or 0 in shape:
        raise SettingsError(
            "expected tp, fp and fn of both systems as arrays of one shape (seeds, sentences), neither of them 0; "
            f"got {[[np.shape(array) for array in side] for side in pair]}"
        )
    gold_a, gold_b = (tp + fn for tp, _, fn in sides)
    if (differ := np.argwhere(gold_a != gold_b)).size:
        seed, sentence = differ[0] + 1
        raise SettingsError(
            f"expected the same gold entities on both sides, got others in sentence {sentence} of pair {seed}"
        )
    a, b = (np.stack([tp, fp + fn], axis=-1) for tp, fp, fn in sides)
    return a, b


def _f1(sums: npt.NDArray[Any]) -> FloatArray:
    """F1 from sums (..., 2) of found and wrong."""
    return f1_from_counts(sums[..., 0], sums[..., 1], 0)
