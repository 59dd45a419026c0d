"""Ctrl-C while DuckDB works.

DuckDB answers Ctrl-C with ``RuntimeError: Query interrupted`` and lets the query's threads go on: the
next statement, ``close()`` and the end of the process then wait until the query is through. Only
``interrupt()`` stops the threads.
"""

from __future__ import annotations

import signal
import threading
import weakref
from types import FrameType

import duckdb

_open: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()


def watch(connection: duckdb.DuckDBPyConnection) -> None:
    """Have Ctrl-C stop what the connection runs, where the program has no other answer to Ctrl-C."""
    _open.add(connection)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def is_interrupt(error: BaseException) -> bool:
    """Whether an error is DuckDB's word for Ctrl-C: while it worked, or while a function of ours did that it called."""
    if isinstance(error, duckdb.Error):
        return "executing the UDF: KeyboardInterrupt" in str(error)
    return isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt)


def interrupt_all() -> None:
    """Have every open connection stop the query that it runs."""
    for connection in list(_open):
        connection.interrupt()


def _stop(number: int, frame: FrameType | None) -> None:
    interrupt_all()
    signal.default_int_handler(number, frame)
