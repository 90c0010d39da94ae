"""One look for all figures: colours, words, letters, axes; and a figure as the bytes of a file."""

import functools
import io
import itertools
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec

import pandas as pd

from nerlib import languages, vocabulary
from nerlib.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

#: Colours of what is not a method: types, languages, stages, kinds of error. Purple and sky blue stand apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8A00", "#808080")
VERDICTS = {
    "better": "#009E73",
    "worse": "#D55E00",
    "equivalent": "#0072B2",
    "undecided": "#808080",
    "collapsed": "#E69F00",
}
INK, SOFT, LINE = "#222222", "#666666", "#DDDDDD"
MARKS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "h")
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

#: What a format of `vocabulary.COLUMNS` multiplies by on an axis, and the axis' unit.
UNITS: Mapping[str, tuple[float, str]] = {
    "points": (100, " (points)"),
    "signed": (100, " (points)"),
    "percent": (100, " (%)"),
    "seconds": (1, " (seconds)"),
    "bytes": (1e-9, " (GB)"),
}


#: What says a value of a column, where that is not its label.
WORDS: Mapping[str, Callable[[str], str]] = {
    "backbone": vocabulary.backbone_label,
    **dict.fromkeys(("language", "source", "target"), lambda tag: languages.language(tag).name),
}


# --- colours and words ------------------------------------------------------------------------------------------------


def colours(names: Iterable[Any]) -> dict[Any, str]:
    """A colour for each name: a method's own, else the next of the palette, beside methods of what no method has."""
    names = list(dict.fromkeys(names))
    methods = {name: method.colour for name, method in vocabulary.METHODS.items()}
    own = {name: methods[name] for name in names if name in methods}
    free = itertools.cycle([shade for shade in PALETTE if not own or shade not in methods.values()])
    return {name: own.get(name) or next(free) for name in names}


def word(name: object, column: str = "") -> str:
    """What a figure calls a value of a column, in letters that can be drawn; languages go by their names."""
    if isinstance(name, tuple):
        return ", ".join(map(word, name))
    if column == "train_sentences" and not name:
        return "0 (zero-shot)"
    if vocabulary.column(column).format == "points":
        return f"{vocabulary.heading(column)} {100 * float(str(name)):g}"
    return readable(f"{name:g}" if isinstance(name, float) else WORDS.get(column, vocabulary.label)(str(name)))


def wrapped(text: str, width: int = 34) -> str:
    """A label in lines of about `width` letters."""
    return "\n".join(textwrap.wrap(text, width)) or text


def in_order(values: pd.Series) -> list[Any]:
    """The values, each once: categories as they are ordered, numbers by size, names as the vocabulary orders them."""
    unique = list(values.dropna().unique())
    if isinstance(values.dtype, pd.CategoricalDtype):
        return [category for category in values.cat.categories if category in unique]
    return sorted(unique) if pd.api.types.is_numeric_dtype(values) else vocabulary.ordered(unique)


def roles(frame: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """The frame's columns under the names of the roles that they play; a role without a column is ""."""
    return pd.DataFrame({role: frame[name] if name else "" for role, name in columns.items()}, index=frame.index)


def measure(frame: pd.DataFrame, column: str, label: str = "") -> tuple[float, str]:
    """What to multiply a column by, and its axis' label with unit; a score is called by the frame's `metric`s."""
    registered = vocabulary.column(column)
    scale, unit = UNITS.get(registered.format, (1, ""))
    metrics = sorted(set(frame["metric"]) - {""}) if "metric" in frame and registered.format == "points" else []
    score = ", ".join(map(vocabulary.label, metrics)) or "score"
    heading = {"score": score, "on dev": f"{score} on dev"}.get(registered.heading, registered.heading)
    return scale, label or readable(heading) + unit


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the 95 % t interval of a mean, as seaborn's `errorbar` wants them; NaN for a single value."""
    return mean_interval(values)[1:3]


# --- letters ----------------------------------------------------------------------------------------------------------


@functools.cache
def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in FONTS if name in installed)


@functools.cache
def _letters(fonts: tuple[str, ...]) -> frozenset[int]:
    """The code points that one of the fonts can draw."""
    from matplotlib import font_manager

    return frozenset().union(*(font_manager.get_font(font_manager.findfont(f)).get_charmap() for f in fonts))


def readable(text: object) -> str:
    """Return `text` when every letter of it can be drawn, else a transliteration.

    The transliteration is a crude one by Unicode names (``BENGALI LETTER KA`` gives "ka"): enough to tell labels
    apart, and never a box.

    Examples
    --------
    >>> readable("F1")
    'F1'
    """
    text = unicodedata.normalize("NFC", str(text))
    if text.isascii():
        return text
    drawable = _letters(_fonts())
    if all(ord(letter) in drawable or unicodedata.category(letter) == "Cf" for letter in text):
        return text
    return "".join(x if ord(x) in drawable else _spelt(x) for x in text)


def _spelt(letter: str) -> str:
    name, kind = unicodedata.name(letter, f"{ord(letter):04X}"), unicodedata.category(letter)
    return "" if kind[0] == "M" and "VOWEL" not in name else name.split()[-1].lower()


# --- style ------------------------------------------------------------------------------------------------------------


@functools.cache
def style() -> dict[Any, Any]:
    """Settings of matplotlib for all figures."""
    return {
        "font.family": list(_fonts()),
        "font.size": 9.5,
        "svg.fonttype": "path",  # a reader needs no font
        "svg.hashsalt": "nerlib",  # the same figure is the same file
        "pdf.fonttype": 3,  # letters as drawings: to cut TrueType fonts to size takes a second a file
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
    """Draw in our style, whatever the reader's own settings are; of an empty table there is no figure."""

    @functools.wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Any:
        if args and isinstance(args[0], pd.DataFrame) and args[0].empty:
            return None
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


def panels(
    frame: pd.DataFrame, facet: str, columns: Sequence[str], width: float, height: float, line: int = 3, **options: Any
) -> tuple[Any, list[tuple[Any, pd.DataFrame, str]]]:
    """A figure with a panel (inches) for each value of `facet` and each column.

    Returns
    -------
    figure, panels
        Of each panel its axes, its rows of the frame, and the name of its column. Of several columns those of one value
        are a line, of one column `line` values are.
    """
    names = in_order(roles(frame, facet=facet)["facet"])
    across = len(columns) if len(columns) > 1 else min(len(names), line)
    down = -(-len(names) * len(columns) // across)
    figure, axes = canvas(0.8 + width * across, 0.8 + height * down, down, across, **options)
    cells = list(itertools.product(names, columns))
    for ax, (name, _) in zip(axes.flat, cells, strict=False):
        ax.set_title(word(name, facet))
    for ax in axes.flat[len(cells) :]:
        ax.set_visible(False)
    return figure, [
        (ax, frame[frame[facet] == name] if facet else frame, column)
        for ax, (name, column) in zip(axes.flat, cells, strict=False)
    ]


def from_zero(ax: Any, values: pd.Series, upright: bool = True, highest: float = 105) -> None:
    """Let the axis of values begin at 0: differences are seen at their size; a line marks 0 where some are below."""
    if (values < 0).any():
        (ax.axhline if upright else ax.axvline)(0, color=INK, linewidth=0.8)
    else:
        high = (ax.get_ylim() if upright else ax.get_xlim())[1]
        (ax.set_ylim if upright else ax.set_xlim)(0, min(high, highest) or 1)


def in_rows(ax: Any, names: Sequence[str], **text: Any) -> None:
    """Name the places 0, 1, ... of the y axis, from the top."""
    ax.set_yticks(range(len(names)), [wrapped(name) for name in names], **text)
    ax.set(ylim=(len(names) - 0.5, -0.5), ylabel="")
    ax.grid(axis="y", visible=False)


def logarithmic(ax: Any, values: pd.Series) -> None:
    """Make the x axis logarithmic, with plain numbers at 1, 2, 5, 10, ...; of wide ranges at powers of ten alone."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_xscale("log")
    if values.max() < 100 * values.min():
        ax.xaxis.set(
            major_locator=LogLocator(subs=(1, 2, 5)),
            major_formatter=StrMethodFormatter("{x:g}"),
            minor_formatter=NullFormatter(),
        )


def legend(
    figure: Any,
    groups: Mapping[str, str],
    marks: Mapping[str, str] = MappingProxyType({}),
    dashes: Sequence[str] = (),
    *,
    hollow: Sequence[str] = (),
    always: bool = False,
) -> Any:
    """The figure with colours, marks (some `hollow`) and dashes named above it, each where several (or `always`)."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        *(Patch(color=shade, label=name) for name, shade in groups.items() if always or len(groups) > 1),
        *(
            Line2D([], [], marker=mark, ls="", c=INK, mfc="white" if name in hollow else INK, label=name)
            for name, mark in marks.items()
            if len(marks) > 1
        ),
        *(
            Line2D([], [], ls=dash, color=INK, label=name)
            for name, dash in zip(dashes, DASHES, strict=False)
            if len(dashes) > 1
        ),
    ]
    if handles:
        columns = len(handles) if sum(len(handle.get_label()) + 4 for handle in handles) < 70 else 3
        figure.legend(
            handles=[handle for first in range(columns) for handle in handles[first::columns]],  # line by line
            loc="outside upper left",
            ncols=columns,
            handlelength=2 if dashes else 1,
            handleheight=1,
        )
    return figure


DASHES = ("-", "--", ":", "-.")


def as_bytes(figure: "Figure", kind: str) -> bytes:
    """The figure as a file of `kind` (svg, pdf, png): the same bytes for the same figure, on any day.

    The layout is computed once and kept for other kinds.
    """
    import matplotlib.layout_engine

    file, undated = io.BytesIO(), {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context(style()):
        if isinstance(layout := figure.get_layout_engine(), matplotlib.layout_engine.ConstrainedLayoutEngine):
            layout.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(file, format=kind, metadata=undated.get(kind), dpi=200)
    return file.getvalue()
