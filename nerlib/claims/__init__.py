"""What the source studies claim, each tied to a comparison, and what the records at hand say of it.

`evaluate` gives each claim a verdict; `reproductions` sets scores beside published ones and their spread.
"""

from nerlib.claims.evaluation import NOT_TESTED, evaluate, known_distances
from nerlib.claims.published import published_scores, reproductions
from nerlib.claims.stated import ADAPTERS, CLAIMS, Association, Claim, Contrast, Level, Side, Twice

__all__ = [
    "ADAPTERS",
    "CLAIMS",
    "NOT_TESTED",
    "Association",
    "Claim",
    "Contrast",
    "Level",
    "Side",
    "Twice",
    "evaluate",
    "known_distances",
    "published_scores",
    "reproductions",
]
