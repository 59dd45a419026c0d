"""What DuckDB says when a file cannot be used, told as one clear error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from foretable.errors import ForetableError, WarehouseError, WarehouseLocked
from foretable.warehouse.interrupts import is_interrupt

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)(?: by user (?P<user>[^.\s]+))?")
_KIND = re.compile(r"\A[A-Z][\w ]* Error: ")
_FULL = ("No space left on device", "File too large", "Disk quota exceeded")
_DENIED = ("Permission denied", "Read-only file system", "Operation not permitted")
_FOREIGN = ("not a valid DuckDB database file", "Is a directory", "sqlite_scanner")
_NEWER = re.compile(r"database file with version number|newer version of DuckDB|not supported by this version|storage version")
_BROKEN = (
    "Corrupt database file",
    "Could not read enough bytes",
    "Failure while replaying WAL",
    "Failed to deserialize",
    "Failed to load metadata",
)


def translate(error: BaseException, *, where: str = "the warehouse") -> ForetableError | None:
    """The error that a user should read instead of one of DuckDB's, where there is one.

    Parameters
    ----------
    error
        What was raised while the warehouse was opened or used.
    where
        The file, or its alias, as the message should call it.

    Returns
    -------
    ForetableError | None
        None for errors that are not about the file, the disk or the memory, such as a wrong query.
    """
    if is_interrupt(error) or isinstance(error, duckdb.InterruptException):
        return ForetableError("interrupted", where=where, hint="nothing of the open wave was kept; run it again")
    if not isinstance(error, duckdb.Error):
        return None
    text = str(error)
    if "Could not set lock on file" in text:
        return _locked(text, where)
    if any(sign in text for sign in _FULL) or "failed to offload" in text:
        return WarehouseError(
            "the disk is full", where=where, hint="free some space and run it again; what was committed before is still there"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(
            f"DuckDB ran out of memory: {_first_line(text)}",
            where=where,
            hint="close other programs or give it more, for example: SET memory_limit = '8GB'",
        )
    return _unusable(text, where)


@contextmanager
def told(where: str) -> Iterator[None]:
    """Have trouble with a file, the disk or the memory told as :func:`translate` does, wherever in the block it comes up."""
    try:
        yield
    except duckdb.Error as error:
        known = translate(error, where=where)
        if known is None:
            raise
        raise known from error


def _unusable(text: str, where: str) -> WarehouseError | None:
    if any(sign in text for sign in _DENIED):
        return WarehouseError("no permission to open it", where=where, hint="check the owner and mode of the file and its folder")
    if any(sign in text for sign in _FOREIGN):
        return WarehouseError("this is not a DuckDB file", where=where, hint="check the path; nothing was written to it")
    if _NEWER.search(text):
        return WarehouseError(
            f"a newer DuckDB wrote this file: {_first_line(text)}",
            where=where,
            hint=f"this is DuckDB {duckdb.__version__}; upgrade with: pip install --upgrade duckdb",
        )
    if any(sign in text for sign in _BROKEN):
        return WarehouseError(
            f"the file is damaged: {_first_line(text)}",
            where=where,
            hint="nothing was written to it; bring back a copy with: foretable restore BACKUP",
        )
    if "database has been invalidated" in text:
        return WarehouseError(
            f"DuckDB gave up on the open file: {_first_line(text)}", where=where, hint="run it again; the last commit is still there"
        )
    return None


def refused(error: duckdb.Error, where: str) -> ForetableError:
    """As :func:`translate`, for errors on opening a file: always an answer."""
    known = translate(error, where=where)
    if known is not None:
        return known
    text = str(error)
    if "different configuration" in text:
        return WarehouseError("this process has the file open in another mode already", where=where, hint="close that connection first")
    if "already attached" in text:
        return WarehouseError("this file is open already, under another alias", where=where, hint="attach every file once")
    return WarehouseError(f"cannot open it: {_first_line(text)}", where=where, hint="check the path, or restore a backup")


def _locked(text: str, where: str) -> WarehouseLocked:
    holder = _HOLDER.search(text)
    if holder is None:
        return WarehouseLocked("another process has the file open", where=where, hint="wait for it: foretable --wait 60 …, or stop it")
    pid, user = holder["pid"], holder["user"]
    owner = f" of user {user}" if user else ""
    return WarehouseLocked(
        f"process {pid}{owner} has the file open: {_command(pid) or holder['program']}",
        where=where,
        hint=f"wait for it: foretable --wait 60 …, or stop it: kill {pid}",
    )


def _command(pid: str) -> str:
    try:
        words = Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    line = " ".join(" ".join(words).split())
    return line if len(line) <= 120 else f"{line[:117]}..."


def _first_line(text: str) -> str:
    return _KIND.sub("", text.strip().splitlines()[0]) if text.strip() else "no reason given"
