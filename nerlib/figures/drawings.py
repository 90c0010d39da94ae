"""All figures: the ordinary ones by seaborn (points, curves, bars, numbers in colour, clouds, distributions), and ours.

Ours are forests, ranks that cannot be told apart, a whole study in one picture, what is trained, PES.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.style import (
    DASHES,
    INK,
    LINE,
    MANY,
    MARKS,
    PALETTE,
    SOFT,
    VERDICTS,
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
from nerlib.formats import decimal
from nerlib.statistics import RankTest, mean_interval
from nerlib.vocabulary import METHODS, heading, is_transfer, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ENDS = ("value", "low", "high")
WIDE = 2.0  # usual intervals beside the values that a forest has room for

FROZEN = "#E9ECEF"
FORMULAS = {"lora": "W + (α/r)·B A", "dora": "m · (W + B A) / ‖W + B A‖", "adalora": "W + P Λ Q"}
#: Other parts of a model, by their boxes (x, y, width, height).
PARTS: Mapping[tuple[float, float, float, float], str] = {
    (0.4, 0.9, 8.0, 0.8): "embeddings of subwords and positions",
    (0.6, 4.4, 7.6, 0.6): "self-attention",
    (0.6, 6.65, 7.6, 0.5): "add and normalise",
    (0.6, 9.8, 7.6, 0.5): "add and normalise",
    (0.4, 11.1, 8.0, 0.8): "head",
}
#: Linear layers of a block: its box (x, y, width), and what the families of backbones call it.
LAYERS: Mapping[str, tuple[float, float, float, frozenset[str]]] = {
    "query": (0.6, 2.7, 2.2, frozenset({"query", "q", "q_proj", "c_attn"})),
    "key": (3.3, 2.7, 2.2, frozenset({"key", "k", "k_proj", "c_attn"})),
    "value": (6.0, 2.7, 2.2, frozenset({"value", "v", "v_proj", "c_attn"})),
    "attention's output": (0.6, 5.1, 4.9, frozenset({"dense", "o", "out_proj", "c_proj"})),
    "feed-forward": (0.6, 7.3, 4.9, frozenset({"dense", "wi", "wi_0", "wi_1", "wo", "c_fc", "c_proj", "fc1", "fc2"})),
}


def ends(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """`value`, `low` and `high` of a column of intervals, or of one of numbers beside the columns ``low`` and ``high``.

    NaN where an end is not known.
    """
    cells = frame[column]
    if len(cells) and hasattr(cells.iloc[0], "low"):
        return pd.DataFrame({name: [getattr(cell, name) for cell in cells] for name in ENDS}, frame.index, dtype=float)
    return frame.assign(value=cells).reindex(columns=list(ENDS)).astype(float)


def short(verdict: object) -> str:
    """A verdict in one word."""
    text = str(getattr(verdict, "value", verdict))
    return "collapsed" if text.endswith("collapsed") else text.partition(" ")[0].rstrip(",")


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
        own = own.assign(place=own["place"].map(places.index), group=own["group"].map(groups.index))
        _means(
            ax,
            own,
            "sd" if spread else t_interval,
            [shades[h] for _, h in groups],
            upright=upright,
            joined=joined,
            linestyles=[DASHES[dashes.index(d)] for d, _ in groups] if joined else "none",
        )
        for _, line in own.groupby("line") if lines else ():
            across = line["place"], line["value"]
            ax.plot(*(across if upright else across[::-1]), color=shades[line["hue"].iloc[0]], alpha=0.35, lw=1)
        _name_places(ax, places, place, axis, upright)
        from_zero(ax, own["value"], upright)
    return legend(figure, {word(h, hue): c for h, c in shades.items()} if hue != facet else {}, dashes=dashes)


def _means(
    ax: Any, own: pd.DataFrame, errorbar: Any, palette: Sequence[str], upright: bool, joined: bool, **lines: Any
) -> None:
    """Draw `value` by `place` (0, 1, ...), for each `group` (0, 1, ...) a mean with a bar, and its values beside it."""
    import seaborn

    width = (0.45 if joined else 0.8) * (1 - 1 / len(palette))
    for group, offset in enumerate(np.linspace(-width / 2, width / 2, len(palette))):
        rows = own[own["group"] == group]
        across = rows["place"] + offset + (0.06 if joined else 0.09), rows["value"]
        ax.scatter(*(across if upright else across[::-1]), 12, palette[group], lw=0, alpha=0.6, gid="values")
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
    figure, drawn = panels(frame, facet, columns, *((3.2, 1.9) if facet or len(columns) > 1 else (5.0, 2.5)))
    for ax, own, column in drawn:
        scale, axis = measure(frame, column)
        data = roles(own.dropna(subset=[column]), x=x, y=column, hue=hue, unit=units, best=best)
        data["y"] *= scale
        look: dict[str, Any] = {"x": "x", "y": "y", "hue": "hue", "palette": shades, "legend": False, "ax": ax}
        if units:
            seaborn.lineplot(data, **look, units="unit", estimator=None, linewidth=0.9, alpha=0.35)
        seaborn.lineplot(
            _common(data),
            **look,
            errorbar=t_interval if units else None,
            err_kws={"alpha": 0.15, "linewidth": 0},
            **({"linewidth": 2} if units and data["x"].nunique() > 1 else {"marker": "o"}),
        )
        marked = data[data["best"].eq(True)]
        ax.scatter(marked["x"], marked["y"], 28, marked["hue"].map(shades), ec=INK, lw=0.8, zorder=5, gid="best")
        if here:
            ax.axvline(here[0], color=INK, linestyle="--", linewidth=1)
            ax.annotate(
                readable(here[1]),
                (here[0], 1),
                (4, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize=8,
            )
        logarithmic(ax, frame[x]) if log else ax.locator_params("x", integer=True)
        from_zero(ax, data["y"], highest=105 if scale == 100 else np.inf)
        ax.set(xlabel=measure(frame, x)[1], ylabel=wrapped(axis, 30))
    return legend(figure, {word(h, hue): shade for h, shade in shades.items()})


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
    figure, ((ax,),) = canvas(6.2, 1.0 + height * len(order) + 0.2 * (len(shades) > 3))
    lengths.plot.barh(stacked=stacked, color=list(shades.values()), width=0.7, legend=False, ax=ax)
    room = lengths.sum(axis=1).max() / 20 if stacked else -np.inf
    for group, drawn in zip(shades, ax.containers, strict=True):
        told = (
            written[group]
            .map(lambda text: text if isinstance(text, str) else f"{text:.0f}", na_action="ignore")
            .where(lengths[group].isna() | (lengths[group] >= room))
            .fillna("")
        )
        if stacked:
            ax.bar_label(drawn, told, label_type="center", color="white", fontsize=8)
        elif texts:
            ax.bar_label(drawn, told, padding=3, color=INK, fontsize=8)
            ax.margins(x=0.3)
    ax.axvline(at, color=INK, linestyle="--" if at else "-", linewidth=0.8)
    ax.set_xlabel(axis)
    in_rows(ax, [word(name, y) for name in order])
    return legend(figure, {word(group, hue): shade for group, shade in shades.items()})


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
    figure, ((ax,),) = canvas(1.9 + 0.52 * columns, 0.9 + 0.42 * rows)
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
        data = roles(own, x=x, y=y, hue=hue, mark=mark).dropna(subset=["x", "y"]).query("x > 0")
        data = data.assign(x=across * data["x"], y=scale * data["y"])
        for _, cell in data.groupby(["hue", "mark"] if over else data.index, sort=False):
            _mean_point(ax, cell, marks[cell["mark"].iloc[0]], shades[cell["hue"].iloc[0]], over)
        if len(data):
            logarithmic(ax, data["x"])
        ax.margins(x=0.15, y=0.15)
        from_zero(ax, data["y"])
        ax.set(xlabel=f"{unit}, logarithmic", ylabel=axis if ax.get_subplotspec().is_first_col() else "")
    return legend(
        figure, {word(h, hue): c for h, c in shades.items()}, {word(m, mark): form for m, form in marks.items()}
    )


def _mean_point(ax: Any, cell: pd.DataFrame, mark: str, shade: str, over: str) -> None:
    """Draw the mean of a cell's points; of several also the points, and both means' intervals."""
    x, y = cell["x"].to_numpy(float), cell["y"].to_numpy(float)
    if over:
        ax.scatter(x, y, s=11, color=shade, alpha=0.55, linewidths=0)
    if len(cell) > 1:
        across, up = mean_interval(x), mean_interval(y)
        leftmost = max(across.low, x.min() / 2)  # a logarithmic axis has no zero
        ax.hlines(y.mean(), leftmost, across.high, color=shade, linewidth=1.2)
        ax.vlines(x.mean(), up.low, up.high, color=shade, linewidth=1.2)
    ax.plot(x.mean(), y.mean(), marker=mark, color=shade, ms=7, mec="white", mew=0.8, gid="mean")


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
        seaborn.histplot(
            x=own[x], bins=edges, stat="percent", color=shades[own[facet].iloc[0]], alpha=1, linewidth=0, ax=ax
        )
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
        ax.set(
            xlabel="stated (%)",
            ylabel="right (%)" if ax.get_subplotspec().is_first_col() else "",
            xlim=(0, 102),
            ylim=(0, 102),
        )
    return figure


# --- differences ------------------------------------------------------------------------------------------------------


@styled
def forest(table: pd.DataFrame, rows: str = "language", *, margin: float = 0) -> "Figure":
    """Draw a difference and its interval in each row: languages, or comparisons against the margin of equivalence.

    Parameters
    ----------
    table
        A row a difference (0..1): ``difference`` holds intervals, or numbers beside ``low`` and ``high``; ``verdict``
        has the colours. The columns ``tost_low`` and ``tost_high`` give a thick bar: the interval of level 1 − 2α,
        inside the margin if equivalent. Languages are drawn from the smallest difference to the largest, other rows as
        they stand.
    rows
        The column that names them.
    margin
        δ (0..1) of equivalence, drawn as a band; 0: none.
    """
    scale, axis = measure(table, "difference")
    drawn = (scale * ends(table, "difference").join(table.filter(["tost_low", "tost_high"]))).assign(
        name=table[rows], verdict=table["verdict"].map(short)
    )
    drawn = drawn.sort_values("value", kind="stable") if rows == "language" else drawn
    names = [word(name, rows) for name in drawn["name"]]
    shades = colours(in_order(drawn["verdict"])) | VERDICTS
    lines = max(wrapped(name).count("\n") + 1 for name in names)
    height = 0.14 if len(drawn) > MANY else 0.26 if rows == "language" else max(0.36, 0.16 * lines)
    figure, ((ax,),) = canvas(6.4, 1.3 + height * len(drawn))
    if margin:
        ax.axvspan(-scale * margin, scale * margin, color=PALETTE[0], alpha=0.12, linewidth=0, gid="margin")
    for place, row in enumerate(drawn.to_dict("records")):
        shade = shades[row["verdict"]]
        if not np.isnan(row["low"]):
            ax.hlines(place, row["low"], row["high"], color=shade, linewidth=1.4, gid="interval")
        if "tost_low" in row:
            ax.hlines(place, row["tost_low"], row["tost_high"], color=shade, linewidth=4, alpha=0.6, gid="narrow")
        ax.plot(row["value"], place, "o", ms=6, color=shade, mec="white", mew=0.8, zorder=4, gid="value")
    in_rows(ax, names, fontsize=7 if height < 0.2 else 9)
    if (drawn["low"] < 0).any():
        ax.axvline(0, color=INK, linewidth=0.8)
    reach = drawn["value"].abs().max() + WIDE * float((drawn["high"] - drawn["low"]).median())
    if cut := bool(drawn[["low", "high"]].abs().max(axis=None) > 2 * reach):  # a few would leave nothing of the others
        ax.set_xlim(-reach, reach)
    ax.set_xlabel(axis + f"; band: ±{scale * margin:g}" * (margin > 0) + "; the longest intervals are cut" * cut)
    return legend(figure, {word(verdict): shades[verdict] for verdict in in_order(drawn["verdict"])}, always=True)


# --- ranks ------------------------------------------------------------------------------------------------------------


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
    from scikit_posthocs import critical_difference_diagram

    names = [word(method) for method in methods]
    apart = np.abs(np.subtract.outer(test.mean_ranks, test.mean_ranks)) >= test.critical_difference
    figure, ((ax,),) = canvas(6.4, 1.2 + 0.3 * len(names))
    drawn = critical_difference_diagram(
        dict(zip(names, test.mean_ranks, strict=True)),
        pd.DataFrame(np.where(apart, 0.0, 1.0), names, names),
        alpha=test.alpha,
        ax=ax,
        label_fmt_left="{label} {rank:.2f}",
        label_fmt_right="{rank:.2f} {label}",
        text_h_margin=0.04,
        color_palette=dict(zip(names, colours(methods).values(), strict=True)),
    )
    for (bar,) in drawn["crossbars"]:
        bar.set(xdata=sorted(bar.get_xdata()), gid="group")  # they come in the order of a set
    ax.grid(visible=False)
    ax.set_title(f"mean rank over {test.languages} languages (1 is best)", pad=20)
    ax.set_xlabel(f"joined: less than the critical difference of {test.critical_difference:.2f} apart")
    return figure


# --- a study ----------------------------------------------------------------------------------------------------------


@styled
def overview(cells: pd.DataFrame, facet: str = "") -> "Figure":
    """Draw a whole study: a row a language, a mark for each stage and method.

    Hollow marks saw labelled sentences of the target alone. Languages are in the order of their mean scores. Up to
    `MANY` of them have a line for each method; more share one line and smaller letters, about three screens for 176.

    Parameters
    ----------
    cells
        ``language``, ``stage``, ``method`` and ``score`` (0..1): intervals, or numbers beside ``low`` and ``high``.
    facet
        A panel each (task, backbone), one below the other.
    """
    cells = cells.reset_index(drop=True)
    scale, _ = measure(cells, "score")
    drawn = roles(cells, language="language", stage="stage", method="method", facet=facet)
    drawn = drawn.join(scale * ends(cells, "score")).dropna(subset=["value"])
    shades = colours(in_order(drawn["method"]))
    marks = dict(zip(in_order(drawn["stage"]), MARKS * 5, strict=False))
    hollow = [stage for stage in marks if not is_transfer(str(stage))]
    order = drawn.groupby(["facet", "language"], sort=False)["value"].mean().sort_values(ascending=False)
    facets, many = in_order(drawn["facet"]), len(order) > MANY
    lanes = {name: 0 if many else 0.75 * (i - (len(shades) - 1) / 2) / len(shades) for i, name in enumerate(shades)}
    height, counts = 0.135 if many else 0.16 + 0.13 * len(shades), [len(order[name]) for name in facets]
    figure, axes = canvas(
        7.4, 1.2 + 0.5 * len(facets) + height * sum(counts), rows=len(facets), height_ratios=counts, sharex=True
    )
    for ax, name in zip(axes[:, 0], facets, strict=True):
        languages = list(order[name].index)
        for (method, stage), own in drawn[drawn["facet"] == name].groupby(["method", "stage"], sort=False):
            places = own["language"].map(languages.index) + lanes[method]
            shade, size = shades[method], 12 if many else 36
            ax.hlines(places, own["low"], own["high"], color=shade, linewidth=1, alpha=0.45 if many else 0.8)
            ax.scatter(
                own["value"],
                places,
                size,
                fc="white" if stage in hollow else shade,
                ec=shade,
                marker=marks[stage],
                zorder=3,
                gid="score",
            )
        ax.barh(range(1, len(languages), 2), scale, 1, color=LINE, alpha=0.35, zorder=0)
        in_rows(ax, [word(tag, "language") for tag in languages], fontsize=7 if many else 9.5)
        _, axis = measure(cells.loc[drawn.index[drawn["facet"] == name]], "score")
        ax.set(xlim=(0, scale), xlabel=axis, title=word(name, facet))
        ax.tick_params(labeltop=many, labelbottom=True)
    return legend(
        figure,
        {word(method): shade for method, shade in shades.items()},
        {word(stage): mark for stage, mark in marks.items()},
        hollow=[word(stage) for stage in hollow],
        always=True,
    )


# --- tuning methods ---------------------------------------------------------------------------------------------------


@styled
def architecture(
    parts: Mapping[str, tuple[int, int]],
    *,
    layers: int,
    hidden: int,
    method: str = "lora",
    rank: int = 0,
    target_modules: Sequence[str] = (),
    placement: str = "pfeiffer",
    backbone: str = "",
) -> "Figure":
    """Draw an encoder block with its adapters where they are, and the head; what is trained has colour.

    Parameters
    ----------
    parts
        By name (``embeddings``, ``adapter``, ``head``, ...): all its weights, and those that are trained.
    layers, hidden
        Of the backbone.
    method
        Low-rank ones have their factors beside the layers `target_modules`; ``bottleneck`` and ``madx`` a box behind
        the feed-forward layer; ``full`` has no adapters.
    rank
        Of low-rank adapters.
    target_modules
        Names of the layers with an adapter, as the backbone has them; empty: query and value, ``("all",)``: all.
    placement
        Of bottlenecks; ``houlsby`` has one behind attention, too.
    backbone
        Its name, for the heading.
    """
    figure, ((ax,),) = canvas(6.6, 5.0)
    shade = colours([method])[method]
    ax.set(xlim=(0, 16), ylim=(0, 13))
    ax.axis("off")
    body = FROZEN if METHODS[method].is_adapter else shade
    adapted = set(target_modules) or {"query", "value"}
    is_low_rank = method in FORMULAS
    bottlenecks = {"houlsby": (6.0, 8.2)}.get(placement, (8.2,)) if method in ("bottleneck", "madx") else ()
    _box(ax, 0.2, 2.3, 8.4, 8.2, "", "white", edge=SOFT)
    for place, name in PARTS.items():
        _box(ax, *place, name, shade if name == "head" else body)
    ax.text(8.75, 10.3, f"× {layers}", va="top", fontsize=11)
    for name, (x, y, width, called) in LAYERS.items():
        _box(ax, x, y, width, 0.8, name, body)
        if is_low_rank and (adapted & called or "all" in adapted):
            beside = (x, y + 0.9) if width < 3 else (x + width + 0.5, y + 0.05)
            _box(ax, *beside, 1.0, 0.65, "A", shade)
            _box(ax, beside[0] + 1.2, beside[1], 1.0, 0.65, "B", shade)
    for y in bottlenecks:  # of MAD-X the upper one stands on the language's, which is frozen here
        has_language = method == "madx" and y > 7
        _box(ax, 2.0, y + 0.7 * has_language, 4.8, 0.6, "task adapter", shade)
        if has_language:
            _box(ax, 2.0, y, 4.8, 0.6, "language adapter", FROZEN)
    for low, high in ((0.3, 0.9), (1.7, 2.3), (10.5, 11.1), (11.9, 12.5)):
        ax.annotate("", (4.4, high), (4.4, low), arrowprops={"arrowstyle": "->", "color": SOFT})
    lines = [
        *([word(backbone, "backbone")] if backbone else []),
        f"{layers} layers, {hidden} wide",
        label(method) + (f", rank {rank}" if rank and is_low_rank else ""),
        *([FORMULAS[method], f"on {', '.join(target_modules) or 'query and value'}"] if is_low_rank else []),
    ]
    for name, (count, trained) in parts.items():
        state = "trained" if trained == count else f"{trained:,} of them trained" if trained else "frozen"
        lines += ["", f"{readable(name)}, {state}", f"    {count:,}"]
    total, trained = (sum(counts[i] for counts in parts.values()) for i in (0, 1))
    lines += ["", f"trained: {trained:,}", f"{100 * trained / total:.2f} % of {total:,} weights"]
    ax.text(9.9, 12.3, "\n".join(lines), va="top", fontsize=9, linespacing=1.4)
    return figure


def _box(ax: Any, x: float, y: float, width: float, height: float, text: str, fill: str, edge: str = "none") -> None:
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.15", facecolor=fill, edgecolor=edge)
    )
    ink = INK if fill in (FROZEN, "white") else "white"
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5, color=ink)


# --- PES --------------------------------------------------------------------------------------------------------------


def pes_bars(table: pd.DataFrame) -> "Figure":
    """Draw the Performance-Efficiency Score by task, backbone and method, as the Persian study's figure 1.

    Where PES is undefined there is a cross instead of a bar; where the formula was computed all the same ("as
    printed"), a dagger.

    Parameters
    ----------
    table
        ``task``, ``backbone``, ``method``, ``pes`` (NaN where there is none), ``undefined`` (why, or "").
    """
    told = [
        "×" if np.isnan(pes) else decimal(pes) + " †" * bool(undefined)
        for pes, undefined in zip(table["pes"], table["undefined"], strict=True)
    ]
    notes = {
        "×: not defined, or not known": "×" in told,
        "†: a logarithm below 0 turns the order": any(table["undefined"]),
    }
    label = "; ".join(["PES", *(note for note, holds in notes.items() if holds)])
    systems = pd.MultiIndex.from_frame(table[["task", "backbone"]]).to_flat_index()
    return bars(table.assign(told=told, system=systems), "pes", "system", "method", texts="told", label=label)
