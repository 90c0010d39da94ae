"""Subwords of several lanes one after the other: where each lane's stand, and in which place of which sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from nerlib.encoding import rounded_places

LITTLE = 0.1  # share of a grid that padding may be to be computed with the rest


@dataclass(frozen=True)
class Rows:
    """Rows of several lanes.

    Attributes
    ----------
    counts
        Rows of each lane.
    shapes
        Of each lane's padded grid: sentences, and places of a sentence.
    places
        Of each lane: (rows,) int64, the place of each row in its grid, counted through.
    """

    counts: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    places: tuple[torch.Tensor, ...]

    @classmethod
    def of_masks(cls, masks: Sequence[torch.Tensor]) -> "Rows":
        """The rows that are true in each lane's mask (sentences, places)."""
        places = tuple(mask.flatten().nonzero().squeeze(1) for mask in masks)
        return cls(tuple(len(place) for place in places), tuple(tuple(mask.shape) for mask in masks), places)

    @classmethod
    def of_first(cls, masks: Sequence[torch.Tensor]) -> "Rows":
        """The same rows, moved to the front of their sentences: grids no wider than the most rows of a sentence."""
        ranks = [mask.cumsum(1) - 1 for mask in masks]
        widths = [max(int(mask.sum(1).max()), 1) for mask in masks]
        starts = [torch.arange(len(mask))[:, None] * width for mask, width in zip(masks, widths, strict=True)]
        places = tuple((r + s)[m] for r, s, m in zip(ranks, starts, masks, strict=True))
        shapes = tuple((len(mask), width) for mask, width in zip(masks, widths, strict=True))
        return cls(tuple(len(place) for place in places), shapes, places)

    def to(self, device: torch.device) -> "Rows":
        """The same on a device."""
        return Rows(self.counts, self.shapes, tuple(place.to(device, non_blocking=True) for place in self.places))

    def split(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Each lane's rows."""
        return rows.split(self.counts)


@dataclass(frozen=True)
class Packed:
    """A batch of each of several lanes with little or no padding.

    Attributes
    ----------
    ids, positions
        (N,) int64.
    rows
        Where the N subwords stand.
    masks
        Of each lane: (sentences, 1, 1, places), true where there is a subword.
    labelled
        (W,) int64, which of the N are to have an output: those with a label, and a few others.
    labelled_rows
        Where the W stand: one after the other in their sentences.
    labels
        (W,) int64, `IGNORED` for the few others.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    rows: Rows
    masks: tuple[torch.Tensor, ...]
    labelled: torch.Tensor
    labelled_rows: Rows
    labels: torch.Tensor

    def to(self, device: torch.device) -> "Packed":
        """The same on a device."""

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        masks = tuple(moved(mask) for mask in self.masks)
        flat = {name: moved(getattr(self, name)) for name in ("ids", "positions", "labelled", "labels")}
        return Packed(**flat, masks=masks, rows=self.rows.to(device), labelled_rows=self.labelled_rows.to(device))


def pack(batches: Sequence[Mapping[str, torch.Tensor]], padding: int | None) -> Packed:
    """Put the lanes' padded batches (`input_ids`, `attention_mask`, `labels`, `places`) one after the other.

    Parameters
    ----------
    batches
        One of each lane.
    padding
        The number that positions begin behind, as RoBERTa counts them; None: they begin at 0.
    """
    masks = [batch["attention_mask"].bool() for batch in batches]
    voting = [_grid(batch["places"], mask) for batch, mask in zip(batches, masks, strict=True)]
    kept = [_kept(mask, vote) for mask, vote in zip(masks, voting, strict=True)]
    positions = [_positions(batch["input_ids"], padding) for batch in batches]
    return Packed(
        ids=torch.cat([batch["input_ids"][keep] for batch, keep in zip(batches, kept, strict=True)]),
        positions=torch.cat([position[keep] for position, keep in zip(positions, kept, strict=True)]),
        rows=Rows.of_masks(kept),
        masks=tuple(mask[:, None, None] for mask in masks),
        labelled=torch.cat([vote[keep] for vote, keep in zip(voting, kept, strict=True)]).nonzero().squeeze(1),
        labelled_rows=Rows.of_first(voting),
        labels=torch.cat([batch["labels"][vote] for batch, vote in zip(batches, voting, strict=True)]),
    )


def _kept(mask: torch.Tensor, voting: torch.Tensor) -> torch.Tensor:
    """What of a grid is computed: all of it where little is padding, for moving rows costs time too."""
    if int(mask.sum()) >= (1 - LITTLE) * mask.numel():
        return torch.ones_like(mask)
    return _grid(torch.from_numpy(rounded_places((mask | voting).numpy())), mask)


def _grid(places: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """True at some places, counted through, of a grid."""
    return torch.zeros_like(like).flatten().index_fill_(0, places, True).view_as(like)


def _positions(ids: torch.Tensor, padding: int | None) -> torch.Tensor:
    if padding is None:
        return torch.arange(ids.shape[1]).expand(ids.shape)
    real = (ids != padding).long()
    return real.cumsum(1) * real + padding
