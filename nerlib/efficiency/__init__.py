"""What a stage costs, what it will cost at least, and scores that weigh quality against cost.

`PeakMemory`, `Stopwatch` and `DeviceUse` measure; `memory_needed` says before a run what it cannot do without; `pes` is
the Persian study's Performance-Efficiency Score, on arrays.
"""

from nerlib.efficiency.devices import DeviceUse
from nerlib.efficiency.measuring import KERNEL, SAMPLED, PeakMemory, Stopwatch
from nerlib.efficiency.needed import activation_bytes, lacking, memory_available, memory_needed
from nerlib.efficiency.pes import WEIGHTS, bounded_pes, pes, undefined, weighted_score

__all__ = [
    "KERNEL",
    "SAMPLED",
    "WEIGHTS",
    "DeviceUse",
    "PeakMemory",
    "Stopwatch",
    "activation_bytes",
    "bounded_pes",
    "lacking",
    "memory_available",
    "memory_needed",
    "pes",
    "undefined",
    "weighted_score",
]
