"""The scheduler as a process of its own: waves on time, files left to others, reloads, locks, signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

import foretable as ft

PIPELINE = """
import foretable as ft

customer = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=customer, time="ordered_at", sparse=True)
"""
TOTALS = """
CREATE DYNAMIC TABLE features.totals ENTITY = customer TARGET_LAG = '{lag}' AS
SELECT customer_id, sum(amount) AS total FROM raw.orders GROUP BY customer_id;
"""
MARK = """
import pathlib

import pyarrow
import foretable as ft


@ft.function(parameters=["BIGINT"], returns="BIGINT")
def mark(x):
    pathlib.Path(__file__).with_name("at_work").touch()
    return x if isinstance(x, pyarrow.ChunkedArray) else pyarrow.chunked_array([x])
"""
SLOW = """
CREATE DYNAMIC TABLE clean.marked TARGET_LAG = '1 day' AS SELECT mark(order_id) AS order_id FROM raw.orders;

CREATE DYNAMIC TABLE features.slow TARGET_LAG = '1 day' AS
SELECT sum(a.order_id * b.order_id % 7) AS x FROM clean.marked AS a, clean.marked AS b{more};
"""
LONGEST = 90.0


@pytest.fixture
def make(project: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a project whose only table has a lag, over so many orders."""

    def made(lag: str = "1 second", orders: int = 60) -> Path:
        root = project({"pipelines/shop.py": PIPELINE, "sql/totals.sql": TOTALS.format(lag=lag)})
        with duckdb.connect(root / "warehouse.duckdb") as connection:
            connection.execute("CREATE SCHEMA raw")
            connection.execute(
                "CREATE TABLE raw.orders AS SELECT i AS order_id, i % 7 AS customer_id, TIMESTAMP '2024-01-01' AS ordered_at,"
                " 1.50::DECIMAL(9, 2) AS amount FROM range(?) AS t(i)",
                [orders],
            )
        return root

    return made


class Up:
    """A running ``foretable up --json`` and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    def until(self, kind: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """Read on until an event of a kind for which something holds."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == kind and holds(event):
                return event
        raise AssertionError(f"it ended before {kind}: {self.events}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        assert self.process.stdout is not None
        self.events.extend(json.loads(line) for line in self.process.stdout)
        return self.process.wait(LONGEST)


@contextmanager
def up(root: Path) -> Iterator[Up]:
    command = [sys.executable, "-m", "foretable", "-C", str(root), "up", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        watchdog = subprocess.Popen([sys.executable, "-c", f"import time, os; time.sleep({LONGEST}); os.kill({process.pid}, 9)"])
        try:
            yield Up(process)
        finally:
            watchdog.kill()
            watchdog.wait()
            process.kill()


def patiently(root: Path, statement: str) -> None:
    """Write to the warehouse as a loader would: between waves, trying again when one is at work."""
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            with duckdb.connect(root / "warehouse.duckdb") as connection:
                connection.execute(statement)
            return
        except duckdb.IOException:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        return connection.execute(query).fetchall()


def actions(event: dict[str, Any]) -> dict[str, str]:
    return {table["table"]: table["action"] for table in event["tables"]}


def test_waves_come_on_time_and_others_write_in_between(make):
    root = make()
    with up(root) as running:
        first = running.until("wave")
        assert actions(first) == {"features.totals": "REINITIALIZE"}
        assert first["next_due"] > first["at"]
        patiently(root, "INSERT INTO raw.orders VALUES (60, 100, TIMESTAMP '2024-01-02', 9.00)")
        running.until("wave", lambda event: actions(event)["features.totals"] not in ("NO_DATA", "REINITIALIZE"))
        assert running.stop(signal.SIGINT) == 0
    assert running.events[-1]["event"] == "stopped"
    assert rows(root, "SELECT total FROM features.totals WHERE customer_id = 100")[0][0] == 9
    assert {trigger for (trigger,) in rows(root, 'SELECT "trigger" FROM foretable.waves')} == {"SCHEDULED"}


def test_declarations_are_loaded_again_and_broken_ones_leave_the_last_good_ones(make):
    root = make("1 hour")
    with up(root) as running:
        running.until("wave")
        path = root / "sql" / "totals.sql"
        good = path.read_text()
        path.write_text(good.replace("sum(amount)", "sum(no_such_column)"))
        told = running.until("declarations", lambda event: "no_such_column" in event["message"])
        assert "totals.sql" in told["message"] and "last good" in told["message"]
        path.write_text(good.replace("sum(amount)", "max(amount)"))
        running.until("declarations", lambda event: event["message"] == "loaded again")
        assert actions(running.until("wave")) == {"features.totals": "REINITIALIZE"}
        (root / "sql" / "more.sql").write_text("CREATE DYNAMIC TABLE clean.more TARGET_LAG = '1 day' AS SELECT 1 AS one;\n")
        assert actions(running.until("wave"))["clean.more"] == "REINITIALIZE"
        assert running.stop() == 0


def test_a_failing_wave_does_not_end_it(make):
    root = make("1 second")
    with up(root) as running:
        running.until("wave")
        path = root / "sql" / "totals.sql"
        path.write_text(path.read_text().replace("sum(amount)", "error('broken ' || customer_id)"))
        failed = running.until("wave", lambda event: bool(event["failed"]))
        assert "broken" in failed["failed"]["features.totals"]["message"]
        path.write_text(path.read_text().replace("error('broken ' || customer_id)", "min(amount)"))
        running.until("wave", lambda event: actions(event).get("features.totals") == "REINITIALIZE")
        assert running.stop() == 0


def test_it_waits_politely_for_who_has_the_file_open(make):
    root = make("1 hour")
    with duckdb.connect(root / "warehouse.duckdb") as held, up(root) as running:
        waiting = running.until("waiting")
        assert "has the file open" in waiting["message"] and waiting["hint"]
        held.close()
        running.until("wave")
        assert running.stop() == 0
    assert [event["event"] for event in running.events].count("waiting") == 1


def test_what_is_resumed_is_refreshed_at_once(make):
    root = make("1 day")
    assert ft.open(root).run(train=False).wave.failed == {}
    patiently(root, "UPDATE foretable.tables SET refreshed_at = refreshed_at - INTERVAL 2 DAYS")
    patiently(
        root, "INSERT INTO foretable.schedules (table_name, suspended, suspended_reason) VALUES ('features.totals', true, 'asked for')"
    )
    with up(root) as running:
        running.until("up")
        patiently(root, "DELETE FROM foretable.schedules")
        assert actions(running.until("wave")) == {"features.totals": "NO_DATA"}
        assert running.stop() == 0


def until_at_work(root: Path) -> None:
    """Until the query of a table has called the function that leaves a mark."""
    deadline = time.monotonic() + LONGEST
    while not (root / "udfs" / "at_work").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def slow(root: Path, more: str = "") -> None:
    (root / "udfs").mkdir()
    (root / "udfs" / "mark.py").write_text(MARK)
    (root / "sql" / "slow.sql").write_text(SLOW.format(more=more))


def test_a_wave_at_work_is_finished(make):
    root = make("1 day", orders=10_000)
    slow(root)
    with up(root) as running:
        running.until("up")
        until_at_work(root)
        assert running.stop() == 0
    assert [event["event"] for event in running.events] == ["up", "stopping", "wave", "stopped"]
    assert set(actions(running.events[2])) == {"clean.marked", "features.slow", "features.totals"}
    assert rows(root, "SELECT x > 0 FROM features.slow") == [(True,)]


def test_a_second_signal_rolls_the_wave_back(make):
    root = make("1 day", orders=10_000)
    slow(root, ", clean.marked AS c, clean.marked AS d")  # it would take years
    with up(root) as running:
        running.until("up")
        until_at_work(root)
        running.process.send_signal(signal.SIGINT)
        running.until("stopping")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 130
    assert rows(root, "SELECT count(*) FROM foretable.waves") == [(0,)]
    assert rows(root, "SELECT table_name FROM duckdb_tables() WHERE schema_name IN ('clean', 'features')") == []


def test_a_project_that_does_not_load_does_not_start(make):
    root = make()
    (root / "sql" / "totals.sql").write_text("SELECT 1;")
    done = subprocess.run([sys.executable, "-m", "foretable", "-C", str(root), "up"], capture_output=True, text=True, timeout=LONGEST)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "Hint:" in done.stderr


def test_the_log_is_one_plain_line_per_wave(make):
    root = make("1 hour")
    with subprocess.Popen([sys.executable, "-m", "foretable", "-C", str(root), "up"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first, wave = process.stdout.readline(), process.stdout.readline()
        process.terminate()
        rest = process.stdout.read().splitlines()
        assert process.wait(LONGEST) == 0
    assert first.rstrip().endswith("up; stop with Ctrl-C")
    assert "  wave 1: 1 REINITIALIZE; 7 rows changed; " in wave and "; next 20" in wave
    rest = [line for line in rest if "loaded again" not in line]  # the first wave has recorded the sources' schemas in files
    assert [line[20:].strip()[:8] for line in rest] == ["stopping", "stopped"]
