"""Unlabelled text of one language, a sentence or a paragraph a line: for language adapters and pretraining."""

import gzip
import lzma
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib import demo
from nerlib.corpora import hub
from nerlib.corpora.files import Notes, decoded
from nerlib.corpora.tabular import open_parquet
from nerlib.errors import CorpusError, raises_only
from nerlib.examples import RawText
from nerlib.folders import from_root
from nerlib.languages import codes

READERS: Mapping[str, Callable[..., Any]] = {".txt": open, ".txt.xz": lzma.open, ".txt.gz": gzip.open}
RATIO, ALWAYS = 50, 2**26  # a file's text may be so many times as long as the file (language: 3 to 10), or 64 MiB
COLUMN = "text"
DEMO_LINES, DEMO_TARGET_LINES = 7000, 3000  # `x-target` has few resources
BLOCK, HELD_OUT_EVERY = 10, 20  # lines; blocks
DEMO_SEED = 2  # other sentences than the demo's backbone has seen


@raises_only(CorpusError, "text")
def load_text(text: str, language: str) -> RawText:
    """Read the unlabelled text of a language.

    Parameters
    ----------
    text
        `demo`; a short name of the Hugging Face Hub (`wikipedia`) or `organisation/name`, whose files have a column
        `text`; a folder that holds `<language>.txt`, `.txt.xz` or `.txt.gz` (the first of these that is there); or
        such a file itself. A relative path is taken from the project's root.
    language
        The language's tag.

    Raises
    ------
    CorpusError
        When there is no text of that language (with the files there are), or a file that cannot be read: the message
        names the line that is not UTF-8.
    """
    names = codes(language)  # refuses what is no language tag
    path, revision, notes = from_root(text), "", Notes()
    if text == demo.NAME:
        size = DEMO_TARGET_LINES if language == demo.TARGET else DEMO_LINES
        lines = demo.text(language, size, seed=DEMO_SEED)
    elif text and path.exists():
        lines = _lines_of(_file_of(path, names, language) if path.is_dir() else path, notes)
    elif hub.is_hub_name(text, hub.TEXTS):
        folder, files, revision = hub.download(text, language, hub.TEXTS, at_most=1)
        if len(files) > 1:
            notes.warnings.append(f"Only the first of {len(files)} files of the Hub was read.")
        lines = _lines_of_documents(folder / files[0])
    else:
        raise CorpusError(
            f"unknown text {text!r}: expected demo, {', '.join(hub.TEXTS)}, a name 'organisation/text' of the Hugging "
            f"Face Hub, a folder with <language>.txt, or a file (there is neither at {path})"
        )
    kept = _each_once(lines, notes)
    if not kept:
        raise CorpusError(f"text {text!r} ({language}): expected lines of text, got none")
    changes = (f"{kind} ({count})" for kind, count in notes.repairs.items() if count)
    return RawText(text, language, kept, (*changes, *notes.warnings), revision)


def _file_of(folder: Path, names: Sequence[str], language: str) -> Path:
    for file in (folder / f"{name}{ending}" for name in names for ending in READERS):
        if file.is_file():
            return file
    present = ", ".join(sorted(file.name for file in folder.iterdir() if file.is_file())) or "no file"
    raise CorpusError(
        f"{folder} has no text of {language!r}: expected {' or '.join(names)}.txt (or .txt.xz, .txt.gz), got {present}"
    )


def _lines_of(file: Path, notes: Notes) -> list[str]:
    ending = next((ending for ending in READERS if file.name.lower().endswith(ending)), None)
    if ending is None:
        raise CorpusError(f"{file}: expected a file named {', '.join(f'*{known}' for known in READERS)}")
    try:
        at_most = max(ALWAYS, RATIO * file.stat().st_size)
        with READERS[ending](file, "rb") as opened:
            data = opened.read(at_most + 1)
        if len(data) > at_most:
            raise CorpusError(
                f"{file}: expected text of {RATIO} times the file's size at most, got more than {at_most} bytes"
            )
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise CorpusError(f"{file}: expected a compressed file that can be read, got: {error}") from error
    return decoded(data, file, notes).split("\n")


def _lines_of_documents(file: Path) -> list[str]:
    table = open_parquet(file)
    if COLUMN not in table.column_names or str(table.schema.field(COLUMN).type) not in ("string", "large_string"):
        columns = ", ".join(table.column_names) or "none"
        raise CorpusError(f"{file}: expected a column named {COLUMN} that holds text, got the columns {columns}")
    return [line for document in table[COLUMN].to_pylist() for line in (document or "").split("\n")]


def _each_once(lines: Iterable[str], notes: Notes) -> tuple[str, ...]:
    """The lines without blank ones and without repetitions, in order."""
    written = [line for line in lines if line.strip()]
    first: dict[str, str] = {}
    for line in written:
        first.setdefault(unicodedata.normalize("NFC", line.strip()), line.rstrip("\r"))
    if repeated := len(written) - len(first):
        notes.warnings.append(f"{repeated} of {len(written)} lines of text repeat another and were dropped.")
    return tuple(first.values())


def split_text(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold out every twentieth block of ten neighbouring lines, always the same.

    A line that stands in the text more than once goes where it stands first, so that nothing held out is also kept.
    Short texts have shorter blocks, so that there is something to hold out.

    Returns
    -------
    kept, held : tuple of str

    Raises
    ------
    CorpusError
        When there are not two different lines.
    """
    index = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    if len(index) < 2:
        raise CorpusError(f"expected at least two different lines of text to hold some out, got {len(index)}")
    every = min(HELD_OUT_EVERY, len(index))
    block = min(BLOCK, len(index) // every)
    held = {line for line, number in index.items() if number // block % every == every - 1}
    return tuple(line for line in lines if line not in held), tuple(line for line in lines if line in held)
