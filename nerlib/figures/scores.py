"""Figures of scores: by stage, by type, against cost, before and after; and of the errors behind them.

Which score it is says the runs' column ``metric``; without it they are strict F1.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nerlib.figures.parts import TASK_WORDS, from_zero, legend, mean_and_seeds, score_label
from nerlib.figures.style import (
    INK,
    STAGES,
    canvas,
    colour,
    colours,
    ordered,
    plain_ticks,
    readable,
    stage_words,
    styled,
)
from nerlib.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA_USED = ("target only", "transfer")
MARKS = ("o", "s", "D", "^", "v", "P")  # of stages, in the order in which they occur
KINDS = ("correct", "boundary", "type", "boundary and type", "missed", "spurious")


def interval_words(level: float = 0.95) -> str:
    """What to say in a caption about the bars and points of these figures."""
    return f"Large points with bars: mean over seeds and its {100 * level:g} % t interval. Small points: single seeds."


@styled
def scores_by_stage(runs: pd.DataFrame, score: str = "test_score", level: float = 0.95) -> "Figure":
    """Draw the scores of each stage, methods side by side.

    Parameters
    ----------
    runs
        Columns ``stage``, ``seed``, `score` (0..1) and, optionally, ``method``; one row a run.
    score
        The column to draw.
    level
        Of the interval of the mean over seeds.
    """
    methods = runs["method"] if "method" in runs else pd.Series("", index=runs.index)
    frame = pd.DataFrame({"row": runs["stage"], "group": methods, "value": runs[score]})
    rows = ordered(frame["row"], STAGES)
    return _dodged(frame, rows, {m: colour(m) for m in methods.unique()}, level, score_label(runs))


@styled
def scores_by_type(scores: pd.DataFrame, level: float = 0.95) -> "Figure":
    """Draw the scores of each type (part of speech, label, length of answer), stages side by side.

    Parameters
    ----------
    scores
        Columns ``type``, ``seed``, ``f1`` (0..1) and, optionally, ``stage``, ``metric`` and ``support`` (in the gold).
    level
        Of the interval of the mean over seeds.
    """
    stages = scores["stage"] if "stage" in scores else pd.Series("", index=scores.index)
    frame = pd.DataFrame({"row": scores["type"], "group": stages, "value": scores["f1"]})
    rows = list(dict.fromkeys(frame["row"]))
    words = {name: readable(name) for name in rows}
    if "support" in scores:
        words = {name: f"{words[name]} ({n:.0f})" for name, n in scores.groupby("type")["support"].max().items()}
    groups = colours(ordered(frame["group"], STAGES))
    return _dodged(frame, rows, groups, level, score_label(scores, by_type=True), words)


def _dodged(
    frame: pd.DataFrame,
    rows: Sequence[str],
    groups: dict[str, str],
    level: float,
    label: str,
    words: dict[str, str] | None = None,
) -> "Figure":
    """Draw `value` (0..1) by `row`, one below the other, and by `group`, side by side in the groups' colours."""
    figure, axes = canvas(6.0, 0.9 + len(rows) * (0.3 + 0.22 * len(groups)))
    ax = axes[0, 0]
    offsets = np.linspace(-0.5, 0.5, 2 * len(groups) + 1)[1::2] * min(0.8, 0.3 * len(groups))
    for offset, (group, shade) in zip(offsets, groups.items(), strict=True):
        for place, row in enumerate(rows):
            values = frame.loc[(frame["row"] == row) & (frame["group"] == group), "value"].dropna()
            mean_and_seeds(ax, place + offset, values, shade, level)
    ax.set_yticks(range(len(rows)), [(words or {}).get(row) or stage_words(row) for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(label)
    from_zero(ax)
    legend(figure, groups)
    return figure


@styled
def two_by_two(runs: pd.DataFrame, score: str = "test_score", level: float = 0.95) -> "Figure":
    """Draw {target only, transfer} × {methods}: parallel lines say that the two choices do not depend on each other.

    Parameters
    ----------
    runs
        Columns ``data`` (``"target only"`` or ``"transfer"``), ``method``, ``seed``, `score` (0..1); one row a run.
    score
        The column to draw.
    level
        Of the interval of the mean over seeds.
    """
    figure, axes = canvas(5.2, 3.4)
    ax = axes[0, 0]
    data = ordered(runs["data"], DATA_USED)
    methods = list(runs["method"].unique())
    offsets = np.linspace(-0.05, 0.05, len(methods)) if len(methods) > 1 else [0.0]
    for offset, method in zip(offsets, methods, strict=True):
        cells = [runs.loc[(runs["data"] == d) & (runs["method"] == method), score].dropna() for d in data]
        places = [place + offset for place in range(len(data))]
        ax.plot(places, [100 * cell.mean() for cell in cells], color=colour(method), gid="means")
        for place, cell in zip(places, cells, strict=True):
            mean_and_seeds(ax, place, cell, colour(method), level, upright=True)
    ax.set_xticks(range(len(data)), [readable(d) for d in data])
    ax.set_xlim(-0.4, len(data) - 0.6)
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(score_label(runs))
    from_zero(ax, upright=True)
    legend(figure, {method: colour(method) for method in methods})
    return figure


@styled
def forgetting(runs: pd.DataFrame, level: float = 0.95) -> "Figure":
    """Draw the sources' dev score before and after training on the target, a line a seed, methods side by side.

    Parameters
    ----------
    runs
        Columns ``method``, ``seed``, ``source_dev_score_before``, ``source_dev_score_after`` (0..1); one row a run.
    level
        Of the interval of the mean over seeds.
    """
    methods = list(runs["method"].unique())
    figure, axes = canvas(1.6 + 1.7 * len(methods), 3.2, columns=len(methods), sharey=True)
    for ax, method in zip(axes[0], methods, strict=True):
        pairs = runs.loc[runs["method"] == method, ["source_dev_score_before", "source_dev_score_after"]].dropna()
        ax.plot([0, 1], 100 * pairs.to_numpy(float).T, color=colour(method), alpha=0.35, linewidth=1, gid="seeds")
        for place, column in enumerate(pairs):
            mean_and_seeds(ax, place, pairs[column], colour(method), level, upright=True)
        ax.set_title(readable(method), color=INK)
        ax.set_xticks([0, 1], ["before", "after"])
        ax.set_xlim(-0.4, 1.4)
        ax.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel(f"sources' dev, {score_label(runs)}")
    from_zero(axes[0, 0], upright=True)
    return figure


@styled
def cost_against_score(runs: pd.DataFrame, score: str = "test_score", level: float = 0.95) -> "Figure":
    """Draw each method's score against the seconds it took: up and to the left is better.

    Parameters
    ----------
    runs
        Columns ``method``, ``seed``, ``seconds``, `score` (0..1) and, optionally, ``stage`` (one point each).
    score
        The column to draw.
    level
        Of the intervals of the means over seeds, of seconds as of scores.
    """
    figure, axes = canvas(6.0, 3.6)
    ax = axes[0, 0]
    keys = ["method", "stage"] if "stage" in runs else ["method"]
    known = runs.dropna(subset=[score, "seconds"])
    marks = dict(zip(known["stage"].unique() if "stage" in runs else [""], MARKS, strict=False))
    for key, cell in known.groupby(keys, sort=False):
        method, stage = str(key[0]), str(key[1]) if len(key) > 1 else ""
        shade, time, points = colour(method), cell["seconds"].to_numpy(float), 100 * cell[score].to_numpy(float)
        ax.scatter(time, points, s=11, color=shade, alpha=0.55, linewidths=0, gid="seeds")
        if len(cell) > 1:
            across, up = mean_interval(time, level), mean_interval(points, level)
            leftmost = max(across.low, time.min() / 2)  # a logarithmic axis has no zero
            ax.hlines(points.mean(), leftmost, across.high, color=shade, linewidth=1.2)
            ax.vlines(time.mean(), up.low, up.high, color=shade, linewidth=1.2)
        ax.plot(time.mean(), points.mean(), marks[stage], ms=7, color=shade, mec="white", mew=0.8, gid="means")
    ax.set_xscale("log")
    plain_ticks(ax)
    ax.set_xlabel("training and evaluation (seconds, logarithmic)")
    ax.set_ylabel(score_label(runs))
    ax.margins(x=0.2, y=0.15)
    from_zero(ax, upright=True)
    legend(figure, {method: colour(method) for method in known["method"].unique()}, marks)
    return figure


@styled
def error_kinds(errors: pd.DataFrame) -> "Figure":
    """Draw what became of the entities (words, texts, questions) in each stage: kinds of outcome, stacked.

    Parameters
    ----------
    errors
        Columns ``stage``, ``kind`` (``correct``, ``boundary``, ``type``, ``missed``, ``spurious``, ...), ``count``
        (counts of several rows of one stage and kind are averaged, so that rows may be seeds) and, optionally,
        ``task``, which says what is counted; without it, entities.
    """
    counts = errors.groupby(["stage", "kind"], sort=False)["count"].mean().unstack(fill_value=0)
    counts = counts.loc[ordered(counts.index, STAGES), ordered(counts.columns, KINDS)]
    figure, axes = canvas(6.0, 0.7 + 0.42 * len(counts) + 0.22 * -(-len(counts.columns) // 3))
    ax = axes[0, 0]
    left = np.zeros(len(counts))
    shades = colours(map(str, counts.columns))
    for kind in shades:
        bars = ax.barh(range(len(counts)), counts[kind], left=left, color=shades[kind], height=0.6, label=kind)
        room = counts.sum(axis=1).max() / 20
        told = [f"{n:.0f}" if n >= room else "" for n in counts[kind]]
        ax.bar_label(bars, told, label_type="center", color="white", fontsize=8)
        left = left + counts[kind].to_numpy(float)
    ax.set_yticks(range(len(counts)), [stage_words(stage) for stage in counts.index])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    counted = TASK_WORDS[errors["task"].iloc[0] if "task" in errors else "ner"].counted
    ax.set_xlabel(f"{counted} (mean over seeds)")
    legend(figure, shades)
    return figure
