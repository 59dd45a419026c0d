"""How commands fail: one message, a hint, the right exit code, an unharmed warehouse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

FORETABLE = [sys.executable, "-m", "foretable"]


def until(process: subprocess.Popen, holds: Callable[[], bool]) -> None:
    """Wait for something that a process does, or for its end, and leave it the processor."""
    while process.poll() is None and not holds():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)


def test_outside_a_project(call, tmp_path):
    done = call(tmp_path, "ls")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("Hint: start one with: foretable init")


@pytest.mark.parametrize("command", ["status", "history", "models", "sql", "export", "quarantine", "publish", "backup"])
def test_before_the_first_run(call, starter, command):
    arguments = {"sql": ["SELECT 1"], "export": ["predictions.churn"]}.get(command, [])
    done = call(starter, command, *arguments)
    assert done.code == 1
    assert done.err.startswith("error: ")
    assert "Hint:" in done.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing"], 2),
        (["run", "--nothing"], 2),
        (["show"], 2),
        (["history", "-n", "0"], 2),
        (["run", "--source", "raw.orders"], 2),
        (["train", "chrun"], 1),
    ],
    ids=str,
)
def test_wrong_words(call, starter, arguments, code):
    done = call(starter, *arguments)
    assert done.code == code
    assert done.err.startswith("error: ")
    assert "Hint:" in done.err
    assert "Traceback" not in done.err


def test_a_traceback_only_when_asked(call, starter):
    (starter / "pipelines" / "broken.py").write_text("1 / 0\n")
    plain = call(starter, "ls")
    assert plain.code == 1
    assert "Traceback" not in plain.err
    assert "pipelines/broken.py:1" in plain.err
    assert "Traceback" in call(starter, "--debug", "ls").err


def test_a_fault_of_ours_says_so(call, starter, monkeypatch):
    from foretable.cli import describe

    def fault(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(describe, "described", fault)
    done = call(starter, "show", "churn")
    assert done.code == 1
    assert done.err.startswith("error: RuntimeError: boom")
    assert "--debug" in done.err


def test_a_file_that_is_no_warehouse(call, starter):
    path = starter / "warehouse.duckdb"
    path.write_bytes(b"not a database" * 1000)
    done = call(starter, "run")
    assert done.code == 1
    assert "not a DuckDB file" in done.err
    assert path.read_bytes() == b"not a database" * 1000


def test_a_warehouse_of_a_later_release(call, built):
    path = built / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO foretable.catalog VALUES (99, '9.9', now()::TIMESTAMP)")
    for command in ("run", "plan"):
        done = call(built, command)
        assert done.code == 1
        assert "version 99" in done.err
        assert "Hint: upgrade" in done.err


def test_killed_in_mid_run(call, starter):
    """After kill -9 while it trains, the next run makes everything."""
    run = subprocess.Popen([*FORETABLE, "-C", str(starter), "run", "--trials", "200"], stdout=subprocess.DEVNULL, start_new_session=True)
    path = starter / "warehouse.duckdb"
    until(run, path.exists)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = call(starter, "run", "--trials", "1")
    assert done.code == 0, done.err
    assert "3 tables built" in done.out
    assert "nothing to do" in call(starter, "run").out


def test_ctrl_c_in_mid_run(starter):
    """Stopped while it trains: one line, exit code 130, and the next run goes through."""
    run = subprocess.Popen(
        [*FORETABLE, "-C", str(starter), "run", "--trials", "200"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    path = starter / "warehouse.duckdb"
    until(run, path.exists)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=120)
    assert run.returncode == 130, err
    assert err.splitlines()[-2:] == [
        "error: stopped",
        "Hint: the warehouse stands as the last finished wave left it; the same command goes on from there",
    ]
    assert "Traceback" not in err
    with duckdb.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'predictions'").fetchall() == [(0,)]


def test_a_reader_that_leaves_early(built):
    """``foretable export … | head -1`` is no failure."""
    done = subprocess.run(
        f"{' '.join(FORETABLE)} -C {built} sql 'SELECT * FROM range(200000)' --csv | head -1",
        shell=True,
        capture_output=True,
        text=True,
        executable="/bin/bash",
    )
    assert done.stdout == "range\n"
    assert done.stderr == ""


def test_piped_output_is_plain_and_whole(built):
    environment = {**os.environ, "FORCE_COLOR": "", "COLUMNS": "40"}
    done = subprocess.run(
        [*FORETABLE, "-C", str(built), "sql", "SELECT repeat('x', 300) AS wide"], capture_output=True, text=True, env=environment
    )
    assert done.stdout.splitlines()[1] == "x" * 300
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(("extra", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=str)
def test_colour_on_a_terminal_unless_refused(starter, extra, coloured):
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    code = f"import pty, sys; sys.exit(pty.spawn({[*FORETABLE, '-C', str(starter), 'show', 'features.customer_orders']!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**environment, "TERM": "xterm-256color", **extra}, stdin=subprocess.DEVNULL
    )
    assert b"customer_id" in done.stdout
    assert (b"\x1b[3" in done.stdout) is coloured
    assert Path(starter).exists()
