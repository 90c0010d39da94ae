"""What several figures draw alike: a mean with its interval and its seeds, axes from zero, legends."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nerlib.figures.style import INK, stage_words
from nerlib.statistics import mean_interval

METRIC_WORDS = {"strict_f1": "strict F1", "accuracy": "accuracy", "answer_f1": "token F1 of answers"}


class Words(NamedTuple):
    """What headings, captions and axes call the things of a task.

    Attributes
    ----------
    title
        The task itself.
    examples
        What a corpus holds.
    counted
        What is right or wrong.
    forms
        What can be new to a model.
    types
        How scores are broken down.
    beyond
        What happens to examples longer than a window.
    """

    title: str
    examples: str
    counted: str
    forms: str
    types: str
    beyond: str


_IN_WINDOWS, _CUT = "cut into windows, nothing is dropped", "cut at its end, and what is cut off is not seen"
_BY_LENGTH = "Token F1 by length of the shortest gold answer"
TASK_WORDS: Mapping[str, Words] = {
    "ner": Words("NER", "sentences", "entities", "entities", "F1 by type", _IN_WINDOWS),
    "pos": Words("parts of speech", "sentences", "words", "words", "F1 by part of speech", _IN_WINDOWS),
    "sentiment": Words(
        "sentiment", "texts", "texts", "words", "F1 by label", "cut at its end, and what is cut off is not seen"
    ),
    "qa": Words(
        "question answering",
        "questions",
        "questions",
        "answers",
        "Token F1 by length of the shortest gold answer",
        _IN_WINDOWS,
    ),
}


def mean_and_seeds(ax: Any, place: float, values: pd.Series, shade: str, level: float, upright: bool = False) -> None:
    """Draw the mean with its t interval at `place`, and the seeds as small points beside it; `values` are 0..1."""
    if values.empty:
        return
    points = 100 * values.to_numpy(float)
    beside = np.full(len(points), place + (0.04 if upright else 0.11))
    ax.scatter(*((beside, points) if upright else (points, beside)), s=11, color=shade, alpha=0.55, lw=0, gid="seeds")
    mean, ends = points.mean(), None
    if len(points) > 1:
        interval = mean_interval(points, level)
        ends = [[interval.value - interval.low], [interval.high - interval.value]]
    where, bar = ((place, mean), {"yerr": ends}) if upright else ((mean, place), {"xerr": ends})
    ax.errorbar(*where, **bar, fmt="o", ms=6, color=shade, mec="white", mew=0.8, elinewidth=1.6, capsize=3, zorder=4)


def metric_words(runs: pd.DataFrame) -> dict[str, str]:
    """What the deciding score of each task among runs is called, by task."""
    known = runs.loc[runs["metric"] != "", ["task", "metric"]].drop_duplicates("task")
    return {task: METRIC_WORDS.get(metric, stage_words(metric)) for task, metric in known.itertuples(index=False)}


def score_label(runs: pd.DataFrame, by_type: bool = False) -> str:
    """Label of an axis of scores: what the runs' column `metric` says; of types it is F1 whatever decides."""
    metrics = set(runs["metric"]) - {""} if "metric" in runs else set()
    words = [METRIC_WORDS.get(metric, stage_words(metric)) for metric in sorted(metrics)] or [METRIC_WORDS["strict_f1"]]
    return f"{'F1' if by_type and metrics == {'accuracy'} else ', '.join(words)} (points)"


def from_zero(ax: Any, upright: bool = False) -> None:
    """Let the axis of scores begin at 0: differences are seen at their size."""
    high = (ax.get_ylim() if upright else ax.get_xlim())[1]
    (ax.set_ylim if upright else ax.set_xlim)(0, min(max(high, 5), 105))


def legend(
    figure: Any,
    groups: dict[str, str],
    marks: dict[str, str] | None = None,
    lines: Sequence[tuple[str, str]] = (),
    *,
    always: bool = False,
    columns: int | None = None,
) -> None:
    """Name colours, marks and styles of lines above the axes, where there is more than one of them (or `always`)."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    told: list[Any] = [Patch(color=shade, label=stage_words(name)) for name, shade in groups.items()]
    told = told if always or len(told) > 1 else []
    if marks and len(marks) > 1:
        told += [Line2D([], [], marker=m, ls="", color=INK, label=stage_words(name)) for name, m in marks.items()]
    if len(lines) > 1:
        told += [Line2D([], [], ls=dashes, color=INK, label=stage_words(name)) for name, dashes in lines]
    if told:
        in_a_row = len(told) if sum(len(handle.get_label()) + 4 for handle in told) < 70 else 3
        figure.legend(
            handles=told,
            loc="outside upper left",
            ncols=columns or in_a_row,
            handlelength=2 if len(lines) > 1 else 1,
            handleheight=1,
        )
