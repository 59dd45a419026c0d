"""Which tables are due, and when the next one will be; decided from plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from foretable.compile.graph import Graph
from foretable.declare.lag import parse_lag

RETRY = timedelta(minutes=5)
"""How soon a table is tried again that could not be built for want of something else, such as a model without a version."""


@dataclass(frozen=True)
class Pace:
    """How a table has fared, times in UTC.

    Parameters
    ----------
    refreshed_at
        When it was last found or made current; None when it was never built.
    definition
        Fingerprint of what it was built from.
    attempted_at
        When the schedule last tried in vain; None when the last try succeeded.
    attempted
        What :func:`tried` gave then.
    failed
        Whether the table itself failed then; else it waited for something.
    suspended
        Why it is not refreshed; empty when it is.
    """

    refreshed_at: datetime | None = None
    definition: str = ""
    attempted_at: datetime | None = None
    attempted: str = ""
    failed: bool = False
    suspended: str = ""


@dataclass(frozen=True)
class Agenda:
    """What is to be refreshed now, and when to look again.

    ``due`` holds the tables whose target lag has run out and everything of ours that they are made from, so
    that all of it is of one moment, but for tables at their own pace and what only those read; upstream first.
    ``next_wake`` is the first moment at which a table is due that is not due now, None when there is none.
    ``suspended`` tells what is left out, and why.
    """

    due: tuple[str, ...] = ()
    next_wake: datetime | None = None
    suspended: Mapping[str, str] = field(default_factory=dict)


def next_due(graph: Graph, name: str, refreshed_at: datetime) -> datetime | None:
    """When the target lag of a table runs out that was refreshed at a moment, both in UTC.

    A DOWNSTREAM table is due with the first table that is made from it; None when no such table has a pace of its own.
    """
    due = _own_due(graph, name, refreshed_at)
    if due is not None:
        return due
    readers = (_own_due(graph, other, refreshed_at) for other in graph.refreshed if name in taken_along(graph, other))
    return min((moment for moment in readers if moment is not None), default=None)


def _own_due(graph: Graph, name: str, refreshed_at: datetime) -> datetime | None:
    return parse_lag(graph.tables[name].declared.target_lag).next_due(refreshed_at, graph.project.config.time_zone)


def taken_along(graph: Graph, name: str) -> set[str]:
    """What is brought to one moment with a table: all that it is made from, but for tables at their own pace and what only they read."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = {parent for parent in graph.parents(waiting.pop()) if not _own_pace(graph, parent)} - found
        found |= new
        waiting.extend(new)
    return found


def references(graph: Graph, name: str) -> set[str]:
    """The tables at their own pace that a table reads, itself or by way of those that are taken along with it."""
    parts = {name, *taken_along(graph, name)}
    return {parent for part in parts for parent in graph.parents(part) if _own_pace(graph, parent)}


def _own_pace(graph: Graph, name: str) -> bool:
    return name in graph.tables and graph.tables[name].declared.own_pace


def tried(graph: Graph, name: str) -> str:
    """Fingerprint of what a refresh of the table tries: its own definition, and those of the tables it is made from."""
    parts = [graph.tables[part].fingerprint for part in sorted({name, *graph.upstream(name)} & graph.tables.keys())]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def agenda(graph: Graph, paces: Mapping[str, Pace], now: datetime, select: Collection[str] | None = None) -> Agenda:
    """Decide what is due.

    A table is due when its target lag has run out since its last refresh, when it was never built, and
    when its definition changed. One that failed is due again when its target lag has run out once more, or at
    once when a definition was changed; until then, what is made from it waits too, unless it is at its own pace and
    what is stored of it can be read. Suspended tables and what is made from them are left out.

    Parameters
    ----------
    graph
        The compiled project.
    paces
        How each table has fared; one that was never built may be missing.
    now
        The machine's clock in UTC, not the clock of the data.
    select
        Tables to look at; None means all.
    """
    paused = _paused(graph, paces)
    holds = {name: _held_until(graph, name, paces.get(name, Pace())) for name in graph.refreshed}
    starts: dict[str, datetime] = {}
    for name in graph.refreshed:
        left_out = name in paused or (select is not None and name not in select)
        moment = None if left_out else _from(graph, name, paces.get(name, Pace()), now)
        if moment is not None:
            along = {name, *taken_along(graph, name)}
            waits = [until for part in along if (until := holds.get(part)) is not None]
            unbuilt = [part for part in references(graph, name) if not _is_built(graph, part, paces.get(part, Pace()))]
            starts[name] = max([moment, *waits, *(starts[part] for part in unbuilt if part in starts)])
    asked = {name for name, moment in starts.items() if moment <= now}
    taken = asked.union(*(taken_along(graph, name) for name in asked))
    return Agenda(
        due=tuple(name for name in graph.refreshed if name in taken and (select is None or name in select)),
        next_wake=min((moment for name, moment in starts.items() if moment > now), default=None),
        suspended=paused,
    )


def _paused(graph: Graph, paces: Mapping[str, Pace]) -> dict[str, str]:
    """The suspended tables and those made from them, with the reason."""
    paused: dict[str, str] = {}
    for name in graph.refreshed:
        own = paces.get(name, Pace()).suspended
        above = next((parent for parent in graph.parents(name) if parent in paused), "")
        if own or above:
            paused[name] = own or f"{above} is suspended"
    return paused


def _is_built(graph: Graph, name: str, pace: Pace) -> bool:
    """Whether what is stored of a table is of its definition."""
    return pace.refreshed_at is not None and pace.definition == graph.tables[name].fingerprint


def _from(graph: Graph, name: str, pace: Pace, now: datetime) -> datetime | None:
    """From when on a table is due by itself."""
    if pace.refreshed_at is None or not _is_built(graph, name, pace):
        return now
    if pace.refreshed_at > now:
        return now  # the machine's clock was set back: that date says nothing
    return _own_due(graph, name, pace.refreshed_at)


def _held_until(graph: Graph, name: str, pace: Pace) -> datetime | None:
    """Until when a table that was tried in vain is left alone."""
    if pace.attempted_at is None or pace.attempted != tried(graph, name):
        return None
    again = next_due(graph, name, pace.attempted_at)
    if pace.failed:
        return again or pace.attempted_at + RETRY
    return min(again or datetime.max, pace.attempted_at + RETRY)
