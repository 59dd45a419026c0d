"""The ingest log: loads say what they changed; an audit finds what others did."""

from __future__ import annotations

from datetime import timedelta

import ibis.expr.datatypes as dt
import pandera.ibis as pa
import pytest

from foretable.errors import IngestError
from foretable.quality import ingest, redrive
from foretable.refresh.feeds.log import read_states

COLUMNS = {"id": pa.Column(dt.int64), "kind": pa.Column(str), "amount": pa.Column(float, pa.Check.ge(0))}
SCHEMA = pa.DataFrameSchema(COLUMNS, unique=["id"])
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def load(warehouse, tmp_path):
    """Ingest rows of (id, kind, amount) into raw.orders; each call is a file of its own."""
    made = []

    def run(*rows, **options):
        path = tmp_path / f"{len(made)}.csv"
        made.append(path)
        path.write_text("id,kind,amount\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
        return ingest(warehouse, "raw.orders", [path], SCHEMA, **options)

    return run


@pytest.fixture
def feeds(watched, load):
    """Three feeds of an ingested table, after their first wave."""
    load((1, "a", 1), (2, "b", 2), (3, "a", 3))
    watched.source("raw.orders", feed="ingest", audit="1 day")
    found = [watched.feed("raw.orders", keys) for keys in (("kind",), ("id",), ())]
    watched.detect()
    return found


def pending(watched):
    """What was logged under the number of the wave to come."""
    watched.epoch = watched.connection.execute("SELECT max(wave) + 1 FROM foretable.waves").fetchall()[0][0]
    return [watched.logged(feed) for feed in watched.feeds]


def test_a_load_logs_its_keys_for_the_next_wave(watched, load, feeds):
    load((4, "c", 4), (5, "a", 5), (6, "a", 6))
    assert pending(watched) == [{("c",), ("a",)}, {(4,), (5,), (6,)}, {()}]
    states = read_states(watched.connection)
    assert {states[feed.name].changed_at for feed in feeds} == {watched.epoch}
    watched.detect()
    assert not any(watched.restarted(feed) for feed in feeds)


def test_rows_that_did_not_enter_are_not_logged(watched, load, feeds):
    load((4, "bad", -1), (3, "a", 3), (5, "good", 5))
    assert pending(watched) == [{("good",)}, {(5,)}, {()}]


def test_a_load_that_is_refused_logs_nothing(watched, load, feeds):
    with pytest.raises(IngestError):
        load((4, "c", "many"))
    assert pending(watched) == [set(), set(), set()]


def test_rows_that_come_back_from_quarantine_are_logged(watched, load, feeds):
    load((4, "c", -4), (5, "d", -5), (6, "e", 6))
    watched.detect()
    watched.connection.execute("""UPDATE quarantine.orders SET row = json_merge_patch(row, '{"amount": 4}') WHERE value = '-4.0'""")
    assert redrive(watched.connection, "raw.orders", SCHEMA).rows == 1
    assert pending(watched) == [{("c",)}, {(4,)}, {()}]
    assert watched.detect(after=DAY) == {feed.name: keys for feed, keys in zip(feeds, [{("c",)}, {(4,)}, {()}], strict=True)}
    assert not any(watched.detect(after=2 * DAY).values()), "the audit knows what was loaded"


def test_a_replaced_table_has_all_of_it_rebuilt(watched, load, feeds):
    load((9, "z", 9), replace=True)
    watched.detect()
    assert all(watched.restarted(feed) for feed in feeds)
    load((10, "y", 9))
    assert pending(watched) == [{("y",)}, {(10,)}, {()}]


def test_between_audits_the_table_is_not_read(watched, load, feeds):
    watched.connection.execute("UPDATE raw.orders SET amount = 50 WHERE id = 2")
    assert not any(watched.detect(after=23 * HOUR).values())
    assert list(watched.detect(after=DAY).values()) == [{("b",)}, {(2,)}, {()}]
    assert not any(watched.detect(after=2 * DAY).values())


def test_an_audit_logs_only_what_no_load_has_logged(watched, load, feeds):
    load((4, "c", 4), (5, "a", 5))
    watched.detect(after=HOUR)
    load((6, "c", 6), (7, "d", 7))
    watched.connection.execute("DELETE FROM raw.orders WHERE id = 5")
    watched.detect(after=2 * HOUR)
    assert list(watched.detect(after=DAY).values()) == [{("a",)}, {(5,)}, {()}]
    assert not any(watched.detect(after=2 * DAY).values())
    stored = watched.connection.execute(f"SELECT k1, n FROM foretable_feeds.keys_{feeds[0].name} ORDER BY k1").fetchall()
    assert stored == [("a", 2), ("b", 1), ("c", 2), ("d", 1)], "one line a key again"


def test_a_clock_set_back_brings_an_audit(watched, load, feeds):
    watched.connection.execute("UPDATE raw.orders SET amount = 50 WHERE id = 2")
    assert list(watched.detect(after=-HOUR).values()) == [{("b",)}, {(2,)}, {()}]


def test_a_feed_that_becomes_an_ingest_log_is_compared_once_more(watched, load):
    load((1, "a", 1), (2, "b", 2))
    feed = watched.feed("raw.orders", ("id",))
    watched.detect()
    load((3, "c", 3))
    assert pending(watched) == [set()], "fingerprints will find it"
    watched.source("raw.orders", feed="ingest")
    assert watched.detect() == {feed.name: {(3,)}}
    load((4, "d", 4))
    assert pending(watched) == [{(4,)}]
    watched.source("raw.orders")
    watched.detect()
    assert watched.logged(feed) == {(4,)}, "loaded rows count as known"
    assert not watched.restarted(feed)
    assert watched.detect() == {feed.name: set()}


def test_a_table_that_others_changed_in_shape_has_all_of_it_rebuilt(watched, load, feeds):
    watched.connection.execute("ALTER TABLE raw.orders ALTER amount TYPE DECIMAL(18,2)")
    ingest(watched.connection, "raw.orders", [more(watched)], None)
    watched.detect()
    assert all(watched.restarted(feed) for feed in feeds)
    watched.detect()
    assert not any(watched.restarted(feed) for feed in feeds)


def more(watched):
    path = watched.root / "more.csv"
    path.write_text("id,kind,amount\n8,h,8\n")
    return path


def test_a_restart_by_a_load_outlives_a_wave_that_fails(watched, load, feeds):
    load((9, "z", 9), replace=True)
    before = read_states(watched.connection)
    watched.source("raw.gone")
    watched.feeds.append(type(feeds[0])("raw.gone", (), {"i": "INTEGER"}))
    with pytest.raises(Exception, match=r"raw\.gone"):
        watched.detect()
    assert read_states(watched.connection) == before
    watched.feeds.pop()
    watched.detect()
    assert all(watched.restarted(feed) for feed in feeds)
