"""Copies of the warehouse file: backup and restore.

A copy is a copy of the file, never EXPORT DATABASE, which does not survive macros that call Python
functions. The file is copied by a process of its own: opening and closing it in this one would drop
the lock that DuckDB holds on it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from foretable.errors import ForetableError, WarehouseError, WarehouseLocked
from foretable.warehouse.disk import sync
from foretable.warehouse.open import open_warehouse
from foretable.warehouse.version import CATALOG_VERSION, catalog_version, check_version

_COPY = """
import os, shutil, sys
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "xb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
    target.flush()
    os.fsync(target.fileno())
"""


def backup(path: Path, target_dir: Path) -> Path:
    """Copy a warehouse to ``target_dir``.

    The copy carries the time in its name and is complete or absent: it is written under a temporary
    name, verified by opening it, then renamed.

    Raises
    ------
    WarehouseLocked
        Another process has the warehouse open.
    WarehouseError
        There is no such file, it cannot be read, or the copy cannot be written.
    """
    if not path.is_file():
        raise WarehouseError("there is no such file", where=str(path), hint="name the warehouse to copy")
    connection = open_warehouse(path)
    try:
        return copy_open_file(connection, path, target_dir)
    finally:
        connection.close()


def copy_open_file(connection: duckdb.DuckDBPyConnection, path: Path, target_dir: Path, label: str = "") -> Path:
    """Copy the file of an open, writable connection; no transaction may be open on it."""
    connection.execute("CHECKPOINT")
    target = target_dir / _name(path, label)
    part = target.with_name(f"{target.name}.tmp")
    try:
        target_dir.mkdir(parents=True, exist_ok=True)
        _copy(path, part)
        _version_of(part)
        part.rename(target)
        sync(target_dir)
    except OSError as error:
        raise WarehouseError(f"the copy cannot be written: {error}", where=str(target), hint="check the folder and its space") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def restore(backup: Path, path: Path) -> None:
    """Put a copy in the place of a warehouse.

    The replaced file is kept as ``backups/<name>-before-restore-<time>`` beside it. The change is one
    rename: a reader or a crash finds the old file or the new one.

    Raises
    ------
    WarehouseLocked
        Another process has the warehouse open.
    CatalogTooNew
        A later foretable wrote the copy.
    WarehouseError
        The copy is missing, damaged, or not a foretable warehouse. The warehouse was not changed.
    """
    _check_copy(backup)
    part = path.with_name(f"{path.name}.restore.tmp")
    part.unlink(missing_ok=True)
    try:
        _copy(backup, part)
        check_version(_version_of(part), CATALOG_VERSION, str(backup))
        holder = _hold(path)
        try:
            if path.exists():
                _keep(path)
            part.replace(path)
            sync(path.parent)
        finally:
            if holder is not None:
                holder.close()
    except OSError as error:
        raise WarehouseError(f"the copy cannot be put in place: {error}", where=str(path), hint="check the folder and its space") from error
    finally:
        part.unlink(missing_ok=True)


def _check_copy(backup: Path) -> None:
    if not backup.is_file():
        raise WarehouseError("there is no such file", where=str(backup), hint="name a copy made by: foretable backup")
    if Path(f"{backup}.wal").exists():
        raise WarehouseError(
            f"changes are waiting in {backup.name}.wal",
            where=str(backup),
            hint="open the file once with DuckDB to fold them in, then restore",
        )
    found = _version_of(backup)
    if not found:
        raise WarehouseError(
            "this DuckDB file is no foretable warehouse: it has no system catalog",
            where=str(backup),
            hint="name a copy made by: foretable backup",
        )
    check_version(found, CATALOG_VERSION, str(backup))


def _version_of(path: Path) -> int:
    connection = open_warehouse(path, read_only=True)
    try:
        return catalog_version(connection)
    finally:
        connection.close()


def _hold(path: Path) -> duckdb.DuckDBPyConnection | None:
    """Lock the file that is to be replaced and fold its WAL in; a damaged file cannot be, and is kept as it is."""
    if not path.exists():
        return None
    try:
        connection = open_warehouse(path)
    except WarehouseLocked:
        raise
    except ForetableError:
        return None
    connection.execute("CHECKPOINT")
    return connection


def _keep(path: Path) -> None:
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    kept = folder / _name(path, "before-restore")
    os.link(path, kept)
    wal = Path(f"{path}.wal")
    if wal.exists():
        # Only a damaged file still has one; beside the restored file it would be replayed into it.
        wal.rename(f"{kept}.wal")


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", _COPY, str(source), str(target)], capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        raise OSError(reason)


def _name(path: Path, label: str) -> str:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    return "-".join(part for part in (path.stem, label, stamp) if part) + path.suffix
