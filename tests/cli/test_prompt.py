"""The prompt of ``foretable sql``, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import sys

PATIENCE = 60.0


def test_a_conversation(built, tmp_path):
    """Statements over several lines, a mistake that ends nothing, backslash commands, a history that stays."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(HOME=str(tmp_path), TERM="dumb", NO_COLOR="1")
        os.execv(sys.executable, [sys.executable, "-m", "foretable", "-C", str(built), "sql"])
    seen = ""
    talk = [
        ("mine> ", "SELECT 40"),
        ("… ", "+ 2 AS answer;"),
        ("mine> ", "SELEC;"),
        ("mine> ", "\\d"),
        ("mine> ", "CREATE TABLE raw.x (a INT);"),
        ("mine> ", "\\q"),
    ]
    for expected, line in talk:
        seen += until(terminal, expected)
        os.write(terminal, f"{line}\n".encode())
    seen += until(terminal, None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert "42" in seen
    assert "syntax error" in seen
    assert "predictions.churn" in seen
    assert "read-only" in seen
    assert "SELECT 40" in (tmp_path / ".foretable_history").read_text()


def test_ctrl_c_stops_the_query_and_not_the_prompt(built, tmp_path):
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(HOME=str(tmp_path / "nowhere"), TERM="dumb", NO_COLOR="1")  # nor need there be a home
        os.execv(sys.executable, [sys.executable, "-m", "foretable", "-C", str(built), "sql"])
    started = tmp_path / "started.csv"
    until(terminal, "mine> ")
    endless = f"COPY (SELECT 1) TO '{started}'; SELECT count(*) FROM range(1000000000000) AS t(i) WHERE i % 7 = 1;"
    os.write(terminal, f"{endless}\n".encode())
    while not (started.exists() and started.stat().st_size):
        select.select([terminal], [], [], 0.01)
    os.write(terminal, b"\x03")
    until(terminal, "error: stopped\r\nmine> ")
    os.write(terminal, b"SELECT 40 + 2 AS answer;\n")
    assert "42" in until(terminal, "mine> ")
    os.write(terminal, b"\\q\n")
    until(terminal, None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def until(terminal: int, expected: str | None) -> str:
    """What the terminal shows up to and with the expected text; to the end without one."""
    seen = b""
    while expected is None or expected.encode() not in seen:
        assert select.select([terminal], [], [], PATIENCE)[0], f"{expected!r} did not come after {seen!r}"
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
    return seen.decode(errors="replace")
