"""The system catalog in schema ``foretable``: numbered migrations, applied whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import duckdb

from foretable.errors import WarehouseError
from foretable.warehouse.copies import copy_open_file
from foretable.warehouse.transaction import wave
from foretable.warehouse.version import CATALOG_VERSION, catalog_version, check_version, release

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Migration:
    """One step of the catalog: the version that it leads to, and its statements."""

    version: int
    sql: str


def migrations() -> list[Migration]:
    """Every migration of this release, oldest first."""
    found = [file for file in files("foretable.warehouse").joinpath("migrations").iterdir() if file.name.endswith(".sql")]
    steps = [Migration(int(file.name.split("_")[0]), file.read_text(encoding="utf-8")) for file in found]
    return sorted(steps, key=lambda step: step.version)


def ensure_catalog(connection: duckdb.DuckDBPyConnection, then: Callable[[duckdb.DuckDBPyConnection], object] = lambda _: None) -> None:
    """Create the system catalog, or bring it to this release's version; nothing to do is the usual case.

    Call it outside a transaction. Before an existing catalog is migrated, the warehouse is copied to
    ``backups/`` beside it.

    Parameters
    ----------
    connection
        A writable warehouse.
    then
        Done in the same transaction, where there was something to do.

    Raises
    ------
    CatalogTooNew
        A later foretable wrote the catalog. The file was not changed.
    """
    with _one_at_a_time:
        migrate(connection, migrations(), then)


def require_current(connection: duckdb.DuckDBPyConnection, where: str) -> None:
    """Refuse to read a catalog that this release would have to change first.

    Raises
    ------
    WarehouseError
        It is an earlier one.
    """
    found = catalog_version(connection)
    if 0 < found < CATALOG_VERSION:
        raise WarehouseError(
            f"its catalog has version {found}, this foretable {release()} works with version {CATALOG_VERSION}",
            where=where,
            hint="bring it up to date first: foretable plan; a copy of the file is kept",
        )


def migrate(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Migration], then: Callable[[duckdb.DuckDBPyConnection], object] = lambda _: None
) -> None:
    """Apply the steps that the open warehouse has not seen, in one transaction."""
    found, newest = catalog_version(connection), steps[-1].version
    check_version(found, newest, _file(connection))
    missing = [step for step in steps if step.version > found]
    if not missing:
        return
    if found and (path := _file(connection)) != ":memory:":
        copy_open_file(connection, Path(path), Path(path).parent / "backups", label=f"catalog-{found}")
    with wave(connection):
        for step in missing:
            connection.execute(step.sql)
            now = datetime.now(UTC).replace(tzinfo=None)
            connection.execute("INSERT INTO foretable.catalog VALUES (?, ?, ?)", [step.version, release(), now])
        then(connection)


def _file(connection: duckdb.DuckDBPyConnection) -> str:
    path = connection.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchall()[0][0]
    return path or ":memory:"
