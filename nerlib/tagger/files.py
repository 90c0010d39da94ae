"""Files of any size tagged in parts: what was done stays done, several processes share the work, nothing is half there.

The input is read in blocks of texts; each block's output is a file of its own in a folder beside the output, which
appears whole, and is joined from them at the end. A process takes the blocks that nobody has done or is doing.
"""

import contextlib
import csv
import io
import itertools
import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from nerlib import folders, report
from nerlib.annotation import Document, Entity, document, sentences_of
from nerlib.corpora.files import json_lines
from nerlib.errors import CorpusError, FolderError, LockedError, SettingsError
from nerlib.tagger.tagging import Tagger
from nerlib.vocabulary import form_of

TEXTS, CHARACTERS = 2048, 500_000  # of a block; of one line ten times as many at most
AT_ONCE = 0.01  # seconds to wait for another process's block, at first


# --- reading ----------------------------------------------------------------------------------------------------------


def _lines(file: IO[str], path: Path) -> Iterator[tuple[int, str]]:
    """Lines, ended by LF alone (as bytes are), with their numbers; a `CorpusError` for one that is too long to hold."""
    for number, line in enumerate(iter(lambda: file.readline(10 * CHARACTERS), ""), start=1):
        if not line.endswith("\n") and len(line) == 10 * CHARACTERS:
            raise CorpusError(f"{path}:{number}: expected lines of at most {10 * CHARACTERS:,} code points")
        yield number, line.removesuffix("\n").removesuffix("\r")


def _texts(file: IO[str], path: Path, column: str) -> Iterator[Document]:
    """A text a line."""
    return (Document(line, name=str(number)) for number, line in _lines(file, path))


def _cells(file: IO[str], path: Path, column: str) -> Iterator[Document]:
    """A column of a table, with a line of names."""
    rows = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    if column not in (rows.fieldnames or ()):
        raise CorpusError(f"{path}: expected a column {column!r} (--column), got {', '.join(rows.fieldnames or ())}")
    return (Document(row[column] or "", name=str(number)) for number, row in enumerate(rows, start=2))


def _objects(file: IO[str], path: Path, column: str) -> Iterator[Document]:
    """A key of the object of each line."""
    for number, line in _lines(file, path):
        for _, cells in json_lines(line, path, number):
            if not isinstance(cells.get(column), str):
                raise CorpusError(f"{path}:{number}: expected a text under {column!r} (--column), got {line[:60]!r}")
            yield Document(cells[column], name=str(number))


def _columns(file: IO[str], path: Path, column: str) -> Iterator[Document]:
    """Sentences of words, one a line: the first column, or of numbered rows (CoNLL-U) the second."""
    for blank, group in itertools.groupby(_lines(file, path), lambda line: not line[1].strip()):
        rows = [] if blank else list(group)
        cells = [line.split("\t" if "\t" in line else " ") for _, line in rows if not line.startswith("# ")]
        numbered = path.suffix == ".conllu"
        words = [row[1] if numbered else row[0] for row in cells if not numbered or row[0].isdecimal()]
        if words:
            yield document([words], [["O"] * len(words)], "", str(rows[0][0]))


READERS: dict[str, Callable[[IO[str], Path, str], Iterator[Document]]] = {
    ".txt": _texts,
    ".csv": _cells,
    ".tsv": _cells,
    ".jsonl": _objects,
    **dict.fromkeys((".conll", ".conllu", ".iob2", ".bio"), _columns),
}


def _blocks(path: Path, column: str, bar: Any) -> Iterator[list[Document]]:
    """The texts of a file, in blocks of bounded size, always the same ones."""
    with path.open("rb") as raw, io.TextIOWrapper(raw, "utf-8", newline="\n") as file:
        block, size = list[Document](), 0
        try:
            for one in READERS[path.suffix](file, path, column):
                block.append(one)
                size += len(one.text)
                if len(block) >= TEXTS or size >= CHARACTERS:
                    yield block
                    block, size = [], 0
                    bar.update(raw.tell() - bar.n)
        except UnicodeDecodeError as error:
            seen = f"behind line {block[-1].name}" if block else "at its beginning"
            raise CorpusError(f"{path}: expected UTF-8, got {error.object[error.start]:#04x} {seen}") from None
        except csv.Error as error:
            raise CorpusError(f"{path}: cannot be read as a table: {error}") from None
    if block:
        yield block


# --- writing ----------------------------------------------------------------------------------------------------------


def _as_dict(one: Entity) -> dict[str, Any]:
    """Numbers with four digits; what is not known is null."""
    known = {"score": one.score, "confidence": one.confidence}
    return one._asdict() | {name: None if math.isnan(value) else round(value, 4) for name, value in known.items()}


def _json(documents: Iterable[Document]) -> str:
    rows = ({"line": int(one.name), "text": one.text, "entities": [*map(_as_dict, one.entities)]} for one in documents)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _table(documents: Iterable[Document]) -> str:
    file = io.StringIO()
    rows = ((one.name, *_as_dict(entity).values()) for one in documents for entity in one.entities)
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _conll(documents: Iterable[Document]) -> str:
    sentences = (sentence for one in documents for sentence in sentences_of(one))
    return "".join("".join(f"{w}\t{t}\n" for w, t in zip(s.words, s.tags, strict=True)) + "\n" for s in sentences)


def _page(documents: Iterable[Document]) -> str:
    return "".join(report.example(sentence).body + "\n" for one in documents for sentence in sentences_of(one))


_PAGE = f'<!doctype html><meta charset="utf-8"><title>Entities</title><style>{report.stylesheet()}</style>\n'
#: By ending: what stands before all, and how a block's documents are written.
WRITERS: dict[str, tuple[str, Callable[[Iterable[Document]], str]]] = {
    ".jsonl": ("", _json),
    ".csv": ("line,start,end,type,text,score,confidence\n", _table),
    ".conll": ("", _conll),
    ".html": (_PAGE, _page),
}


# --- the work ---------------------------------------------------------------------------------------------------------


def tag_file(tagger: Tagger, source: Path, out: Path, *, column: str = "text", progress: bool = True) -> Path:
    """Tag a file; its size does not matter, and the same call goes on where one was stopped.

    Parameters
    ----------
    tagger
        For `ner` or `pos`.
    source
        ``.txt`` (a text a line), ``.csv`` and ``.tsv`` (a column), ``.jsonl`` (a key), ``.conll`` and ``.conllu``.
    out
        ``.jsonl``, ``.csv`` (a row an entity), ``.conll`` or ``.html``. It appears whole. Offsets are those of the
        line's text (of words given one a line: joined by spaces).
    column
        Of tables and objects.
    progress
        Whether a bar is shown.

    Raises
    ------
    CorpusError
        For input that cannot be read; the message names the line.
    SettingsError
        For another ending or task.
    FolderError
        When `out` exists, or parts of another tagging stand where this one's belong.
    """
    source, out = Path(source), Path(out)
    for path, known in ((source, READERS), (out, WRITERS)):
        if path.suffix not in known:
            raise SettingsError(f"{path}: expected a name that ends in one of {', '.join(known)}")
    if form_of(tagger.task) not in ("entities", "tags"):
        raise SettingsError(f"expected a tagger of words to tag a file with, got one for {tagger.task!r}")
    if out.exists():
        raise FolderError(f"{out} exists: remove it, or name another file")
    parts = out.with_name(f".{out.name}.parts")
    state = source.stat()
    _claim(parts, {"models": tagger.origin, "input": [str(source.absolute()), state.st_size, state.st_mtime_ns]})
    for wait in (AT_ONCE, 24 * 3600.0):  # first what is free, then what another process may have left
        made = _tag_blocks(tagger, source, out, parts, column, wait, progress)
        if not out.exists() and all(path.is_file() for path in made):
            _join(made, out, parts)
        if out.exists():
            break
    shutil.rmtree(parts, ignore_errors=True)
    return out


def _claim(parts: Path, about: dict[str, Any]) -> None:
    """Refuse to mix two taggings."""
    folders.writable(parts)
    file, told = parts / "about.json", json.dumps(about)
    if not file.exists():
        folders.write_atomically(file, told)
    if file.read_text() != told:
        raise FolderError(f"{parts} holds parts of a tagging of another input or by another model: remove that folder")


def _tag_blocks(
    tagger: Tagger, source: Path, out: Path, parts: Path, column: str, wait: float, progress: bool
) -> list[Path]:
    """Tag the blocks that are neither done nor another process's for longer than `wait` seconds; where each stands."""
    made = []
    with tqdm(total=source.stat().st_size, unit="B", unit_scale=True, disable=not progress) as bar:
        for number, block in enumerate(_blocks(source, column, bar)):
            made.append(part := parts / f"{number:08d}")
            if part.is_file() or out.exists():
                continue
            with contextlib.suppress(LockedError), folders.lock(parts / f"{number:08d}.lock", wait):
                if not part.is_file() and not out.exists():
                    folders.write_atomically(part, WRITERS[out.suffix][1](_tagged(tagger, block)))
    return made


def _tagged(tagger: Tagger, block: Sequence[Document]) -> list[Document]:
    """The texts of a block with their entities; those that recur in it are tagged once."""
    asked = [replace(one, language=tagger.language, name="") for one in block]
    alike = list(dict.fromkeys(asked))
    told = dict(zip(alike, tagger.tag(alike), strict=True))
    return [replace(told[one], name=given.name) for one, given in zip(asked, block, strict=True)]


def _join(made: Sequence[Path], out: Path, parts: Path) -> None:
    """Write the output from its parts, unless another process has."""
    with folders.lock(parts / "join.lock"):
        if not out.exists():
            with folders.new_file(out) as beside, beside.open("wb") as file:
                file.write(WRITERS[out.suffix][0].encode())
                for part in made:
                    file.write(part.read_bytes())
