"""Forgetting what is older than ``keep_logs``: waves, history, logs of changes, what left quarantine; files of killed processes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.declare.project import Config
from foretable.errors import WarehouseError
from foretable.quality.quarantine import recount
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import prune, read_states
from foretable.refresh.history import utc_now
from foretable.sql import statement
from foretable.warehouse import ensure_catalog, open_warehouse, wave
from foretable.warehouse.version import catalog_version

DAY = 24 * 60 * 60
"""Seconds that an unfinished file must have lain untouched: nobody is still writing it."""

# The last wave always stays, however old: the next one takes the number after it.
_OLD = "SELECT max(wave), max(wave) FILTER (WHERE started_at < ?), count(*) FILTER (WHERE started_at < ?) FROM foretable.waves"
_WAVES = "DELETE FROM foretable.waves WHERE started_at < ? AND wave < ?"
# So does the last line of every table that there is: status and the published files tell from it whether a table is stale.
_HISTORY = """
DELETE FROM foretable.refresh_history WHERE rowid IN (
    SELECT id FROM (
        SELECT rowid AS id, table_name, started_at, row_number() OVER (PARTITION BY table_name ORDER BY wave DESC, started_at DESC) AS age
        FROM foretable.refresh_history
    )
    WHERE started_at < ? AND (age > 1 OR table_name NOT IN (
        SELECT name FROM foretable.tables UNION SELECT table_name FROM foretable.schedules
    ))
)
"""
_FEEDS = "SELECT table_name, keys, columns FROM foretable.feeds ORDER BY feed"
_QUARANTINES = """
SELECT table_name FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'quarantine' AND column_name = 'redriven_at' AND data_type = 'TIMESTAMP'
ORDER BY ALL
"""
_LEFT = "SELECT DISTINCT table_name FROM $quarantine WHERE redriven_at < ? ORDER BY ALL"


@dataclass(frozen=True)
class Forgotten:
    """How much was forgotten: waves, lines of history, logs that were cut, rows that had left quarantine."""

    waves: int = 0
    history: int = 0
    logs: int = 0
    quarantined: int = 0


def forget_old(connection: duckdb.DuckDBPyConnection, keep: timedelta, moment: datetime) -> Forgotten:
    """Forget what is older than ``keep``, in one transaction of its own; at most once a day there is anything to do.

    A log of changes that some table has not taken in for so long, because it is suspended or never selected, is cut:
    that table is rebuilt in full when it comes back.

    Parameters
    ----------
    connection
        A warehouse with a system catalog, outside a transaction.
    keep
        How long things are kept, counted from the beginning of the day.
    moment
        Now, by the machine's clock, in UTC.
    """
    oldest = moment.replace(hour=0, minute=0, second=0, microsecond=0) - keep
    last, old, count = connection.execute(_OLD, [oldest, oldest]).fetchall()[0]
    if not count or (old == last and count == 1):
        return Forgotten()
    with wave(connection):
        logs = _cut_logs(connection, old)
        history = _deleted(connection, _HISTORY, [oldest])
        waves = _deleted(connection, _WAVES, [oldest, last])
        return Forgotten(waves, history, logs, _forget_redriven(connection, oldest))


def forget_by_config(warehouse: Path, config: Config, *, wait: float = 0.0) -> Forgotten:
    """:func:`forget_old` and :func:`remove_leftovers` for a warehouse that nobody has opened; one without a catalog is left alone.

    Raises
    ------
    WarehouseError
        There is no such file, or it cannot be used.
    CatalogTooNew
        A later foretable wrote its catalog.
    """
    if not warehouse.is_file():
        raise WarehouseError("there is no warehouse yet", where=str(warehouse), hint="build it: foretable run")
    connection = open_warehouse(warehouse, wait=wait)
    try:
        forgotten = Forgotten()
        if catalog_version(connection):
            ensure_catalog(connection)
            forgotten = forget_old(connection, config.keep_logs, utc_now())
    finally:
        connection.close()
    remove_leftovers(warehouse)
    return forgotten


def remove_leftovers(warehouse: Path) -> list[Path]:
    """Delete unfinished files that killed processes left beside a warehouse and in ``backups/`` a day ago or earlier.

    Finished backups are never touched. What a killed publisher left is removed by the next one.
    """
    name, stem, suffix = (_literal(part) for part in (warehouse.name, warehouse.stem, warehouse.suffix))
    found = [
        *warehouse.parent.glob(f".{name}.*.tmp*"),
        *warehouse.parent.glob(f"{name}.restore.tmp*"),
        *warehouse.parent.glob(f"backups/{stem}-*{suffix}.tmp*"),
    ]
    old = [path for path in sorted(found) if path.is_file() and time.time() - path.stat().st_mtime > DAY]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def _cut_logs(connection: duckdb.DuckDBPyConnection, epoch: int) -> int:
    before = read_states(connection)
    for table_name, keys, columns in connection.execute(_FEEDS).fetchall():
        prune(connection, Feed(table_name, tuple(json.loads(keys)), json.loads(columns)), epoch)
    return sum(state != before[name] for name, state in read_states(connection).items())


def _forget_redriven(connection: duckdb.DuckDBPyConnection, oldest: datetime) -> int:
    """Delete rows that left quarantine: they are in their table, or a load has replaced what they came with."""
    count = 0
    for (name,) in connection.execute(_QUARANTINES).fetchall():
        quarantine = exp.table_(name, db="quarantine", quoted=True)
        tables = connection.execute(statement(_LEFT, quarantine=quarantine), [oldest]).fetchall()
        if tables:
            count += _deleted(connection, statement("DELETE FROM $quarantine WHERE redriven_at < ?", quarantine=quarantine), [oldest])
        for (target,) in tables:
            recount(connection, target)
    return count


def _deleted(connection: duckdb.DuckDBPyConnection, query: str, values: list[object]) -> int:
    return int(connection.execute(query, values).fetchall()[0][0])


def _literal(name: str) -> str:
    """A name as a pattern that matches only it."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
