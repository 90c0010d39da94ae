"""What a stage costs, whether it fits, and scores that weigh quality against cost.

`Stopwatch` and `DeviceUse` measure; `memory_needed` says before a run what it cannot do without; `pes` is the Persian
study's Performance-Efficiency Score, where it is defined, and `bounded_pes` a variant that always is: on arrays that
broadcast, of P (parameters in millions), V (the device's memory in gigabytes) and scores (0..1).
"""

import contextlib
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import psutil

from nerlib.errors import SettingsError
from nerlib.scoring import FloatArray

COUNTED = "counted: weights, gradients, the optimizer's moments, and what the largest step keeps for its backward pass"
CGROUP = Path("/sys/fs/cgroup")

#: The study's weights of its scores, by task.
WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "sentiment": {"accuracy": 2.5, "f1": 2.5, "precision": 2.5, "recall": 2.5},
    "ner": {"accuracy": 1.0, "f1": 3.0, "precision": 2.0, "recall": 4.0},
    "qa": {"f1": 3.0, "rouge": 2.0, "exact_match": 5.0},
}
UNKNOWN = "not known"
FEW_PARAMETERS = "P ≤ 1 million: its logarithm is not positive"
LITTLE_MEMORY = "V ≤ 1 GB: its logarithm is not positive"

# --- during a stage ---------------------------------------------------------------------------------------------------


class Stopwatch:
    """Seconds of a run's parts, which follow one another.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> with watch.part("training"):
    ...     train()
    >>> watch.seconds["training"]
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time to `name`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


class DeviceUse:
    """Energy that a device spends during a block, as NVML reports it; None, never 0, where it does not.

    It is the device's, whoever uses it: other processes on it count too.

    Attributes
    ----------
    joules : float or None
        By the counter of the first device that CUDA sees.

    Examples
    --------
    >>> with DeviceUse() as use:
    ...     train()
    >>> use.joules
    """

    joules: float | None = None

    def __enter__(self) -> Self:
        self._before = ask_nvml("nvmlDeviceGetTotalEnergyConsumption", 0)
        return self

    def __exit__(self, *_: object) -> None:
        after = ask_nvml("nvmlDeviceGetTotalEnergyConsumption", 0)
        if None not in (self._before, after) and after >= self._before:
            self.joules = (after - self._before) / 1000


def ask_nvml(question: str, device: int | str) -> Any:
    """What one of NVML's functions says of a device; None where there is no device, no NVML, or no answer."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    try:
        import pynvml as nvml

        nvml.nvmlInit()
        with contextlib.ExitStack() as opened:
            opened.callback(nvml.nvmlShutdown)
            name = visible[device] if visible and isinstance(device, int) else str(device)
            handle = (
                nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdecimal() else nvml.nvmlDeviceGetHandleByUUID(name)
            )
            return getattr(nvml, question)(handle)
    except Exception:  # no package, library or driver, or it refuses: a measurement must not end a training
        return None


# --- before a stage ---------------------------------------------------------------------------------------------------


def memory_needed(parameters: int, trainable: int) -> int:
    """Bytes that training cannot do without: float32 weights, their gradients, and AdamW's two moments.

    A lower bound. What comes on top (activations, buffers, fragments, logits over a vocabulary) is not counted; what
    does not fit by this count fits by none.

    Parameters
    ----------
    parameters, trainable
        All parameters of the model, and those that are trained. Gradients and moments are kept of the latter.

    References
    ----------
    Loshchilov & Hutter (2019), Decoupled weight decay regularization (AdamW).
    """
    return 4 * (parameters + 3 * trainable)


def kept_at_least(subwords: int, layers: int, hidden_size: int) -> int:
    """Bytes that a forward pass through transformer blocks keeps for its backward pass, at least.

    Of each subword and block: queries, keys, values, what attention gives, the inputs of two norms, and those of the
    feed-forward part's activation and second layer, four times as wide: 14 hidden sizes (Korthikanti et al. 2023,
    Reducing activation recomputation, section 4.1, has 17 with dropout), two bytes each where products are bfloat16.
    """
    return 2 * 14 * subwords * layers * hidden_size


def memory_available(device: int | str | None = None) -> int | None:
    """Bytes that are free now: of the machine or its container, or of a device; None where a device does not tell.

    Parameters
    ----------
    device
        None for main memory; else a device's number as CUDA sees it (the environment's `CUDA_VISIBLE_DEVICES` is
        heeded), or its UUID as NVML writes it ("GPU-..."), which is safer on a machine with devices of several kinds.
    """
    if device is not None:
        info = ask_nvml("nvmlDeviceGetMemoryInfo", device)
        return None if info is None else int(info.free)
    there = (int(psutil.virtual_memory().available), _free_in_container())
    return min(free for free in there if free is not None)


def memory_shortfall(needed: int, available: int | None) -> str:
    """Why a run cannot be made, as "needs 32.1 GB of memory, 16.0 GB are free"; "" when it can, or nothing is known."""
    if available is None or needed <= available:
        return ""
    return f"needs {needed / 1e9:.1f} GB of memory, {available / 1e9:.1f} GB are free"


def _free_in_container() -> int | None:
    """What a control group (version 2) leaves free, files that it can drop included; None without a limit."""
    try:
        limit, used = (int((CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group; "max" is no limit
        return None
    return max(limit - used + int(stat.get("inactive_file", 0)), 0)


# --- quality against cost ---------------------------------------------------------------------------------------------


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
        The weighted mean m of the scores.
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
        For negative numbers of parameters or gigabytes.

    References
    ----------
    Ghasemi and Salimi Sartakhti (2025), Multilingual language models in Persian natural language processing tasks: a
    performance comparison of fine-tuning techniques, equation 1. DOI 10.22044/jadm.2025.15167.2625.
    """
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
    return score / ((1 + np.log1p(parameters)) * (1 + np.log1p(memory)))


def _arrays(score: npt.ArrayLike, parameters: npt.ArrayLike, memory: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """The three as arrays of one shape."""
    arrays = [np.asarray(values, dtype=float) for values in (score, parameters, memory)]
    for name, values in (("parameters", arrays[1]), ("memory", arrays[2])):
        if (values < 0).any() or np.isinf(values).any():
            raise SettingsError(f"{name}: expected finite numbers of 0 or more, got {values[~(values >= 0)].tolist()}")
    return tuple(np.broadcast_arrays(*arrays))
