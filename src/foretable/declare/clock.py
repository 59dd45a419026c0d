"""The one clock: ``as_of()``, which the compiler fills, and windows that look back from it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from foretable.errors import UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir

_UNITS = {"minute": "minutes", "hour": "hours", "day": "days", "week": "weeks"}
_LENGTH = re.compile(r"\s*(\d+)\s+(minute|hour|day|week|month|year)s?\s*\Z", re.IGNORECASE)


def as_of() -> ir.TimestampValue:
    """The moment a row describes: one literal in a refresh, each date of the spine in a training set."""
    import ibis

    def as_of() -> None: ...

    declared = ibis.udf.scalar.builtin(as_of, name="as_of", signature=((), "timestamp"))
    return declared()


def last(time: ir.TimestampValue, **length: int) -> ir.BooleanValue:
    """Whether a row falls into the window that ends at ``as_of()``, its end excluded.

    Parameters
    ----------
    time
        The time of the row.
    length
        The window, as for :func:`ibis.interval`: ``days=30``, ``months=3``.

    Examples
    --------
    >>> last(orders.ordered_at, days=30)  # doctest: +SKIP
    """
    import ibis

    window = ibis.interval(**length)
    return (time >= as_of() - window) & (time < as_of())


def interval(text: str) -> tuple[int, str]:
    """Parse ``"30 days"`` to (30, "day").

    Raises
    ------
    UsageError
        It is no number and unit.
    """
    match = _LENGTH.match(text)
    if not match:
        raise UsageError(f"{text!r} is not a length of time", hint="write a number and a unit, such as '30 days'")
    return int(match[1]), match[2].lower()


def duration(text: str) -> timedelta:
    """Parse a target lag, ``"5 minutes"``; a month counts 30 days, a year 365."""
    number, unit = interval(text)
    if unit in ("month", "year"):
        return timedelta(days=number * (30 if unit == "month" else 365))
    return timedelta(**{_UNITS[unit]: number})
