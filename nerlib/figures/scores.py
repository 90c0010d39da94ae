"""The ordinary figures, drawn by seaborn: points, curves, bars, numbers in colour, clouds, distributions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.style import (
    DASHES,
    INK,
    MANY,
    MARKS,
    PALETTE,
    SOFT,
    canvas,
    colours,
    from_zero,
    in_order,
    in_rows,
    legend,
    logarithmic,
    measure,
    panels,
    readable,
    roles,
    styled,
    t_interval,
    word,
    wrapped,
)
from nerlib.statistics import mean_interval
from nerlib.vocabulary import heading

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# --- means and what they are means of ---------------------------------------------------------------------------------


@styled
def points(
    frame: pd.DataFrame,
    x: str,
    y: str | Sequence[str],
    hue: str = "",
    *,
    dash: str = "",
    facet: str = "",
    lines: str = "",
    joined: bool = False,
    spread: bool = False,
) -> "Figure":
    """Draw means with their t intervals, and the single values beside them as small points.

    Parameters
    ----------
    frame
        A row a value (a run, or a language's mean). Values are shares (0..1) where `vocabulary.COLUMNS` says points or
        per cent; rows without one are left out.
    x, y
        The columns of values and of places (stage, type, number of sentences); upright when y has the values. Several
        columns for y (before, after) are places themselves, and x is not read.
    hue
        What is drawn side by side in colours of its own.
    dash
        What is told apart within a colour by the style of the joining line.
    facet
        A panel each.
    lines
        Thin lines join the values of one of these (seed): for panels with one group.
    joined
        Whether lines join the means.
    spread
        The bars are one standard deviation to each side, not the interval.
    """
    if not isinstance(y, str):
        frame = frame.melt(list(frame.columns.difference([*y, "score"])), list(y), "when", "score")
        frame, x, y = frame.assign(when=frame["when"].map(heading)), "when", "score"
    upright = pd.api.types.is_numeric_dtype(frame[y])
    value, place = (y, x) if upright else (x, y)
    frame = frame.dropna(subset=[value])
    scale, axis = measure(frame, value)
    data = roles(frame, value=value, place=place, hue=hue, dash=dash, facet=facet, line=lines)
    data["value"] *= scale
    places, dashes, shades = in_order(data["place"])[:MANY], in_order(data["dash"]), colours(in_order(data["hue"]))
    data["group"] = list(zip(data["dash"], data["hue"], strict=True))
    length = (0.3 + 0.22 * data.groupby("facet")["group"].nunique().max()) * len(places)
    size = (max(0.7 + length, 1.7 if facet else 3.6), 2.8) if upright else (5.2, length)
    figure, drawn = panels(data, "facet" if facet else "", ["value"], *size, sharex=not upright, sharey=upright)
    for ax, own, _ in drawn:
        groups = [(d, h) for d in dashes for h in shades if (d, h) in set(own["group"])]
        look: dict[str, Any] = {"palette": [shades[h] for _, h in groups], "upright": upright, "joined": joined}
        styles = [DASHES[dashes.index(d)] for d, _ in groups] if joined else "none"
        own = own.assign(place=own["place"].map(places.index), group=own["group"].map(groups.index))
        _means(ax, own, "sd" if spread else t_interval, linestyles=styles, **look)
        for _, line in own.groupby("line") if lines else ():
            across = line["place"], line["value"]
            ax.plot(*(across if upright else across[::-1]), color=shades[line["hue"].iloc[0]], alpha=0.35, lw=1)
        _name_places(ax, places, place, axis, upright)
        from_zero(ax, own["value"], upright)
    legend(figure, {word(h, hue): c for h, c in shades.items()} if hue != facet else {}, dashes=dashes)
    return figure


def _means(
    ax: Any, own: pd.DataFrame, errorbar: Any, palette: Sequence[str], upright: bool, joined: bool, **lines: Any
) -> None:
    """Draw `value` by `place` (0, 1, ...), for each `group` (0, 1, ...) a mean with a bar, and its values beside it."""
    import seaborn

    width = (0.45 if joined else 0.8) * (1 - 1 / len(palette))
    offsets = np.linspace(-width / 2, width / 2, len(palette))
    for group, (shade, offset) in enumerate(zip(palette, offsets, strict=True)):
        rows = own[own["group"] == group]
        across = rows["place"] + offset + (0.06 if joined else 0.09), rows["value"]
        ax.scatter(*(across if upright else across[::-1]), 12, shade, lw=0, alpha=0.6, gid="values")
    seaborn.pointplot(
        x=own["place" if upright else "value"],
        y=own["value" if upright else "place"],
        hue=own["group"],
        palette=palette,
        orient="x" if upright else "y",
        native_scale=True,
        errorbar=errorbar,
        dodge=width or False,
        linewidth=1.2,
        err_kws={"linewidth": 1.6},
        capsize=0.06,
        markersize=6,
        markeredgecolor="white",
        markeredgewidth=0.8,
        legend=False,
        ax=ax,
        **lines,
    )


def _name_places(ax: Any, places: Sequence[Any], column: str, axis: str, upright: bool) -> None:
    names = [word(name, column) for name in places]
    if not upright:
        ax.set_xlabel(axis)
        return in_rows(ax, names)
    ax.set_xticks(range(len(names)), [wrapped(name, 14) for name in names])
    across = "" if isinstance(places[0], str) else f"{heading(column)} (steps are not to scale)"
    ax.set(xlim=(-0.5, len(names) - 0.5), ylabel=axis, xlabel=across)
    ax.grid(axis="x", visible=False)


@styled
def curves(
    frame: pd.DataFrame,
    x: str,
    y: str | Sequence[str],
    hue: str = "",
    *,
    facet: str = "",
    units: str = "seed",
    best: str = "",
    here: tuple[float, str] | None = None,
    log: bool = False,
) -> "Figure":
    """Draw curves: a thin line for each unit, and their mean with its t interval at the x that all of them have.

    Parameters
    ----------
    frame
        A row a measurement; NaN where there is none.
    x, y
        Columns; several for y are panels side by side.
    hue
        What has colours of its own.
    facet
        A line of panels each; with one column for y, three are a line.
    units
        What is drawn thin and averaged; "" draws one line a hue, with a dot at each x.
    best
        A boolean column: these measurements are marked (each seed's best epoch).
    here
        An x that is marked, and what is written there.
    log
        Whether the x axis is logarithmic.
    """
    import seaborn

    columns, shades = [y] if isinstance(y, str) else list(y), colours(in_order(roles(frame, hue=hue)["hue"]))
    width, height = (3.2, 1.9) if facet or len(columns) > 1 else (5.0, 2.5)
    figure, drawn = panels(frame, facet, columns, width, height)
    for ax, own, column in drawn:
        scale, axis = measure(frame, column)
        data = roles(own.dropna(subset=[column]), x=x, y=column, hue=hue, unit=units, best=best)
        data["y"] *= scale
        look: dict[str, Any] = {"x": "x", "y": "y", "hue": "hue", "palette": shades, "legend": False, "ax": ax}
        if units:
            seaborn.lineplot(data, **look, units="unit", estimator=None, linewidth=0.9, alpha=0.35)
        is_line = data["x"].nunique() > 1
        thick: dict[str, Any] = {"linewidth": 2} if units and is_line else {"marker": "o"}
        band = {"errorbar": t_interval if units else None, "err_kws": {"alpha": 0.15, "linewidth": 0}}
        seaborn.lineplot(_common(data), **look, **thick, **band)
        marked = data[data["best"].eq(True)]
        ax.scatter(marked["x"], marked["y"], 28, marked["hue"].map(shades), ec=INK, lw=0.8, zorder=5, gid="best")
        if here:
            ax.axvline(here[0], color=INK, linestyle="--", linewidth=1)
            where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            ax.annotate(readable(here[1]), (here[0], 1), (4, -2), **where, va="top", fontsize=8)
        logarithmic(ax, frame[x]) if log else ax.locator_params("x", integer=True)
        from_zero(ax, data["y"], highest=105 if scale == 100 else np.inf)
        ax.set(xlabel=measure(frame, x)[1], ylabel=wrapped(axis, 30))
    legend(figure, {word(h, hue): shade for h, shade in shades.items()})
    return figure


def _common(data: pd.DataFrame) -> pd.DataFrame:
    """The rows at the x that all units of a hue have: elsewhere a mean would jump."""
    units = data.groupby("hue")["unit"].transform("nunique")
    return data[data.groupby(["hue", "x"])["unit"].transform("nunique") == units]


# --- bars -------------------------------------------------------------------------------------------------------------


@styled
def bars(
    frame: pd.DataFrame,
    x: str,
    y: str,
    hue: str = "",
    *,
    stacked: bool = False,
    texts: str = "",
    at: float = 0,
    label: str = "",
) -> "Figure":
    """Draw bars to the right, one below the other; or parts of one bar, with their numbers inside.

    Parameters
    ----------
    frame
        A row a bar; of several rows (seeds) the mean is drawn.
    x, y
        The columns of lengths and of places.
    hue
        Side by side, or, `stacked`, one behind the other, in colours of its own.
    texts
        A column of what is written at each bar. Stacked bars say their lengths (or this) where there is room.
    at
        Where a line is drawn.
    label
        Of the axis.
    """
    scale, axis = measure(frame, x, label)
    data = roles(frame, x=x, y=y, hue=hue, text=texts or x)
    shades, order = colours(in_order(data["hue"])), in_order(data["y"])[:MANY]
    cells = data.groupby(["y", "hue"], observed=True).agg({"x": "mean", "text": "first"})
    lengths, written = (cells[name].unstack().reindex(index=order, columns=list(shades)) for name in ("x", "text"))
    lengths *= scale
    height = 0.42 if stacked else 0.16 + 0.2 * len(shades)
    figure, axes = canvas(6.2, 1.0 + height * len(order) + 0.2 * (len(shades) > 3))
    ax = axes[0, 0]
    lengths.plot.barh(stacked=stacked, color=list(shades.values()), width=0.7, legend=False, ax=ax)
    room = lengths.sum(axis=1).max() / 20 if stacked else -np.inf
    for group, drawn in zip(shades, ax.containers, strict=True):
        told = written[group].map(lambda text: text if isinstance(text, str) else f"{text:.0f}", na_action="ignore")
        told = told.where(lengths[group].isna() | (lengths[group] >= room)).fillna("")
        if stacked:
            ax.bar_label(drawn, told, label_type="center", color="white", fontsize=8)
        elif texts:
            ax.bar_label(drawn, told, padding=3, color=INK, fontsize=8)
            ax.margins(x=0.3)
    ax.axvline(at, color=INK, linestyle="--" if at else "-", linewidth=0.8)
    ax.set_xlabel(axis)
    in_rows(ax, [word(name, y) for name in order])
    legend(figure, {word(group, hue): shade for group, shade in shades.items()})
    return figure


# --- numbers in colour, clouds, distributions -------------------------------------------------------------------------


@styled
def heat_map(square: pd.DataFrame, label: str) -> "Figure":
    """Draw a number for each row and column as a colour, and write it: such as similarities.

    Parameters
    ----------
    square
        Rows and columns are languages; cells without a number (NaN) stay empty.
    label
        What the numbers are.
    """
    import seaborn

    rows, columns = square.shape
    figure, axes = canvas(1.9 + 0.52 * columns, 0.9 + 0.42 * rows)
    ax = axes[0, 0]
    seaborn.heatmap(
        square.astype(float),
        cmap="cividis",
        annot=True,
        fmt=".2f",
        annot_kws={"fontsize": 8},
        cbar_kws={"label": readable(label), "fraction": 0.05},
        xticklabels=[wrapped(word(name, "language"), 14) for name in square.columns],
        yticklabels=[word(name, "language") for name in square.index],
        ax=ax,
    )
    ax.set(xlabel=heading(square.columns.name or ""), ylabel=heading(square.index.name or ""))
    ax.tick_params(length=0, labelrotation=0)
    ax.tick_params(axis="x", labelrotation=45 if columns > 8 else 0)
    return figure


@styled
def scatter(
    frame: pd.DataFrame,
    x: str,
    y: str,
    hue: str = "method",
    *,
    mark: str = "",
    facet: str = "",
    over: str = "",
) -> "Figure":
    """Draw scores against costs, on logarithmic axes: up and to the left is better.

    Parameters
    ----------
    frame
        A row a point. Scores are shares (0..1).
    x, y
        Columns.
    hue, mark
        What has colours, and what has marks, of its own.
    facet
        A panel each (task), three a line.
    over
        Rows are averaged over this (seed): they are small points, with the t intervals of both means.
    """
    names = roles(frame, hue=hue, mark=mark)
    shades, marks = colours(in_order(names["hue"])), dict(zip(in_order(names["mark"]), MARKS * 5, strict=False))
    figure, drawn = panels(frame, facet, [x], *((2.6, 2.3) if facet else (5.2, 2.9)), sharey=True)
    (across, unit), (scale, axis) = measure(frame, x), measure(frame, y)
    for ax, own, _ in drawn:
        data = roles(own, x=x, y=y, hue=hue, mark=mark)
        data = data.assign(x=across * data["x"], y=scale * data["y"]).dropna(subset=["x", "y"])
        data = data[data["x"] > 0]
        for _, cell in data.groupby(["hue", "mark"] if over else data.index, sort=False):
            look = {"marker": marks[cell["mark"].iloc[0]], "color": shades[cell["hue"].iloc[0]]}
            _mean_point(ax, cell, look, over)
        if len(data):
            logarithmic(ax, data["x"])
        ax.margins(x=0.15, y=0.15)
        from_zero(ax, data["y"])
        ax.set(xlabel=f"{unit}, logarithmic", ylabel=axis if ax.get_subplotspec().is_first_col() else "")
    legend(figure, {word(h, hue): c for h, c in shades.items()}, {word(m, mark): form for m, form in marks.items()})
    return figure


def _mean_point(ax: Any, cell: pd.DataFrame, look: Mapping[str, Any], over: str) -> None:
    """Draw the mean of a cell's points; of several also the points, and both means' intervals."""
    x, y, shade = cell["x"].to_numpy(float), cell["y"].to_numpy(float), look["color"]
    if over:
        ax.scatter(x, y, s=11, color=shade, alpha=0.55, linewidths=0)
    if len(cell) > 1:
        across, up = mean_interval(x), mean_interval(y)
        leftmost = max(across.low, x.min() / 2)  # a logarithmic axis has no zero
        ax.hlines(y.mean(), leftmost, across.high, color=shade, linewidth=1.2)
        ax.vlines(x.mean(), up.low, up.high, color=shade, linewidth=1.2)
    ax.plot(x.mean(), y.mean(), **look, ms=7, mec="white", mew=0.8, gid="mean")


@styled
def histogram(
    frame: pd.DataFrame, x: str, facet: str = "language", *, limit: float = 0, label: str = "share"
) -> "Figure":
    """Draw a distribution in per cent, a panel a value of `facet`, and which share of it lies beyond a limit.

    Parameters
    ----------
    frame
        A row a value.
    x
        The column of values.
    facet
        A panel each, in a colour of its own.
    limit
        Marked by a line; the title says which share lies above.
    label
        What is counted, on the y axis.
    """
    import seaborn

    shades, top = colours(in_order(frame[facet])), max(frame[x].max(), limit) + 1
    edges = np.linspace(0, top, min(int(top), 50) + 1)
    figure, drawn = panels(frame, facet, [x], 5.2, 1.2, line=1, sharex=True)
    for ax, own, _ in drawn:
        shade = shades[own[facet].iloc[0]]
        seaborn.histplot(x=own[x], bins=edges, stat="percent", color=shade, alpha=1, linewidth=0, ax=ax)
        ax.axvline(limit, color=INK, linestyle="--", linewidth=1)
        ax.set_title(f"{ax.get_title('left')}: {100 * (own[x] > limit).mean():.1f} % longer than {limit:g}")
        ax.set(ylabel=f"{label} (%)", xlabel=measure(frame, x)[1] if ax.get_subplotspec().is_last_row() else "")
    return figure


@styled
def reliability(frame: pd.DataFrame, facet: str = "") -> "Figure":
    """Draw how often things were right against how sure one was: on the diagonal where confidence holds.

    Parameters
    ----------
    frame
        A row a bin: `stated`, `right`, and the interval `low` to `high` of the share that was right, all 0..1.
    facet
        A panel each.
    """
    figure, drawn = panels(frame, facet, ["right"], 2.6, 2.4, sharex=True, sharey=True)
    for ax, own, _ in drawn:
        ax.plot([0, 100], [0, 100], color=SOFT, linestyle="--", linewidth=1)
        ax.vlines(100 * own["stated"], 100 * own["low"], 100 * own["high"], color=PALETTE[0], linewidth=1.4)
        ax.plot(100 * own["stated"], 100 * own["right"], marker="o", color=PALETTE[0])
        left = ax.get_subplotspec().is_first_col()
        ax.set(xlabel="stated (%)", ylabel="right (%)" if left else "", xlim=(0, 102), ylim=(0, 102))
    return figure
