"""Encoders of BERT's kind, taken apart: without padding, and the last block where there is a label alone.

Letters of shapes: S windows, T subwords (padded), W subwords whose outputs are wanted, H hidden size, L labels.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from nerlib.encoding import MULTIPLE, like_length_parts

GRID_OVERHEAD = 16.0  # of one more grid in attention, in subwords (benchmarks/NOTES.md)


def block(layer: Any, hidden: torch.Tensor, context: torch.Tensor, attend: Callable[..., torch.Tensor]) -> torch.Tensor:
    """One block (Devlin et al. 2019) for some subwords.

    Parameters
    ----------
    layer
        The block of transformers.
    hidden
        (W, H) the subwords.
    context
        (subwords, H) all those of their sentences, which they attend to.
    attend
        Attention of queries (W, H) to keys and values (subwords, H): (W, H).
    """
    own, after = layer.attention.self, layer.attention.output
    seen = attend(own.query(hidden), own.key(context), own.value(context))
    hidden = after.LayerNorm(after.dropout(after.dense(seen)) + hidden)
    inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(hidden))
    return layer.output.LayerNorm(layer.output.dropout(layer.output.dense(inner)) + hidden)


class Packed(NamedTuple):
    """The subwords of a batch with little padding: N rows.

    Windows of like length make a grid of their own, and the grids stand one after the other: a layer sees all rows at
    once, attention one grid at a time.

    Attributes
    ----------
    ids, positions
        (N,) int64.
    grids
        Windows and subwords of each grid.
    masks
        Of each grid, (windows, 1, 1, subwords), true where there is a subword.
    wanted
        (W,) int64, the rows that are to have an output.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    grids: list[tuple[int, int]]
    masks: list[torch.Tensor]
    wanted: torch.Tensor

    def attend(self, layer: Any, *rows: torch.Tensor) -> torch.Tensor:
        """Attention within windows, with the dropout of a block: of queries, keys and values (N, H)."""
        own, found = layer.attention.self, []
        rate = own.dropout.p if own.training else 0.0
        sizes = [windows * width for windows, width in self.grids]
        for grid, mask, *parts in zip(self.grids, self.masks, *(r.split(sizes) for r in rows), strict=True):
            query, key, value = (part.view(*grid, own.num_attention_heads, -1).transpose(1, 2) for part in parts)
            seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=rate)
            found.append(seen.transpose(1, 2).flatten(0, 1).flatten(1))
        return torch.cat(found)


def pack(batch: Mapping[str, torch.Tensor], padding: int | None, overhead: float = GRID_OVERHEAD) -> Packed:
    """Take most of the padding out of a batch; on a GPU it stays, where it costs nothing, and counting it would.

    Parameters
    ----------
    batch
        As in `logits_at`.
    padding
        The id that positions begin behind, as RoBERTa counts them; None: they begin at 0.
    overhead
        What a grid costs beside its subwords, in subwords.
    """
    ids, mask, wanted = batch["input_ids"], batch["attention_mask"].bool(), batch["loss_positions"]
    windows, width = ids.shape
    positions = torch.arange(width, device=ids.device).expand(ids.shape)
    if padding is not None:
        real = (ids != padding).long()
        positions = real.cumsum(1) * real + padding
    if ids.device.type != "cpu":
        return Packed(ids.flatten(), positions.flatten(), [(windows, width)], [mask[:, None, None]], wanted)
    lengths = mask.sum(1).numpy()
    parts = like_length_parts(np.arange(windows), lengths, overhead, windows)
    grids = [(len(part), int(lengths[part[0]])) for part in parts]
    rows = np.concatenate(  # where the rows stand in the batch, counted through
        [(part[:, None] * width + np.arange(grid[1])).ravel() for part, grid in zip(parts, grids, strict=True)]
    )
    rank = torch.zeros(ids.numel(), dtype=torch.int64)
    rank[rows] = torch.arange(len(rows))
    if more := -len(rows) % MULTIPLE:  # a copy that nothing looks at: kernels are made once for sizes that recur
        rows, grids = np.resize(rows, len(rows) + more), [*grids, (1, more)]
    ids, positions, mask = (tensor.flatten()[rows] for tensor in (ids, positions, mask))
    masks = [
        part.view(windows, 1, 1, width)
        for part, (windows, width) in zip(mask.split([w * t for w, t in grids]), grids, strict=True)
    ]
    return Packed(ids, positions, grids, masks, rank[wanted])


def logits_at(network: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The outputs of a word tagger, (W, L), at some positions of a batch: the last block is computed there alone.

    Parameters
    ----------
    network
        A word tagger of transformers, or PEFT's wrapper around one, that `runs_by_block`.
    batch
        `input_ids` and `attention_mask`, (S, T); `loss_positions`, (W,) int64: subwords, counted through the
        batch, each once.
    """
    network = network.get_base_model() if hasattr(network, "get_base_model") else network
    encoder = network.base_model
    packed = pack(batch, getattr(encoder.embeddings, "padding_idx", None))
    ids, positions = packed.ids[None], packed.positions[None]

    def attend_at_wanted(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return gather_rows(
            packed.attend(last, _Scatter.apply(query, packed.wanted, len(key)), key, value), packed.wanted
        )

    *blocks, last = encoder.encoder.layer
    hidden = encoder.embeddings(input_ids=ids, position_ids=positions, token_type_ids=torch.zeros_like(ids))[0]
    for layer in blocks:
        hidden = block(layer, hidden, hidden, partial(packed.attend, layer))  # (N, H)
    hidden = block(last, gather_rows(hidden, packed.wanted), hidden, attend_at_wanted)  # (W, H)
    return network.classifier(network.dropout(hidden))


def gather_rows(rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """``rows[positions]`` for positions that differ, so that the gradient is a copy and no sum."""
    return _Gather.apply(rows, positions)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        ctx.positions, ctx.size = positions, len(rows)
        return rows.index_select(0, positions)

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> tuple[torch.Tensor, None]:
        return above[0].new_zeros(ctx.size, above[0].shape[1]).index_copy_(0, ctx.positions, above[0]), None


class _Scatter(torch.autograd.Function):
    """`size` rows, those at `positions` from `rows`, the others 0."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, positions: torch.Tensor, size: int) -> torch.Tensor:
        ctx.positions = positions
        return rows.new_zeros(size, rows.shape[1]).index_copy_(0, positions, rows)

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return above[0].index_select(0, ctx.positions), None, None
