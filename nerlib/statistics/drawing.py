"""Drawing sentences again: what the bootstraps and permutations of this package share.

All that F1 needs of a sentence are two integers, *found* = tp and *wrong* = fp + fn: F1 = 2 found / (2 found + wrong).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray

CELLS = 2**20  # of an array of weights (draws, sentences) held at once: 8 MiB
# A multinomial number costs about as much as this many sentences drawn one by one.
MULTINOMIAL_COST = 8


def found_and_wrong(counts: Sequence[npt.ArrayLike]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Found and wrong of each sentence, both (sentences,), of counts (sentences,) or (sentences, types)."""
    tp, fp, fn = (np.asarray(array) for array in counts)
    if not tp.shape == fp.shape == fn.shape or tp.ndim not in (1, 2) or len(tp) == 0:
        raise SettingsError(
            "expected tp, fp and fn of one shape, (sentences,) or (sentences, types), with at least one sentence; "
            f"met {tp.shape}, {fp.shape} and {fn.shape}"
        )
    found, wrong = (array.reshape(len(tp), -1).sum(axis=1) for array in (tp, fp + fn))
    return found, wrong


def resampled_sums(rows: npt.NDArray[Any], draws: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Column sums of integer `rows` (n, k) after drawing n rows with replacement, `draws` times: (draws, k).

    Equal rows are one kind. How often each kind is drawn is multinomial: one number a kind instead of one a sentence,
    and exactly the same distribution; it pays where a test set has few kinds of sentences.
    """
    check_draws(draws)
    n = len(rows)
    kinds, sizes = np.unique(rows, axis=0, return_counts=True)
    if len(kinds) * MULTINOMIAL_COST < n:
        drawn = (rng.multinomial(n, sizes / n, size=part) @ kinds for part in parts(draws, len(kinds)))
    else:
        values = rows.astype(float)  # sums of integers are exact, and matrices of floats multiply fast
        drawn = (how_often(n, part, rng) @ values for part in parts(draws, n))
    return np.concatenate(list(drawn))


def how_often(n: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """How often each of n rows is drawn, n times with replacement: (draws, n)."""
    places = rng.integers(n, size=(draws, n), dtype=np.uint32) + np.arange(draws, dtype=np.int64)[:, None] * n
    return np.bincount(places.ravel(), minlength=draws * n).reshape(draws, n).astype(float)


def coins(draws: int, n: int, rng: np.random.Generator) -> FloatArray:
    """0 or 1 with equal chance: (draws, n)."""
    width = -(-n // 8)
    octets = np.frombuffer(rng.bytes(draws * width), dtype=np.uint8).reshape(draws, width)
    return np.unpackbits(octets, axis=1, count=n).astype(float)


def parts(draws: int, width: int) -> Iterator[int]:
    """Split the draws so that an array (part, width) stays within `CELLS`."""
    step = max(1, CELLS // max(width, 1))
    for start in range(0, draws, step):
        yield min(step, draws - start)


def percentiles(values: FloatArray, level: float) -> tuple[float, float]:
    """The ends of the middle share `level` of the values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def check_level(level: float) -> None:
    """Refuse what is no level of confidence."""
    if not 0 < level < 1:
        raise SettingsError(f"expected a level between 0 and 1, as 0.95, met {level!r}")


def check_draws(draws: int) -> None:
    """Refuse what is no number of draws."""
    if draws < 1:
        raise SettingsError(f"expected at least one draw, met draws={draws}")
