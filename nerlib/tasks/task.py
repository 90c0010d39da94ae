"""What every task has to say for itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch

from nerlib.encoding import Encoded, Layout

Batch = Mapping[str, torch.Tensor]
Parts = tuple[torch.Tensor, ...]
Predictions = list[tuple[str, ...]]
Form = Literal["tagging", "classification", "answering"]


@dataclass(frozen=True)
class Task(ABC):
    """A task that models are trained for.

    Attributes
    ----------
    name
        As in the parameter `task`.
    metric
        The score that decides (between epochs, in tables): a field of what `score` gives.
    form
        What the head looks like; families name its class by it.
    """

    name: str
    metric: str
    form: ClassVar[Form]

    @abstractmethod
    def labels(self, types: Sequence[str]) -> tuple[str, ...]:
        """What may be predicted, in the order of the head's outputs, for a corpus's types."""

    def outputs(self, labels: Sequence[str]) -> int:
        """The head's outputs."""
        return len(labels)

    @abstractmethod
    def without_gold(self, example: Any, labels: Sequence[str]) -> Any:
        """The example with an annotation that means nothing, for predicting."""

    @abstractmethod
    def encode(self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout) -> Encoded:
        """Examples as subwords, as a model wants them."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of the head's outputs, summed over a batch."""

    @abstractmethod
    def count(self, batch: Batch) -> int:
        """What the sum is divided by."""

    @abstractmethod
    def read(self, logits: torch.Tensor, batch: Batch) -> Parts:
        """What predictions need of a batch's outputs, small enough to be kept."""

    @abstractmethod
    def predictions(self, parts: Sequence[Parts], encoded: Encoded, labels: Sequence[str]) -> Predictions:
        """One prediction an example, in their order, from what `read` gave of all batches."""

    @abstractmethod
    def score(self, gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> Any:
        """The scores of predictions against `gold` of the examples."""
