"""What a task is, in one place: its labels, head, loss, how logits become predictions, and how those are scored.

Letters of shapes: S windows, T subwords (padded), L labels, W words that carry a label.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch.nn.functional import cross_entropy

from nerlib import labels, scoring
from nerlib.errors import SettingsError

IGNORED = -100  # label of a subword that carries no word's label
Tags = Sequence[Sequence[str]]


def tagging_loss(logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of the outputs (S, T, L), summed over the words that carry a label."""
    voting = batch["labels"] != IGNORED  # (S, T), true at one subword of each word
    return cross_entropy(logits[voting].float(), batch["labels"][voting], reduction="sum")  # (W, L) and (W,)


def labelled_words(batch: Mapping[str, torch.Tensor]) -> int:
    """Words of a batch that carry a label."""
    return int((batch["labels"] != IGNORED).sum())


@dataclass(frozen=True)
class Task:
    """A task that models are trained for.

    Attributes
    ----------
    name
        As in the parameter `task`.
    metric
        The score that decides (between epochs, in tables): a field of what `score` gives.
    head_class
        The class in transformers that adds the head to a backbone.
    peft_type
        The task type in PEFT, by which it knows the head.
    labels
        The label names of a tuple of types, in the order of the head's outputs.
    outside
        The label of a word that the model cannot see (its tokenizer gives it no subword).
    loss, count
        The loss of the head's outputs summed over a batch, and the number of labels that it is divided by.
    score
        The scores of predictions against gold.
    """

    name: str
    metric: str
    head_class: str
    peft_type: str
    labels: Callable[[Sequence[str]], tuple[str, ...]]
    outside: str
    loss: Callable[[torch.Tensor, Mapping[str, torch.Tensor]], torch.Tensor]
    count: Callable[[Mapping[str, torch.Tensor]], int]
    score: Callable[[Tags, Tags], scoring.Scores | scoring.TagScores]


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "ner": Task(
            name="ner",
            metric="strict_f1",
            head_class="AutoModelForTokenClassification",
            peft_type="TOKEN_CLS",
            labels=labels.tag_names,
            outside="O",
            loss=tagging_loss,
            count=labelled_words,
            score=scoring.score,
        ),
        "pos": Task(
            name="pos",
            metric="accuracy",
            head_class="AutoModelForTokenClassification",
            peft_type="TOKEN_CLS",
            labels=lambda types: labels.UPOS,
            outside="X",
            loss=tagging_loss,
            count=labelled_words,
            score=scoring.score_tags,
        ),
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
