"""Collapsed runs in the table of records: which they are, and how a sentence about a comparison begins with them."""

from typing import NamedTuple

import pandas as pd

THRESHOLD = 0.05  # a finished run whose record says nothing of collapse (foreign, old) has collapsed at this score
LOW = f"they score at most {100 * THRESHOLD:g} points"


class Collapse(NamedTuple):
    """How many of some runs collapsed, and why, as it stands in a sentence."""

    collapsed: int = 0
    runs: int = 0
    why: str = ""


def why_collapsed(runs: pd.DataFrame) -> pd.Series:
    """Why each run collapsed, empty for one that did not; `runs` as `read_records` gives them."""
    finished, unknown = runs["status"] == "finished", runs["collapsed"] == ""
    known = runs["collapsed"].where(runs["collapsed"] != "no", "")
    return known.mask(unknown & (runs["test_score"] <= THRESHOLD), LOW).where(finished, "")


def count_collapsed(why: pd.Series) -> Collapse:
    """Of reasons as `why_collapsed` gives them."""
    reasons = why[why != ""]
    return Collapse(len(reasons), len(why), ", ".join(sorted(reasons.unique())))


def describe_collapse(a: str, b: str, sides: tuple[Collapse, Collapse]) -> tuple[str, bool]:
    """How a sentence that compares two sides begins, and whether nothing is left to compare.

    Parameters
    ----------
    a, b
        What the sides are called.
    sides
        Their runs.

    Returns
    -------
    str
        Says how many runs of each side collapsed, a space behind it; empty when none did.
    bool
        True when a side has nothing but collapsed runs: then no difference may be told.
    """
    told = [
        f"{side.collapsed} of {side.runs} runs of {name} collapsed ({side.why})"
        for name, side in zip((a, b), sides, strict=True)
        if side.collapsed
    ]
    nothing_left = any(0 < side.runs == side.collapsed for side in sides)
    end = f": no comparison of {a} and {b}" if nothing_left else ""
    return f"{' and '.join(told)}{end}. " if told else "", nothing_left
