"""One tag a word (parts of speech) or one label a text (sentiment): accuracy and macro-F1."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from nerlib.errors import CorpusError
from nerlib.scoring.checks import check_lengths, check_single
from nerlib.scoring.counts import Counts, EntityCounts, by_type, f1_from_counts, share


@dataclass(frozen=True)
class TagScores:
    """Scores of one set of predicted tags, all in 0..1; of no word they are 0.

    Attributes
    ----------
    accuracy
        Share of words with gold's tag: the headline.
    micro_f1
        F1 over all words; with one tag a word on both sides it equals the accuracy.
    macro_f1, macro_precision, macro_recall
        Means over the tags that occur in gold: a tag that is only predicted costs the others' recall, and no more.
    support
        Words.
    by_type
        ``{tag: {"f1", "precision", "recall", "support"}}`` for the tags that occur on either side.
    counts
        What all of these are computed from.
    """

    accuracy: float
    micro_f1: float
    macro_f1: float
    macro_precision: float
    macro_recall: float
    support: int
    by_type: dict[str, dict[str, float]]
    counts: Counts

    def to_record(self) -> dict[str, Any]:
        """All but the counts, as plain numbers and dictionaries that JSON holds."""
        return {name: value for name, value in vars(self).items() if name != "counts"}


def score_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TagScores:
    """Compare predicted tags with gold, word by word.

    Parameters
    ----------
    gold, predicted
        A sequence of tags ("NOUN", ...) for each sentence; same sentences, same order, same lengths.

    Raises
    ------
    CorpusError
        When numbers of sentences or words differ, or a tag is empty: the message names sentence and word, from 1.
    """
    counts = count_tags(gold, predicted)
    tp, fp, fn = counts.strict.over_sentences()  # (tags,)
    f1, precision, recall = f1_from_counts(tp, fp, fn), share(tp, tp + fp), share(tp, tp + fn)
    in_gold = tp + fn > 0
    macros = [float(values[in_gold].mean()) if in_gold.any() else 0.0 for values in (f1, precision, recall)]
    words = int(counts.tokens.sum())
    return TagScores(
        accuracy=float(share(tp.sum(), words)),
        micro_f1=float(f1_from_counts(tp.sum(), fp.sum(), fn.sum())),
        macro_f1=macros[0],
        macro_precision=macros[1],
        macro_recall=macros[2],
        support=words,
        by_type=by_type(counts.types, f1, precision, recall, tp + fn),
        counts=counts,
    )


def score_labels(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TagScores:
    """Compare predicted labels with gold, text by text: `score_tags` for texts with one label each.

    `TagScores.by_type` holds the scores of each label. What the Persian study's sentiment table calls macro scores are
    those of its positive label: F1 = 2 PR / (P + R) in every row.

    Parameters
    ----------
    gold, predicted
        For each text a tuple of one label (``("positive",)``); same texts, same order.

    Raises
    ------
    CorpusError
        When numbers of texts differ, or a text has not exactly one label: the message names the text, from 1.
    """
    check_single(gold, predicted)
    return score_tags(gold, predicted)


def count_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Counts:
    """Count words rightly tagged, wrongly given a tag and not given theirs, by sentence and tag.

    Raises
    ------
    CorpusError
        As `score_tags`.
    """
    check_lengths(gold, predicted)
    for side, sentences in (("gold", gold), ("predicted", predicted)):
        for number, tags in enumerate(sentences, start=1):
            if "" in tags:
                raise CorpusError(
                    f"sentence {number}, word {list(tags).index('') + 1}: expected a {side} tag, met nothing"
                )
    types = sorted(set(chain(*gold, *predicted)))
    column = {tag: i for i, tag in enumerate(types)}
    tokens = np.array([len(tags) for tags in gold], dtype=np.int32)
    sentence = np.repeat(np.arange(len(tokens)), tokens)  # (words,), as the two below
    true, guessed = (np.array([column[tag] for tag in chain(*side)], dtype=np.int64) for side in (gold, predicted))
    right = true == guessed
    arrays = np.zeros((3, len(tokens), len(types)), dtype=np.int32)  # (tp, fp, fn; sentences; tags)
    for array, tag, which in zip(arrays, (true, guessed, true), (right, ~right, ~right), strict=True):
        np.add.at(array, (sentence[which], tag[which]), 1)
    one = EntityCounts(*arrays)
    return Counts(tuple(types), tokens, one, one)
