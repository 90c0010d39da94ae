"""The Performance-Efficiency Score (PES) of the Persian study, where it is defined, and a variant that always is.

P is a number of parameters in millions, V the device's memory in gigabytes; scores are shares (0..1); arrays broadcast.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray

#: The study's weights of its scores, by task.
WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "sentiment": MappingProxyType({"accuracy": 2.5, "f1": 2.5, "precision": 2.5, "recall": 2.5}),
        "ner": MappingProxyType({"accuracy": 1.0, "f1": 3.0, "precision": 2.0, "recall": 4.0}),
        "qa": MappingProxyType({"f1": 3.0, "rouge": 2.0, "exact_match": 5.0}),
    }
)
UNKNOWN = "not known"
FEW_PARAMETERS = "P ≤ 1 million: its logarithm is not positive"
LITTLE_MEMORY = "V ≤ 1 GB: its logarithm is not positive"


def weighted_score(scores: npt.ArrayLike, weights: npt.ArrayLike) -> FloatArray:
    """Weighted mean of scores, the numerator of PES: sum(w m) / sum(w).

    Parameters
    ----------
    scores
        (..., k), the k scores of each system in the last axis.
    weights
        (k,), or (..., k) that broadcasts; none negative, and not all 0.

    Returns
    -------
    ndarray of float64
        (...); NaN where a score is.

    Raises
    ------
    SettingsError
        For weights that are negative, not finite or all 0, or not one for each score.
    """
    scores, weights = np.asarray(scores, dtype=float), np.asarray(weights, dtype=float)
    if scores.ndim == 0 or weights.ndim == 0 or weights.shape[-1] != scores.shape[-1]:
        raise SettingsError(f"expected a weight for each score, got shapes {weights.shape} and {scores.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any(axis=-1).all():
        raise SettingsError(f"expected weights of 0 or more, not all of them 0, got {weights.tolist()}")
    mean: FloatArray = (scores * weights).sum(axis=-1) / weights.sum(axis=-1)
    return mean


def pes(
    score: npt.ArrayLike,
    parameters: npt.ArrayLike,
    memory: npt.ArrayLike,
    *,
    base: float = math.e,
    as_printed: bool = False,
) -> FloatArray:
    r"""Performance-Efficiency Score: :math:`\sum_i w_i m_i / (\log P \cdot \log V \cdot \sum_i w_i)`.

    The logarithms divide: where one of them is 0 the score is infinite, where one is negative the better system has the
    lower score, where both are it seems in order and is not. There PES is NaN, and `undefined` says why.

    Parameters
    ----------
    score
        The weighted mean m of the scores (see `weighted_score`).
    parameters
        P in millions. The source's formula says "number of LLM parameters", its prose "trainable parameters".
    memory
        V in gigabytes.
    base
        Of the logarithms, above 1. The source names none; another base multiplies all scores by one number.
    as_printed
        Compute the formula also where it changes its sign, to show what it gives there.

    Raises
    ------
    SettingsError
        For a base that is none, or negative numbers of parameters or gigabytes.

    References
    ----------
    Ghasemi and Salimi Sartakhti (2025), Multilingual language models in Persian natural language processing tasks: a
    performance comparison of fine-tuning techniques, equation 1. DOI 10.22044/jadm.2025.15167.2625.
    """
    if not base > 1 or math.isinf(base):
        raise SettingsError(f"expected a base of logarithms above 1, got {base!r}")
    score, parameters, memory = _arrays(score, parameters, memory)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.log(parameters) * np.log(memory) / math.log(base) ** 2
    defined = np.isfinite(cost) & (cost != 0) if as_printed else (parameters > 1) & (memory > 1)
    return np.divide(score, cost, out=np.full(score.shape, np.nan), where=defined)


def undefined(score: npt.ArrayLike, parameters: npt.ArrayLike, memory: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """Why PES is undefined for each system; "" where it is defined.

    Parameters
    ----------
    score, parameters, memory
        As in `pes`.
    """
    score, parameters, memory = _arrays(score, parameters, memory)
    unknown = np.isnan(score) | np.isnan(parameters) | np.isnan(memory)
    cases = [unknown, (parameters <= 1) & (memory <= 1), parameters <= 1, memory <= 1]
    return np.select(cases, [UNKNOWN, f"{FEW_PARAMETERS}; {LITTLE_MEMORY}", FEW_PARAMETERS, LITTLE_MEMORY], "")


def bounded_pes(score: npt.ArrayLike, parameters: npt.ArrayLike, memory: npt.ArrayLike) -> FloatArray:
    r"""A PES for all costs: :math:`m / ((1 + \ln(1 + P)) (1 + \ln(1 + V)))`.

    It keeps PES's idea (each cost divides, by its logarithm) and lies between 0 and the score m itself, which it is
    where nothing is spent. It falls with P and V, and grows with m, everywhere: a megabyte or a few thousand trainable
    parameters change neither its sign nor the order.

    Parameters
    ----------
    score, parameters, memory
        As in `pes`; P and V may be 0.

    Raises
    ------
    SettingsError
        For negative numbers of parameters or gigabytes.
    """
    score, parameters, memory = _arrays(score, parameters, memory)
    bounded: FloatArray = score / ((1 + np.log1p(parameters)) * (1 + np.log1p(memory)))
    return bounded


def _arrays(score: npt.ArrayLike, parameters: npt.ArrayLike, memory: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """The three as arrays of one shape."""
    arrays = [np.asarray(values, dtype=float) for values in (score, parameters, memory)]
    for name, values in (("parameters", arrays[1]), ("memory", arrays[2])):
        if (values < 0).any() or np.isinf(values).any():
            raise SettingsError(f"{name}: expected finite numbers of 0 or more, got {values[~(values >= 0)].tolist()}")
    return tuple(np.broadcast_arrays(*arrays))
