"""The special ones: forests, ranks that cannot be told apart, a whole study in one picture, what is trained, PES."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.scores import bars
from nerlib.figures.style import (
    INK,
    LINE,
    MANY,
    MARKS,
    PALETTE,
    SOFT,
    VERDICTS,
    canvas,
    colours,
    in_order,
    in_rows,
    legend,
    measure,
    readable,
    roles,
    styled,
    word,
    wrapped,
)
from nerlib.statistics import RankTest
from nerlib.vocabulary import METHODS, is_transfer, label

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
        found = [[getattr(cell, name) for name in ENDS] for cell in cells]
        return pd.DataFrame(found, frame.index, ENDS, dtype=float)
    return frame.assign(value=cells).reindex(columns=list(ENDS)).astype(float)


def short(verdict: object) -> str:
    """A verdict in one word."""
    text = str(getattr(verdict, "value", verdict))
    return "collapsed" if text.endswith("collapsed") else text.partition(" ")[0].rstrip(",")


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
    figure, axes = canvas(6.4, 1.3 + height * len(drawn))
    ax = axes[0, 0]
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
    axis += f"; band: ±{scale * margin:g}" if margin else ""
    ax.set_xlabel(axis + "; the longest intervals are cut" * cut)
    legend(figure, {word(verdict): shades[verdict] for verdict in in_order(drawn["verdict"])}, always=True)
    return figure


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
    figure, axes = canvas(6.4, 1.2 + 0.3 * len(names))
    drawn = critical_difference_diagram(
        dict(zip(names, test.mean_ranks, strict=True)),
        pd.DataFrame(np.where(apart, 0.0, 1.0), names, names),
        alpha=test.alpha,
        ax=axes[0, 0],
        label_fmt_left="{label} {rank:.2f}",
        label_fmt_right="{rank:.2f} {label}",
        text_h_margin=0.04,
        color_palette=dict(zip(names, colours(methods).values(), strict=True)),
    )
    for (bar,) in drawn["crossbars"]:
        bar.set(xdata=sorted(bar.get_xdata()), gid="group")  # they come in the order of a set
    axes[0, 0].grid(visible=False)
    axes[0, 0].set_title(f"mean rank over {test.languages} languages (1 is best)", pad=20)
    axes[0, 0].set_xlabel(f"joined: less than the critical difference of {test.critical_difference:.2f} apart")
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
    drawn = roles(cells, language="language", stage="stage", method="method", facet=facet)
    scale, _ = measure(cells, "score")
    drawn = drawn.join(scale * ends(cells, "score")).dropna(subset=["value"])
    shades = colours(in_order(drawn["method"]))
    marks = dict(zip(in_order(drawn["stage"]), MARKS * 5, strict=False))
    order = drawn.groupby(["facet", "language"], sort=False)["value"].mean().sort_values(ascending=False)
    facets, many = in_order(drawn["facet"]), len(order) > MANY
    lanes = {name: 0 if many else 0.75 * (i - (len(shades) - 1) / 2) / len(shades) for i, name in enumerate(shades)}
    height, counts = 0.135 if many else 0.16 + 0.13 * len(shades), [len(order[name]) for name in facets]
    total = 1.2 + 0.5 * len(facets) + height * sum(counts)
    figure, axes = canvas(7.4, total, rows=len(facets), height_ratios=counts, sharex=True)
    for ax, name in zip(axes[:, 0], facets, strict=True):
        languages = list(order[name].index)
        for (method, stage), own in drawn[drawn["facet"] == name].groupby(["method", "stage"], sort=False):
            places = own["language"].map(languages.index) + lanes[method]
            shade, size = shades[method], 12 if many else 36
            ax.hlines(places, own["low"], own["high"], color=shade, linewidth=1, alpha=0.45 if many else 0.8)
            look = {"fc": shade if is_transfer(str(stage)) else "white", "ec": shade, "marker": marks[stage]}
            ax.scatter(own["value"], places, size, **look, zorder=3, gid="score")
        ax.barh(range(1, len(languages), 2), scale, 1, color=LINE, alpha=0.35, zorder=0)
        in_rows(ax, [word(tag, "language") for tag in languages], fontsize=7 if many else 9.5)
        _, axis = measure(cells.loc[drawn.index[drawn["facet"] == name]], "score")
        ax.set(xlim=(0, scale), xlabel=axis, title=word(name, facet))
        ax.tick_params(labeltop=many, labelbottom=True)
    stages = {word(stage): mark for stage, mark in marks.items()}
    hollow = [word(stage) for stage in marks if not is_transfer(str(stage))]
    legend(figure, {word(method): shade for method, shade in shades.items()}, stages, hollow=hollow, always=True)
    return figure


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
    figure, axes = canvas(6.6, 5.0)
    ax, shade = axes[0, 0], colours([method])[method]
    ax.set(xlim=(0, 16), ylim=(0, 13))
    ax.axis("off")
    body = FROZEN if METHODS[method].is_adapter else shade
    adapted = set(target_modules) or {"query", "value"}
    is_low_rank, has_bottleneck = method in FORMULAS, method in ("bottleneck", "madx")
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
    for y, has_adapter in ((6.0, placement == "houlsby"), (8.2, True)):
        if has_bottleneck and has_adapter:
            _bottleneck(ax, y, shade, has_language=method == "madx" and y > 7)
    for low, high in ((0.3, 0.9), (1.7, 2.3), (10.5, 11.1), (11.9, 12.5)):
        ax.annotate("", (4.4, high), (4.4, low), arrowprops={"arrowstyle": "->", "color": SOFT})
    lines = [word(backbone, "backbone")] * bool(backbone) + [f"{layers} layers, {hidden} wide"]
    lines += [label(method) + (f", rank {rank}" if rank and is_low_rank else "")]
    lines += [FORMULAS[method], f"on {', '.join(target_modules) or 'query and value'}"] if is_low_rank else []
    for name, (count, trained) in parts.items():
        state = "trained" if trained == count else f"{trained:,} of them trained" if trained else "frozen"
        lines += ["", f"{readable(name)}, {state}", f"    {count:,}"]
    total, trained = (sum(counts[i] for counts in parts.values()) for i in (0, 1))
    lines += ["", f"trained: {trained:,}", f"{100 * trained / total:.2f} % of {total:,} weights"]
    ax.text(9.9, 12.3, "\n".join(lines), va="top", fontsize=9, linespacing=1.4)
    return figure


def _box(ax: Any, x: float, y: float, width: float, height: float, text: str, fill: str, edge: str = "none") -> None:
    from matplotlib.patches import FancyBboxPatch

    round_box = "round,pad=0,rounding_size=0.15"
    ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=round_box, facecolor=fill, edgecolor=edge))
    ink = INK if fill in (FROZEN, "white") else "white"
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5, color=ink)


def _bottleneck(ax: Any, y: float, shade: str, *, has_language: bool) -> None:
    """Draw the task's adapter; of MAD-X on top of the language's, which is frozen here."""
    _box(ax, 2.0, y + 0.7 * has_language, 4.8, 0.6, "task adapter", shade)
    if has_language:
        _box(ax, 2.0, y, 4.8, 0.6, "language adapter", FROZEN)


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
    turned = table["undefined"] != ""
    told = [
        "×" if np.isnan(pes) else f"{pes:.2f}".replace("-", "−") + " †" * bool(is_turned)
        for pes, is_turned in zip(table["pes"], turned, strict=True)
    ]
    notes = {"×: not defined, or not known": "×" in told, "†: a logarithm below 0 turns the order": turned.any()}
    label = "; ".join(["PES", *(note for note, holds in notes.items() if holds)])
    systems = pd.Series(list(zip(table["task"], table["backbone"], strict=True)), index=table.index)
    return bars(table.assign(told=told, system=systems), "pes", "system", "method", texts="told", label=label)
