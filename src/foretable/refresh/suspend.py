"""Tables that are not refreshed for a while: because somebody asked, or because the schedule failed too often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import duckdb

ASKED = "asked for"
FAILURES = 5
"""Scheduled refreshes in a row that may fail; the last of them suspends the table."""


def suspended(connection: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """The tables that are not refreshed, each with the reason."""
    rows = connection.execute("SELECT table_name, suspended_reason FROM foretable.schedules WHERE suspended ORDER BY table_name").fetchall()
    return dict(rows)


def suspend(connection: duckdb.DuckDBPyConnection, names: Iterable[str], reason: str = ASKED) -> None:
    """Leave tables out of every refresh from now on; what is made from them waits with them.

    A table that is suspended already keeps its first reason.
    """
    before = suspended(connection)
    for name in names:
        if name not in before:
            _open(connection, name)
            connection.execute("UPDATE foretable.schedules SET suspended = true, suspended_reason = ? WHERE table_name = ?", [reason, name])


def resume(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Refresh tables again; their failures are forgotten, and they are due as soon as their target lag says so."""
    for name in names:
        connection.execute("DELETE FROM foretable.schedules WHERE table_name = ?", [name])


def record_result(connection: duckdb.DuckDBPyConnection, name: str, failed: bool, message: str = "", definition: str = "") -> None:
    """Count how a table fared: only scheduled failures are told here, and any success.

    Parameters
    ----------
    connection
        The warehouse, in a transaction that stays when the wave is rolled back.
    name
        The table.
    failed
        Whether it could not be built; five times in a row suspend it.
    message
        Why.
    definition
        What was tried, as a fingerprint: another definition is tried without waiting for the target lag.
    """
    if not failed:
        connection.execute("DELETE FROM foretable.schedules WHERE table_name = ?", [name])
        return
    record_waiting(connection, name, message, definition)
    connection.execute("UPDATE foretable.schedules SET failures = failures + 1 WHERE table_name = ?", [name])
    failures = connection.execute("SELECT failures FROM foretable.schedules WHERE table_name = ?", [name]).fetchall()[0][0]
    if failures >= FAILURES:
        suspend(connection, [name], f"{failures} scheduled refreshes in a row failed: {message}")


def record_waiting(connection: duckdb.DuckDBPyConnection, name: str, message: str, definition: str = "") -> None:
    """Note that a scheduled refresh could not build a table for want of something else; that is no failure of its own."""
    _open(connection, name)
    connection.execute(
        "UPDATE foretable.schedules SET attempted_at = ?, definition = ?, message = ? WHERE table_name = ?",
        [datetime.now(UTC).replace(tzinfo=None), definition, message, name],
    )


def _open(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Enter a table that has no line of its own yet."""
    connection.execute(
        """
        INSERT INTO foretable.schedules BY NAME SELECT ? AS table_name, false AS suspended, 0 AS failures
        WHERE NOT EXISTS (FROM foretable.schedules WHERE table_name = ?)
        """,
        [name, name],
    )
