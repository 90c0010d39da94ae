"""Figures over the languages of a study: differences with their margin, ranks, averages, transfer, seeds, costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.scores import MARKS, legend
from nerlib.figures.style import INK, SOFT, canvas, colour, colours, plain_ticks, readable, stage_words, styled
from nerlib.statistics import RankTest, mean_interval, not_told_apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICT_COLOURS = {"better": "#009E73", "worse": "#D55E00", "equivalent": "#0072B2", "undecided": "#808080"}
MANY = 40  # rows of one figure


@styled
def forest(table: pd.DataFrame, overall: Any = None, label: str = "difference of strict F1 (points)") -> "Figure":
    """Draw the difference of each language with its interval, and all languages' below.

    Parameters
    ----------
    table
        Columns ``language``, ``difference``, ``low``, ``high`` (0..1), as `analysis.by_language` gives for one
        comparison; drawn from the smallest difference to the largest.
    overall
        The mean over languages (anything with ``value``, ``low``, ``high``); None draws none.
    label
        Of the axis: what minus what.
    """
    rows = table.sort_values("difference").tail(MANY)
    figure, axes = canvas(6.0, 1.2 + 0.26 * (len(rows) + 2 * (overall is not None)))
    ax = axes[0, 0]
    points = 100 * rows[["difference", "low", "high"]].to_numpy(float)
    places = np.arange(len(rows))
    _intervals(ax, points, places, [SOFT] * len(rows))
    names = [readable(name) for name in rows["language"]]
    if overall is not None:
        places = np.append(places, len(rows) + 0.5)
        _intervals(ax, 100 * np.array([[overall.value, overall.low, overall.high]]), places[-1:], [INK], marker="D")
        names.append("mean of languages")
    ax.set_yticks(places, names)
    ax.set_ylim(places[-1] + 0.7 if len(places) else 1, -0.7)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(label)
    return figure


@styled
def equivalence(table: pd.DataFrame, margin: float) -> "Figure":
    """Draw each comparison's interval against the margin: inside the band is equivalent, across its edge undecided.

    Parameters
    ----------
    table
        As `analysis.judge` gives it: ``comparison``, ``difference`` (an interval), ``tost_low``, ``tost_high`` (0..1),
        ``verdict``.
    margin
        δ, 0..1.
    """
    rows = table.head(MANY)
    figure, axes = canvas(6.4, 1.3 + 0.42 * max(len(rows), 1))
    ax = axes[0, 0]
    ax.axvspan(-100 * margin, 100 * margin, color="#0072B2", alpha=0.12, linewidth=0, gid="margin")
    ax.axvline(0, color=INK, linewidth=0.8)
    places = np.arange(len(rows))
    shades = [VERDICT_COLOURS[verdict.value] for verdict in rows["verdict"]]
    wide = 100 * np.array([[d.value, d.low, d.high] for d in rows["difference"]]).reshape(-1, 3)
    _intervals(ax, wide, places, shades)
    for place, shade, low, high in zip(places, shades, rows["tost_low"], rows["tost_high"], strict=True):
        ax.hlines(place, 100 * low, 100 * high, color=shade, linewidth=4, alpha=0.6, gid="narrow")
    ax.set_yticks(places, [_wrapped(readable(name)) for name in rows["comparison"]])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"difference of strict F1 (points); band: ±{100 * margin:g}")
    met = dict.fromkeys(verdict.value for verdict in rows["verdict"])
    legend(figure, {name: VERDICT_COLOURS[name] for name in met}, always=True)
    return figure


@styled
def critical_difference(methods: Sequence[str], test: RankTest) -> "Figure":
    """Draw mean ranks on a line, the best at the left; a bar joins methods that cannot be told apart.

    Parameters
    ----------
    methods
        In the order of the test's columns.
    test
        As `statistics.friedman_test` gives it.

    References
    ----------
    Demšar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7.
    """
    k = len(methods)
    groups = not_told_apart(list(test.mean_ranks), test.critical_difference)
    depth = 0.35 * len(groups) + 0.3 * ((k + 1) // 2)
    figure, axes = canvas(6.4, 1.6 + 0.75 * depth)
    ax = axes[0, 0]
    room = 0.3 * (k - 1)  # for the names
    ax.set_xlim(1 - room, k + room)
    ax.set_ylim(depth + 0.4, -1.6)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.spines["top"].set_visible(True)
    ax.spines["top"].set_position(("data", 0))
    ax.spines["top"].set_bounds(1, k)
    ax.xaxis.set_ticks_position("top")
    ax.set_yticks([])
    ax.set_xticks(range(1, k + 1))
    ax.grid(visible=False)
    ax.text(np.mean(ax.get_xlim()), -0.75, "mean rank over languages (1 is best)", ha="center")
    ax.hlines(-1.3, 1, 1 + test.critical_difference, color=INK, linewidth=2)
    ax.text(
        1 + test.critical_difference + 0.03, -1.3, f"critical difference {test.critical_difference:.2f}", va="center"
    )
    for level, group in enumerate(groups):
        ranks = test.mean_ranks[list(group)]
        ax.hlines(0.25 + 0.3 * level, ranks.min() - 0.02, ranks.max() + 0.02, color=INK, linewidth=4, gid="group")
    order = np.argsort(test.mean_ranks, kind="stable")
    for place, i in enumerate(order):
        is_left = place < (k + 1) // 2
        down = 0.35 * len(groups) + 0.3 * (1 + (place if is_left else k - 1 - place))
        rank, side = test.mean_ranks[i], ax.get_xlim()[0 if is_left else 1]
        ax.plot([rank, rank, side], [0, down, down], color=colour(methods[i]), linewidth=1.2)
        text = f" {readable(methods[i])} {rank:.2f} "
        ax.text(side, down - 0.04, text, ha="left" if is_left else "right", va="bottom", fontsize=8.5)
    return figure


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
    ax.set_xticks(range(len(stages)), [_wrapped(stage_words(stage), 18) for stage in stages])
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(f"{label} (points), mean of languages")
    ax.set_ylim(0, 105)
    legend(figure, shades)
    return figure


@styled
def relative_improvement(table: pd.DataFrame) -> "Figure":
    """Draw the improvement of each comparison in each language, as a share of what it is compared with.

    Parameters
    ----------
    table
        As `analysis.by_language` gives it: ``comparison``, ``language``, ``relative``.
    """
    shares = table.pivot_table(index="language", columns="comparison", values="relative", sort=False).head(MANY)
    names = list(shares.columns)
    figure, axes = canvas(6.2, 1.2 + len(shares) * (0.16 + 0.14 * len(names)))
    ax = axes[0, 0]
    height = 0.8 / max(len(names), 1)
    shades = colours(map(str, names))
    for number, name in enumerate(names):
        places = np.arange(len(shares)) - 0.4 + height * (number + 0.5)
        ax.barh(places, 100 * shares[name], height * 0.9, color=shades[name])
    ax.set_yticks(range(len(shares)), [readable(name) for name in shares.index])
    ax.invert_yaxis()
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("relative improvement of strict F1 (per cent)")
    legend(figure, shades, columns=1)
    return figure


@styled
def transfer_matrix(table: pd.DataFrame) -> "Figure":
    """Draw zero-shot scores as a map, sources across and targets down; empty cells were not run.

    Parameters
    ----------
    table
        Columns ``language`` (target), ``sources``, ``score`` (0..1).
    """
    cells = 100 * table.pivot_table(index="language", columns="sources", values="score", aggfunc="mean")
    figure, axes = canvas(2.6 + 0.62 * cells.shape[1], 1.5 + 0.4 * cells.shape[0])
    ax = axes[0, 0]
    image = ax.imshow(cells, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(cells.to_numpy(float)):
        if not np.isnan(value):
            ink = "white" if value < 60 else INK
            ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=ink, fontsize=8.5)
    ax.set_xticks(range(cells.shape[1]), [_wrapped(readable(name), 14) for name in cells.columns])
    ax.set_yticks(range(cells.shape[0]), [readable(name) for name in cells.index])
    ax.grid(visible=False)
    ax.set_xlabel("sources")
    ax.set_ylabel("target")
    figure.colorbar(image, label="strict F1 (points)")
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
    ax.set_yticks(range(len(kinds)), [_wrapped(stage_words(kind)) for kind in kinds])
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
    legend(figure, shades, marks)
    return figure


@styled
def similarity_against_transfer(table: pd.DataFrame) -> "Figure":
    """Draw zero-shot scores against the distance between target and sources, a point a language and set of sources.

    Parameters
    ----------
    table
        Columns ``language``, ``distance`` (0..1) and ``score`` (0..1).
    """
    figure, axes = canvas(5.2, 3.2)
    ax = axes[0, 0]
    ax.scatter(table["distance"], 100 * table["score"], s=28, color="#0072B2", linewidths=0, gid="languages")
    for _, row in table.head(MANY).iterrows():
        where = (row["distance"], 100 * row["score"])
        ax.annotate(readable(row["language"]), where, (4, 4), textcoords="offset points", fontsize=8, color=SOFT)
    ax.set_xlabel("distance between target and sources (0 to 1)")
    ax.set_ylabel("zero-shot strict F1 (points)")
    ax.set_ylim(0, 105)
    ax.margins(x=0.15)
    return figure


# --- shared -----------------------------------------------------------------------------------------------------------


def _intervals(ax: Any, points: np.ndarray, places: np.ndarray, shades: Sequence[str], marker: str = "o") -> None:
    """Draw value, low and high (rows, 3) at the places, each in its colour."""
    for (value, low, high), place, shade in zip(points, places, shades, strict=True):
        if not np.isnan(low):
            ax.hlines(place, low, high, color=shade, linewidth=1.4, gid="interval")
        ax.plot(value, place, marker, ms=6, color=shade, mec="white", mew=0.8, zorder=4, gid="value")


def _wrapped(text: str, width: int = 34) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)) or text
