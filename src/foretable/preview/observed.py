"""What a preview needs to know of the live warehouse, read without writing a byte."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import duckdb

from foretable.compile.graph import Graph
from foretable.preview.scratch import LIVE, SCRATCH, within
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.refresh.observe import EXISTING, TABLES
from foretable.refresh.plan import table_as_of
from foretable.refresh.state import SourceState, State, TableState
from foretable.refresh.suspend import suspended
from foretable.refresh.watermark import source_watermark
from foretable.registry import find_version, pointed
from foretable.warehouse.version import catalog_version


def read_state(connection: duckdb.DuckDBPyConnection, graph: Graph) -> State:
    """The warehouse as the last wave left it; nothing is detected, and a file without a catalog holds no table."""
    rules = {name: schema.fingerprint for name, schema in graph.project.schemas.items()}
    if not catalog_version(connection):
        return State(rules=rules)
    models = sorted(graph.project.models)
    tables = {
        name: TableState(definition, as_of, row_count, epoch or 0, json.loads(models or "{}"), rules, refreshed_at)
        for name, definition, as_of, row_count, epoch, models, rules, refreshed_at in connection.execute(TABLES).fetchall()
    }
    return State(
        tables=tables,
        champions={alias: number for alias, number in pointed(connection).items() if alias.partition("@")[0] in graph.project.models},
        trained=frozenset(name for name in models if find_version(connection, name, declaration_fingerprint(graph, name)) is not None),
        existing=frozenset(name for name, *_ in connection.execute(EXISTING).fetchall()),
        rules=rules,
        suspended=suspended(connection),
    )


def date_of(connection: duckdb.DuckDBPyConnection, graph: Graph, state: State, name: str, clock: datetime) -> datetime:
    """The date that both sides of a comparison are of: that of the rows which are there, for a new table that of a run."""
    before = state.tables.get(name)
    if before is not None and before.as_of is not None and name in state.existing:
        return before.as_of
    sources = {}
    for source in sorted(graph.upstream(name) & graph.project.sources.keys()):
        with within(connection, LIVE if graph.project.sources[source].file is None else SCRATCH):
            sources[source] = SourceState(source_watermark(connection, graph, source, clock))
    return table_as_of(graph, replace(state, sources=sources), name, clock)
