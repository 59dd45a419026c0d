"""Telling that an attached DuckDB file has not been written since: then none of its tables need be read."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import duckdb

from foretable.declare.names import split

_HEADERS = 3 * 4096  # the main header and the two that a checkpoint writes in turn, with their iteration
_PATH = "SELECT path FROM duckdb_databases() WHERE lower(database_name) = ?"
_IS_TABLE = "SELECT 1 FROM duckdb_tables() WHERE lower(database_name) = ? AND lower(schema_name) = ? AND lower(table_name) = ?"


def file_marks(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, str]:
    """Marks of the attached files that tables are in, by table; a mark is another one after anybody has written to the file.

    While a file is attached nobody can write to it, so its mark belongs to what is read. Tables of the warehouse have
    none, nor have views (they may read what is in other files), nor files that cannot be looked at, nor those in whose
    place another was put meanwhile: a lock belongs to a file, not to its name.
    """
    marks: dict[str, str | None] = {}
    found: dict[str, str] = {}
    for name in names:
        alias, schema, last = split(name)
        if not alias or not connection.execute(_IS_TABLE, [alias, schema, last]).fetchall():
            continue
        if alias not in marks:
            ((path,),) = connection.execute(_PATH, [alias]).fetchall()
            marks[alias] = _mark(Path(path)) if path else None
        mark = marks[alias]
        if mark is not None:
            found[name] = mark
    return found


def _mark(path: Path) -> str | None:
    try:
        named = path.stat()
        if not _is_open(named):
            return None
        stats = [_signature(named)]
        log = path.with_name(f"{path.name}.wal")
        stats += [_signature(log.stat())] if log.exists() else []
        # In a process of its own: a file opened and closed in this one would take DuckDB's lock on it away.
        header = subprocess.run(["head", "-c", str(_HEADERS), path.resolve()], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{hashlib.sha256(header).hexdigest()[:32]} {stats}"


def _is_open(file: os.stat_result) -> bool:
    """Whether this process has the file open: the one that is attached, not another of its name."""
    for descriptor in Path("/dev/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            if os.path.samestat(os.fstat(int(descriptor.name)), file):
                return True
    return False


def _signature(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
