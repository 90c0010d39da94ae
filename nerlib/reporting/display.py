"""What notebooks show beside figures: tables, sentences, the answer (examples of corpora: `reporting.marked`).

Verbs act at once (`say`, `answer`); nouns return a `Shown`, displayed as a cell's last expression or by ``display``.
Everything that came from data is escaped here, and once more sanitised when a report is made of the notebook.
"""

import functools
import html
from collections.abc import Callable, Mapping
from importlib import resources
from numbers import Number, Real
from typing import Any

import pandas as pd

from nerlib.reporting.notebooks import DATA

NONE = "–"
_NUMBERS = ' class="num"'


class Shown:
    """Something to be read in JupyterLab, in a report and in a terminal.

    Parameters
    ----------
    body
        HTML, everything from data escaped.
    text
        The same for a terminal.
    data
        The same for machines (`index` reads it from the executed notebook); JSON-like.
    """

    def __init__(self, body: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        self.body, self.text, self.data = body, text, data

    def _repr_html_(self) -> str:
        return f"<style>{stylesheet()}</style>\n{self.body}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {DATA: dict(self.data)} if self.data is not None else {}

    def __repr__(self) -> str:
        return self.text


@functools.cache
def stylesheet() -> str:
    """The rules that the classes of this module's HTML refer to."""
    return resources.files("nerlib").joinpath("templates", "display.css").read_text(encoding="utf-8")


# --- tables -----------------------------------------------------------------------------------------------------------


def seconds(value: float) -> str:
    """A duration in words: ``12.3 s``, ``3 min 05 s``, ``2 h 05 min``."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _bytes(value: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


FORMATS: Mapping[str, Callable[[Any], str]] = {
    "points": lambda value: f"{100 * value:.1f}",
    "percent": lambda value: f"{100 * value:.1f} %",
    "count": lambda value: f"{value:,.0f}",
    "seconds": seconds,
    "bytes": _bytes,
}


def table(
    frame: pd.DataFrame,
    caption: str = "",
    formats: Mapping[str, str | Callable[[Any], str]] | None = None,
    highlight: Mapping[str, str] | None = None,
) -> Shown:
    """Show a DataFrame as a table to read.

    Parameters
    ----------
    frame
        Any; the index is shown unless it only counts rows. A missing value is an en dash. A cell may hold an interval
        (anything with ``value``, ``low`` and ``high``).
    caption
        Stands above the table.
    formats
        By column: ``points`` (0..1 shown as 0..100), ``percent`` (of a share), ``count``, ``seconds``, ``bytes``, a
        format specification such as ``.3f``, or a function from value to text.
    highlight
        By column: ``max`` or ``min``, the best value in bold.
    """
    indexed = not isinstance(frame.index, pd.RangeIndex)
    cells = pd.concat([frame.index.to_frame(index=False), frame.reset_index(drop=True)], axis=1) if indexed else frame
    headings = [_heading(name) for name in cells.columns]
    if indexed:
        headings[: frame.index.nlevels] = [_heading(name) if name is not None else "" for name in frame.index.names]
    columns = [cells.iloc[:, number] for number in range(cells.shape[1])]
    shown = [[as_text(value, (formats or {}).get(str(c.name))) for value in c] for c in columns]
    numeric = [_is_numeric(column) for column in columns]
    best = [_best_rows(column, (highlight or {}).get(str(column.name))) for column in columns]
    n_heads = frame.index.nlevels if indexed else 0

    def draw(row: int, column: int) -> str:
        classes = " ".join(["num"] * numeric[column] + ["best"] * (row in best[column]))
        tag, scope = ("th", ' scope="row"') if column < n_heads else ("td", "")
        attributes = scope + (f' class="{classes}"' if classes else "") + ("" if numeric[column] else ' dir="auto"')
        return f"<{tag}{attributes}>{html.escape(shown[column][row])}</{tag}>"

    head = "".join(
        f'<th scope="col"{_NUMBERS * is_numeric}>{html.escape(heading)}</th>'
        for heading, is_numeric in zip(headings, numeric, strict=True)
    )
    rows = "".join(f"<tr>{''.join(draw(r, c) for c in range(len(columns)))}</tr>\n" for r in range(len(frame)))
    title = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    body = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>"
    text = pd.DataFrame(dict(enumerate(shown))).set_axis(headings, axis=1).to_string(index=False)
    figure = f'<figure class="nl">{title}<div class="scroll" tabindex="0">{body}</div></figure>'
    return Shown(figure, f"{caption}\n{text}".strip())


def _heading(name: Any) -> str:
    return " · ".join(
        str(part).replace("_", " ") for part in (name if isinstance(name, tuple) else (name,)) if part != ""
    )


def _is_interval(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("value", "low", "high"))


def _is_numeric(column: pd.Series) -> bool:
    known = [value for value in column if not _is_missing(value)]
    return bool(known) and all(
        (isinstance(value, Number) and not isinstance(value, bool)) or _is_interval(value) for value in known
    )


def _is_missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _best_rows(column: pd.Series, which: str | None) -> set[int]:
    if which is None:
        return set()
    values = {
        row: value.value if _is_interval(value) else value for row, value in enumerate(column) if not _is_missing(value)
    }
    best = {"max": max, "min": min}[which](values.values(), default=None)
    return {row for row, value in values.items() if value == best}


def as_text(value: Any, how: str | Callable[[Any], str] | None = None) -> str:
    """A value as a table's cell says it; `how` as in the formats of `table`."""
    if _is_missing(value):
        return NONE
    if _is_interval(value):
        if _is_missing(value.low) or _is_missing(value.high):  # one seed: a mean without an interval
            return as_text(value.value, how)
        return f"{as_text(value.value, how)} ({as_text(value.low, how)} to {as_text(value.high, how)})"
    if callable(how):
        return how(value)
    if how is not None:
        return _signed(FORMATS[how](value) if how in FORMATS else format(value, how))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Real):
        is_whole = float(value).is_integer()
        return _signed(f"{value:.0f}" if is_whole else f"{value:,.0f}" if abs(float(value)) >= 1000 else f"{value:.3g}")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {as_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(as_text(item) for item in value) or NONE
    return str(value)


def _signed(number: str) -> str:
    return number.replace("-", "−")


# --- sentences of ours ------------------------------------------------------------------------------------------------


def say(*sentences: object) -> None:
    """Show a paragraph of plain text (no Markdown, no HTML)."""
    text = " ".join(str(sentence) for sentence in sentences)
    _display(Shown(f'<p class="nl">{html.escape(text)}</p>', text))


def answer(headline: str, *, scores: Mapping[str, Any] | None = None, cost: Mapping[str, float] | None = None) -> None:
    """Show the notebook's answer, for people and for the study's index.

    Parameters
    ----------
    headline
        One or two sentences computed from what the notebook shows.
    scores
        By name, 0..1: numbers or intervals (``value``, ``low``, ``high``). The first is the index's headline score.
    cost
        By name; ``seconds`` is the one that the index shows.
    """
    scores, cost = scores or {}, cost or {}
    told = [f"{name} {as_text(score, 'points')}" for name, score in scores.items()]
    told += [seconds(cost["seconds"])] if "seconds" in cost else []
    body = f"<p>{html.escape(headline)}</p>" + (
        f'<p class="scores">{html.escape(" · ".join(told))}</p>' if told else ""
    )
    data = {
        "headline": headline,
        "scores": [{"name": name} | _plain(score) for name, score in scores.items()],  # notebooks sort their keys
        "cost": {name: float(value) for name, value in cost.items()},
    }
    _display(Shown(f'<div class="nl answer">{body}</div>', "\n".join([headline, " · ".join(told)]).strip(), data))


def _plain(score: Any) -> dict[str, float | None]:
    """A score as JSON has it."""
    parts = (
        {name: getattr(score, name) for name in ("value", "low", "high")} if _is_interval(score) else {"value": score}
    )
    return {name: None if _is_missing(part) else float(part) for name, part in parts.items()}


def _display(shown: Shown) -> None:
    from IPython.display import display

    display(shown)
