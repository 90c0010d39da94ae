"""Scores of predictions, and the counts by sentence they come from; all scores are shares from 0 to 1.

Entities (`score`): strict and lenient F1. Strict is seqeval's ``mode="strict", scheme=IOB2`` and decides; lenient is
seqeval's default (conlleval) and serves for comparison with publications. Tags of single words, such as parts of speech
(`score_tags`): accuracy and macro-F1. Every F1 in nerlib comes from `f1_from_counts`.
"""

from nerlib.scoring.counts import Counts, EntityCounts, FloatArray, f1_from_counts
from nerlib.scoring.entities import Scores, check_lengths, check_tags, count_entities, score
from nerlib.scoring.tags import TagScores, score_tags

__all__ = [
    "Counts",
    "EntityCounts",
    "FloatArray",
    "Scores",
    "TagScores",
    "check_lengths",
    "check_tags",
    "count_entities",
    "f1_from_counts",
    "score",
    "score_tags",
]
