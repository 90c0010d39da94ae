"""Our own files, of examples and what was predicted of them: what was written is what is read, to the letter.

Sentences stand one word a line (`write_conll`, `read_conll`); texts and questions as an object a line
(`write_examples`, `read_examples`). A text's object has `text`, `gold` and `predicted`; a question's `question`,
`context`, `answers` (pairs of a start, in code points, and a text) and `predicted`, which is "" for "the context does
not answer it". Both have `language` and `where`. Lines end with LF and nothing else. Nothing is repaired.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.files import json_lines
from nerlib.errors import CorpusError
from nerlib.examples import Answer, LabelledText, Question
from nerlib.folders import write_atomically


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
            lengths = ", ".join(str(len(row)) for row in rows)
            raise CorpusError(f"{path}: expected one cell a word and a word at least in sentence {number}: {lengths}")
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
    text = _text_of(path).removeprefix("\ufeff")
    rows = [line.split(separator) for line in text.split("\n")]
    width = next((len(cells) for cells in rows if cells != [""]), 0)
    for number, cells in enumerate(rows, start=1):
        if cells != [""] and (len(cells) != width or "" in cells):
            line = separator.join(cells)[:80]
            raise CorpusError(f"{path}:{number}: expected {width} cells that are not empty, got {line!r}")
    sentences = [tuple(zip(*group, strict=True)) for blank, group in itertools.groupby(rows, [""].__eq__) if not blank]
    return tuple([sentence[column] for sentence in sentences] for column in range(width))


def write_examples(path: Path, examples: Sequence[LabelledText | Question], predicted: Sequence[str]) -> None:
    """Write examples and what was predicted of each: a label, or an answer's text.

    Parameters
    ----------
    path
        The file; readers see the old one or the new one.

    Raises
    ------
    CorpusError
        When there is not one prediction an example, or one is no text.
    """
    if len(examples) != len(predicted):
        raise CorpusError(f"{path}: expected a prediction for each of {len(examples)} examples, got {len(predicted)}")
    lines = []
    for number, (example, prediction) in enumerate(zip(examples, predicted, strict=True), start=1):
        if not isinstance(prediction, str):
            raise CorpusError(f"{path}:{number}: expected a prediction as text, got {prediction!r:.60}")
        names = type(example).__match_args__  # all but the document, which no prediction is read with
        own = {"gold" if name == "label" else name: getattr(example, name) for name in names}
        own |= {"predicted": prediction, "language": own.pop("language"), "where": own.pop("where")}
        lines.append(json.dumps(own, ensure_ascii=False) + "\n")
    write_atomically(path, "".join(lines))


def read_examples(path: Path) -> tuple[list[LabelledText | Question], list[str]]:
    """Read what `write_examples` wrote.

    Returns
    -------
    examples : list of LabelledText or Question
    predicted : list of str

    Raises
    ------
    CorpusError
        When a line is no such object, or an answer does not stand where it is said to; the message names the line.
    """
    rows = [(cells, f"{path}:{number}") for number, cells in json_lines(_text_of(path), path)]
    return [_example(cells, where) for cells, where in rows], [cells["predicted"] for cells, _ in rows]


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: expected UTF-8, got the byte 0x{error.object[error.start]:02x}") from None
    except OSError as error:
        raise CorpusError(f"{path}: expected a file that can be read: {error.strerror or error}") from error


def _example(cells: Mapping[str, Any], where: str) -> LabelledText | Question:
    own = ("question", "context") if "question" in cells else ("text", "gold")
    for name in (*own, "language", "where", "predicted"):
        if not isinstance(cells.get(name), str):
            got = f"{cells[name]!r:.60}" if name in cells else f"only {', '.join(cells) or 'nothing'}"
            raise CorpusError(f"{where}: expected {name!r} as text, got {got}")
    if "question" not in cells:
        return LabelledText(cells["text"], cells["gold"], cells["language"], cells["where"])
    answers, context = cells.get("answers"), cells["context"]
    if not isinstance(answers, list):
        raise CorpusError(f"{where}: expected 'answers' as a list, got {answers!r:.60}")
    for answer in answers:
        match answer:
            case [int(start), str(text)] if type(start) is int and start >= 0 and context.startswith(text, start):
                pass
            case _:
                raise CorpusError(f"{where}: expected an answer as [start, text] of the context, got {answer!r:.60}")
    spans = tuple(Answer(*answer) for answer in answers)
    return Question(cells["question"], context, spans, cells["language"], cells["where"])
