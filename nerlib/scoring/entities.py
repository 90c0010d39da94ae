"""Entities: strict and lenient F1 of predicted IOB2 tags."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nerlib.labels import spans
from nerlib.scoring.checks import check_tags
from nerlib.scoring.counts import Counts, EntityCounts, by_type, f1_from_counts, share
from nerlib.scoring.tags import count_tags


@dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions, all in 0..1; for counts without any entity on either side they are 0.

    Attributes
    ----------
    f1, precision, recall
        Strict, over all entities (micro).
    lenient_f1
        F1 under conlleval's reading, over all entities (micro).
    macro_f1, macro_precision, macro_recall
        Strict; means over the types that occur in gold or in the predictions (seqeval's ``average="macro"``): a type
        that is only predicted counts with 0, a type of the corpus that occurs in neither does not count.
    accuracy
        Share of words whose tag is exactly gold's, ``O`` included.
    token_accuracy, token_f1, token_precision, token_recall
        The Persian study's scores: words as the unit and tags as classes, ``O`` among them (41 with 20 types). The
        first is `accuracy` under the study's name; the others are means over the tags that occur in gold or in the
        predictions (scikit-learn's ``average="macro"``). They say little of entities.
    support
        Entities in gold (strict reading).
    by_type
        ``{type: {"f1", "precision", "recall", "support"}}``, strict, for the types that the macro means are over.
    counts
        What all of these are computed from, except accuracy.
    """

    f1: float
    precision: float
    recall: float
    lenient_f1: float
    macro_f1: float
    macro_precision: float
    macro_recall: float
    accuracy: float
    token_accuracy: float
    token_f1: float
    token_precision: float
    token_recall: float
    support: int
    by_type: dict[str, dict[str, float]]
    counts: Counts

    def to_record(self) -> dict[str, Any]:
        """All but the counts, as plain numbers and dictionaries that JSON holds."""
        return {name: value for name, value in vars(self).items() if name != "counts"}


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Compare predicted IOB2 tags with gold, entity by entity.

    Parameters
    ----------
    gold, predicted
        A sequence of tags ("O", "B-PER", "I-PER", ...) for each sentence; same sentences, same order, same lengths.
        Tags in a forbidden order (an "I-" that continues nothing) are allowed: the two readings differ about them.

    Returns
    -------
    Scores
        With no entity in gold nor in the predictions all F1s are 0, as seqeval says, but without a warning.

    Raises
    ------
    CorpusError
        When numbers of sentences or words differ, or a tag is not "O", "B-<type>" or "I-<type>" (with a type other
        than "O"): the message names sentence and word, counted from 1.
    """
    check_tags(gold, predicted)
    counts = count_entities(gold, predicted)
    tokens = token_scores(gold, predicted)

    tp, fp, fn = counts.strict.over_sentences()  # (types,)
    occurs = tp + fp + fn > 0
    types = [name for name, here in zip(counts.types, occurs, strict=True) if here]
    tp, fp, fn = tp[occurs], fp[occurs], fn[occurs]
    f1, precision, recall = f1_from_counts(tp, fp, fn), share(tp, tp + fp), share(tp, tp + fn)
    return Scores(
        f1=float(f1_from_counts(tp.sum(), fp.sum(), fn.sum())),
        precision=float(share(tp.sum(), (tp + fp).sum())),
        recall=float(share(tp.sum(), (tp + fn).sum())),
        lenient_f1=float(f1_from_counts(*(array.sum() for array in counts.lenient))),
        macro_f1=float(f1.mean()) if types else 0.0,
        macro_precision=float(precision.mean()) if types else 0.0,
        macro_recall=float(recall.mean()) if types else 0.0,
        accuracy=tokens.accuracy,
        token_accuracy=tokens.accuracy,
        token_f1=tokens.f1,
        token_precision=tokens.precision,
        token_recall=tokens.recall,
        support=int((tp + fn).sum()),
        by_type=by_type(types, f1, precision, recall, tp + fn),
        counts=counts,
    )


class TokenScores(NamedTuple):
    """Accuracy, and macro means over tags as classes, ``O`` included; all in 0..1, of no word 0."""

    accuracy: float
    f1: float
    precision: float
    recall: float


def token_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TokenScores:
    """Score words as the unit, means over the tags that occur on either side."""
    tp, fp, fn = count_tags(gold, predicted).strict.over_sentences()  # (tags,)
    if not len(tp):
        return TokenScores(0.0, 0.0, 0.0, 0.0)
    macros = (f1_from_counts(tp, fp, fn), share(tp, tp + fp), share(tp, tp + fn))
    return TokenScores(float(share(tp.sum(), (tp + fn).sum())), *(float(values.mean()) for values in macros))


def count_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Counts:
    """Count found, invented and missed entities by sentence and type, strict and lenient."""
    types = sorted({tag[2:] for tags in (*gold, *predicted) for tag in tags if tag != "O"})
    column = {name: i for i, name in enumerate(types)}
    arrays = np.zeros(
        (2, 3, len(gold), len(types)), dtype=np.int32
    )  # (strict and lenient; tp, fp, fn; sentences; types)
    for i, (tags, guesses) in enumerate(zip(gold, predicted, strict=True)):
        for reading, (tp, fp, fn) in zip((True, False), arrays[:, :, i], strict=True):
            true = set(spans(tags, strict=reading))
            found = set(spans(guesses, strict=reading))
            for array, entities in ((tp, true & found), (fp, found - true), (fn, true - found)):
                for entity in entities:
                    array[column[entity.type]] += 1
    tokens = np.array([len(tags) for tags in gold], dtype=np.int32)
    return Counts(tuple(types), tokens, EntityCounts(*arrays[0]), EntityCounts(*arrays[1]))
