"""Suspending, resuming, counting failures, and what the schedule leaves in the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.load import load_project
from foretable.refresh.due import next_due, tried
from foretable.refresh.schedule import read_agenda
from foretable.refresh.suspend import FAILURES, record_result, record_waiting, resume, suspend, suspended
from foretable.warehouse import ensure_catalog, open_warehouse

USAGE, SCORES, CALLS = "features.customer_usage", "predictions.churn", "decisions.calls"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "w.duckdb") as opened:
        ensure_catalog(opened)
        yield opened


@pytest.fixture
def graph(shop: Path) -> Graph:
    return compile_project(load_project(shop))


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def test_suspending_keeps_the_first_reason_and_resuming_forgets_it(connection):
    assert suspended(connection) == {}
    suspend(connection, [SCORES, USAGE])
    suspend(connection, [SCORES], "again")
    assert suspended(connection) == {USAGE: "asked for", SCORES: "asked for"}
    resume(connection, [SCORES])
    assert suspended(connection) == {USAGE: "asked for"}


def test_failures_in_a_row_suspend(connection):
    for _ in range(FAILURES - 1):
        record_result(connection, SCORES, failed=True, message="no such column")
    assert suspended(connection) == {}
    record_result(connection, SCORES, failed=True, message="no such column")
    assert suspended(connection) == {SCORES: "5 scheduled refreshes in a row failed: no such column"}
    resume(connection, [SCORES])
    record_result(connection, SCORES, failed=True, message="no such column")
    assert suspended(connection) == {}


def test_a_success_in_between_starts_the_count_anew(connection):
    for _ in range(3):
        for _ in range(FAILURES - 1):
            record_result(connection, SCORES, failed=True, message="flaky")
        record_result(connection, SCORES, failed=False)
    assert suspended(connection) == {}
    assert connection.execute("SELECT count(*) FROM foretable.schedules").fetchall() == [(0,)]


def fill(connection: duckdb.DuckDBPyConnection, graph: Graph) -> None:
    """As if every table had been refreshed just now."""
    for name in graph.refreshed:
        row = [name, graph.tables[name].fingerprint, now(), next_due(graph, name, now()), ["raw.orders"]]
        connection.execute("INSERT INTO foretable.tables (name, definition, refreshed_at, next_due, sources) VALUES (?, ?, ?, ?, ?)", row)


def status(connection: duckdb.DuckDBPyConnection, columns: str) -> dict[str, tuple[object, ...]]:
    return {name: tuple(rest) for name, *rest in connection.execute(f"SELECT name, {columns} FROM foretable.table_status").fetchall()}


def age(connection: duckdb.DuckDBPyConnection, days: int) -> None:
    """As if the last refresh were so long ago."""
    connection.execute(
        "UPDATE foretable.tables SET refreshed_at = refreshed_at - to_days($days), next_due = next_due - to_days($days)", {"days": days}
    )


def test_nothing_is_due_after_a_refresh_and_everything_before_one(connection, graph):
    assert read_agenda(connection, graph).due == (USAGE, SCORES, CALLS)
    fill(connection, graph)
    assert read_agenda(connection, graph).due == ()
    assert set(status(connection, "is_late, late_reason").values()) == {(False, None)}
    age(connection, 2)
    assert read_agenda(connection, graph).due == (USAGE, SCORES, CALLS)
    assert set(status(connection, "is_late, late_reason").values()) == {(True, "not refreshed within its target lag")}


def test_a_late_source_makes_late_whatever_is_made_from_it(connection, graph):
    fill(connection, graph)
    rows = [("raw.orders", True), ("raw.plans", False), ("raw.other", True)]
    connection.executemany("INSERT INTO foretable.sources (name, is_late) VALUES (?, ?)", rows)
    assert status(connection, "is_late, late_reason") == dict.fromkeys((USAGE, SCORES, CALLS), (True, "late source: raw.orders"))
    connection.execute("UPDATE foretable.sources SET is_late = (name = 'raw.other')")
    assert not any(late for (late,) in status(connection, "is_late").values())


def test_what_failed_waits_for_its_lag_and_what_is_made_from_it_with_it(connection, graph):
    fill(connection, graph)
    age(connection, 2)
    record_result(connection, SCORES, failed=True, message="broken", definition=tried(graph, SCORES))
    assert read_agenda(connection, graph).due == (USAGE,)
    assert status(connection, "failures, failure")[SCORES] == (1, "broken")
    record_result(connection, SCORES, failed=True, message="broken", definition="what it was before it was mended")
    assert read_agenda(connection, graph).due == (USAGE, SCORES, CALLS)


def test_what_waits_for_something_else_is_no_failure(connection, graph):
    fill(connection, graph)
    age(connection, 2)
    for _ in range(FAILURES):
        record_waiting(connection, SCORES, "model churn has no version", tried(graph, SCORES))
    assert suspended(connection) == {}
    assert read_agenda(connection, graph).due == (USAGE,)
    connection.execute("UPDATE foretable.schedules SET attempted_at = attempted_at - INTERVAL 5 MINUTES")
    assert read_agenda(connection, graph).due == (USAGE, SCORES, CALLS)


def test_a_suspended_table_is_left_out_with_what_is_made_from_it(connection, graph):
    fill(connection, graph)
    age(connection, 2)
    suspend(connection, [SCORES])
    found = read_agenda(connection, graph)
    assert found.due == (USAGE,)
    assert found.suspended == {SCORES: "asked for", CALLS: f"{SCORES} is suspended"}
    assert status(connection, "suspended, suspended_reason, next_due")[SCORES] == (True, "asked for", None)


def test_a_table_that_was_never_built_shows_that_it_fails(connection):
    record_result(connection, "features.new", failed=True, message="broken")
    assert status(connection, "failures, failure, suspended, is_late") == {"features.new": (1, "broken", False, False)}
