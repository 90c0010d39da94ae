"""Figures of data: lengths of sentences, subwords a word, and how wide an interval a test set of a size gives."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nerlib.figures.style import INK, canvas, colours, plain_ticks, readable, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def sentence_lengths(lengths: pd.DataFrame, max_length: int, examples: str = "sentences") -> "Figure":
    """Draw the distribution of lengths against the length of a window, beyond which sentences (texts) are cut.

    Parameters
    ----------
    lengths
        Columns ``language`` and ``subwords``; one row a sentence.
    max_length
        Subwords in one window.
    examples
        What the axis calls them.
    """
    languages = list(lengths["language"].unique())
    figure, axes = canvas(6.0, 0.7 + 1.1 * len(languages), rows=len(languages), sharex=True)
    top = max(int(lengths["subwords"].max()), max_length) + 1
    edges = np.linspace(0, top, min(top, 50) + 1)
    for ax, (language, shade) in zip(axes[:, 0], colours(languages).items(), strict=True):
        subwords = lengths.loc[lengths["language"] == language, "subwords"]
        weights = np.full(len(subwords), 100 / len(subwords))
        ax.hist(subwords, bins=edges, weights=weights, color=shade)
        ax.axvline(max_length, color=INK, linestyle="--", linewidth=1)
        over = 100 * (subwords > max_length).mean()
        ax.set_title(f"{readable(language)}: {over:.1f} % longer than {max_length}")
        ax.set_ylabel(f"{examples} (%)")
    axes[-1, 0].set_xlabel("length (subwords)")
    return figure


@styled
def fertility(frame: pd.DataFrame) -> "Figure":
    """Draw how many subwords a word is cut into, by language: the more, the less a backbone knows it.

    Parameters
    ----------
    frame
        Columns ``language``, ``fertility`` (subwords a word) and, optionally, ``backbone`` (bars side by side) and
        ``unknown_rate`` (share of words with an unknown piece, written at the bar).
    """
    backbones = frame["backbone"] if "backbone" in frame else pd.Series("", index=frame.index)
    shades = colours(backbones)
    languages = list(frame["language"].unique())
    height = 0.7 / len(shades)
    figure, axes = canvas(6.0, 1.0 + len(languages) * (0.2 + 0.25 * len(shades)))
    ax = axes[0, 0]
    for number, (backbone, shade) in enumerate(shades.items()):
        rows = frame[backbones == backbone]
        places = [
            languages.index(language) + (number - (len(shades) - 1) / 2) * height for language in rows["language"]
        ]
        bars = ax.barh(places, rows["fertility"], height=0.9 * height, color=shade, label=readable(backbone))
        told = [f"{value:.2f}" for value in rows["fertility"]]
        if "unknown_rate" in rows:
            told = [f"{text} ({100 * u:.1f} % unknown)" for text, u in zip(told, rows["unknown_rate"], strict=True)]
        ax.bar_label(bars, told, padding=3, fontsize=8, color=INK)
    ax.axvline(1, color=INK, linestyle="--", linewidth=1)
    ax.set_yticks(range(len(languages)), [readable(language) for language in languages])
    ax.invert_yaxis()
    ax.margins(x=0.35 if "unknown_rate" in frame else 0.12)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("subwords per word (dashed: one)")
    if len(shades) > 1:
        figure.legend(loc="outside upper left", ncols=len(shades), handlelength=1, handleheight=1)
    return figure


@styled
def expected_width(
    frame: pd.DataFrame, here: int | None = None, width_here: float | None = None, examples: str = "sentences"
) -> "Figure":
    """Draw how wide the interval of the score is to be expected for test sets of several sizes.

    Parameters
    ----------
    frame
        Columns ``sentences``, ``width`` (0..1, from the lower to the upper end) and, optionally, ``f1`` (0..1, the
        assumed score; a line each).
    here
        Sentences of this test set, marked.
    width_here
        Its width (0..1), written at the mark.
    examples
        What the axis calls sentences.
    """
    figure, axes = canvas(6.0, 3.2)
    ax = axes[0, 0]
    assumed = frame["f1"] if "f1" in frame else pd.Series(np.nan, index=frame.index)
    shades = colours(f"{100 * f1:.0f}" if f1 == f1 else "" for f1 in assumed.unique())
    for (label, shade), f1 in zip(shades.items(), assumed.unique(), strict=True):
        line = frame[(assumed == f1) | (assumed.isna() & (f1 != f1))].sort_values("sentences")
        ax.plot(line["sentences"], 100 * line["width"], "o-", ms=4, color=shade, label=label or None)
    if here is not None:
        ax.axvline(here, color=INK, linestyle="--", linewidth=1)
        told = f"here: {here:,} {examples}" + (f", {100 * width_here:.1f} points" if width_here is not None else "")
        where = ("data", "axes fraction")
        ax.annotate(told, (here, 1), (4, -2), xycoords=where, textcoords="offset points", va="top", fontsize=8)
    ax.set_xscale("log")
    plain_ticks(ax)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"test {examples} (logarithmic)")
    ax.set_ylabel("width of the interval (points)")
    if len(shades) > 1:
        figure.legend(loc="outside upper left", ncols=4, title="assumed score", alignment="left")
    return figure
