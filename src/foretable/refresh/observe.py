"""Reading the warehouse into the plain data that a plan is made from."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb

from foretable.compile.graph import Graph
from foretable.refresh.feeds.feed import FeedState
from foretable.refresh.feeds.log import read_states
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.refresh.state import SourceState, State, TableState
from foretable.refresh.suspend import suspended
from foretable.refresh.wanted import wanted_feeds
from foretable.refresh.watermark import is_late, source_watermark
from foretable.registry import declarations, pointed

TABLES = "SELECT name, definition, as_of, row_count, epoch, models, rules, refreshed_at FROM foretable.tables"
EXISTING = "SELECT lower(schema_name || '.' || table_name), column_count FROM duckdb_tables() WHERE database_name = current_database()"


def observe(connection: duckdb.DuckDBPyConnection, graph: Graph, clock: datetime) -> State:
    """Read the state that a plan needs, as the last detection left it.

    Parameters
    ----------
    connection
        The warehouse; in a wave after :func:`foretable.refresh.feeds.detect.detect`, in the same transaction.
    graph
        The compiled project.
    clock
        Now, in UTC.
    """
    there = connection.execute(EXISTING).fetchall()
    return State(
        tables=_tables(connection),
        sources={name: _source(connection, graph, name, clock) for name in sorted(graph.schemas)},
        feeds=read_feeds(connection, graph),
        champions={alias: number for alias, number in pointed(connection).items() if alias.partition("@")[0] in graph.project.models},
        trained=_trained(connection, graph),
        existing=frozenset(name for name, width in there if name not in graph.tables or width == len(graph.tables[name].columns)),
        rules={name: schema.fingerprint for name, schema in graph.project.schemas.items()},
        suspended=suspended(connection),
    )


def _tables(connection: duckdb.DuckDBPyConnection) -> dict[str, TableState]:
    rows = connection.execute(TABLES).fetchall()
    return {
        name: TableState(definition, as_of, row_count, epoch or 0, json.loads(models or "{}"), rules, refreshed_at)
        for name, definition, as_of, row_count, epoch, models, rules, refreshed_at in rows
    }


def read_feeds(connection: duckdb.DuckDBPyConnection, graph: Graph) -> dict[tuple[str, tuple[str, ...]], FeedState]:
    """How far back the change feeds of a project reach and which wave logged the last change, by table and columns."""
    known = read_states(connection)
    return {(feed.table, feed.keys): known[feed.name] for feed in wanted_feeds(graph) if feed.name in known}


def _trained(connection: duckdb.DuckDBPyConnection, graph: Graph) -> frozenset[str]:
    known = declarations(connection)
    return frozenset(name for name in graph.project.models if (name, declaration_fingerprint(graph, name)) in known)


def _source(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, clock: datetime) -> SourceState:
    known = source_watermark(connection, graph, name, clock)
    return SourceState(known, is_late(graph.project.sources[name], known, clock))
