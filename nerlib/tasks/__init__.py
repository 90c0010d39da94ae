"""What a task is: its labels, loss, how a model's outputs become predictions, and how those are scored.

The training loop does not know tasks; it is handed a loss. A new task of one of the three forms is a line in `TASKS`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from nerlib import labels, scoring
from nerlib.encoding import IGNORED
from nerlib.errors import SettingsError
from nerlib.tasks.answering import Answering
from nerlib.tasks.classification import Classification
from nerlib.tasks.collapse import why_collapsed
from nerlib.tasks.tagging import Tagging
from nerlib.tasks.task import Task

__all__ = ["IGNORED", "TASKS", "Answering", "Classification", "Tagging", "Task", "find_task", "why_collapsed"]

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Tagging("ner", "strict_f1", tags=labels.tag_names, scores=scoring.score, outside="O"),
            Tagging("pos", "accuracy", tags=lambda types: labels.UPOS, scores=scoring.score_tags, outside="X"),
            Classification("sentiment", "accuracy"),
            Answering("qa", "answer_f1"),
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
