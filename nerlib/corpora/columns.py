"""Files with one word a line: CoNLL with spaces or tabs, Universal NER's five columns, CoNLL-U; reading and writing.

`read_columns` reads corpora, which have faults, and counts what it repairs. `write_conll` and `read_conll` are our own
exact format (predictions): what was written is what is read, to the letter.

Lines end with LF or CR LF and nothing else: U+2028, U+0085 and their like are neighbours of letters in real text, and
`str.splitlines` would cut words at them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nerlib.errors import CorpusError
from nerlib.folders import write_atomically

BYTE_ORDER_MARK = "byte-order mark dropped"
EMPTY_WORD = "empty token dropped"
EMPTY_COLUMN = "empty column dropped"
NO_WORD = "tag without a token dropped"
SPACE_AROUND = "space around a token dropped"
DOCUMENT_START = "-DOCSTART- dropped"
RANGE = "multiword token dropped, its words kept"
EMPTY_NODE = "empty node dropped"

_BLANK = " \t"
_KEYWORD = re.compile(r"#\s*(?:(?:newdoc|newpar)\b|[^\s=]+\s*=\s)")  # how CoNLL-U's comments begin
_NUMBER = re.compile(r"\d+(?:[-.]\d+)?")  # 7, 7-8 (a range), 7.1 (an empty node)
_ENTITY_IN_MISC = re.compile(r"(?:^|\|)(?:NER|ner|NE)=([^|]+)")


@dataclass(slots=True)
class RawSentence:
    """A sentence as its file has it: tags of any scheme, "" where the file has none; each word's line."""

    words: list[str]
    tags: list[str]
    lines: list[int]
    file: str


class _Shape(NamedTuple):
    separator: str
    columns: int
    word: int  # the column of the word
    tag: int  # the column of the tag; the last one as -1
    numbered: bool  # does each row begin with the word's number?


def read_text(path: Path, repairs: Counter[str]) -> str:
    """A file's text, without a byte-order mark.

    Raises
    ------
    CorpusError
        When the file is not UTF-8; the message names the line.
    """
    return decoded(path.read_bytes(), path, repairs)


def decoded(data: bytes, path: Path, repairs: Counter[str]) -> str:
    """The bytes of a file as text, likewise."""
    if data.startswith(b"\xef\xbb\xbf"):
        repairs[BYTE_ORDER_MARK] += 1
        data = data[3:]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}:{line}: expected UTF-8, met the byte 0x{data[error.start]:02x}") from None


def read_columns(path: Path, task: str, repairs: Counter[str]) -> list[RawSentence]:
    """Read a file with one word a line.

    Parameters
    ----------
    path
        The file. Its format is seen in its rows: numbered rows of ten columns are CoNLL-U, of five Universal NER's;
        else the first column is the word and the last one its tag.
    task
        `ner` or `pos`: which column of CoNLL-U is the tag (`NER=` in MISC, or UPOS).
    repairs
        Counts what was repaired, by kind.

    Raises
    ------
    CorpusError
        For a line that cannot be read in one way only; the message names it.
    """
    lines = read_text(path, repairs).split("\n")
    shape = _shape_of(lines, task, path)
    sentences: list[RawSentence] = []
    words: list[str] = []
    tags: list[str] = []
    numbers: list[int] = []
    known: Counter[str] | None = None

    for number, line in enumerate([*lines, ""], start=1):
        line = line.rstrip("\r")
        if not line or (line[0] in _BLANK and not line.strip(_BLANK)):
            if words == ["-DOCSTART-"]:
                repairs[DOCUMENT_START] += 1
                words, tags, numbers = [], [], []
            elif words:
                sentences.append(RawSentence(words, tags, numbers, str(path)))
                words, tags, numbers = [], [], []
            continue
        if line[0] == "#" and _is_comment(line, shape):
            continue
        cells = line.split(shape.separator)
        if len(cells) != shape.columns or "" in cells:
            if known is None:
                known = _last_cells(lines, shape)
            repaired = _repaired(cells, shape, known, f"{path}:{number}", repairs)
            if repaired is None:
                continue
            cells = repaired
        if shape.numbered and not cells[0].isdecimal():
            if _NUMBER.fullmatch(cells[0]):
                repairs[RANGE if "-" in cells[0] else EMPTY_NODE] += 1
                continue
            raise CorpusError(f"{path}:{number}: expected the word's number first, met {cells[0]!r}")
        word, tag = cells[shape.word], cells[shape.tag]
        if word[0] in _BLANK or word[-1] in _BLANK:
            word = word.strip(_BLANK)
            repairs[SPACE_AROUND if word else EMPTY_WORD] += 1
            if not word:
                continue
        words.append(word)
        tags.append(tag.strip(_BLANK))
        numbers.append(number)

    if shape.columns == 10 and shape.numbered and task == "ner":
        _entities_from_misc(sentences, path)
    return sentences


def _is_comment(line: str, shape: _Shape) -> bool:
    """Whether a line that begins with `#` is none of the words: `#` is a word of many corpora."""
    if shape.numbered:
        return True
    if shape.separator == "\t":
        return "\t" not in line and (line.startswith("# ") or _KEYWORD.match(line) is not None)
    return _KEYWORD.match(line) is not None or (line.startswith("# ") and len(line.split(" ")) != shape.columns)


def _shape_of(lines: Sequence[str], task: str, path: Path) -> _Shape:
    """The usual form of a file's rows, from its first few thousand."""
    rows = [row for line in lines[:5000] if (row := line.rstrip("\r")).strip(_BLANK) and not _KEYWORD.match(row)]
    if not rows:
        return _Shape("\t", 2, 0, -1, False)
    separator = "\t" if 2 * sum("\t" in row for row in rows) > len(rows) else " "
    split_rows = [row.rstrip(separator).split(separator) for row in rows]
    columns = Counter(len(row) for row in split_rows).most_common(1)[0][0]
    if columns < 2:
        where = next(number for number, line in enumerate(lines, 1) if line.strip(_BLANK))
        raise CorpusError(
            f"{path}:{where}: expected a word and its tag, separated by a tab or a space, met {rows[0][:60]!r}"
        )
    numbered = sum(_NUMBER.fullmatch(row[0]) is not None for row in split_rows)
    if separator == "\t" and columns in (5, 10) and 2 * numbered > len(rows):
        tag = 2 if columns == 5 else 3 if task == "pos" else 9
        return _Shape(separator, columns, 1, tag, True)
    return _Shape(separator, columns, 0, -1, False)


def _last_cells(lines: Sequence[str], shape: _Shape) -> Counter[str]:
    rows = (line.rstrip("\r" + _BLANK) for line in lines)
    return Counter(row.rpartition(shape.separator)[2] for row in rows if shape.separator in row)


def _repaired(
    cells: list[str], shape: _Shape, known: Counter[str], where: str, repairs: Counter[str]
) -> list[str] | None:
    """A row of another width or with empty cells: what it can only mean; None when no word is left."""
    if shape.numbered and shape.columns == len(cells):
        if not cells[shape.word]:
            raise CorpusError(f"{where}: expected a word in column {shape.word + 1}, met nothing")
        return cells
    if len(cells) > shape.columns:
        # Columns that are empty at the end, or (where two are expected) between word and tag.
        kept = [cells[0], *(cell for cell in cells[1:] if cell.strip(_BLANK))] if shape.columns == 2 else cells
        while len(kept) > shape.columns and not kept[-1].strip(_BLANK):
            kept = kept[:-1]
        if len(kept) == 1:
            kept.append("")
        if len(kept) == shape.columns:
            repairs[EMPTY_COLUMN] += 1
            cells = kept
    if len(cells) == 1:
        if known[cells[0].strip(_BLANK)] > 1:
            repairs[NO_WORD] += 1
            return None
        if cells[0].startswith("-DOCSTART-"):
            repairs[DOCUMENT_START] += 1
            return None
    if len(cells) != shape.columns:
        kind = "tabs" if shape.separator == "\t" else "spaces"
        raise CorpusError(
            f"{where}: expected {shape.columns} columns separated by {kind}, as in most lines of the file, "
            f"met {len(cells)}: {shape.separator.join(cells)[:80]!r}"
        )
    if not cells[shape.word].strip(_BLANK):
        repairs[EMPTY_WORD] += 1
        return None
    return cells


def _entities_from_misc(sentences: list[RawSentence], path: Path) -> None:
    found = False
    for sentence in sentences:
        matches = [_ENTITY_IN_MISC.search(cell) for cell in sentence.tags]
        found = found or any(matches)
        sentence.tags = [match.group(1) if match else "O" for match in matches]
    if sentences and not found:
        raise CorpusError(
            f"{path}: expected entity tags as NER=... in the last column of CoNLL-U, met none; "
            "for its parts of speech ask for the task 'pos'"
        )


# --- our own files --------------------------------------------------------------------------------------------------


def write_conll(path: Path, words: Sequence[Sequence[str]], *columns: Sequence[Sequence[str]]) -> None:
    """Write sentences with one word a line: the word, then its cell of each column, separated by tabs.

    Parameters
    ----------
    path
        The file; readers see the old one or the new one.
    words
        The words of each sentence.
    columns
        Each of them like `words`: gold tags, predicted tags.

    Raises
    ------
    CorpusError
        When a sentence has no words, a column has another length, or a cell is empty or holds a tab or a line's end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(_written(path, words, columns))
    # A first word that begins with U+FEFF would be taken for a byte-order mark.
    write_atomically(path, "\ufeff" + text if text.startswith("\ufeff") else text)


def _written(path: Path, words: Sequence[Sequence[str]], columns: Sequence[Sequence[Sequence[str]]]) -> Iterator[str]:
    for number, column in enumerate(columns, start=2):
        if len(column) != len(words):
            raise CorpusError(f"{path}: expected {len(words)} sentences in column {number}, met {len(column)}")
    for index, sentence in enumerate(words):
        rows = [sentence, *(column[index] for column in columns)]
        if not sentence or any(len(row) != len(sentence) for row in rows):
            lengths = ", ".join(str(len(row)) for row in rows)
            raise CorpusError(
                f"{path}: expected one cell a word and a word at least in sentence {index + 1}: {lengths}"
            )
        for cells in zip(*rows, strict=True):
            for cell in cells:
                if not cell or "\t" in cell or "\n" in cell or "\r" in cell:
                    raise CorpusError(
                        f"{path}: expected a cell without tab and line end in sentence {index + 1}, met {cell!r}"
                    )
            yield "\t".join(cells) + "\n"
        yield "\n"


def read_conll(path: Path, separator: str = "\t") -> tuple[list[tuple[str, ...]], ...]:
    """Read what `write_conll` wrote: the words of each sentence, then each column likewise. Nothing is repaired.

    Raises
    ------
    CorpusError
        When a line has another number of cells than the first, or an empty one.
    """
    text = path.read_bytes().decode("utf-8", "surrogatepass").removeprefix("\ufeff")
    sentences: list[list[list[str]]] = []
    rows: list[list[str]] = []
    width = 0
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if not line:
            if rows:
                sentences.append(rows)
                rows = []
            continue
        cells = line.split(separator)
        width = width or len(cells)
        if len(cells) != width or "" in cells:
            raise CorpusError(f"{path}:{number}: expected {width} cells that are not empty, met {line[:80]!r}")
        rows.append(cells)
    return tuple([tuple(row[place] for row in rows) for rows in sentences] for place in range(width))
