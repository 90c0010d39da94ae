"""Scores of predictions, and the counts by sentence they come from; all scores are shares from 0 to 1.

Entities (`score`): strict and lenient F1. Strict is seqeval's ``mode="strict", scheme=IOB2`` and decides; lenient is
seqeval's default (conlleval) and serves for comparison with publications; `headline` asks seqeval itself. Tags of
single words, such as parts of speech (`score_tags`), and labels of texts (`score_labels`): accuracy and macro-F1.
Answers to questions (`score_answers`): exact match, token F1, ROUGE. Every F1 of counts in nerlib comes from
`f1_from_counts`.
"""

from nerlib.scoring.answer_scores import (
    AS_WRITTEN,
    folded,
    normalised,
    position_f1,
    score_answers,
    words,
)
from nerlib.scoring.counts import (
    Counts,
    EntityCounts,
    FloatArray,
    Scores,
    check_lengths,
    check_tags,
    f1_from_counts,
    headline,
    score,
    score_labels,
    score_tags,
)

__all__ = [
    "AS_WRITTEN",
    "Counts",
    "EntityCounts",
    "FloatArray",
    "Scores",
    "check_lengths",
    "check_tags",
    "f1_from_counts",
    "folded",
    "headline",
    "normalised",
    "position_f1",
    "score",
    "score_answers",
    "score_labels",
    "score_tags",
    "words",
]
