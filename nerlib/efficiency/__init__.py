"""What a stage costs, what it will cost at least, and scores that weigh quality against cost.

`Stopwatch` and `DeviceUse` measure; `memory_needed` says before a run what it cannot do without; `pes` is the Persian
study's Performance-Efficiency Score, on arrays.
"""

from nerlib.efficiency.performance_efficiency import UNKNOWN, WEIGHTS, bounded_pes, pes, undefined, weighted_score
from nerlib.efficiency.resources import (
    COUNTED,
    DeviceUse,
    Stopwatch,
    kept_at_least,
    memory_available,
    memory_needed,
    memory_shortfall,
)

__all__ = [
    "COUNTED",
    "UNKNOWN",
    "WEIGHTS",
    "DeviceUse",
    "Stopwatch",
    "bounded_pes",
    "kept_at_least",
    "memory_available",
    "memory_needed",
    "memory_shortfall",
    "pes",
    "undefined",
    "weighted_score",
]
