"""A load that dies on the way, in a process of its own, leaves the warehouse as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

SCRIPT = """
import os, resource, signal, sys
import duckdb, pandera.ibis as pa
from foretable.errors import ForetableError
from foretable.quality import ingest

folder, what, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
calls = 0
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is born with it ignored

def die(data):  # a check is called when rows are judged and, with everything written, before the commit
    global calls
    calls += 1
    if calls == at and what == "disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    elif calls == at:
        os.kill(os.getpid(), int(what))
    return data.table.n.count() >= 0

connection = duckdb.connect(folder + "/warehouse.duckdb")
schema = pa.DataFrameSchema({"n": pa.Column(int, pa.Check.lt(1000))}, checks=pa.Check(die))
try:
    ingest(connection, "raw.numbers", [folder + "/numbers.csv"], schema, replace=True)
except KeyboardInterrupt:
    left = connection.execute("SELECT count(*) FROM raw.numbers").fetchall()
    print("interrupted", left[0][0])
except ForetableError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute("CREATE SCHEMA raw")
    connection.execute("CREATE TABLE raw.numbers AS SELECT i AS n FROM range(7) AS r(i)")
    connection.close()
    (tmp_path / "numbers.csv").write_text("n\n" + "".join(f"{i}\n" for i in range(200_000)))
    return tmp_path


def run(folder: Path, what: str, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), what, str(at)], capture_output=True, text=True, timeout=120, check=False
    )


def unharmed(folder: Path) -> None:
    connection = duckdb.connect(str(folder / "warehouse.duckdb"))
    assert connection.execute("SELECT count(*), max(n) FROM raw.numbers").fetchall() == [(7, 6)]
    assert connection.execute("SELECT count(*) FROM foretable.ingests").fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'quarantine'").fetchall() == [(0,)]
    connection.close()


@pytest.mark.parametrize("at", [1, 2])
def test_kill_9_leaves_nothing(folder: Path, at: int) -> None:
    assert run(folder, str(int(signal.SIGKILL)), at).returncode == -signal.SIGKILL
    unharmed(folder)


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_leaves_nothing_and_the_connection_usable(folder: Path, at: int) -> None:
    done = run(folder, str(int(signal.SIGINT)), at)
    assert done.stdout == "interrupted 7\n", done.stderr
    unharmed(folder)


def test_a_full_disk_is_told_as_such_and_leaves_nothing(folder: Path) -> None:
    done = run(folder, "disk", 1)
    assert "the disk is full" in done.stdout, done.stdout + done.stderr
    unharmed(folder)
