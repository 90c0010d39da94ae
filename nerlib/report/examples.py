"""Examples of corpora in running text: gold is marked above the words, what was predicted below.

Everything from a corpus is escaped, and shown in its language's direction of writing.
"""

import html
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from nerlib import labels, languages
from nerlib.corpora import Answer, Example, LabelledText, Question, Sentence
from nerlib.errors import CorpusError
from nerlib.report.output import HtmlOutput

LONG_TEXT = 100  # words of a text that are shown, at most
LONG_CONTEXT, AROUND = 700, 160  # code points: longer contexts are shown around their answers, by so much
ELLIPSIS, NO_ANSWER = "…", "no\u00a0answer"

Span = tuple[int, int]  # first code point of a context, and the one behind the last

_COLOURS = {"PER": 1, "ORG": 2, "LOC": 3, "DATE": 4, "MISC": 5}
_COLOURS |= {"positive": 3, "negative": 2, "neutral": 8, "gold": 1, "predicted": 1}


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
    match shown:
        case Sentence():
            return highlight(shown.words, shown.tags, predicted, shown.language)
        case LabelledText():
            return labelled_text(shown.text, shown.label, None if predicted is None else predicted[0], shown.language)
        case Question():
            answer = None if predicted is None else "".join(predicted)
            return marked_answer(shown.question, shown.context, shown.answers, answer, shown.language)


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
    marks = {name: _marks(tags) for name, tags in rows.items()}
    pieces = []
    for position, word in enumerate(words):
        at = {name: types[position] for name, types in marks.items()}
        if position:
            pieces.append(_gap(" ", at))
        begins = any(mark and mark.begins for mark in at.values())
        short = " short" if begins and len(word) < 3 else ""  # room for the label
        pieces.append(_word(f"<bdi>{html.escape(word)}</bdi>", at, short))
    lines = [f"{name}: {_spans_in_words(words, tags)}" for name, tags in rows.items()]
    return HtmlOutput(_paragraph(pieces, _written(language)), "\n".join([" ".join(words), *lines]))


def _written(language: str) -> str:
    """Attributes of an element with text of a language: ``lang`` and direction; of any language by its letters."""
    if not language:
        return 'dir="auto"'
    return f'lang="{html.escape(language)}" dir="{languages.language(language).direction}"'


def _paragraph(pieces: Sequence[str], where: str) -> str:
    return f'<p class="nl sentence" {where}>{"".join(pieces)}</p>'


def _word(inside: str, at: Mapping[str, Mark | None], more: str = "") -> str:
    """The HTML of a word with its marks, and `more` classes."""
    above, below = (
        _label(tag, mark.type) if (mark := at.get(name)) and mark.begins else ""
        for tag, name in (("sup", "gold"), ("sub", "predicted"))
    )
    return f'<span class="w{more}{_classes(at, continuing=False)}">{above}{inside}{below}</span>'


def _gap(space: str, at: Mapping[str, Mark | None]) -> str:
    return f'<span class="gap{_classes(at, continuing=True)}">{space}</span>'


def _marks(tags: Sequence[str]) -> list[Mark | None]:
    """By word: the mark of the entity that it is part of; None outside."""
    marks: list[Mark | None] = [None] * len(tags)
    for span in labels.gold_items(tags, strict=False):
        for position in range(span.start, span.end):
            marks[position] = Mark(span.type, position == span.start)
    return marks


def _classes(at: Mapping[str, Mark | None], *, continuing: bool) -> str:
    """Colour classes of a word, or of the gap before it (coloured only inside an entity)."""
    found = (f" {name} {name[0]}{_colour(m.type)}" for name, m in at.items() if m and not (continuing and m.begins))
    return "".join(found)


def _label(tag: str, name: str) -> str:
    return f'<{tag} dir="ltr" lang="en">{html.escape(name)}</{tag}>'


def _spans_in_words(words: Sequence[str], tags: Sequence[str]) -> str:
    found = labels.gold_items(tags, strict=False)
    return "; ".join(f"{' '.join(words[span.start : span.end])} [{span.type}]" for span in found) or "none"


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
    inside, classes = f"<p {_written(language)}>{html.escape(shown)}</p>", f"gold g{_colour(gold, 1)}"
    if predicted is not None:
        inside, classes = inside + _label("sub", predicted), f"{classes} predicted p{_colour(predicted, 1)}"
    body = f'<div class="nl labelled"><div class="{classes}">{_label("sup", gold)}{inside}</div></div>'
    answers = [f"gold: {gold}"] + ([] if predicted is None else [f"predicted: {predicted}"])
    return HtmlOutput(body, "\n".join([shown, *answers]))


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
    spans = {"gold": _merged(_span_of(answer, context) for answer in gold if answer.text.strip())}
    if predicted is not None:
        spans["predicted"] = _found(predicted.strip(), context, spans["gold"])
    kept = _kept(context, [place for found in spans.values() for place in found])
    parts = [f" {ELLIPSIS} ".join(_pieces(context, spans, part) for part in kept)]
    parts += [_word(f"<bdi>{html.escape(text)}</bdi>", at) for text, at in _behind(spans, predicted)]
    where = _written(language)
    body = f"<p {where}>{html.escape(question)}</p>{_paragraph([' '.join(parts)], where)}"
    lines = [f"gold: {' | '.join(answer.text for answer in gold) or NO_ANSWER}"]
    lines += [] if predicted is None else [f"predicted: {predicted or NO_ANSWER}"]
    return HtmlOutput(f'<div class="nl question">{body}</div>', "\n".join([question, *lines]))


def _span_of(answer: Answer, context: str) -> Span:
    begin, end = answer.start, answer.start + len(answer.text)
    if context[begin:end] != answer.text:
        raise CorpusError(f"expected the answer {answer.text!r:.60} at {begin}, got {context[begin:end]!r:.60}")
    bare = answer.text.strip()
    begin += answer.text.index(bare)
    return begin, begin + len(bare)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch as one."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


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
        if begin > AROUND:
            before = re.sub(r"^\S*\s", "", before)
        if end + AROUND < len(context):
            after = re.sub(r"\s\S*$", "", after)
        around.append((begin - len(before), end + len(after)))
    return _merged(around)


def _pieces(context: str, spans: Mapping[str, Sequence[Span]], kept: Span) -> str:
    """A part of a context as HTML: every word of an answer, and every gap in it, with its marks; the rest plain."""
    spaces = (edge for match in re.finditer(r"\s+", context) for edge in match.span())
    answers = (edge for found in spans.values() for place in found for edge in place)
    edges = sorted({*kept, *(edge for edge in (*spaces, *answers) if kept[0] < edge < kept[1])})
    pieces = []
    for begin, end in pairwise(edges):
        text = context[begin:end]
        at = {
            name: Mark(name, begin == a) for name, found in spans.items() for a, b in found if a <= begin and end <= b
        }
        plain = html.escape(text)
        pieces.append(plain if not at else _gap(plain, at) if text.isspace() else _word(plain, at))
    return "".join(pieces)


def _behind(spans: Mapping[str, Sequence[Span]], predicted: str | None) -> list[tuple[str, dict[str, Mark | None]]]:
    """What is put behind a context with its marks: `no answer`, and a predicted text that the context does not hold."""
    texts = {"gold": NO_ANSWER, "predicted": predicted or NO_ANSWER}
    behind: dict[str, dict[str, Mark | None]] = {}
    for name, found in spans.items():
        if not found:
            behind.setdefault(texts[name], {})[name] = Mark(name, True)
    return list(behind.items())
