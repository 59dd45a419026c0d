"""Change history: every version of every row, so that a table can be seen as it was at any wave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.errors import RefreshFailed
from foretable.refresh.changes import drop_history, keep_changes, settle_history
from foretable.warehouse import ensure_catalog

START = datetime(2026, 1, 1, 6)
NAME = "predictions.churn"
AS_IT_WAS = "SELECT {columns} FROM predictions.churn_history WHERE valid_from <= ? AND (valid_to > ? OR valid_to IS NULL) ORDER BY ALL"


class Table:
    """A table and its waves, as the engine writes them: the changed keys in a table of their own."""

    def __init__(self, connection, columns, history="90 days", keys=("id",)):
        self.connection = connection
        self.declare(columns, history, keys)
        ensure_catalog(connection)
        connection.execute("CREATE SCHEMA predictions")
        self.rebuild("SELECT NULL LIMIT 0")

    def declare(self, columns, history="90 days", keys=("id",)):
        declared = SimpleNamespace(history=history)
        self.compiled = SimpleNamespace(name=NAME, declared=declared, entity=SimpleNamespace(keys=keys), columns=columns)
        self.columns = ", ".join(columns)

    def rebuild(self, query):
        definitions = ", ".join(f"{name} {kind}" for name, kind in self.compiled.columns.items())
        self.connection.execute(f"CREATE OR REPLACE TABLE predictions.churn ({definitions})")
        if "LIMIT 0" not in query:
            self.connection.execute(f"INSERT INTO predictions.churn {query}")

    def wave(self, moment, deletes=(), upserts=()):
        """Rows deleted and written by key ``id``; gives the rows after the wave."""
        run = self.connection.execute
        run("BEGIN")
        run("CREATE OR REPLACE TEMP TABLE changed (k1 BIGINT)")
        for key in [*deletes, *(row[0] for row in upserts)]:
            run("INSERT INTO changed VALUES (?)", [key])
            run("DELETE FROM predictions.churn WHERE id = ?", [key])
        for row in upserts:
            run(f"INSERT INTO predictions.churn VALUES ({', '.join('?' * len(row))})", list(row))
        note = keep_changes(self.connection, self.compiled, moment, "temp.main.changed")
        run("COMMIT")
        return note

    def anew(self, moment, query):
        """The table made anew from a query."""
        self.connection.execute("BEGIN")
        self.rebuild(query)
        note = keep_changes(self.connection, self.compiled, moment, None)
        self.connection.execute("COMMIT")
        return note

    def now(self):
        return self.connection.execute("SELECT * FROM predictions.churn ORDER BY ALL").fetchall()

    def at(self, moment):
        return self.connection.execute(AS_IT_WAS.format(columns=self.columns), [moment, moment]).fetchall()

    def history(self):
        return self.connection.execute("SELECT * FROM predictions.churn_history ORDER BY ALL").fetchall()

    def kept_at(self):
        return self.connection.execute("SELECT max(kept_at) FROM foretable.histories").fetchall()[0][0]


@pytest.fixture
def table():
    with duckdb.connect(":memory:") as connection:
        yield Table(connection, {"id": "BIGINT", "p": "DOUBLE"})


keys = st.integers(0, 5)
values = st.sampled_from([0.0, -0.0, 0.5, float("inf"), None])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sets(keys, max_size=3), st.dictionaries(keys, values, max_size=4)),
        st.tuples(st.just("anew"), st.none(), st.dictionaries(keys, values, max_size=6)),
        st.tuples(st.just("idle"), st.none(), st.none()),
    ),
    max_size=8,
)
pace = st.sampled_from([timedelta(hours=1), timedelta(0), timedelta(hours=-3)])


def text(rows):
    """Rows to the bit: 0.0 is not -0.0."""
    return [repr(row) for row in rows]


@settings(max_examples=40, deadline=None)
@given(steps=steps, pace=pace)
def test_at_every_past_wave_the_history_is_the_table_as_it_was(steps, pace):
    with duckdb.connect(":memory:") as connection:
        table = Table(connection, {"id": "BIGINT", "p": "DOUBLE"})
        connection.execute("INSERT INTO predictions.churn VALUES (1, 0.5), (2, NULL)")
        settle_history(connection, table.compiled, START)
        seen = {table.kept_at(): table.now()}
        moment = START
        for what, deletes, rows in steps:
            moment += pace  # a clock that stands still or is set back as well
            if what == "write":
                table.wave(moment, deletes - rows.keys(), sorted(rows.items()))
            elif what == "anew":
                values = ", ".join(f"({key}, {'NULL' if p is None else repr(str(p))}::DOUBLE)" for key, p in rows.items())
                table.anew(moment, f"FROM (VALUES {values})" if values else "SELECT NULL LIMIT 0")
            else:
                settle_history(connection, table.compiled, moment)
            seen[table.kept_at()] = table.now()
        for then, rows in seen.items():
            assert text(table.at(then)) == text(rows)
        open_versions = connection.execute("SELECT id, p FROM predictions.churn_history WHERE valid_to IS NULL ORDER BY ALL").fetchall()
        assert text(open_versions) == text(table.now())
        assert not connection.execute("SELECT 1 FROM predictions.churn_history WHERE valid_to <= valid_from").fetchall()


def test_it_starts_with_the_whole_table_and_only_where_it_is_declared(table):
    table.wave(START, upserts=[(1, 0.1), (2, 0.2)])
    assert table.history() == [(1, 0.1, START, None), (2, 0.2, START, None)]
    table.wave(START + timedelta(days=1), upserts=[(1, 0.9)])
    assert table.at(START) == [(1, 0.1), (2, 0.2)]
    assert table.at(START + timedelta(days=1)) == [(1, 0.9), (2, 0.2)]


def test_a_row_that_was_written_as_it_was_before_still_has_one_version_at_a_time(table):
    table.wave(START, upserts=[(1, 0.1)])
    table.wave(START, upserts=[(1, 0.1)])
    assert table.at(START) == [(1, 0.1)]
    assert len(table.at(START + timedelta(days=1))) == 1


def test_switched_off_it_ends_and_switched_on_again_it_goes_on_with_a_gap(table):
    day = timedelta(days=1)
    table.wave(START, upserts=[(1, 0.1)])
    table.declare(table.compiled.columns, history=None)
    settle_history(table.connection, table.compiled, START + day)
    table.wave(START + 2 * day, upserts=[(1, 0.2), (2, 0.2)])
    assert table.history() == [(1, 0.1, START, START + day)]
    table.declare(table.compiled.columns)
    table.wave(START + 3 * day, upserts=[(2, 0.3)])
    assert table.at(START + 2 * day) == []
    assert table.at(START + 3 * day) == table.now() == [(1, 0.2), (2, 0.3)]


def test_switched_off_and_on_under_a_clock_that_was_set_back(table):
    day = timedelta(days=1)
    table.wave(START, upserts=[(1, 0.1)])
    table.declare(table.compiled.columns, history=None)
    settle_history(table.connection, table.compiled, START - day)
    ((_, _, brought, ended),) = table.history()
    assert ended > brought
    table.declare(table.compiled.columns)
    settle_history(table.connection, table.compiled, START - 2 * day)
    assert table.at(START) == [(1, 0.1)]
    assert table.at(START - day) == []
    assert [row[3] is None for row in table.history()] == [False, True]
    assert table.history()[1][2] > ended


def test_versions_closed_longer_ago_than_declared_go(table):
    for day in range(5):
        table.declare(table.compiled.columns, history="2 days")
        table.wave(START + timedelta(days=day), upserts=[(1, float(day))])
    assert [row[1] for row in table.history()] == [1.0, 2.0, 3.0, 4.0]
    settle_history(table.connection, table.compiled, START + timedelta(days=30))
    assert [row[1] for row in table.history()] == [4.0]


def test_columns_come_and_go(table):
    table.wave(START, upserts=[(1, 0.1), (2, 0.2)])
    table.declare({"id": "BIGINT", "plan": "VARCHAR"})
    note = table.anew(START + timedelta(days=1), "SELECT 1, 'gold'")
    assert note == ""
    table.wave(START + timedelta(days=2), upserts=[(3, "basic")])
    found = table.connection.execute(
        "SELECT id, p, plan, valid_to IS NULL FROM predictions.churn_history ORDER BY id, valid_from"
    ).fetchall()
    assert found == [(1, 0.1, None, False), (1, None, "gold", True), (2, 0.2, None, False), (3, None, "basic", True)]


def test_a_column_of_another_type_starts_anew_and_the_history_before_stays(table):
    table.wave(START, upserts=[(1, 0.1)])
    table.declare({"id": "BIGINT", "p": "VARCHAR"})
    note = table.anew(START + timedelta(days=1), "SELECT 1, 'high'")
    assert note == "the type of p changed: the history before is in predictions.churn_history_until_20260102_060000_000000"
    assert table.history() == [(1, "high", START + timedelta(days=1), None)]
    aside = table.connection.execute("FROM predictions.churn_history_until_20260102_060000_000000").fetchall()
    assert aside == [(1, 0.1, START, None)]


def test_a_table_of_somebody_else_is_left_alone(table):
    table.connection.execute("CREATE TABLE predictions.churn_history AS SELECT 1 AS theirs")
    with pytest.raises(RefreshFailed, match=r"predictions\.churn_history is there, and holds no history"):
        settle_history(table.connection, table.compiled, START)
    table.declare(table.compiled.columns, history=None)
    settle_history(table.connection, table.compiled, START)
    drop_history(table.connection, NAME)
    assert table.history() == [(1,)]


def test_dropped_with_its_table(table):
    table.wave(START, upserts=[(1, 0.1)])
    drop_history(table.connection, NAME)
    with pytest.raises(duckdb.CatalogException):
        table.history()
    table.wave(START + timedelta(days=1), upserts=[(2, 0.1)])
    assert [row[0] for row in table.history()] == [1, 2]


def test_somebody_dropped_the_history_it_starts_again(table):
    table.wave(START, upserts=[(1, 0.1)])
    table.connection.execute("DROP TABLE predictions.churn_history")
    table.wave(START + timedelta(days=1), upserts=[(2, 0.1)])
    assert [row[0] for row in table.history()] == [1, 2]


def test_keys_of_several_columns():
    with duckdb.connect(":memory:") as connection:
        table = Table(connection, {"shop": "VARCHAR", "id": "BIGINT", "p": "DOUBLE"}, keys=("shop", "id"))
        connection.execute("INSERT INTO predictions.churn VALUES ('a', 1, 0.1), ('b', 1, 0.2)")
        settle_history(connection, table.compiled, START)
        connection.execute("CREATE TEMP TABLE changed AS SELECT 'b' AS k1, 1 AS k2")
        connection.execute("UPDATE predictions.churn SET p = 0.3 WHERE shop = 'b'")
        keep_changes(connection, table.compiled, START + timedelta(days=1), "temp.main.changed")
        assert table.at(START) == [("a", 1, 0.1), ("b", 1, 0.2)]
        assert table.at(START + timedelta(days=1)) == [("a", 1, 0.1), ("b", 1, 0.3)]
        assert len(table.history()) == 3


def test_moments_are_utc():
    with duckdb.connect(":memory:") as connection:
        table = Table(connection, {"id": "BIGINT", "p": "DOUBLE"})
        settle_history(connection, table.compiled, datetime.now(UTC).replace(tzinfo=None))
        kinds = dict(row[:2] for row in connection.execute("DESCRIBE predictions.churn_history").fetchall())
        assert kinds["valid_from"] == kinds["valid_to"] == "TIMESTAMP"
