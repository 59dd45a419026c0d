"""What is forgotten after keep_logs, and what never is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.declare.project import read_config
from foretable.errors import DeclarationError
from foretable.refresh.history import next_wave, utc_now
from foretable.refresh.retention import Forgotten, forget_old, remove_leftovers
from foretable.refresh.suspend import resume, suspend
from foretable.run import RunReport, prepare, run
from foretable.warehouse import ensure_catalog, open_warehouse

KEEP = timedelta(days=90)
NOW = datetime(2026, 6, 1, 15)
DECLARED = {
    "pipelines/shop.py": """import foretable as ft
customer = ft.Entity("customer", key="customer_id")
ft.Source("raw.orders", entity=customer, time="ordered_at", sparse=True)
""",
    "sql/sources/raw.orders.sql": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount BIGINT)",
    "sql/features.sql": """
CREATE DYNAMIC TABLE features.orders ENTITY = customer AS SELECT customer_id, max(amount) AS n FROM raw.orders GROUP BY customer_id;
CREATE DYNAMIC TABLE features.spend ENTITY = customer AS SELECT customer_id, sum(amount) AS spend FROM raw.orders GROUP BY customer_id;
""",
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "w.duckdb") as opened:
        ensure_catalog(opened)
        yield opened


def add_wave(connection: duckdb.DuckDBPyConnection, number: int, started_at: datetime, *tables: str) -> None:
    connection.execute("INSERT INTO foretable.waves VALUES (?, 'RUN', 'SUCCEEDED', ?, ?, NULL)", [number, started_at, started_at])
    for name in tables:
        connection.execute(
            "INSERT INTO foretable.refresh_history BY NAME SELECT ? AS wave, ? AS table_name, 'SUCCEEDED' AS state, ? AS started_at",
            [number, name, started_at],
        )


def numbers(connection: duckdb.DuckDBPyConnection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT wave FROM foretable.waves ORDER BY wave").fetchall()]


def history(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT table_name, wave FROM foretable.refresh_history ORDER BY ALL").fetchall()


def test_old_waves_go_and_their_numbers_never_come_again(connection):
    for number, days in enumerate((200, 100, 91, 89, 10), start=1):
        add_wave(connection, number, NOW - timedelta(days=days), "features.a")
    assert forget_old(connection, KEEP, NOW) == Forgotten(waves=3, history=3)
    assert numbers(connection) == [4, 5] and history(connection) == [("features.a", 4), ("features.a", 5)]
    assert forget_old(connection, KEEP, NOW + timedelta(days=400)).waves == 1
    assert numbers(connection) == [5] and next_wave(connection) == 6
    assert forget_old(connection, KEEP, NOW + timedelta(days=800)) == Forgotten()


def test_it_happens_once_a_day(connection):
    start = NOW.replace(hour=0) - KEEP
    for number in range(20):
        add_wave(connection, number + 1, start + timedelta(hours=4 * number))
    assert forget_old(connection, KEEP, NOW) == Forgotten()
    assert forget_old(connection, KEEP, NOW + timedelta(hours=8, minutes=59)) == Forgotten()
    assert forget_old(connection, KEEP, NOW + timedelta(hours=9)) == Forgotten(waves=6)
    assert forget_old(connection, KEEP, NOW + timedelta(hours=22)) == Forgotten()


def test_the_last_line_of_a_table_that_is_there_stays(connection):
    connection.execute("INSERT INTO foretable.tables (name) VALUES ('features.quiet')")
    suspend(connection, ["features.broken"])
    for number in (1, 2):
        add_wave(connection, number, NOW - timedelta(days=200 - number), "features.quiet", "features.broken", "features.dropped")
    add_wave(connection, 3, NOW)
    assert forget_old(connection, KEEP, NOW).history == 4
    assert history(connection) == [("features.broken", 2), ("features.quiet", 2)]


QUARANTINE = """
CREATE SCHEMA quarantine;
CREATE TABLE quarantine."od""d" (table_name VARCHAR, batch BIGINT, rule VARCHAR, column_name VARCHAR, value VARCHAR, row JSON,
    quarantined_at TIMESTAMP, redriven_at TIMESTAMP);
CREATE TABLE quarantine.notes (table_name VARCHAR, text VARCHAR);
INSERT INTO quarantine.notes VALUES ('raw.orders', 'mine');
"""


def test_rows_still_in_quarantine_stay_for_ever(connection):
    connection.execute(QUARANTINE)
    old, new = NOW - timedelta(days=100), NOW - timedelta(days=10)
    for redriven_at in (None, old, new, old):
        row = ['raw.od"d', 1, "positive", "amount", "-1", "{}", NOW - timedelta(days=300), redriven_at]
        connection.execute('INSERT INTO quarantine."od""d" VALUES (?, ?, ?, ?, ?, ?, ?, ?)', row)
    add_wave(connection, 1, old)
    add_wave(connection, 2, NOW)
    assert forget_old(connection, KEEP, NOW) == Forgotten(waves=1, quarantined=2)
    assert connection.execute('SELECT redriven_at FROM quarantine."od""d" ORDER BY ALL NULLS FIRST').fetchall() == [(None,), (new,)]
    summary = "SELECT quarantined, redriven, waiting FROM foretable.quarantine_summary"
    assert connection.execute(summary).fetchall() == [(2, 1, 1)]
    assert connection.execute("FROM quarantine.notes").fetchall() == [("raw.orders", "mine")]


def refresh(root: Path) -> RunReport:
    graph = compile_project(load_project(root))
    with open_warehouse(root / "warehouse.duckdb") as opened:
        prepare(opened, graph)
        return run(opened, graph)


def read(root: Path, query: str) -> list[tuple[Any, ...]]:
    with open_warehouse(root / "warehouse.duckdb", read_only=True) as opened:
        return opened.execute(query).fetchall()


def write(root: Path, query: str) -> None:
    with open_warehouse(root / "warehouse.duckdb") as opened:
        opened.execute(query)


def logged(root: Path) -> int:
    """Rows in all logs of changes."""
    with open_warehouse(root / "warehouse.duckdb", read_only=True) as opened:
        names = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'foretable_feeds' AND starts_with(table_name, 'log_')"
        found = opened.execute(names).fetchall()
        return sum(opened.execute(f"SELECT count(*) FROM foretable_feeds.{name}").fetchall()[0][0] for (name,) in found)


def age(root: Path, days: int) -> None:
    """Let time pass."""
    for table in ("waves", "refresh_history"):
        write(root, f"UPDATE foretable.{table} SET started_at = started_at - to_days({days})")


def actions(report: RunReport) -> dict[str, tuple[str, str]]:
    return {done.table: (done.action, done.reason) for done in report.wave.built}


@pytest.fixture
def root(project):
    root = project(DECLARED, settings='keep_logs = "30 days"')
    with open_warehouse(root / "warehouse.duckdb") as opened:
        opened.execute("CREATE SCHEMA raw; CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount BIGINT)")
        opened.execute("INSERT INTO raw.orders SELECT i, TIMESTAMP '2026-02-01', i FROM range(200) AS t(i)")
    refresh(root)
    return root


def test_the_log_that_a_suspended_table_holds_is_cut_and_the_table_rebuilt_when_it_comes_back(root):
    with open_warehouse(root / "warehouse.duckdb") as opened:
        suspend(opened, ["features.spend"])
    write(root, "UPDATE raw.orders SET amount = 1000 WHERE customer_id = 7")
    refresh(root)
    write(root, "UPDATE raw.orders SET amount = 2000 WHERE customer_id = 8")
    refresh(root)
    assert logged(root) > 0
    age(root, 29)
    refresh(root)
    assert logged(root) > 0
    age(root, 3)
    write(root, "UPDATE raw.orders SET amount = 3000 WHERE customer_id = 9")
    assert actions(refresh(root))["features.orders"][0] == "INCREMENTAL"  # who has kept up does not notice
    assert [number for (number,) in read(root, "SELECT wave FROM foretable.waves ORDER BY wave")] == [4, 5]
    held = logged(root)
    with open_warehouse(root / "warehouse.duckdb") as opened:
        resume(opened, ["features.spend"])
    action, reason = actions(refresh(root))["features.spend"]
    assert action == "FULL" and "not known" in reason
    expected = "SELECT customer_id, sum(amount) AS spend FROM raw.orders GROUP BY customer_id"
    assert read(root, f"FROM features.spend EXCEPT ALL {expected}") == [] == read(root, f"{expected} EXCEPT ALL FROM features.spend")
    assert held > 0 and logged(root) == 0


def test_a_suspended_table_that_comes_back_in_time_takes_in_what_was_kept(root):
    with open_warehouse(root / "warehouse.duckdb") as opened:
        suspend(opened, ["features.spend"])
    age(root, 100)
    write(root, "UPDATE raw.orders SET amount = 1000 WHERE customer_id = 7")
    refresh(root)
    age(root, 20)
    with open_warehouse(root / "warehouse.duckdb") as opened:
        resume(opened, ["features.spend"])
    assert actions(refresh(root))["features.spend"][0] == "INCREMENTAL"
    assert read(root, "SELECT spend FROM features.spend WHERE customer_id = 7") == [(1000,)]


def test_unfinished_files_of_dead_processes_go_and_nothing_else(tmp_path):
    warehouse = tmp_path / "ware[1]house.duckdb"
    backups = tmp_path / "backups"
    backups.mkdir()
    unfinished = [
        tmp_path / ".ware[1]house.duckdb.123.tmp",
        tmp_path / ".ware[1]house.duckdb.77.compact.tmp",
        tmp_path / ".ware[1]house.duckdb.77.compact.tmp.wal",
        tmp_path / "ware[1]house.duckdb.restore.tmp",
        backups / "ware[1]house-20260101-000000-000000.duckdb.tmp",
    ]
    others = [
        warehouse,
        tmp_path / "ware[1]house.duckdb.wal",
        tmp_path / ".ware1house.duckdb.77.compact.tmp",
        backups / "ware[1]house-20260101-000000-000000.duckdb",
        backups / "other-20260101-000000-000000.duckdb.tmp",
    ]
    for path in (*unfinished, *others):
        path.write_text("x")
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    fresh = tmp_path / ".ware[1]house.duckdb.88.compact.tmp"
    fresh.write_text("x")
    assert remove_leftovers(warehouse) == sorted(unfinished)
    assert all(path.exists() for path in (*others, fresh)) and not any(path.exists() for path in unfinished)


@pytest.mark.parametrize("text", ['"soon"', '"0 days"', '"5 minutes"', '"999999999999 days"', '"101 years"', '"-3 days"', "90", "true"])
def test_a_length_that_makes_no_sense_is_refused(project, text):
    root = project({}, settings=f"keep_logs = {text}")
    with pytest.raises(DeclarationError, match="keep_logs") as caught:
        read_config(root)
    assert 'keep_logs = "90 days"' in caught.value.hint and str(root / "pyproject.toml") in str(caught.value)


def test_logs_are_kept_ninety_days_unless_said_otherwise(project):
    assert read_config(project({})).keep_logs == timedelta(days=90)
    assert read_config(project({}, settings='keep_logs = "2 weeks"')).keep_logs == timedelta(days=14)
    assert utc_now().tzinfo is None
