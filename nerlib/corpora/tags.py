"""From tags and labels as files have them to nerlib's: what is unambiguous is repaired and counted, else refused.

Then they are chosen and renamed, by label maps.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nerlib import labels
from nerlib.corpora.conll import RawSentence
from nerlib.corpora.files import AS_ASKED, GAPS_AT_MOST, Notes, misnamed, refusing, with_hint
from nerlib.errors import CorpusError
from nerlib.examples import LabelledText, Sentence
from nerlib.vocabulary import form_of

BARE_TAG = "tag without B- or I-, runs read as one entity"

KNOWN_FROM = 5  # a bare word that stands in the tag column so often is a type, not a slip
LONG = 1000  # words in a sentence: with more, blank lines are probably missing

# Joiners and marks without a glyph of their own, and the no-break space: letters' neighbours in many scripts.
_INVISIBLE = re.compile("[\u00a0\u00ad\u0085\u200b-\u200f\u2028-\u202e\u2060\ufeff]")

# Label maps by name. One is taken by itself when types are asked for that a corpus has only under these other names.
LABEL_MAPS: dict[str, dict[str, str]] = {
    "il_ner": {"NEP": "PER", "NEL": "LOC", "NEO": "ORG"},
    "lower_case": {"per": "PER", "pers": "PER", "loc": "LOC", "org": "ORG", "misc": "MISC", "date": "DATE"},
    "spelled_out": {"PERSON": "PER", "LOCATION": "LOC", "ORGANIZATION": "ORG", "ORGANISATION": "ORG"},
}


Read = dict[tuple[str, ...], tuple[str, ...]]  # a sentence's tags in nerlib's form, by those of its file


def to_sentences(
    splits: Mapping[str, Sequence[RawSentence]], language: str, task: str, notes: Notes
) -> dict[str, tuple[Sentence, ...]]:
    """Sentences with valid tags: IOB2 for `ner`, parts of speech for `pos`.

    Tags are judged over all splits together, since a type may stand in one split only.

    Raises
    ------
    CorpusError
        For a tag that cannot be read; the message names file and line.
    """
    rows = [row for split in splits.values() for row in split]
    notes.repairs["tokens with invisible characters, kept"] += sum(
        _INVISIBLE.search(word) is not None
        for row in rows
        if not (letters := "".join(row.words)).isascii() and _INVISIBLE.search(letters)
        for word in row.words
    )
    read = _iob2(rows, notes) if form_of(task) == "entities" else _parts_of_speech(rows)
    names, left = {file: Path(file).name for file in {row.file for row in rows}}, iter(rows)
    sentences = {
        split: tuple(
            Sentence(
                row.words,
                read.get(row.tags, row.tags),
                language,
                f"{names[row.file]}:{row.lines[0]}",
                document=row.document,
            )
            for row in itertools.islice(left, len(split_rows))
        )
        for split, split_rows in splits.items()
    }
    longest = max((s for split in sentences.values() for s in split), key=lambda s: len(s.words), default=None)
    if longest and len(longest.words) > LONG:
        notes.warnings.append(
            f"{longest.where}: a sentence of {len(longest.words)} words; are the blank lines between sentences missing?"
        )
    return sentences


def _first(rows: Sequence[RawSentence], tags: Sequence[str]) -> tuple[str, str]:
    """File and line of the first word with one of the tags, and the tag."""
    tagged = ((row, *pair) for row in rows for pair in zip(row.tags, row.lines, strict=True))
    return next((f"{row.file}:{line}", tag) for row, tag, line in tagged if tag in tags)


def _parts_of_speech(rows: Sequence[RawSentence]) -> Read:
    """Nothing is read otherwise; what is no universal part of speech is refused: the first by line, all by name."""
    if others := sorted(set().union(*{row.tags for row in rows}) - set(labels.UPOS)):
        where, tag = _first(rows, others)
        besides = f"; tags of this corpus that are none: {', '.join(others)}" if len(others) > 1 else ""
        message = f"{where}: expected one of the 17 universal parts of speech (ADJ, ADP, ..., X), got {tag!r}"
        raise CorpusError(with_hint(message, tag.upper(), labels.UPOS) + besides)
    return {}


def _iob2(rows: list[RawSentence], notes: Notes) -> Read:
    """What a sentence's tags are in IOB2, where they are not as they stand; words without a tag get one in `rows`."""
    counts = _counted(rows)
    known = _known_types(counts, rows)
    if counts.pop("", 0):
        _fill_missing(rows, [tag for tag in counts if _type_of(tag) in known], notes)
        counts = _counted(rows)
    readings = {"O": ("O", "", "")}
    with refusing(lambda: _first(rows, [tag])[0], CorpusError):
        for tag in counts:
            readings[tag] = _reading(tag, known)
    # Where no tag has a prefix, bare types are the corpus's scheme and no fault.
    mixed = any(prefix not in ("O", labels.BARE) for prefix, _, _ in readings.values())
    for tag, (_, _, repair) in readings.items():
        if repair and (mixed or repair != BARE_TAG):
            notes.repairs[repair] += counts[tag]
    often, pairs = Counter(row.tags for row in rows), Counter[tuple[str, str]]()  # what recurs is read once
    for tags, n in often.items():
        for pair in zip(("O", *tags), tags, strict=False):
            pairs[pair] += n
    plain = {tag: f"{prefix}-{kind}".strip("-") for tag, (prefix, kind, _) in readings.items()}
    scheme = labels.scheme_of((plain[before], plain[tag], n) for (before, tag), n in pairs.items())
    odd = {(before, tag) for before, tag in pairs if readings[tag][2] or not _follows(before, tag)}
    return {
        tags: _lenient([readings[tag][:2] for tag in tags], scheme, n, notes)
        for tags, n in often.items()
        if odd and not odd.isdisjoint(zip(("O", *tags), tags, strict=False))
    }


def _follows(before: str, tag: str) -> bool:
    """Whether a tag stands as IOB2 has it behind the one before."""
    return tag == "O" or tag[:2] == "B-" or (tag[:2] == "I-" and before in (tag, f"B-{tag[2:]}"))


def _counted(rows: Iterable[RawSentence | Sentence]) -> Counter[str]:
    return Counter(itertools.chain.from_iterable(row.tags for row in rows))


def _lenient(parsed: Sequence[tuple[str, str]], scheme: labels.Scheme, often: int, notes: Notes) -> tuple[str, ...]:
    """IOB2 of the tags of so many sentences, repairs counted."""
    spans = labels.read_spans(parsed, labels.BEGINS_LENIENT)
    for start, _, _ in spans if scheme != "IOB1" else ():
        if parsed[start][0] in ("I", "E"):
            before = "another type" if start > 0 and parsed[start - 1][0] != "O" else "O or at the start"
            notes.repairs[f"I- after {before} read as B-"] += often
    return labels.to_tags(spans, len(parsed))


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
    if not known and bare and "O" not in counts:
        raise CorpusError(
            f"{rows[0].file}:{rows[0].lines[0]}: expected entity tags (O, B-PER, ...), got only "
            f"{', '.join(sorted(bare)[:8])} and no O; for parts of speech ask for the task 'pos'"
        )
    return known | {tag for tag in bare if not known or counts[tag] >= KNOWN_FROM}


def _reading(tag: str, known: set[str]) -> tuple[str, str, str]:
    """Prefix and type of a tag, and the repair that this is, if any."""
    if tag == "-":
        return "O", "", "tag '-' read as O"
    if tag.startswith("-") and tag[1:] in known:
        return labels.BARE, tag[1:], BARE_TAG
    prefix, entity_type = labels.parse(tag)
    if entity_type == "O":  # `B-O`, in some Universal NER files
        return "O", "", "entity of type O read as O"
    if prefix == labels.BARE and entity_type not in known:
        raise misnamed(
            f"expected O or a type of this corpus ({', '.join(sorted(known))}), got the tag {tag!r}", tag, known
        )
    return prefix, entity_type, BARE_TAG if prefix == labels.BARE else ""


def _fill_missing(rows: list[RawSentence], glueable: Sequence[str], notes: Notes) -> None:
    """Give a tag to words without one: the known tag that is glued to the word, else O."""
    missing: dict[str, list[int]] = {}
    longest_first = sorted(glueable, key=len, reverse=True)
    for place, row in enumerate(rows):
        words, tags = list(row.words), list(row.tags)
        for index in [index for index, tag in enumerate(tags) if not tag]:
            glued = next((tag for tag in longest_first if _ends_with_tag(words[index], tag)), "")
            notes.repairs["tag glued to the token separated" if glued else "missing tag read as O"] += 1
            words[index], tags[index] = words[index].removesuffix(glued), glued or "O"
            missing.setdefault(row.file, []).extend([] if glued else [row.lines[index]])
        rows[place] = row._replace(words=tuple(words), tags=tuple(tags))
    for file, lines in missing.items():
        of_all = sum(len(row.words) for row in rows if row.file == file)
        if len(lines) > GAPS_AT_MOST * of_all:
            raise CorpusError(
                f"{file}:{lines[0]}: expected a tag for each word, got {len(lines)} of {of_all} words without one; "
                f"up to {GAPS_AT_MOST:.0%} would be read as O"
            )


def _ends_with_tag(word: str, tag: str) -> bool:
    """Whether a word ends with a tag that cannot be its own letters: a prefixed tag, or a type after another script."""
    rest = word[: -len(tag)]
    return bool(rest) and word.endswith(tag) and ("-" in tag or not rest[-1].isascii())


# --- types ----------------------------------------------------------------------------------------------------------


def map_types(
    splits: Mapping[str, Sequence[Sentence]], label_map: Mapping[str, str], keep: Sequence[str], notes: Notes
) -> dict[str, tuple[Sentence, ...]]:
    """Rename entity types and leave out those that are not kept, counted by their type in the corpus.

    Parameters
    ----------
    label_map
        From a type to its new name; "" or "O" drops it.
    keep
        The types that stay, by their new names; empty: all.
    """
    counts = _counted(sentence for split in splits.values() for sentence in split)
    renamed = {"O": "O"}
    for tag in counts.keys() - {"O"}:
        new = label_map.get(tag[2:], tag[2:])
        renamed[tag] = f"{tag[:2]}{new}" if new not in ("", "O") and (not keep or new in keep) else "O"
        if tag[0] == "B" and renamed[tag] == "O":
            notes.repairs[f"{AS_ASKED}entities left out, of type {tag[2:]}"] += counts[tag]
    if all(old == new for old, new in renamed.items()):
        return {split: tuple(rows) for split, rows in splits.items()}
    return {
        split: tuple(replace(s, tags=tuple([renamed[tag] for tag in s.tags])) for s in rows)
        for split, rows in splits.items()
    }


def label_map_for(
    types: Sequence[str],
    wanted: Sequence[str],
    given: Mapping[str, str] | str | None,
    shared: bool,
    corpus: str,
    notes: Notes,
    what: str = "entity types",
) -> dict[str, str]:
    """The part of the label map that a corpus needs; a named map by itself where it alone gives the types wanted.

    Parameters
    ----------
    types
        The types that the corpus has.
    wanted
        The types asked for, by their new names; empty: all.
    given
        A label map, or the name of one.
    shared
        The map is meant for several corpora: a type that this one lacks is no error.
    what
        What the types are called in messages.

    Raises
    ------
    CorpusError
        For a map or a type of it that there is not, and for types wanted that no map gives.
    """
    if isinstance(given, str):
        if given not in LABEL_MAPS:
            raise misnamed(f"unknown label map {given!r}: expected one of {', '.join(LABEL_MAPS)}", given, LABEL_MAPS)
        given, shared = LABEL_MAPS[given], True
    given = {str(old): new for old, new in (given or {}).items()}  # YAML and Python may have labels as numbers
    if len(set(wanted)) != len(wanted):
        raise CorpusError(f"expected different {what}, got {', '.join(wanted)}")
    listed = ", ".join(types) or "no types"
    unknown = next((old for old in given if old not in types and not shared), None)
    if unknown is not None:
        raise misnamed(f"corpus {corpus!r}: the label map names the type {unknown!r}, got {listed}", unknown, types)
    used = {old: new for old, new in given.items() if old in types}
    missing = set(wanted) - {used.get(name, name) for name in types}
    for name, named in LABEL_MAPS.items() if missing and not used else ():
        fitting = {old: new for old, new in named.items() if old in types and new in wanted}
        if missing <= set(fitting.values()):
            notes.warnings.append(
                f"The label map {name!r} was applied: {', '.join(f'{old} → {new}' for old, new in fitting.items())}"
            )
            return fitting
    if missing:
        raise CorpusError(
            f"corpus {corpus!r}: expected the {what} {', '.join(wanted)}, got {listed}; missing: "
            f"{', '.join(sorted(missing))} (name those that there are, as in entity_types: [{listed}], or rename types "
            "by a label map)"
        )
    return used


# --- labels of texts ------------------------------------------------------------------------------------------------


def ordered_labels(labels: set[str]) -> tuple[str, ...]:
    """Labels by name; numbers by size."""
    are_numbers = all(re.fullmatch(r"[+-]?\d+(\.\d+)?", label) for label in labels)
    return tuple(sorted(labels, key=lambda label: (float(label) if are_numbers else 0.0, label)))


def choose_labels(
    splits: Mapping[str, Sequence[LabelledText]],
    label_map: Mapping[str, str],
    wanted: Sequence[str],
    corpus: str,
    notes: Notes,
) -> tuple[dict[str, tuple[LabelledText, ...]], tuple[str, ...]]:
    """Rename labels, leave out the rows of those that are not wanted, and put the labels in order.

    Parameters
    ----------
    label_map
        From a label to its new name; "" or "O" leaves its rows out.
    wanted
        The labels that stay, by their new names, in this order; empty: all.

    Returns
    -------
    texts : dict
        By role.
    labels : tuple of str

    Raises
    ------
    CorpusError
        When there are not two labels, or dev or test have one that train has not.
    """
    names = {text.label: label_map.get(text.label, text.label) for texts in splits.values() for text in texts}
    stay = {old for old, new in names.items() if new not in ("", "O") and (not wanted or new in wanted)}
    notes.repairs.update(
        f"{AS_ASKED}rows left out, with the label {text.label}"
        for texts in splits.values()
        for text in texts
        if text.label not in stay
    )
    chosen = {
        role: tuple(replace(text, label=names[text.label]) for text in texts if text.label in stay)
        for role, texts in splits.items()
    }
    present = {names[old] for old in stay}
    learnt = {text.label for text in chosen.get("train", ())} or present
    for role, texts in chosen.items():
        if unseen := next((text for text in texts if text.label not in learnt), None):
            raise CorpusError(
                f"corpus {corpus!r}: {role}, {unseen.where}: the label {unseen.label!r} is unseen in training; "
                f"expected one of {', '.join(ordered_labels(learnt))} (a label map can rename or drop it)"
            )
    if len(learnt) == 1:
        raise CorpusError(f"corpus {corpus!r}: expected two labels or more, got only {learnt.pop()!r}")
    return chosen, tuple(wanted) or ordered_labels(present)
