"""One wave out of the warehouse, into files that others may read at any time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from foretable.errors import WarehouseError
from foretable.publish import folders, live, views
from foretable.publish.content import read_contents, read_system_views
from foretable.warehouse.failures import translate
from foretable.warehouse.transaction import wave as transaction


def publish(
    connection: duckdb.DuckDBPyConnection,
    project_root: Path,
    tables: Sequence[str],
    wave: int,
    keys: Mapping[str, Sequence[str]] = {},
) -> Path:
    """Publish tables and the system catalog under ``published/``.

    ``published/waves/<wave>/`` holds one Parquet file per table and a manifest; files whose rows did
    not change are links to the wave before; the three newest waves are kept. ``published/current``
    links to the newest. ``published/foretable.duckdb`` holds a view per table and needs no Python.
    A reader sees one wave per query, and never an error, while waves go on; a publisher that is
    killed leaves the wave before in force, and the next one clears up.

    Parameters
    ----------
    connection
        The warehouse, outside a transaction. All tables are read in one snapshot.
    project_root
        Folder of the project.
    tables
        Names such as ``predictions.churn``; one that was never built is left out.
    wave
        Number of the wave that the tables stand at.
    keys
        Key columns of a table: its file is sorted by them first, by the other columns then.

    Returns
    -------
    Path
        The file that a BI tool opens.

    Raises
    ------
    WarehouseError
        The disk is full or the folder may not be written; what was published before stays in force.
    """
    published = project_root.resolve() / "published"
    try:
        with _alone(published):
            return _publish(connection, published, tables, wave, keys)
    except OSError as error:
        raise WarehouseError(
            f"cannot publish: {error}", where=str(published), hint="check the folder and its space; the last published wave is still there"
        ) from error
    except duckdb.Error as error:
        known = translate(error, where=str(published))
        if known is None:
            raise
        raise known from error


def _publish(
    connection: duckdb.DuckDBPyConnection, published: Path, tables: Sequence[str], wave: int, keys: Mapping[str, Sequence[str]]
) -> Path:
    waves, slots, bi_file = published / "waves", published / "live", published / "foretable.duckdb"
    waves.mkdir(exist_ok=True)
    folders.clean(published, waves)
    before = live.in_force(slots)
    with transaction(connection):
        contents = read_contents(connection, tables)
        folder = folders.write_folder(connection, waves, wave, contents, before, keys)
        system_views = read_system_views(connection)
    in_force_from = 0
    if before is None:
        live.begin(slots, folder)
    elif folder != before:
        in_force_from = live.advance(slots, folder)
    live.point(published / "current", folder)
    live.wait_until(in_force_from)
    wanted = views.digest(slots, contents, system_views)
    if not views.is_current(bi_file, slots, wanted):
        if before is not None:
            live.align(slots, folder)
        views.write(bi_file, slots, views.script(slots, contents, system_views), wanted)
    folders.prune(waves, [folder, *live.referenced(slots)])
    return bi_file


@contextmanager
def _alone(published: Path) -> Iterator[None]:
    """Hold the folder; another publisher waits. The lock ends with the process."""
    published.mkdir(parents=True, exist_ok=True)
    with (published / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
