"""Reading the warehouse into the plain data that a plan is made from."""

from __future__ import annotations

from datetime import datetime

import duckdb

from foretable.compile.graph import Graph
from foretable.refresh.fingerprint import declaration_fingerprint, source_fingerprint
from foretable.refresh.state import SourceState, State, TableState
from foretable.refresh.watermark import source_watermark
from foretable.registry import champion, find_version


def observe(connection: duckdb.DuckDBPyConnection, graph: Graph, clock: datetime) -> State:
    """Read the state that a plan needs; one scan of every source."""
    rows = connection.execute("SELECT name, definition, inputs, as_of, row_count, wave FROM foretable.tables").fetchall()
    there = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_database()"
    ).fetchall()
    champions = {name: found.version for name in graph.project.models if (found := champion(connection, name)) is not None}
    trained = {name for name in graph.project.models if find_version(connection, name, declaration_fingerprint(graph, name)) is not None}
    return State(
        tables={row[0]: TableState(*row[1:]) for row in rows},
        sources={name: _source_state(connection, graph, name, clock) for name in sorted(graph.schemas)},
        champions=champions,
        trained=frozenset(trained),
        existing=frozenset(name.lower() for (name,) in there),
        rules={name: schema.fingerprint for name, schema in graph.project.schemas.items()},
    )


def _source_state(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, clock: datetime) -> SourceState:
    fingerprint, count = source_fingerprint(connection, name, graph.schemas[name])
    return SourceState(fingerprint, count, source_watermark(connection, graph, name, clock))
