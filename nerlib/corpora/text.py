"""Unlabelled text of one language, a sentence or a paragraph a line: for language adapters and pretraining."""

import gzip
import lzma
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nerlib.corpora import demo, hub
from nerlib.corpora.columns import decoded
from nerlib.corpora.languages import codes
from nerlib.corpora.tables import open_parquet
from nerlib.errors import CorpusError
from nerlib.folders import fingerprint, from_root

READERS: Mapping[str, Callable[[Path], bytes]] = {
    ".txt": Path.read_bytes,
    ".txt.xz": lambda path: lzma.decompress(path.read_bytes()),
    ".txt.gz": lambda path: gzip.decompress(path.read_bytes()),
}
COLUMN = "text"
DEMO_LINES, DEMO_TARGET_LINES = 7000, 3000  # `x-target` has few resources
DEMO_SEED = 2  # other sentences than the demo's backbone has seen


@dataclass(frozen=True)
class Text:
    """Unlabelled text of one language.

    Attributes
    ----------
    name
        As it was asked for: `demo`, a folder or file, or a name of the Hub.
    lines
        As they were written, each once (two that differ in composed and decomposed letters alone are the same), none
        blank.
    warnings
        What a reader of results should see: lines that were dropped, files that were not read.
    revision
        The Hub's commit; "" for what is not from the Hub.
    """

    name: str
    language: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    revision: str = ""

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the lines: equal for equal text, whatever its file."""
        return fingerprint(self.lines)


def load_text(text: str, language: str) -> Text:
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
    path, revision = from_root(text), ""
    warnings: list[str] = []
    if text == "demo":
        size = DEMO_TARGET_LINES if language == demo.TARGET else DEMO_LINES
        lines: Iterable[str] = demo.text(language, size, seed=DEMO_SEED)
    elif text and path.is_dir():
        lines = _lines_of(_file_of(path, names, language), warnings)
    elif text and path.is_file():
        lines = _lines_of(path, warnings)
    elif hub.is_hub_name(text, hub.TEXTS):
        file, revision, more = hub.download_text(text, language)
        if more:
            warnings.append(f"Only the first of {more + 1} files of the Hub was read.")
        lines = _lines_of_documents(file)
    else:
        raise CorpusError(
            f"unknown text {text!r}: expected demo, {', '.join(hub.TEXTS)}, a name 'organisation/text' of the Hugging "
            f"Face Hub, a folder with <language>.txt, or a file (there is neither at {path})"
        )
    kept = _each_once(lines, warnings)
    if not kept:
        raise CorpusError(f"text {text!r} ({language}): expected lines of text, met none")
    return Text(text, language, kept, tuple(warnings), revision)


def _file_of(folder: Path, names: Sequence[str], language: str) -> Path:
    for name in names:
        for ending in READERS:
            if (file := folder / f"{name}{ending}").is_file():
                return file
    present = ", ".join(sorted(file.name for file in folder.iterdir() if file.is_file())) or "no file"
    raise CorpusError(
        f"{folder} has no text of {language!r}: expected {' or '.join(names)}.txt (or .txt.xz, .txt.gz), met {present}"
    )


def _lines_of(file: Path, warnings: list[str]) -> list[str]:
    ending = next((ending for ending in READERS if file.name.lower().endswith(ending)), None)
    if ending is None:
        raise CorpusError(f"{file}: expected a file named {', '.join(f'*{known}' for known in READERS)}")
    try:
        data = READERS[ending](file)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise CorpusError(f"{file}: expected a compressed file that can be read, met: {error}") from error
    repairs: Counter[str] = Counter()
    lines = decoded(data, file, repairs).split("\n")
    warnings.extend(f"{kind} ({count})" for kind, count in repairs.items())
    return lines


def _lines_of_documents(file: Path) -> Iterator[str]:
    table = open_parquet([file])
    if COLUMN not in table.features or getattr(table.features[COLUMN], "dtype", "") not in ("string", "large_string"):
        met = ", ".join(table.features) or "none"
        raise CorpusError(f"{file}: expected a column named {COLUMN} that holds text, met the columns {met}")
    for document in table[COLUMN]:
        yield from (document or "").split("\n")


def _each_once(lines: Iterable[str], warnings: list[str]) -> tuple[str, ...]:
    """The lines without blank ones and without repetitions, in order."""
    first: dict[str, str] = {}
    written = 0
    for line in lines:
        if line.strip():
            written += 1
            first.setdefault(unicodedata.normalize("NFC", line.strip()), line.rstrip("\r"))
    if repeated := written - len(first):
        warnings.append(f"{repeated} of {written} lines of text repeat another and were dropped.")
    return tuple(first.values())


def split_text(lines: Sequence[str], *, block: int = 10, every: int = 20) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold out every n-th block of neighbouring lines, always the same.

    A line that stands in the text more than once goes where it stands first, so that nothing held out is also kept.
    Short texts have shorter blocks, so that there is something to hold out.

    Parameters
    ----------
    block
        Lines in a block.
    every
        Of so many blocks the last is held out.

    Returns
    -------
    kept, held : tuple of str

    Raises
    ------
    CorpusError
        When there are not two different lines, or `block` or `every` is too small to mean anything.
    """
    if block < 1 or every < 2:
        raise CorpusError(f"expected block at least 1 and every at least 2, met block={block} and every={every}")
    place = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    if len(place) < 2:
        raise CorpusError(f"expected at least two different lines of text to hold some out, met {len(place)}")
    every = min(every, len(place))
    block = min(block, len(place) // every)
    sides: tuple[list[str], list[str]] = ([], [])
    for line in lines:
        sides[place[line] // block % every == every - 1].append(line)
    return tuple(sides[0]), tuple(sides[1])
