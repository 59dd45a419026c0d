"""What waves leave in the system catalog."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from foretable.compile.graph import Compiled, Graph
from foretable.refresh.plan import Build
from foretable.refresh.state import State
from foretable.warehouse import wave


def utc_now() -> datetime:
    """The machine's clock as the catalog keeps it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def next_wave(connection: duckdb.DuckDBPyConnection) -> int:
    """The number after the last wave, failed ones included."""
    return int(connection.execute("SELECT coalesce(max(wave), 0) + 1 FROM foretable.waves").fetchall()[0][0])


def open_wave(connection: duckdb.DuckDBPyConnection, number: int, trigger: str) -> None:
    """Enter a wave; it stands only if its transaction commits."""
    connection.execute("INSERT INTO foretable.waves VALUES (?, ?, 'SUCCEEDED', ?, NULL, NULL)", [number, trigger, utc_now()])


def close_wave(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """Say when a wave ended."""
    connection.execute("UPDATE foretable.waves SET ended_at = ? WHERE wave = ?", [utc_now(), number])


def record(connection: duckdb.DuckDBPyConnection, graph: Graph, number: int, build: Build, row_count: int, seconds: float) -> None:
    """Write one table's line of history and its new state."""
    now = utc_now()
    connection.execute(
        "INSERT INTO foretable.refresh_history VALUES (?, ?, ?, 'SUCCEEDED', ?, ?, ?, ?, ?, NULL)",
        [number, build.table, build.action, build.reason, build.as_of, row_count, now, seconds],
    )
    if build.action == "NO_DATA":
        connection.execute("UPDATE foretable.tables SET refreshed_at = ? WHERE name = ?", [now, build.table])
        return
    compiled = graph.tables[build.table]
    declared = compiled.declared
    connection.execute("DELETE FROM foretable.tables WHERE name = ?", [build.table])
    connection.execute(
        """
        INSERT INTO foretable.tables BY NAME SELECT
            ? AS name, ? AS kind, ? AS pipeline, ? AS entity, ? AS target_lag, ? AS grain, ? AS definition, ? AS as_of,
            ? AS inputs, ? AS watermark, ? AS wave, ? AS row_count, ? AS refreshed_at, ? AS last_action, ? AS last_reason, ? AS description
        """,
        [
            *(build.table, compiled.kind, _pipeline(graph, build.table), compiled.entity.name if compiled.entity else None),
            *(declared.target_lag, declared.grain, compiled.fingerprint, build.as_of),
            *(build.inputs, build.as_of, number, row_count, now, build.action, build.reason, declared.description),
        ],
    )
    _record_columns(connection, graph, compiled)


def _pipeline(graph: Graph, name: str) -> str | None:
    return next((pipeline for pipeline, names in graph.project.pipelines.items() if name in names), None)


def _record_columns(connection: duckdb.DuckDBPyConnection, graph: Graph, compiled: Compiled) -> None:
    rules = graph.project.schemas.get(compiled.name)
    described = {name: rule.description or "" for name, rule in rules.schema.columns.items()} if rules is not None else {}
    connection.execute("DELETE FROM foretable.columns WHERE table_name = ?", [compiled.name])
    rows = [[compiled.name, name, kind, described.get(name, "")] for name, kind in compiled.columns.items()]
    connection.executemany("INSERT INTO foretable.columns VALUES (?, ?, ?, ?)", rows)


def record_blocked(connection: duckdb.DuckDBPyConnection, number: int, name: str, reason: str) -> None:
    """Say that a wave left a table as it was, because of a failure elsewhere: it is stale."""
    connection.execute(
        "INSERT INTO foretable.refresh_history VALUES (?, ?, NULL, 'BLOCKED', ?, NULL, NULL, ?, NULL, NULL)",
        [number, name, reason, utc_now()],
    )


def record_sources(connection: duckdb.DuckDBPyConnection, graph: Graph, state: State, number: int) -> None:
    """Write what the wave saw of each source."""
    connection.execute("DELETE FROM foretable.sources")
    now = utc_now()
    for name, seen in state.sources.items():
        kind = graph.project.sources[name].kind
        row = [name, kind, seen.fingerprint, seen.row_count, seen.watermark, now, number]
        connection.execute("INSERT INTO foretable.sources VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def record_failure(connection: duckdb.DuckDBPyConnection, number: int, trigger: str, build: Build, message: str) -> None:
    """Write a rolled-back wave, in a transaction of its own."""
    with wave(connection):
        now = utc_now()
        connection.execute("INSERT INTO foretable.waves VALUES (?, ?, 'FAILED', ?, ?, ?)", [number, trigger, now, now, message])
        connection.execute(
            "INSERT INTO foretable.refresh_history VALUES (?, ?, ?, 'FAILED', ?, ?, NULL, ?, NULL, ?)",
            [number, build.table, build.action, build.reason, build.as_of, now, message],
        )


def forget(connection: duckdb.DuckDBPyConnection, number: int, name: str) -> None:
    """Take a dropped table out of the catalog; history keeps a line of it."""
    connection.execute("DELETE FROM foretable.tables WHERE name = ?", [name])
    connection.execute("DELETE FROM foretable.columns WHERE table_name = ?", [name])
    connection.execute(
        "INSERT INTO foretable.refresh_history VALUES (?, ?, 'DROP', 'SUCCEEDED', 'nothing declares it', NULL, NULL, ?, NULL, NULL)",
        [number, name, utc_now()],
    )
