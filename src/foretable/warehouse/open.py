"""Opening the warehouse: one plain DuckDB connection, the clock in UTC, files of others attached read-only."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.declare.names import LAYERS, SYSTEM
from foretable.errors import WarehouseError, WarehouseLocked
from foretable.sql import render
from foretable.warehouse.failures import refused
from foretable.warehouse.interrupts import watch

_POLL_SECONDS = 0.1
# Else DuckDB writes blocks in the middle of a wave's commit, up to ten times the cost of the wave; closing does it too.
_CHECKPOINT = "SET checkpoint_threshold = '1GB'"
NO_PROGRESS = "SET enable_progress_bar = false"
"""Else DuckDB draws a bar on standard output, piped or not, wherever Python runs a text instead of a file."""
# DuckDB calls a catalog after its file: beside a schema of that name, "name.table" is ambiguous.
_TAKEN = (*LAYERS, SYSTEM)


def open_warehouse(
    path: str | Path, *, read_only: bool = False, wait: float = 0.0, attach: Mapping[str, Path] = {}
) -> duckdb.DuckDBPyConnection:
    """Open a warehouse file, or make an empty one.

    Parameters
    ----------
    path
        The file, or ``:memory:``.
    read_only
        Open for reading; the file must exist.
    wait
        Seconds to wait politely while another process holds one of the files.
    attach
        Alias and path of other DuckDB files, attached read-only.

    Returns
    -------
    duckdb.DuckDBPyConnection
        A plain connection whose ``TimeZone`` is UTC. The caller closes it.

    Raises
    ------
    WarehouseLocked
        Another process still holds one of the files after ``wait`` seconds; the message names it.
    WarehouseError
        A file is missing, damaged, no DuckDB file, or may not be opened. No file was changed.
    """
    _check(path, read_only, attach)
    if not read_only and str(path) != ":memory:" and not Path(path).exists():
        _create(Path(path))
    deadline = time.monotonic() + wait
    while True:
        try:
            return _connect(path, read_only, attach)
        except WarehouseLocked:
            # Everything was closed again, so two waiting processes cannot hold each other up.
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            time.sleep(min(_POLL_SECONDS, left))


def _check(path: str | Path, read_only: bool, attach: Mapping[str, Path]) -> None:
    for alias, file in attach.items():
        if alias in _TAKEN:
            raise WarehouseError(
                f"a file cannot be attached as {alias!r}, the name of a layer", where=alias, hint="choose another alias in pyproject.toml"
            )
        if not Path(file).is_file():
            raise WarehouseError(
                f"the attached file {file} does not exist", where=alias, hint=f"check the path of {alias!r} under attach in pyproject.toml"
            )
    if str(path) == ":memory:":
        return
    file = Path(path)
    if file.stem in _TAKEN and not read_only:
        raise WarehouseError(
            f"a warehouse cannot be called {file.name}: DuckDB would take {file.stem}.x for two things",
            where=str(path),
            hint="choose another name, such as warehouse.duckdb",
        )
    if file.is_dir():
        raise WarehouseError("this is a folder, not a file", where=str(path), hint="name the warehouse file inside it")
    if not file.parent.is_dir():
        raise WarehouseError(f"the folder {file.parent} does not exist", where=str(path), hint="create it, or check the path")
    if not read_only:
        _require_whole_blocks(file)
    if read_only and not file.exists():
        raise WarehouseError("there is no such file", where=str(path), hint="build it first with: foretable run")


def _create(file: Path) -> None:
    """Make an empty warehouse beside and put it in place whole: killed in between, DuckDB would leave half a header."""
    part = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        duckdb.connect(str(part)).close()
        os.link(part, file)  # not a rename: another process may have been faster
    except (OSError, duckdb.Error):
        return  # DuckDB makes the file itself, or says why it cannot
    finally:
        part.unlink(missing_ok=True)


def _require_whole_blocks(file: Path) -> None:
    """Refuse to write where the process may not write as far as the file reaches.

    DuckDB writes blocks over in place. One cut off in the middle (``ulimit -f``) damages a file that was sound; a
    disk that is full does not, for these blocks are there already.
    """
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    size = file.stat().st_size if file.exists() else 0
    if limit != resource.RLIM_INFINITY and limit < size:
        raise WarehouseError(
            f"this process may write files of {limit:,} bytes at most, and the warehouse has {size:,}",
            where=str(file),
            hint="raise the limit: ulimit -f unlimited; nothing was written",
        )


def _connect(path: str | Path, read_only: bool, attach: Mapping[str, Path]) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
    except duckdb.Error as error:
        raise refused(error, str(path)) from error
    where = ""
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_CHECKPOINT)
        connection.execute(NO_PROGRESS)
        for alias, file in attach.items():
            where = f"{alias} ({file})"
            connection.execute(_attach(alias, file))
    except duckdb.Error as error:
        connection.close()
        raise refused(error, where or str(path)) from error
    except BaseException:
        connection.close()
        raise
    watch(connection)
    return connection


def _attach(alias: str, file: Path) -> str:
    named = exp.alias_(exp.Literal.string(str(file)), exp.to_identifier(alias, quoted=True))
    return render(exp.Attach(this=named, expressions=[exp.AttachOption(this=exp.var("READ_ONLY"))]))
