"""Tables for papers: what a notebook shows, as CSV and LaTeX on the disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nerlib import folders
from nerlib.reporting.display import Shown, as_text, table


def saved_table(
    frame: pd.DataFrame,
    name: str,
    caption: str,
    folder: Path,
    formats: Mapping[str, str | Callable[[Any], str]] | None = None,
    highlight: Mapping[str, str] | None = None,
) -> Shown:
    """Show a table as `table` does, and save it.

    ``<name>.csv`` holds the numbers as they are (an interval is three columns, with the endings none, ``_low`` and
    ``_high``); ``<name>.tex`` the table as it is shown, for LaTeX's ``booktabs``.

    Parameters
    ----------
    frame, caption, formats, highlight
        As for `table`.
    name
        Names the files.
    folder
        Where they are written.

    Raises
    ------
    FolderError
        When the folder cannot be written or `name` cannot name a file.
    """
    folders.safe_name(name, "table")
    folders.writable(folder)
    folders.write_atomically(folder / f"{name}.csv", _numbers(frame).to_csv(index=False))
    shown = pd.DataFrame(
        {column: [as_text(value, (formats or {}).get(str(column))) for value in frame[column]] for column in frame}
    ).rename(columns=lambda column: str(column).replace("_", " "))
    latex = shown.to_latex(index=False, escape=True, caption=_escaped(caption), label=f"tab:{name}", position="tbp")
    folders.write_atomically(folder / f"{name}.tex", latex)
    return table(frame, caption, formats, highlight)


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """With intervals as three columns of numbers."""
    columns: dict[str, Any] = {}
    for name in frame.columns:
        values = list(frame[name])
        if values and all(hasattr(value, "low") and hasattr(value, "high") for value in values):
            columns |= {f"{name}{end}": [getattr(v, part) for v in values] for end, part in ENDS.items()}
        else:
            columns[str(name)] = values
    return pd.DataFrame(columns)


ENDS = {"": "value", "_low": "low", "_high": "high"}


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "&%$#_{}" else letter for letter in text)
