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
    that all of it is of one moment; upstream first. ``next_wake`` is the first moment at which a table is
    due that is not due now, None when there is none. ``suspended`` tells what is left out, and why.
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
    readers = (_own_due(graph, other, refreshed_at) for other in graph.downstream(name) & set(graph.refreshed))
    return min((moment for moment in readers if moment is not None), default=None)


def _own_due(graph: Graph, name: str, refreshed_at: datetime) -> datetime | None:
    return parse_lag(graph.tables[name].declared.target_lag).next_due(refreshed_at, graph.project.config.time_zone)


def tried(graph: Graph, name: str) -> str:
    """Fingerprint of what a refresh of the table tries: its own definition, and those of the tables it is made from."""
    parts = [graph.tables[part].fingerprint for part in sorted({name, *graph.upstream(name)} & graph.tables.keys())]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def agenda(graph: Graph, paces: Mapping[str, Pace], now: datetime, select: Collection[str] | None = None) -> Agenda:
    """Decide what is due.

    A table is due when its target lag has run out since its last refresh, when it was never built, and
    when its definition changed. One that failed is due again when its target lag has run out once more, or at
    once when a definition was changed; until then, what is made from it waits too. Suspended
    tables and what is made from them are left out.

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
            waits = [until for part in {name, *graph.upstream(name)} if (until := holds.get(part)) is not None]
            starts[name] = max([moment, *waits])
    asked = {name for name, moment in starts.items() if moment <= now}
    taken = asked.union(*(graph.upstream(name) for name in asked))
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


def _from(graph: Graph, name: str, pace: Pace, now: datetime) -> datetime | None:
    """From when on a table is due by itself."""
    if pace.refreshed_at is None or pace.definition != graph.tables[name].fingerprint:
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
