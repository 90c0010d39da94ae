"""Questions about contexts, from tables and SQuAD's JSON: where the answers stand is checked to the letter."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.files import Notes, parse_json
from nerlib.corpora.tabular import ColumnSpec, Row, read_table, text_of
from nerlib.errors import CorpusError
from nerlib.examples import Answer, Question


def read_questions(files: Sequence[Path], language: str, spec: ColumnSpec, notes: Notes) -> tuple[Question, ...]:
    """Read questions.

    Answers come as pairs `[start, text]`, as objects `{"text", "answer_start"}` (or lists of both), or as text alone.
    A start is a number of code points in the context as it is stored, and must be right. An answer without one is
    searched in the context; a question none of whose answers is found is left out and counted. Empty answers are left
    out; a question without any other is one that the context does not answer.

    Raises
    ------
    CorpusError
        For an empty question or context, an answer that does not stand where it is said to, and a missing column.
    """
    read = (_question(row, language, notes) for row in read_table(files, "questions", spec, notes))
    return tuple(question for question in read if question is not None)


def _question(row: Row, language: str, notes: Notes) -> Question | None:
    question, context = (text_of(row.get(role), role, row) for role in ("question", "context"))
    for what, text in (("question", question), ("context", context)):
        if not text.strip():
            raise CorpusError(f"{row.where}: expected a {what}, got an empty one")
    everything = list(_given(row))
    given = [(text, start) for text, start in everything if text.strip()]
    # As SQuAD's own evaluation does: they would make silence a right answer.
    notes.repairs["empty answers left out"] += len(everything) - len(given)
    _check_possible(row.get("is_impossible"), given, row)
    found = [_found(text, start, context, row, notes) for text, start in given]
    answers = tuple(answer for answer in found if answer is not None)
    if given and not answers:
        notes.repairs["questions left out, no answer of theirs stands in the context"] += 1
        return None
    lost = len(found) - len(answers)
    notes.repairs["answers left out that do not stand in the context, beside others that do"] += lost
    return Question(question, context, answers, language, f"{row.file.name}{row.place}")


def _check_possible(impossible: Any, given: Sequence[object], row: Row) -> None:
    """Refuse answers to what cannot be answered, and none to what can."""
    said = str("" if impossible is None else impossible).strip().lower()
    if said not in ("", "true", "false", "0", "1"):
        raise CorpusError(f"{row.where}: expected is_impossible as true or false, got {impossible!r}")
    if said and (said in ("true", "1")) == bool(given):
        expected = "no answer, since is_impossible is true" if given else "an answer, since is_impossible is false"
        raise CorpusError(f"{row.where}: expected {expected}, got {len(given) or 'none'}")


# --- answers as they are given ----------------------------------------------------------------------------------------


def _given(row: Row) -> Iterator[tuple[str, int | None]]:
    """Each answer's text and, where there is one, its start."""
    value, starts = (_unfolded(row.get(role)) for role in ("answers", "answer_start"))
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value, starts = value["text"], value.get("answer_start")
    entries = value if isinstance(value, list) else [] if value in (None, "") else [value]
    if starts in (None, "") or not entries:
        starts = [None] * len(entries)
    starts = starts if isinstance(starts, list) else [starts]
    if len(starts) != len(entries):
        raise CorpusError(f"{row.where}: expected a place for each of {len(entries)} answers, got {len(starts)}")
    for entry, start in zip(entries, starts, strict=True):
        match entry:
            case {"text": text}:
                yield text_of(text, "answer", row), _start(entry.get("answer_start", start), row)
            case [start, text]:
                yield text_of(text, "answer", row), _start(start, row)
            case str() | int() if not isinstance(entry, bool):
                yield text_of(str(entry), "answer", row), _start(start, row)
            case _:
                raise CorpusError(
                    f"{row.where}: expected an answer as [start, text], as an object or as text, got {entry!r:.60}"
                )


def _unfolded(value: Any) -> Any:
    """A list or an object that a CSV file has as JSON."""
    try:
        return parse_json(value) if isinstance(value, str) and value[:1] in ("[", "{") else value
    except (ValueError, RecursionError):
        return value


def _start(value: Any, row: Row) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()):
        value = int(value)
    if value is not None and type(value) is not int:
        raise CorpusError(f"{row.where}: expected the place of an answer as a whole number, got {value!r:.60}")
    return value


# --- answers in their context -----------------------------------------------------------------------------------------


def _found(text: str, start: int | None, context: str, row: Row, notes: Notes) -> Answer | None:
    """The answer where it is said to stand, which is checked, or where it stands first; None when it does not."""
    first = context.find(text)
    if start is None:
        several = first >= 0 and context.find(text, first + 1) >= 0
        notes.repairs["answers without a place that stand in the context more than once, the first one taken"] += (
            several
        )
        return Answer(first, text) if first >= 0 else None
    if start < 0 or not context.startswith(text, start):
        got = repr(context[start : start + len(text)]) if 0 <= start < len(context) else "no such place"
        elsewhere = f"it stands first at {first}" if first >= 0 else "the context does not hold it"
        raise CorpusError(
            f"{row.where}: expected the answer {text!r:.40} at code point {start} of the context "
            f"({len(context)} code points), got {got:.40}; {elsewhere}"
        )
    return Answer(start, text)
