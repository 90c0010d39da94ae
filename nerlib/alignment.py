"""Alignment penalty: representations of source and target are pulled together while the task is learnt.

The African study adds "cosine similarity penalties" between source and target embeddings to the cross-entropy and says
no more. Three readings are offered (`FORMS`); each is ``1 - cosine``, 0 when the two sides point the same way:

- `pairs`: between the mean-pooled representations of translations (Conneau et al. 2018, XNLI, section 4.3, in spirit);
- `batches`: between the means of a batch of source sentences and one of unlabelled target sentences;
- `centroids`: between the centroids of the words of each type in labelled sentences of both sides.

Means and centroids are centred: encoders' representations share one large direction, whose cosine is near 1 whatever
the content (Ethayarajh 2019). The centre is the mean of both sides before training, and stays; a model can lower the
`batches` penalty by moving both sides away from it together, so a low penalty alone is no proof of alignment.

Letters of shapes: S sentences (windows), T subwords, H hidden size, W words that carry a label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from nerlib.encoding import IGNORED, Encoded
from nerlib.models import TaskModel
from nerlib.models.task_model import pooled
from nerlib.tasks import Tagging

Tensors = Mapping[str, torch.Tensor]
OTHER, PAIR = "other_", "pair_"  # how the names of a companion batch begin
PROBE = 256  # sentences of each side that the centre is the mean of


@dataclass(frozen=True)
class Companions:
    """Training data with sentences to align with beside each batch: `training.Data`.

    Attributes
    ----------
    data
        What is trained on.
    others
        Sentences of the other side, drawn anew for each batch, as many as it has; or translations of `pairs`.
    seed
        Of the draws: the same seed, sentences and epoch give the same ones.
    pairs
        For the form `pairs`: sentences of the training side, the i-th being a translation of `others`' i-th.
    """

    data: Encoded
    others: Encoded
    seed: int
    pairs: Encoded | None = None

    @property
    def lengths(self) -> np.ndarray:
        """(sentences,) subwords of each training sentence."""
        return self.data.lengths

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices: np.ndarray, epoch: int) -> dict[str, torch.Tensor]:
        """The batch of these sentences, and its companions under names of their own."""
        rng = np.random.default_rng([self.seed, epoch, *indices.tolist()])
        drawn = rng.choice(len(self.others), min(len(indices), len(self.others)), replace=False)
        beside = {f"{OTHER}{name}": tensor for name, tensor in self.others.batch(drawn).items()}
        if self.pairs is not None:
            beside |= {f"{PAIR}{name}": tensor for name, tensor in self.pairs.batch(drawn).items()}
        return self.data.batch(indices, epoch) | beside


class Alignment:
    """The penalty of one form, for one model.

    Parameters
    ----------
    model
        Before training: the centre is computed with it.
    companions
        Both sides.
    form
        One of `params.ALIGNMENTS`.
    weight
        What the penalty is multiplied with in the loss.
    """

    def __init__(self, model: TaskModel, companions: Companions, form: str, weight: float) -> None:
        self.model, self.companions, self.form, self.weight = model, companions, form, weight
        self.centre = torch.stack([self._mean(side) for side in (companions.data, companions.others)]).mean(dim=0)

    def loss(self, batch: Tensors) -> torch.Tensor:
        """The task's loss summed over the batch, plus `weight` times the penalty for each labelled position."""
        logits, hidden = self.model.logits_and_hidden(batch)
        summed = self.model.task.loss(logits, batch)
        return summed + self.weight * self.model.task.count(batch) * self.penalty(batch, hidden[-1])

    def penalty(self, batch: Tensors, hidden: torch.Tensor) -> torch.Tensor:
        """1 − cosine, from the training sentences' last hidden states (S, T, H) and the batch's companions."""
        other = _named(batch, OTHER)
        there = self.model.logits_and_hidden(other)[1][-1]
        if self.form == "pairs":
            pair = _named(batch, PAIR)
            here = pooled(self.model.logits_and_hidden(pair)[1][-1], pair["attention_mask"])
            return (1 - cosine_similarity(here, pooled(there, other["attention_mask"]))).mean()
        if self.form == "batches":
            sides = [pooled(hidden, batch["attention_mask"]), pooled(there, other["attention_mask"])]
            first, second = (side.mean(dim=0) - self.centre for side in sides)
            return 1 - cosine_similarity(first, second, dim=0)
        found = [_centroids(h, b["labels"], self._types) for h, b in ((hidden, batch), (there, other))]
        shared = [type_ for type_ in found[0] if type_ in found[1]]
        if not shared:
            return hidden.new_zeros(())
        first, second = (torch.stack([side[type_] for type_ in shared]) - self.centre for side in found)
        return (1 - cosine_similarity(first, second)).mean()

    def probe(self) -> float:
        """The penalty on a fixed sample of both sides, without dropout: what the curve shows."""
        size = min(64, len(self.companions), len(self.companions.others))
        with torch.inference_mode():
            batch = self._on_device(self.companions.batch(np.arange(size), 0))
            return float(self.penalty(batch, self.model.logits_and_hidden(batch)[1][-1]))

    @property
    def _types(self) -> Sequence[str]:
        """The type of each label, "" for the one outside of everything: B-PER and I-PER are PER."""
        outside = cast(Tagging, self.model.task).outside
        return ["" if label == outside else label.split("-", 1)[-1] for label in self.model.labels]

    def _on_device(self, batch: Tensors) -> Tensors:
        device = next(self.model.network.parameters()).device
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def _mean(self, side: Encoded) -> torch.Tensor:
        self.model.network.eval()
        parts = []
        with torch.no_grad():
            for start in range(0, min(len(side), PROBE), 32):
                batch = self._on_device(side.batch(np.arange(start, min(start + 32, len(side), PROBE))))
                parts.append(pooled(self.model.logits_and_hidden(batch)[1][-1], batch["attention_mask"]))
        return torch.cat(parts).mean(dim=0)


def _named(batch: Tensors, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in batch.items() if name.startswith(prefix)}


def _centroids(hidden: torch.Tensor, labels: torch.Tensor, types: Sequence[str]) -> dict[str, torch.Tensor]:
    """The mean (H,) of the words of each type, from (S, T, H) and (S, T)."""
    voting = labels != IGNORED
    words, numbers = hidden[voting], labels[voting]  # (W, H), (W,)
    found = {}
    for type_ in dict.fromkeys(types):
        of_type = torch.isin(
            numbers, torch.tensor([i for i, t in enumerate(types) if t == type_], device=numbers.device)
        )
        if type_ and bool(of_type.any()):
            found[type_] = words[of_type].mean(dim=0)
    return found
