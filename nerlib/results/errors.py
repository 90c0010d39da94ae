"""Errors by kind: which entities were cut wrongly, typed wrongly, missed or invented.

The rule that pairs gold with predicted entities of a sentence (both read strictly), one to one:

1. entities with the same words and the same type are correct;
2. of the others, those that share a word are paired, most shared words first; among equals a pair of one type before
   one of two, then the earlier gold entity, then the earlier predicted one;
3. what is left over in gold was missed, what is left over in the predictions is spurious.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import pandas as pd

from nerlib.labels import Span, spans
from nerlib.scoring import check_tags

CORRECT = "correct"
# Kind of a pair by (same words, same type).
KIND_OF_PAIR = {(False, True): "boundary", (True, False): "type", (False, False): "boundary and type"}
KINDS = (*KIND_OF_PAIR.values(), "missed", "spurious")
LENGTHS = ("1 word", "2 words", "3+ words")
POSITIONS = ("first third", "middle third", "last third")
GROUPS = {"all": ("all",), "length": LENGTHS, "position": POSITIONS}


class EntityError(NamedTuple):
    """One error: the sentence's place in the test set, its kind, and the entities (None where there is none)."""

    sentence: int
    kind: str
    gold: Span | None
    predicted: Span | None


def find_errors(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> list[EntityError]:
    """List all errors, in the order of sentences and, within one, of words.

    Parameters
    ----------
    gold, predicted
        IOB2 tags of each sentence.

    Returns
    -------
    list of EntityError
        Each gold entity that is not correct stands in one error, and so does each predicted one.

    Raises
    ------
    CorpusError
        As `scoring.score`.
    """
    check_tags(gold, predicted)
    return [
        error
        for sentence, (tags, guesses) in enumerate(zip(gold, predicted, strict=True))
        for error in _errors_of(sentence, spans(tags, strict=True), spans(guesses, strict=True))
    ]


def _errors_of(sentence: int, gold: list[Span], predicted: list[Span]) -> list[EntityError]:
    true = [span for span in gold if span not in predicted]
    found = [span for span in predicted if span not in gold]
    overlaps = [(_shared_words(g, p), g, p) for g in true for p in found if _shared_words(g, p)]
    overlaps.sort(key=lambda pair: (-pair[0], pair[1].type != pair[2].type, pair[1], pair[2]))
    errors = []
    for _, g, p in overlaps:
        if g in true and p in found:
            true.remove(g)
            found.remove(p)
            errors.append(EntityError(sentence, KIND_OF_PAIR[g[:2] == p[:2], g.type == p.type], g, p))
    errors += [EntityError(sentence, "missed", g, None) for g in true]
    errors += [EntityError(sentence, "spurious", None, p) for p in found]
    return sorted(errors, key=lambda error: min(span for span in error[2:] if span is not None))


def _shared_words(a: Span, b: Span) -> int:
    return max(0, min(a.end, b.end) - max(a.start, b.start))


def entity_outcomes(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> list[tuple[str, int, Span]]:
    """What became of every entity: its kind (`CORRECT` or one of `KINDS`), its sentence, and its span.

    An entity counts with gold's span, a spurious one with its own. All kinds but "spurious" add up to gold's entities,
    all but "missed" to the predicted ones.
    """
    errors = find_errors(gold, predicted)
    wrong = {(error.sentence, error.gold) for error in errors}
    entities = [(i, span) for i, tags in enumerate(gold) for span in spans(tags, strict=True)]
    outcomes = [(CORRECT, i, span) for i, span in entities if (i, span) not in wrong]
    return outcomes + [(e.kind, e.sentence, span) for e in errors if (span := e.gold or e.predicted)]


def misalignment(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> pd.DataFrame:
    """What became of the entities by their length and place in the sentence: wrong boundaries against wrong types.

    Returns
    -------
    DataFrame
        A row for each `by` ("all", "length", "position"), `group` and `kind` ("correct" and `KINDS`): `count`,
        `entities` (of gold, in the group) and `share` (count / entities; NaN without entities). An entity is of gold's
        length and of the third of the sentence in which its middle lies, a spurious one of its own; so all shares but
        that of "spurious" add up to 1, which itself may exceed 1.

    Raises
    ------
    CorpusError
        As `scoring.score`.
    """
    outcomes = entity_outcomes(gold, predicted)
    counts = Counter((*of, kind) for kind, i, span in outcomes for of in _groups(span, len(gold[i])))
    totals = Counter(of for kind, i, span in outcomes if kind != "spurious" for of in _groups(span, len(gold[i])))
    rows = [
        (by, group, kind, counts[by, group, kind], totals[by, group])
        for by, groups in GROUPS.items()
        for group, kind in product(groups, (CORRECT, *KINDS))
    ]
    table = pd.DataFrame(rows, columns=["by", "group", "kind", "count", "entities"])
    return table.assign(share=table["count"] / table["entities"].where(table["entities"] > 0))


def _groups(span: Span, words: int) -> list[tuple[str, str]]:
    """The groups that an entity belongs to, one of each division."""
    third = min(2, 3 * (span.start + span.end) // (2 * words))
    length = min(span.end - span.start, len(LENGTHS)) - 1
    return [("all", "all"), ("length", LENGTHS[length]), ("position", POSITIONS[third])]
