"""Tuning methods: where their weights are in a model, the Performance-Efficiency Score, and how sure its ranks are."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nerlib.figures.comparisons import forest
from nerlib.figures.scores import bars
from nerlib.figures.style import INK, SOFT, canvas, colours, readable, styled, word
from nerlib.vocabulary import METHODS, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FROZEN = "#E9ECEF"
FORMULAS = {"lora": "W + (α/r)·B A", "dora": "m · (W + B A) / ‖W + B A‖", "adalora": "W + P Λ Q"}
#: Linear layers of a block: its box (x, y, width), and what the families of backbones call it.
LAYERS: Mapping[str, tuple[float, float, float, frozenset[str]]] = {
    "query": (0.6, 2.7, 2.2, frozenset({"query", "q", "q_proj", "c_attn"})),
    "key": (3.3, 2.7, 2.2, frozenset({"key", "k", "k_proj", "c_attn"})),
    "value": (6.0, 2.7, 2.2, frozenset({"value", "v", "v_proj", "c_attn"})),
    "attention's output": (0.6, 5.1, 4.9, frozenset({"dense", "o", "out_proj", "c_proj"})),
    "feed-forward": (0.6, 7.3, 4.9, frozenset({"dense", "wi", "wi_0", "wi_1", "wo", "c_fc", "c_proj", "fc1", "fc2"})),
}


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
    _box(ax, 0.4, 0.9, 8.0, 0.8, "embeddings of subwords and positions", body)
    _box(ax, 0.2, 2.3, 8.4, 8.2, "", "white", edge=SOFT)
    ax.text(8.75, 10.3, f"× {layers}", va="top", fontsize=11)
    for name, (x, y, width, called) in LAYERS.items():
        _box(ax, x, y, width, 0.8, name, body)
        if is_low_rank and (adapted & called or "all" in adapted):
            beside = (x, y + 0.9) if width < 3 else (x + width + 0.5, y + 0.05)
            _box(ax, *beside, 1.0, 0.65, "A", shade)
            _box(ax, beside[0] + 1.2, beside[1], 1.0, 0.65, "B", shade)
    _box(ax, 0.6, 4.4, 7.6, 0.6, "self-attention", body)
    for y, has_adapter in ((6.0, placement == "houlsby"), (8.2, True)):
        if has_bottleneck and has_adapter:
            _bottleneck(ax, y, shade, has_language=method == "madx" and y > 7)
    _box(ax, 0.6, 6.65, 7.6, 0.5, "add and normalise", body)
    _box(ax, 0.6, 9.8, 7.6, 0.5, "add and normalise", body)
    _box(ax, 0.4, 11.1, 8.0, 0.8, "head", shade)
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


def ranks(table: pd.DataFrame, label: str = "rank within the task (1 is the best)") -> "Figure":
    """Draw the best and the worst rank of each system over all weights, its declared rank, and how often it leads.

    Parameters
    ----------
    table
        ``task``, ``backbone``, ``method``, ``rank``, ``leads`` (a share), ``best_rank``, ``worst_rank``.
    label
        Of the axis.
    """
    drawn = table.sort_values("rank", kind="stable").rename(columns={"best_rank": "low", "worst_rank": "high"})
    drawn["system"] = list(zip(drawn["backbone"], drawn["method"], strict=True))
    drawn["text"] = [f"leads in {100 * share:.0f} %" if share > 0 else "" for share in drawn["leads"]]
    return forest(drawn, "system", "rank", "method", facet="task", texts="text", label=label)
