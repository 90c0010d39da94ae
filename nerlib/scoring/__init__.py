"""Scores of predictions, and the counts by sentence they come from; all scores are shares from 0 to 1.

Entities (`score`): strict and lenient F1. Strict is seqeval's ``mode="strict", scheme=IOB2`` and decides; lenient is
seqeval's default (conlleval) and serves for comparison with publications. Tags of single words, such as parts of speech
(`score_tags`), and labels of texts (`score_labels`): accuracy and macro-F1. Answers to questions (`score_answers`):
exact match, token F1, ROUGE. Every F1 of counts in nerlib comes from `f1_from_counts`.
"""

from nerlib.scoring.answers import AnswerScores, AnswerValues, score_answers
from nerlib.scoring.checks import check_lengths, check_tags
from nerlib.scoring.counts import Counts, EntityCounts, FloatArray, f1_from_counts
from nerlib.scoring.entities import Scores, count_entities, score
from nerlib.scoring.tags import TagScores, score_labels, score_tags
from nerlib.scoring.words import folded, normalised, words

__all__ = [
    "AnswerScores",
    "AnswerValues",
    "Counts",
    "EntityCounts",
    "FloatArray",
    "Scores",
    "TagScores",
    "check_lengths",
    "check_tags",
    "count_entities",
    "f1_from_counts",
    "folded",
    "normalised",
    "score",
    "score_answers",
    "score_labels",
    "score_tags",
    "words",
]
