"""The online copy: it is what the tables are, whatever happens between two waves."""

from __future__ import annotations

import math
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import numpy as np
import pytest

import foretable as ft
from foretable import online
from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.errors import UnknownName, UsageError, WarehouseError
from foretable.online.copy import copy_online
from foretable.online.file import online_path, seen_waves
from foretable.online.kinds import key_value
from foretable.refresh import plan, run_wave
from foretable.refresh.watermark import now
from foretable.run import prepare, run
from foretable.store.online import look_up_online
from foretable.store.views import wanted

ORDERS = "CREATE TABLE raw.orders (customer_id BIGINT, day DATE, amount DECIMAL(10, 2))"
USAGE, DAYS = "features.usage", "features.days"
DECLARED = {
    "pipelines/shop.py": """import foretable as ft
customer = ft.Entity("customer", key="customer_id")
visit = ft.Entity("visit", key=("customer_id", "day"))
ft.Source("raw.orders", entity=customer)
""",
    "sql/sources/raw.orders.sql": ORDERS,
    "sql/features.sql": """
CREATE DYNAMIC TABLE features.usage ENTITY = customer ONLINE = TRUE AS
SELECT customer_id, count(*) AS n, sum(amount) AS spend, max(day) AS last FROM raw.orders GROUP BY customer_id;
CREATE DYNAMIC TABLE features.days ENTITY = visit ONLINE = TRUE AS
SELECT customer_id, day, count(*) AS n FROM raw.orders GROUP BY customer_id, day;
CREATE DYNAMIC TABLE decisions.reader ENTITY = customer AS SELECT customer_id, n + 1 AS more FROM features.usage;
""",
}


class Shop:
    """A project in a folder, and its open warehouse."""

    def __init__(self, root):
        self.root = root
        self.path = online_path(root)
        self.connection = None
        self.compile()

    def compile(self):
        self.graph = compile_project(load_project(self.root))

    def declare(self, old, new):
        file = self.root / "sql/features.sql"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        self.compile()

    def open(self):
        if self.connection is None:
            self.connection = duckdb.connect(self.root / "warehouse.duckdb")
            prepare(self.connection, self.graph)
        return self.connection

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def sql(self, text):
        return self.open().execute(text).fetchall()

    def wave(self, *, copied=True):
        """A wave, and what was copied after it, by table."""
        connection, clock = self.open(), now(self.graph)
        run_wave(
            connection, self.graph, clock, lambda state, failed: plan(self.graph, state, clock, without=failed),
            trigger="TEST", copied=seen_waves(self.path),
        )  # fmt: skip
        done = copy_online(connection, self.graph) if copied else ()
        return {each.table: (each.action, each.written, each.deleted) for each in done}

    def same(self):
        """Whether every online table is what the warehouse holds."""
        for name, keys in ((USAGE, 1), (DAYS, 2)):
            rows = self.sql(f"FROM {name} ORDER BY ALL")
            labels = [field[0] for field in self.connection.description]
            with online.open(self.path) as copy:
                asked = [row[0] if keys == 1 else row[:keys] for row in rows]
                assert copy.get(name, asked) == [dict(zip(labels, row, strict=True)) for row in rows]
            with closing(sqlite3.connect(self.path)) as file:
                assert file.execute(f'SELECT count(*) FROM "{name}"').fetchall() == [(len(rows),)]
        return True


@pytest.fixture
def shop(project):
    root = project(DECLARED, settings='as_of = "2026-03-01"')
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute(f"CREATE SCHEMA raw; {ORDERS}")
        connection.execute("INSERT INTO raw.orders SELECT i % 20, DATE '2026-02-01' + (i % 7)::INTEGER, i / 4 FROM range(100) AS t(i)")
    opened = Shop(root)
    yield opened
    opened.close()


def test_a_wave_copies_what_changed_and_nothing_else(shop):
    assert shop.wave() == {USAGE: ("FULL", 20, 0), DAYS: ("FULL", 100, 0)} and shop.same()
    shop.sql("UPDATE raw.orders SET amount = 7 WHERE customer_id = 3 AND amount < 2")
    shop.sql("DELETE FROM raw.orders WHERE customer_id = 5; INSERT INTO raw.orders VALUES (99, '2026-02-02', 1)")
    assert shop.wave()[USAGE] == ("INCREMENTAL", 2, 1) and shop.same()
    assert {action for action, *_ in shop.wave().values()} == {"NO_DATA"}
    with online.open(shop.path) as copy:
        assert copy.one(USAGE, 99) == {"customer_id": 99, "n": 1, "spend": Decimal("1.00"), "last": date(2026, 2, 2)}
        assert copy.one(USAGE.upper(), 5) is None
        assert copy.get(DAYS, [(99, date(2026, 2, 2)), {"DAY": "2026-02-02", "customer_id": 99}])[0]["n"] == 1
        assert [(row["name"], row["wave"], row["as_of"], row["row_count"]) for row in copy.tables()] == [
            (DAYS, 3, "2026-03-01 00:00:00", shop.sql("SELECT count(*) FROM features.days")[0][0]),
            (USAGE, 3, "2026-03-01 00:00:00", 20),
        ]


def test_after_any_events_the_copy_is_what_the_tables_are(shop):
    chance = random.Random(5)
    shop.wave()
    for _ in range(6):
        for customer in chance.sample(range(25), chance.randrange(4)):
            if chance.random() < 0.4:
                shop.sql(f"DELETE FROM raw.orders WHERE customer_id = {customer}")
            shop.sql(f"INSERT INTO raw.orders SELECT {customer}, '2026-02-0{chance.randint(1, 9)}', 2 WHERE {chance.random() < 0.7}")
        done = shop.wave(copied=chance.random() < 0.6)  # else killed after the wave, before the copy
        assert not done or (shop.same() and "FULL" not in {action for action, *_ in done.values()})
    done = shop.wave()
    assert shop.same() and "FULL" not in {action for action, *_ in done.values()}
    for _ in range(2):
        shop.sql("INSERT INTO raw.orders SELECT i, '2026-02-01', 1 FROM range(3) AS t(i)")
        shop.wave()
    for (log,) in shop.sql("SELECT 'foretable_feeds.log_' || feed FROM foretable.feeds WHERE kind = 'table'"):
        assert shop.sql(f"SELECT count(*) FROM {log}") == [(3,)], "what every reader has taken in is forgotten"


def test_what_the_log_cannot_tell_is_copied_whole(shop):
    shop.wave()
    backup = shop.root / "backup.duckdb"
    shop.close()
    shutil.copy(shop.root / "warehouse.duckdb", backup)
    shop.sql("DELETE FROM raw.orders WHERE customer_id = 1")
    shop.wave()
    shop.close()
    shutil.copy(backup, shop.root / "warehouse.duckdb")  # another past, in which the same number of waves goes by
    shop.sql("DELETE FROM raw.orders WHERE customer_id = 2")
    assert shop.wave() == {USAGE: ("FULL", 19, 0), DAYS: ("FULL", 95, 0)} and shop.same()
    shop.declare("max(day) AS last", "max(day)::VARCHAR AS last, 'x' AS more")
    assert shop.wave()[USAGE] == ("FULL", 19, 0) and shop.same()
    shop.declare("ONLINE = TRUE", "ONLINE = FALSE OWNER = 'me'")
    shop.sql("DELETE FROM raw.orders WHERE customer_id = 3")
    shop.wave(copied=False)
    shop.declare("ONLINE = FALSE", "ONLINE = TRUE")
    assert shop.wave() == {USAGE: ("FULL", 18, 0), DAYS: ("FULL", 90, 0)} and shop.same(), "nobody logged what changed meanwhile"
    shop.declare("features.usage ENTITY = customer ONLINE = TRUE OWNER = 'me'", "features.usage ENTITY = customer")
    assert shop.wave().keys() == {DAYS}
    with pytest.raises(UnknownName, match=r"features\.usage is not in the online copy"):
        online.lookup(shop.path, USAGE, [1])
    actions = shop.sql(
        "SELECT action, reason FROM foretable.refresh_history WHERE table_name = 'features.usage' ORDER BY wave DESC LIMIT 3"
    )
    assert "REINITIALIZE" not in {action for action, _ in actions}, "another owner or an online copy is no other definition"


def test_a_reader_keeps_up_with_other_columns(shop):
    shop.wave()
    with online.open(shop.path) as copy, online.open(shop.path) as second:
        before = copy.one(USAGE, 1)
        assert second.one(USAGE, 1) == before
        with second.snapshot():
            assert second.one(USAGE, 2) is not None
            shop.declare("count(*) AS n, sum(amount) AS spend", "sum(amount)::DOUBLE AS spend, count(*)::DOUBLE AS n")
            shop.wave()
            assert second.one(USAGE, 1) == before, "a snapshot stays"
        assert copy.one(USAGE, 1) == second.one(USAGE, 1) == {**before, "n": float(before["n"]), "spend": float(before["spend"])}
        with pytest.raises(UsageError, match=r"\(1, 2\) is no key"):
            copy.one(USAGE, (1, 2))
        with pytest.raises(UnknownName, match=r"did you mean 'features\.usage'"):
            copy.one("features.usages", 1)


def test_the_feature_store_answers_from_the_copy(shop):
    shop.wave()
    asked = wanted(shop.graph.project, ["usage:n,usage:spend"])
    rows, answer = look_up_online(shop.path, asked, {"customer_id": ["3", "77", 4]}, prefix=True)
    assert (answer.columns, answer.as_of) == (("customer_id", "usage__n", "usage__spend"), {USAGE: datetime(2026, 3, 1)})
    assert rows == [(3, 5, Decimal("53.75")), (77, None, None), (4, 5, Decimal("55.00"))]
    assert [(one.rows, one.keys) for one in answer.missing] == [(1, ((77,),))]
    with pytest.raises(UsageError, match="is no key"):
        look_up_online(shop.path, wanted(shop.graph.project, ["usage", "days"]), {"customer_id": [3]}, prefix=True)


READER = """
import sys
from foretable import online
heavy = {"duckdb", "ibis", "sqlglot", "pandas", "numpy", "pyarrow"} & set(sys.modules)
assert not heavy, heavy
with online.open(sys.argv[1]) as copy:
    for _ in sys.stdin:
        print(copy.tables()[1]["wave"], *(row and row["n"] for row in copy.get("features.usage", [1, 2])), flush=True)
"""


def test_another_process_sees_the_wave_before_until_all_tables_are_copied(shop, monkeypatch):
    shop.wave()
    shop.sql("DELETE FROM raw.orders WHERE customer_id = 1; INSERT INTO raw.orders VALUES (2, '2026-02-02', 1)")
    with subprocess.Popen([sys.executable, "-c", READER, shop.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:

        def read():
            reader.stdin.write("\n")
            reader.stdin.flush()
            return reader.stdout.readline().split()

        meanwhile = []

        def connect(*arguments, **options):  # the copy, which is looked at with every row that it writes
            opened = sqlite3_connect(*arguments, **options)
            opened.set_trace_callback(lambda text: text.startswith("INSERT") and meanwhile.append(read()))
            return opened

        sqlite3_connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", connect)
        assert read() == ["1", "5", "5"]
        shop.wave()
        assert {tuple(seen) for seen in meanwhile} == {("1", "5", "5")}
        assert read() == ["2", "None", "6"]
        reader.stdin.close()


KILLED = """
import os, signal, sqlite3, sys
import duckdb
from pathlib import Path
from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.online.copy import copy_online

written = []

def count(text):
    written.append(text)
    if len(written) == 30:
        os.kill(os.getpid(), signal.SIGKILL)

def connect(path, connect=sqlite3.connect, **options):
    opened = connect(path, **options)
    opened.set_trace_callback(count)
    return opened

sqlite3.connect = connect
root = Path(sys.argv[1])
with duckdb.connect(root / "warehouse.duckdb") as connection:
    copy_online(connection, compile_project(load_project(root)))
"""


def test_a_copy_that_is_killed_leaves_the_wave_before_and_the_next_one_heals(shop):
    shop.wave()
    held = online.lookup(shop.path, USAGE, range(20))
    shop.sql("UPDATE raw.orders SET amount = amount + 1; DELETE FROM raw.orders WHERE customer_id = 4")
    shop.wave(copied=False)
    shop.close()
    killed = subprocess.run([sys.executable, "-c", KILLED, shop.root], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert online.lookup(shop.path, USAGE, range(20)) == held
    assert shop.wave()[USAGE] == ("INCREMENTAL", 19, 1) and shop.same()


def test_a_copy_that_cannot_be_written_is_told_and_the_wave_stays(shop):
    shop.path.mkdir(parents=True)
    with pytest.raises(WarehouseError, match="cannot write the online copy") as caught:
        run(shop.open(), shop.graph, train=False)
    assert caught.value.exit_code == 1 and "foretable publish" in caught.value.hint
    assert shop.sql("SELECT count(*) FROM features.usage") == [(20,)]
    shop.close()
    session = ft.open(shop.root)
    with pytest.raises(WarehouseError, match="there is no online copy yet"):
        session.online(USAGE, [1])
    shop.path.rmdir()
    session.publish()
    assert session.online(USAGE, [1])[0]["n"] == 5
    assert [(done.action, done.written) for done in session.run(train=False).online] == [("NO_DATA", 0)] * 2
    assert shop.same()


KINDS = {
    "id": "'a''b'",
    "huge": "170141183460469231731687303715884105727::HUGEINT",
    "wide": "18446744073709551615::UBIGINT",
    "far": "340282366920938463463374607431768211455::UHUGEINT",
    "near": "(-5)::HUGEINT",
    "small": "(-128)::TINYINT",
    "edge": "(-9223372036854775808)::BIGINT",
    "nan": "'nan'::DOUBLE",
    "infinite": "'-inf'::FLOAT",
    "tiny": "5e-324::DOUBLE",
    "third": "(1 / 3)::DOUBLE",
    "single": "0.1::FLOAT",
    "money": "12.30::DECIMAL(10, 2)",
    "yes": "TRUE",
    "day": "DATE '2026-02-03'",
    "ancient": "'infinity'::DATE",
    "moment": "TIMESTAMP '2026-02-03 04:05:06.5'",
    "zoned": "TIMESTAMPTZ '2026-02-03 04:05:06+02'",
    "bytes": r"'\x00a'::BLOB",
    "nul": "'a' || chr(0) || 'b'",
    "nested": "[{'a': 1, 'b': ['x', NULL]}]",
    "mapped": "MAP {'k': 0.5::DOUBLE}",
    "listed": "['nan'::DOUBLE, 1]",
    "nothing": "NULL::STRUCT(a INTEGER)",
    "none": "NULL::DOUBLE",
}


MOMENT = datetime(2026, 2, 3, 4, 5, 6, 500_000)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("TIMESTAMP", MOMENT, "2026-02-03 04:05:06.5"),
        ("TIMESTAMP", MOMENT.replace(microsecond=0, second=0), "2026-02-03 04:05:00"),
        ("TIMESTAMP WITH TIME ZONE", MOMENT.replace(tzinfo=UTC), "2026-02-03 04:05:06.5+00:00"),
        ("TIMESTAMP WITH TIME ZONE", MOMENT.replace(tzinfo=timezone(timedelta(hours=2))), "2026-02-03 02:05:06.5+00:00"),
        ("DATE", date(2026, 2, 3), "2026-02-03"),
        ("TIMESTAMP", np.datetime64("2026-02-03T04:05:06.5", "us"), "2026-02-03 04:05:06.5"),
    ],
)
def test_a_time_is_looked_up_as_it_is_kept(kind, given, kept):
    assert key_value(given, kind) == kept


def test_a_number_of_numpy_is_a_number():
    assert [type(key_value(one, "BIGINT")) for one in np.array([1, 2])] == [int, int]


def test_values_come_back_as_they_were(project):
    selected = ", ".join(f'{value} AS "{name}"' for name, value in KINDS.items())
    files = {
        "pipelines/a.py": 'import foretable as ft\nthing = ft.Entity("thing", key="id")\n',
        "sql/a.sql": f"CREATE DYNAMIC TABLE features.kinds ENTITY = thing ONLINE = TRUE AS SELECT {selected}",
    }
    session = ft.open(project(files, settings='as_of = "2026-03-01"'))
    assert session.run(train=False).wave.failed == {}
    (row,) = session.online("features.kinds", ["a'b"])
    with session.connect() as connection:
        (wanted,) = connection.execute("FROM features.kinds").fetchall()
    expected = {**dict(zip(KINDS, wanted, strict=True)), "ancient": "infinity"}
    assert [math.isnan(row.pop("nan")), math.isnan(row["listed"].pop(0))] == [True, True]
    assert math.isnan(expected.pop("nan")) and math.isnan(expected["listed"].pop(0))
    assert row == expected
    assert {name: type(value) for name, value in row.items()} == {name: type(value) for name, value in expected.items()}
    assert row["moment"] == datetime(2026, 2, 3, 4, 5, 6, 500_000)
