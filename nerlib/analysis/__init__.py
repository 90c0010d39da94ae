"""What the runs say: kinds of errors, drift, tables over seeds, few-shot curves, and sentences computed from them."""

from nerlib.analysis.comparisons import by_language, judge, leading, ranks
from nerlib.analysis.drift import drift_by_layer, linear_cka, semantic_drift
from nerlib.analysis.errors import KINDS, EntityError, error_table, examples, find_errors
from nerlib.analysis.integrity import Finding, as_table, integrity, without
from nerlib.analysis.misalignment import misalignment, most_confused, tag_confusion
from nerlib.analysis.overview import (
    cells,
    collapse_rates,
    few_shot_cells,
    grid,
    next_steps,
    over_languages,
    seed_deviations,
    with_and_without,
    zero_shot,
)
from nerlib.analysis.pairing import Declared, declared, pairs
from nerlib.analysis.seeds import means_over_seeds, paired_differences
from nerlib.analysis.sentences import (
    describe_correlation,
    describe_difference,
    describe_harm,
    describe_paired,
    describe_score,
    describe_shares,
    describe_verdict,
)
from nerlib.analysis.tables import (
    Comparison,
    compare,
    expected_widths,
    forgetting,
    gaps,
    summary,
    two_by_two,
    with_intervals,
    with_sources,
)
from nerlib.analysis.transfer import few_shot, negative_transfer

__all__ = [
    "KINDS",
    "Comparison",
    "Declared",
    "EntityError",
    "Finding",
    "as_table",
    "by_language",
    "cells",
    "collapse_rates",
    "compare",
    "declared",
    "describe_correlation",
    "describe_difference",
    "describe_harm",
    "describe_paired",
    "describe_score",
    "describe_shares",
    "describe_verdict",
    "drift_by_layer",
    "error_table",
    "examples",
    "expected_widths",
    "few_shot",
    "few_shot_cells",
    "find_errors",
    "forgetting",
    "gaps",
    "grid",
    "integrity",
    "judge",
    "leading",
    "linear_cka",
    "means_over_seeds",
    "misalignment",
    "most_confused",
    "negative_transfer",
    "next_steps",
    "over_languages",
    "paired_differences",
    "pairs",
    "ranks",
    "seed_deviations",
    "semantic_drift",
    "summary",
    "tag_confusion",
    "two_by_two",
    "with_and_without",
    "with_intervals",
    "with_sources",
    "without",
    "zero_shot",
]
