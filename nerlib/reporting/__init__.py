"""What people read: helpers that show tables, sentences and answers, and the pages made of executed notebooks.

In a notebook: `table`, `saved_table`, `example`, `highlight`, `say`, `answer`, `status_line`. Over notebooks: `render`
makes one HTML file of an executed notebook, `index` one page of a study, `execute` runs a notebook with parameters and
renders it. ``python -m nerlib.reporting`` does the last three from the command line.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nerlib.reporting.display import Shown, answer, say, table
    from nerlib.reporting.marked import example, highlight, labelled_text, marked_answer
    from nerlib.reporting.overview import index
    from nerlib.reporting.page import render
    from nerlib.reporting.running import execute
    from nerlib.reporting.saving import saved_table
    from nerlib.reporting.status import status_line

__all__ = [
    "Shown",
    "answer",
    "example",
    "execute",
    "highlight",
    "index",
    "labelled_text",
    "marked_answer",
    "render",
    "saved_table",
    "say",
    "status_line",
    "table",
]

_MODULES = {
    "example": "marked",
    "highlight": "marked",
    "labelled_text": "marked",
    "marked_answer": "marked",
    "render": "page",
    "index": "overview",
    "execute": "running",
    "saved_table": "saving",
    "status_line": "status",
}


def __getattr__(name: str) -> Any:
    """Load a function's module when it is called for: pandas, nbconvert and papermill take a second each."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'display')}"), name)
