"""Bringing the online copy to the wave that the warehouse stands at."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from foretable.compile.graph import Graph
from foretable.online.file import Entry, enter, entries, leave, online_path, writing
from foretable.online.kinds import fitting
from foretable.online.statements import Copy, all_rows, changed_rows, create, drop, gone_keys, put, remove
from foretable.refresh.feeds.feed import Feed, FeedState
from foretable.refresh.feeds.log import read_states
from foretable.refresh.history import utc_now
from foretable.refresh.wanted import key_feed
from foretable.warehouse.failures import told
from foretable.warehouse.transaction import wave as transaction

_AT_ONCE = 10_000
_WAVES = "SELECT wave, CAST(started_at AS VARCHAR) FROM foretable.waves"
_TABLES = "SELECT name, definition, CAST(as_of AS VARCHAR), row_count FROM foretable.tables"
_COLUMNS = """
SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns()
WHERE database_name = current_database() AND list_contains(?::VARCHAR[], schema_name || '.' || table_name)
ORDER BY table_oid, column_index
"""


@dataclass(frozen=True)
class Copied:
    """What was done to a table of the copy: ``FULL`` or ``INCREMENTAL``, and how many rows were written and deleted."""

    table: str
    action: Literal["FULL", "INCREMENTAL", "NO_DATA"]
    written: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class _Stand:
    """The warehouse as it is copied: the moments of its waves, the feeds, and each table with what is known of it."""

    wave: int
    waves: Mapping[int, str]
    feeds: Mapping[str, FeedState]
    tables: Mapping[str, tuple[Copy, Feed, Entry]]


def copy_online(connection: duckdb.DuckDBPyConnection, graph: Graph) -> tuple[Copied, ...]:
    """Bring ``published/online.sqlite`` to the last wave, all tables in one transaction of its own.

    Of a table that the file has seen before, the keys are copied that changed since; all of it is copied where the
    file never saw it, the columns changed, it was made anew, the log does not reach back, or the warehouse is not the
    one that the file was copied from. A table that is declared but not built as declared stays as it is in the file; one
    that is not declared online any more goes.

    Parameters
    ----------
    connection
        The warehouse, outside a transaction.
    graph
        The compiled project.

    Raises
    ------
    WarehouseError
        The file cannot be written; what it held before it still holds, and the next call copies what is missing.
    """
    path = online_path(graph.project.root)
    wanted = [name for name in graph.refreshed if graph.tables[name].declared.online]
    if not wanted and not path.exists():
        return ()
    with writing(path) as file, told(str(graph.project.warehouse)), transaction(connection):
        seen = {entry.name: entry for entry in entries(file)}
        for name in seen.keys() - set(wanted):
            file.execute(drop(name))
            leave(file, name)
        stand = _look(connection, graph, wanted)
        return tuple(_bring(connection, file, stand, name, seen.get(name)) for name in stand.tables)


def _look(connection: duckdb.DuckDBPyConnection, graph: Graph, wanted: list[str]) -> _Stand:
    waves = dict(connection.execute(_WAVES).fetchall())
    last = max(waves, default=0)
    columns: dict[str, dict[str, str]] = {}
    for name, label, kind in connection.execute(_COLUMNS, [wanted]).fetchall():
        columns.setdefault(name, {})[label] = kind
    tables = {}
    for name, definition, as_of, row_count in connection.execute(_TABLES).fetchall():
        compiled, feed = graph.tables.get(name), key_feed(graph, name)
        if compiled is None or feed is None or name not in columns or definition != compiled.fingerprint:
            continue
        copy = Copy(name, columns[name], feed.keys)
        now = utc_now().isoformat(sep=" ", timespec="milliseconds")
        tables[name] = copy, feed, copy.entry(last, waves.get(last), as_of, definition, row_count, now)
    return _Stand(last, waves, read_states(connection), tables)


def _bring(connection: duckdb.DuckDBPyConnection, file: sqlite3.Connection, stand: _Stand, name: str, seen: Entry | None) -> Copied:
    copy, feed, entry = stand.tables[name]
    log = stand.feeds.get(feed.name)
    enter(file, entry)
    if seen is None or log is None or not _goes_on(seen, entry, log, stand.waves):
        file.execute(drop(name))
        file.execute(create(copy))
        return Copied(name, "FULL", _write(file, put(copy), _rows(connection, all_rows(copy))))
    if log.changed_at <= seen.wave:
        return Copied(name, "NO_DATA")
    deleted = _write(file, remove(copy), _rows(connection, gone_keys(copy, feed, seen.wave)))
    written = _write(file, put(copy), _rows(connection, changed_rows(copy, feed, seen.wave)))
    return Copied(name, "INCREMENTAL", written, deleted)


def _goes_on(seen: Entry, entry: Entry, log: FeedState, waves: Mapping[int, str]) -> bool:
    """Whether the log tells all that changed since the file saw the table, in this very warehouse."""
    same = (seen.shape, seen.definition) == (entry.shape, entry.definition)
    return same and waves.get(seen.wave) == seen.wave_started_at and log.complete_from <= seen.wave


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a query as SQLite can keep them, without the last column, which says whether a value is odd."""
    result = connection.execute(query)
    while rows := result.fetchmany(_AT_ONCE):
        yield [tuple(map(fitting, row[:-1])) if row[-1] else row[:-1] for row in rows]


def _write(file: sqlite3.Connection, text: str, chunks: Iterator[list[tuple[Any, ...]]]) -> int:
    count = 0
    for rows in chunks:
        file.executemany(text, rows)
        count += len(rows)
    return count
