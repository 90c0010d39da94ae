"""Alignment penalty: representations of source and target are pulled together while the task is learnt.

The African study adds "cosine similarity penalties" between source and target embeddings to the cross-entropy and says
no more. It is read as ``1 - cosine`` between the means of a batch of source sentences and of one of unlabelled target
sentences: 0 when the two point the same way.

Means are centred: encoders' representations share one large direction, whose cosine is near 1 whatever the content
(Ethayarajh 2019). The centre is the mean of both sides before training, and stays; a model can lower the penalty by
moving both sides away from it together, so a low penalty alone is no proof of alignment.

Letters of shapes: S sentences (windows), T subwords, H hidden size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from nerlib.encoding import Encoded
from nerlib.models import TaskModel
from nerlib.models.task_model import pooled

Tensors = Mapping[str, torch.Tensor]
OTHER = "other_"  # how the names of a companion batch begin
PROBE = 256  # sentences of each side that the centre is the mean of


@dataclass(frozen=True)
class Companions:
    """Training data with sentences to align with beside each batch: `training.Data`.

    Attributes
    ----------
    data
        What is trained on.
    others
        Sentences of the other side, drawn anew for each batch, as many as it has.
    seed
        Of the draws: the same seed, sentences and epoch give the same ones.
    """

    data: Encoded
    others: Encoded
    seed: int

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices: np.ndarray, epoch: int) -> dict[str, torch.Tensor]:
        """The batch of these sentences, and its companions under names of their own."""
        rng = np.random.default_rng([self.seed, epoch, *indices.tolist()])
        drawn = rng.choice(len(self.others), min(len(indices), len(self.others)), replace=False)
        beside = {f"{OTHER}{name}": tensor for name, tensor in self.others.batch(drawn).items()}
        return self.data.batch(indices, epoch) | beside


class Alignment:
    """The penalty, for one model.

    Parameters
    ----------
    model
        Before training: the centre is computed with it.
    companions
        Both sides.
    weight
        What the penalty is multiplied with in the loss.
    """

    def __init__(self, model: TaskModel, companions: Companions, weight: float) -> None:
        self.model, self.companions, self.weight = model, companions, weight
        self.device = next(model.network.parameters()).device
        self.centre = torch.stack([self._mean(side) for side in (companions.data, companions.others)]).mean(dim=0)

    def loss(self, batch: Tensors) -> torch.Tensor:
        """The task's loss summed over the batch, plus `weight` times the penalty for each labelled position."""
        logits, hidden = self.model.logits_and_hidden(batch)
        return self.model.task.loss(logits, batch) + (
            self.weight * self.model.task.count(batch) * self.penalty(batch, hidden[-1])
        )

    def penalty(self, batch: Tensors, hidden: torch.Tensor) -> torch.Tensor:
        """1 − cosine, from the training sentences' last hidden states (S, T, H) and the batch's companions."""
        other = {name.removeprefix(OTHER): tensor for name, tensor in batch.items() if name.startswith(OTHER)}
        sides = [pooled(hidden, batch["attention_mask"]), self._vectors(other)]
        first, second = (side.mean(dim=0) - self.centre for side in sides)
        return 1 - cosine_similarity(first, second, dim=0)

    def probe(self) -> float:
        """The penalty on a fixed sample of both sides, without dropout: what the curve shows."""
        size = min(64, len(self.companions), len(self.companions.others))
        with torch.inference_mode():
            batch = {name: t.to(self.device) for name, t in self.companions.batch(np.arange(size), 0).items()}
            return float(self.penalty(batch, self.model.logits_and_hidden(batch)[1][-1]))

    def _vectors(self, batch: Tensors) -> torch.Tensor:
        """Means over the subwords of the last hidden states, (S, H)."""
        return pooled(self.model.logits_and_hidden(batch)[1][-1], batch["attention_mask"])

    def _mean(self, side: Encoded) -> torch.Tensor:
        self.model.network.eval()
        numbers = np.arange(min(len(side), PROBE))
        batches = (side.batch(numbers[start : start + 32]) for start in range(0, len(numbers), 32))
        with torch.no_grad():
            parts = [self._vectors({name: t.to(self.device) for name, t in batch.items()}) for batch in batches]
        return torch.cat(parts).mean(dim=0)
