"""Labelled texts and questions with what was predicted of them, an object a line: what was written is what is read.

Lines end with LF and nothing else, as in `write_conll`. A text's object has `text`, `gold` and `predicted`; a
question's `question`, `context`, `answers` (pairs of a start, in code points, and a text) and `predicted`, which is ""
for "the context does not answer it". Both have `language` and `where`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.tables import objects_of_lines
from nerlib.corpora.types import Answer, LabelledText, Question
from nerlib.errors import CorpusError
from nerlib.folders import write_atomically

ALWAYS = ("language", "where", "predicted")
OF_TEXTS = ("text", "gold")
OF_QUESTIONS = ("question", "context")


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
        raise CorpusError(f"{path}: expected a prediction for each of {len(examples)} examples, met {len(predicted)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (example, prediction) in enumerate(zip(examples, predicted, strict=True), start=1):
        if not isinstance(prediction, str):
            raise CorpusError(f"{path}:{number}: expected a prediction as text, met {prediction!r:.60}")
        cells = _cells(example) | {"predicted": prediction, "language": example.language, "where": example.where}
        lines.append(json.dumps(cells, ensure_ascii=False) + "\n")
    write_atomically(path, "".join(lines))


def _cells(example: LabelledText | Question) -> dict[str, Any]:
    if isinstance(example, LabelledText):
        return {"text": example.text, "gold": example.label}
    return {"question": example.question, "context": example.context, "answers": example.answers}


def read_examples(path: Path) -> tuple[list[LabelledText | Question], list[str]]:
    """Read what `write_examples` wrote. Nothing is repaired.

    Returns
    -------
    examples : list of LabelledText or Question
    predicted : list of str

    Raises
    ------
    CorpusError
        When a line is no such object, or an answer does not stand at its place; the message names it.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: expected UTF-8, met the byte 0x{error.object[error.start]:02x}") from None
    examples: list[LabelledText | Question] = []
    predicted = []
    for number, cells in objects_of_lines(text, path):
        where = f"{path}:{number}"
        own = OF_QUESTIONS if "question" in cells else OF_TEXTS
        for name in (*own, *ALWAYS):
            if not isinstance(cells.get(name), str):
                met = f"{cells[name]!r:.60}" if name in cells else f"only {', '.join(cells) or 'nothing'}"
                raise CorpusError(f"{where}: expected {name!r} as text, met {met}")
        one, other, language, place, prediction = (cells[name] for name in (*own, *ALWAYS))
        if own is OF_TEXTS:
            examples.append(LabelledText(one, other, language, place))
        else:
            examples.append(Question(one, other, _answers(cells.get("answers"), other, where), language, place))
        predicted.append(prediction)
    return examples, predicted


def _answers(value: Any, context: str, where: str) -> tuple[Answer, ...]:
    if not isinstance(value, list):
        raise CorpusError(f"{where}: expected 'answers' as a list, met {value!r:.60}")
    for answer in value:
        match answer:
            case [int(start), str(text)] if _stands(text, start, context):
                pass
            case _:
                raise CorpusError(f"{where}: expected an answer as [start, text] of the context, met {answer!r:.60}")
    return tuple(Answer(start, text) for start, text in value)


def _stands(text: str, start: int, context: str) -> bool:
    return not isinstance(start, bool) and start >= 0 and context[start : start + len(text)] == text
