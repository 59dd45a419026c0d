"""A reference table at its own pace, over several scheduled waves of a real project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

import foretable as ft

PIPELINE = """
import foretable as ft

customer = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=customer, time="ordered_at")
"""
TABLES = """
CREATE DYNAMIC TABLE clean.orders TARGET_LAG = DOWNSTREAM AS SELECT * FROM raw.orders;

CREATE DYNAMIC TABLE features.totals ENTITY = customer TARGET_LAG = '1 hour' AS
SELECT customer_id, sum(amount) AS total FROM clean.orders WHERE ordered_at < as_of() GROUP BY customer_id;

CREATE DYNAMIC TABLE features.cuts TARGET_LAG = '1 day' OWN_PACE = TRUE AS
SELECT quantile_disc(total, 0.5) AS middle FROM features.totals;

CREATE DYNAMIC TABLE features.segments ENTITY = customer TARGET_LAG = '1 hour' AS
SELECT t.customer_id, t.total, t.total > c.middle AS upper FROM features.totals AS t CROSS JOIN features.cuts AS c;
"""
ORDERS = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders AS
SELECT i % 20 AS customer_id, TIMESTAMP '2024-01-01' + to_days(CAST(i AS INTEGER)) AS ordered_at, i::DECIMAL(9, 2) AS amount
FROM range(60) AS t(i);
"""
STORED = "SELECT t.customer_id, t.total, t.total > c.middle AS upper FROM features.totals AS t CROSS JOIN features.cuts AS c ORDER BY ALL"
SEGMENTS = "FROM features.segments ORDER BY ALL"
MIDDLE = "SELECT middle FROM features.cuts"
UPPER = "SELECT count(*) FROM features.segments WHERE upper"


@pytest.fixture
def root(project) -> Path:
    made: Path = project({"pipelines/shop.py": PIPELINE, "sql/shop.sql": TABLES})
    with duckdb.connect(made / "warehouse.duckdb") as connection:
        connection.execute(ORDERS)
    return made


def write(root: Path, *statements: str) -> None:
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)


def age(table: str, length: str) -> str:
    """As if the table had been refreshed so long ago."""
    return f"UPDATE foretable.tables SET refreshed_at = refreshed_at - INTERVAL '{length}' WHERE name = '{table}'"


def scheduled(root: Path) -> dict[str, str]:
    """What a scheduled wave did, by table; the segments equal their query over what is stored then."""
    session = ft.open(root)
    report = session.run(list(session.agenda().due), train=False, trigger="SCHEDULED")
    assert not report.wave.failed and not report.wave.blocked
    return {done.table: done.action for done in report.wave.built}


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_readers_take_what_is_stored_until_the_reference_table_is_due_itself(root, call):
    assert scheduled(root).keys() == {"clean.orders", "features.totals", "features.cuts", "features.segments"}
    before = rows(root, MIDDLE)

    raised = "INSERT INTO raw.orders SELECT i, TIMESTAMP '2024-03-02', 1000 FROM range(7) AS t(i)"
    write(root, raised, "INSERT INTO raw.orders VALUES (0, '2024-03-05', 0)")
    write(root, age("features.totals", "1 hour"), age("features.segments", "1 hour"))
    assert scheduled(root) == {"clean.orders": "FULL", "features.totals": "INCREMENTAL", "features.segments": "INCREMENTAL"}
    assert rows(root, SEGMENTS) == rows(root, STORED)
    assert (rows(root, MIDDLE), rows(root, UPPER)) == (before, [(18,)])
    as_of = dict(rows(root, "SELECT name, as_of FROM foretable.tables"))
    assert as_of["features.segments"] > as_of["features.cuts"]
    explained = call(root, "plan", "--explain", "features.segments").out
    assert "features.cuts is at its own pace: the schedule reads what is stored since 20" in explained
    listed = {entry["name"]: entry["detail"] for entry in call(root, "ls", "--json").json() if entry.get("own_pace")}
    assert listed == {"features.cuts": "lag 1 day, at its own pace"}
    assert call(root, "show", "features.cuts", "--json").json()["own_pace"] is True

    write(root, age("features.cuts", "1 day"))
    assert scheduled(root).keys() == {"clean.orders", "features.totals", "features.cuts"}
    assert rows(root, MIDDLE) > before
    write(root, age("features.segments", "1 hour"))
    assert scheduled(root)["features.segments"] == "FULL"
    assert rows(root, UPPER) == [(10,)]
    assert rows(root, SEGMENTS) == rows(root, STORED)
