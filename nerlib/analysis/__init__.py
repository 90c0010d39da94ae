"""What the runs say: kinds of errors, drift, tables over seeds, few-shot curves, and sentences computed from them."""

from nerlib.analysis.drift import drift_by_layer, linear_cka, semantic_drift
from nerlib.analysis.errors import KINDS, EntityError, error_table, examples, find_errors
from nerlib.analysis.misalignment import misalignment, most_confused, tag_confusion
from nerlib.analysis.seeds import means_over_seeds, paired_differences
from nerlib.analysis.sentences import (
    describe_correlation,
    describe_difference,
    describe_harm,
    describe_paired,
    describe_score,
    describe_shares,
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
)
from nerlib.analysis.transfer import few_shot, negative_transfer

__all__ = [
    "KINDS",
    "Comparison",
    "EntityError",
    "compare",
    "describe_correlation",
    "describe_difference",
    "describe_harm",
    "describe_paired",
    "describe_score",
    "describe_shares",
    "drift_by_layer",
    "error_table",
    "examples",
    "expected_widths",
    "few_shot",
    "find_errors",
    "forgetting",
    "gaps",
    "linear_cka",
    "means_over_seeds",
    "misalignment",
    "most_confused",
    "negative_transfer",
    "paired_differences",
    "semantic_drift",
    "summary",
    "tag_confusion",
    "two_by_two",
    "with_intervals",
]
