"""Connections: reopened, killed, read-only, several at once; and beside Ibis, pandas and Arrow."""

from __future__ import annotations

import gc
import subprocess
import sys

import duckdb
import pytest

from foretable.errors import WarehouseError
from foretable.registry import promote
from foretable.udf import connect, explain

SCORES = "SELECT sum(predict_churn(f)) FROM features.usage AS f"


@pytest.fixture
def file(warehouse, register, tmp_path):
    """A closed warehouse file with a champion."""
    register(warehouse, [1.0, 2.0, -3.0])
    promote(warehouse, "churn", 1, reason="first")
    warehouse.close()
    return tmp_path / "w.duckdb"


def total(connection):
    return connection.execute(SCORES).fetchall()[0][0]


@pytest.fixture
def expected(file):
    with connect(file) as connection:
        return total(connection)


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_macros_are_there_after_reopening(file, expected):
    with connect(file) as connection:
        assert total(connection) == expected
        assert connection.execute("SELECT count(churn_probability) FROM predict_churn(features.usage)").fetchall() == [(1000,)]


def test_a_read_only_connection_scores(file, expected):
    with connect(file, read_only=True) as connection:
        assert total(connection) == expected
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            connection.execute("CREATE TABLE t (i INTEGER)")


def test_two_processes_read_at_once(file, expected):
    code = """
import sys, foretable
with foretable.connect(sys.argv[1], read_only=True) as c:
    print(repr(c.execute(sys.argv[2]).fetchall()[0][0]))
"""
    with connect(file, read_only=True) as connection:
        other = python(code, file, SCORES)
        assert (other.stdout.strip(), other.stderr) == (repr(expected), "")
        assert total(connection) == expected


def test_an_empty_file_and_one_in_memory_will_do(tmp_path):
    for path in (tmp_path / "new.duckdb", ":memory:"):
        with connect(path) as connection:
            assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_closing_one_of_two_connections_leaves_the_other_working(file, expected):
    first, second = connect(file), connect(file)
    first.close()
    del first
    gc.collect()
    assert total(second) == expected
    second.close()


def test_a_cursor_scores(file, expected):
    with connect(file) as connection, connection.cursor() as cursor:
        assert total(cursor) == expected


def test_a_version_is_read_through_another_connection_when_its_own_is_closed(file):
    code = """
import sys, foretable
first, second = foretable.connect(sys.argv[1]), foretable.connect(sys.argv[1])
first.close()
print(second.execute(sys.argv[2]).fetchall()[0][0])
second.close()
"""
    found = python(code, file, SCORES)
    assert (found.returncode, found.stderr) == (0, "")
    assert float(found.stdout) > 0


def test_the_models_of_an_attached_warehouse_answer_beside_our_own(file, expected, tmp_path):
    code = """
import pathlib, sys, foretable
from foretable.warehouse import ensure_catalog
with foretable.connect(sys.argv[1], attach={"theirs": pathlib.Path(sys.argv[2])}) as c:
    ensure_catalog(c)
    print(repr(c.execute("SELECT sum(theirs.main.predict_churn(f)) FROM theirs.features.usage AS f").fetchall()[0][0]))
"""
    found = python(code, tmp_path / "ours.duckdb", file)
    assert (found.stdout.strip(), found.stderr) == (repr(expected), "")


def test_an_open_connection_leaves_no_warnings_at_exit(file):
    code = "import sys, foretable\nc = foretable.connect(sys.argv[1]); c.execute(sys.argv[2]).fetchall(); print('done')"
    found = python(code, file, SCORES)
    assert (found.returncode, found.stdout, found.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_row_may_be_scored_inside_a_transaction_and_by_the_planner(file, threads):
    code = """
import sys, foretable
with foretable.connect(sys.argv[1]) as c:
    c.execute("SET threads = " + sys.argv[2])
    c.execute("BEGIN")
    c.execute("CREATE TABLE t AS SELECT predict_churn({'spend': 0, 'active': false, 'plan': 'basic'}) AS p")
    print(c.execute("FROM t").fetchall())
"""
    found = python(code, file, threads)
    assert (found.stdout, found.stderr) == ("[(0.5,)]\n", "")


def test_macros_survive_kill_9_before_the_checkpoint(file, register):
    code = """
import os, signal, sys
from foretable.registry import promote
from foretable.udf import connect
c = connect(sys.argv[1])
c.execute("SET checkpoint_threshold = '1GB'")
promote(c, "churn", 1, reason="challenge", alias="challenger")
c.execute("INSERT INTO features.usage VALUES (1000, 1, true, 'gold', '')")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert python(code, file).returncode == -9
    assert file.with_name("w.duckdb.wal").stat().st_size > 0
    # The log is replayed by plain DuckDB, which has no Python function.
    with duckdb.connect(str(file)) as plain:
        assert plain.execute("SELECT count(*) FROM features.usage").fetchall() == [(1001,)]
        with pytest.raises(duckdb.CatalogException, match="foretable_score") as caught:
            plain.execute(SCORES)
        told = explain(caught.value)
        assert isinstance(told, WarehouseError)
        assert "foretable.connect" in told.hint
    with connect(file) as connection:
        query = "SELECT count(predict_churn__challenger(f)) FROM features.usage AS f"
        assert connection.execute(query).fetchall() == [(1001,)]


def test_a_killed_promotion_leaves_the_champion(file, register, expected):
    with connect(file) as connection:
        register(connection, [0.0, 0.0, 0.0])
    code = """
import os, signal, sys
from foretable.registry import promote
from foretable.udf import connect
c = connect(sys.argv[1])
c.execute("BEGIN")
promote(c, "churn", 2, reason="never committed")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert python(code, file).returncode == -9
    with connect(file) as connection:
        assert total(connection) == expected


def test_a_view_and_a_stored_table_of_scores(file):
    with connect(file) as connection:
        connection.execute("CREATE VIEW scored AS SELECT customer_id, predict_churn(f) AS p FROM features.usage AS f")
    with connect(file, read_only=True) as connection:
        assert connection.execute("SELECT count(p) FROM scored").fetchall() == [(1000,)]


def test_ibis_pandas_and_arrow_take_the_connection(file, expected):
    import ibis

    with connect(file) as connection:
        frame = connection.execute("FROM predict_churn(features.usage)").df()
        assert frame["churn_probability"].sum() == pytest.approx(expected)
        assert connection.execute("FROM predict_churn(features.usage)").to_arrow_table().num_rows == 1000
        backend = ibis.duckdb.from_connection(connection)
        scored = backend.sql("SELECT customer_id, predict_churn(f) AS p FROM features.usage AS f")
        assert scored.p.sum().execute() == pytest.approx(expected)


def test_a_damaged_artefact_is_told(file):
    with connect(file) as connection:
        connection.execute("UPDATE foretable.model_artifacts SET content = 'broken'::BLOB")
    code = """
import sys, foretable
from foretable.udf import explain
with foretable.connect(sys.argv[1]) as c:
    try:
        c.execute(sys.argv[2])
    except Exception as error:
        print(explain(error))
"""
    told = python(code, file, SCORES).stdout
    assert "of churn@1 is damaged" in told
    assert "Hint: bring back a copy with: foretable restore" in told
    assert "At:" not in told


def test_a_hundred_versions_cost_nothing_to_connect_to(file, register):
    with connect(file) as connection:
        connection.execute("BEGIN")
        for _ in range(99):
            register(connection)
        connection.execute("COMMIT")
        assert connection.execute("SELECT count(*) FROM foretable.model_versions").fetchall() == [(100,)]
    code = """
import sys, time, foretable
import duckdb
duckdb.connect(sys.argv[1]).close()
foretable.connect(sys.argv[1] + ".other").close()  # what is imported is not the cost of versions
start = time.process_time()
plain = duckdb.connect(sys.argv[1]); plain.execute("SET TimeZone = 'UTC'"); plain.close()
opened = time.process_time()
foretable.connect(sys.argv[1]).close()
print(time.process_time() - opened - (opened - start), "onnxruntime" in sys.modules)
"""
    seconds, loaded = python(code, file).stdout.split()
    assert float(seconds) < 0.5
    assert loaded == "False"
