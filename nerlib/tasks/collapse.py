"""Collapse: a training that ended where one label for everything does as well."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from nerlib.tasks.task import Task

Annotations = Sequence[tuple[str, ...]]


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
        return f"only {only} is predicted" if isinstance(only, str) else ONE_ANSWER if only else NO_ANSWER
    best = max(dev_scores, default=None)
    if best is not None and best <= (majority := majority_score(task, dev_gold)):
        return f"dev is never above the most frequent label's {100 * majority:.1f}"
    return ""


NO_ANSWER, ONE_ANSWER = "no answer is predicted", "one answer is predicted for all questions"


def majority_score(task: Task, gold: Annotations) -> float:
    """The metric (0..1) when the most frequent label, or answer, of `gold` is predicted everywhere; of entities 0."""
    if task.name == "ner":
        return 0.0
    ((label, _),) = Counter(_labels(task, gold)).most_common(1)
    guess = [label[:1] if isinstance(label, tuple) else (label,) * len(one) for one in gold]
    return float(getattr(task.score(gold, guess), task.metric))


def _labels(task: Task, annotations: Annotations) -> Iterable[Any]:
    """What is predicted one by one: the label of each word or text, the answers of each question."""
    return annotations if task.form == "answering" else chain.from_iterable(annotations)
