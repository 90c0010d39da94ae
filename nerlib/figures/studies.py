"""Figures over the languages of a study: averages, transfer, what a seed is worth, growth with data, costs."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nerlib.figures.parts import legend
from nerlib.figures.scores import MARKS
from nerlib.figures.style import INK, MANY, SOFT, canvas, colours, plain_ticks, stage_words, styled, wrapped
from nerlib.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def macro_averages(table: pd.DataFrame, level: float = 0.95, label: str = "strict F1") -> "Figure":
    """Draw the mean over languages of each method at each stage, languages as points.

    Parameters
    ----------
    table
        Columns ``stage``, ``method``, ``language``, ``score`` (0..1, a language's mean over seeds).
    level
        Of the t interval over languages.
    label
        What the score is.
    """
    stages, methods = list(dict.fromkeys(table["stage"])), sorted(table["method"].unique())
    figure, axes = canvas(max(4.4, 1.2 + 0.55 * len(stages) * len(methods)), 3.4)
    ax = axes[0, 0]
    shades = colours(methods)
    offsets = np.linspace(-0.5, 0.5, 2 * len(methods) + 1)[1::2] * 0.8
    for offset, method in zip(offsets, methods, strict=True):
        for place, stage in enumerate(stages):
            cell = table[(table["stage"] == stage) & (table["method"] == method)]
            points = 100 * cell["score"].to_numpy(float)
            if not len(points):
                continue
            interval = mean_interval(points, level)
            ax.bar(place + offset, interval.value, 0.8 / len(methods) * 0.9, color=shades[method], alpha=0.75)
            ax.scatter(
                np.full(len(points), place + offset), points, s=9, color=INK, alpha=0.5, linewidths=0, gid="seeds"
            )
            if len(points) > 1:
                ends = [[interval.value - interval.low], [interval.high - interval.value]]
                ax.errorbar(place + offset, interval.value, yerr=ends, color=INK, capsize=3, elinewidth=1.2)
    ax.set_xticks(range(len(stages)), [wrapped(stage_words(stage), 18) for stage in stages])
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(f"{label} (points), mean of languages")
    ax.set_ylim(0, 105)
    legend(figure, shades)
    return figure


@styled
def seed_spread(table: pd.DataFrame) -> "Figure":
    """Draw every run's distance from the mean of its kind and language: what a seed is worth.

    Parameters
    ----------
    table
        Columns ``kind`` (method and stage) and ``deviation`` (0..1).
    """
    kinds = list(dict.fromkeys(table["kind"]))[:MANY]
    figure, axes = canvas(6.0, 1.1 + 0.32 * len(kinds))
    ax = axes[0, 0]
    for place, kind in enumerate(kinds):
        points = 100 * table.loc[table["kind"] == kind, "deviation"].to_numpy(float)
        spread = points.std(ddof=1) if len(points) > 1 else 0.0
        ax.hlines(place, -spread, spread, color=SOFT, linewidth=5, alpha=0.35)
        ax.scatter(points, np.full(len(points), place), s=14, color=INK, alpha=0.5, linewidths=0, gid="seeds")
    ax.set_yticks(range(len(kinds)), [wrapped(stage_words(kind)) for kind in kinds])
    ax.set_ylim(len(kinds) - 0.4, -0.6)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("strict F1 (points) from the mean over seeds")
    return figure


@styled
def few_shot_curves(table: pd.DataFrame, level: float = 0.95) -> "Figure":
    """Draw the score against the number of labelled target sentences, a line a method, its interval over languages.

    Parameters
    ----------
    table
        Columns ``method``, ``language``, ``train_sentences``, ``score`` (0..1, a language's mean over seeds).
    level
        Of the t interval over languages.
    """
    figure, axes = canvas(5.6, 3.4)
    ax = axes[0, 0]
    shades = colours(sorted(table["method"].unique()))
    for method, rows in table.groupby("method", sort=True):
        by_size = [(size, mean_interval(100 * cell["score"], level)) for size, cell in rows.groupby("train_sentences")]
        sizes, means = zip(*((size, interval.value) for size, interval in by_size), strict=True)
        ax.plot(sizes, means, "o-", ms=5, color=shades[str(method)], gid="means")
        for size, interval in by_size:
            ax.vlines(size, interval.low, interval.high, color=shades[str(method)], linewidth=1.2)
    ax.set_xscale("symlog", linthresh=10)
    plain_ticks(ax)
    ax.set_xlabel("labelled sentences of the target")
    ax.set_ylabel("strict F1 (points), mean of languages")
    ax.set_ylim(0, 105)
    legend(figure, shades)
    return figure


@styled
def pareto(table: pd.DataFrame, cost: str = "seconds", label: str = "seconds of the run") -> "Figure":
    """Draw score against cost, and the line of what nothing beats in both.

    Parameters
    ----------
    table
        Columns ``method``, ``stage``, ``score`` (0..1) and `cost`, one row a kind of run.
    cost
        The column of costs; its axis is logarithmic.
    label
        Of that axis, with its unit.
    """
    figure, axes = canvas(6.0, 3.6)
    ax = axes[0, 0]
    known = table[(table[cost] > 0) & table["score"].notna()]
    marks = dict(zip(dict.fromkeys(known["stage"]), MARKS * 5, strict=False))
    shades = colours(sorted(known["method"].unique()))
    best = known.sort_values([cost, "score"], ascending=[True, False])
    front = best[best["score"] > best["score"].cummax().shift(fill_value=-1)]
    ax.step(front[cost], 100 * front["score"], where="post", color=SOFT, linewidth=1, zorder=1, gid="front")
    for _, row in known.iterrows():
        ax.plot(
            row[cost], 100 * row["score"], marks[row["stage"]], ms=7, color=shades[row["method"]], mec="white", mew=0.8
        )
    ax.set_xscale("log")
    plain_ticks(ax)
    ax.set_xlabel(f"{label}, logarithmic")
    ax.set_ylabel("strict F1 (points)")
    ax.margins(x=0.15, y=0.15)
    ax.set_ylim(bottom=0)
    legend(figure, shades, marks)
    return figure
