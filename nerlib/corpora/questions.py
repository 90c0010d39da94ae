"""Questions about contexts, from tables and SQuAD's JSON: where the answers stand is checked to the letter."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.cells import Choice, cell_of, columns_of, kept_rows, text_of
from nerlib.corpora.rows import Row, read_rows
from nerlib.corpora.types import Answer, Question
from nerlib.errors import CorpusError

NOT_FOUND = "questions left out, no answer of theirs stands in the context"
SOME_NOT_FOUND = "answers left out that do not stand in the context, beside others that do"
EMPTY = "empty answers left out"  # as SQuAD's own evaluation does: they would make silence a right answer
SEVERAL = "answers without a place that stand in the context more than once, the first one taken"


def read_questions(
    files: Mapping[str, Sequence[Path]], language: str, choice: Choice, repairs: Counter[str], warnings: list[str]
) -> dict[str, tuple[Question, ...]]:
    """Read questions, by role.

    Answers come as pairs `[start, text]`, as objects `{"text", "answer_start"}` (or lists of both), or as text alone.
    A place is a number of code points in the context as it is stored, and must be right. An answer without a place is
    searched in the context; a question none of whose answers is found is left out and counted. Empty answers are left
    out; a question without any other is one that the context does not answer.

    Parameters
    ----------
    files
        The files of each role.
    choice
        Columns that are named, rows that are kept.

    Raises
    ------
    CorpusError
        For an empty question or context, an answer that does not stand where it is said to, and a missing column.
    """
    splits: dict[str, tuple[Question, ...]] = {}
    for role, paths in files.items():
        rows = read_rows(paths, repairs)
        columns = columns_of(rows[0], "qa", choice) if rows else {}
        read = (_question(row, columns, language, repairs) for row in kept_rows(rows, choice, repairs, warnings))
        splits[role] = tuple(question for question in read if question is not None)
    return splits


def _question(row: Row, columns: Mapping[str, str], language: str, repairs: Counter[str]) -> Question | None:
    asked, context = (text_of(cell_of(row, role, columns), role, row) for role in ("question", "context"))
    for what, text in (("question", asked), ("context", context)):
        if not text.strip():
            raise CorpusError(f"{row.where}: expected a {what}, met an empty one")
    everything = list(_given(row, columns))
    given = [(text, start) for text, start in everything if text.strip()]
    repairs[EMPTY] += len(everything) - len(given)
    _check_possible(cell_of(row, "is_impossible", columns), given, row)
    placed = [_placed(text, start, context, row, repairs) for text, start in given]
    answers = tuple(answer for answer in placed if answer is not None)
    if given and not answers:
        repairs[NOT_FOUND] += 1
        return None
    repairs[SOME_NOT_FOUND] += len(placed) - len(answers)
    return Question(asked, context, answers, language, row.short)


def _check_possible(impossible: Any, given: Sequence[object], row: Row) -> None:
    """Refuse answers to what cannot be answered, and none to what can."""
    if impossible in (None, ""):
        return
    said = str(impossible).strip().lower()
    if said not in ("true", "false", "0", "1"):
        raise CorpusError(f"{row.where}: expected is_impossible as true or false, met {impossible!r}")
    if (said in ("true", "1")) == bool(given):
        expected = "no answer, since is_impossible is true" if given else "an answer, since is_impossible is false"
        raise CorpusError(f"{row.where}: expected {expected}, met {len(given) or 'none'}")


# --- answers as they are given ----------------------------------------------------------------------------------------


def _given(row: Row, columns: Mapping[str, str]) -> Iterator[tuple[str, int | None]]:
    """Each answer's text and, where there is one, its place."""
    value = _unfolded(cell_of(row, "answers", columns))
    starts = _unfolded(cell_of(row, "answer_start", columns))
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value, starts = value["text"], value.get("answer_start")
    entries = value if isinstance(value, list) else [] if value in (None, "") else [value]
    if starts in (None, ""):
        starts = [None] * len(entries)
    elif not isinstance(starts, list):
        starts = [starts]
    if entries and len(starts) != len(entries):
        raise CorpusError(f"{row.where}: expected a place for each of {len(entries)} answers, met {len(starts)}")
    for entry, start in zip(entries, starts if entries else (), strict=True):
        text, place = _pair(entry, start, row)
        yield text_of(text, "answer", row), _start(place, row)


def _unfolded(value: Any) -> Any:
    """A list or an object that a CSV file has as JSON."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _pair(entry: Any, start: Any, row: Row) -> tuple[Any, Any]:
    """An answer's text and place, from `[start, text]`, an object, or the text alone."""
    if isinstance(entry, dict) and "text" in entry:
        return entry["text"], entry.get("answer_start", start)
    if isinstance(entry, list) and len(entry) == 2:
        return entry[1], entry[0]
    if isinstance(entry, str):
        return entry, start
    if isinstance(entry, int) and not isinstance(entry, bool):
        return str(entry), start
    raise CorpusError(f"{row.where}: expected an answer as [start, text], as an object or as text, met {entry!r:.60}")


def _start(value: Any, row: Row) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise CorpusError(f"{row.where}: expected the place of an answer as a whole number, met {value!r:.60}")
    return value


# --- answers in their context -----------------------------------------------------------------------------------------


def _placed(text: str, start: int | None, context: str, row: Row, repairs: Counter[str]) -> Answer | None:
    """The answer at its place, which is checked, or where it stands first; None when it does not stand there."""
    first = context.find(text)
    if start is None:
        repairs[SEVERAL] += first >= 0 and context.find(text, first + 1) >= 0
        return Answer(first, text) if first >= 0 else None
    if start < 0 or context[start : start + len(text)] != text:
        met = repr(context[start : start + len(text)]) if 0 <= start < len(context) else "no such place"
        elsewhere = f"it stands first at {first}" if first >= 0 else "the context does not hold it"
        raise CorpusError(
            f"{row.where}: expected the answer {text!r:.80} at code point {start} of the context "
            f"({len(context)} code points), met {met:.80}; {elsewhere}"
        )
    return Answer(start, text)
