"""How a training computes: bfloat16 where the device multiplies faster in it, float32 elsewhere, never float16."""

import contextlib
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from nerlib.params import Precision

NARROW = 128  # matrices with a side below this take longer to round than bfloat16 saves (benchmarks/NOTES.md)


def precision_on(device: torch.device, asked: Precision = "auto") -> Precision:
    """What `asked` comes to on a device: `float32` or `bfloat16`.

    Left alone, it is bfloat16 on a GPU that computes in it and on a CPU with instructions for it, else float32.
    """
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
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
        if self.rounds and function is functional.linear and _is_wide(*args[:2]):
            x, weight = args[:2]
            bias = args[2] if len(args) > 2 else options.get("bias")
            product = _Product.apply(x.reshape(-1, x.shape[-1]), weight, bias)
            return product.view(*x.shape[:-1], -1)  # out here: adapters add to it in place, which no inner view allows
        if function is functional.dropout:
            return _dropout(*args, **options)
        return function(*args, **options)


def _is_wide(x: torch.Tensor, weight: torch.Tensor) -> bool:
    return min(weight.shape) >= NARROW and x.dtype == torch.float32


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
        below = (up @ rounded).float() if of_x else None
        return below, (up.T @ rows).float() if of_weight else None, gradients[0].sum(0) if of_bias else None
