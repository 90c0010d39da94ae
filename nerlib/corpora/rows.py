"""Examples from rows of tables: sentences as lists of tokens and of tags, texts with a label, questions; and our own.

Tags that are numbers need their names: Parquet files of the `datasets` library carry them, beside other files a
`labels.json` (a list, or an object from number to name) gives them. Where answers stand is checked to the letter.

`write_examples` keeps texts and questions with what was predicted of them, an object a line, and `read_examples` reads
just that; nothing is repaired. A text's object has `text`, `gold` and `predicted`; a question's `question`, `context`,
`answers` (pairs of a start, in code points, and a text) and `predicted`, which is "" for "the context does not answer
it". Both have `language` and `where`. Lines end with LF and nothing else.
"""

import contextlib
import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib.corpora.conll import EMPTY_WORD, SPACE_AROUND, RawSentence
from nerlib.corpora.files import GAPS_AT_MOST, Notes, json_lines, parse_json, read_text, refusing
from nerlib.corpora.tabular import ColumnSpec, Row, read_table, text_of
from nerlib.errors import CorpusError
from nerlib.examples import Answer, LabelledText, Question, nfc_words
from nerlib.folders import write_atomically
from nerlib.formats import listed
from nerlib.vocabulary import form_of

FEW, MOSTLY = 20, 0.9  # a column can choose among rows when it has few values and mostly differs in rows of one text


# --- sentences --------------------------------------------------------------------------------------------------------


def read_token_lists(file: Path, task: str, notes: Notes) -> list[RawSentence]:
    """Read a list of tokens and a list of tags (names, or numbers with names beside) from each row.

    Raises
    ------
    CorpusError
        When a row has no such columns, or its lists differ in length; the message names it.
    """
    rows = enumerate(read_table([file], form_of(task), ColumnSpec(), notes), start=1)
    names = functools.cache(lambda: _names_beside(file))
    return [sentence for number, row in rows if (sentence := _sentence(row, number, task, names, notes)).words]


def _sentence(row: Row, number: int, task: str, names: Callable[[], Sequence[str]], notes: Notes) -> RawSentence:
    tokens, tags = row.get("tokens"), row.get("tags")
    for what, cells in (("tokens", tokens), ("tags", tags)):
        if not isinstance(cells, list):
            raise CorpusError(f"{row.where}: expected a list of {what}, got {cells!r:.60}")
    if len(tokens) != len(tags):
        raise CorpusError(f"{row.where}: expected a tag for each of {len(tokens)} tokens, got {len(tags)} tags")
    if any(isinstance(tag, int) for tag in tags):
        if unnamed := [tag for tag in tags if type(tag) is not int or not 0 <= tag < len(names())]:
            raise CorpusError(f"{row.where}: expected tags 0 to {len(names()) - 1}, got {unnamed[0]!r:.60}")
        tags = [names()[tag] for tag in tags]
    tags = [text_of(tag, "tag", row) for tag in tags]
    # Beside other tags, `_` is that of multiword tokens and empty nodes in the Hub's treebanks.
    untagged = "_" if form_of(task) == "tags" and set(tags) - {"_"} else None
    written = [text_of(token, "token", row) for token in tokens]
    # Only ASCII white space goes: U+00A0, U+200C and the like may be letters' neighbours.
    words = [word.strip(" \t\r\n").translate(dict.fromkeys(map(ord, "\t\r\n"), " ")) for word in written]
    notes.repairs.update(
        {
            "word without a part of speech dropped (multiword token or empty node)": tags.count(untagged),
            SPACE_AROUND: sum(bool(word) and word != as_is for word, as_is in zip(words, written, strict=True)),
            EMPTY_WORD: words.count(""),
        }
    )
    kept = [(word, tag) for word, tag in zip(words, tags, strict=True) if word and tag != untagged]
    line = row.place.removeprefix(":")
    lines = [int(line) if line.isdecimal() else number] * len(kept)
    return RawSentence(
        tuple(word for word, _ in kept), tuple(tag for _, tag in kept), lines, str(row.file), row.document
    )


def _names_beside(path: Path) -> list[str]:
    """Names of numbered tags from `labels.json` in the file's folder."""
    file = path.with_name("labels.json")
    if not file.is_file():
        raise CorpusError(
            f"{path}: expected tags as names, got numbers; give their names in {file}, "
            'as ["O", "B-PER", ...] or {"0": "O", ...}'
        )
    with refusing(
        f"{file}: expected a list of tag names or an object from number to name",
        *(ValueError, KeyError, TypeError, RecursionError),
    ):
        names = parse_json(read_text(file, Notes()))
        return [names[str(number)] for number in range(len(names))] if isinstance(names, dict) else list(names)


# --- texts ------------------------------------------------------------------------------------------------------------


def read_texts(files: Sequence[Path], language: str, spec: ColumnSpec, notes: Notes) -> tuple[LabelledText, ...]:
    """Read labelled texts; warn where the same text stands with different labels.

    Raises
    ------
    CorpusError
        For a missing column, a row without text or label where there are many, and a cell that is no text.
    """
    read = [(row, _labelled(row, language, notes)) for row in read_table(files, "texts", spec, notes)]
    complete = [(row, text) for row, text in read if text.text.strip() and text.label]
    missing = [(row, text) for row, text in read if not text.text.strip() or not text.label]
    sizes, gaps = (Counter(row.file for row, _ in rows) for rows in (read, missing))
    for row, text in missing:
        if gaps[row.file] > GAPS_AT_MOST * sizes[row.file]:
            raise CorpusError(
                f"{row.where}: expected a text and its label, got {'no label' if text.text.strip() else 'no text'}; "
                f"so {gaps[row.file]} of {sizes[row.file]} rows (up to {GAPS_AT_MOST:.0%} would be left out)"
            )
    notes.repairs["rows without a text or a label left out"] += len(missing)
    if not spec.keep:
        _warn_of_conflicts(complete, notes)
    return tuple(text for _, text in complete)


def _labelled(row: Row, language: str, notes: Notes) -> LabelledText:
    written = _label(row.get("label"), row)
    notes.repairs["space around a label dropped"] += written.strip() != written
    text = text_of(row.get("text"), "text", row)
    return LabelledText(text, written.strip(), language, f"{row.file.name}{row.place}", document=row.document)


def _label(value: Any, row: Row) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if value != value else f"{value:.0f}" if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) else text_of(value, "label", row)


def _warn_of_conflicts(read: Sequence[tuple[Row, LabelledText]], notes: Notes) -> None:
    """Say which columns tell the rows apart in which one text stands with different labels."""
    groups: dict[tuple[str, ...], list[tuple[Row, str]]] = {}
    for row, text in read:
        groups.setdefault(nfc_words(text.words), []).append((row, text.label))
    torn = [[row for row, _ in group] for group in groups.values() if len({label for _, label in group}) > 1]
    apart = []
    for column in (name for name in torn[0][0].cells if name not in torn[0][0].columns.values()) if torn else ():
        values = [[str(row.cells.get(column)) for row in group] for group in torn]
        different = dict.fromkeys(value for group in values for value in group)
        if len(different) <= FEW and sum(len(set(group)) == len(group) for group in values) >= MOSTLY * len(torn):
            apart.append(f"{column} ({listed(list(different), 3)})")
    if torn:
        hint = f"; their rows differ in {listed(apart, 2, ' and in ')}: `keep` chooses among them" if apart else ""
        notes.warnings.append(f"{read[0][0].file.name}: {len(torn)} texts stand there with different labels{hint}.")


# --- questions --------------------------------------------------------------------------------------------------------


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
    rows = read_table(files, "questions", spec, notes)
    return tuple(question for row in rows if (question := _question(row, language, notes)))


def _question(row: Row, language: str, notes: Notes) -> Question | None:
    question, context = texts = [text_of(row.get(role), role, row) for role in ("question", "context")]
    if not all(map(str.strip, texts)):
        raise CorpusError(f"{row.where}: expected a {'context' if question.strip() else 'question'}, got an empty one")
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
    notes.repairs["answers left out that do not stand in the context, beside others that do"] += found.count(None)
    return Question(question, context, answers, language, f"{row.file.name}{row.place}")


def _check_possible(impossible: Any, given: Sequence[object], row: Row) -> None:
    """Refuse answers to what cannot be answered, and none to what can."""
    said = str("" if impossible is None else impossible).strip().lower()
    if said not in ("", "true", "false", "0", "1"):
        raise CorpusError(f"{row.where}: expected is_impossible as true or false, got {impossible!r}")
    if said and (said in ("true", "1")) == bool(given):
        expected = "no answer, since is_impossible is true" if given else "an answer, since is_impossible is false"
        raise CorpusError(f"{row.where}: expected {expected}, got {len(given) or 'none'}")


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
    with contextlib.suppress(ValueError, RecursionError):
        return parse_json(value) if isinstance(value, str) and value[:1] in ("[", "{") else value
    return value


def _start(value: Any, row: Row) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()):
        return int(value)
    if value is not None and type(value) is not int:
        raise CorpusError(f"{row.where}: expected the place of an answer as a whole number, got {value!r:.60}")
    return value


def _found(text: str, start: int | None, context: str, row: Row, notes: Notes) -> Answer | None:
    """The answer where it is said to stand, which is checked, or where it stands first; None when it does not."""
    first = context.find(text)
    if start is None:
        notes.repairs["answers without a place that stand in the context more than once, the first one taken"] += (
            first >= 0 and context.find(text, first + 1) >= 0
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


# --- our own files ----------------------------------------------------------------------------------------------------


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
    for number, prediction in enumerate(predicted, start=1):
        if not isinstance(prediction, str):
            raise CorpusError(f"{path}:{number}: expected a prediction as text, got {prediction!r:.60}")
    rows = (
        {"gold" if name == "label" else name: getattr(example, name) for name in type(example).__match_args__[:-2]}
        | {"predicted": prediction, "language": example.language, "where": example.where}
        for example, prediction in zip(examples, predicted, strict=True)
    )
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


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
    rows = list(json_lines(read_text(path, Notes(), "surrogatepass"), path))
    return [_example(cells, f"{path}:{line}") for line, cells in rows], [cells["predicted"] for _, cells in rows]


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
        pair = isinstance(answer, list) and list(map(type, answer)) == [int, str]
        if not pair or answer[0] < 0 or not context.startswith(answer[1], answer[0]):
            raise CorpusError(f"{where}: expected an answer as [start, text] of the context, got {answer!r:.60}")
    return Question(cells["question"], context, tuple(Answer(*a) for a in answers), cells["language"], cells["where"])
