"""What is trained and what is frozen, as a drawing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nerlib.figures.style import INK, SOFT, canvas, colour, readable, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FROZEN = "#E9ECEF"
ADAPTERS = {
    "lora": "W + (α/r)·B A",
    "dora": "m · (W + B A) / ‖W + B A‖",
    "adalora": "W + P Λ Q",
}


@styled
def architecture(
    parts: Mapping[str, tuple[int, bool]],
    *,
    layers: int,
    hidden: int,
    method: str = "lora",
    rank: int = 0,
    backbone: str = "",
) -> "Figure":
    """Draw an encoder block with low-rank adapters on query and value, and the head; what is trained has colour.

    Parameters
    ----------
    parts
        By name (``backbone``, ``adapter``, ``head``, ...): how many parameters, and whether they are trained.
    layers, hidden
        Of the encoder.
    method
        ``full`` has no adapters.
    rank
        Of the adapters.
    backbone
        Its name, for the heading.
    """
    figure, axes = canvas(6.4, 4.4)
    ax = axes[0, 0]
    ax.set(xlim=(0, 16), ylim=(0, 11))
    ax.axis("off")
    shade = colour(method)
    body = shade if method == "full" else FROZEN
    adapted = method != "full"

    _box(ax, 0.6, 0.9, 7.6, 0.9, "embeddings of subwords and positions", body)
    _box(ax, 0.2, 2.4, 8.4, 5.9, "", "white", edge=SOFT)
    ax.text(8.75, 8.1, f"× {layers}", va="top", fontsize=11)
    for x, name in ((0.6, "query"), (3.3, "key"), (6.0, "value")):
        _box(ax, x, 2.7, 2.2, 0.9, name, body)
        if adapted and name != "key":
            _box(ax, x, 3.8, 1.0, 0.7, "A", shade)
            _box(ax, x + 1.2, 3.8, 1.0, 0.7, "B", shade)
    _box(ax, 0.6, 4.8, 7.6, 0.8, "self-attention", body)
    _box(ax, 0.6, 5.8, 7.6, 0.5, "add and normalise", body)
    _box(ax, 0.6, 6.5, 7.6, 0.8, "feed-forward", body)
    _box(ax, 0.6, 7.5, 7.6, 0.5, "add and normalise", body)
    _box(ax, 0.6, 8.9, 7.6, 0.9, "head: a label for each word's first subword", shade)
    for low, high in ((0.3, 0.9), (1.8, 2.4), (8.3, 8.9), (9.8, 10.4)):
        ax.annotate("", (4.4, high), (4.4, low), arrowprops={"arrowstyle": "->", "color": SOFT})

    told = [readable(backbone)] if backbone else []
    told += [f"{layers} layers, {hidden} wide", f"method {method}" + (f", rank {rank}" if adapted and rank else "")]
    told += [ADAPTERS[method]] if method in ADAPTERS else []
    ax.text(9.9, 10.3, "\n".join(told), va="top", fontsize=9, linespacing=1.5)
    _counts(ax, parts, shade)
    return figure


def _box(ax: Any, x: float, y: float, width: float, height: float, words: str, fill: str, edge: str = "none") -> None:
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.15", facecolor=fill, edgecolor=edge)
    )
    ink = INK if fill in (FROZEN, "white") else "white"
    ax.text(x + width / 2, y + height / 2, words, ha="center", va="center", fontsize=8.5, color=ink)


def _counts(ax: Any, parts: Mapping[str, tuple[int, bool]], shade: str) -> None:
    """List the parts with their parameters, the trained ones in colour, and the trained share below."""
    y = 6.6
    for name, (count, is_trained) in parts.items():
        _box(ax, 9.9, y - 0.22, 0.45, 0.45, "", shade if is_trained else FROZEN)
        ax.text(10.55, y, f"{readable(name)}, {'trained' if is_trained else 'frozen'}", va="center", fontsize=8.5)
        ax.text(16, y - 0.55, f"{count:,}", va="center", ha="right", fontsize=8.5)
        y -= 1.25
    total = sum(count for count, _ in parts.values())
    trained = sum(count for count, is_trained in parts.values() if is_trained)
    ax.plot([9.9, 16], [y + 0.25, y + 0.25], color=SOFT, linewidth=0.8)
    ax.text(9.9, y - 0.3, f"trained: {trained:,}", va="center", fontsize=8.5, fontweight="bold")
    ax.text(9.9, y - 0.95, f"{100 * trained / total:.2f} % of {total:,} parameters", va="center", fontsize=8.5)
