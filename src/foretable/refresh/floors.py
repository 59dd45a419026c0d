"""From when on the rows of a source must be watched: where every table that reads it sees none below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlglot import exp

from foretable.compile.asof import fill
from foretable.compile.graph import Graph

_SLACK = 20
_DAY = timedelta(days=1)


class Stored(NamedTuple):
    """A table as the last wave left it, as far as it matters here."""

    definition: str
    as_of: datetime | None


@dataclass(frozen=True)
class Need:
    """What the stored tables have seen of a source: its rows whose ``column`` reaches the least of ``moments``; computed at ``latest``."""

    column: str
    moments: tuple[exp.Expr, ...]
    latest: datetime


class Floor(NamedTuple):
    """The rows that are watched: those whose ``column`` reaches the start of the day ``since``."""

    column: str
    since: datetime


def readers(graph: Graph, tables: Mapping[str, Stored], source: str) -> list[str]:
    """The tables that read a source and hold what the project says of them; others are made anew before it matters."""
    held = [name for name in graph.refreshed if name in tables and tables[name].definition == graph.tables[name].fingerprint]
    return [name for name in held if source in graph.tables[name].upstream]


def strangers(graph: Graph, tables: Mapping[str, Stored]) -> bool:
    """Whether a table is stored of which the project says something else or nothing.

    With another version of the project it may come back, and go on from what was logged: until it has been made anew
    or dropped no floor rises.
    """
    known = set(graph.refreshed)
    return any(name not in known or graph.tables[name].fingerprint != stored.definition for name, stored in tables.items())


def needed(graph: Graph, tables: Mapping[str, Stored], source: str) -> Need | None:
    """What must be watched of a source that stored tables read; None where it is every row.

    A table was computed at its ``as_of`` from the rows above its floor there. Whatever changes below does not change what
    it gave, and rows that a tick brings in or out lie between two places of a window's edge, where they are looked for.
    So the floor at the stored ``as_of`` is what counts, wherever the clock goes next.
    """
    found: list[tuple[str, exp.Expr, datetime]] = []
    for name in readers(graph, tables, source):
        floor, as_of = graph.tables[name].analysis.floors.get(source), tables[name].as_of
        if floor is None or as_of is None:
            return None
        found.append((floor[0], fill(floor[1], as_of), as_of))
    if len({column.lower() for column, _, _ in found}) != 1:
        return None
    return Need(found[0][0], tuple(dict.fromkeys(moment for _, moment, _ in found)), max(as_of for _, _, as_of in found))


def holds(floor: Floor | None, need: Need | None, moment: datetime | None) -> bool:
    """Whether enough is watched; ``moment`` is the least of those needed, None where every row is."""
    if floor is None:
        return True
    return need is not None and moment is not None and floor.column.lower() == need.column.lower() and floor.since <= moment


def next_floor(floor: Floor | None, need: Need | None, moment: datetime | None, *, may_rise: bool) -> Floor | None:
    """The floor to watch from now on, None for every row.

    It lies lower than is needed, so that it need not follow every step of the clock, and rises when the rows in
    between are many. It never rises where ``may_rise`` is false.
    """
    if need is None or moment is None:
        return None
    window = max(need.latest - moment, _DAY)
    lower = (moment - max(window / _SLACK, _DAY)).replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = Floor(need.column, lower)
    if floor is None or floor.column.lower() != need.column.lower():
        return wanted if may_rise else None
    if not holds(floor, need, moment):
        return wanted
    return wanted if may_rise and lower - floor.since >= max(window / 4, _DAY) else floor
