"""Tags of a foreign system brought onto the words of gold, where that is unambiguous."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from nerlib.corpora import comparable
from nerlib.labels import Span, spans, to_tags

How = Literal["equal", "other spelling", "other words", "excluded"]
MOST = 0.5  # of a sentence's words may be spelled otherwise (a lost zero, another quotation mark), not more


class Aligned(NamedTuple):
    """A sentence's predicted tags on gold's words.

    Attributes
    ----------
    tags
        One a word of gold; all "O" when the sentence is excluded.
    how
        `equal`: the same words. `other spelling`: as many words, at most half of them written otherwise. `other words`:
        the same characters cut otherwise, and every predicted entity begins and ends where gold's words do.
        `excluded`: anything else.
    """

    tags: tuple[str, ...]
    how: How


def align(gold: Sequence[str], words: Sequence[str], tags: Sequence[str]) -> Aligned:
    """Bring the tags of a system's own words onto gold's words.

    Parameters
    ----------
    gold
        Words of a sentence in the corpus.
    words, tags
        Words and predicted tags of the same sentence in the system's file.
    """
    expected, met = comparable(gold), comparable(words)
    if expected == met:
        return Aligned(tuple(tags), "equal")
    if len(expected) == len(met):
        otherwise = sum(a != b for a, b in zip(expected, met, strict=True))
        if otherwise <= MOST * len(expected):
            return Aligned(tuple(tags), "other spelling")
    if "".join(expected) == "".join(met) and (moved := _by_characters(expected, met, tags)) is not None:
        return Aligned(moved, "other words")
    return Aligned(("O",) * len(gold), "excluded")


def _by_characters(gold: Sequence[str], words: Sequence[str], tags: Sequence[str]) -> tuple[str, ...] | None:
    """The entities (read leniently) on gold's words; None when one begins or ends inside a word of gold."""
    begins = {place: number for number, place in enumerate(_starts(gold))}
    begins[sum(map(len, gold))] = len(gold)
    starts = [*_starts(words), sum(map(len, words))]
    moved = []
    for start, end, entity_type in spans(tags, strict=False):
        if starts[start] not in begins or starts[end] not in begins:
            return None
        moved.append(Span(begins[starts[start]], begins[starts[end]], entity_type))
    return to_tags(moved, len(gold))


def _starts(words: Sequence[str]) -> list[int]:
    """The character at which each word begins."""
    starts, place = [], 0
    for word in words:
        starts.append(place)
        place += len(word)
    return starts
