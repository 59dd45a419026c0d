"""The one clock: ``as_of()``, which the compiler fills, and windows that look back from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from foretable.declare.resolve import resolver
from foretable.errors import UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir

_UNITS = {"second": "seconds", "minute": "minutes", "hour": "hours", "day": "days", "week": "weeks"}
_LENGTH = re.compile(r"\s*(\d+)\s+(second|minute|hour|day|week|month|year)s?\s*\Z", re.IGNORECASE)


def as_of() -> ir.TimestampValue:
    """The moment a row describes: one literal in a refresh, each date of the spine in a training set."""
    import ibis

    def as_of() -> None: ...

    declared = ibis.udf.scalar.builtin(as_of, name="as_of", signature=((), "timestamp"))
    return declared()


def moment(time: ir.Column) -> ir.TimestampValue:
    """What a column of times is compared with: ``as_of()``, for a column of days the start of its day.

    A day's rows are known when it is over, and a day is a day of the project's time zone.
    """
    import ibis

    if not time.type().is_date():
        return as_of()

    @ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp"), "timestamp('UTC')"))
    def from_utc(zone, time): ...  # type: ignore[no-untyped-def]

    @ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp('UTC')"), "timestamp"))
    def local(zone, time): ...  # type: ignore[no-untyped-def]

    zone = resolver().time_zone
    here = as_of() if zone == "UTC" else local(zone, from_utc("UTC", as_of()))
    start: ir.TimestampValue = here.truncate("D")
    return start


def last(time: ir.Column, **length: int) -> ir.BooleanValue:
    """Whether a row falls into the window that ends at ``as_of()``, its end excluded.

    Parameters
    ----------
    time
        The time of the row; for a column of days the window ends where the day of ``as_of()`` starts.
    length
        The window, as for :func:`ibis.interval`: ``days=30``, ``months=3``.

    Examples
    --------
    >>> last(orders.ordered_at, days=30)  # doctest: +SKIP
    """
    from ibis.common.deferred import deferrable

    found: ir.BooleanValue = deferrable(_last)(time, length)  # of ``_.ordered_at`` the type is known later
    return found


def _last(time: ir.Column, length: Mapping[str, int]) -> ir.BooleanValue:
    import ibis

    end = moment(time)
    return (time >= end - ibis.interval(**length)) & (time < end)


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
    """Parse ``"5 minutes"`` to a length of time; a month counts 30 days, a year 365."""
    number, unit = interval(text)
    if unit in ("month", "year"):
        return timedelta(days=number * (30 if unit == "month" else 365))
    return timedelta(**{_UNITS[unit]: number})


def pinned(text: str) -> datetime:
    """Parse the date that a clock is pinned to, ``"2026-01-31"`` or ``"2026-01-31 06:00"``, as UTC; an offset is heeded.

    Raises
    ------
    UsageError
        It is no date.
    """
    try:
        found = datetime.fromisoformat(text.strip())
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no date", hint="write 2026-01-31, or with a time in UTC 2026-01-31T06:00") from None
