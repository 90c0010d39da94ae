"""Figures of comparisons: differences by language, against their margin, as ranks, as shares."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.parts import legend
from nerlib.figures.style import INK, MANY, SOFT, canvas, colour, colours, readable, styled, wrapped
from nerlib.statistics import RankTest, not_told_apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICT_COLOURS = {"better": "#009E73", "worse": "#D55E00", "equivalent": "#0072B2", "undecided": "#808080"}


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
    ax.set_yticks(places, [wrapped(readable(name)) for name in rows["comparison"]])
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


def _intervals(ax: Any, points: np.ndarray, places: np.ndarray, shades: Sequence[str], marker: str = "o") -> None:
    """Draw value, low and high (rows, 3) at the places, each in its colour."""
    for (value, low, high), place, shade in zip(points, places, shades, strict=True):
        if not np.isnan(low):
            ax.hlines(place, low, high, color=shade, linewidth=1.4, gid="interval")
        ax.plot(value, place, marker, ms=6, color=shade, mec="white", mew=0.8, zorder=4, gid="value")
