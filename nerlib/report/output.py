"""What a notebook displays, and how a report writes one value: numbers, intervals, names, paths."""

import functools
import math
from collections.abc import Mapping
from importlib import resources
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from nerlib import folders, vocabulary
from nerlib.formats import interval, is_interval, number
from nerlib.languages import language_name
from nerlib.vocabulary import DATA

NONE = "–"
#: Columns whose values have labels of their own, and those that hold language tags, joined by "+" where several.
LABELLED = ("method", "stage", "task", "backbone", "metric")
LANGUAGE_COLUMNS = ("language", "source", "target", "sources", "train_languages", "worst")


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
        return ", ".join(map(language_name, str(value).split("+")))
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
