"""Figures: a DataFrame in, a matplotlib figure out; `nerlib.report` displays and saves it.

The ordinary ones are seaborn's: `points` (means with intervals), `curves`, `bars`, `scatter`, `heat_map`, `histogram`.
Of comparisons tell `forest`, `critical_difference` and `overview` (a whole study in one picture); of methods
`architecture` and `pes_bars`. Words, units and colours are those of `nerlib.vocabulary`: scores are shares
(0..1) in tables and points (0..100) in figures. matplotlib and seaborn are loaded by the first figure, not before.
"""

from nerlib.figures.drawings import (
    architecture,
    bars,
    critical_difference,
    curves,
    forest,
    heat_map,
    histogram,
    overview,
    pes_bars,
    points,
    reliability,
    scatter,
)
from nerlib.figures.style import PALETTE, as_bytes, readable

__all__ = [
    "PALETTE",
    "architecture",
    "as_bytes",
    "bars",
    "critical_difference",
    "curves",
    "forest",
    "heat_map",
    "histogram",
    "overview",
    "pes_bars",
    "points",
    "readable",
    "reliability",
    "scatter",
]
