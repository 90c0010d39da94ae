"""Figures of transfer: between which languages, with how many sentences, and what it does to a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.parts import from_zero, legend, mean_and_seeds, score_label
from nerlib.figures.style import (
    INK,
    METHOD_COLOURS,
    canvas,
    colour,
    colours,
    ordered,
    readable,
    stage_words,
    styled,
    wrapped,
)
from nerlib.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 16  # points that are written at; with more, their names would lie on each other
DASHES = {"transfer": "-", "target only": "--"}


@styled
def heat_map(square: pd.DataFrame, label: str, *, scale: float = 1.0, decimals: int = 2) -> "Figure":
    """Draw a number for each row and column as a colour, and write it: similarities, or scores by source and target.

    Parameters
    ----------
    square
        Rows and columns are languages; cells without a number (NaN) stay empty.
    label
        What the numbers are, with their unit.
    scale
        What numbers are multiplied by: 100 for scores in points.
    decimals
        Of the numbers that are written.
    """
    values = scale * square.to_numpy(float)
    rows, columns = values.shape
    figure, axes = canvas(1.9 + 0.52 * columns, 0.9 + 0.42 * rows)
    ax = axes[0, 0]
    image = ax.imshow(values, cmap="cividis", aspect="auto")
    low, high = image.get_clim()
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ink = INK if value > (low + high) / 2 else "white"
            ax.text(column, row, f"{value:.{decimals}f}", ha="center", va="center", color=ink, fontsize=8)
    told = [wrapped(readable(name), 14) for name in square.columns]
    ax.set_xticks(range(columns), told, rotation=45 if columns > 8 else 0)
    ax.set_yticks(range(rows), [readable(name) for name in square.index])
    ax.set_xlabel(str(square.columns.name or ""))
    ax.set_ylabel(str(square.index.name or ""))
    ax.grid(visible=False)
    figure.colorbar(image, ax=ax, label=label, fraction=0.05)
    return figure


@styled
def similarity_against_score(pairs: pd.DataFrame) -> "Figure":
    """Draw the zero-shot score of source–target pairs against the similarity of the two, a panel a measure.

    Parameters
    ----------
    pairs
        Columns ``measure``, ``source``, ``target``, ``similarity``, ``score`` (0..1) and, optionally, ``method`` and
        ``metric``; as `nerlib.similarity.pair_scores` gives them.
    """
    measures = list(pairs["measure"].unique())
    across = min(len(measures), 3)
    down = -(-len(measures) // across)
    figure, axes = canvas(0.8 + 2.5 * across, 0.5 + 2.5 * down, rows=down, columns=across, sharey=True)
    groups = "method" if "method" in pairs else "target"
    shades = colours(pairs[groups])
    for ax, measure in zip(axes.flat, measures, strict=False):
        own = pairs[(pairs["measure"] == measure) & pairs["similarity"].notna()]
        points = 100 * own["score"]
        ax.scatter(own["similarity"], points, s=22, color=[shades[g] for g in own[groups]], lw=0, gid="pairs")
        for row, y in zip(own.itertuples(), points, strict=True) if len(own) <= NAMED else ():
            told = readable(f"{row.source}→{row.target}")
            ax.annotate(told, (row.similarity, y), (3, 3), textcoords="offset points", fontsize=7)
        ax.set_title(readable(measure))
        ax.margins(x=0.15)
    for ax in list(axes.flat)[len(measures) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(score_label(pairs))
    for ax in axes[-1]:
        ax.set_xlabel("similarity")
    from_zero(axes[0, 0], upright=True)
    legend(figure, shades)
    return figure


@styled
def drift_by_layer(drift: pd.DataFrame, value: str = "drift", level: float = 0.95) -> "Figure":
    """Draw how far tuning moved the representations of each layer, a line a method.

    Parameters
    ----------
    drift
        Columns ``method``, ``seed``, ``layer`` and `value`; one row a run and layer.
    value
        ``"drift"`` (1 − cosine) or ``"cka"``.
    level
        Of the band around the mean over seeds; thin lines are seeds.
    """
    figure, axes = canvas(5.6, 3.2)
    ax = axes[0, 0]
    methods = ordered(drift["method"], tuple(METHOD_COLOURS))
    for method in methods:
        seeds = drift[drift["method"] == method].pivot(index="layer", columns="seed", values=value)
        ax.plot(seeds.index, seeds, color=colour(method), alpha=0.35, linewidth=0.8, gid="seed")
        bands = [mean_interval(row.dropna(), level) for _, row in seeds.iterrows()]
        ax.plot(seeds.index, [band.value for band in bands], "o-", ms=4, color=colour(method), gid="mean")
        ends = ([band.low for band in bands], [band.high for band in bands])
        ax.fill_between(seeds.index, *ends, color=colour(method), alpha=0.15, lw=0)
    ax.set_xticks(sorted(drift["layer"].unique()))
    ax.set_xlabel("layer (0: embeddings)")
    words = {"drift": "semantic drift (1 − cosine)", "cka": "linear CKA (1: unmoved)"}
    ax.set_ylabel(words.get(value, stage_words(value)))
    if value == "drift":
        ax.set_ylim(bottom=0)
    legend(figure, {method: colour(method) for method in methods})
    return figure


@styled
def few_shot_curve(runs: pd.DataFrame, score: str = "test_score", level: float = 0.95) -> "Figure":
    """Draw the score over the number of labelled target sentences, a line a method.

    Parameters
    ----------
    runs
        Columns ``method``, ``seed``, ``train_sentences``, `score` (0..1) and, optionally, ``training`` (``"transfer"``,
        ``"target only"``: dashed); one row a run, of one target, as `nerlib.analysis.few_shot` gives them.
    score
        The column to draw.
    level
        Of the interval of the mean over seeds.
    """
    figure, axes = canvas(6.0, 3.6)
    ax = axes[0, 0]
    sizes = sorted(runs["train_sentences"].unique())
    training = runs["training"] if "training" in runs else pd.Series("transfer", index=runs.index)
    methods = ordered(runs["method"], tuple(METHOD_COLOURS))
    lines = [(m, t) for t in ordered(training, tuple(DASHES)) for m in methods]
    offsets = np.linspace(-0.15, 0.15, len(lines)) if len(lines) > 1 else [0.0]
    for offset, (method, of) in zip(offsets, lines, strict=True):
        own = runs[(runs["method"] == method) & (training == of)].dropna(subset=[score])
        cells = {place: own.loc[own["train_sentences"] == size, score] for place, size in enumerate(sizes)}
        cells = {place + offset: cell for place, cell in cells.items() if len(cell)}
        means = [100 * cell.mean() for cell in cells.values()]
        ax.plot(list(cells), means, DASHES[of], color=colour(method), linewidth=1.2, gid="means")
        for place, cell in cells.items():
            mean_and_seeds(ax, place, cell, colour(method), level, upright=True)
    ax.set_xticks(range(len(sizes)), [f"{size:g}" if size else "0 (zero-shot)" for size in sizes])
    ax.grid(axis="x", visible=False)
    ax.set_xlabel("labelled target sentences (steps are not to scale)")
    ax.set_ylabel(score_label(runs))
    from_zero(ax, upright=True)
    legend(figure, {m: colour(m) for m in methods}, lines=[(of, DASHES[of]) for of in ordered(training, tuple(DASHES))])
    return figure


@styled
def misalignment(
    table: pd.DataFrame, by: str = "length", kinds: Sequence[str] = ("boundary", "type"), level: float = 0.95
) -> "Figure":
    """Draw which share of the entities has a wrong boundary, which a wrong type: a panel each, methods side by side.

    Parameters
    ----------
    table
        Columns ``method``, ``seed``, ``by``, ``group``, ``kind``, ``share`` (0..1): `nerlib.analysis.misalignment` of
        each run, stacked.
    by
        ``"length"``, ``"position"`` or ``"all"``.
    kinds
        Kinds of errors, a panel each.
    level
        Of the interval of the mean over seeds.
    """
    rows = table[table["by"] == by].dropna(subset=["share"])
    groups = list(rows["group"].unique())
    methods = ordered(rows["method"], tuple(METHOD_COLOURS))
    figure, axes = canvas(1.2 + 2.8 * len(kinds), 3.2, columns=len(kinds), sharey=True)
    width = 0.8 / max(len(methods), 1)
    for ax, kind in zip(axes[0], kinds, strict=True):
        for number, method in enumerate(methods):
            for place, group in enumerate(groups):
                cell = rows[(rows["group"] == group) & (rows["kind"] == kind) & (rows["method"] == method)]["share"]
                where = place + (number - (len(methods) - 1) / 2) * width
                _bar(ax, where, cell, width, colour(method), level)
        ax.set_title(f"wrong {readable(kind)}", color=INK)
        ax.set_xticks(range(len(groups)), [readable(group) for group in groups])
        ax.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("share of the entities (%)")
    axes[0, 0].set_ylim(bottom=0)
    legend(figure, {method: colour(method) for method in methods})
    return figure


def _bar(ax: Any, place: float, shares: pd.Series, width: float, shade: str, level: float) -> None:
    """Draw the mean share as a pale bar with its interval and its seeds."""
    if len(shares):
        ax.bar(place, 100 * shares.mean(), width=0.9 * width, color=shade, alpha=0.35, lw=0)
        mean_and_seeds(ax, place, shares, shade, level, upright=True)
