"""A wave is kept whole or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from foretable.warehouse import open_warehouse, wave


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "w.duckdb") as opened:
        opened.execute("CREATE TABLE t (i INTEGER)")
        yield opened


def rows(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT count(*) FROM t").fetchall()[0][0])


def test_a_wave_commits(connection: duckdb.DuckDBPyConnection) -> None:
    with wave(connection) as same:
        same.execute("INSERT INTO t VALUES (1)")
        assert rows(connection.cursor()) == 0
    assert rows(connection.cursor()) == 1


@pytest.mark.parametrize("problem", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_any_exception_rolls_back_and_goes_on(connection: duckdb.DuckDBPyConnection, problem: BaseException) -> None:
    with pytest.raises(type(problem)), wave(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        raise problem
    assert rows(connection) == 0
    with wave(connection):
        connection.execute("INSERT INTO t VALUES (2)")
    assert rows(connection) == 1


@pytest.mark.parametrize("query", ["SELECT 'a'::INTEGER", "SELECT error('no')", "INSERT INTO t SELECT error('no')"])
def test_an_error_that_was_swallowed_is_not_committed_in_silence(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Without a look before COMMIT, the block would end well and the row be gone."""
    with pytest.raises(duckdb.TransactionException), wave(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        with suppress(duckdb.Error):
            connection.execute(query)
    assert rows(connection) == 0
    with wave(connection):
        connection.execute("INSERT INTO t VALUES (2)")
    assert rows(connection) == 1


INTERRUPTED = """
import faulthandler, signal, sys, threading, time
from foretable.warehouse import open_warehouse, translate, wave
faulthandler.dump_traceback_later(20, exit=True)
endless = "SELECT sum(a.range * b.range % 7) FROM range(1000000) AS a, range(1000000) AS b"
try:
    with open_warehouse(sys.argv[1]) as connection:
        threading.Timer(float(sys.argv[2]), signal.raise_signal, [signal.SIGINT]).start()
        if sys.argv[3] == "query":
            connection.execute(endless)
        with wave(connection):
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("INSERT INTO t " + endless)
except KeyboardInterrupt:
    print("stopped")
except RuntimeError as error:
    print("stopped" if sys.argv[3] == "query" and translate(error) else error)
"""


@pytest.mark.parametrize("where", ["wave", "query"])
@pytest.mark.parametrize("seconds", [0.1, 0.4])
def test_ctrl_c_stops_a_running_query(tmp_path: Path, where: str, seconds: float) -> None:
    """Left to itself, DuckDB would finish the query before the process could end."""
    path = tmp_path / "w.duckdb"
    with open_warehouse(path) as connection:
        connection.execute("CREATE TABLE t (i HUGEINT)")
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(path), str(seconds), where], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("stopped\n", 0), done.stderr
    with open_warehouse(path) as connection:
        assert rows(connection) == 0


KILLED = """
import os, sys
from foretable.warehouse import open_warehouse, wave
connection = open_warehouse(sys.argv[1])
with wave(connection):
    connection.execute("INSERT INTO t VALUES (1)")
with wave(connection):
    connection.execute("INSERT INTO t SELECT i FROM range(500000) AS t(i)")
    os.kill(os.getpid(), 9)
"""


def test_kill_within_a_wave_loses_that_wave_only(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with open_warehouse(path) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -9
    with open_warehouse(path) as connection:
        assert rows(connection) == 1


def test_ctrl_c_in_a_function_of_ours_stops_the_wave() -> None:
    def pressed(number: pa.Array) -> pa.Array:
        raise KeyboardInterrupt

    with duckdb.connect() as connection:
        connection.create_function("pressed", pressed, ["BIGINT"], "BIGINT", type="arrow")
        with pytest.raises(KeyboardInterrupt), wave(connection):
            connection.execute("SELECT pressed(1)").fetchall()
        assert connection.execute("SELECT 1").fetchall() == [(1,)], "rolled back"
