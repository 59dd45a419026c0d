"""What time it is for a table: the clock, held back by the sources that have not reported yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

from foretable.compile.asof import before
from foretable.compile.graph import Graph
from foretable.declare.clock import interval
from foretable.declare.source import Source
from foretable.sql import column, statement, table

_FIRST = "SELECT CAST(min($time) AS TIMESTAMP) FROM $source"
_LATEST = "SELECT CAST(max($time) AS TIMESTAMP) FROM $source WHERE $time BETWEEN ? AND ?"


def now(graph: Graph) -> datetime:
    """The project's clock in UTC: the pinned date, else the machine's."""
    return graph.project.config.as_of or datetime.now(UTC).replace(tzinfo=None)


def later(moment: datetime, number: int, unit: str) -> datetime:
    """``moment`` plus a length of time; months are calendar months."""
    return before(moment, -number, unit)


def source_watermark(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, clock: datetime) -> datetime | None:
    """The latest event of a source that is not after the clock; None for a source without events.

    Of a source that knows days alone it is the start of its last day, in the project's time zone.
    """
    source = graph.project.sources[name]
    if source.time is None:
        return None
    kinds = {given.lower(): kind for given, kind in graph.schemas[name].items()}
    days = kinds.get(source.time.lower()) == "DATE"
    zone = ZoneInfo(graph.project.config.time_zone)
    limit = clock.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if days else clock
    query = statement(_LATEST, time=column(source.time), source=table(name))
    found: datetime | None = None
    for since in (limit - timedelta(days=1), datetime.min):  # of a table that is in order of time DuckDB reads the end alone
        found = connection.execute(query, [since, limit]).fetchall()[0][0]
        if found is not None:
            break
    return found.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) if found is not None and days else found


def first_event(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str) -> datetime | None:
    """The earliest event of a source, days as of their start in UTC; None for a source without events."""
    source = graph.project.sources[name]
    if source.time is None:
        return None
    found: datetime | None = connection.execute(statement(_FIRST, time=column(source.time), source=table(name))).fetchall()[0][0]
    return found


def is_late(source: Source, known: datetime | None, clock: datetime) -> bool:
    """Whether a source's last event lies further back than its ``max_staleness`` allows."""
    if source.max_staleness is None:
        return False
    number, unit = interval(source.max_staleness)
    return known is None or known < before(clock, number, unit)


def watermark(connection: duckdb.DuckDBPyConnection, graph: Graph, names: Iterable[str], clock: datetime) -> datetime:
    """The time up to which everything that the named tables read is known: the clock, or the latest source's last event."""
    upstream = {source for name in names for source in graph.upstream(name) & graph.project.sources.keys()}
    held = [name for name in sorted(upstream) if graph.project.sources[name].holds_clock]
    known = [source_watermark(connection, graph, name, clock) for name in held]
    return min([clock, *(moment for moment in known if moment is not None)])
