"""Which system catalog a warehouse has, and whether this release knows it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import duckdb

from foretable.errors import CatalogTooNew

CATALOG_VERSION = 4


def catalog_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Version of the catalog in the open warehouse; 0 where there is none."""
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables()"
        " WHERE database_name = current_database() AND schema_name = 'foretable' AND table_name = 'catalog'"
    ).fetchall()[0][0]
    if not known:
        return 0
    found = connection.execute("SELECT max(version) FROM foretable.catalog").fetchall()[0][0]
    return int(found or 0)


def check_version(found: int, newest: int, where: str) -> None:
    """Refuse a catalog that is newer than this release knows.

    Raises
    ------
    CatalogTooNew
        When ``found`` is greater than ``newest``.
    """
    if found > newest:
        raise CatalogTooNew(
            f"its catalog has version {found}, this foretable {release()} knows versions up to {newest}",
            where=where,
            hint="upgrade with: pip install --upgrade foretable; the file was not changed",
        )


def release() -> str:
    """The version of this foretable."""
    try:
        return version("foretable")
    except PackageNotFoundError:
        return "unknown"
