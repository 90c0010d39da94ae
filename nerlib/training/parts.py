"""The loop's named parts: random streams, the plan of steps, the schedule, random batches."""

import contextlib
import math
import os
import signal
import threading
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from nerlib.errors import NerlibError
from nerlib.models.backbones import torch_seed
from nerlib.params import Recipe

#: By these a cluster or a closed terminal asks a process to leave before it is killed.
LEAVE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGXCPU") if hasattr(signal, name))


@contextlib.contextmanager
def signals_to_leave() -> Iterator[list[int]]:
    """The numbers of the signals of `LEAVE` that come within the block, which ends when it wants to.

    Those that the process ignores stay ignored (`nohup`); in another thread than the main one none can be asked for.
    """
    got: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = {kind: signal.getsignal(kind) for kind in LEAVE if main}
    heard = {kind: handler for kind, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for kind in heard:
            signal.signal(kind, lambda number, _: got.append(number))
        yield got
    finally:
        for kind, handler in heard.items():
            signal.signal(kind, handler)


def plan(examples: int, recipe: Recipe) -> tuple[int, int]:
    """Optimizer steps an epoch, and epochs: `num_epochs`, or as many as `min_steps` needs."""
    drawn = max(math.ceil(examples * recipe.epoch_fraction), 1)
    steps = math.ceil(drawn / recipe.batch_size)
    return steps, max(recipe.num_epochs, math.ceil(recipe.min_steps / steps))


def schedule(step: int, total: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at `step` (1 to `total`): a linear rise, then a linear fall (if any)."""
    peak = max(math.ceil(total * recipe.warm_up), 1)
    if step <= peak:
        return step / peak
    return (total - step + 1) / (total - peak + 1) if recipe.schedule == "linear" else 1.0


def random_batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut shuffled examples into batches of `size`, or a little fewer, so that none is left with a few examples.

    Batches are random whatever the lengths: where batch mates are chosen by length, a hundred sentences meet nearly the
    same mates in every epoch, and a batch of short ones weighs as much as one of long ones (benchmarks/NOTES.md).
    """
    return np.array_split(order, math.ceil(len(order) / size))


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over what requires a gradient; biases and norms are not decayed (they are vectors)."""
    trained = [p for p in network.parameters() if p.requires_grad]
    if not trained:
        raise NerlibError("nothing to train: no parameter requires a gradient")
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def best_device() -> torch.device:
    """The GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def deterministic(rng: np.random.Generator) -> Iterator[None]:
    """Deterministic kernels, and dropout from `rng`; both settings are given back at the end."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    cudnn = torch.backends.cuda.cudnn_sdp_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cuda.enable_cudnn_sdp(False)  # not deterministic, and it plans anew for every size
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time; nothing here reads such memory
    try:
        with torch_seed(rng):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cuda.enable_cudnn_sdp(cudnn)
        torch.utils.deterministic.fill_uninitialized_memory = filled
