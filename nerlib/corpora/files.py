"""A corpus as a folder: which file is which split, and which reader reads it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nerlib.corpora.columns import RawSentence, read_columns
from nerlib.corpora.tables import read_jsonl, read_parquet
from nerlib.errors import CorpusError

SPLIT_WORDS = {
    "train": ("train", "training"),
    "dev": ("dev", "devel", "development", "validation", "valid", "val", "eval"),
    "test": ("test", "testing"),
}
COLUMN_FILES = ("txt", "conll", "iob", "iob2", "bio", "tsv", "csv", "conllu", "conllup")
EXTENSIONS = (*COLUMN_FILES, "jsonl", "json", "parquet")


def split_of(file: Path | str) -> str | None:
    """The split that a file's name tells (`train.txt`, `en_ewt-ud-dev.iob2`, `test-00000-of-00001.parquet`), if any."""
    name = Path(file).name.lower()
    stem, _, extension = name.rpartition(".")
    if name.startswith(".") or extension not in EXTENSIONS:
        return None
    parts = set(re.split(r"[^a-z]+", stem))
    found = [split for split, words in SPLIT_WORDS.items() if parts & set(words)]
    return found[0] if len(found) == 1 else None


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split that stand in `folder`: one, or several numbered Parquet files.

    A split may also be a folder of Parquet files of its own (`train/0000.parquet`). `eval` is dev, but beside a file
    of dev and without one of test it is the test.

    Raises
    ------
    CorpusError
        When two files claim one split; the message names both.
    """
    candidates: list[tuple[str, list[Path]]] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(path.name.lower() in words for words in SPLIT_WORDS.values()):
            split, files = split_of(f"{path.name}.parquet"), sorted(path.glob("*.parquet"))
        else:
            split, files = (split_of(path), [path]) if path.is_file() else (None, [])
        if split is not None and files:
            candidates.append((split, files))
    dev_and_eval = {_is_eval(files[0]) for split, files in candidates if split == "dev"} == {True, False}
    if dev_and_eval and "test" not in {split for split, _ in candidates}:
        candidates = [
            ("test" if split == "dev" and _is_eval(files[0]) else split, files) for split, files in candidates
        ]
    found: dict[str, list[Path]] = {}
    for split, files in candidates:
        before = found.setdefault(split, [])
        if before and not _shards(before[-1], files[0]):
            raise CorpusError(
                f"{folder}: expected one file for the split {split!r}, met {before[-1].name} and {files[0].name}; "
                f"name the files by role, as in {{'{split}': '{files[0].name}'}}"
            )
        before.extend(files)
    return found


def _is_eval(file: Path) -> bool:
    return "eval" in re.split(r"[^a-z]+", file.stem.lower())


def _shards(one: Path, other: Path) -> bool:
    """Whether two files are parts of one: `train-00000-of-00002.parquet` and `train-00001-of-00002.parquet`."""
    pattern = re.compile(r"-\d+-of-(\d+)\.parquet$")
    matches = [pattern.search(path.name) for path in (one, other)]
    return all(matches) and one.name.split("-")[0] == other.name.split("-")[0]


def has_splits(folder: Path) -> bool:
    """Whether the folder itself holds files of splits (and not a folder for each language)."""
    return any(split_of(path) or (path.is_dir() and split_of(f"{path.name}.parquet")) for path in folder.iterdir())


def choose_files(folder: Path, roles: Mapping[str, str | Sequence[str]]) -> dict[str, list[Path]]:
    """The files for each role, where a role asks for a split's name, a file's name, or several of either.

    Roles whose split the folder lacks are left out.

    Raises
    ------
    CorpusError
        When a named file is missing, or two files claim a split.
    """
    chosen = {}
    automatic: dict[str, list[Path]] | None = None
    for role, wanted in roles.items():
        files: list[Path] = []
        for name in [wanted] if isinstance(wanted, str) else wanted:
            if name in SPLIT_WORDS:
                automatic = split_files(folder) if automatic is None else automatic
                files.extend(automatic.get(name, []))
            elif name:
                if Path(name).name != name or not (folder / name).is_file():
                    present = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file()))
                    raise CorpusError(f"role {role!r}: expected a file of {folder}, met {name!r}; there are: {present}")
                files.append(folder / name)
        if files:
            chosen[role] = files
    return chosen


def read_files(files: Sequence[Path], task: str, repairs: Counter[str]) -> list[RawSentence]:
    """Read one split's files by their kind: Parquet, JSON Lines, or one word a line."""
    if all(file.suffix.lower() == ".parquet" for file in files):
        return read_parquet(files, task, repairs)
    sentences: list[RawSentence] = []
    for file in files:
        reader = read_jsonl if file.suffix.lower() in (".jsonl", ".json") else read_columns
        sentences.extend(reader(file, task, repairs))
    return sentences
