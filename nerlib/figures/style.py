"""One look for all figures: colours, letters, units; showing and saving.

Scores come in as shares (0..1) and are drawn as points (0..100). Intervals are t intervals of the mean over seeds
(`nerlib.statistics.mean_interval`); each seed is a point beside its mean.
"""

import base64
import functools
import html
import io
import os
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from nerlib import folders
from nerlib.params import METHOD_WORDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

#: A method's colour in every figure (Okabe and Ito, 2008: told apart by all common kinds of colour vision).
METHOD_COLOURS: Mapping[str, str] = {
    "full": "#0072B2",
    "lora": "#D55E00",
    "dora": "#E69F00",
    "adalora": "#009E73",
    "bottleneck": "#CC79A7",
    "madx": "#56B4E9",
}
#: Colours of what is not a method: types, languages, stages, kinds of error. Purple and sky blue stand apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8A00", "#808080")
#: Stages in the order in which a study goes through them; others follow in the order of the table.
STAGES = ("baseline", "baseline_converged", "sources", "target")
STAGE_WORDS = {"sources": "sources (zero-shot)", "baseline_converged": "baseline, converged"}
INK, SOFT, LINE = "#222222", "#666666", "#DDDDDD"
MANY = 40  # rows of one figure; more cannot be read

#: Asked for in this order, letter by letter; those that are not installed are left out.
FONTS = (
    "DejaVu Sans",
    *(f"Noto Sans {script}" for script in ("Bengali", "Devanagari", "Ethiopic", "Arabic", "Gurmukhi", "Tamil", "Thai")),
    "Noto Naskh Arabic",
    "Nirmala UI",
    "Nyala",
    "Noto Sans CJK SC",
)


def colour(method: str) -> str:
    """The colour of a method, grey for one without."""
    return METHOD_COLOURS.get(method, "#808080")


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: a method's own, else by position in the palette."""
    names = list(dict.fromkeys(names))
    return {name: METHOD_COLOURS.get(name, PALETTE[i % len(PALETTE)]) for i, name in enumerate(names)}


def ordered(names: Iterable[str], first: Sequence[str]) -> list[str]:
    """Each name once: those of `first` in its order, then the others in theirs."""
    met = list(dict.fromkeys(names))
    return [name for name in first if name in met] + [name for name in met if name not in first]


def stage_words(stage: str) -> str:
    """What a figure calls a stage or a method (or anything else that has a name in snake case)."""
    return readable({**STAGE_WORDS, **METHOD_WORDS}.get(stage, str(stage).replace("_", " ")))


def wrapped(text: str, width: int = 34) -> str:
    """A label in lines of about `width` letters."""
    return "\n".join(textwrap.wrap(text, width)) or text


# --- letters ----------------------------------------------------------------------------------------------------------


@functools.cache
def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in FONTS if name in installed)


@functools.cache
def _letters(font: str) -> frozenset[int]:
    """The code points that a font can draw."""
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont(font)).get_charmap())


def readable(text: object, instead: str = "") -> str:
    """Return `text` when every letter of it can be drawn, else `instead`, else a transliteration.

    The transliteration is a crude one by Unicode names (``BENGALI LETTER KA`` gives "ka"): enough to tell labels
    apart, and never a box.

    Examples
    --------
    >>> readable("F1")
    'F1'
    """
    text = unicodedata.normalize("NFC", str(text))
    drawable = frozenset().union(*(_letters(font) for font in _fonts()))
    if all(ord(letter) in drawable or unicodedata.category(letter) == "Cf" for letter in text):
        return text
    return instead or "".join(x if ord(x) in drawable else _spelt(x) for x in text)


def _spelt(letter: str) -> str:
    name = unicodedata.name(letter, f"{ord(letter):04X}")
    is_mark = unicodedata.category(letter)[0] == "M"
    return "" if is_mark and "VOWEL" not in name else name.split()[-1].lower()


# --- style ------------------------------------------------------------------------------------------------------------


def style() -> dict[str, Any]:
    """Settings of matplotlib for all figures."""
    return {
        "font.family": list(_fonts()),
        "font.size": 9.5,
        "svg.fonttype": "path",  # a reader needs no font
        "svg.hashsalt": "nerlib",  # the same figure is the same file
        "pdf.fonttype": 42,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": SOFT,
        "axes.labelcolor": INK,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "text.color": INK,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "axes.unicode_minus": True,
    }


def styled(draw: "Callable[P, Figure]") -> "Callable[P, Figure]":
    """Draw in our style, whatever the reader's own settings are."""

    @functools.wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(style())
            return draw(*args, **kwargs)

    return in_style


def canvas(width: float = 6.4, height: float = 3.6, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure (inches) and its array of axes (rows, columns); no pyplot, so nothing stays open or is shown twice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def plain_ticks(ax: Any) -> None:
    """Write the ticks of a logarithmic x axis as plain numbers, at 1, 2, 5, 10, 20, ..."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


# --- showing and saving -----------------------------------------------------------------------------------------------


def folder(study: str, language: str) -> Path:
    """Where the figures of a study's language are saved: ``reports/<study>/<language>/figures``.

    Below it a variant of a notebook has a folder of its own; the Snakefile names it in `NERLIB_VARIANT`.
    """
    language_folder = folders.reports_folder() / folders.safe_name(study) / folders.safe_name(language)
    variant = os.environ.get("NERLIB_VARIANT")
    return language_folder / "figures" / (folders.safe_name(variant, "variant") if variant else "")


def show(figure: "Figure", name: str, caption: str, folder: Path | None = None) -> None:
    """Display a figure with its caption, and save it.

    The SVG stands in the page as an image address: sharp, without identifiers that two figures could share, and
    harmless whatever a label holds.

    Parameters
    ----------
    figure
        As the functions of this package return it; any other matplotlib figure will do.
    name
        Names the files.
    caption
        Stands under the figure; says what the interval is. It is the text for those who do not see the figure, too.
    folder
        Where ``<name>.svg`` and ``<name>.pdf`` are saved; None saves nothing.

    Raises
    ------
    FolderError
        When the folder cannot be written or `name` cannot name a file.
    """
    from IPython.display import display

    from nerlib.reporting import Shown

    folders.safe_name(name, "figure")
    drawn = as_bytes(figure, "svg")
    if folder is not None:
        folders.writable(Path(folder))
        folders.write_atomically(Path(folder) / f"{name}.svg", drawn)
        folders.write_atomically(Path(folder) / f"{name}.pdf", as_bytes(figure, "pdf"))
    said, address = html.escape(caption), base64.b64encode(drawn).decode()
    image = f'<img class="paper" alt="{said}" src="data:image/svg+xml;base64,{address}">'
    display(Shown(f'<figure class="nl">{image}<figcaption>{said}</figcaption></figure>', f"[figure {name}] {caption}"))


def as_bytes(figure: "Figure", kind: str) -> bytes:
    """The figure as a file of `kind` (svg, pdf, png): the same bytes for the same figure, on any day."""
    import matplotlib

    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    file = io.BytesIO()
    with matplotlib.rc_context(style()):
        figure.savefig(file, format=kind, metadata=metadata, dpi=200)
    return file.getvalue()
