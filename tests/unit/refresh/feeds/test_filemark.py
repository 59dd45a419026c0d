"""Attached files that nobody has written to are not read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from foretable.refresh.feeds.filemark import file_marks

NAME = "shop.marts.orders"


@pytest.fixture
def shop(tmp_path):
    """Another tool's file, with 100 orders."""
    path = tmp_path / "shop.duckdb"
    write(path, "CREATE SCHEMA marts", "CREATE TABLE marts.orders AS SELECT i, i % 7 AS k, i AS v FROM range(100) AS r(i)")
    return path


def write(path, *statements):
    with duckdb.connect(path) as connection:
        for each in statements:
            connection.execute(each)


@contextmanager
def attached(watched, path) -> Iterator[None]:
    watched.connection.execute(f"ATTACH '{path}' AS shop (READ_ONLY)")
    try:
        yield
    finally:
        watched.connection.execute("DETACH shop")


def wave(watched, path):
    with attached(watched, path):
        return watched.detect()


def mark(watched, path, name=NAME):
    with attached(watched, path):
        return file_marks(watched.connection, [name]).get(name)


@pytest.fixture
def feed(watched, shop):
    with attached(watched, shop):
        found = watched.feed(NAME, ("k",))
    wave(watched, shop)
    return found


def test_what_another_tool_wrote_is_found(watched, shop, feed):
    assert wave(watched, shop) == {feed.name: set()}
    write(shop, "UPDATE marts.orders SET v = -1 WHERE i = 3")
    assert wave(watched, shop) == {feed.name: {(3,)}}
    write(shop, "CREATE OR REPLACE TABLE marts.orders AS SELECT * FROM marts.orders ORDER BY hash(i)")
    assert wave(watched, shop) == {feed.name: set()}


def test_a_file_that_nobody_wrote_to_is_not_read(watched, shop, feed):
    """Proven by the mark of other content: whoever reads the file would find a change."""
    before = mark(watched, shop)
    write(shop, "UPDATE marts.orders SET v = -1 WHERE i = 3")
    now = mark(watched, shop)
    assert now != before
    watched.connection.execute("UPDATE foretable.feeds SET state = json_merge_patch(state, ?)", [json.dumps({"mark": now})])
    assert wave(watched, shop) == {feed.name: set()}
    watched.connection.execute("UPDATE foretable.feeds SET state = json_merge_patch(state, ?)", [json.dumps({"mark": before})])
    assert wave(watched, shop) == {feed.name: {(3,)}}


def test_a_mark_stays_while_nobody_writes(watched, shop, feed):
    before = mark(watched, shop)
    with duckdb.connect(shop, read_only=True) as connection:
        connection.execute("SELECT sum(v) FROM marts.orders").fetchall()
    assert mark(watched, shop) == before


@pytest.mark.parametrize("change", ["INSERT INTO marts.orders VALUES (1, 1, 1)", "CREATE TABLE marts.other AS SELECT 1 AS i"])
def test_every_write_gives_another_mark(watched, shop, change):
    before = mark(watched, shop)
    write(shop, change)
    assert mark(watched, shop) != before


def test_a_file_in_the_place_of_another_is_seen(watched, shop, feed, tmp_path):
    """Built in the same way, so that its size and its header's count are those of the file that was there."""
    other = tmp_path / "other.duckdb"
    write(other, "CREATE SCHEMA marts", "CREATE TABLE marts.orders AS SELECT i, i % 7 AS k, i + (i = 3)::INT AS v FROM range(100) AS r(i)")
    assert other.stat().st_size == shop.stat().st_size
    other.replace(shop)
    assert wave(watched, shop) == {feed.name: {(3,)}}
    shutil.copy(shop, other)
    other.replace(shop)
    assert wave(watched, shop) == {feed.name: set()}


LEAVE_IN_LOG = """
import duckdb, os
connection = duckdb.connect(%r)
connection.execute("SET wal_autocheckpoint = '1 GB'")
connection.execute("UPDATE marts.orders SET v = -9 WHERE i = 4")
os._exit(9)
"""


def test_what_stands_in_the_log_of_a_writer_that_died_is_found(watched, shop, feed):
    subprocess.run([sys.executable, "-c", LEAVE_IN_LOG % str(shop)], check=False)
    assert shop.with_name("shop.duckdb.wal").stat().st_size
    assert wave(watched, shop) == {feed.name: {(4,)}}
    assert wave(watched, shop) == {feed.name: set()}


OPEN_TO_WRITE = "import duckdb, sys; duckdb.connect(sys.argv[1])"


def test_the_lock_on_the_file_is_kept(watched, shop, feed):
    with attached(watched, shop):
        watched.detect()
        done = subprocess.run([sys.executable, "-c", OPEN_TO_WRITE, str(shop)], capture_output=True, text=True)
    assert "Could not set lock" in done.stderr
    assert subprocess.run([sys.executable, "-c", OPEN_TO_WRITE, str(shop)]).returncode == 0


def test_views_and_tables_of_the_warehouse_have_no_mark(watched, shop, tmp_path):
    write(shop, "CREATE VIEW marts.recent AS SELECT * FROM marts.orders")
    assert mark(watched, shop, "shop.marts.recent") is None
    assert mark(watched, shop, "raw.orders") is None
    watched.connection.execute("ATTACH ':memory:' AS bare; CREATE TABLE bare.main.t AS SELECT 1 AS i")
    assert file_marks(watched.connection, ["bare.main.t"]) == {}
