"""Another tool writes its own DuckDB file, which is attached: nothing it wrote is missed, and it is never kept waiting for long."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foretable.run import run
from foretable.session import Session

from .crashes.loader import WAYS, Loader, declare
from .waves.refreshing import mismatches

LONGEST = 180.0


def wrong(session: Session) -> dict[str, int]:
    with session.connect(write=True) as connection:
        return mismatches(connection, session.graph, session.graph.refreshed)


def hammer(root: Path, times: int) -> Loader:
    """Every way of writing, and a refresh after each."""
    loader, session = Loader(declare(root), 0), Session(root)
    session.sync()
    for turn in range(times):
        way = loader.load(WAYS[turn] if turn < len(WAYS) else None)
        session.run(train=False)
        assert not (found := wrong(session)), (turn, way, found)
        if turn % 3 == 0:
            assert {built.action for built in session.run(train=False).wave.built} == {"NO_DATA"}
    return loader


def test_nothing_that_a_loader_wrote_is_missed(tmp_path: Path) -> None:
    hammer(tmp_path / "p", len(WAYS))


@pytest.mark.slow
def test_nothing_is_missed_in_many_loads(tmp_path: Path) -> None:
    print(dict(hammer(tmp_path / "p", 150).done))


def test_a_file_renamed_over_one_that_is_being_read_is_read_by_the_next_wave(tmp_path: Path) -> None:
    """A lock belongs to a file, not to its name."""
    loader = Loader(declare(tmp_path / "p"), 0)
    session = Session(tmp_path / "p")
    session.run(train=False)
    with session._prepared() as connection:  # attached from here on
        other = tmp_path / "p" / "new.duckdb"
        subprocess.run([sys.executable, "-c", COPY, str(loader.path), str(other)], check=True)
        other.replace(loader.path)
        run(connection, session.graph, train=False)
    session.run(train=False)
    assert wrong(session) == {}


COPY = """
import sys, shutil, duckdb
shutil.copy(*sys.argv[1:])
with duckdb.connect(sys.argv[2]) as connection:
    connection.execute("UPDATE marts.orders SET amount = 7777 WHERE order_id = 3")
"""


class Up:
    """A running ``foretable up``, whose waves are noted with the moment they were told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.waves: list[tuple[float, dict[str, Any]]] = []
        self.others: list[dict[str, Any]] = []
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "wave":
                self.waves.append((time.monotonic(), event))
            else:
                self.others.append(event)

    def until(self, count: int, start: float) -> None:
        """Wait for so many waves after a moment."""
        while sum(told > start for told, _ in self.waves) < count:
            assert time.monotonic() < start + LONGEST and self.process.poll() is None, (self.waves[-3:], self.others)
            time.sleep(0.05)


@contextmanager
def up(root: Path) -> Iterator[Up]:
    command = [sys.executable, "-m", "foretable", "-C", str(root), "up", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        running = Up(process)
        try:
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LONGEST)
            running.thread.join()


def beside_a_scheduler(root: Path, loads: int) -> tuple[Loader, Up]:
    loader = Loader(declare(root), 1)
    with up(root) as running:
        running.until(1, time.monotonic())
        for _ in range(loads):
            loader.load()
            time.sleep(loader.random.choice([0.0, 0.1, 0.5]))  # its own pace, not the scheduler's
        running.until(2, time.monotonic())  # the first may have begun before the last load
    assert wrong(Session(root)) == {}
    return loader, running


def never_kept_out_for_longer_than_a_wave(loader: Loader, running: Up) -> None:
    longest = max(event["seconds"] for _, event in running.waves)
    print(f"{len(loader.waits)} loads, longest wait {max(loader.waits):.2f} s; {len(running.waves)} waves, longest {longest:.2f} s")
    # What a wave tells of itself leaves out opening the files and looking at what is due, before and after it.
    assert max(loader.waits) <= 2 * longest + 1.0
    assert {event["event"] for event in running.others} <= {"up", "declarations", "waiting", "stopping", "stopped"}, running.others


def test_a_loader_is_never_kept_out_for_longer_than_a_wave(tmp_path: Path) -> None:
    never_kept_out_for_longer_than_a_wave(*beside_a_scheduler(tmp_path / "p", 8))


@pytest.mark.slow
def test_a_loader_and_a_scheduler_for_long(tmp_path: Path) -> None:
    never_kept_out_for_longer_than_a_wave(*beside_a_scheduler(tmp_path / "p", 150))
