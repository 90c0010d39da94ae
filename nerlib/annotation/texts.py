"""Raw text with entities at its code points; how it is cut into sentences and words, and back.

Nothing is normalised, stripped or joined: a place is a slice of the text as it was given.
"""

import importlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import regex

from nerlib.corpora import Sentence
from nerlib.errors import CorpusError, SettingsError
from nerlib.labels import Span, gold_items, to_tags

Place = tuple[int, int]  # first code point, and the one behind the last

# A word is letters, marks and digits, the joiners between them included (U+200C and U+200D are letters' neighbours in
# Persian and Bengali), with apostrophes and hyphens inside, and with points and commas between digits. What is left,
# but for white space and controls, is one grapheme each: punctuation, emoji with all that belongs to them.
_WORD = regex.compile(
    r"(?:\p{N}+(?:[.,:٫٬]\p{N}+)+"
    r"|[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_\u200c\u200d]*(?:['’ʼ‑-][\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_\u200c\u200d]*)*"
    r"|(?![\s\p{Cc}\p{Cf}])\X)"
)
_SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_END, _POINT = frozenset("।॥።፧؟۔。！？!?…᙮།"), "."  # these end a sentence; a point may
_CLOSING = frozenset("\"'”’»)]}›」』")


class Entity(NamedTuple):
    """A slice of a text with a type.

    Attributes
    ----------
    start, end
        First code point of the text, and the one behind the last.
    type
        An entity type; of other tasks a part of speech, a label, `answer`.
    text
        ``text[start:end]`` of the whole text.
    score
        The model's own probability of just this entity (0..1); NaN where nobody knows.
    confidence
        The share of such entities that are right, as calibrated on dev; NaN where that was not possible.
    """

    start: int
    end: int
    type: str
    text: str
    score: float = float("nan")
    confidence: float = float("nan")


@dataclass(frozen=True)
class Document:
    """A text with its entities.

    Attributes
    ----------
    text
        As it was given.
    entities
        In the order of the text.
    language
        Its tag.
    name
        What it is called elsewhere (a file and line, a number in an annotation tool).
    sentences
        The places of the words of each sentence, where they are known; else `cut` finds them.
    annotator
        Who says so; "" where it was a model.
    """

    text: str
    entities: tuple[Entity, ...] = ()
    language: str = ""
    name: str = ""
    sentences: tuple[tuple[Place, ...], ...] = ()
    annotator: str = ""

    def checked(self) -> "Document":
        """Itself, its entities in order.

        Raises
        ------
        CorpusError
            For a text that is none, and an entity that is not the slice that it is said to be, is empty, or overlaps
            another.
        """
        if not isinstance(self.text, str):
            raise CorpusError(f"{self.name or 'text'}: expected a text, got {self.text!r:.60}")
        ordered = tuple(sorted(self.entities))
        for one in ordered:
            if not 0 <= one.start < one.end <= len(self.text) or self.text[one.start : one.end] != one.text:
                raise CorpusError(
                    f"{self.name or 'text'}: expected {one.text!r:.60} ({one.type}) at {one.start}–{one.end}, "
                    f"got {self.text[max(one.start, 0) : max(one.end, 0)]!r:.60}; "
                    "offsets count code points of the text as given"
                )
        for before, after in itertools.pairwise(ordered):
            if after.start < before.end:
                raise CorpusError(
                    f"{self.name or 'text'}: expected entities that are apart, got {before.text!r:.60} "
                    f"({before.type}) and {after.text!r:.60} ({after.type}), which overlap"
                )
        return replace(self, entities=ordered)


def document(words: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], language: str, name: str = "") -> Document:
    """Sentences of words with their tags as one text: a space between words, a line for each sentence."""
    places, entities, texts, at = [], list[Entity](), [], 0
    for row, own in zip(words, tags, strict=True):
        ends = list(itertools.accumulate(len(word) + 1 for word in row))
        places.append(tuple((at + end - 1 - len(word), at + end - 1) for word, end in zip(row, ends, strict=True)))
        texts.append(" ".join(row))
        entities += entities_at(texts[-1], places[-1], gold_items(own, strict=False), at)
        at += len(texts[-1]) + 1
    return Document("\n".join(texts), tuple(entities), language, name, tuple(places))


def entities_at(text: str, places: Sequence[Place], spans: Sequence[Span], at: int = 0) -> list[Entity]:
    """Spans of words as entities of a text that begins at code point `at` of the places."""
    ends = ((places[first][0], places[last - 1][1], kind) for first, last, kind in spans)
    return [Entity(start, end, kind, text[start - at : end - at]) for start, end, kind in ends]


def sentences_of(given: Document) -> list[Sentence]:
    """A document as tagged sentences, words cut where an entity begins or ends within one.

    Raises
    ------
    CorpusError
        For an entity that does not fit (see `Document.checked`) or that reaches across the end of a sentence.
    """
    entities = given.checked().entities
    edges = sorted({edge for one in entities for edge in one[:2]})
    made = []
    for number, sentence in enumerate(given.sentences or cut(given.text, given.language), start=1):
        # words in parts, cut at the edges of entities that lie inside
        words = [
            part
            for start, end in sentence
            for part in itertools.pairwise((start, *(edge for edge in edges if start < edge < end), end))
        ]
        first, last = words[0][0], words[-1][1]
        own = [one for one in entities if one.start < last and first < one.end]
        if outside := [one for one in own if one.start < first or one.end > last]:
            raise CorpusError(
                f"{given.name or 'text'}: expected entities within a sentence, got {outside[0].text!r:.80} "
                f"({outside[0].type}) across the end of sentence {number}"
            )
        inside = [[i for i, (a, b) in enumerate(words) if one.start <= a and b <= one.end] for one in own]
        spans = [Span(at[0], at[-1] + 1, one.type) for one, at in zip(own, inside, strict=True) if at]
        texts = tuple(given.text[a:b] for a, b in words)
        made.append(Sentence(texts, to_tags(spans, len(words)), given.language, f"{given.name}:{number}"))
    return made


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut(text: str, language: str = "") -> tuple[tuple[Place, ...], ...]:
    """The places of the words of each sentence.

    A line's end ends a sentence; so do the marks of many scripts, and a point before white space and a capital (or a
    letter of a script without capitals), except behind a single letter. Sentences without any word are none.

    Parameters
    ----------
    text
        Of any script and normal form.
    language
        Its tag: the locale of words of scripts that are written without spaces, which ICU cuts.

    Raises
    ------
    SettingsError
        When a text is written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) and ICU is not installed.
    """
    sentences: list[list[Place]] = [[]]
    end, last, ended = 0, "", ""  # of the word before; `ended`: the mark that ended its sentence, if one did
    for place in _words(text, language):
        word, gap = text[place[0] : place[1]], text[end : place[0]]
        behind = ended and not gap and (word in _CLOSING or word in _END or word == _POINT)
        if not behind:
            point = ended == _POINT and gap and not word[0].islower()
            if sentences[-1] and (ended in _END or point or "\n" in gap or "\u2029" in gap):
                sentences.append([])
            single = word == _POINT and len(last) == 1 and last.isalpha()
            ended = word if word in _END or (word == _POINT and not single) else ""
        sentences[-1].append(place)
        end, last = place[1], word
    return tuple(tuple(sentence) for sentence in sentences if sentence)


def _words(text: str, language: str) -> Iterator[Place]:
    spaceless = bool(_SPACELESS.search(text))
    for match in _WORD.finditer(text):
        if not spaceless or not _SPACELESS.search(match[0]):
            yield match.span()
        else:
            pieces = needed(
                "icu4py.breakers",
                "a text that is written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar): expected ICU to cut its "
                "words; pip install 'nerlib[use]'",
            ).WordBreaker(match[0], language or "en")
            yield from itertools.pairwise(itertools.accumulate(map(len, pieces), initial=match.start()))


def needed(module: str, what_for: str) -> Any:
    """A module that is not installed with all of nerlib; `SettingsError` says what for, and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SettingsError(what_for) from None
