"""What the runs say: kinds of errors, tables of means and differences over seeds, and sentences computed from them."""

from nerlib.analysis.comparisons import by_language, judge, leading, ranks
from nerlib.analysis.errors import KINDS, EntityError, error_table, examples, find_errors
from nerlib.analysis.integrity import Finding, as_table, integrity, with_sources, without
from nerlib.analysis.overview import (
    cells,
    collapse_rates,
    few_shot,
    grid,
    next_steps,
    over_languages,
    seed_deviations,
    with_and_without,
    zero_shot,
)
from nerlib.analysis.pairing import Declared, declared, pairs
from nerlib.analysis.sentences import describe_difference, describe_score, describe_verdict
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
    "cells",
    "collapse_rates",
    "compare",
    "declared",
    "describe_difference",
    "describe_score",
    "describe_verdict",
    "error_table",
    "examples",
    "expected_widths",
    "few_shot",
    "find_errors",
    "forgetting",
    "gaps",
    "grid",
    "integrity",
    "judge",
    "leading",
    "next_steps",
    "over_languages",
    "pairs",
    "ranks",
    "seed_deviations",
    "summary",
    "two_by_two",
    "with_and_without",
    "with_intervals",
    "with_sources",
    "without",
    "zero_shot",
]
