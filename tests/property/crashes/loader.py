"""A tool of others that keeps a DuckDB file of its own, and changes it in every way that such tools have."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb

SETTINGS = """
[tool.foretable]
as_of = "2026-02-10"
attach = { shop = "shop.duckdb" }
"""
SOURCES = """
import foretable as ft
customer = ft.Entity("customer", key="customer_id")
ft.Source("shop.marts.orders", entity=customer, time="ordered_at", sparse=True)
ft.Source("shop.marts.products")
"""
TABLES = """
CREATE DYNAMIC TABLE features.orders ENTITY = customer TARGET_LAG = '1 second' AS
SELECT customer_id, count(*) AS n, sum(amount) AS spend, max(ordered_at) AS last_at FROM shop.marts.orders GROUP BY customer_id;

CREATE DYNAMIC TABLE features.prices ENTITY = customer TARGET_LAG = '1 second' AS
SELECT o.customer_id, max(p.price) AS dearest FROM shop.marts.orders AS o JOIN shop.marts.products AS p ON p.product_id = o.product_id
GROUP BY o.customer_id;

CREATE DYNAMIC TABLE decisions.top TARGET_LAG = '1 second' AS
SELECT customer_id, spend FROM features.orders ORDER BY spend DESC, customer_id LIMIT 5;
"""
DIES = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("SET wal_autocheckpoint = '1 GB'")
connection.execute(sys.argv[2])
os._exit(9)
"""
IN_PLACE = "UPDATE marts.orders SET amount = amount % 1000 + 1 WHERE order_id = {order}"


def declare(root: Path) -> Path:
    """Write the project's files, and the file of the other tool; gives its path."""
    (root / "pipelines").mkdir(parents=True)
    (root / "sql").mkdir()
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "pipelines" / "shop.py").write_text(SOURCES)
    (root / "sql" / "tables.sql").write_text(TABLES)
    path = root / "shop.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute(
            "CREATE TABLE marts.orders AS SELECT i AS order_id, i % 100 AS customer_id, i % 7 AS product_id, (i % 91)::INTEGER AS amount,"
            " TIMESTAMP '2026-01-01' + to_hours(i % 500) AS ordered_at FROM range(5000) AS t(i)"
        )
        connection.execute("CREATE TABLE marts.products AS SELECT i AS product_id, (i * 3)::INTEGER AS price FROM range(7) AS t(i)")
    return path


class Loader:
    """Writes to its file; while somebody else has it open it tries again at once, and keeps how long that took."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.random = random.Random(seed)
        self.waits: list[float] = []
        self.done: Counter[str] = Counter()

    def load(self, way: str | None = None) -> str:
        """Change the file in one of the ways."""
        name = way or self.random.choice(WAYS)
        order, before = self.random.randrange(5000), self.path.stat()
        start = time.monotonic()
        while True:
            tried = time.monotonic()
            try:
                getattr(self, name)(IN_PLACE.format(order=order), before)
                break
            except duckdb.IOException as error:
                assert "Could not set lock" in str(error), error
                time.sleep(0.002)
        self.waits.append(tried - start)
        self.done[name] += 1
        return name

    def _run(self, *statements: str) -> None:
        with duckdb.connect(self.path) as connection:
            for each in statements:
                connection.execute(each)

    def in_place(self, update: str, before: os.stat_result) -> None:
        self._run(update)

    def with_its_old_time(self, update: str, before: os.stat_result) -> None:
        self._run(update, "CHECKPOINT")
        os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def insert(self, update: str, before: os.stat_result) -> None:
        self._run("INSERT INTO marts.orders SELECT max(order_id) + 1, max(order_id) % 103, 1, 5, TIMESTAMP '2026-02-01' FROM marts.orders")

    def delete_and_insert(self, update: str, before: os.stat_result) -> None:
        chosen = f"customer_id = {self.random.randrange(100)}"
        self._run(
            f"CREATE TEMP TABLE kept AS SELECT * REPLACE (amount + 1 AS amount) FROM marts.orders WHERE {chosen}",
            f"BEGIN; DELETE FROM marts.orders WHERE {chosen}; INSERT INTO marts.orders FROM kept; COMMIT",
        )

    def rebuild(self, update: str, before: os.stat_result) -> None:
        self._run(update, "CREATE OR REPLACE TABLE marts.orders AS SELECT * FROM marts.orders ORDER BY hash(order_id)")

    def rebuild_alike(self, update: str, before: os.stat_result) -> None:
        self._run("CREATE OR REPLACE TABLE marts.orders AS SELECT * FROM marts.orders ORDER BY order_id")

    def price(self, update: str, before: os.stat_result) -> None:
        self._run(f"UPDATE marts.products SET price = price + 1 WHERE product_id = {self.random.randrange(7)}")

    def left_in_the_log(self, update: str, before: os.stat_result) -> None:
        self._run("PRAGMA disable_checkpoint_on_shutdown", "SET wal_autocheckpoint = '1 GB'", update)

    def killed(self, update: str, before: os.stat_result) -> None:
        done = subprocess.run([sys.executable, "-c", DIES, str(self.path), update], capture_output=True, text=True)
        if done.returncode != 9:
            raise duckdb.IOException(done.stderr)

    def in_the_place_of_the_old(self, update: str, before: os.stat_result) -> None:
        self._run("CHECKPOINT")  # else the log beside it would be of another file
        other = self.path.with_name("other.duckdb")
        shutil.copy2(self.path, other)
        with duckdb.connect(other) as connection:
            connection.execute(update)
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(self.path)


WAYS = [
    *("in_place", "with_its_old_time", "insert", "delete_and_insert", "rebuild", "rebuild_alike", "price"),
    *("left_in_the_log", "killed", "in_the_place_of_the_old"),
]
