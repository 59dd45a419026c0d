"""What a plan is made from: everything read from the warehouse, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from foretable.compile.graph import Graph
from foretable.refresh.fingerprint import declaration_fingerprint, rules_fingerprint, source_fingerprint
from foretable.refresh.watermark import source_watermark
from foretable.registry import champion, find_version


@dataclass(frozen=True)
class TableState:
    """A table as the last wave left it."""

    definition: str
    inputs: str
    as_of: datetime | None
    row_count: int
    wave: int


@dataclass(frozen=True)
class SourceState:
    """A source as it stands now; ``watermark`` is its last event not after the clock."""

    fingerprint: str
    row_count: int
    watermark: datetime | None


@dataclass(frozen=True)
class State:
    """The warehouse at one moment.

    ``champions`` gives the version that ``predict_<model>`` calls; ``trained`` the models with a
    version that matches their declaration; ``existing`` the tables that are really there; ``rules`` the
    fingerprints of the declared schemas.
    """

    tables: Mapping[str, TableState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    champions: Mapping[str, int] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()
    rules: Mapping[str, str] = field(default_factory=dict)


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
        rules={name: rules_fingerprint(schema) for name, schema in graph.project.schemas.items()},
    )


def _source_state(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, clock: datetime) -> SourceState:
    fingerprint, count = source_fingerprint(connection, name, graph.schemas[name])
    return SourceState(fingerprint, count, source_watermark(connection, graph.project.sources[name], clock))
