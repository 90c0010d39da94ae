"""Notebooks as files: their parameters, what failed in them, what they answered; an odd one is refused in one line."""

import ast
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import nbformat
from nbformat import NotebookNode
from pydantic import AliasPath, BaseModel, BeforeValidator, Field

from nerlib import folders
from nerlib.errors import FolderError, SettingsError
from nerlib.vocabulary import DATA

#: Key of the notebook's metadata under which `jobs.execute` says which code made it, and what ended it.
MADE_OF = "nerlib"
SETTINGS_TAGS = ("parameters", "injected-parameters")
OF_PAPERMILL = {"injected-parameters", "papermill-error-cell-tag"}


class Parameter(NamedTuple):
    """One line of a parameters cell."""

    name: str
    value: str  # as it stands in the source
    comment: str


class Failure(NamedTuple):
    """The error that ended a notebook."""

    cell: int | None  # index among the notebook's cells; None when no cell shows it
    error: str  # "SettingsError: unknown setting ..."


class Origin(BaseModel):
    """How a notebook was executed: what papermill, and `jobs.execute` beside it, note in its metadata."""

    parameters: dict[str, Any] = Field({}, validation_alias=AliasPath("papermill", "parameters"))
    seconds: float | None = Field(None, validation_alias=AliasPath("papermill", "duration"))
    ended: str | None = Field(None, validation_alias=AliasPath("papermill", "end_time"))  # ISO 8601
    code: str | None = Field(None, validation_alias=AliasPath(MADE_OF, "code"))  # digest of nerlib's
    error: str | None = Field(None, validation_alias=AliasPath(MADE_OF, "error"))  # that ended it


#: A number, NaN where JSON has null.
Known = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Score(BaseModel):
    """A score or difference, 0..1, as `answer` left it; the ends of its interval, NaN where there is none."""

    name: str = ""
    how: str = "points"  # is written, as of `formats.number`
    value: Known = math.nan
    low: Known = math.nan
    high: Known = math.nan
    n: int = 0  # of how many values it is


class Answer(BaseModel):
    """What a notebook left for machines: its answer, and the runs and warnings of its status."""

    headline: str = ""
    verdict: str = ""  # better, worse, equivalent, undecided, collapsed; none or empty where nothing was compared
    scores: list[Score] = []
    cost: dict[str, float] = {}
    runs: list[str] = []  # digests
    warnings: list[str] = []
    next_look: dict[str, Any] = {}  # the parameters by which the same notebook goes on until it is decided


# --- files ------------------------------------------------------------------------------------------------------------


def read(path: Path) -> NotebookNode:
    """Read a notebook; what nbformat's schema does not allow is refused, fields that it does not know are let pass.

    Raises
    ------
    FolderError
        When there is no such file, or it cannot be read.
    SettingsError
        When it is not a notebook.
    """
    try:
        content = nbformat.convert(nbformat.reader.reads(path.read_text(encoding="utf-8")), 4)
        nbformat.validate(content, relax_add_props=True)
        origin(content), answer(content)
    except OSError as error:
        raise FolderError(f"cannot read the notebook {path}: {error.strerror or error}") from error
    except Exception as error:  # nbformat stumbles over odd content in many ways, even over its own variables
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SettingsError(f"{path}: expected a notebook, got {reason}") from error
    return content


def as_text(notebook: NotebookNode) -> str:
    """The notebook as its file holds it."""
    return str(nbformat.writes(notebook)) + "\n"


# --- what stands in them ----------------------------------------------------------------------------------------------


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def origin(notebook: NotebookNode) -> Origin:
    """How the notebook was executed."""
    return Origin.model_validate(notebook.metadata)


def parameters(notebook: NotebookNode) -> list[Parameter]:
    """The parameters of a notebook, in the order of its ``parameters`` cell; empty when it has none."""
    return [p for cell in notebook.cells if "parameters" in tags(cell) for p in assignments(cell.source)]


def assignments(source: str) -> list[Parameter]:
    """The plain assignments of a parameters cell, with the comment at the end of each one's last line."""
    try:
        statements = [s for s in ast.parse(source).body if isinstance(s, ast.Assign | ast.AnnAssign)]
    except (SyntaxError, ValueError):
        return []
    lines = source.encode().splitlines()  # the positions that `ast` gives are of UTF-8's bytes
    return [
        Parameter(
            target.id,
            ast.get_source_segment(source, statement.value) or "",
            lines[(statement.end_lineno or 1) - 1][statement.end_col_offset :].decode().strip(" #"),
        )
        for statement in statements
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name) and statement.value
    ]


def fill(notebook: NotebookNode, given: Mapping[str, Any]) -> None:
    """Write values into a notebook's parameters cell: where a parameter stands, else as a line more."""
    own = parameters(notebook)
    lines = [f"{p.name} = {given[p.name]!r}" if p.name in given else f"{p.name} = {p.value}" for p in own]
    lines = [f"{line}  # {p.comment}" for line, p in zip(lines, own, strict=True)]
    lines += [f"{name} = {value!r}" for name, value in given.items() if name not in {p.name for p in own}]
    for cell in (cell for cell in notebook.cells if "parameters" in tags(cell)):
        cell.source = "\n".join(lines)


def digest(notebook: NotebookNode) -> str:
    """Digest of what a notebook says and does: the same before it is executed and after."""
    cells = [cell for cell in notebook.cells if not tags(cell) & OF_PAPERMILL]
    return folders.fingerprint([[cell.cell_type, cell.source] for cell in cells])


def failure(notebook: NotebookNode) -> Failure | None:
    """The error that ended the notebook; None when none did."""
    found = [
        Failure(position, f"{output.ename}: {output.evalue}".strip(": "))
        for position, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]
    error = origin(notebook).error
    return found[0] if found else Failure(None, error) if error else None


def answer(notebook: NotebookNode) -> Answer:
    """What `answer` and `status_line` left for machines, later ones over earlier ones."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    left = [output.get("data", {}).get(DATA, {}) for output in outputs]
    return Answer.model_validate(dict(item for part in left for item in dict(part).items()))
