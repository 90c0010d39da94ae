"""Numbers as a reader sees them: points, shares, durations, bytes, p values; the same in sentences and in tables."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MINUS = "−"


def points(share: float, *, signed: bool = False) -> str:
    """A share as points: 0.7123 is "71.2", signed "+71.2"; what would round to zero keeps the decimals it needs."""
    value = 100 * share
    decimals = next((n for n in range(1, 6) if not value or round(value, n)), 6)
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    return f"{sign}{abs(value):.{decimals}f}"


def seconds(value: float) -> str:
    """A duration in words: ``12.3 s``, ``3 min 05 s``, ``2 h 05 min``."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size_in_bytes(value: float) -> str:
    """A size: ``1.2 GB``, ``340.0 MB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


def decimal(value: float, digits: int = 2) -> str:
    """A number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def counted(n: int, units: str) -> str:
    """How many: ``3 seeds``, ``1 seed``."""
    return f"{n} {units if n != 1 else units.removesuffix('s')}"


def capital(text: str) -> str:
    """With a capital letter in front, the rest as it is."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first of some names, and how many more there are.

    Examples
    --------
    >>> listed(["as", "bn", "hi"], 2)
    'as, bn and 1 more'
    """
    return between.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


FORMATS: Mapping[str, Callable[[float], str]] = {
    "points": points,
    "signed": lambda value: points(value, signed=True),
    "percent": lambda value: f"{decimal(100 * value, 1)} %",
    "count": lambda value: f"{value:,.0f}".replace("-", MINUS),
    "seconds": seconds,
    "bytes": size_in_bytes,
    "p": lambda value: "< 0.0001" if 0 <= value < 1e-4 else f"{value:.2g}",  # two digits that count
}


def number(value: float, how: str = "") -> str:
    """A number in one of `FORMATS`, or by a format specification such as ``.2f``; by itself with three digits."""
    if how in FORMATS:
        return FORMATS[how](value)
    if how:
        return format(value, how).replace("-", MINUS)
    if math.isfinite(value) and float(value).is_integer():
        return f"{value:,.0f}".replace("-", MINUS) if abs(value) >= 10_000 else decimal(value, 0)
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", MINUS)


# --- intervals --------------------------------------------------------------------------------------------------------

#: What values of a format lie between; an interval as wide as `HOPELESS` tells nothing.
LIMITS = {"points": (0.0, 1.0), "percent": (0.0, 1.0), "signed": (-1.0, 1.0)}
HOPELESS = 0.9
NUMBERS = {0: "few", 2: "two", 3: "three", 4: "four"}


def is_interval(value: Any) -> bool:
    """Whether it is an estimate with its interval: anything with ``value``, ``low`` and ``high``."""
    return all(hasattr(value, name) for name in ("value", "low", "high"))


def interval(of: Any, how: str, more: str = "") -> str:
    """An interval within what is possible: a share is never below 0, and what covers everything is said in words.

    Parameters
    ----------
    of
        What `is_interval`; `n` says of how many values. A mean of one value has no ends (NaN).
    how
        A format, as of `number`.
    more
        Stands behind the ends, within the parentheses.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> interval(SimpleNamespace(value=0.15, low=-1.76, high=2.06, n=2), "signed")
    '+15.0 (two values cannot tell)'
    """
    value = number(of.value, how) if math.isfinite(of.value) else "–"
    if not (math.isfinite(of.low) and math.isfinite(of.high)):
        return value
    low, high = LIMITS.get(how, (-math.inf, math.inf))
    low, high = min(max(of.low, low), of.value), max(min(of.high, high), of.value)
    if how in LIMITS and high - low >= HOPELESS:
        return f"{value} ({NUMBERS.get(of.n, of.n)} values cannot tell)"
    return f"{value} ({number(low, how)} to {number(high, how)}{more})"
