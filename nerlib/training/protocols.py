"""What the loop asks of data, methods and progress bars."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from nerlib.models.hooks import Hooks

Batch = dict[str, torch.Tensor]
Tensors = dict[str, torch.Tensor]
__all__ = ["Batch", "Data", "Hooks", "Progress", "Tensors"]


class Data(Protocol):
    """What is trained on: examples that can be counted, measured and put into batches."""

    @property
    def lengths(self) -> np.ndarray:
        """(examples,) subwords of each, for batches of like length."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: np.ndarray, epoch: int) -> Batch:
        """Padded tensors (S, T) of these examples; the same for the same indices and epoch."""
        ...


@dataclass(frozen=True)
class Progress:
    """Where a training stands, for a live bar or a line an epoch."""

    epoch: int
    num_epochs: int
    step: int
    total_steps: int
    train_loss: float
    dev_score: float | None
    seconds: float
    epoch_ended: bool
