"""Files with one example a row: CSV, TSV, JSON Lines, JSON, Parquet. What stands in the cells is judged elsewhere."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nerlib.corpora.columns import read_text
from nerlib.corpora.tables import objects_of_lines, open_parquet
from nerlib.errors import CorpusError

LITERAL_QUOTES = "rows whose quotation marks are part of the text"
DELIMITERS = "\t,;"
# Writers on Linux leave carriage returns inside texts without quotation marks, at which Python's csv stops. NUL stands
# in for it: a file that holds one is refused before.
_LONE_RETURN, _RETURN = re.compile(r"\r(?!\n)"), "\0"


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells by column, and its place in the file (":12" is line 12)."""

    cells: Mapping[str, Any]
    file: Path
    place: str

    @property
    def where(self) -> str:
        """File and place, for messages."""
        return f"{self.file}{self.place}"

    @property
    def short(self) -> str:
        """The file's name and the place, for examples."""
        return f"{self.file.name}{self.place}"


def read_rows(files: Sequence[Path], repairs: Counter[str]) -> list[Row]:
    """Read the rows of one split's files by their kind, seen in the file's name.

    Raises
    ------
    CorpusError
        For a file of another kind, and for a line that cannot be read; the message names it.
    """
    if all(file.suffix.lower() == ".parquet" for file in files):
        return list(_parquet(files))
    rows: list[Row] = []
    for file in files:
        if file.suffix.lower() not in READERS:
            raise CorpusError(
                f"{file}: expected a table ({', '.join(READERS)} or .parquet), met {file.suffix or 'no ending'}"
            )
        rows.extend(READERS[file.suffix.lower()](file, repairs))
    return rows


def _text(file: Path, repairs: Counter[str]) -> str:
    text = read_text(file, repairs)
    if (place := text.find("\0")) >= 0:
        line = text.count("\n", 0, place) + 1
        raise CorpusError(f"{file}:{line}: expected UTF-8 text, met a NUL byte (as in UTF-16 and in damaged files)")
    return text


# --- CSV and TSV ----------------------------------------------------------------------------------------------------


def _delimited(file: Path, repairs: Counter[str]) -> list[Row]:
    """Rows of a file whose first line names the columns; separated by tabs, commas or semicolons."""
    text = _LONE_RETURN.sub(_RETURN, _text(file, repairs))
    lines = [line + "\n" for line in text.split("\n")]
    header = next((line for line in lines if line.strip()), "")
    if _RETURN in header:
        raise CorpusError(f"{file}:1: expected lines that end with LF or CR LF, met CR alone")
    separator = max(DELIMITERS, key=header.count)
    try:
        return list(_table(lines, separator, csv.QUOTE_MINIMAL, file))
    except CorpusError:
        # In TSV quotation marks are often letters: read so where this alone gives every row the header's cells.
        if separator != "\t":
            raise
        try:
            rows = list(_table(lines, separator, csv.QUOTE_NONE, file))
        except CorpusError:
            rows = []
        if not rows:
            raise
        repairs[LITERAL_QUOTES] += sum(any('"' in str(cell) for cell in row.cells.values()) for row in rows)
        return rows


def _table(lines: Sequence[str], separator: str, quoting: Any, file: Path) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    names: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not names:
                names = [cell.strip() for cell in cells]
                _check_names(names, file, line)
            elif len(cells) == len(names):
                written = (cell.replace(_RETURN, "\r") for cell in cells)
                yield Row(dict(zip(names, written, strict=True)), file, f":{line}")
            elif any(cell.strip() for cell in cells):
                raise CorpusError(
                    f"{file}:{line}: expected {len(names)} cells, as the first line has, "
                    f"met {len(cells)}: {separator.join(cells)[:60]!r}"
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise CorpusError(f"{file}:{line}: expected cells separated by {separator!r}: {error}") from None


def _check_names(names: Sequence[str], file: Path, line: int) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CorpusError(f"{file}:{line}: expected columns of different names in the first line, met twice {twice}")


# --- JSON -----------------------------------------------------------------------------------------------------------


def _json_lines(file: Path, repairs: Counter[str]) -> list[Row]:
    return [Row(cells, file, f":{number}") for number, cells in objects_of_lines(_text(file, repairs), file)]


def _json(file: Path, repairs: Counter[str]) -> list[Row]:
    """Rows of one JSON value: a list of objects, SQuAD's `data`, or, after all, an object a line."""
    text = _text(file, repairs)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # after a whole first object: JSON Lines
            return _json_lines(file, repairs)
        raise CorpusError(f"{file}:{error.lineno}: expected JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{file}: expected JSON that can be read: {error}") from None
    name = ""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        name, value = "data", value["data"]
    entries = value if isinstance(value, list) else [value]
    rows: list[Row] = []
    for number, entry in enumerate(entries):
        place = f", {name}[{number}]"
        if not isinstance(entry, dict):
            raise CorpusError(f"{file}{place}: expected a JSON object, met {entry!r:.60}")
        rows.extend(_squad(entry, file, place) if "paragraphs" in entry else [Row(entry, file, place)])
    return rows


def _squad(article: Mapping[str, Any], file: Path, place: str) -> Iterator[Row]:
    """The questions of an article of SQuAD (Rajpurkar et al. 2016, 2018), each with its context."""
    for number, paragraph in _objects(article, "paragraphs", file, place):
        within = f"{place}.paragraphs[{number}]"
        if "context" not in paragraph:
            raise CorpusError(f"{file}{within}: expected a context, met {', '.join(paragraph) or 'nothing'}")
        for question, cells in _objects(paragraph, "qas", file, within):
            yield Row({"context": paragraph["context"], **cells}, file, f"{within}.qas[{question}]")


def _objects(holder: Mapping[str, Any], name: str, file: Path, place: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    entries = holder.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CorpusError(f"{file}{place}: expected a list of objects named {name}, met {entries!r:.60}")
    yield from enumerate(entries)


# --- Parquet --------------------------------------------------------------------------------------------------------


def _parquet(files: Sequence[Path]) -> Iterator[Row]:
    """Rows of Parquet files; numbered classes get the names that the `datasets` library keeps with them."""
    table = open_parquet(files)
    names = {column: feature.names for column, feature in table.features.items() if hasattr(feature, "names")}
    for number, cells in enumerate(table.to_list(), start=1):
        for column, known in names.items():
            value = cells[column]
            # The Hub's test sets without labels have -1.
            cells[column] = known[value] if value is not None and 0 <= value < len(known) else None
        yield Row(cells, files[0], f", row {number}")


READERS = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".jsonl": _json_lines,
    ".json": _json,
}
