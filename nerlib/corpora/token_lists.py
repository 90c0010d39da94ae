"""Files with one sentence a row, as lists of tokens and of tags: JSON Lines, JSON and Parquet.

Tags that are numbers need their names: Parquet files of the `datasets` library carry them, beside other files a
`labels.json` (a list, or an object from number to name) gives them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.conll import EMPTY_WORD, SPACE_AROUND, RawSentence
from nerlib.corpora.files import Notes, parse_json, read_text
from nerlib.corpora.tabular import ColumnSpec, Row, read_table, text_of
from nerlib.errors import CorpusError
from nerlib.vocabulary import form_of


def read_token_lists(file: Path, task: str, notes: Notes) -> list[RawSentence]:
    """Read a list of tokens and a list of tags (names, or numbers with names beside) from each row.

    Raises
    ------
    CorpusError
        When a row has no such columns, or its lists differ in length; the message names it.
    """
    sentences = []
    names: Sequence[str] | None = None
    for number, row in enumerate(read_table([file], form_of(task), ColumnSpec(), notes), start=1):
        tokens, tags = row.get("tokens"), row.get("tags")
        for what, cells in (("tokens", tokens), ("tags", tags)):
            if not isinstance(cells, list):
                raise CorpusError(f"{row.where}: expected a list of {what}, got {cells!r:.60}")
        if len(tokens) != len(tags):
            raise CorpusError(f"{row.where}: expected a tag for each of {len(tokens)} tokens, got {len(tags)} tags")
        if any(isinstance(tag, int) for tag in tags):
            names = names or _names_beside(file)
            tags = [_name(tag, names, row) for tag in tags]
        tags = [text_of(tag, "tag", row) for tag in tags]
        line = row.place.removeprefix(":")
        sentence = _sentence(tokens, tags, row, int(line) if line.isdecimal() else number, task, notes)
        sentences += [sentence] if sentence.words else []
    return sentences


def _names_beside(path: Path) -> list[str]:
    """Names of numbered tags from `labels.json` in the file's folder."""
    file = path.with_name("labels.json")
    if not file.is_file():
        raise CorpusError(
            f"{path}: expected tags as names, got numbers; give their names in {file}, "
            'as ["O", "B-PER", ...] or {"0": "O", ...}'
        )
    try:
        names = parse_json(read_text(file, Notes()))
        return [names[str(number)] for number in range(len(names))] if isinstance(names, dict) else list(names)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorpusError(f"{file}: expected a list of tag names or an object from number to name: {error}") from None


def _name(tag: Any, names: Sequence[str], row: Row) -> str:
    if type(tag) is not int or not 0 <= tag < len(names):
        raise CorpusError(f"{row.where}: expected tags 0 to {len(names) - 1}, got {tag!r:.60}")
    return names[tag]


def _sentence(
    tokens: Sequence[Any], tags: Sequence[Any], row: Row, number: int, task: str, notes: Notes
) -> RawSentence:
    words, kept = list[str](), list[str]()
    # Beside other tags, `_` is that of multiword tokens and empty nodes in the Hub's treebanks.
    untagged = "_" if form_of(task) == "tags" and set(tags) - {"_"} else None
    for token, tag in zip(tokens, tags, strict=True):
        word = text_of(token, "token", row)
        # Only ASCII white space goes: U+00A0, U+200C and the like may be letters' neighbours.
        clean = word.strip(" \t\r\n").translate(dict.fromkeys(map(ord, "\t\r\n"), " "))
        notes.repairs["word without a part of speech dropped (multiword token or empty node)"] += tag == untagged
        notes.repairs[SPACE_AROUND] += bool(clean) and clean != word
        notes.repairs[EMPTY_WORD] += not clean
        if clean and tag != untagged:
            words.append(clean)
            kept.append(tag)
    return RawSentence(tuple(words), tuple(kept), [number] * len(words), str(row.file), row.document)
