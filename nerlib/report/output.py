"""What a notebook displays; how a report writes one value, and a DataFrame: to read, as CSV, as LaTeX for papers."""

import functools
import html
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nerlib import folders, vocabulary
from nerlib.formats import interval, is_interval, number
from nerlib.languages import language_names
from nerlib.vocabulary import DATA

NONE = "–"
#: Columns whose values have labels of their own, and those that hold language tags, joined by "+" where several.
LABELLED = ("method", "stage", "task", "backbone", "metric")
LANGUAGE_COLUMNS = ("language", "source", "target", "sources", "train_languages", "worst")

LONG = 25  # rows; longer tables are folded
WIDE = 6  # columns; in wider tables the caption says what is SHARED by all rows, and what is empty is left out
NARROW, WIDEST = 45, 125  # letters that stand side by side on a telephone, and on a page
WRAPPED = 14  # letters that a column of texts needs
SHARED = ("task", "backbone", "variant")
ENDS = {"": "value", "_low": "low", "_high": "high"}


class HtmlOutput:
    """Something to be read in JupyterLab, in a report and in a terminal.

    Parameters
    ----------
    body
        HTML, everything from data escaped.
    text
        The same for a terminal.
    data
        The same for machines (the study's index reads it from the executed notebook); JSON-like.
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
    """The rules that the classes of this package's HTML refer to."""
    return resources.files("nerlib").joinpath("templates", "display.css").read_text(encoding="utf-8")


# --- one value --------------------------------------------------------------------------------------------------------


def is_missing(value: Any) -> bool:
    """Whether there is no value: None, NaN, infinity."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value) or value in (math.inf, -math.inf)))


def as_text(value: Any, how: str = "", column: str = "") -> str:
    """A value as a cell says it.

    Parameters
    ----------
    value
        A number, an interval, text, a path, or a collection of such.
    how
        A format, as in `vocabulary.COLUMNS`; "": a number in three digits, anything else as it is.
    column
        The column's name: methods, stages, tasks and backbones are called by their labels, languages by their names.
    """
    if is_missing(value):
        return NONE
    if is_interval(value):
        return interval(value, how)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Real):
        return number(float(value), how)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {as_text(item)}" for key, item in value.items())
    if type(value) in (list, tuple, set, frozenset):  # not what has a text of its own, as a verdict
        return ", ".join(as_text(item, how, column) for item in value) or NONE
    if column in LANGUAGE_COLUMNS:
        return language_names(str(value).split("+"))
    if column == "backbone":
        return vocabulary.backbone_label(str(value))
    return vocabulary.label(value) if column in LABELLED else short_path(str(value))


def short_path(text: str) -> str:
    """A path below the project's root from there, another one by its last two parts; any other text as it is."""
    path = Path(text)
    if "\n" in text or not path.is_absolute() or len(path.parts) < 4:
        return text
    root = folders.project_root()
    return str(path.relative_to(root)) if path.is_relative_to(root) else "/".join(("…", *path.parts[-2:]))


# --- tables -----------------------------------------------------------------------------------------------------------


def table(
    frame: pd.DataFrame,
    caption: str = "",
    *,
    format: str | Mapping[str, str] = "",
    best: bool = True,
    file: Path | None = None,
) -> HtmlOutput:
    """Show a DataFrame as a table; one of more than `LONG` rows is folded.

    Parameters
    ----------
    frame
        Headings, formats and what is best are those of `vocabulary.COLUMNS`. The index is shown unless it only counts
        rows. A missing value is an en dash. A cell may hold an interval (anything with ``value``, ``low``, ``high``).
        Of more than `WIDE` columns those that say the same in all rows are left to the caption.
    caption
        Above the table.
    format
        For numbers in columns that are not registered; or by column, also for registered ones.
    best
        Whether the best value of a column is bold.
    file
        Saves the table, too: ``<file>.csv`` holds the numbers as they are (an interval is three columns, with the
        endings none, ``_low`` and ``_high``), ``<file>.tex`` is for LaTeX's ``booktabs``.
    """
    shown = _with_index(frame)
    columns = [shown.iloc[:, number] for number in range(shown.shape[1])]
    texts = pd.DataFrame(
        {
            number: [as_text(value, _format(str(column.name), format), str(column.name)) for value in column]
            for number, column in enumerate(columns)
        }
    )
    numbers = pd.DataFrame({number: _numbers(column) for number, column in enumerate(columns)})
    bold = pd.DataFrame({number: _best(numbers[number], str(c.name), best) for number, c in enumerate(columns)})
    headings = [_heading(name, shown.columns.name) for name in shown.columns]
    if file:
        folders.write_atomically(file.with_name(f"{file.name}.csv"), _with_ends(shown).to_csv(index=False))
        folders.write_atomically(file.with_name(f"{file.name}.tex"), _latex(texts, bold, headings, caption, file.name))
    told = _same_in_all_rows(texts, [str(name) for name in shown])
    more = ", ".join(filter(None, told.values()))
    title = " ".join(filter(None, (caption, f"({more})" if more else "")))
    title = f"<figcaption>{html.escape(title)}</figcaption>" if title else ""
    kept = [number for number in range(len(headings)) if number not in told]
    cells = _html(texts[kept], numbers[kept].notna(), bold[kept], [headings[number] for number in kept])
    body = f'<div class="scroll" tabindex="0">{cells}</div>'
    if len(frame) > LONG:
        body = f"<details><summary>{len(frame)} rows</summary>{body}</details>"
    text = texts.set_axis(headings, axis=1).to_string(index=False)
    return HtmlOutput(f'<figure class="nl">{title}{body}</figure>', f"{caption}\n{text}".strip())


def _same_in_all_rows(texts: pd.DataFrame, names: Sequence[str]) -> dict[int, str]:
    """What a wide table need not repeat in each row: numbers of columns, with what the caption says in their place."""
    values = {n: set(texts[n].replace(NONE, "")) for n in range(len(names)) if len(names) > WIDE}
    return {n: min(found) for n, found in values.items() if len(found) == 1 and (names[n] in SHARED or found == {""})}


def _html(texts: pd.DataFrame, numeric: pd.DataFrame, bold: pd.DataFrame, headings: list[str]) -> str:
    """Each cell names its column, so that what is wider than a telephone, or a page, stands one below the other."""
    kinds = ["num" if is_numeric else "" for is_numeric in numeric.any()]
    letters = [
        max(map(len, [*texts[i], *name.split()]), default=0) + 2 for i, name in zip(texts, headings, strict=True)
    ]
    least = sum(n if kind else min(n, WRAPPED) for n, kind in zip(letters, kinds, strict=True))
    shape = ' class="stacks always"' if least > WIDEST else ' class="stacks"' if sum(letters) > NARROW else ""
    names = [html.escape(name) for name in headings]
    head = "".join(f'<th><div class="{kind}">{name}</div></th>' for kind, name in zip(kinds, names, strict=True))
    rows = [
        "".join(
            f'<td class="{"best " if is_best else ""}{kind}" data-of="{name}">{html.escape(text)}</td>'
            for text, is_best, kind, name in zip(cells, marks, kinds, names, strict=True)
        )
        for cells, marks in zip(
            texts.replace(NONE, "" if least > WIDEST else NONE).to_numpy(), bold.to_numpy(), strict=True
        )
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table{shape}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _latex(texts: pd.DataFrame, bold: pd.DataFrame, headings: list[str], caption: str, name: str) -> str:
    styler = texts.replace("−", "-", regex=True).style.format(escape="latex").hide(axis="index")
    styler = styler.relabel_index([_escaped(heading) for heading in headings], axis=1)
    styler = styler.apply(lambda _: bold.replace({True: "textbf: --rwrap", False: ""}), axis=None)
    return str(styler.to_latex(hrules=True, caption=_escaped(caption), label=f"tab:{name}", position="tbp"))


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "&%$#_{}" else letter for letter in text)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The index as columns, unless it only counts rows."""
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    return frame.reset_index(names=[name or "" for name in frame.index.names], allow_duplicates=True)


def _with_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """With intervals as three columns of numbers; what has no interval has a value alone."""
    columns: dict[str, Any] = {}
    for name, values in frame.items():
        if any(map(is_interval, values)):
            for end, part in ENDS.items():
                columns[f"{name}{end}"] = [
                    getattr(value, part) if is_interval(value) else np.nan if end else value for value in values
                ]
        else:
            columns[str(name)] = list(values)
    return pd.DataFrame(columns)


def _heading(name: Any, of: Any) -> str:
    parts = [part for part in (name if isinstance(name, tuple) else (name,)) if part != ""]
    return " · ".join(vocabulary.label(part) if of in LABELLED else vocabulary.heading(part) for part in parts)


def _format(column: str, given: str | Mapping[str, str]) -> str:
    registered = vocabulary.COLUMNS.get(column, vocabulary.Column("")).format
    return (registered or given) if isinstance(given, str) else given.get(column, registered)


def _numbers(column: pd.Series) -> pd.Series:
    """The column's numbers, of intervals their values; NaN for anything else."""
    cells = [getattr(cell, "value", cell) for cell in column]
    numbers = [np.nan if isinstance(cell, bool | str) else cell for cell in cells]
    return pd.to_numeric(pd.Series(numbers, dtype=object), errors="coerce").replace([np.inf, -np.inf], np.nan)


def _best(numbers: pd.Series, column: str, wanted: bool) -> pd.Series:
    """Whether each number is the best of its column, where more or less is better; of equal ones none is."""
    which = vocabulary.COLUMNS.get(column, vocabulary.Column("")).best
    if not (wanted and which) or numbers.nunique() < 2:
        return pd.Series(False, index=numbers.index)
    return numbers == numbers.agg(which)
