"""One wave, one transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from foretable.warehouse.interrupts import is_interrupt

_one_at_a_time = threading.RLock()


@contextmanager
def wave(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run the block in one transaction: all of it is committed, or nothing.

    Any exception rolls back at once and goes on, Ctrl-C as KeyboardInterrupt. An error of DuckDB's that the block
    swallowed is raised too: the engine has no savepoints, and a COMMIT after an error succeeds in
    silence with everything lost. Only statements of this connection belong to it, not its cursors'.

    One thread at a time: two snapshots would give the same next number to two versions or batches, and miss
    each other's keys. Other processes are kept out by DuckDB's lock on the file.
    """
    with _one_at_a_time:
        try:
            connection.execute("BEGIN TRANSACTION")
            yield connection
            # Fails when the transaction was aborted by an error that the block caught.
            connection.execute("SELECT 1").fetchall()
            connection.execute("COMMIT")
        except BaseException as error:
            stopped = is_interrupt(error)
            if stopped:
                connection.interrupt()  # or ROLLBACK would wait for the query
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            if stopped:
                raise KeyboardInterrupt from error
            raise


@contextmanager
def rolled_back(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run the block in a transaction that is rolled back at its end: a look ahead that leaves nothing."""
    with _one_at_a_time:
        connection.execute("BEGIN TRANSACTION")
        try:
            yield connection
        finally:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
