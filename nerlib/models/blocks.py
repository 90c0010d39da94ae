"""Encoders of BERT's kind, taken apart: their last block where there is a label alone, their layers called one by one.

Letters of shapes: S windows, T subwords (padded), W subwords whose outputs are wanted, H hidden size, L labels.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch.nn import functional

Linear = Callable[[Any, torch.Tensor], torch.Tensor]
Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def block(layer: Any, hidden: torch.Tensor, context: torch.Tensor, linear: Linear, attend: Attend) -> torch.Tensor:
    """One block (Devlin et al. 2019) for some subwords.

    Parameters
    ----------
    layer
        The block of transformers.
    hidden
        (W, H) the subwords.
    context
        (subwords, H) all those of their sentences, which they attend to.
    linear
        Calls a linear layer.
    attend
        Attention of queries (W, H) to keys and values (subwords, H): (W, H).
    """
    own, after = layer.attention.self, layer.attention.output
    seen = attend(linear(own.query, hidden), linear(own.key, context), linear(own.value, context))
    hidden = after.LayerNorm(after.dropout(linear(after.dense, seen)) + hidden)
    inner = layer.intermediate.intermediate_act_fn(linear(layer.intermediate.dense, hidden))
    return layer.output.LayerNorm(layer.output.dropout(linear(layer.output.dense, inner)) + hidden)


def logits_at(network: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The outputs of a word tagger, (W, L), at some places of a batch: the last block is computed there alone.

    Parameters
    ----------
    network
        A word tagger of transformers, or PEFT's wrapper around one, that `runs_by_block`.
    batch
        `input_ids` and `attention_mask`, (S, T); `places`, (W,) int64: subwords counted through the batch, each once.
    """
    network = network.get_base_model() if hasattr(network, "get_base_model") else network
    encoder = network.base_model
    places = batch["places"]
    windows, subwords = batch["input_ids"].shape
    heads = encoder.config.num_attention_heads
    mask = batch["attention_mask"].bool()[:, None, None]  # (S, 1, 1, T)

    def attend(layer: Any, at: torch.Tensor | None, *rows: torch.Tensor) -> torch.Tensor:
        grids = rows if at is None else (put(rows[0], at, windows * subwords), *rows[1:])
        query, key, value = (grid.view(windows, subwords, heads, -1).transpose(1, 2) for grid in grids)
        own = layer.attention.self.dropout
        rate = own.p if own.training else 0.0
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=rate)
        flat = seen.transpose(1, 2).reshape(windows * subwords, -1)
        return flat if at is None else taken(flat, at)

    *blocks, last = encoder.encoder.layer
    hidden = encoder.embeddings(input_ids=batch["input_ids"]).flatten(0, 1)  # (S * T, H)
    for layer in blocks:
        hidden = block(layer, hidden, hidden, _call, partial(attend, layer, None))
    hidden = block(last, taken(hidden, places), hidden, _call, partial(attend, last, places))  # (W, H)
    outputs: torch.Tensor = network.classifier(network.dropout(hidden))
    return outputs


def _call(layer: Any, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = layer(x)
    return out


def taken(rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """``rows[places]`` for places that differ, so that the gradient is a copy and no sum."""
    out: torch.Tensor = _Take.apply(rows, places)
    return out


def put(rows: torch.Tensor, places: torch.Tensor, size: int) -> torch.Tensor:
    """`size` rows, those at `places` from `rows`, the others 0."""
    out: torch.Tensor = _Put.apply(rows, places, size)
    return out


class _Take(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.places, ctx.size = places, len(rows)
        return rows.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> tuple[torch.Tensor, None]:
        return above[0].new_zeros(ctx.size, above[0].shape[1]).index_copy_(0, ctx.places, above[0]), None


class _Put(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, places: torch.Tensor, size: int) -> torch.Tensor:
        ctx.places = places
        return rows.new_zeros(size, rows.shape[1]).index_copy_(0, places, rows)

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return above[0].index_select(0, ctx.places), None, None
