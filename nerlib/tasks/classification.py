"""Tasks that give every text a label. Letters of shapes: S texts, L labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn.functional import cross_entropy

from nerlib import scoring
from nerlib.corpora import LabelledText
from nerlib.encoding import Encoded, EncodedTexts, Layout, encode_texts
from nerlib.errors import CorpusError
from nerlib.tasks.task import Batch, Form, Parts, Predictions, Task


@dataclass(frozen=True)
class Classification(Task):
    """A label for every text, as in sentiment."""

    form: ClassVar[Form] = "classification"

    def labels(self, types: Sequence[str]) -> tuple[str, ...]:
        """The corpus's labels; a `CorpusError` when there is nothing to tell apart."""
        if len(types) < 2:
            raise CorpusError(f"task {self.name!r}: expected two labels or more, met {', '.join(types) or 'none'}")
        return tuple(types)

    def without_gold(self, example: Any, labels: Sequence[str]) -> LabelledText:
        """The text, with any label."""
        return LabelledText(example.text, labels[0], example.language, example.where)

    def encode(self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout) -> EncodedTexts:
        """Texts as one window each."""
        return encode_texts(examples, tokenizer, labels, layout)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the outputs (S, L), summed over texts."""
        return cross_entropy(logits.float(), batch["labels"], reduction="sum")

    def count(self, batch: Batch) -> int:
        """Texts."""
        return len(batch["labels"])

    def read(self, logits: torch.Tensor, batch: Batch) -> Parts:
        """The texts' numbers, and the best label of each, (S,)."""
        return batch["text"], logits.argmax(-1)

    def predictions(self, parts: Sequence[Parts], encoded: Encoded, labels: Sequence[str]) -> Predictions:
        """The label of each text, alone in a tuple."""
        chosen = {
            text: label for texts, found in parts for text, label in zip(texts.tolist(), found.tolist(), strict=True)
        }
        return [(labels[chosen[text]],) for text in range(len(encoded))]

    def score(self, gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> Any:
        """Accuracy and macro scores."""
        return scoring.score_labels(gold, predicted)
