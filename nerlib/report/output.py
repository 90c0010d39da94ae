"""What a notebook displays: one value, a DataFrame (to read, as CSV, as LaTeX for papers), an example of a corpus.

In examples gold is marked above the words, what was predicted below. Everything from a corpus is escaped, and shown in
its language's direction of writing.
"""

import functools
import html
import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nerlib import folders, labels, languages, vocabulary
from nerlib.corpora import Answer, Example, LabelledText, Question, Sentence
from nerlib.errors import CorpusError
from nerlib.formats import interval, is_interval, number
from nerlib.vocabulary import DATA

NONE = "–"
#: How a text is said by the name of its column; language tags are joined by "+" where several.
WORDS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("method", "stage", "task", "metric"), vocabulary.label),
    "backbone": vocabulary.backbone_label,
    **dict.fromkeys(
        ("language", "source", "target", "sources", "train_languages", "worst"),
        lambda tags: languages.language_names(tags.split("+")),
    ),
}

LONG = 25  # rows; longer tables are folded
WIDE = 6  # columns; in wider tables the caption says what is SHARED by all rows, and what is empty is left out
NARROW, WIDEST = 45, 125  # letters that stand side by side on a telephone, and on a page
WRAPPED = 14  # letters that a column of texts needs
SHARED = ("task", "backbone", "variant")
ENDS = {"": "value", "_low": "low", "_high": "high"}

LONG_TEXT = 100  # words of a text that are shown, at most
LONG_CONTEXT, AROUND = 700, 160  # code points: longer contexts are shown around their answers, by so much
ELLIPSIS, NO_ANSWER = "…", "no\u00a0answer"

Span = tuple[int, int]  # first code point of a context, and the one behind the last

_COLOURS = {
    **{"PER": 1, "ORG": 2, "LOC": 3, "DATE": 4, "MISC": 5},
    **{"positive": 3, "negative": 2, "neutral": 8, "gold": 1, "predicted": 1},
}


class HtmlOutput:
    """Something to be read in JupyterLab, in a report and in a terminal.

    Parameters
    ----------
    body
        HTML, everything from data escaped.
    text
        The same for a terminal.
    data
        The same for machines (the study's index reads it from the executed notebook); JSON-like.
    """

    def __init__(self, body: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        self.body, self.text, self.data = body, text, data

    def _repr_html_(self) -> str:
        return f"<style>{stylesheet()}</style>\n{self.body}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {DATA: dict(self.data)} if self.data is not None else {}

    def __repr__(self) -> str:
        return self.text


@functools.cache
def stylesheet() -> str:
    """The rules that the classes of this package's HTML refer to."""
    return (Path(__file__).parent.parent / "templates" / "display.css").read_text(encoding="utf-8")


# --- one value --------------------------------------------------------------------------------------------------------


def is_missing(value: Any) -> bool:
    """Whether there is no value: None, NaN, infinity."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value) or value in (math.inf, -math.inf)))


def as_text(value: Any, how: str = "", column: str = "") -> str:
    """A value as a cell says it.

    Parameters
    ----------
    value
        A number, an interval, text, a path, or a collection of such.
    how
        A format, as in `vocabulary.COLUMNS`; "": a number in three digits, anything else as it is.
    column
        The column's name: methods, stages, tasks and backbones are called by their labels, languages by their names.
    """
    if is_missing(value):
        return NONE
    if is_interval(value):
        return interval(value, how)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Real):
        return number(float(value), how)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {as_text(item)}" for key, item in value.items())
    if type(value) in (list, tuple, set, frozenset):  # not what has a text of its own, as a verdict
        return ", ".join(as_text(item, how, column) for item in value) or NONE
    return WORDS.get(column, short_path)(str(value))


def short_path(text: str) -> str:
    """A path below the project's root from there, another one by its last two parts; any other text as it is."""
    path = Path(text)
    if "\n" in text or not path.is_absolute() or len(path.parts) < 4:
        return text
    root = folders.project_root()
    return str(path.relative_to(root)) if path.is_relative_to(root) else "/".join(("…", *path.parts[-2:]))


# --- tables -----------------------------------------------------------------------------------------------------------


def table(
    frame: pd.DataFrame,
    caption: str = "",
    *,
    format: str | Mapping[str, str] = "",
    best: bool = True,
    file: Path | None = None,
) -> HtmlOutput:
    """Show a DataFrame as a table; one of more than `LONG` rows is folded.

    Parameters
    ----------
    frame
        Headings, formats and what is best are those of `vocabulary.COLUMNS`. The index is shown unless it only counts
        rows. A missing value is an en dash. A cell may hold an interval (anything with ``value``, ``low``, ``high``).
        Of more than `WIDE` columns those that say the same in all rows are left to the caption.
    caption
        Above the table.
    format
        For numbers in columns that are not registered; or by column, also for registered ones.
    best
        Whether the best value of a column is bold.
    file
        Saves the table, too: ``<file>.csv`` holds the numbers as they are (an interval is three columns, with the
        endings none, ``_low`` and ``_high``), ``<file>.tex`` is for LaTeX's ``booktabs``.
    """
    shown = (
        frame
        if isinstance(frame.index, pd.RangeIndex)
        else frame.reset_index(names=[name or "" for name in frame.index.names], allow_duplicates=True)
    )
    columns = [(str(name), values) for name, values in shown.items()]
    texts = pd.DataFrame(
        {
            number: [as_text(value, _format(name, format), name) for value in values]
            for number, (name, values) in enumerate(columns)
        }
    )
    numbers = pd.DataFrame({number: _numbers(values) for number, (_, values) in enumerate(columns)})
    bold = pd.DataFrame({number: _best(numbers[number], name, best) for number, (name, _) in enumerate(columns)})
    headings = [_heading(name, shown.columns.name) for name in shown.columns]
    if file:
        folders.write_atomically(file.with_name(f"{file.name}.csv"), _with_ends(shown).to_csv(index=False))
        folders.write_atomically(file.with_name(f"{file.name}.tex"), _latex(texts, bold, headings, caption, file.name))
    told = _same_in_all_rows(texts, [name for name, _ in columns])
    more = ", ".join(filter(None, told.values()))
    title = " ".join(filter(None, (caption, f"({more})" if more else "")))
    title = f"<figcaption>{html.escape(title)}</figcaption>" if title else ""
    cells = _html(texts.drop(columns=list(told)), numbers.notna().any().to_dict(), bold, dict(enumerate(headings)))
    body = f'<div class="scroll" tabindex="0">{cells}</div>'
    if len(frame) > LONG:
        body = f"<details><summary>{len(frame)} rows</summary>{body}</details>"
    text = f"{caption}\n{texts.set_axis(headings, axis=1).to_string(index=False)}"
    return HtmlOutput(f'<figure class="nl">{title}{body}</figure>', text.strip())


def _same_in_all_rows(texts: pd.DataFrame, names: Sequence[str]) -> dict[int, str]:
    """What a wide table need not repeat in each row: numbers of columns, with what the caption says in their place."""
    values = {n: set(texts[n].replace(NONE, "")) for n in range(len(names)) if len(names) > WIDE}
    return {n: min(found) for n, found in values.items() if len(found) == 1 and (names[n] in SHARED or found == {""})}


def _html(texts: pd.DataFrame, is_numeric: Mapping[Any, bool], bold: pd.DataFrame, headings: Mapping[Any, str]) -> str:
    """Each cell names its column, so that what is wider than a telephone, or a page, stands one below the other."""
    kinds = {n: "num" if is_numeric[n] else "" for n in texts}
    letters = {n: max(map(len, [*texts[n], *headings[n].split()]), default=0) + 2 for n in texts}
    always = sum(letters[n] if kinds[n] else min(letters[n], WRAPPED) for n in texts) > WIDEST
    shape = ' class="stacks always"' if always else ' class="stacks"' * (sum(letters.values()) > NARROW)
    names = {n: html.escape(headings[n]) for n in texts}
    head = "".join(f'<th><div class="{kinds[n]}">{name}</div></th>' for n, name in names.items())
    cells = [
        [
            f'<td class="{"best " * bool(is_best)}{kinds[n]}" data-of="{name}">{html.escape(text)}</td>'
            for text, is_best in zip(texts[n].replace(NONE, "" if always else NONE), bold[n], strict=True)
        ]
        for n, name in names.items()
    ]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return f"<table{shape}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _latex(texts: pd.DataFrame, bold: pd.DataFrame, headings: list[str], caption: str, name: str) -> str:
    styler = texts.replace("−", "-", regex=True).style.format(escape="latex").hide(axis="index")
    styler = styler.relabel_index(list(map(_escaped, headings)), axis=1).apply(
        lambda _: bold.replace({True: "textbf: --rwrap", False: ""}), axis=None
    )
    return str(styler.to_latex(hrules=True, caption=_escaped(caption), label=f"tab:{name}", position="tbp"))


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "&%$#_{}" else letter for letter in text)


def _with_ends(frame: pd.DataFrame) -> pd.DataFrame:
    """With intervals as three columns of numbers; what has no interval has a value alone."""
    return pd.DataFrame(
        {
            f"{name}{end}": [getattr(cell, part) if is_interval(cell) else np.nan if end else cell for cell in values]
            for name, values in frame.items()
            for end, part in ENDS.items()
            if not end or any(map(is_interval, values))
        }
    )


def _heading(name: Any, of: Any) -> str:
    word = vocabulary.label if of in ("method", "stage", "task", "backbone", "metric") else vocabulary.heading
    return " · ".join(word(part) for part in (name if isinstance(name, tuple) else (name,)) if part != "")


def _format(column: str, given: str | Mapping[str, str]) -> str:
    registered = vocabulary.column(column).format
    return (registered or given) if isinstance(given, str) else given.get(column, registered)


def _numbers(column: pd.Series) -> pd.Series:
    """The column's numbers, of intervals their values; NaN for anything else."""
    cells = [getattr(cell, "value", cell) for cell in column]
    numbers = [np.nan if isinstance(cell, bool | str) else cell for cell in cells]
    return pd.to_numeric(pd.Series(numbers, dtype=object), errors="coerce").replace([np.inf, -np.inf], np.nan)


def _best(numbers: pd.Series, column: str, wanted: bool) -> pd.Series:
    """Whether each number is the best of its column, where more or less is better; of equal ones none is."""
    which = vocabulary.column(column).best if wanted and numbers.nunique() > 1 else ""
    return numbers == (numbers.agg(which) if which else np.nan)


# --- examples of corpora ----------------------------------------------------------------------------------------------


class Mark(NamedTuple):
    """What a word is part of: an entity's type (a text's label, an answer's side), and whether it begins here."""

    type: str
    begins: bool


def _colour(name: str, first: int = 6) -> int:
    """The colour of a type or label, `first` to 8 where it has none of its own: the same in every report."""
    return _COLOURS.get(name) or first + zlib.crc32(name.encode()) % (9 - first)


def example(shown: Example, predicted: Sequence[str] | None = None) -> HtmlOutput:
    """Show an example of any task, with what was predicted for it where that is known.

    Parameters
    ----------
    shown
        A sentence (see `highlight`), a labelled text (`labelled_text`) or a question (`marked_answer`).
    predicted
        As `records.read_predictions` gives it: a tag for each word, one label, or one answer or none.

    Raises
    ------
    CorpusError
        As the three raise it.
    """
    said = None if predicted is None else "".join(predicted)  # one label; one answer or none
    match shown:
        case Sentence():
            return highlight(shown.words, shown.tags, predicted, shown.language)
        case LabelledText():
            return labelled_text(shown.text, shown.label, said, shown.language)
        case Question():
            return marked_answer(shown.question, shown.context, shown.answers, said, shown.language)


# --- sentences --------------------------------------------------------------------------------------------------------


def highlight(
    words: Sequence[str], gold: Sequence[str], predicted: Sequence[str] | None = None, language: str = ""
) -> HtmlOutput:
    """Show a sentence as running text: gold entities marked above the words, predicted ones below.

    Parameters
    ----------
    words
        As in the corpus.
    gold, predicted
        IOB2 tags, or parts of speech, one a word.
    language
        Tag of the sentence's language: gives ``lang`` and the direction of writing.

    Raises
    ------
    CorpusError
        When there are not as many tags as words, or `language` is no language tag.
    """
    rows = {"gold": list(gold)} | ({} if predicted is None else {"predicted": list(predicted)})
    for name, tags in rows.items():
        if len(tags) != len(words):
            raise CorpusError(f"{name}: expected one tag for each of {len(words)} words, got {len(tags)}")
    spans = {name: labels.gold_items(tags, strict=False) for name, tags in rows.items()}
    marks = {
        name: {place: Mark(one.type, place == one.start) for one in found for place in range(one.start, one.end)}
        for name, found in spans.items()
    }
    pieces = []
    for position, word in enumerate(words):
        at = {name: places[position] for name, places in marks.items() if position in places}
        is_short = len(word) < 3 and any(mark.begins for mark in at.values())  # room for the label
        pieces += [_gap(" ", at), _word(f"<bdi>{html.escape(word)}</bdi>", at, " short" * is_short)]
    lines = [
        f"{name}: " + ("; ".join(f"{' '.join(words[one.start : one.end])} [{one.type}]" for one in found) or "none")
        for name, found in spans.items()
    ]
    return HtmlOutput(_paragraph(pieces[1:], _written(language)), "\n".join([" ".join(words), *lines]))


def _written(language: str) -> str:
    """Attributes of an element with text of a language: ``lang`` and direction; of any language by its letters."""
    return (
        f'lang="{html.escape(language)}" dir="{languages.language(language).direction}"' if language else 'dir="auto"'
    )


def _paragraph(pieces: Sequence[str], where: str) -> str:
    return f'<p class="nl sentence" {where}>{"".join(pieces)}</p>'


def _word(inside: str, at: Mapping[str, Mark], more: str = "") -> str:
    """The HTML of a word with its marks, and `more` classes."""
    above, below = (
        _label(tag, mark.type) if (mark := at.get(name)) and mark.begins else ""
        for tag, name in (("sup", "gold"), ("sub", "predicted"))
    )
    return f'<span class="w{more}{_classes(at, continuing=False)}">{above}{inside}{below}</span>'


def _gap(space: str, at: Mapping[str, Mark]) -> str:
    return f'<span class="gap{_classes(at, continuing=True)}">{space}</span>'


def _classes(at: Mapping[str, Mark], *, continuing: bool) -> str:
    """Colour classes of a word, or of the gap before it (coloured only inside an entity)."""
    return "".join(
        f" {name} {name[0]}{_colour(mark.type)}" for name, mark in at.items() if not (continuing and mark.begins)
    )


def _label(tag: str, name: str) -> str:
    return f'<{tag} dir="ltr" lang="en">{html.escape(name)}</{tag}>'


# --- texts ------------------------------------------------------------------------------------------------------------


def labelled_text(text: str, gold: str, predicted: str | None = None, language: str = "") -> HtmlOutput:
    """Show a text between its gold label (above) and the predicted one (below); a long one up to `LONG_TEXT` words.

    Raises
    ------
    CorpusError
        When `language` is no language tag.
    """
    words = text.split()
    shown = text if len(words) <= LONG_TEXT else f"{' '.join(words[:LONG_TEXT])} {ELLIPSIS}"
    sides = {"gold": gold} | ({} if predicted is None else {"predicted": predicted})
    classes = " ".join(f"{name} {name[0]}{_colour(label, 1)}" for name, label in sides.items())
    above, *below = map(_label, ("sup", "sub"), sides.values())
    inside = f"{above}<p {_written(language)}>{html.escape(shown)}</p>{''.join(below)}"
    return HtmlOutput(
        f'<div class="nl labelled"><div class="{classes}">{inside}</div></div>',
        "\n".join([shown, *map(": ".join, sides.items())]),
    )


# --- questions --------------------------------------------------------------------------------------------------------


def marked_answer(
    question: str, context: str, gold: Sequence[Answer], predicted: str | None = None, language: str = ""
) -> HtmlOutput:
    """Show a question and its context: the gold answers marked above the words, the predicted one below.

    Of a context longer than `LONG_CONTEXT` the surroundings of the answers are shown. A predicted answer is marked
    where it touches a gold one, else at its first occurrence; one that the context does not hold is put behind it, as
    `no answer` is.

    Parameters
    ----------
    question, context
        As in the corpus.
    gold
        The right answers at their places; none where the context does not answer the question.
    predicted
        The predicted answer, "" for none; None: nothing was predicted.
    language
        As for `highlight`.

    Raises
    ------
    CorpusError
        When a gold answer is not at its place, or `language` is no language tag.
    """
    spans = {"gold": _merged((_span_of(answer, context) for answer in gold if answer.text.strip()), len(context))}
    if predicted is not None:
        spans["predicted"] = _found(predicted.strip(), context, spans["gold"])
    kept = _kept(context, [place for found in spans.values() for place in found])
    parts = [
        f" {ELLIPSIS} ".join(_pieces(context, spans, part) for part in kept),
        *(_word(f"<bdi>{html.escape(text)}</bdi>", at) for text, at in _behind(spans, predicted)),
    ]
    where = _written(language)
    body = f"<p {where}>{html.escape(question)}</p>{_paragraph([' '.join(parts)], where)}"
    said = {"gold": " | ".join(answer.text for answer in gold), "predicted": predicted or ""}
    lines = [f"{name}: {said[name] or NO_ANSWER}" for name in spans]
    return HtmlOutput(f'<div class="nl question">{body}</div>', "\n".join([question, *lines]))


def _span_of(answer: Answer, context: str) -> Span:
    there = context[answer.start : answer.start + len(answer.text)]
    if there != answer.text:
        raise CorpusError(f"expected the answer {answer.text!r:.60} at {answer.start}, got {there!r:.60}")
    begin = answer.start + len(there) - len(there.lstrip())
    return begin, begin + len(there.strip())


def _merged(spans: Iterable[Span], length: int) -> list[Span]:
    """Spans of a text of that length in order, those that touch as one."""
    covered = np.zeros(length + 2, dtype=np.int8)
    for begin, end in spans:
        covered[begin + 1 : end + 1] = 1
    return [(begin, end) for begin, end in np.flatnonzero(np.diff(covered)).reshape(-1, 2).tolist()]


def _found(text: str, context: str, gold: Sequence[Span]) -> list[Span]:
    """Where a predicted text is; of several occurrences the first that touches gold, else the first."""
    spans = [match.span() for match in re.finditer(re.escape(text), context)] if text else []
    touching = [(a, b) for a, b in spans if any(a < end and begin < b for begin, end in gold)]
    return (touching or spans)[:1]


def _kept(context: str, marked: Sequence[Span]) -> list[Span]:
    """The parts of a context that are shown: all of a short one, else what surrounds the marks, in whole words."""
    if len(context) <= LONG_CONTEXT:
        return [(0, len(context))]
    around = []
    for begin, end in marked or [(0, 0)]:
        before, after = context[max(0, begin - AROUND) : begin], context[end : end + AROUND]
        left = len(re.sub(r"^\S*\s", "", before) if begin > AROUND else before)
        right = len(re.sub(r"\s\S*$", "", after) if end + AROUND < len(context) else after)
        around.append((begin - left, end + right))
    return _merged(around, len(context))


def _pieces(context: str, spans: Mapping[str, Sequence[Span]], kept: Span) -> str:
    """A part of a context as HTML: every word of an answer, and every gap in it, with its marks; the rest plain."""
    places = [match.span() for match in re.finditer(r"\s+", context)] + [
        one for found in spans.values() for one in found
    ]
    edges = sorted({*kept, *(edge for place in places for edge in place if kept[0] < edge < kept[1])})
    pieces = []
    for begin, end in pairwise(edges):
        plain = html.escape(context[begin:end])
        at = {
            name: Mark(name, begin == a) for name, found in spans.items() for a, b in found if a <= begin and end <= b
        }
        pieces.append(plain if not at else _gap(plain, at) if plain.isspace() else _word(plain, at))
    return "".join(pieces)


def _behind(spans: Mapping[str, Sequence[Span]], predicted: str | None) -> list[tuple[str, dict[str, Mark]]]:
    """What is put behind a context with its marks: `no answer`, and a predicted text that the context does not hold."""
    texts = {"gold": NO_ANSWER, "predicted": predicted or NO_ANSWER}
    missing = {name: Mark(name, True) for name, found in spans.items() if not found}
    return [
        (text, {name: mark for name, mark in missing.items() if texts[name] == text})
        for text in dict.fromkeys(map(texts.__getitem__, missing))
    ]
