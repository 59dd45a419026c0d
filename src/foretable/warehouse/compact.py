"""Making the warehouse file as small as what it holds.

DuckDB reuses the space of deleted rows but seldom gives it back: VACUUM does nothing, CHECKPOINT cuts off only what is
free at the very end, and writing tables anew in place makes the file larger still. So everything is copied into a file
beside, compared, and put in place by one rename. The objects come over as DuckDB keeps them, never as text: views and
macros that call Python functions need no function for that, and comments, indexes, sequences and compression come along.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError as Circle
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.errors import WarehouseError, WarehouseLocked
from foretable.sql import render
from foretable.warehouse.disk import sync
from foretable.warehouse.failures import refused, translate
from foretable.warehouse.interrupts import watch
from foretable.warehouse.open import NO_PROGRESS, open_warehouse
from foretable.warehouse.same import NEW, OLD, Table, require_same, rows_of, stored_columns, tables

PART = ".compact.tmp"
# Whoever opened the old file just before the rename still finds it locked, and tries again with the new one.
GRACE_SECONDS = 0.2
_LAYOUT = """
SELECT regexp_extract(d.tags['storage_version'], '[^+]+'), s.block_size, s.used_blocks
FROM duckdb_databases() AS d JOIN pragma_database_size() AS s USING (database_name) WHERE database_name = 'foretable_old'
"""
_REFERENCES = """
SELECT DISTINCT schema_name, table_name, referenced_table FROM duckdb_constraints()
WHERE database_name = 'foretable_old' AND constraint_type = 'FOREIGN KEY'
"""


@dataclass(frozen=True)
class Compaction:
    """What a compaction did; ``before`` and ``after`` are the bytes of the file, equal when it was left as it was."""

    file: Path
    before: int
    after: int
    tables: int
    rows: int
    seconds: float


def compact(path: Path, *, wait: float = 0.0) -> Compaction:
    """Shrink a warehouse file to what it holds.

    Nobody else can open the file meanwhile. It is whole at any moment: until the copy has been compared with it, object
    by object and row by row, it is the old file, then the new one. A file that would not become smaller stays.

    Parameters
    ----------
    path
        The file; of a link, the file that it leads to is replaced. Owner, mode and order of the rows stay.
    wait
        Seconds to wait politely while another process has the file open.

    Raises
    ------
    WarehouseLocked
        Another process has the file open.
    WarehouseError
        There is no such file, it cannot be read or replaced, the copy does not fit on the disk or cannot be carried over
        whole. The file was not changed.
    """
    if not path.is_file():
        raise WarehouseError("there is no such file", where=str(path), hint="build it first with: foretable run")
    start, file = time.perf_counter(), path.resolve()
    _require_replaceable(file)
    before = _size(file)
    part = file.with_name(f".{file.name}.{os.getpid()}{PART}")
    connection = _hold(file, wait)
    try:
        _remove_leftovers(file)
        count, rows = _copy(connection, file, part)
        after = part.stat().st_size
        if after < before:
            _replace(connection, file, part)
    except duckdb.Error as error:
        raise translate(error, where=str(file.parent)) or _not_carried(file, error) from error
    except OSError as error:
        raise WarehouseError(f"the copy cannot be written: {error}", where=str(part), hint="check the folder and its space") from error
    finally:
        connection.close()
        _remove(part)
    return Compaction(path, before, min(before, after), count, rows, time.perf_counter() - start)


def leftovers(file: Path) -> list[Path]:
    """Copies that a killed compaction left beside a file."""
    return sorted(file.parent.glob(f".{_plain(file.name)}.*{PART}*"))


def _plain(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _require_replaceable(file: Path) -> None:
    if not os.access(file.parent, os.W_OK):
        raise WarehouseError(
            "the folder may not be written, so the file cannot be replaced", where=str(file.parent), hint="check its owner and mode"
        )
    if os.geteuid() not in (0, file.stat().st_uid):
        raise WarehouseError("the file belongs to another user", where=str(file), hint="compact it as its owner, or it would change hands")


def _hold(file: Path, wait: float) -> duckdb.DuckDBPyConnection:
    """A connection that has the file attached for writing, as nobody else then can, this process included."""
    deadline = time.monotonic() + wait
    while True:
        open_warehouse(file, wait=max(0.0, deadline - time.monotonic())).close()  # says what is wrong with the file, and folds its WAL in
        connection = duckdb.connect(":memory:", config={"temp_directory": f"{file}.tmp"})
        try:
            connection.execute(NO_PROGRESS)
            _take(connection, file)
        except BaseException as error:
            connection.close()
            # Somebody was faster, but may leave in time.
            if not isinstance(error, WarehouseLocked) or time.monotonic() >= deadline:
                raise
        else:
            watch(connection)
            return connection


def _take(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    try:
        connection.execute(_attach(OLD, file))
        connection.execute("CHECKPOINT foretable_old")
    except duckdb.Error as error:
        if "already attached" in str(error):
            raise WarehouseError("this process has the file open", where=str(file), hint="close that connection first") from error
        raise refused(error, str(file)) from error


def _copy(connection: duckdb.DuckDBPyConnection, file: Path, part: Path) -> tuple[int, int]:
    """Write and compare the copy; gives how many tables and rows it has, and leaves it attached."""
    version, block_size, used = connection.execute(_LAYOUT).fetchall()[0]
    _require_space(file, block_size * used)
    options = {"STORAGE_VERSION": exp.Literal.string(version), "BLOCK_SIZE": exp.Literal.number(block_size)}
    connection.execute(_attach(NEW, part, **options))
    connection.execute("COPY FROM DATABASE foretable_old TO foretable_new (SCHEMA)")
    found = _in_order(connection, tables(connection, OLD))
    for each in found:
        connection.execute(_fill(each, stored_columns(connection, each)))
    connection.execute("CHECKPOINT foretable_new")
    connection.execute("DETACH foretable_new")
    sync(part)  # not later: closing a file drops the lock that DuckDB holds on it
    connection.execute(_attach(NEW, part, READ_ONLY=exp.true()))
    return len(found), require_same(connection, found, str(file))


def _attach(alias: str, file: Path, **options: exp.Expr) -> str:
    named = exp.alias_(exp.Literal.string(str(file)), exp.to_identifier(alias, quoted=True))
    chosen = [exp.AttachOption(this=exp.var(name), expression=value) for name, value in options.items()]
    return render(exp.Attach(this=named, expressions=chosen))


def _fill(each: Table, columns: list[str]) -> str:
    # Without a list of columns, as a table with generated ones takes exactly the others.
    return render(exp.insert(rows_of(OLD, each, columns), each.of(NEW)))


def _in_order(connection: duckdb.DuckDBPyConnection, found: list[Table]) -> list[Table]:
    """The tables, those first that the foreign keys of others refer to."""
    needed: dict[Table, set[Table]] = {each: set() for each in found}
    for schema, name, referenced in connection.execute(_REFERENCES).fetchall():
        needed[Table(schema, name)].add(Table(schema, referenced))
    try:
        return list(TopologicalSorter(needed).static_order())
    except Circle:
        raise WarehouseError(
            "tables refer to each other, or a table to itself, by foreign keys; such rows cannot be copied",
            where=str(sorted(f"{each.schema}.{each.name}" for each, others in needed.items() if others)),
            hint="drop the foreign key; the file was not changed",
        ) from None


def _replace(connection: duckdb.DuckDBPyConnection, file: Path, part: Path) -> None:
    """Put the copy in place, both files still locked: nobody writes to the old one, nor to the new one before it is there."""
    shutil.copystat(file, part)
    os.utime(part)
    os.chown(part, file.stat().st_uid, file.stat().st_gid)
    wal = Path(f"{file}.wal")
    if wal.exists() and wal.stat().st_size:
        raise WarehouseError(f"changes are waiting in {wal.name}", where=str(file), hint="run it again; the file was not changed")
    wal.unlink(missing_ok=True)  # it would be taken for the new file's
    part.replace(file)
    sync(file.parent)
    time.sleep(GRACE_SECONDS)
    with suppress(duckdb.Error):
        connection.execute("DETACH foretable_old")


def _require_space(file: Path, needed: int) -> None:
    free = shutil.disk_usage(file.parent).free
    if needed > free:
        raise WarehouseError(
            f"the copy needs {needed:,} bytes and the disk has {free:,}",
            where=str(file.parent),
            hint="free some space; nothing was written",
        )


def _not_carried(file: Path, error: duckdb.Error) -> WarehouseError:
    reason = str(error).split("\n\nLINE")[0]
    return WarehouseError(f"not everything in it can be copied: {reason}", where=str(file), hint="the file was not changed")


def _remove_leftovers(file: Path) -> None:
    for each in leftovers(file):
        each.unlink(missing_ok=True)


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    Path(f"{part}.wal").unlink(missing_ok=True)


def _size(file: Path) -> int:
    wal = Path(f"{file}.wal")
    return file.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
