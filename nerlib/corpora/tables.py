"""Files with one sentence a row: JSON Lines and Parquet, with lists of words and of tags.

Tags that are numbers need their names: Parquet files of the `datasets` library carry them, beside other files a
`labels.json` (a list, or an object from number to name) gives them.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.columns import EMPTY_WORD, SPACE_AROUND, RawSentence, read_text
from nerlib.errors import CorpusError

WORD_COLUMNS = ("tokens", "words")
TAG_COLUMNS = {
    "ner": ("ner_tags", "ner", "tags", "labels"),
    "pos": ("upos", "pos_tags", "pos", "tags", "labels"),
}
NAMES_FILE = "labels.json"
UNTAGGED = "word without a part of speech dropped (multiword token or empty node)"


def read_jsonl(path: Path, task: str, repairs: Counter[str]) -> list[RawSentence]:
    """Read JSON Lines: an object a line with a list of words and a list of tags (names, or numbers with names beside).

    Raises
    ------
    CorpusError
        When a line is no such object, or its lists differ in length; the message names it.
    """
    sentences = []
    names = None
    for number, row in objects_of_lines(read_text(path, repairs), path):
        where = f"{path}:{number}"
        words, tags = (row[_column(row, among, where)] for among in (WORD_COLUMNS, TAG_COLUMNS[task]))
        if names is None and isinstance(tags, list) and any(isinstance(tag, int) for tag in tags):
            names = _names_beside(path)
        sentences.append(_sentence(words, tags, names, where, number, str(path), repairs))
    return [sentence for sentence in sentences if sentence.words]


def objects_of_lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of JSON Lines, each with its line.

    Raises
    ------
    CorpusError
        When a line is no JSON object; the message names it.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # also numbers and nesting beyond what Python reads
            message = getattr(error, "msg", error)
            raise CorpusError(f"{path}:{number}: expected a JSON object, met {line[:60]!r} ({message})") from None
        if not isinstance(row, dict):
            raise CorpusError(f"{path}:{number}: expected a JSON object, met {line[:60]!r}")
        yield number, row


def open_parquet(files: Sequence[Path]) -> Any:
    """Parquet files as one table of the `datasets` library.

    Raises
    ------
    CorpusError
        When they are none.
    """
    import datasets

    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset("parquet", data_files=[str(file) for file in files], split="train")
    except (datasets.exceptions.DatasetGenerationError, OSError, ValueError) as error:
        raise CorpusError(f"{files[0]}: expected a Parquet file, met {error.__cause__ or error}") from error
    finally:
        if not bars:
            datasets.enable_progress_bars()


def read_parquet(files: Sequence[Path], task: str, repairs: Counter[str]) -> list[RawSentence]:
    """Read one split's Parquet files through the `datasets` library.

    Raises
    ------
    CorpusError
        When the columns of words and tags are missing, or numbers come without names.
    """
    table = open_parquet(files)
    where = str(files[0])
    word_column = _column(table.features, WORD_COLUMNS, where)
    tag_column = _column(table.features, TAG_COLUMNS[task], where)
    names = getattr(getattr(table.features[tag_column], "feature", None), "names", None)
    columns = table.select_columns([word_column, tag_column]).to_dict()
    sentences = []
    for number, (words, tags) in enumerate(zip(columns[word_column], columns[tag_column], strict=True), start=1):
        if names is None and tags and isinstance(tags[0], int):
            names = _names_beside(files[0])
        sentences.append(_sentence(words, tags, names, f"{where}, row {number}", number, where, repairs))
    if task == "pos":
        for sentence in sentences:
            _drop_untagged(sentence, repairs)
    return [sentence for sentence in sentences if sentence.words]


def _drop_untagged(sentence: RawSentence, repairs: Counter[str]) -> None:
    """Drop the words tagged `_` beside others: in the Hub's treebanks multiword tokens and empty nodes."""
    kept = [place for place, tag in enumerate(sentence.tags) if tag != "_"]
    if kept and len(kept) < len(sentence.tags):
        repairs[UNTAGGED] += len(sentence.tags) - len(kept)
        for name in ("words", "tags", "lines"):
            setattr(sentence, name, [getattr(sentence, name)[place] for place in kept])


def _column(present: Mapping[str, Any], among: Sequence[str], where: str) -> str:
    for name in among:
        if name in present:
            return name
    raise CorpusError(f"{where}: expected a column named {' or '.join(among)}, met {', '.join(present) or 'none'}")


def _names_beside(path: Path) -> list[str]:
    """Names of numbered tags from `labels.json` in the file's folder."""
    file = path.with_name(NAMES_FILE)
    if not file.is_file():
        raise CorpusError(
            f"{path}: expected tags as names, met numbers; give their names in {file}, "
            'as ["O", "B-PER", ...] or {"0": "O", ...}'
        )
    try:
        names = json.loads(file.read_text("utf-8"))
        return [names[str(number)] for number in range(len(names))] if isinstance(names, dict) else list(names)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise CorpusError(f"{file}: expected a list of tag names or an object from number to name: {error}") from None


def _sentence(
    words: Any, tags: Any, names: Sequence[str] | None, where: str, number: int, file: str, repairs: Counter[str]
) -> RawSentence:
    for what, cells in (("words", words), ("tags", tags)):
        if not isinstance(cells, list):
            raise CorpusError(f"{where}: expected a list of {what}, met {cells!r:.60}")
    if len(words) != len(tags):
        raise CorpusError(f"{where}: expected a tag for each of {len(words)} words, met {len(tags)} tags")
    sentence = RawSentence([], [], [], file)
    for word, tag in zip(words, tags, strict=True):
        if not isinstance(word, str):
            raise CorpusError(f"{where}: expected words as text, met {word!r}")
        if names is not None and isinstance(tag, int):
            if not 0 <= tag < len(names):
                raise CorpusError(f"{where}: expected tags 0 to {len(names) - 1}, met {tag}")
            tag = names[tag]
        if not isinstance(tag, str):
            raise CorpusError(f"{where}: expected tags as names, met {tag!r}")
        # Only ASCII white space goes: U+00A0, U+200C and the like may be letters' neighbours.
        clean = word.strip(" \t\r\n").replace("\t", " ").replace("\n", " ").replace("\r", " ")
        repairs[SPACE_AROUND] += bool(clean) and clean != word
        repairs[EMPTY_WORD] += not clean
        if clean:
            sentence.words.append(clean)
            sentence.tags.append(tag)
            sentence.lines.append(number)
    return sentence
