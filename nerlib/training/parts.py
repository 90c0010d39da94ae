"""The loop's named parts: signals, the plan of steps, the schedule, precision, and embeddings that are trained in part.

bfloat16 is computed in where the device multiplies faster in it, float32 elsewhere, float16 never.
"""

import contextlib
import math
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from nerlib.encoding import Encoded
from nerlib.errors import NerlibError
from nerlib.models.backbones import torch_seed
from nerlib.params import Precision, Recipe

NARROW = 128  # matrices with a side below this take longer to round than bfloat16 saves (benchmarks/NOTES.md)

#: By these a cluster or a closed terminal asks a process to leave before it is killed.
LEAVE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGXCPU") if hasattr(signal, name))


@contextlib.contextmanager
def signals_to_leave() -> Iterator[list[int]]:
    """The numbers of the signals of `LEAVE` that come within the block, which ends when it wants to.

    Those that the process ignores stay ignored (`nohup`); in another thread than the main one none can be asked for.
    """
    got: list[int] = []
    with contextlib.ExitStack() as afterwards:
        for kind in LEAVE if threading.current_thread() is threading.main_thread() else ():
            if signal.getsignal(kind) not in (signal.SIG_IGN, None):
                before = signal.signal(kind, lambda number, _: got.append(number))
                afterwards.callback(signal.signal, kind, before)
        yield got


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


def make_optimizer(trained: Sequence[nn.Parameter], recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over what requires a gradient; biases and norms are not decayed (they are vectors)."""
    if not trained:
        raise NerlibError("nothing to train: no parameter requires a gradient")
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def best_device() -> torch.device:
    """The GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def deterministic(rng: np.random.Generator) -> Iterator[None]:
    """Deterministic kernels, and dropout from `rng`; both settings are given back at the end."""
    memory = torch.utils.deterministic
    with contextlib.ExitStack() as afterwards:
        afterwards.callback(
            torch.use_deterministic_algorithms,
            torch.are_deterministic_algorithms_enabled(),
            warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        afterwards.callback(torch.backends.cuda.enable_cudnn_sdp, torch.backends.cuda.cudnn_sdp_enabled())
        afterwards.callback(setattr, memory, "fill_uninitialized_memory", memory.fill_uninitialized_memory)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cuda.enable_cudnn_sdp(False)  # not deterministic, and it plans anew for every size
        memory.fill_uninitialized_memory = False  # costs time; nothing here reads such memory
        with torch_seed(rng):
            yield


# --- precision --------------------------------------------------------------------------------------------------------


def precision_on(device: torch.device, asked: Precision = "auto") -> Precision:
    """What `asked` comes to on a device: `float32` or `bfloat16`.

    Left alone, it is bfloat16 on a GPU that computes in it and on a CPU with instructions for it, else float32.
    """
    if asked != "auto":
        return asked
    fast = (
        torch.cuda.is_bf16_supported()
        if device.type == "cuda"
        else torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
    return "bfloat16" if fast else "float32"


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[Any]:
    """Let the forward passes of a training compute in `precision`; weights, gradients and the optimizer stay float32.

    On a GPU it is torch's autocast. On a CPU only the products of wide linear layers are bfloat16, their sums float32:
    autocast there would take attention along, whose backward pass in bfloat16 takes seven times as long. And dropout
    draws fewer random numbers there.
    """
    if device.type == "cpu":
        return _OnCpu(precision == "bfloat16")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


class _OnCpu(TorchFunctionMode):
    """Dropout by `_dropout`; with `rounds`, linear layers no side narrower than `NARROW` multiply in bfloat16."""

    def __init__(self, rounds: bool) -> None:
        super().__init__()
        self.rounds = rounds

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), options: Any = None) -> Any:
        options = options or {}
        rounds = self.rounds and function is functional.linear and min(args[1].shape) >= NARROW
        if rounds and args[0].dtype == torch.float32:
            x, weight = args[:2]
            bias = args[2] if len(args) > 2 else options.get("bias")
            # The view is taken out here: adapters add to it in place, which no inner view allows.
            return _Product.apply(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], -1)
        if function is functional.dropout:
            return _dropout(*args, **options)
        return function(*args, **options)


def _dropout(x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
    """`functional.dropout` with 16 random bits an element, so that `p` is rounded to 1 / 65,536.

    A draw of 64 bits serves four elements; one for each took a seventh of a step (benchmarks/NOTES.md).
    """
    share = round(p * 2**16)
    if not training or not 0 < share < 2**16:
        return functional.dropout(x, p, training, inplace)
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[: x.numel()].view(x.shape)
    kept = (bits >= share - 2**15).to(x.dtype).mul_(2**16 / (2**16 - share))
    return x.mul_(kept) if inplace else x * kept


class _Product(torch.autograd.Function):
    """``x W' + b`` of float32 x (N, inputs); the factors of products are rounded to bfloat16, forward and backward."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        rows, rounded = x.bfloat16(), weight.bfloat16()  # (N, inputs), (outputs, inputs)
        ctx.save_for_backward(rows, rounded)
        product = (rows @ rounded.T).float()
        return product if bias is None else product.add_(bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, rounded = ctx.saved_tensors
        up = gradients[0].bfloat16()  # (N, outputs)
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            (up @ rounded).float() if of_x else None,
            (up.T @ rows).float() if of_weight else None,
            gradients[0].sum(0) if of_bias else None,
        )


# --- the vocabulary ---------------------------------------------------------------------------------------------------


class TrimmedEmbedding(nn.Module):
    """Some rows of an embedding: the others are neither trained nor moved through the optimizer.

    Parameters
    ----------
    whole
        The embedding of the whole vocabulary, V rows.
    rows
        (R,) the rows that occur, each once.
    """

    def __init__(self, whole: nn.Embedding, rows: np.ndarray) -> None:
        super().__init__()
        device = whole.weight.device
        self.weight = nn.Parameter(whole.weight.detach()[torch.from_numpy(rows).to(device)])  # (R, H)
        index = torch.full((whole.num_embeddings,), len(rows), dtype=torch.int64)  # beyond the end: an error if seen
        index[torch.from_numpy(rows)] = torch.arange(len(rows))
        self.register_buffer("index", index.to(device), persistent=False)
        self.padding = int(index[whole.padding_idx]) if whole.padding_idx in rows else None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The vectors of `ids`, which are numbers of the whole vocabulary."""
        return functional.embedding(self.index[ids], self.weight, padding_idx=self.padding)


@contextlib.contextmanager
def trimmed(network: Any, encoded: Sequence[Encoded]) -> Iterator[int]:
    """Train, within the block, the embedding rows of `encoded` alone; all others stay as they were.

    What is learnt is what training the whole embedding learns: a row that does not occur has no gradient, and nothing
    looks at it. Only weight decay would shrink it there; here it stays as pretrained. (Sums over fewer rows may round
    the gradient's norm otherwise in its last digit.)

    Parameters
    ----------
    network
        A model of transformers; one whose embedding is frozen, or is the output's matrix too, is left as it is.
    encoded
        All that the network reads within the block: what it is trained on, and what it is scored on.

    Yields
    ------
    int
        Rows that are left out.
    """
    whole = network.get_input_embeddings()
    shared = sum(parameter is whole.weight for _, parameter in network.named_parameters(remove_duplicate=False))
    holders = [(m, name) for m in network.modules() for name, child in m.named_children() if child is whole]
    if not whole.weight.requires_grad or shared > len(holders):
        yield 0
        return
    rows = np.unique(np.concatenate([*(part.ids for part in encoded), [part.pad for part in encoded]])).astype(np.int64)
    kept = TrimmedEmbedding(whole, rows)
    for module, name in holders:
        setattr(module, name, kept)
    whole.weight.requires_grad_(False)
    try:
        yield whole.num_embeddings - len(rows)
    finally:
        with torch.no_grad():
            whole.weight[torch.from_numpy(rows).to(whole.weight.device)] = kept.weight
        whole.weight.requires_grad_(True)
        for module, name in holders:
            setattr(module, name, whole)
