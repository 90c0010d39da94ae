"""The forward pass of several lanes: an encoder of BERT's kind, whose frozen layers see all lanes' subwords at once."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from nerlib.errors import ModelError
from nerlib.lanes.rows import Packed, Rows
from nerlib.lanes.weights import LaneWeights
from nerlib.models import TunedModel
from nerlib.models.blocks import block, put, taken
from nerlib.models.methods.lora import ADAPTER


class Lora(NamedTuple):
    """What the lanes put on a linear layer: A (K, rank, inputs), B (K, outputs, rank), biases (K, outputs) or none."""

    a: torch.Tensor
    b: torch.Tensor
    bias: torch.Tensor | None
    scale: float
    dropout: float


class LaneNetwork:
    """All lanes on one backbone.

    Parameters
    ----------
    model
        Any lane's: its backbone is used; its own adapter and head are not.
    weights
        Those of all lanes.
    dropouts
        A random stream of each lane, for the dropout of adapters and head. The backbone has none.

    Raises
    ------
    ModelError
        When something is trained that lanes know nothing of.
    """

    def __init__(self, model: TunedModel, weights: LaneWeights, dropouts: Sequence[torch.Generator]) -> None:
        self.network = model.network.get_base_model()
        self.encoder = self.network.base_model
        self.heads, self.dropouts = self.encoder.config.num_attention_heads, dropouts
        self.positions_behind = getattr(self.encoder.embeddings, "padding_idx", None)
        stacked = dict(weights.stacked)
        self.adapted = {
            module: _lora_of(name, module, stacked)
            for name, module in model.network.named_modules()
            if hasattr(module, "lora_A")
        }
        head = next(name for name in stacked if name.endswith("weight") and ".modules_to_save." in name)
        self.head = stacked.pop(head), stacked.pop(head.removesuffix("weight") + "bias")  # (K, L, H), (K, L)
        self.head_dropout = self.network.dropout.p
        if stacked:
            raise ModelError(
                f"lanes train LoRA and a head; expected no other trained weights, met {sorted(stacked)[:3]}"
            )

    def logits(self, batch: Packed, lanes: Sequence[int]) -> tuple[torch.Tensor, ...]:
        """Each lane's outputs, (its share of W, L).

        In the last block everything but keys and values is computed for the W alone.

        Parameters
        ----------
        batch
            Of the lanes that take part.
        lanes
            Their numbers.
        """
        self.lanes = lanes
        inputs = {"input_ids": batch.ids[None], "position_ids": batch.positions[None]}
        hidden = self.encoder.embeddings(**inputs, token_type_ids=torch.zeros_like(batch.ids)[None])[0]  # (N, H)
        *blocks, last = self.encoder.encoder.layer
        for layer in blocks:
            hidden = self.run_block(layer, hidden, hidden, batch.rows, batch)
        hidden = self.run_block(last, taken(hidden, batch.labelled), hidden, batch.labelled_rows, batch)  # (W, H)
        weight, bias = self.head
        outputs = self.by_lane(self.drop(hidden, self.head_dropout, batch.labelled_rows), weight, batch.labelled_rows)
        return tuple(out + bias[k] for out, k in zip(batch.labelled_rows.split(outputs), lanes, strict=True))

    def run_block(
        self, layer: Any, hidden: torch.Tensor, context: torch.Tensor, rows: Rows, batch: Packed
    ) -> torch.Tensor:
        """One block for some rows, which look at all rows of their sentences (`context`)."""

        def linear(module: Any, x: torch.Tensor) -> torch.Tensor:
            return self.linear(module, x, batch.rows if x is context else rows)

        return block(layer, hidden, context, linear, partial(self.attend, rows=rows, batch=batch))

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rows: Rows, batch: Packed
    ) -> torch.Tensor:
        """Attention within sentences: rows into padded grids, one a lane, and back."""
        found = []
        for i, (q, k, v) in enumerate(zip(rows.split(query), *map(batch.rows.split, (key, value)), strict=True)):
            grids = (self.grid(q, rows, i), self.grid(k, batch.rows, i), self.grid(v, batch.rows, i))
            mixed = functional.scaled_dot_product_attention(*grids, attn_mask=batch.masks[i])
            flat = mixed.transpose(1, 2).reshape(-1, query.shape[1])
            found.append(flat if len(flat) == len(q) else taken(flat, rows.places[i]))
        return joined(found)

    def grid(self, lane: torch.Tensor, rows: Rows, i: int) -> torch.Tensor:
        """A lane's rows (n, H) in its padded grid, (sentences, heads, places, H / heads)."""
        sentences, places = rows.shapes[i]
        if len(lane) < sentences * places:
            lane = put(lane, rows.places[i], sentences * places)
        return lane.view(sentences, places, self.heads, -1).transpose(1, 2)

    def linear(self, module: nn.Module, x: torch.Tensor, rows: Rows) -> torch.Tensor:
        """A linear layer, with each lane's LoRA where it has one."""
        lora = self.adapted.get(module)
        if lora is None:
            out: torch.Tensor = module(x)
            return out
        base: Any = module.base_layer
        frozen = functional.linear(x, base.weight, base.bias if lora.bias is None else None)
        low = self.by_lane(self.drop(x, lora.dropout, rows), lora.a, rows)
        update = self.by_lane(low, lora.b * lora.scale, rows)
        if lora.bias is not None:
            update = joined([u + lora.bias[k] for u, k in zip(rows.split(update), self.lanes, strict=True)])
        return frozen + update

    def by_lane(self, x: torch.Tensor, weight: torch.Tensor, rows: Rows) -> torch.Tensor:
        """``x W'`` with each lane's own ``W`` of `weight` (K, outputs, inputs)."""
        if x.device.type == "cpu":
            parts = zip(rows.split(x), self.lanes, strict=True)
            return joined([part @ weight[k].T for part, k in parts])
        # One batched product on a GPU, where launches cost more than the rows of zeros.
        padded = nn.utils.rnn.pad_sequence(list(rows.split(x)), batch_first=True)  # (lanes, n, inputs)
        out = padded @ weight[list(self.lanes)].mT
        return torch.cat([lane[:count] for lane, count in zip(out, rows.counts, strict=True)])

    def drop(self, x: torch.Tensor, rate: float, rows: Rows) -> torch.Tensor:
        """Dropout, each lane's mask from its own stream: 16 random bits an element, so `rate` is rounded to 1 / 65,536.

        A draw of 64 bits serves four elements; one draw for each took a seventh of a step.
        """
        dropped = round(rate * 2**16)
        if not dropped:
            return x
        bits = [self.bits(part, k) for part, k in zip(rows.split(x), self.lanes, strict=True)]
        kept = joined(bits) >= dropped - 2**15
        return x * kept.to(x.dtype).mul_(1 / (1 - dropped / 2**16))

    def bits(self, like: torch.Tensor, lane: int) -> torch.Tensor:
        """As many random int16 as a tensor has elements, in its shape."""
        draws = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device)
        drawn = draws.random_(-(2**63), None, generator=self.dropouts[lane]).view(torch.int16)
        return drawn[: like.numel()].view(like.shape)


def joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """The parts one after the other; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _lora_of(name: str, module: Any, stacked: dict[str, torch.Tensor]) -> Lora:
    """Take a layer's weights out of `stacked`."""
    a, b = (stacked.pop(f"{name}.{part}.{ADAPTER}.weight") for part in ("lora_A", "lora_B"))
    bias = stacked.pop(f"{name}.base_layer.bias", None)
    return Lora(a, b, bias, module.scaling[ADAPTER], getattr(module.lora_dropout[ADAPTER], "p", 0.0))
