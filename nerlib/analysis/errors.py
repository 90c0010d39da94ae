"""Errors by kind: which entities were cut wrongly, typed wrongly, missed or invented.

The rule that pairs gold with predicted entities of a sentence (both read strictly), one to one:

1. entities with the same words and the same type are correct;
2. of the others, those that share a word are paired, most shared words first; among equals a pair of one type before
   one of two, then the earlier gold entity, then the earlier predicted one;
3. what is left over in gold was missed, what is left over in the predictions is spurious.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from nerlib.labels import Span, spans
from nerlib.scoring import check_tags

CORRECT = "correct"
# Kind of a pair by (same words, same type).
KIND_OF_PAIR = {(False, True): "boundary", (True, False): "type", (False, False): "boundary and type"}
KINDS = (*KIND_OF_PAIR.values(), "missed", "spurious")


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


def error_table(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Count entities by kind of error and by type.

    Returns
    -------
    DataFrame of int64
        Rows: "correct" and `KINDS`. Columns: the types, sorted, and "all". An entity counts under gold's type, a
        spurious one under its own. All rows but "spurious" add up to gold's entities, all but "missed" to the
        predicted ones.
    """
    errors = find_errors(gold, predicted)
    wrong = {(error.sentence, error.gold) for error in errors}
    entities = [(i, span) for i, tags in enumerate(gold) for span in spans(tags, strict=True)]
    rows = [(CORRECT, span.type) for i, span in entities if (i, span) not in wrong]
    rows += [(error.kind, span.type) for error in errors if (span := error.gold or error.predicted)]
    table = pd.DataFrame(rows, columns=["kind", "type"], dtype=str)
    counts = pd.crosstab(table["kind"], table["type"]).reindex([CORRECT, *KINDS], fill_value=0).astype("int64")
    counts.columns.name = None
    return counts.assign(all=counts.sum(axis=1))


def examples(errors: Sequence[EntityError], each: int = 2) -> dict[str, list[int]]:
    """Choose sentences that show each kind of error: those with the fewest errors besides, the earliest first.

    Parameters
    ----------
    errors
        As `find_errors` lists them.
    each
        Sentences a kind, at most.

    Returns
    -------
    dict
        For each kind that occurs, places of sentences in the test set; no sentence is shown twice.
    """
    in_sentence = pd.Series([error.sentence for error in errors], dtype="int64").value_counts()
    chosen: dict[str, list[int]] = {}
    taken: set[int] = set()
    for kind in KINDS:
        having = {error.sentence for error in errors if error.kind == kind} - taken
        chosen[kind] = sorted(having, key=lambda sentence: (in_sentence[sentence], sentence))[:each]
        taken.update(chosen[kind])
    return {kind: sentences for kind, sentences in chosen.items() if sentences}
