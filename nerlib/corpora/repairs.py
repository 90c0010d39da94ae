"""From tags as files have them to nerlib's: what is unambiguous is repaired and counted, the rest refused."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from nerlib import labels
from nerlib.corpora.columns import RawSentence
from nerlib.corpora.types import Sentence
from nerlib.errors import CorpusError

NO_TAG = "missing tag read as O"
GLUED_TAG = "tag glued to the token separated"
LONE_HYPHEN = "tag '-' read as O"
BARE_TAG = "tag without B- or I-, runs read as one entity"
TYPE_O = "entity of type O read as O"
INSIDE_AFTER_OUTSIDE = "I- after O or at the start read as B-"
INSIDE_OF_OTHER_TYPE = "I- after another type read as B-"
INVISIBLE = "tokens with invisible characters, kept"
LEFT_OUT = "entities left out, of type "

NO_TAG_AT_MOST = 0.01  # of a file's words: with more, the file is probably in another format
KNOWN_FROM = 5  # a bare word that stands in the tag column so often is a type, not a slip

# Joiners and marks without a glyph of their own, and the no-break space: letters' neighbours in many scripts.
_INVISIBLE = re.compile("[\u00a0\u00ad\u0085\u200b-\u200f\u2028-\u202e\u2060\ufeff]")


def to_sentences(
    splits: Mapping[str, Sequence[RawSentence]], language: str, task: str, repairs: Counter[str]
) -> dict[str, tuple[Sentence, ...]]:
    """Sentences with valid tags: IOB2 for `ner`, parts of speech for `pos`.

    Tags are judged over all splits together, since a type may stand in one split only.

    Raises
    ------
    CorpusError
        For a tag that cannot be read; the message names file and line.
    """
    rows = [row for split in splits.values() for row in split]
    for row in rows:
        if _INVISIBLE.search("".join(row.words)):
            repairs[INVISIBLE] += sum(_INVISIBLE.search(word) is not None for word in row.words)
    if task == "ner":
        tags = iter(_iob2(rows, repairs))
    else:
        _check_parts_of_speech(rows)
        tags = (tuple(row.tags) for row in rows)
    return {
        split: tuple(
            Sentence(tuple(row.words), next(tags), language, f"{Path(row.file).name}:{row.lines[0]}")
            for row in sentences
        )
        for split, sentences in splits.items()
    }


def _check_parts_of_speech(rows: Sequence[RawSentence]) -> None:
    """Refuse tags that are no universal parts of speech: the first by its place, and all of them by name."""
    others = sorted({tag for row in rows for tag in row.tags} - set(labels.UPOS))
    for row in rows if others else ():
        for tag, line in zip(row.tags, row.lines, strict=True):
            if tag not in labels.UPOS:
                nearest = get_close_matches(tag.upper(), labels.UPOS, 1)
                hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
                besides = f"; tags of this corpus that are none: {', '.join(others)}" if len(others) > 1 else ""
                raise CorpusError(
                    f"{row.file}:{line}: expected a universal part of speech ({', '.join(labels.UPOS)}), "
                    f"met {tag!r}{hint}{besides}"
                )


class _Reading(NamedTuple):
    prefix: str
    type: str
    repair: str = ""


def _iob2(rows: Sequence[RawSentence], repairs: Counter[str]) -> list[tuple[str, ...]]:
    counts = Counter(tag for row in rows for tag in row.tags)
    known = _known_types(counts, rows)
    if "" in counts:
        _fill_missing(rows, [tag for tag in counts if _type_of(tag) in known], repairs)
        counts = Counter(tag for row in rows for tag in row.tags)
    readings = {tag: _reading(tag, known, rows) for tag in counts}
    # Where no tag has a prefix, bare types are the corpus's scheme and no fault.
    mixed = any(reading.prefix not in ("O", labels.BARE) for reading in readings.values())
    for tag, reading in readings.items():
        if reading.repair and (mixed or reading.repair != BARE_TAG):
            repairs[reading.repair] += counts[tag]
    parsed = [[readings[tag][:2] for tag in row.tags] for row in rows]
    plain = {tag: "-".join(reading[:2]).strip("-") for tag, reading in readings.items()}
    scheme = labels.scheme_of([plain[tag] for tag in row.tags] for row in rows)
    return [_lenient(sentence, scheme, repairs) for sentence in parsed]


def _type_of(tag: str) -> str:
    """The type of a tag that has one: of `B-PER`, `PER` and the broken `-PER` alike; else ""."""
    try:
        return labels.parse(tag.removeprefix("-"))[1]
    except CorpusError:
        return ""


def _known_types(counts: Mapping[str, int], rows: Sequence[RawSentence]) -> set[str]:
    """Types that occur with a prefix, or bare and often; all bare ones where no tag has a prefix."""
    bare = {tag for tag in counts if _type_of(tag) == tag}
    known = {_type_of(tag) for tag in counts if tag[1:2] == "-" and tag[0] in labels.PREFIXES} - {"", "O"}
    if known:
        return known | {tag for tag in bare if counts[tag] >= KNOWN_FROM}
    if bare and "O" not in counts:
        file, line = next((row.file, row.lines[0]) for row in rows)
        raise CorpusError(
            f"{file}:{line}: expected entity tags (O, B-PER, ...), met only {', '.join(sorted(bare)[:8])} and no O; "
            "for parts of speech ask for the task 'pos'"
        )
    return bare


def _reading(tag: str, known: set[str], rows: Sequence[RawSentence]) -> _Reading:
    if tag == "-":
        return _Reading("O", "", LONE_HYPHEN)
    try:
        if tag.startswith("-") and tag[1:] in known:
            return _Reading(labels.BARE, tag[1:], BARE_TAG)
        prefix, entity_type = labels.parse(tag)
        if entity_type == "O":  # `B-O`, in some Universal NER files
            return _Reading("O", "", TYPE_O)
        if prefix != labels.BARE:
            return _Reading(prefix, entity_type)
        if entity_type in known:
            return _Reading(prefix, entity_type, BARE_TAG)
        nearest = get_close_matches(tag, known, 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise CorpusError(
            f"expected O or a type of this corpus ({', '.join(sorted(known))}), met the tag {tag!r}{hint}"
        )
    except CorpusError as error:
        file, line = next(
            (row.file, line) for row in rows for other, line in zip(row.tags, row.lines, strict=True) if other == tag
        )
        raise CorpusError(f"{file}:{line}: {error}") from None


def _fill_missing(rows: Sequence[RawSentence], glueable: Sequence[str], repairs: Counter[str]) -> None:
    """Give a tag to words without one: the known tag that is glued to the word, else O."""
    words_of: Counter[str] = Counter()
    missing_of: Counter[str] = Counter()
    first: dict[str, int] = {}
    longest_first = sorted(glueable, key=len, reverse=True)
    for row in rows:
        words_of[row.file] += len(row.words)
        for place, (word, tag) in enumerate(zip(row.words, row.tags, strict=True)):
            if tag:
                continue
            glued = next((known for known in longest_first if _ends_with_tag(word, known)), "")
            repairs[GLUED_TAG if glued else NO_TAG] += 1
            row.words[place] = word[: len(word) - len(glued)]
            row.tags[place] = glued or "O"
            missing_of[row.file] += not glued
            first.setdefault(row.file, row.lines[place])
    for file, missing in missing_of.items():
        if missing > NO_TAG_AT_MOST * words_of[file]:
            raise CorpusError(
                f"{file}:{first[file]}: expected a tag for each word, met {missing} of {words_of[file]} words without "
                f"one; up to {NO_TAG_AT_MOST:.0%} would be read as O"
            )


def _ends_with_tag(word: str, tag: str) -> bool:
    """Whether a word ends with a tag that cannot be its own letters: a prefixed tag, or a type after another script."""
    rest = word[: -len(tag)]
    return bool(rest) and word.endswith(tag) and ("-" in tag or not rest[-1].isascii())


def _lenient(parsed: Sequence[tuple[str, str]], scheme: labels.Scheme, repairs: Counter[str]) -> tuple[str, ...]:
    spans = labels.read_spans(parsed, labels.BEGINS_LENIENT)
    if scheme != "IOB1":
        for span in spans:
            if parsed[span.start][0] in ("I", "E"):
                after_entity = span.start > 0 and parsed[span.start - 1][0] != "O"
                repairs[INSIDE_OF_OTHER_TYPE if after_entity else INSIDE_AFTER_OUTSIDE] += 1
    return labels.to_tags(spans, len(parsed))


# --- types ----------------------------------------------------------------------------------------------------------


def map_types(
    splits: Mapping[str, Sequence[Sentence]], label_map: Mapping[str, str], keep: Sequence[str], repairs: Counter[str]
) -> dict[str, tuple[Sentence, ...]]:
    """Rename entity types and leave out those that are not kept.

    Parameters
    ----------
    label_map
        From a type to its new name; "" or "O" drops it.
    keep
        The types that stay, by their new names; empty: all.
    repairs
        Counts the entities that were left out, by their type in the corpus.
    """
    tags = {tag for split in splits.values() for sentence in split for tag in sentence.tags}
    renamed = {}
    for tag in tags - {"O"}:
        prefix, _, old = tag.partition("-")
        new = label_map.get(old, old)
        renamed[tag] = f"{prefix}-{new}" if new not in ("", "O") and (not keep or new in keep) else "O"
    if all(old == new for old, new in renamed.items()):
        return {split: tuple(sentences) for split, sentences in splits.items()}
    for sentences in splits.values():
        for sentence in sentences:
            for tag in sentence.tags:
                if tag.startswith("B-") and renamed[tag] == "O":
                    repairs[LEFT_OUT + tag[2:]] += 1
    return {
        split: tuple(replace(s, tags=tuple(renamed.get(tag, tag) for tag in s.tags)) for s in sentences)
        for split, sentences in splits.items()
    }
