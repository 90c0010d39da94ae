"""A corpus's files: their text and JSON, which of them is which split, and notes on what reading them changed."""

import codecs
import contextlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nerlib.errors import CorpusError, did_you_mean

AS_ASKED = "as asked: "  # how kinds of what the caller left out begin, which are no repairs
SPLIT_WORDS = {
    "train": ("train", "training"),
    "dev": ("dev", "devel", "development", "validation", "valid", "val", "eval"),
    "test": ("test", "testing"),
}
EXTENSIONS = ("txt", "conll", "iob", "iob2", "bio", "tsv", "csv", "conllu", "conllup", "jsonl", "json", "parquet")
GAPS_AT_MOST = 0.01  # of a file's words or rows: with more, it has probably another format or other columns
BLOCK = 2**20  # bytes of a file that are read at once, and the rest of their last line
_SHARD = re.compile(r"-\d+-of-\d+\.parquet$")


@dataclass
class Notes:
    """What reading changed: repairs counted by kind, and warnings for readers of results."""

    repairs: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def with_hint(message: str, name: str, names: Iterable[str]) -> str:
    """A message, and which of the names may have been meant where one is near."""
    hint = did_you_mean(name, names)
    return f"{message}; {hint}" if hint else message


def misnamed(message: str, name: str, names: Iterable[str]) -> CorpusError:
    """The error of a name that is none of those known, with the hint."""
    return CorpusError(with_hint(message, name, names))


@contextlib.contextmanager
def refusing(
    expected: str | Callable[[], str], *kinds: type[Exception], said: Callable[[Exception], str] | None = None
) -> Iterator[None]:
    """Let what a library raises on odd input become a `CorpusError`: what was expected, and what the library said.

    What is expected may be a function, where it is only known (or only worth its time) when something is raised.
    """
    try:
        yield
    except kinds as error:
        told = said(error) if said else getattr(error, "strerror", None) or error
        raise CorpusError(f"{expected() if callable(expected) else expected}: {told}") from error


def opening(path: Path) -> contextlib.AbstractContextManager[None]:
    """Likewise of a file that cannot be opened or read."""
    return refusing(f"{path}: expected a file that can be read", OSError)


# --- text and JSON --------------------------------------------------------------------------------------------------


def read_text(path: Path, notes: Notes, errors: str = "strict") -> str:
    """A file's text, without a byte-order mark.

    Parameters
    ----------
    errors
        As of `bytes.decode`: `surrogatepass` for our own files, which name files whose names are no UTF-8.

    Raises
    ------
    CorpusError
        When the file cannot be read or is not UTF-8; the message names the line and how to convert it.
    """
    with opening(path):
        return decoded(path.read_bytes(), path, notes, errors=errors)


def blocks_of(path: Path, notes: Notes) -> Iterator[tuple[int, str]]:
    """A file's text, likewise, in parts that end with an empty line, each with the number of its first line.

    Lines end with LF or CR LF, which is read as LF, and hold no CR.
    """
    number = 1
    with opening(path), path.open("rb") as file:
        while block := file.read(BLOCK):
            rest = itertools.takewhile(lambda line: line not in (b"\n", b"\r\n"), file)
            text = decoded(b"".join((block, file.readline(), *rest, b"\n")), path, notes, number).replace("\r\n", "\n")
            if (stray := text.find("\r")) >= 0:
                raise CorpusError(
                    f"{path}:{number + text.count(chr(10), 0, stray)}: expected lines that end with LF or CR LF, "
                    rf"got CR alone: old Mac line ends; convert with: tr '\r' '\n' < {path.name} > unix-{path.name}"
                )
            yield number, text
            number += text.count("\n")


def decoded(data: bytes, path: Path, notes: Notes, first_line: int = 1, errors: str = "strict") -> str:
    """The bytes of a file, or of a part of it that begins with that line, as text, likewise."""
    index, got, encoding = data.find(0), "a NUL byte, as in UTF-16 (and in damaged files)", "UTF-16"
    if index < 0:
        try:
            notes.repairs["byte-order mark dropped"] += first_line == 1 and data.startswith(codecs.BOM_UTF8)
            return data.decode("utf-8-sig" if first_line == 1 else "utf-8", errors)
        except UnicodeDecodeError as error:
            index, encoding = error.start, "WINDOWS-1252"
            got = (
                f"the byte 0x{error.object[index]:02x}, as in a Windows code page (1252 for western Europe, 1251 for "
                "Cyrillic, 1256 for Arabic letters)"
            )
    line = data.count(b"\n", 0, index) + first_line
    raise CorpusError(
        f"{path}:{line}: expected UTF-8, got {got}; convert it: "
        f"iconv -f {encoding} -t UTF-8 {path.name} > utf8-{path.name}"
    )


def parse_json(text: str) -> Any:
    """The value of a JSON text; `ValueError` (or `RecursionError`) for what is none, also where a key stands twice."""
    return json.loads(text, object_pairs_hook=_each_key_once)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    cells = dict(pairs)
    if len(cells) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return cells


def json_lines(text: str, path: Path, first: int = 1) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of JSON Lines, each with its line, counted from `first`.

    Raises
    ------
    CorpusError
        When a line is no JSON object; the message names it.
    """
    lines = ((number, line) for number, line in enumerate(text.split("\n"), start=first) if line.strip())
    for number, line in lines:
        try:
            row, why = parse_json(line), ""
        except (ValueError, RecursionError) as error:  # also numbers and nesting beyond what Python reads
            row, why = None, f" ({getattr(error, 'msg', error)})"
        if not isinstance(row, dict):
            raise CorpusError(f"{path}:{number}: expected a JSON object, got {line[:60]!r}{why}")
        yield number, row


# --- splits ---------------------------------------------------------------------------------------------------------


def split_of(file: Path | str) -> str | None:
    """The split that a file's name tells (`train.txt`, `en_ewt-ud-dev.iob2`, `test-00000-of-00001.parquet`), if any."""
    name = Path(file).name.lower()
    stem, _, extension = name.rpartition(".")
    if name.startswith(".") or extension not in EXTENSIONS:
        return None
    parts = set(re.split(r"[^a-z]+", stem))
    splits = [split for split, words in SPLIT_WORDS.items() if parts & set(words)]
    return splits[0] if len(splits) == 1 else None


def splits_in(folder: Path) -> set[str]:
    """The splits of which the folder itself holds files, or a folder (it may hold a folder for each language)."""
    return {split for path in folder.iterdir() if (split := _split_at(path))}


def _split_at(path: Path) -> str | None:
    return split_of(f"{path.name}.parquet" if path.is_dir() else path)


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split that stand in `folder`: one, or several numbered Parquet files.

    A split may also be a folder of Parquet files of its own (`train/0000.parquet`). `eval` is dev, but beside a file
    of dev and without one of test it is the test. A single file of no split is `train`.

    Raises
    ------
    CorpusError
        When two files claim one split; the message names both.
    """
    inside = ((path, sorted(path.glob("*.parquet")) if path.is_dir() else [path]) for path in sorted(folder.iterdir()))
    candidates = [(split, files) for path, files in inside if files and (split := _split_at(path))]
    devs = [files for split, files in candidates if split == "dev"]
    evals = [files for files in devs if "eval" in re.split("[^a-z]+", files[0].stem.lower())]
    if 0 < len(evals) < len(devs) and "test" not in dict(candidates):
        candidates = [("test" if files in evals else split, files) for split, files in candidates]
    by_split: dict[str, list[Path]] = {}
    for split, files in candidates:
        earlier = by_split.setdefault(split, [])
        if len({_SHARD.sub("", str(path)) for path in (*earlier[-1:], files[0])}) > 1:
            raise CorpusError(
                f"{folder}: expected one file for the split {split!r}, got {earlier[-1].name} and {files[0].name}; "
                f"name the files by role, as in {{'{split}': '{files[0].name}'}}"
            )
        earlier.extend(files)
    alone = [path for path in folder.iterdir() if path.suffix[1:].lower() in EXTENSIONS and path.name != "labels.json"]
    return by_split or ({"train": alone} if len(alone) == 1 else {})


def choose_files(folder: Path, roles: Mapping[str, str | Sequence[str]]) -> dict[str, list[Path]]:
    """The files for each role, where a role asks for a split's name, a file's name, or several of either.

    Roles whose split the folder lacks are left out.

    Raises
    ------
    CorpusError
        When a named file is missing, or two files claim a split.
    """
    chosen: dict[str, list[Path]] = {}
    for role, wanted in roles.items():
        for name in filter(None, [wanted] if isinstance(wanted, str) else wanted):
            if name not in SPLIT_WORDS and (Path(name).name != name or not (folder / name).is_file()):
                present = sorted(path.name for path in folder.iterdir() if path.is_file())
                raise misnamed(
                    f"role {role!r}: expected a file of {folder}, got {name!r}; there are: {', '.join(present)}",
                    name,
                    present,
                )
            chosen.setdefault(role, []).extend(
                split_files(folder).get(name, []) if name in SPLIT_WORDS else [folder / name]
            )
    return {role: files for role, files in chosen.items() if files}
