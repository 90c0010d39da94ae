"""Figures: a DataFrame in, a matplotlib figure out, `show` displays and saves it.

Scores are shares (0..1) in tables and points (0..100) in figures. Every mean has its interval and its seeds beside it;
a method has one colour in all figures (`METHOD_COLOURS`). matplotlib is loaded by the first figure, not before.
"""

from nerlib.figures.architecture import architecture
from nerlib.figures.comparisons import critical_difference, equivalence, forest, relative_improvement
from nerlib.figures.data import expected_width, fertility, sentence_lengths
from nerlib.figures.parts import METRIC_WORDS, TASK_WORDS, metric_words
from nerlib.figures.scores import (
    cost_against_score,
    error_kinds,
    forgetting,
    interval_words,
    scores_by_stage,
    scores_by_type,
    two_by_two,
)
from nerlib.figures.studies import (
    few_shot_curves,
    macro_averages,
    pareto,
    seed_spread,
)
from nerlib.figures.style import METHOD_COLOURS, PALETTE, colour, folder, readable, show
from nerlib.figures.techniques import dev_curves, fronts, pes_bars, rank_ranges, rank_shares
from nerlib.figures.training import alignment_curve, loss_curves
from nerlib.figures.transfer import drift_by_layer, few_shot_curve, heat_map, misalignment, similarity_against_score

__all__ = [
    "METHOD_COLOURS",
    "METRIC_WORDS",
    "PALETTE",
    "TASK_WORDS",
    "alignment_curve",
    "architecture",
    "colour",
    "cost_against_score",
    "critical_difference",
    "dev_curves",
    "drift_by_layer",
    "equivalence",
    "error_kinds",
    "expected_width",
    "fertility",
    "few_shot_curve",
    "few_shot_curves",
    "folder",
    "forest",
    "forgetting",
    "fronts",
    "heat_map",
    "interval_words",
    "loss_curves",
    "macro_averages",
    "metric_words",
    "misalignment",
    "pareto",
    "pes_bars",
    "rank_ranges",
    "rank_shares",
    "readable",
    "relative_improvement",
    "scores_by_stage",
    "scores_by_type",
    "seed_spread",
    "sentence_lengths",
    "show",
    "similarity_against_score",
    "two_by_two",
]
