"""The learning curve: what training did, step by step."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from nerlib.figures.parts import score_label
from nerlib.figures.style import PALETTE, STAGES, canvas, ordered, readable, styled
from nerlib.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSS = "training loss (nats per label)"


@styled
def loss_curves(curves: pd.DataFrame, level: float = 0.95) -> "Figure":
    """Draw training loss and dev score over optimizer steps: a row a stage, a thin line a seed, the mean thick.

    Parameters
    ----------
    curves
        Columns ``seed``, ``stage``, ``step`` (optimizer steps), ``train_loss``, ``dev_score`` (0..1) and, optionally,
        ``metric``; NaN where something was not measured at that step.
    level
        Of the band around the mean over seeds, drawn at the steps that all seeds reached.
    """
    measures = (("train_loss", LOSS, 1), ("dev_score", f"dev, {score_label(curves)}", 100))
    stages = ordered(curves["stage"], STAGES)
    figure, axes = canvas(6.6, 0.5 + 1.9 * len(stages), rows=len(stages), columns=2)
    for row, stage in zip(axes, stages, strict=True):
        for ax, shade, (column, label, scale) in zip(row, PALETTE, measures, strict=False):
            measured = curves[curves["stage"] == stage].dropna(subset=[column])
            lines(ax, measured.assign(value=scale * measured[column]), shade, level)
            ax.set_title(f"stage {readable(stage)}")
            ax.set_ylabel(label, fontsize=8.5)
            ax.set_ylim(bottom=0)
    for ax in axes[-1]:
        ax.set_xlabel("optimizer steps")
    return figure


@styled
def alignment_curve(curves: pd.DataFrame, level: float = 0.95) -> "Figure":
    """Draw the alignment penalty (1 − cosine, 0 to 2) over optimizer steps: a thin line a seed, the mean thick.

    Parameters
    ----------
    curves
        Columns ``seed``, ``step`` and ``alignment``.
    level
        Of the band around the mean over seeds.
    """
    figure, axes = canvas(5.0, 2.6)
    lines(axes[0, 0], curves.dropna(subset=["alignment"]).rename(columns={"alignment": "value"}), PALETTE[0], level)
    axes[0, 0].set_xlabel("optimizer steps")
    axes[0, 0].set_ylabel("alignment penalty (1 − cosine)")
    axes[0, 0].set_ylim(bottom=0)
    return figure


def lines(ax: Any, measured: pd.DataFrame, shade: str, level: float) -> None:
    """Draw `value` over `step`: a thin line a seed, and the mean with its interval at the steps that all reached."""
    seeds = measured.pivot_table(index="step", columns="seed", values="value")
    for seed in seeds:
        line = seeds[seed].dropna()
        ax.plot(line.index, line, color=shade, alpha=0.35, linewidth=0.9, gid="seed")
    common = seeds.dropna()
    if common.empty or seeds.shape[1] < 2:
        return
    bands = [mean_interval(values, level) for values in common.to_numpy(float)]
    ax.plot(common.index, [band.value for band in bands], color=shade, linewidth=2, gid="mean")
    ax.fill_between(
        common.index, [max(band.low, 0) for band in bands], [band.high for band in bands], color=shade, alpha=0.15, lw=0
    )
