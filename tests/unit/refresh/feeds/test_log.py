"""The logs: what is kept of a change, from where on they are complete, and when they start anew."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from foretable.refresh.feeds.feed import Feed, FeedState
from foretable.refresh.feeds.log import append, drop_feed, log_table, open_feed, prune, read_states, restart
from foretable.sql import parse, render
from foretable.warehouse import ensure_catalog

ORDERS = Feed("raw.orders", ("customer_id", "region"), {"customer_id": "BIGINT", "region": "VARCHAR", "amount": "DECIMAL(9,2)"})
ANY = Feed("raw.orders", (), {"amount": "DECIMAL(9,2)"})


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        ensure_catalog(connection)
        yield connection


def logged(connection: duckdb.DuckDBPyConnection, feed: Feed) -> list[tuple]:
    return sorted(connection.execute(f"FROM {render(log_table(feed))}").fetchall(), key=str)


def test_a_log_keeps_each_changed_value_once_a_wave(warehouse):
    open_feed(warehouse, ORDERS, "fingerprint", 3)
    assert read_states(warehouse) == {ORDERS.name: FeedState(3, 0)}
    rows = parse("SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (NULL, 'a'), (NULL, 'a'), (NULL, NULL)) AS t(b, a)")
    assert append(warehouse, ORDERS, 4, rows) == 3
    assert append(warehouse, ORDERS, 5, parse("SELECT 1, 'a' WHERE false")) == 0
    assert logged(warehouse, ORDERS) == [(4, 1, "a"), (4, None, "a"), (4, None, None)]
    assert read_states(warehouse) == {ORDERS.name: FeedState(3, 4)}


def test_values_that_a_collation_takes_for_one_are_kept_apart(warehouse):
    warehouse.execute(
        "CREATE SCHEMA raw; CREATE TABLE raw.orders (region VARCHAR COLLATE NOCASE); INSERT INTO raw.orders VALUES ('a'), ('A')"
    )
    feed = Feed("raw.orders", ("region",), {"region": "VARCHAR"})
    open_feed(warehouse, feed, "fingerprint", 1)
    assert append(warehouse, feed, 2, parse("SELECT region FROM raw.orders")) == 2


def test_without_keys_it_only_says_that_something_changed(warehouse):
    open_feed(warehouse, ANY, "fingerprint", 1)
    assert append(warehouse, ANY, 2, parse("SELECT 1 WHERE false")) == 0
    assert append(warehouse, ANY, 2, parse("SELECT * FROM range(5)")) == 1
    assert logged(warehouse, ANY) == [(2,)]
    assert read_states(warehouse)[ANY.name] == FeedState(1, 2)


def test_opened_again_it_keeps_what_it_has_unless_a_key_changed_its_type(warehouse):
    open_feed(warehouse, ORDERS, "fingerprint", 1)
    append(warehouse, ORDERS, 2, parse("SELECT 1, 'a'"))
    open_feed(warehouse, ORDERS, "ingest", 3)
    assert logged(warehouse, ORDERS) == [(2, 1, "a")]
    assert warehouse.execute("SELECT kind FROM foretable.feeds").fetchall() == [("ingest",)]
    wider = Feed(ORDERS.table, ORDERS.keys, {**ORDERS.columns, "customer_id": "VARCHAR"})
    assert wider.name == ORDERS.name
    open_feed(warehouse, wider, "fingerprint", 4)
    assert logged(warehouse, wider) == []
    assert read_states(warehouse) == {wider.name: FeedState(4, 0)}
    append(warehouse, wider, 5, parse("SELECT 'one', 'a'"))
    open_feed(warehouse, wider, "files", 6)
    assert logged(warehouse, wider) == [], "what is kept of files is of another kind"


def test_a_restart_asks_every_reader_to_be_rebuilt(warehouse):
    open_feed(warehouse, ORDERS, "fingerprint", 1)
    append(warehouse, ORDERS, 2, parse("SELECT 1, 'a'"))
    restart(warehouse, ORDERS, 7)
    assert logged(warehouse, ORDERS) == []
    assert read_states(warehouse) == {ORDERS.name: FeedState(7, 7)}


def test_a_pruned_log_is_complete_from_there_on_only(warehouse):
    open_feed(warehouse, ORDERS, "fingerprint", 1)
    for epoch in (2, 4, 6):
        append(warehouse, ORDERS, epoch, parse(f"SELECT {epoch}, 'a'"))
    prune(warehouse, ORDERS, 4)
    assert logged(warehouse, ORDERS) == [(6, 6, "a")]
    assert read_states(warehouse) == {ORDERS.name: FeedState(4, 6)}
    prune(warehouse, ORDERS, 5)
    assert read_states(warehouse) == {ORDERS.name: FeedState(4, 6)}, "nothing was forgotten, so nobody must be rebuilt"


def test_everything_is_of_the_callers_transaction(warehouse):
    open_feed(warehouse, ORDERS, "fingerprint", 1)
    warehouse.execute("BEGIN")
    append(warehouse, ORDERS, 2, parse("SELECT 1, 'a'"))
    open_feed(warehouse, ANY, "fingerprint", 2)
    warehouse.execute("ROLLBACK")
    assert logged(warehouse, ORDERS) == []
    assert read_states(warehouse) == {ORDERS.name: FeedState(1, 0)}


def test_a_dropped_feed_leaves_nothing(warehouse):
    for feed in (ORDERS, ANY):
        open_feed(warehouse, feed, "fingerprint", 1)
    drop_feed(warehouse, ORDERS.name)
    assert list(read_states(warehouse)) == [ANY.name]
    left = warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'foretable_feeds'").fetchall()
    assert left == [(f"log_{ANY.name}",)]


def test_a_name_depends_on_table_and_keys_alone():
    assert ORDERS.name == Feed("RAW.orders", ("CUSTOMER_ID", "region"), {}).name
    assert len({ORDERS.name, ANY.name, Feed("raw.orders", ("region", "customer_id"), {}).name, Feed("raw.other", (), {}).name}) == 4
