"""Figures of tuning methods and their costs: PES, fronts, how sure a ranking is, signs of overfitting.

They draw the tables of `analysis.techniques`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.analysis import overfitting, pareto_front
from nerlib.figures.parts import TASK_WORDS, legend, score_label
from nerlib.figures.scores import MARKS
from nerlib.figures.style import (
    INK,
    MANY,
    METHOD_COLOURS,
    SOFT,
    canvas,
    colour,
    ordered,
    plain_ticks,
    stage_words,
    styled,
)
from nerlib.figures.training import lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKBONE_WORDS = {"mbert": "mBERT", "mt5": "mT5", "mgpt": "mGPT"}
WIDE = 100  # a cost that spans more than this has ticks at powers of ten alone
FIRST, LAST = 0.9, 0.15  # of the scale of ranks: from dark to light


@styled
def pes_bars(table: pd.DataFrame) -> "Figure":
    """Draw the Performance-Efficiency Score by task, backbone and method, as the Persian study's figure 1.

    Where PES is undefined there is a cross instead of a bar; where the formula was computed all the same ("as
    printed"), the bar is hatched.

    Parameters
    ----------
    table
        As `analysis.pes_table` gives it: ``task``, ``backbone``, ``method``, ``pes``, ``undefined``.
    """
    tasks, backbones = list(dict.fromkeys(table["task"])), list(dict.fromkeys(table["backbone"]))
    methods = ordered(table["method"], list(METHOD_COLOURS))
    figure, axes = canvas(6.4, 0.7 + 1.7 * len(tasks), rows=len(tasks), sharex=True)
    width = 0.84 / len(methods)
    for ax, task in zip(axes[:, 0], tasks, strict=True):
        for _, row in table[table["task"] == task].iterrows():
            place = backbones.index(row["backbone"]) + (methods.index(row["method"]) - (len(methods) - 1) / 2) * width
            if np.isnan(row["pes"]):
                ax.plot(place, 0, "x", ms=6, color=colour(row["method"]), mew=1.6, gid="undefined", clip_on=False)
                continue
            hatch = "////" if row["undefined"] else None
            ax.bar(place, row["pes"], width * 0.92, color=colour(row["method"]), hatch=hatch, edgecolor="white", lw=0)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_title(_task(task))
        ax.set_ylabel("PES")
        ax.set_xticks(range(len(backbones)), [_backbone(name) for name in backbones])
        ax.set_xlim(-0.6, len(backbones) - 0.4)
        ax.grid(axis="x", visible=False)
    has_none = table["pes"].isna()
    notes = {
        "×: not defined, or not known": has_none.any(),
        "hatched: a logarithm below 0 turns the order": (~has_none & (table["undefined"] != "")).any(),
    }
    axes[-1, 0].set_xlabel("; ".join(note for note, holds in notes.items() if holds))
    legend(figure, {method: colour(method) for method in methods})
    return figure


@styled
def fronts(
    table: pd.DataFrame, costs: Mapping[str, str], score: str = "score", label: str = "score (points)"
) -> "Figure":
    """Draw scores against costs, a row a task and a column a cost, with the front of what nothing beats in both.

    Parameters
    ----------
    table
        Columns ``task``, ``backbone``, ``method``, `score` (0..1) and the costs; one row a system.
    costs
        Label of the axis, with its unit, by column: ``{"vram_gb": "device memory (GB)"}``. The axes are logarithmic.
    score, label
        The column of scores and what its axis says.
    """
    tasks, backbones = list(dict.fromkeys(table["task"])), list(dict.fromkeys(table["backbone"]))
    marks = dict(zip(backbones, MARKS * 5, strict=False))
    methods = ordered(table["method"], list(METHOD_COLOURS))
    figure, axes = canvas(
        1.0 + 2.7 * len(costs), 0.8 + 2.2 * len(tasks), rows=len(tasks), columns=len(costs), sharey="row"
    )
    for row, task in zip(axes, tasks, strict=True):
        for ax, (cost, unit) in zip(row, costs.items(), strict=True):
            known = table[(table["task"] == task) & (table[cost] > 0)].dropna(subset=[score])
            front = pareto_front(known, score, cost)
            ax.step(front[cost], 100 * front[score], where="post", color=SOFT, linewidth=1, zorder=1, gid="front")
            for _, system in known.iterrows():
                look: dict[str, Any] = {"marker": marks[system["backbone"]], "color": colour(system["method"])}
                ax.plot(system[cost], 100 * system[score], **look, ms=7, mec="white", mew=0.8, gid="system")
            ax.set_title(_task(task))
            ax.set_xscale("log")
            if known[cost].max() < WIDE * known[cost].min():
                plain_ticks(ax)
            ax.set_xlabel(f"{unit}, logarithmic")
            ax.margins(x=0.15)
        row[0].set_ylim(0, max(115 * table.loc[table["task"] == task, score].max(), 5))
        row[0].set_ylabel(label)
    words = {_backbone(name): mark for name, mark in marks.items()}
    legend(figure, {method: colour(method) for method in methods}, words)
    return figure


@styled
def rank_shares(table: pd.DataFrame, by: Sequence[str] = ("method",)) -> "Figure":
    """Draw how often each competitor came at each rank: a full bar of one colour is a sure rank.

    Parameters
    ----------
    table
        As `analysis.rank_stability` gives it: `by`, ``rank``, ``share`` (0..1).
    by
        What tells competitors apart.
    """
    import matplotlib

    wide = table.pivot_table(index=list(by), columns="rank", values="share", sort=False)
    wide = wide.loc[wide.mul(wide.columns, axis=1).sum(axis=1).sort_values(kind="stable").index].head(MANY)
    shades = matplotlib.colormaps["Blues"](np.linspace(FIRST, LAST, len(wide.columns)))
    figure, axes = canvas(6.2, 1.1 + 0.34 * len(wide))
    ax = axes[0, 0]
    places, left = np.arange(len(wide)), np.zeros(len(wide))
    for number, (rank, shade) in enumerate(zip(wide.columns, shades, strict=True)):
        shares = 100 * wide[rank].to_numpy(float)
        ax.barh(places, shares, 0.8, left=left, color=shade, edgecolor="white", linewidth=0.6)
        ink = "white" if number < len(wide.columns) / 2 else INK
        for place, share, begin in zip(places, shares, left, strict=True):
            if share >= 6:  # narrower ones have no room for their number
                ax.text(begin + share / 2, place, f"{rank:g}", ha="center", va="center", fontsize=8, color=ink)
        left = left + shares
    ax.set_yticks(places, [_system(key) for key in wide.index])
    ax.set_ylim(len(wide) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("share of draws (per cent) at the rank that stands in the bar; 1 is the best")
    return figure


@styled
def rank_ranges(table: pd.DataFrame) -> "Figure":
    """Draw the best and the worst rank of each system over all weights, its declared rank, and how often it leads.

    Parameters
    ----------
    table
        As `analysis.weight_sensitivity` gives it: ``task``, ``backbone``, ``method``, ``rank``, ``leads``,
        ``best_rank``, ``worst_rank``.
    """
    tasks = list(dict.fromkeys(table["task"]))
    sizes = [int((table["task"] == task).sum()) for task in tasks]
    figure, axes = canvas(
        6.2, 0.8 + 0.5 * len(tasks) + 0.24 * sum(sizes), rows=len(tasks), height_ratios=sizes, sharex=True
    )
    for ax, task in zip(axes[:, 0], tasks, strict=True):
        rows = table[table["task"] == task].sort_values("rank", kind="stable")
        for place, (_, row) in enumerate(rows.iterrows()):
            shade = colour(row["method"])
            ax.hlines(place, row["best_rank"], row["worst_rank"], color=shade, linewidth=5, alpha=0.35, gid="range")
            ax.plot(row["rank"], place, "o", ms=6, color=shade, mec="white", mew=0.8, zorder=4, gid="declared")
            if row["leads"] > 0:
                ax.annotate(
                    f"leads in {100 * row['leads']:.0f} %",
                    (row["worst_rank"], place),
                    xytext=(8, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
        ax.set_yticks(range(len(rows)), [_system(key) for key in zip(rows["backbone"], rows["method"], strict=True)])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_title(_task(task))
        ax.grid(axis="y", visible=False)
    axes[-1, 0].set_xlim(0.5, max(sizes) + 0.5)
    axes[-1, 0].set_xlabel("rank of PES within the task (1 is the best)")
    return figure


@styled
def dev_curves(curves: pd.DataFrame, level: float = 0.95) -> "Figure":
    """Draw dev loss and dev score over optimizer steps, methods in their colours, each seed's best epoch marked.

    Parameters
    ----------
    curves
        Columns ``method``, ``seed``, ``epoch``, ``step``, ``dev_loss``, ``dev_score`` (0..1) and, optionally,
        ``metric``; one row a scored epoch.
    level
        Of the band around the mean over seeds.

    Raises
    ------
    SettingsError
        When a column is missing.
    """
    keys = ["method", "seed"]
    best = overfitting(curves, by=keys).rename(columns={"best_epoch": "epoch"})[[*keys, "epoch"]]
    best = best.merge(curves, on=[*keys, "epoch"])
    methods = ordered(curves["method"], list(METHOD_COLOURS))
    figure, axes = canvas(6.6, 2.9, columns=2)
    measures = (("dev_loss", "dev loss (nats per label)", 1), ("dev_score", f"dev, {score_label(curves)}", 100))
    for ax, (column, label, scale) in zip(axes[0], measures, strict=True):
        for method in methods:
            own = curves[curves["method"] == method].dropna(subset=[column])
            lines(ax, own.assign(value=scale * own[column]), colour(method), level)
            marked = best[best["method"] == method]
            look: dict[str, Any] = {"color": colour(method), "mec": INK, "mew": 0.8}
            ax.plot(marked["step"], scale * marked[column], "o", ms=5.5, **look, zorder=5, gid="best")
        ax.set_xlabel("optimizer steps")
        ax.set_ylabel(label)
        ax.set_ylim(0, min(ax.get_ylim()[1], 105) if scale == 100 else None)
    legend(figure, {method: colour(method) for method in methods})
    return figure


def _task(name: str) -> str:
    return TASK_WORDS[name].title if name in TASK_WORDS else stage_words(name)


def _backbone(name: str) -> str:
    return BACKBONE_WORDS.get(name) or stage_words(name)


def _system(key: str | tuple[str, ...]) -> str:
    """The words of a competitor: its method, or backbone and method."""
    parts = (key,) if isinstance(key, str) else key
    return ", ".join(_backbone(str(part)) for part in parts)
