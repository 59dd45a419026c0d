"""How values are written for people, and how the columns of a table share the width of a screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

GAP = 2
"""Spaces between columns."""
PROSE = 12
"""Narrowest that a column of words is squeezed to."""
LAST = 24
"""Narrowest that the last column is squeezed to; only there a word may be broken."""


def cell(value: Any, digits: int | None = None) -> str:
    """A value as a person reads it; ``digits`` after the point, by default two, or four below 1."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value, digits or _digits([value]))
    if isinstance(value, Decimal):
        return f"{value:,}" if value.is_finite() else ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M") if value.time() != datetime.min.time() else value.strftime("%Y-%m-%d")
    if isinstance(value, timedelta):
        return duration(value.total_seconds())
    return str(value).replace("\n", " ")


def column(values: Sequence[Any]) -> tuple[list[str], bool]:
    """The cells of a column, and whether they are numbers; measurements share one precision, so that points stand in line."""
    digits = _digits([value for value in values if isinstance(value, float)])
    numeric = bool(values) and all(value is None or isinstance(value, int | float | Decimal) for value in values)
    return [cell(value, digits) for value in values], numeric


def duration(seconds: float) -> str:
    """Seconds as a person reads them: ``0.4 s``, ``3 min``, ``5 h``, ``2 d``."""
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"


def fitted(names: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Widths of columns that share ``width`` characters, wrapping between words; None when they cannot.

    Examples
    --------
    >>> fitted(["name", "what it says"], [["a.b", "one row per customer and month"]], 30)
    [4, 24]
    >>> fitted(["name", "other"], [["a" * 20, "b" * 50]], 30) is None
    True
    """
    texts = [[name, *(row[i] for row in cells)] for i, name in enumerate(names)]
    wanted = [max(map(len, text)) for text in texts]
    words = [max((len(word) for text in column for word in text.split()), default=0) for column in texts]
    least = [max(word, min(PROSE, most)) for word, most in zip(words, wanted, strict=True)]
    least[-1] = min(least[-1], LAST)
    left = width - GAP * (len(names) - 1) - sum(least)
    if left < 0:
        return None
    while left and (short := [i for i in range(len(names)) if least[i] < wanted[i]]):
        each = max(1, left // len(short))
        for i in short:
            more = min(each, wanted[i] - least[i], left)
            least[i] += more
            left -= more
    return least


def _digits(measured: Sequence[float]) -> int:
    return 4 if any(0 < abs(value) < 1 for value in measured) else 2


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    return f"{value:.1e}" if 0 < abs(value) < 1e-4 or abs(value) >= 1e15 else f"{value:,.{digits}f}"
