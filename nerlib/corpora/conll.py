"""Files with one word a line: CoNLL with spaces or tabs, Universal NER's five columns, CoNLL-U; and our own.

`read_columns` reads corpora, which have faults: what can mean one thing only is repaired and counted, the rest refused
by line. `read_conll` reads what `write_conll` wrote, gold and predicted tags, to the letter: nothing is repaired.
Lines end with LF (those of others also with CR LF) and nothing else: U+2028, U+0085 and their like are neighbours of
letters in real text, and `str.splitlines` would cut words at them.
"""

import functools
import itertools
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from nerlib.corpora.files import Notes, blocks_of, read_text
from nerlib.errors import CorpusError
from nerlib.folders import write_atomically
from nerlib.vocabulary import form_of

EMPTY_WORD = "empty token dropped"
SPACE_AROUND = "space around a token dropped"
DOCUMENT_START = "-DOCSTART- dropped"

HELD_WORDS, HELD_SENTENCES = 2**16, 10**5  # that are remembered, so that what recurs is held once
_BLANK = " \t"
_BLANK_LINE = re.compile(r"\n[ \t]+(?=\n)")
_DOCUMENT = re.compile(r"# ?newdoc\b|-DOCSTART-")
_COMMENT = re.compile(r"# ?(?:newdoc|newpar)\b|# [^\s=]+ = ")  # how CoNLL-U's comments begin
_NUMBER = re.compile(r"\d+(?:[-.]\d+)?")  # 7, 7-8 (a range), 7.1 (an empty node)
_ENTITY_IN_MISC = re.compile(r"(?:^|\|)(?:NER|ner|NE)=([^|]+)")


class RawSentence(NamedTuple):
    """A sentence as its file has it: tags of any scheme, "" where the file has none; each word's line."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    lines: Sequence[int]
    file: str
    document: str = ""  # where its document begins, in corpora that mark it


class _Shape(NamedTuple):
    separator: str
    columns: int
    word: int  # the column of the word
    tag: int  # the column of the tag
    numbered: bool = False  # does each row begin with the word's number?


def read_columns(path: Path, task: str, notes: Notes) -> list[RawSentence]:
    """Read a file with one word a line.

    Parameters
    ----------
    path
        The file. Its format is seen in its rows: numbered rows of ten columns are CoNLL-U, of five Universal NER's;
        else the first column is the word and the last one its tag.
    task
        `ner` or `pos`: which column of CoNLL-U is the tag (`NER=` in MISC, or UPOS).
    notes
        Counts what was repaired, by kind.

    Raises
    ------
    CorpusError
        For a line that cannot be read in one way only; the message names it.
    """
    shape = _shape_of(path, task)
    rows = (line.rstrip(_BLANK).rpartition(shape.separator) for _, line in _lines(path))
    last_cells = functools.cache(lambda: Counter(tag for _, cut, tag in rows if cut))  # counted where they are needed
    held: dict[str, str] = {}
    tags: dict[str, str] = {}  # that stand in the file just so, likewise held once
    recurring: dict[tuple[str, ...], tuple[str, ...]] = {}
    sentences: list[RawSentence] = []
    file, document = str(path), ""
    for begin, text in _between_blank_lines(path, notes):
        lines: Sequence[int] = range(begin, begin + text.count("\n") + 1)
        words, own = _plain_rows(text, len(lines), shape, tags)
        if not words:
            read: list[tuple[int, str, str]] = []
            due = itertools.count(1)
            for number, line in zip(lines, text.split("\n"), strict=True):
                if not read and _DOCUMENT.match(line):
                    document = f"{file}:{number}"
                if line[0] == "#" and _is_comment(line, shape, first=not read):
                    continue
                if word_and_tag := _word_and_tag(line, shape, last_cells, due, f"{file}:{number}", notes):
                    read.append((number, *word_and_tag))
            numbers, words, own = zip(*read, strict=True) if read else ((), (), ())
            lines, own = array("q", numbers), tuple([tags.setdefault(tag, tag) if tag else "" for tag in own])
        if words in ((), ("-DOCSTART-",)):
            notes.repairs[DOCUMENT_START] += len(words)
            continue
        if words not in recurring:
            words = tuple(map(held.setdefault if len(held) < HELD_WORDS else held.get, words, words))
            if len(recurring) > HELD_SENTENCES:
                recurring.clear()
        own = recurring.setdefault(own, own)
        sentences.append(RawSentence(recurring.setdefault(words, words), own, lines, file, document))
    if shape.columns == 10 and shape.numbered and form_of(task) == "entities":
        return _entities_from_misc(sentences, path)
    return sentences


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return (row for number, text in blocks_of(path, Notes()) for row in enumerate(text.split("\n"), start=number))


def _between_blank_lines(path: Path, notes: Notes) -> Iterator[tuple[int, str]]:
    """The lines between blank ones, as one text, with the number of the first."""
    for number, block in blocks_of(path, notes):
        begin = number - 1
        for text in _BLANK_LINE.sub("\n", f"\n{block}").split("\n\n"):
            if rows := text.strip("\n"):
                yield begin + text.index(rows), rows
            begin += text.count("\n") + 2


def _plain_rows(
    text: str, rows: int, shape: _Shape, tags: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a sentence, and their tags among those known, where no row may need a repair; else nothing."""
    other = " " if shape.separator == "\t" else "\t"
    if not shape.numbered and other not in text and not text.startswith(("#", "-DOCSTART-")):
        cells = f"{text}\n".replace("\n", f"{shape.separator}\n{shape.separator}").split(shape.separator)
        step = shape.columns + 1
        if len(cells) == rows * step + 1 and cells[shape.columns :: step].count("\n") == rows:  # each row has its own
            words = tuple(cells[shape.word : -1 : step])
            own = tuple(filter(None, map(tags.get, cells[shape.tag : -1 : step])))
            if len(own) == rows and all(words):
                return words, own
    return (), ()


def _is_comment(line: str, shape: _Shape, first: bool) -> bool:
    """Whether a line that begins with `#` is none of the words: `#` is a word of many corpora."""
    if shape.numbered or not first:
        return shape.numbered
    if _COMMENT.match(line):
        return shape.separator == " " or "\t" not in line
    return line.startswith("# ") and len(line.split(shape.separator)) != shape.columns


def _shape_of(path: Path, task: str) -> _Shape:
    """The usual form of a file's rows, from its first few thousand."""
    filled = (line for line in _lines(path) if line[1].strip(_BLANK) and not _COMMENT.match(line[1]))
    told = list(itertools.islice(filled, 5000))
    if not told:
        return _Shape("\t", 2, 0, 1)
    numbers, rows = zip(*told, strict=True)
    separator = "\t" if 2 * sum("\t" in row for row in rows) > len(rows) else " "
    split_rows = [row.rstrip(separator).split(separator) for row in rows]
    columns = Counter(len(row) for row in split_rows).most_common(1)[0][0]
    if columns < 2:
        raise CorpusError(
            f"{path}:{numbers[0]}: expected a word and its tag, separated by a tab or a space, got {rows[0][:60]!r}"
        )
    numbered = 2 * sum(_NUMBER.fullmatch(row[0]) is not None for row in split_rows) > len(rows)
    if separator == "\t" and columns in (5, 10) and numbered:
        return _Shape(separator, columns, 1, 2 if columns == 5 else 3 if form_of(task) == "tags" else 9, True)
    return _Shape(separator, columns, 0, columns - 1)


def _word_and_tag(
    line: str, shape: _Shape, last_cells: Callable[[], Counter[str]], due: Iterator[int], where: str, notes: Notes
) -> tuple[str, str] | None:
    """What a line says; None where it has no word. Where words are numbered, its number must be what is `due`."""
    cells = line.split(shape.separator)
    if shape.numbered and len(cells) == shape.columns and not cells[shape.word]:
        raise CorpusError(f"{where}: expected a word in column {shape.word + 1}, got nothing")
    if len(cells) != shape.columns or (not shape.numbered and "" in cells):
        cells = _repaired(cells, shape, last_cells, where, notes)
    if not cells:
        return None
    if shape.numbered and not cells[0].isdecimal():
        if not _NUMBER.fullmatch(cells[0]):
            raise CorpusError(f"{where}: expected the word's number first, got {cells[0]!r}")
        notes.repairs["multiword token dropped, its words kept" if "-" in cells[0] else "empty node dropped"] += 1
        return None
    if shape.numbered and int(cells[0]) != (expected := next(due)):
        raise CorpusError(f"{where}: expected word {expected} of its sentence, got {cells[0]}; a line may be missing")
    word = cells[shape.word].strip(_BLANK)
    if not word or word != cells[shape.word]:
        notes.repairs[SPACE_AROUND if word else EMPTY_WORD] += 1
    if "\t" in word:
        raise CorpusError(f"{where}: expected a word without a tab, got {word!r}")
    return (word, cells[shape.tag].strip(_BLANK)) if word else None


def _repaired(
    cells: list[str], shape: _Shape, last_cells: Callable[[], Counter[str]], where: str, notes: Notes
) -> list[str]:
    """A row of another width or with empty cells: what it can only mean; nothing when no word is left."""
    if len(cells) > shape.columns:
        # Columns that are empty at the end, or (where two are expected) between word and tag.
        kept = [cells[0], *(cell for cell in cells[1:] if cell.strip(_BLANK)), ""] if shape.columns == 2 else cells
        if not any(cell.strip(_BLANK) for cell in kept[shape.columns :]):
            notes.repairs["empty column dropped"] += 1
            cells = kept[: shape.columns]
    if len(cells) == 1 and (last_cells()[cells[0].strip(_BLANK)] > 1 or cells[0].startswith("-DOCSTART-")):
        notes.repairs[DOCUMENT_START if cells[0].startswith("-DOCSTART-") else "tag without a token dropped"] += 1
        return []
    if len(cells) != shape.columns:
        raise CorpusError(
            f"{where}: expected {shape.columns} columns separated by {'spaces' if shape.separator == ' ' else 'tabs'}, "
            f"as in most lines of the file, got {len(cells)}: {shape.separator.join(cells)[:80]!r}"
        )
    return cells


def _entities_from_misc(sentences: list[RawSentence], path: Path) -> list[RawSentence]:
    matches = [[_ENTITY_IN_MISC.search(cell) for cell in sentence.tags] for sentence in sentences]
    if sentences and not any(map(any, matches)):
        raise CorpusError(
            f"{path}: expected entity tags as NER=... in the last column of CoNLL-U, got none; "
            "for its parts of speech ask for the task 'pos'"
        )
    return [
        sentence._replace(tags=tuple([match.group(1) if match else "O" for match in own]))
        for sentence, own in zip(sentences, matches, strict=True)
    ]


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
    for number, column in enumerate(columns, start=2):
        if len(column) != len(words):
            raise CorpusError(f"{path}: expected {len(words)} sentences in column {number}, got {len(column)}")
    text = ""
    for number, rows in enumerate(zip(words, *columns, strict=True), start=1):
        if not rows[0] or len(set(map(len, rows))) > 1:
            raise CorpusError(
                f"{path}: expected one cell a word and a word at least in sentence {number}: "
                f"{', '.join(str(len(row)) for row in rows)}"
            )
        if bad := [cell for cell in itertools.chain(*rows) if not cell or set(cell) & set("\t\n\r")]:
            raise CorpusError(f"{path}: expected cells without tab or line end in sentence {number}, got {bad[0]!r}")
        text += "\n".join(map("\t".join, zip(*rows, strict=True))) + "\n\n"
    # A first word that begins with U+FEFF would be taken for a byte-order mark.
    write_atomically(path, "\ufeff" + text if text.startswith("\ufeff") else text)


def read_conll(path: Path, separator: str = "\t") -> tuple[list[tuple[str, ...]], ...]:
    """Read what `write_conll` wrote: the words of each sentence, then each column likewise.

    Raises
    ------
    CorpusError
        When the file cannot be read, or a line has another number of cells than the first, or an empty one.
    """
    rows = [line.split(separator) for line in read_text(path, Notes(), "surrogatepass").split("\n")]
    width = next((len(cells) for cells in rows if cells != [""]), 0)
    for number, cells in enumerate(rows, start=1):
        if cells != [""] and (len(cells) != width or "" in cells):
            raise CorpusError(
                f"{path}:{number}: expected {width} cells that are not empty, got {separator.join(cells)[:80]!r}"
            )
    sentences = [tuple(zip(*group, strict=True)) for blank, group in itertools.groupby(rows, [""].__eq__) if not blank]
    return tuple([sentence[column] for sentence in sentences] for column in range(width))
