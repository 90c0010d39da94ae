"""Tuning methods against their costs: the Persian study's tables, its PES, and how far a ranking hangs on choices.

A table has one row a system (`task`, `backbone`, `method`) with its costs `trainable` and `total` (parameters) and
`vram_gb`, and the scores (0..1) that its task is weighted by (`efficiency.WEIGHTS`).
"""

from nerlib.analysis.techniques.pes import (
    READINGS,
    exchanged,
    pes_table,
    published_leaders,
    published_techniques,
    reading_sensitivity,
    shared_variant,
    weight_sensitivity,
)
from nerlib.analysis.techniques.ranking import overfitting, pareto_front, rank_stability
from nerlib.analysis.techniques.runs import over_seeds, systems, techniques
from nerlib.analysis.techniques.sentences import (
    describe_overfitting,
    describe_pes,
    describe_published,
    describe_readings,
)

__all__ = [
    "READINGS",
    "describe_overfitting",
    "describe_pes",
    "describe_published",
    "describe_readings",
    "exchanged",
    "over_seeds",
    "overfitting",
    "pareto_front",
    "pes_table",
    "published_leaders",
    "published_techniques",
    "rank_stability",
    "reading_sensitivity",
    "shared_variant",
    "systems",
    "techniques",
    "weight_sensitivity",
]
