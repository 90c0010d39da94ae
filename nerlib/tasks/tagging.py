"""Tasks that give every word a label. Letters of shapes: S windows, T subwords, L labels, W words with a label."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from nerlib.corpora import Sentence
from nerlib.encoding import IGNORED, NOTHING, Encoded, EncodedSentences, Layout, encode_sentences
from nerlib.tasks.task import Batch, Form, Parts, Predictions, Task


@dataclass(frozen=True)
class Tagging(Task):
    """A label for every word.

    Attributes
    ----------
    tags
        The labels of a tuple of types.
    scores
        Scores of predicted tags against gold.
    outside
        The label of a word that the model cannot see (its tokenizer gives it no subword).
    """

    tags: Callable[[Sequence[str]], tuple[str, ...]]
    scores: Callable[[Sequence[Sequence[str]], Sequence[Sequence[str]]], Any]
    outside: str
    form: ClassVar[Form] = "tagging"

    def labels(self, types: Sequence[str]) -> tuple[str, ...]:
        """The tags of the types."""
        return self.tags(types)

    def without_gold(self, example: Any, labels: Sequence[str]) -> Sentence:
        """The words, all with one tag."""
        return Sentence(tuple(example.words), (labels[0],) * len(example.words), example.language, example.where)

    def encode(
        self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout
    ) -> EncodedSentences:
        """Sentences as subwords, each word's label on one of its own."""
        return encode_sentences(examples, tokenizer, labels, layout)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the outputs (S, T, L), summed over the words that carry a label."""
        # Ignoring beats choosing the W: how many those are is known to a GPU alone, which would have to be waited for.
        flat, labels = logits.flatten(0, 1), batch["labels"].flatten()  # (S * T, L), (S * T,)
        precise = torch.promote_types(flat.dtype, torch.float32)
        return cross_entropy(flat.to(precise), labels, ignore_index=IGNORED, reduction="sum")

    def count(self, batch: Batch) -> int:
        """Words that carry a label."""
        return int((batch["labels"] != IGNORED).sum())

    def read(self, logits: torch.Tensor, batch: Batch) -> Parts:
        """The words that carry a label, and the best label of each, (W,)."""
        voting = batch["words"] != NOTHING  # (S, T)
        return batch["words"][voting], logits.argmax(-1)[voting]

    def predictions(self, parts: Sequence[Parts], encoded: Encoded, labels: Sequence[str]) -> Predictions:
        """The tags of every word; `outside` for one that the tokenizer gives no subword."""
        sentences = cast(EncodedSentences, encoded)
        chosen = np.full(len(sentences.labels), labels.index(self.outside), dtype=np.int64)
        for words, tags in parts:
            chosen[words.numpy()] = tags.numpy()
        return [tuple(labels[i] for i in chosen[a:b]) for a, b in itertools.pairwise(sentences.first_word)]

    def score(self, gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> Any:
        """The task's scores."""
        return self.scores(gold, predicted)
