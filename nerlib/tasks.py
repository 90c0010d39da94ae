"""What a task is: its labels, loss, how a model's outputs become predictions, and how those are scored.

The training loop does not know tasks; it is handed a loss. A new task of one of the three forms (a label for every
word, one for every text, a span of its context for every question) is a row in `TASKS`.

Letters of shapes: S windows (or texts), T subwords, L labels, W words with a label.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from nerlib import encoding, scoring
from nerlib.corpora import LabelledText, Question, Sentence
from nerlib.encoding import IGNORED, NOTHING, EncodedQuestions, EncodedSentences, EncodedTexts, Layout
from nerlib.errors import CorpusError, SettingsError
from nerlib.labels import ANSWER, NO_ANSWER, UPOS, tag_names
from nerlib.vocabulary import form_of

Batch = Mapping[str, torch.Tensor]
Parts = tuple[torch.Tensor, ...]
Predictions = list[tuple[str, ...]]
Annotations = Sequence[tuple[str, ...]]
Scorer = Callable[[Sequence[tuple[str, ...]], Sequence[tuple[str, ...]]], Any]
LONGEST = 128  # subwords of an answer, at most


@dataclass(frozen=True)
class _Task:
    """What tasks of all forms have; see `Task`.

    Attributes
    ----------
    name
        As in the parameter `task`.
    metric
        The score that decides (between epochs, in tables): a field of what `score` gives.
    labels
        What may be predicted, in the order of the head's outputs, for a corpus's types.
    score
        The scores of predictions against gold.
    headline
        `score` of a test set, held against another's; None: there is no other.
    form
        What the head looks like; families name its class by it.
    """

    name: str
    metric: str
    labels: Callable[[Sequence[str]], tuple[str, ...]]
    score: Scorer
    headline: Scorer | None = field(default=None, kw_only=True)
    form: ClassVar[str]

    def score_test(self, examples: Sequence[Any], predicted: Sequence[tuple[str, ...]]) -> Any:
        """The scores that a run's record holds of its test set."""
        return (self.headline or self.score)([example.gold for example in examples], predicted)

    def outputs(self, labels: Sequence[str]) -> int:
        """The head's outputs."""
        return len(labels)


# --- words ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tagging(_Task):
    """A label for every word.

    Attributes
    ----------
    outside
        The label of a word that the model cannot see (its tokenizer gives it no subword).
    """

    outside: str = field(kw_only=True)
    form: ClassVar[str] = "tagging"

    def without_gold(self, example: Any, labels: Sequence[str]) -> Sentence:
        """The words, all with one tag."""
        return Sentence(tuple(example.words), (labels[0],) * len(example.words), example.language, example.where)

    def encode(
        self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout
    ) -> EncodedSentences:
        """Sentences as subwords, each word's label on one of its own."""
        return encoding.encode_sentences(examples, tokenizer, labels, layout)

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

    def predictions(self, parts: Sequence[Parts], encoded: Any, labels: Sequence[str]) -> Predictions:
        """The tags of every word; `outside` for one that the tokenizer gives no subword."""
        chosen = np.full(len(encoded.labels), labels.index(self.outside), dtype=np.int64)
        for words, tags in parts:
            chosen[words.numpy()] = tags.numpy()
        return [tuple(labels[i] for i in chosen[a:b]) for a, b in itertools.pairwise(encoded.first_word)]


# --- texts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Classification(_Task):
    """A label for every text, as in sentiment."""

    form: ClassVar[str] = "classification"

    def without_gold(self, example: Any, labels: Sequence[str]) -> LabelledText:
        """The text, with any label."""
        return LabelledText(example.text, labels[0], example.language, example.where)

    def encode(self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout) -> EncodedTexts:
        """Texts as one window each."""
        return encoding.encode_texts(examples, tokenizer, labels, layout)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the outputs (S, L), summed over texts."""
        return cross_entropy(logits.float(), batch["labels"], reduction="sum")

    def count(self, batch: Batch) -> int:
        """Texts."""
        return len(batch["labels"])

    def read(self, logits: torch.Tensor, batch: Batch) -> Parts:
        """The texts' numbers, and the best label of each, (S,)."""
        return batch["text"], logits.argmax(-1)

    def predictions(self, parts: Sequence[Parts], encoded: Any, labels: Sequence[str]) -> Predictions:
        """The label of each text, alone in a tuple."""
        chosen = dict(pair for texts, best in parts for pair in zip(texts.tolist(), best.tolist(), strict=True))
        return [(labels[chosen[text]],) for text in range(len(encoded))]


def at_least_two(types: Sequence[str]) -> tuple[str, ...]:
    """A corpus's labels; a `CorpusError` when there is nothing to tell apart."""
    if len(types) < 2:
        raise CorpusError(f"expected two labels or more to tell apart, got {', '.join(types) or 'none'}")
    return tuple(types)


# --- questions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answering(_Task):
    """A span of its context for every question (Devlin et al. 2019, sections 4.2 and 4.3).

    The head has two outputs a subword: an answer begins there, and ends there.
    """

    form: ClassVar[str] = "answering"

    def outputs(self, labels: Sequence[str]) -> int:
        """Begin and end."""
        return 2

    def score_test(self, examples: Sequence[Any], predicted: Sequence[tuple[str, ...]]) -> Any:
        """As of every task, and by place."""
        return scoring.Scores(
            **vars(super().score_test(examples, predicted)), position_f1=scoring.position_f1(examples, predicted)
        )

    def without_gold(self, example: Any, labels: Sequence[str]) -> Question:
        """The question without its answers."""
        return Question(example.question, example.context, (), example.language, example.where)

    def encode(
        self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], layout: Layout
    ) -> EncodedQuestions:
        """Questions with windows of their contexts."""
        return encoding.encode_questions(examples, tokenizer, layout)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of the cross-entropies of begin and end over choosable subwords, summed over windows, from (S, T, 2)."""
        scores = _choosable(logits, batch)
        ends = [cross_entropy(scores[..., i], batch[name], reduction="sum") for i, name in enumerate(("begin", "end"))]
        return torch.stack(ends).mean()

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
        best, index = joint.flatten(1).max(dim=1)
        return batch["window"], index // length, index % length, best, nothing

    def predictions(self, parts: Sequence[Parts], encoded: Any, labels: Sequence[str]) -> Predictions:
        """The best span over all windows of each question, as written in its context; () for no answer."""
        window, begin, end, best, nothing = (torch.cat(tensors).numpy() for tensors in zip(*parts, strict=True))
        owner = np.searchsorted(encoded.first_window, window, side="right") - 1  # the question of each window
        order = np.lexsort((-best, owner))  # by question, its best window first
        _, first = np.unique(owner[order], return_index=True)
        top = order[first]  # (questions,)
        start = encoded.starts[window[top]]
        ends = encoded.offsets[start + begin[top], 0], encoded.offsets[start + end[top], 1]
        texts = [context[a:b].strip() for context, a, b in zip(encoded.contexts, *ends, strict=True)]
        least = np.minimum.reduceat(nothing[order], first)  # no window of it says that there is an answer
        none = (least > best[top]) & (NO_ANSWER in labels)
        return [() if no or not text else (text,) for text, no in zip(texts, none, strict=True)]


def _choosable(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Outputs (S, T, 2) where an answer may begin or end; minus infinity elsewhere."""
    return logits.float().masked_fill(~batch["choosable"].unsqueeze(-1), -torch.inf)


# --- all --------------------------------------------------------------------------------------------------------------

#: A task that models are trained for, of one of three forms. Each of these tells
#: `without_gold`, the example with an annotation that means nothing, for predicting;
#: `encode`, examples as subwords, as a model wants them;
#: `loss` of the head's outputs, summed over a batch, and `count`, what the sum is divided by;
#: `read`, what predictions need of a batch's outputs, small enough to be kept;
#: `predictions`, one an example, in their order, from what `read` gave of all batches.
Task = Tagging | Classification | Answering

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Tagging("ner", "strict_f1", tag_names, scoring.score, headline=scoring.headline, outside="O"),
            Tagging("pos", "accuracy", lambda types: UPOS, scoring.score_tags, outside="X"),
            Classification("sentiment", "accuracy", at_least_two, scoring.score_labels),
            # `none` where a corpus has questions that their context does not answer
            Answering("qa", "answer_f1", lambda types: tuple(types) or (ANSWER,), scoring.score_answers),
        )
    }
)


def find_task(name: str) -> Task:
    """The task of that name.

    Raises
    ------
    SettingsError
        For an unknown one, with those that there are.
    """
    if name not in TASKS:
        raise SettingsError(f"unknown task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name]


# --- collapse ---


def why_collapsed(
    task: Task,
    *,
    gold: Annotations,
    predicted: Annotations,
    dev_gold: Annotations = (),
    dev_scores: Iterable[float] = (),
) -> str:
    """Why a training is called collapsed; empty when it is not.

    Parameters
    ----------
    task
        Its task; of entities only `O` counts as the most frequent label, whose score is 0.
    gold, predicted
        Annotations of the test set, one an example: the same prediction everywhere, where gold has several, is a
        collapse.
    dev_gold, dev_scores
        Annotations of dev, and the metric on it (0..1) of each scored epoch: a collapse when no epoch is better than
        the most frequent label predicted everywhere. Empty where there is no dev.

    Returns
    -------
    str
        As it stands in a sentence: "only O is predicted".
    """
    labels = set(_labels(task, predicted))
    if len(labels) == 1 and len(set(_labels(task, gold))) > 1:
        (only,) = labels
        return (
            f"only {only} is predicted"
            if isinstance(only, str)
            else "one answer is predicted for all questions"
            if only
            else "no answer is predicted"
        )
    best = max(dev_scores, default=None)
    if best is not None and best <= (majority := majority_score(task, dev_gold)):
        return f"dev is never above the most frequent label's {100 * majority:.1f}"
    return ""


def majority_score(task: Task, gold: Annotations) -> float:
    """The metric (0..1) when the most frequent label, or answer, of `gold` is predicted everywhere; of entities 0."""
    if form_of(task.name) == "entities":
        return 0.0
    ((label, _),) = Counter(_labels(task, gold)).most_common(1)
    guess = [label[:1] if isinstance(label, tuple) else (label,) * len(one) for one in gold]
    return float(getattr(task.score(gold, guess), task.metric))


def _labels(task: Task, annotations: Annotations) -> Iterable[Any]:
    """What is predicted one by one: the label of each word or text, the answers of each question."""
    return annotations if task.form == "answering" else itertools.chain.from_iterable(annotations)
