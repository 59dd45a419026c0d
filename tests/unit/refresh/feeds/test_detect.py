"""Fingerprints: what any writer changed is found, and nothing else."""

from __future__ import annotations

import pytest

from foretable.errors import DeclarationError, UnknownName
from foretable.refresh.feeds.log import read_states

PAIRS = [
    ("DOUBLE", "'0.0'", "'-0.0'"),
    ("DOUBLE", "'nan'", "'-nan'"),
    ("FLOAT", "'0.0'", "'-0.0'"),
    ("FLOAT", "'nan'", "'-nan'"),
    ("INTERVAL", "'1 month'", "'30 days'"),
    ("INTERVAL", "'1 day'", "'24 hours'"),
    ("TIMETZ", "'12:00:00+00'", "'13:00:00+01'"),
    ("INT[]", "[1, NULL]", "[NULL, 1]"),
    ("INT[]", "[]", "[NULL]"),
    ("INT[]", "[1]", "NULL"),
    ("INT[]", "[]", "NULL"),
    ("INT[2]", "[NULL, NULL]", "NULL"),
    ("STRUCT(a INT, b INT)", "{'a': 1, 'b': NULL}", "{'a': NULL, 'b': 1}"),
    ("STRUCT(a INT, b INT)", "{'a': NULL, 'b': NULL}", "NULL"),
    ("STRUCT(a JSON)", "{'a': '[1, 2]'}", "{'a': '[1,2]'}"),
    ("MAP(INT, VARCHAR)", "map([1, 2], ['a', 'b'])", "map([2, 1], ['b', 'a'])"),
    ("MAP(INT, INT)", "map()", "NULL"),
    ("UNION(a INT, b INT)", "union_value(a := 1)", "union_value(b := 1)"),
    ("JSON", "'[1, 2]'", "'[1,2]'"),
    ("VARIANT", "1::INT", "1::BIGINT"),
    ("VARIANT", "1", "'1'"),
    ("VARIANT", "{'a': 1}", "{'a': '1'}"),
    ("VARCHAR", "'a'", "'A'"),
    ("VARCHAR", "'a'", "'a '"),
    ("VARCHAR", "'1.50'", "'1.5'"),
    ("VARCHAR", "''", "NULL"),
    ("VARCHAR COLLATE NOCASE", "'a'", "'A'"),
    ("VARCHAR COLLATE NOACCENT", "'é'", "'e'"),
    ("BLOB", "'\\x00'", "''"),
    ("BIT", "'0'", "'00'"),
    ("INT[][]", "[[1], [2]]", "[[1, 2]]"),
    ("INT[][]", "[[], [1]]", "[[1], []]"),
    ("INT[][]", "[[1, 2], [3]]", "[[1], [2, 3]]"),
    ("DOUBLE[]", "['0.0']", "['-0.0']"),
    ("DOUBLE[]", "['nan']", "['-nan']"),
    ("INTERVAL[]", "['1 month']", "['30 days']"),
    ("HUGEINT[]", "[170141183460469231731687303715884105727]", "[170141183460469231731687303715884105726]"),
    ("DECIMAL(30,2)[]", "[12345678901234567890.12]", "[12345678901234567890.13]"),
    ("VARCHAR[]", "['a, b']", "['a', 'b']"),
    ("VARCHAR[]", "['NULL']", "[NULL]"),
    ("DECIMAL(9,2)", "1.10", "1.11"),
    ("TIMESTAMP_NS", "'2026-01-01 00:00:00.000000001'", "'2026-01-01 00:00:00.000000002'"),
    ("ENUM('x', 'y')", "'x'", "'y'"),
    ("UUID", "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"),
]


def test_values_that_look_alike_are_told_apart(warehouse, watched):
    """Row ``i`` gets the other value of pair ``i``; DuckDB would leave an UPDATE out that it takes for none."""
    warehouse.execute(f"CREATE TABLE raw.t (i INTEGER, {', '.join(f'v{i} {kind}' for i, (kind, _, _) in enumerate(PAIRS))})")

    def fill(*others):
        warehouse.execute("DELETE FROM raw.t")
        for row in range(len(PAIRS)):
            values = [other if i == row and i in others else one for i, (_, one, other) in enumerate(PAIRS)]
            typed = [f"({value})::{kind.split(' COLLATE')[0]}" for value, (kind, _, _) in zip(values, PAIRS, strict=True)]
            warehouse.execute(f"INSERT INTO raw.t SELECT {row}, {', '.join(typed)}")

    fill()
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    fill()
    assert watched.detect() == {feed.name: set()}
    fill(*range(len(PAIRS)))
    missed = {(i,) for i in range(len(PAIRS))} - watched.detect()[feed.name]
    assert [PAIRS[i] for (i,) in missed] == []


CHANGES = [
    ("INSERT INTO raw.t VALUES (7, 'g', 7)", {(7,)}),
    ("INSERT INTO raw.t VALUES (NULL, 'g', 7)", {(None,)}),
    ("DELETE FROM raw.t WHERE i = 2", {(2,)}),
    ("UPDATE raw.t SET v = v + 1 WHERE i = 3", {(3,)}),
    ("UPDATE raw.t SET i = 30 WHERE i = 3", {(3,), (30,)}),
    ("UPDATE raw.t SET i = NULL WHERE i = 3", {(3,), (None,)}),
    ("UPDATE raw.t SET v = v", set()),
    ("CREATE OR REPLACE TABLE raw.t AS SELECT * FROM raw.t ORDER BY v DESC", set()),
    ("CREATE OR REPLACE TABLE raw.t AS SELECT v, i, s FROM raw.t", set()),
    ("INSERT INTO raw.t SELECT * FROM raw.t WHERE i = 4", {(4,)}),
    ("DELETE FROM raw.t", {(i,) for i in range(6)}),
    ("UPDATE raw.t SET s = s || ' '", {(i,) for i in range(6)}),
    ("ALTER TABLE raw.t ADD COLUMN extra INTEGER DEFAULT 5", set()),
    ("UPDATE raw.t SET v = 5 - v WHERE i IN (1, 4)", {(1,), (4,)}),
]


def test_every_way_to_write_is_noticed(warehouse, watched):
    tables = [f"raw.t{number}" for number in range(len(CHANGES))]
    for name in tables:
        warehouse.execute(f"CREATE TABLE {name} AS SELECT i, chr(97 + i::INT) AS s, i AS v FROM range(6) AS r(i)")
        watched.feed(name, ("i",))
    watched.detect()
    for name, (change, _) in zip(tables, CHANGES, strict=True):
        warehouse.execute(change.replace("raw.t", name))
    found = watched.detect()
    assert {change: found[feed.name] for (change, _), feed in zip(CHANGES, watched.feeds, strict=True)} == dict(CHANGES)
    assert not any(watched.restarted(feed) for feed in watched.feeds)
    assert not any(watched.detect().values())


def test_only_the_columns_that_are_wanted_count(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i AS v, i AS w FROM range(6) AS r(i)")
    feed = watched.feed("raw.t", ("i",), ("i", "v"))
    watched.detect()
    warehouse.execute("UPDATE raw.t SET w = 0")
    assert watched.detect() == {feed.name: set()}


def test_where_no_column_counts_the_number_of_rows_does(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i FROM range(6) AS r(i)")
    watched.feed("raw.t", ())
    watched.feeds[0] = feed = type(watched.feeds[0])("raw.t", (), {})
    watched.detect()
    warehouse.execute("UPDATE raw.t SET i = 0")
    assert watched.detect() == {feed.name: set()}
    warehouse.execute("DELETE FROM raw.t WHERE rowid = 1")
    assert watched.detect() == {feed.name: {()}}


def test_keys_may_be_composite_and_null(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t (a INTEGER, b VARCHAR, v INTEGER)")
    warehouse.execute("INSERT INTO raw.t VALUES (1, NULL, 1), (NULL, 'x', 2), (NULL, NULL, 3), (1, 'x', 4), (1, 'x', 5)")
    feed = watched.feed("raw.t", ("b", "a"))
    watched.detect()
    warehouse.execute("UPDATE raw.t SET v = -v WHERE v < 4")
    assert watched.detect() == {feed.name: {(None, 1), ("x", None), (None, None)}}
    warehouse.execute("DELETE FROM raw.t WHERE v = 5")
    assert watched.detect() == {feed.name: {("x", 1)}}


def test_a_key_with_a_collation_is_taken_by_its_bytes(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t (k VARCHAR COLLATE NOCASE, v INTEGER)")
    warehouse.execute("INSERT INTO raw.t VALUES ('a', 1), ('A', 1), ('b', 2)")
    feed = watched.feed("raw.t", ("k",))
    watched.detect()
    warehouse.execute("UPDATE raw.t SET v = 5 WHERE k = 'a'")
    assert watched.detect() == {feed.name: {("a",), ("A",)}}
    warehouse.execute("UPDATE raw.t SET k = 'B' WHERE k = 'b'")
    assert watched.detect() == {feed.name: {("b",), ("B",)}}


def test_names_of_columns_are_in_nobodys_way(warehouse, watched):
    names = ("k1", "bucket", "n", "total", "t", '"the row"')
    warehouse.execute(f"CREATE TABLE raw.t AS SELECT {', '.join(f'i AS {name}' for name in names)} FROM range(5) AS r(i)")
    feeds = [watched.feed("raw.t", ("bucket", "k1")), watched.feed("raw.t", ("the row",)), watched.feed("raw.t", ("n", "total", "t"))]
    watched.detect()
    warehouse.execute("UPDATE raw.t SET total = 9 WHERE k1 = 3")
    assert watched.detect() == {feeds[0].name: {(3, 3)}, feeds[1].name: {(3,)}, feeds[2].name: {(3, 3, 3), (3, 9, 3)}}


def test_columns_that_swap_their_names_are_changed(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i AS p, 10 * i AS q FROM range(3) AS r(i)")
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("ALTER TABLE raw.t RENAME p TO z; ALTER TABLE raw.t RENAME q TO p; ALTER TABLE raw.t RENAME z TO q")
    assert watched.detect() == {feed.name: {(1,), (2,)}}


def test_rows_that_swap_a_value_do_not_cancel_out(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t (i INTEGER, v INTEGER); INSERT INTO raw.t VALUES (1059, 2971), (1193, 3003)")
    feed = watched.feed("raw.t", ())
    watched.detect()
    plain = "SELECT sum(hash(i, v)) FROM raw.t"
    before = warehouse.execute(plain).fetchall()
    warehouse.execute("UPDATE raw.t SET v = 2971 + 3003 - v")
    assert warehouse.execute(plain).fetchall() == before, "these rows no longer show what a plain sum misses: find others"
    assert watched.detect() == {feed.name: {()}}


def test_a_change_of_type_starts_the_log_anew(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, 5::INTEGER AS v FROM range(3) AS r(i)")
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("ALTER TABLE raw.t ALTER v TYPE BIGINT")
    assert watched.detect() == {feed.name: set()}
    assert watched.restarted(feed)
    warehouse.execute("UPDATE raw.t SET v = 6 WHERE i = 0")
    assert watched.detect() == {feed.name: {(0,)}}


def test_a_key_of_another_type_makes_another_log(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, 5 AS v FROM range(3) AS r(i)")
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("ALTER TABLE raw.t ALTER i TYPE VARCHAR")
    assert watched.detect() == {feed.name: set()}
    assert watched.restarted(feed)
    warehouse.execute("UPDATE raw.t SET v = 6 WHERE i = '0'")
    assert watched.detect() == {feed.name: {("0",)}}


def test_another_duckdb_starts_the_log_anew(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i FROM range(3) AS r(i)")
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("""UPDATE foretable.feeds SET state = json_merge_patch(state, '{"version": "1.0.0"}')""")
    watched.detect()
    assert watched.restarted(feed)
    watched.detect()
    assert not watched.restarted(feed)


def test_when_other_columns_are_wanted_no_change_gets_lost(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i AS v, i AS w FROM range(5) AS r(i)")
    watched.feed("raw.t", ("i",), ("i", "v"))
    watched.detect()
    warehouse.execute("UPDATE raw.t SET v = 9 WHERE i = 1; UPDATE raw.t SET w = 9 WHERE i = 2")
    watched.feeds.clear()
    feed = watched.feed("raw.t", ("i",), ("i", "w"))
    assert watched.detect() == {feed.name: {(1,)}}, "compared as it was stored"
    assert not watched.restarted(feed)
    warehouse.execute("UPDATE raw.t SET v = 8 WHERE i = 3; UPDATE raw.t SET w = 8 WHERE i = 4")
    assert watched.detect() == {feed.name: {(4,)}}


def test_when_a_column_that_was_compared_is_gone_the_log_starts_anew(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i AS v, i AS w FROM range(5) AS r(i)")
    watched.feed("raw.t", ("i",), ("i", "v"))
    watched.detect()
    warehouse.execute("ALTER TABLE raw.t DROP COLUMN v")
    with pytest.raises(DeclarationError, match=r"raw\.t\.v.*gone"):
        watched.detect()
    watched.feeds.clear()
    feed = watched.feed("raw.t", ("i",), ("i", "w"))
    watched.detect()
    assert watched.restarted(feed)


def test_a_source_that_is_gone_is_told(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("DROP TABLE raw.t")
    with pytest.raises(UnknownName, match=r"raw\.t"):
        watched.detect()


def test_feeds_of_one_source_each_log_their_own_keys(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i % 3 AS j, i AS v, i AS w FROM range(9) AS r(i)")
    columns = ("i", "j", "v")
    feeds = [watched.feed("raw.t", keys, columns) for keys in ((), ("i",), ("j",), ("j", "i"))]
    other = watched.feed("raw.t", ("v",), ("v", "w"))
    watched.detect()
    warehouse.execute("UPDATE raw.t SET j = 8 WHERE i = 4")
    assert watched.detect() == dict(
        zip([*(feed.name for feed in feeds), other.name], [{()}, {(4,)}, {(1,), (8,)}, {(1, 4), (8, 4)}, set()], strict=True)
    )
    warehouse.execute("UPDATE raw.t SET w = 8 WHERE i = 4")
    assert [len(logged) for logged in watched.detect().values()] == [0, 0, 0, 0, 1]
    assert not any(watched.detect().values())


def test_a_feed_that_nobody_wants_any_more_is_dropped(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i AS v FROM range(9) AS r(i)")
    watched.feed("raw.t", ("v",))
    watched.detect()
    watched.feeds.clear()
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    assert list(read_states(warehouse)) == [feed.name]
    names = warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'foretable_feeds'").fetchall()
    assert {name.split("_")[1] for (name,) in names} == {feed.name}


def test_a_new_feed_is_complete_from_its_first_wave(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i FROM range(9) AS r(i)")
    watched.detect()
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    state = read_states(warehouse)[feed.name]
    assert (state.complete_from, state.changed_at) == (watched.epoch, 0)


def test_detection_leaves_nothing_behind_in_the_session(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i FROM range(9) AS r(i)")
    watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("DELETE FROM raw.t WHERE i = 1")
    watched.detect()
    assert warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() == []


def test_a_wave_that_is_rolled_back_detects_the_same_again(warehouse, watched, monkeypatch):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i FROM range(9) AS r(i)")
    feed = watched.feed("raw.t", ("i",))
    watched.detect()
    warehouse.execute("DELETE FROM raw.t WHERE i = 1")
    with pytest.raises(UnknownName):
        watched.feeds.append(type(feed)("raw.zzz", (), {"i": "BIGINT"}))
        watched.source("raw.zzz")
        watched.detect()
    watched.feeds.pop()
    assert watched.detect() == {feed.name: {(1,)}}


def test_a_table_that_grows_gets_more_buckets(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.t AS SELECT i, i AS v FROM range(100) AS r(i)")
    feed = watched.feed("raw.t", ("i",))
    whole = watched.feed("raw.t", ())
    mask = f"SELECT state ->> 'mask' FROM foretable.feeds WHERE feed = '{feed.name}'"
    watched.detect()
    assert warehouse.execute(mask).fetchall() == [("255",)]
    for end in range(10_000, 50_001, 10_000):
        warehouse.execute(f"INSERT INTO raw.t SELECT i, i FROM range({end - 10_000} + 100, {end} + 100) AS r(i)")
        found = watched.detect()
        assert (len(found[feed.name]), found[whole.name]) == (10_000, {()})
    assert int(warehouse.execute(mask).fetchall()[0][0]) > 1000
    warehouse.execute("UPDATE raw.t SET v = -1 WHERE i = 77")
    assert watched.detect() == {feed.name: {(77,)}, whole.name: {()}}
    assert warehouse.execute(f"SELECT count(*), sum(n) FROM foretable_feeds.keys_{feed.name}").fetchall() == [(50_100, 50_100)]


def test_views_are_compared_too(warehouse, watched):
    warehouse.execute("CREATE TABLE raw.base AS SELECT i FROM range(9) AS r(i)")
    warehouse.execute("CREATE VIEW raw.t AS SELECT i, i % 2 AS odd FROM raw.base")
    feed = watched.feed("raw.t", ("odd",))
    watched.detect()
    warehouse.execute("DELETE FROM raw.base WHERE i = 3")
    assert watched.detect() == {feed.name: {(1,)}}
