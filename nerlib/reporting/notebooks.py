"""Reading notebooks, executed or not: their parameters, what failed in them, what they answered."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat import NotebookNode

from nerlib.errors import FolderError, SettingsError
from nerlib.folders import fingerprint

#: The MIME type under which a notebook's answer and status are kept for machines, beside the HTML for people.
DATA = "application/vnd.nerlib+json"
#: Key of the notebook's metadata under which `execute` says which notebook and which code made it, and what ended it.
MADE_OF = "nerlib"
SETTINGS_TAGS = ("parameters", "injected-parameters")


class Parameter(NamedTuple):
    """One line of a parameters cell."""

    name: str
    value: str  # as it stands in the source
    comment: str


class Failure(NamedTuple):
    """The error that ended a notebook."""

    cell: int | None  # index among the notebook's cells; None when no cell tells of it
    error: str  # "SettingsError: unknown setting ..."


def read(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises
    ------
    FolderError
        When there is no such file, or it cannot be read.
    SettingsError
        When it is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise FolderError(f"cannot read the notebook {path}: {error.strerror or error}") from error
    except (ValueError, nbformat.ValidationError) as error:  # NotJSONError is a ValueError
        raise SettingsError(f"{path}: expected a notebook, met {str(error).splitlines()[0][:200]}") from error


def as_text(notebook: NotebookNode) -> str:
    """The notebook as its file holds it."""
    return str(nbformat.writes(notebook)) + "\n"


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def parameters(notebook: NotebookNode) -> list[Parameter]:
    """The parameters of a notebook, in the order of its ``parameters`` cell; empty when it has none."""
    return [p for cell in notebook.cells if "parameters" in tags(cell) for p in assignments(cell.source)]


def assignments(source: str) -> list[Parameter]:
    """The plain assignments of a parameters cell, with the comment at the end of each one's last line."""
    try:
        statements = ast.parse(source).body
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (SyntaxError, tokenize.TokenError):
        return []
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    return [
        Parameter(target.id, ast.get_source_segment(source, value) or "", comments.get(end, ""))
        for statement in statements
        for target, value, end in _assigned(statement)
    ]


def _assigned(statement: ast.stmt) -> Iterator[tuple[ast.Name, ast.expr, int]]:
    targets = (
        statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    )  # `name: type = value` has one target
    value = getattr(statement, "value", None)
    for target in targets:
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            yield target, value, statement.end_lineno or statement.lineno


def digest(notebook: NotebookNode) -> str:
    """Digest of what a notebook says and does: its cells' kinds and sources, not outputs or metadata."""
    return fingerprint([[cell.cell_type, cell.source] for cell in notebook.cells])


def failure(notebook: NotebookNode) -> Failure | None:
    """The error that ended the notebook; None when none did."""
    for position, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                return Failure(position, f"{output.ename}: {output.evalue}".strip(": "))
    error = notebook.metadata.get(MADE_OF, {}).get("error")
    return Failure(None, error) if error else None


def data(notebook: NotebookNode) -> dict[str, Any]:
    """What `answer` and `status_line` left for machines, later ones over earlier ones."""
    found: dict[str, Any] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            left = output.get("data", {}).get(DATA)
            if isinstance(left, dict):
                found |= left
    return found
