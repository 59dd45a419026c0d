"""One query at many dates.

It is made and written once, and each date is put into its text: to make it anew takes longer than to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from sqlglot import exp

from foretable.compile.asof import AnyDate, Moment, cut
from foretable.declare.freshness import GRAINS
from foretable.sql import render, table


def filling(
    name: str, build: Callable[[Moment | None], exp.Query], dates: Iterable[datetime | None], time_zone: str, *, temporary: bool = False
) -> Iterator[str]:
    """The statements that make a table of what a query gives at every date, one statement a date; the first replaces the table.

    Parameters
    ----------
    name
        The table.
    build
        Gives the query; it hands the date on to ``literal``, ``fill`` and ``inlined`` alone.
    dates
        In UTC; a single None for a query without a clock.
    time_zone
        The project's, in which dates are cut.
    temporary
        Whether the table is.
    """
    properties = exp.Properties(expressions=[exp.TemporaryProperty()]) if temporary else None
    text = ""
    for position, date in enumerate(dates):
        if position < 2:
            rows = build(None if date is None else AnyDate())
            create = exp.Create(kind="TABLE", replace=True, this=table(name), properties=properties, expression=rows)
            text = render(exp.insert(rows, table(name), copy=False) if position else create, copy=False)
        yield text if date is None else _dated(text, date, time_zone)


def _dated(text: str, date: datetime, time_zone: str) -> str:
    text = text.replace(AnyDate().isoformat(), date.isoformat(sep=" "))
    for grain in GRAINS:
        text = text.replace(AnyDate(grain).isoformat(), cut(date, grain, time_zone).isoformat(sep=" "))
    return text
