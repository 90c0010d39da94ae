"""Before a run: the memory it cannot do without, and the memory that there is."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psutil

from nerlib.efficiency.devices import opened
from nerlib.errors import SettingsError

#: Numbers that an optimizer keeps for each trained parameter.
OPTIMIZER_STATES: Mapping[str, int] = MappingProxyType({"adamw": 2, "sgd": 0})
GIGABYTE = 10**9
CGROUP = Path("/sys/fs/cgroup")


def memory_needed(
    parameters: int, trainable: int, *, optimizer: str = "adamw", activations: int = 0, bytes_each: int = 4
) -> int:
    """Bytes that training cannot do without: weights, gradients, the optimizer's states, a batch's activations.

    A lower bound. What libraries hold beside it (buffers, fragments, logits over a vocabulary) comes on top; what does
    not fit by this count fits by none.

    Parameters
    ----------
    parameters, trainable
        All parameters of the model, and those that are trained. Gradients and states are kept of the latter.
    optimizer
        `adamw` (two moments, Loshchilov and Hutter 2019) or `sgd` (none).
    activations
        Bytes, as `activation_bytes` estimates them.
    bytes_each
        Of a weight: 4 in float32 (under automatic mixed precision too), 2 in bfloat16.

    Raises
    ------
    SettingsError
        For more trained parameters than there are, negative numbers, or an unknown optimizer.
    """
    if optimizer not in OPTIMIZER_STATES:
        raise SettingsError(f"unknown optimizer {optimizer!r}; there are {', '.join(OPTIMIZER_STATES)}")
    if not 0 <= trainable <= parameters or activations < 0 or bytes_each < 1:
        raise SettingsError(
            f"expected 0 <= trainable <= parameters, met {trainable} and {parameters}, "
            f"with {activations} bytes of activations and {bytes_each} a weight"
        )
    return bytes_each * (parameters + (1 + OPTIMIZER_STATES[optimizer]) * trainable) + activations


def activation_bytes(*, tokens: int, layers: int, hidden: int, feed_forward: int, bytes_each: int = 4) -> int:
    """Bytes of a batch's activations that the backward pass cannot do without, whichever method trains all layers.

    For each token and layer: what attention keeps (query, key, value, output), the inputs of two normalisations, and
    the input of the feed-forward layer's nonlinearity: 6 hidden + feed_forward numbers, 20 bytes a hidden unit in half
    precision where Korthikanti et al. (2022, equation 1) count 34 beside the attention matrix, for full fine-tuning
    with dropout. Here frozen linear layers keep nothing and attention is fused; checkpointing would need less.

    Parameters
    ----------
    tokens
        Of the batch that is computed at once: sentences × length, padding included.
    layers, hidden, feed_forward
        The backbone's shape.
    bytes_each
        Of a number: 4 in float32, 2 in mixed precision.
    """
    return bytes_each * tokens * layers * (6 * hidden + feed_forward)


def memory_available(device: int | str | None = None) -> int | None:
    """Bytes that are free now: of the machine or its container, or of a device; None where a device does not tell.

    Parameters
    ----------
    device
        None for main memory; else a device as in `DeviceUse`.
    """
    if device is not None:
        with opened(device) as asked:
            info = asked("nvmlDeviceGetMemoryInfo")
        return None if info is None else int(info.free)
    free = int(psutil.virtual_memory().available)
    in_container = _free_in_container()
    return free if in_container is None else min(free, in_container)


def lacking(needed: int, available: int | None) -> str:
    """Why a run cannot be made, as "needs 32.1 GB of memory, 16.0 GB are free"; "" when it can, or nothing is known."""
    if available is None or needed <= available:
        return ""
    return f"needs {needed / GIGABYTE:.1f} GB of memory, {available / GIGABYTE:.1f} GB are free"


def _free_in_container() -> int | None:
    """What a control group (version 2) leaves free, files that it can drop included; None without a limit."""
    try:
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group; "max" is no limit
        return None
    return max(limit - used + int(stat.get("inactive_file", 0)), 0)
