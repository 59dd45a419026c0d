"""A transaction of one's own, or a part of the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from foretable.warehouse import wave


@contextmanager
def together(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block whole or not at all; inside an open transaction, that one decides.

    A second BEGIN would abort the open transaction, so it has to be known beforehand.
    """
    if in_transaction(connection):
        yield
    else:
        with wave(connection):
            yield


def in_transaction(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a transaction is open: without one, every statement has a number of its own."""
    first, second = (connection.execute("SELECT txid_current()").fetchall()[0][0] for _ in range(2))
    return bool(first == second)
