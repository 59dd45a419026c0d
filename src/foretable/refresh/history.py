"""What waves leave in the system catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import duckdb

from foretable.compile.graph import Compiled, Graph
from foretable.refresh.changes import drop_history
from foretable.refresh.due import next_due, tried
from foretable.refresh.plan import Build
from foretable.refresh.state import State
from foretable.refresh.step import Built
from foretable.refresh.suspend import record_result, record_waiting
from foretable.warehouse import wave

SCHEDULED = "SCHEDULED"
HISTORY = """
INSERT INTO foretable.refresh_history BY NAME
SELECT unnest(from_json(?, '[{"wave": "BIGINT", "table_name": "VARCHAR", "action": "VARCHAR", "state": "VARCHAR", "reason": "VARCHAR",
    "as_of": "TIMESTAMP", "row_count": "BIGINT", "started_at": "TIMESTAMP", "seconds": "DOUBLE", "trigger": "VARCHAR",
    "inserted": "BIGINT", "updated": "BIGINT", "deleted": "BIGINT", "dirty": "BIGINT", "timings": "VARCHAR"}]'), recursive := true)
"""
# Numbered: DuckDB counts the question marks of FROM before those of SET.
TAKEN_IN = """
UPDATE foretable.tables
SET epoch = $1, refreshed_at = $2, as_of = CAST(done.line[2] AS TIMESTAMP), next_due = CAST(done.line[3] AS TIMESTAMP)
FROM (SELECT unnest(from_json($3, '[["VARCHAR"]]')) AS line) AS done WHERE name = done.line[1]
"""
FORGOTTEN = """
DELETE FROM foretable.schedules
WHERE (NOT suspended AND list_contains(?::VARCHAR[], table_name)) OR NOT list_contains(?::VARCHAR[], table_name)
"""
SOURCES = """
INSERT INTO foretable.sources BY NAME
SELECT unnest(from_json(?, '[{"name": "VARCHAR", "kind": "VARCHAR", "watermark": "TIMESTAMP", "seen_at": "TIMESTAMP", "wave": "BIGINT",
    "max_staleness": "VARCHAR", "is_late": "BOOLEAN"}]'), recursive := true)
"""


def utc_now() -> datetime:
    """The machine's clock as the catalog keeps it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def next_wave(connection: duckdb.DuckDBPyConnection) -> int:
    """The number after the last wave, failed ones included."""
    return int(connection.execute("SELECT coalesce(max(wave), 0) + 1 FROM foretable.waves").fetchall()[0][0])


def lose_track(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    """Say that no log tells any more what changed for these tables: declared again as they were, they are rebuilt."""
    if names:
        connection.execute("UPDATE foretable.tables SET epoch = -1 WHERE list_contains(?::VARCHAR[], name)", [list(names)])


def record_wave(connection: duckdb.DuckDBPyConnection, number: int, trigger: str, started: datetime) -> None:
    """Enter a wave that succeeds with its transaction."""
    connection.execute("INSERT INTO foretable.waves VALUES (?, ?, 'SUCCEEDED', ?, ?, NULL)", [number, trigger, started, utc_now()])


def record(connection: duckdb.DuckDBPyConnection, graph: Graph, state: State, number: int, trigger: str, built: Sequence[Built]) -> None:
    """Write a line of history and the new state of every table of a wave."""
    now = utc_now()
    lines = [
        {
            "wave": number, "table_name": done.table, "action": done.action, "state": "SUCCEEDED", "reason": done.reason,
            "as_of": done.as_of.isoformat(), "row_count": done.row_count, "started_at": now.isoformat(), "seconds": done.seconds,
            "trigger": trigger, "inserted": done.inserted, "updated": done.updated, "deleted": done.deleted, "dirty": done.dirty,
            "timings": json.dumps(dict(done.timings)),
        }
        for done in built
    ]  # fmt: skip
    if lines:
        connection.execute(HISTORY, [json.dumps(lines)])
        taken_in = [[done.table, done.as_of.isoformat(), _iso(next_due(graph, done.table, now))] for done in built]
        connection.execute(TAKEN_IN, [number, now, json.dumps(taken_in)])
    if connection.execute("FROM foretable.schedules LIMIT 1").fetchall():
        connection.execute(FORGOTTEN, [[done.table for done in built], graph.refreshed])  # what succeeded, and what nothing declares
    for done in built:
        if done.action != "NO_DATA":
            _record_table(connection, graph, state, number, done)


def _record_table(connection: duckdb.DuckDBPyConnection, graph: Graph, state: State, number: int, done: Built) -> None:
    compiled = graph.tables[done.table]
    declared = compiled.declared
    before = state.tables.get(done.table)
    now = utc_now()
    models = {alias: state.champions[alias] for alias in compiled.aliases if alias in state.champions}
    connection.execute("DELETE FROM foretable.tables WHERE name = ?", [done.table])
    connection.execute(
        """
        INSERT INTO foretable.tables BY NAME SELECT
            ? AS name, ? AS kind, ? AS pipeline, ? AS entity, ? AS target_lag, ? AS grain, ? AS definition, ? AS as_of,
            ? AS watermark, ? AS wave, ? AS row_count, ? AS refreshed_at, ? AS last_action, ? AS last_reason, ? AS description,
            ? AS epoch, ? AS mode, ? AS mode_reason, ? AS models, ? AS rules, ? AS next_due, ? AS sources
        """,
        [
            *(done.table, compiled.kind, _pipeline(graph, done.table), compiled.entity.name if compiled.entity else None),
            *(declared.target_lag, declared.grain, compiled.fingerprint, done.as_of),
            *(done.as_of, number, done.row_count, now, done.action, done.reason, declared.description),
            *(number, compiled.analysis.mode, compiled.analysis.reason or None, json.dumps(models), state.rules.get(done.table)),
            *(next_due(graph, done.table, now), sorted(graph.upstream(done.table) & graph.project.sources.keys())),
        ],
    )
    if before is None or before.definition != compiled.fingerprint:
        _record_columns(connection, graph, compiled)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _pipeline(graph: Graph, name: str) -> str | None:
    return next((pipeline for pipeline, names in graph.project.pipelines.items() if name in names), None)


def _record_columns(connection: duckdb.DuckDBPyConnection, graph: Graph, compiled: Compiled) -> None:
    rules = graph.project.schemas.get(compiled.name)
    described = {name: rule.description or "" for name, rule in rules.schema.columns.items()} if rules is not None else {}
    connection.execute("DELETE FROM foretable.columns WHERE table_name = ?", [compiled.name])
    rows = [[compiled.name, name, kind, described.get(name, "")] for name, kind in compiled.columns.items()]
    connection.executemany("INSERT INTO foretable.columns VALUES (?, ?, ?, ?)", rows)


def record_blocked(connection: duckdb.DuckDBPyConnection, graph: Graph, number: int, trigger: str, blocked: Mapping[str, str]) -> None:
    """Say that a wave left tables as they were, because of a failure elsewhere or a suspension: they are stale."""
    for name, reason in blocked.items():
        connection.execute(
            "INSERT INTO foretable.refresh_history BY NAME"
            " SELECT ? AS wave, ? AS table_name, 'BLOCKED' AS state, ? AS reason, ? AS started_at, ? AS trigger",
            [number, name, reason, utc_now(), trigger],
        )
        if trigger == SCHEDULED:
            record_waiting(connection, name, reason, tried(graph, name))


def record_sources(connection: duckdb.DuckDBPyConnection, graph: Graph, state: State, number: int) -> None:
    """Write what the wave saw of each source."""
    connection.execute("DELETE FROM foretable.sources")
    now = utc_now().isoformat()
    lines = [
        {
            "name": name, "kind": graph.project.sources[name].kind, "seen_at": now, "wave": number, "is_late": seen.is_late,
            "watermark": _iso(seen.watermark), "max_staleness": graph.project.sources[name].max_staleness,
        }
        for name, seen in state.sources.items()
    ]  # fmt: skip
    if lines:
        connection.execute(SOURCES, [json.dumps(lines)])


def record_failure(connection: duckdb.DuckDBPyConnection, graph: Graph, number: int, trigger: str, build: Build, message: str) -> None:
    """Write a rolled-back wave, in a transaction of its own; scheduled failures count towards suspension."""
    with wave(connection):
        now = utc_now()
        connection.execute("INSERT INTO foretable.waves VALUES (?, ?, 'FAILED', ?, ?, ?)", [number, trigger, now, now, message])
        connection.execute(
            "INSERT INTO foretable.refresh_history BY NAME SELECT ? AS wave, ? AS table_name, ? AS action, 'FAILED' AS state,"
            " ? AS reason, ? AS as_of, ? AS started_at, ? AS message, ? AS trigger",
            [number, build.table, build.action, build.reason, build.as_of, now, message, trigger],
        )
        if trigger == SCHEDULED:
            record_result(connection, build.table, True, message, tried(graph, build.table))


def forget(connection: duckdb.DuckDBPyConnection, number: int, trigger: str, name: str) -> None:
    """Take a dropped table out of the catalog; history keeps a line of it."""
    connection.execute("DELETE FROM foretable.tables WHERE name = ?", [name])
    connection.execute("DELETE FROM foretable.columns WHERE table_name = ?", [name])
    drop_history(connection, name)
    connection.execute(
        "INSERT INTO foretable.refresh_history BY NAME SELECT ? AS wave, ? AS table_name, 'DROP' AS action, 'SUCCEEDED' AS state,"
        " 'nothing declares it' AS reason, ? AS started_at, ? AS trigger",
        [number, name, utc_now(), trigger],
    )
