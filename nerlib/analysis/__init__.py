"""What the runs say: kinds of errors, tables of means and differences over seeds, and sentences computed from them."""

from nerlib.analysis.comparisons import Declared, by_language, declared, judge, pairs, ranks
from nerlib.analysis.errors import KINDS, EntityError, error_table, examples, find_errors
from nerlib.analysis.integrity import Finding, as_table, integrity, with_sources, without
from nerlib.analysis.sentences import describe_difference, describe_score
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

__all__ = [
    "KINDS",
    "Comparison",
    "Declared",
    "EntityError",
    "Finding",
    "as_table",
    "by_language",
    "compare",
    "declared",
    "describe_difference",
    "describe_score",
    "error_table",
    "examples",
    "expected_widths",
    "find_errors",
    "forgetting",
    "gaps",
    "integrity",
    "judge",
    "pairs",
    "ranks",
    "summary",
    "two_by_two",
    "with_intervals",
    "with_sources",
    "without",
]
