"""The SQLite file: opened for writing, and what it remembers of what it has taken in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from foretable.errors import WarehouseError

_CATALOG = """
CREATE TABLE IF NOT EXISTS foretable_online (
    name TEXT PRIMARY KEY,
    wave INTEGER NOT NULL,      -- the copy is what the table was after this wave,
    wave_started_at TEXT,       -- which began then: another warehouse has other moments
    as_of TEXT,                 -- the clock that the rows were computed at
    definition TEXT,
    shape TEXT NOT NULL,        -- changes with the columns and the key
    columns TEXT NOT NULL,      -- JSON: [[name, DuckDB type], …]
    keys TEXT NOT NULL,         -- JSON: [name, …]
    lookup TEXT NOT NULL,       -- the SELECT of shape and row by key
    row_count INTEGER,
    refreshed_at TEXT           -- when the copy last took in a wave, UTC
) WITHOUT ROWID
"""
_SEEN = "SELECT * FROM foretable_online"
_ENTER = "INSERT OR REPLACE INTO foretable_online VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LEAVE = "DELETE FROM foretable_online WHERE name = ?"
_WAIT = 60.0
NAME = "online.sqlite"


@dataclass(frozen=True)
class Entry:
    """A line of ``foretable_online``, column by column."""

    name: str
    wave: int
    wave_started_at: str | None
    as_of: str | None
    definition: str
    shape: str
    columns: str
    keys: str
    lookup: str
    row_count: int
    refreshed_at: str


def online_path(root: Path) -> Path:
    """Where a project's online copy is."""
    return root / "published" / NAME


def seen_waves(path: Path) -> dict[str, int]:
    """The wave that the copy has taken in last, by table; empty where there is none, or none that can be read."""
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            return {entry.name: entry.wave for entry in entries(file)}
    except sqlite3.Error:
        return {}


def entries(file: sqlite3.Connection) -> list[Entry]:
    """What the file says of its tables."""
    return [Entry(*row) for row in file.execute(_SEEN).fetchall()]


def enter(file: sqlite3.Connection, entry: Entry) -> None:
    """Say what the file has taken in of a table."""
    file.execute(_ENTER, astuple(entry))


def leave(file: sqlite3.Connection, name: str) -> None:
    """Say that a table is in the file no more."""
    file.execute(_LEAVE, [name])


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Write to the file in one transaction; readers see what was there until it is committed.

    Raises
    ------
    WarehouseError
        The disk is full, the file may not be written or is none of SQLite's; what was there before still is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=_WAIT)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes away, the next wave copies again
            file.execute("BEGIN IMMEDIATE")
            try:
                file.execute(_CATALOG)
                yield file
                file.execute("COMMIT")
            except BaseException:
                if file.in_transaction:
                    file.execute("ROLLBACK")
                raise
            file.execute("PRAGMA busy_timeout = 0")  # a reader at work keeps the log from being emptied: another time
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except (sqlite3.Error, OSError) as error:
        raise WarehouseError(
            f"cannot write the online copy: {error}",
            where=str(path),
            hint="check the file and its space; the wave is kept, and foretable publish copies again. A damaged file may be deleted",
        ) from error
