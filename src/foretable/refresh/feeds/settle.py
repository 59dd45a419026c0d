"""Fingerprints of the rows that matter alone: where every reader of a source has a floor, none below it is summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.graph import Graph
from foretable.declare.names import split
from foretable.refresh.feeds import fingerprints
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.memory import Kept, Memory, recall, remember
from foretable.refresh.floors import Floor, Need, Stored, holds, needed, next_floor, readers, strangers
from foretable.sql import render

_STORED = "SELECT name, definition, as_of FROM foretable.tables"
_IS_TABLE = """
SELECT 1 FROM duckdb_tables()
WHERE lower(database_name) = lower(coalesce(nullif($1, ''), current_database()))
    AND lower(schema_name) = lower($2) AND lower(table_name) = lower($3)
"""
_ORDERED = ("DATE", "TIMESTAMP")


def outgrown(connection: duckdb.DuckDBPyConnection, graph: Graph, feeds: Sequence[Feed], known: Mapping[str, Kept]) -> set[str]:
    """Names of feeds that do not watch every row that their readers have seen: with them nothing can be compared.

    A wave leaves none behind; another version of foretable may find other floors.
    """
    floors = {feed: floor_of(known[feed.name].memory) for feed in feeds if feed.name in known}
    low = {feed.table for feed, floor in floors.items() if floor is not None}
    tables = _stored(connection) if low else {}
    needs = {name: needed(graph, tables, name) for name in low if readers(graph, tables, name)}
    moments = {name: _moment(connection, need) for name, need in needs.items()}
    return {feed.name for feed, floor in floors.items() if feed.table in needs and not holds(floor, needs[feed.table], moments[feed.table])}


def settle(connection: duckdb.DuckDBPyConnection, graph: Graph, feeds: Sequence[Feed]) -> None:
    """Sum the rows that the tables have seen, at the end of a wave and in its transaction.

    Parameters
    ----------
    graph
        The compiled project.
    feeds
        Every feed of a source.
    """
    known, tables = recall(connection), _stored(connection)
    may_rise = not strangers(graph, tables)
    for source in dict.fromkeys(feed.table for feed in feeds):
        if not readers(graph, tables, source):
            continue
        there = [(feed, known[feed.name]) for feed in feeds if feed.table == source and feed.name in known]
        _settle_source(connection, there, needed(graph, tables, source), may_rise=may_rise)


def _settle_source(connection: duckdb.DuckDBPyConnection, feeds: Sequence[tuple[Feed, Kept]], need: Need | None, *, may_rise: bool) -> None:
    summed = [(feed, kept, kept.memory) for feed, kept in feeds if kept.memory is not None and kept.kind != "files"]
    if need is None and all(memory.since is None for _, _, memory in summed):
        return
    if not all(_may_have(feed, kept, need) for feed, kept, _ in summed):
        need = None
    moment = _moment(connection, need)
    wanted = [next_floor(floor_of(memory), need, moment, may_rise=may_rise) for _, _, memory in summed]
    if may_rise and len(set(wanted)) > 1:  # one scan serves the feeds that have one floor
        wanted = [next_floor(None, need, moment, may_rise=True)] * len(wanted)
    moved = [(*each, floor) for each, floor in zip(summed, wanted, strict=True) if floor != floor_of(each[2])]
    stands_still = bool(moved) and _stands_still(connection, moved[0][0].table)
    for feed, kept, memory, floor in moved:
        stored = replace(feed, columns=kept.columns)
        if stands_still:
            column, since = (floor.column, floor.since.isoformat()) if floor is not None else (None, None)
            remember(connection, stored, fingerprints.store(connection, stored, replace(memory, column=column, since=since)))
        elif memory.since is not None:
            remember(connection, stored, None)  # the next wave starts anew


def _stands_still(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a source is the same throughout a transaction: a table is; what a view reads may have changed since it was compared."""
    alias, schema, last = split(name)
    return bool(connection.execute(_IS_TABLE, [alias, schema, last]).fetchall())


def _may_have(feed: Feed, kept: Kept, need: Need | None) -> bool:
    """Whether a feed may leave rows out: its source is compared in every wave, by a column that is what it was declared to be.

    Sums that loads add to are compared at audits alone, and made anew only then.
    """
    kinds = {name.lower(): kind for name, kind in kept.columns.items()}
    return kept.kind == "fingerprint" and need is not None and kinds.get(need.column.lower()) in _ORDERED


def floor_of(memory: Memory | None) -> Floor | None:
    """The floor that sums were made with."""
    if memory is None or memory.column is None or memory.since is None:
        return None
    return Floor(memory.column, datetime.fromisoformat(memory.since))


def _stored(connection: duckdb.DuckDBPyConnection) -> dict[str, Stored]:
    return {name: Stored(definition, as_of) for name, definition, as_of in connection.execute(_STORED).fetchall()}


def _moment(connection: duckdb.DuckDBPyConnection, need: Need | None) -> datetime | None:
    """The least moment of a need; None where there is none, or none that can be reckoned with."""
    if need is None:
        return None
    moments = [exp.cast(moment.copy(), "TIMESTAMP") for moment in need.moments]
    least = exp.Least(this=moments[0], expressions=moments[1:], ignore_nulls=True) if len(moments) > 1 else moments[0]
    found = connection.execute(render(exp.select(exp.alias_(least, "moment")))).fetchall()[0][0]
    return found if isinstance(found, datetime) and found.year > 1000 else None
