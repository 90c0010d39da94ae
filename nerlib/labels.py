"""Tag schemes: what a row of tags says about entities, and how to write entities as tags.

A *tag* is `O`, or a prefix and a type (`B-PER`). An entity is a `Span` of words with a type. Inside nerlib every tag is
IOB2: `B-` begins an entity, `I-` continues it. Other schemes are rewritten when a corpus is read.

Two readings of IOB2 tags exist, and they differ on tags that no annotator would write (a model does):

* strict: only `B-` begins an entity; an `I-` that continues none is no entity. The project's headline.
* lenient: whatever continues nothing begins an entity, as `conlleval` reads it (Tjong Kim Sang & De Meulder 2003).
  Publications mostly score so.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from nerlib.errors import CorpusError

#: What may be said of a question: where its answer stands, and, where a corpus has such questions, that there is none.
ANSWER, NO_ANSWER = "answer", "none"

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART"),
    *("PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)  # Universal Dependencies' parts of speech, which are tags of single words

Scheme = Literal["IOB1", "IOB2", "BILOU", "BIOES", "bare"]

# How the prefixes are read. BILOU and BIOES are one scheme in two spellings; a bare type has the prefix "-".
PREFIXES = {"B": "B", "I": "I", "L": "E", "E": "E", "U": "S", "S": "S"}
BARE = "-"

# A word continues the entity of the word before it only within one type and for these (previous, its own) prefixes.
CONTINUES = {(before, own) for before in ("B", "I", BARE) for own in ("I", "E", BARE)}
# A word that continues nothing begins an entity when its prefix is one of these.
BEGINS_STRICT = {"B"}
BEGINS_LENIENT = {"B", "I", "E", "S", BARE}


class Span(NamedTuple):
    """An entity: the words `start` up to but without `end`, as in slices."""

    start: int
    end: int
    type: str


def tag_names(types: Iterable[str]) -> tuple[str, ...]:
    """The IOB2 tags for entity types, `O` first: `("O", "B-PER", "I-PER", ...)`."""
    return ("O", *(f"{prefix}-{entity_type}" for entity_type in types for prefix in "BI"))


@lru_cache(maxsize=4096)
def parse(tag: str) -> tuple[str, str]:
    """Split a tag of any scheme into prefix and type.

    Returns
    -------
    tuple of str
        The prefix as `PREFIXES` reads it (`-` for a bare type) and the type; `("O", "")` for `O`.

    Raises
    ------
    CorpusError
        For an unknown prefix, a missing type, or what can be neither a tag nor a bare type.
    """
    if tag == "O":
        return "O", ""
    if any(letter.isspace() for letter in tag):
        raise CorpusError(f"expected a tag without white space, got {tag!r}")
    prefix, hyphen, entity_type = tag.partition("-")
    if hyphen and len(prefix) == 1 and entity_type:
        if prefix not in PREFIXES:
            raise CorpusError(f"expected a tag with one of the prefixes {', '.join(PREFIXES)}, got {tag!r}")
        return PREFIXES[prefix], entity_type
    # One character is no type: "o", "0", "_" and a lone "B" are slips that must not become entities.
    if len(prefix) > 1 and prefix[0].isalpha():
        return BARE, tag
    raise CorpusError(f"expected a tag such as 'O' or 'B-PER', got {tag!r}")


def read_spans(parsed: Iterable[tuple[str, str]], begins: Iterable[str]) -> list[Span]:
    """Entities of one sentence by the tables above.

    Parameters
    ----------
    parsed
        Prefix and type of each word, as `parse` gives them.
    begins
        `BEGINS_STRICT` or `BEGINS_LENIENT`.
    """
    found: list[Span] = []
    start, before, previous_type = -1, "O", ""  # start < 0: no entity is open
    for here, (prefix, entity_type) in enumerate(itertools.chain(parsed, [("O", "")])):  # the end closes what is open
        if entity_type != previous_type or (before, prefix) not in CONTINUES:
            if start >= 0:
                found.append(Span(start, here, previous_type))
            start = here if prefix in begins else -1
        before, previous_type = prefix, entity_type
    return found


def spans(tags: Sequence[str], *, strict: bool) -> list[Span]:
    """Entities in one sentence's IOB2 tags.

    Parameters
    ----------
    tags
        One IOB2 tag a word.
    strict
        True: as seqeval with `mode="strict", scheme=IOB2`. False: as seqeval's default, which is conlleval's.

    Raises
    ------
    CorpusError
        When a tag is not `O`, `B-` or `I-` with a type.
    """
    parsed = [parse(tag) for tag in tags]
    for index, (prefix, _) in enumerate(parsed):
        if prefix not in ("O", "B", "I") or tags[index][0] != prefix:
            raise CorpusError(f"expected IOB2 tags (O, B-..., I-...), got {tags[index]!r} at word {index + 1}")
    return read_spans(parsed, BEGINS_STRICT if strict else BEGINS_LENIENT)


def gold_items(tags: Sequence[str], *, strict: bool = True) -> list[Span]:
    """What is to be found in a sentence: its entities, or, where the tags are parts of speech, each of its words.

    Parameters
    ----------
    tags
        IOB2 tags, or universal parts of speech, one a word.
    strict
        How IOB2 tags are read: see `spans`.

    Raises
    ------
    CorpusError
        When the tags are neither.
    """
    if set(tags).issubset(UPOS):
        return [Span(index, index + 1, tag) for index, tag in enumerate(tags)]
    return spans(tags, strict=strict)


def to_tags(entities: Iterable[Span], length: int) -> tuple[str, ...]:
    """Write entities as the IOB2 tags of a sentence of `length` words.

    Raises
    ------
    CorpusError
        When an entity is empty, overlaps another, or ends beyond the sentence.
    """
    tags = ["O"] * length
    for start, end, entity_type in entities:
        if not 0 <= start < end <= length or any(tag != "O" for tag in tags[start:end]):
            raise CorpusError(
                f"expected entities that are apart and inside {length} words, got {entity_type} {start}–{end}"
            )
        tags[start:end] = [f"B-{entity_type}", *[f"I-{entity_type}"] * (end - start - 1)]
    return tuple(tags)


def scheme_of(tags: Iterable[tuple[str, str, int]]) -> Scheme:
    """Which scheme the tags of a corpus are written in.

    IOB1 and IOB2 use the same letters. IOB1 begins an entity with `I-`, and with `B-` only straight after another of
    its type; so the scheme is IOB1 when more entities begin with `I-` than with a `B-` that IOB1 would not write. Bare
    types count only when no tag at all has a prefix.

    Parameters
    ----------
    tags
        The tag before (`O` at a sentence's start), the tag, and how often it follows that one.

    Raises
    ------
    CorpusError
        When a tag cannot be read, or letters of two schemes are mixed.
    """
    begins: Counter[str] = Counter()
    letters: set[str] = set()
    for before, tag, often in tags:
        prefix, kind = parse(tag)
        letters.update(tag[0] if prefix not in ("O", BARE) else ())
        begins[prefix] += often if kind not in ("", parse(before)[1]) else 0
    if not letters:
        return "bare"
    if letters <= {"B", "I"}:
        return "IOB1" if begins["I"] > begins["B"] else "IOB2"
    for scheme in ("BILOU", "BIOES"):
        if letters <= set(scheme):
            return scheme
    raise CorpusError(f"expected the prefixes of one scheme, got {', '.join(sorted(letters))}")
