"""Files with one example a row: CSV, TSV, JSON Lines, JSON (SQuAD's too), Parquet; and which column plays which role.

What stands in the cells is judged by `rows`.
"""

import contextlib
import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from nerlib.corpora.files import AS_ASKED, Notes, json_lines, misnamed, parse_json, read_text, refusing, with_hint
from nerlib.errors import CorpusError
from nerlib.vocabulary import form_of

# Writers on Linux leave carriage returns inside texts without quotation marks, at which Python's csv stops. NUL stands
# in for it: a file that holds one is refused before.
_LONE_RETURN, _RETURN = re.compile(r"\r(?!\n)"), "\0"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

# Names under which corpora keep what plays a role, likelier ones first.
KNOWN_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "entities": {
        "tokens": ("tokens", "words"),
        "tags": ("ner_tags", "ner", "tags", "labels"),
        "document": ("document_id", "doc_id", "document"),
    },
    "tags": {
        "tokens": ("tokens", "words"),
        "tags": ("upos", "pos_tags", "pos", "tags", "labels"),
        "document": ("document_id", "doc_id", "document"),
    },
    "texts": {
        "text": ("text", "review", "comment", "sentence", "content", "tweet", "body", "review_body", "document"),
        "label": ("label", "sentiment", "polarity", "class", "category", "rating", "stars", "score", "label_id"),
        "document": ("document_id", "doc_id"),
    },
    "questions": {
        "question": ("question", "query"),
        "context": ("context", "passage", "paragraph", "document", "fluent_answer"),
        "answers": ("answers", "answer", "short_answer", "answer_text"),
        "answer_start": ("answer_start", "start"),
        "is_impossible": ("is_impossible",),
    },
}
OPTIONAL = ("answer_start", "is_impossible", "document")


class Row(NamedTuple):
    """A row's cells by column, its place in the file (":12" is line 12), and the column of each role."""

    cells: Mapping[str, Any]
    file: Path
    place: str
    columns: Mapping[str, str] = MappingProxyType({})

    @property
    def where(self) -> str:
        """File and place, for messages."""
        return f"{self.file}{self.place}"

    @property
    def document(self) -> str:
        """Which document it is of, by file and name; "" where no column says so."""
        name = self.get("document")
        return f"{self.file}:{name}" if isinstance(name, str | int) else ""

    def get(self, role: str) -> Any:
        """What stands there for a role; None where nothing does."""
        return self.cells.get(self.columns[role]) if role in self.columns else None


def read_rows(file: Path, notes: Notes) -> list[Row]:
    """Read a file's rows by its kind, seen in its name.

    Raises
    ------
    CorpusError
        For a file of another kind, and for a line that cannot be read; the message names it.
    """
    kind = file.suffix.lower()
    if kind == ".parquet":
        return _parquet(file)
    if kind not in READERS:
        raise CorpusError(f"{file}: expected a table ({', '.join(READERS)} or .parquet), got {kind or 'no ending'}")
    return list(READERS[kind](read_text(file, notes), file, notes))


# --- CSV and TSV ----------------------------------------------------------------------------------------------------


def _delimited(text: str, file: Path, notes: Notes) -> list[Row]:
    """Rows of a file whose first line names the columns; separated by tabs, commas or semicolons."""
    lines = [line + "\n" for line in _LONE_RETURN.sub(_RETURN, text).split("\n")]
    header = next((line for line in lines if line.strip()), "")
    if _RETURN in header:
        raise CorpusError(f"{file}:1: expected lines that end with LF or CR LF, got CR alone")
    separator = max("\t,;", key=header.count)
    try:
        return list(_table(lines, separator, csv.QUOTE_MINIMAL, file, notes))
    except CorpusError:
        # In TSV quotation marks are often letters: read so where this gives every row the header's cells.
        with contextlib.suppress(CorpusError):
            rows = list(_table(lines, separator, csv.QUOTE_NONE, file, notes)) if separator == "\t" else []
            notes.repairs["rows whose quotation marks are part of the text"] += sum(
                any('"' in str(cell) for cell in row.cells.values()) for row in rows
            )
            if rows:
                return rows
        raise


def _table(lines: Sequence[str], separator: str, quoting: Any, file: Path, notes: Notes) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    names: list[str] = []
    line = 1
    with refusing(lambda: f"{file}:{line}: expected cells separated by {separator!r}", csv.Error):
        for cells in reader:
            if not names:
                names = [cell.strip() for cell in cells]
                if twice := sorted(name for name, count in Counter(names).items() if count > 1):
                    raise CorpusError(f"{file}:{line}: expected columns of different names, got twice {twice}")
            elif len(cells) == len(names):
                own = lines[line - 1 : reader.line_num]
                if len(own) > 1 and _could_be_rows(own, separator, names):
                    if separator == "\t" or _could_be_rows(lines, separator, names):
                        raise CorpusError(
                            f"{file}:{line}: expected a row a line, got a quotation mark that ends in line "
                            f"{reader.line_num}, though each of these {len(own)} lines alone is a row: where it is "
                            "text, double it and put the whole text between two others, or use JSON Lines"
                        )
                    notes.repairs["lines between quotation marks that could be rows, read as text"] += len(own) - 1
                written = {name: cell.replace(_RETURN, "\r") for name, cell in zip(names, cells, strict=True)}
                yield Row(written, file, f":{line}")
            elif any(cell.strip() for cell in cells):
                raise CorpusError(
                    f"{file}:{line}: expected {len(names)} cells, as the first line has, "
                    f"got {len(cells)}: {separator.join(cells)[:60]!r}"
                )
            line = reader.line_num + 1


def _could_be_rows(lines: Sequence[str], separator: str, names: Sequence[str]) -> bool:
    """Whether each of the lines, without regard to quotation marks, has as many cells as there are columns."""
    return all(line.count(separator) == len(names) - 1 for line in lines if line.strip())


# --- JSON -----------------------------------------------------------------------------------------------------------


def _json_lines(text: str, file: Path, notes: Notes) -> Iterator[Row]:
    return (Row(cells, file, f":{number}") for number, cells in json_lines(text, file))


def _json(text: str, file: Path, notes: Notes) -> Iterator[Row]:
    """Rows of one JSON value: a list of objects, SQuAD's `data`, or, after all, an object a line."""
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as error:
        if getattr(error, "msg", "") == "Extra data":  # after a whole first object: JSON Lines
            yield from _json_lines(text, file, notes)
            return
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise CorpusError(f"{file}{line}: expected JSON: {getattr(error, 'msg', error)}") from None
    name = "data" if isinstance(value, dict) and isinstance(value.get("data"), list) else ""
    value = value["data"] if name else value
    for number, entry in enumerate(value if isinstance(value, list) else [value]):
        place = f", {name}[{number}]"
        if not isinstance(entry, dict):
            raise CorpusError(f"{file}{place}: expected a JSON object, got {entry!r:.60}")
        yield from _squad(entry, file, place) if "paragraphs" in entry else [Row(entry, file, place)]


def _squad(article: Mapping[str, Any], file: Path, place: str) -> Iterator[Row]:
    """The questions of an article of SQuAD (Rajpurkar et al. 2016, 2018), each with its context."""
    for paragraph in _objects(article, "paragraphs", file, place):
        if "context" not in paragraph.cells:
            raise CorpusError(f"{paragraph.where}: expected a context, got {', '.join(paragraph.cells) or 'nothing'}")
        for question in _objects(paragraph.cells, "qas", file, paragraph.place):
            yield question._replace(cells={"context": paragraph.cells["context"], **question.cells})


def _objects(holder: Mapping[str, Any], name: str, file: Path, place: str) -> list[Row]:
    entries = holder.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CorpusError(f"{file}{place}: expected a list of objects named {name}, got {entries!r:.60}")
    return [Row(entry, file, f"{place}.{name}[{number}]") for number, entry in enumerate(entries)]


READERS = {".csv": _delimited, ".tsv": _delimited, ".jsonl": _json_lines, ".json": _json}


# --- Parquet --------------------------------------------------------------------------------------------------------


def open_parquet(file: Path) -> Any:
    """A Parquet file as a table of pyarrow.

    Raises
    ------
    CorpusError
        When it is none.
    """
    import pyarrow.parquet

    with refusing(f"{file}: expected a Parquet file", pyarrow.ArrowException, OSError):
        return pyarrow.parquet.ParquetFile(file).read()


def _parquet(file: Path) -> list[Row]:
    """Rows of a Parquet file; numbered classes get the names that the `datasets` library keeps with them."""
    table = open_parquet(file)
    with refusing(
        f"{file}: expected a Parquet file whose cells and features can be read",
        *(ValueError, TypeError, AttributeError, KeyError, RecursionError),
    ):
        names = _class_names(table.schema) if b"huggingface" in (table.schema.metadata or {}) else {}
        rows = table.to_pylist()
    return [
        Row(cells | {column: _named(cells[column], known) for column, known in names.items()}, file, f", row {number}")
        for number, cells in enumerate(rows, start=1)
    ]


def _class_names(schema: Any) -> dict[str, Sequence[str]]:
    import datasets

    features = datasets.Features.from_arrow_schema(schema)
    classes = {column: getattr(feature, "feature", feature) for column, feature in features.items()}
    return {column: kind.names for column, kind in classes.items() if isinstance(kind, datasets.ClassLabel)}


def _named(value: Any, names: Sequence[str]) -> Any:
    """The name of a class, or of each in a list; None where it has none (unlabelled test sets have -1)."""
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


# --- which column, which rows ---------------------------------------------------------------------------------------


class ColumnSpec(NamedTuple):
    """What the caller chose of a table.

    Attributes
    ----------
    columns
        The column of a role, as {"text": "review"}; what is not named is found by known names.
    keep
        Rows to keep: by column, the values that stay.
    shared
        The choice is meant for several corpora: columns that this one lacks are no error.
    """

    columns: Mapping[str, str] = MappingProxyType({})
    keep: Mapping[str, str | Sequence[str]] = MappingProxyType({})
    shared: bool = False

    def check(self, task: str, is_table: bool) -> None:
        """Refuse a choice that the task, or a corpus that is no table, has no use for."""
        form = form_of(task)
        tables = form in ("texts", "questions")
        if (self.columns or self.keep) and not self.shared and not (tables and is_table):
            given = "the corpus is the demo, which has none" if tables else f"the task is {task!r}"
            raise CorpusError(f"columns and keep are for tables of texts and of questions, and {given}")
        known = KNOWN_NAMES[form]
        if unknown := [role for role in self.columns if tables and role not in known]:
            raise misnamed(f"columns: expected roles among {', '.join(known)}, got {unknown[0]!r}", unknown[0], known)


def read_table(files: Sequence[Path], form: str, spec: ColumnSpec, notes: Notes) -> list[Row]:
    """The rows of files that the caller keeps, with the column of each role in a form of task.

    Raises
    ------
    CorpusError
        When a column that was named is not there, or none of a role's known names is; as `read_rows`.
    """
    rows = [row for file in files for row in read_rows(file, notes)]
    if not rows:
        return []
    columns = _columns_of(rows[0], form, spec)
    for row in rows:
        if missing := next((c for role, c in columns.items() if c not in row.cells and role not in OPTIONAL), None):
            raise CorpusError(f"{row.where}: expected {missing!r}, as other rows of the file have, {_got(row)}")
    return [row._replace(columns=columns) for row in _filter_rows(rows, spec, notes)]


def _columns_of(row: Row, form: str, spec: ColumnSpec) -> dict[str, str]:
    """The column of each role in a file, seen in its first row."""
    present = {name.strip().casefold(): name for name in reversed(list(row.cells))}
    columns: dict[str, str] = {}
    for role, names in KNOWN_NAMES[form].items():
        given = spec.columns.get(role)
        if given is not None and given not in row.cells and not spec.shared:
            raise CorpusError(f"{row.where}: expected a column {given!r} for the {role}, {_got(row, given)}")
        column = given if given in row.cells else next((present[name] for name in names if name in present), None)
        if column is not None:
            columns[role] = column
        elif role not in OPTIONAL:
            raise CorpusError(
                f"{row.where}: expected a column for the {role}, named {' or '.join(names)}, {_got(row, role)}; "
                f"another name is given as columns = {{{role}: ...}}"
            )
    return columns


def _filter_rows(rows: Sequence[Row], spec: ColumnSpec, notes: Notes) -> Sequence[Row]:
    """The rows with the values that the caller keeps."""
    kept = rows
    for column, wanted in spec.keep.items():
        values = {wanted} if isinstance(wanted, str) else {str(value) for value in wanted}
        if column in rows[0].cells:
            present = Counter(str(row.cells.get(column)) for row in kept)
            kept = [row for row in kept if str(row.cells.get(column)) in values]
        elif spec.shared:
            notes.warnings.append(f"{rows[0].file.name} has no column {column!r}: all of its rows are kept.")
        else:
            raise CorpusError(f"{rows[0].where}: expected the column {column!r} of `keep`, {_got(rows[0], column)}")
        if not kept:
            raise CorpusError(
                f"{rows[0].file}: expected rows with {column} = {' or '.join(sorted(values))}, got {column} = "
                f"{', '.join(value for value, _ in present.most_common(8))}"
            )
    notes.repairs[AS_ASKED + "rows left out by `keep`"] += len(rows) - len(kept)
    return kept


def text_of(value: Any, what: str, row: Row) -> str:
    """A cell as text, as it was written; "" where nothing stands.

    Raises
    ------
    CorpusError
        When it is no text, or holds what no text does: NUL, or half a surrogate pair.
    """
    if value is not None and not isinstance(value, str):
        raise CorpusError(f"{row.where}: expected the {what} as text, got {value!r:.60}")
    if strange := _NO_TEXT.search(value or ""):
        raise CorpusError(f"{row.where}: expected the {what} as text, got the character U+{ord(strange[0]):04X}")
    return value or ""


def _got(row: Row, name: str = "") -> str:
    """The columns of a row, and the one that a name may mean."""
    names = ", ".join(column or "(without a name)" for column in row.cells) or "none"
    return with_hint(f"got the columns {names}", name, row.cells)
