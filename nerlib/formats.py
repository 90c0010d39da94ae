"""Numbers as a reader sees them: points, shares, durations, bytes, p values; the same in sentences and in tables."""

import math
from collections.abc import Callable, Mapping

MINUS = "−"


def points(share: float, *, signed: bool = False) -> str:
    """A share as points: 0.7123 is "71.2", signed "+71.2"; what would round to zero keeps the decimals it needs."""
    value = 100 * share
    decimals = 1
    while value and round(value, decimals) == 0 and decimals < 6:
        decimals += 1
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


def p_value(value: float) -> str:
    """A p value with two digits that count."""
    return "< 0.0001" if 0 <= value < 1e-4 else f"{value:.2g}"


def decimal(value: float, digits: int = 2) -> str:
    """A number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def capital(text: str) -> str:
    """With a capital letter in front, the rest as it is."""
    return text[:1].upper() + text[1:]


FORMATS: Mapping[str, Callable[[float], str]] = {
    "points": points,
    "signed": lambda value: points(value, signed=True),
    "percent": lambda value: f"{decimal(100 * value, 1)} %",
    "count": lambda value: f"{value:,.0f}".replace("-", MINUS),
    "seconds": seconds,
    "bytes": size_in_bytes,
    "p": p_value,
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
