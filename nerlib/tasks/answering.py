"""Span question answering: where in its context the answer begins and ends (Devlin et al. 2019, section 4.2 and 4.3).

Letters of shapes: S windows, T subwords. The head has two outputs a subword, begin and end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch.nn.functional import cross_entropy

from nerlib import scoring
from nerlib.corpora import Question
from nerlib.encoding import Encoded, EncodedQuestions, Layout, encode_questions
from nerlib.labels import ANSWER, NO_ANSWER
from nerlib.tasks.task import Batch, Form, Parts, Predictions, Task

LONGEST = 128  # subwords of an answer, at most


@dataclass(frozen=True)
class Answering(Task):
    """A span of its context for every question."""

    form: ClassVar[Form] = "answering"

    def labels(self, types: Sequence[str]) -> tuple[str, ...]:
        """`answer`, and `none` where a corpus has questions that their context does not answer."""
        return tuple(types) or (ANSWER,)

    def outputs(self, labels: Sequence[str]) -> int:
        """Begin and end."""
        return 2

    def without_gold(self, example: Any, labels: Sequence[str]) -> Question:
        """The question without its answers."""
        return Question(example.question, example.context, (), example.language, example.where)

    def encode(
        self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout
    ) -> EncodedQuestions:
        """Questions with windows of their contexts."""
        return encode_questions(examples, tokenizer, layout)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of the cross-entropies of begin and end over choosable subwords, summed over windows, from (S, T, 2)."""
        scores = _choosable(logits, batch)
        ends = (cross_entropy(scores[..., i], batch[name], reduction="sum") for i, name in enumerate(("begin", "end")))
        return torch.stack(list(ends)).mean()

    def count(self, batch: Batch) -> int:
        """Windows."""
        return len(batch["begin"])

    def read(self, logits: torch.Tensor, batch: Batch) -> Parts:
        """Of each window: its number, the best span's first and last subword and score, and the score of no answer."""
        scores = _choosable(logits, batch)
        rows = torch.arange(len(scores), device=scores.device)
        nothing = scores[rows, batch["none"]].sum(-1)  # (S,)
        scores[rows, batch["none"]] = -torch.inf
        begin, end = scores.unbind(-1)  # (S, T) both
        length = end.shape[1]
        span = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu().tril(LONGEST - 1)
        joint = (begin.unsqueeze(2) + end.unsqueeze(1)).masked_fill(~span, -torch.inf)  # (S, T, T)
        best, place = joint.flatten(1).max(dim=1)
        return batch["window"], place // length, place % length, best, nothing

    def predictions(self, parts: Sequence[Parts], encoded: Encoded, labels: Sequence[str]) -> Predictions:
        """The best span over all windows of each question, as written in its context; () for no answer."""
        questions = cast(EncodedQuestions, encoded)
        window, begin, end, best, nothing = (torch.cat(tensors).numpy() for tensors in zip(*parts, strict=True))
        found: Predictions = [()] * len(questions)
        top = [-float("inf")] * len(questions)
        least = [float("inf")] * len(questions)
        owner = questions.owner
        for i, w in enumerate(window):
            question, start = owner[w], questions.starts[w]
            least[question] = min(least[question], float(nothing[i]))
            if best[i] > top[question]:
                top[question] = float(best[i])
                first, last = questions.offsets[start + begin[i]][0], questions.offsets[start + end[i]][1]
                text = questions.contexts[question][first:last].strip()
                found[question] = (text,) if text else ()
        if NO_ANSWER in labels:
            found = [() if least[i] > top[i] else answer for i, answer in enumerate(found)]
        return found

    def score(self, gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> Any:
        """Exact match, token F1 and ROUGE."""
        return scoring.score_answers(gold, predicted)


def _choosable(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Outputs (S, T, 2) where an answer may begin or end; minus infinity elsewhere."""
    return logits.float().masked_fill(~batch["choosable"].unsqueeze(-1), -torch.inf)
