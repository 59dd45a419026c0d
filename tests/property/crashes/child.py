"""A program that carries out one wave per line of its input, each in a process of its own, which may kill itself on the way.

The declarations are compiled once and the processes are forked from there: a wave starts within milliseconds. A line of
JSON says where to die: at the ``number``th step of a ``part`` of the wave (or of what is told to a listener), ``after`` so
many seconds of it, while the engine goes on; ``any`` part dies so long after the start. A step is a call, or a return, of
what touches files or the database.
"""

from __future__ import annotations

import json
import linecache
import os
import signal
import sys
import time
from collections import Counter
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import foretable as ft
from foretable.progress import Progress

STEPS = {
    *("execute", "fetchall", "close", "connect", "write_parquet", "sql"),
    *("rename", "replace", "link", "symlink", "unlink", "rmdir", "mkdir", "fsync", "flock", "open", "write"),
}
PARTS = (("/publish/", "publish"), ("/feeds/detect.py", "detect"), ("/refresh/step.py", "step"), ("/refresh/history.py", "record"))
ENGINE = str(Path(ft.__file__).parent)


class Killer:
    """Kills this process so many seconds after it is told to, whatever the process does then and whatever lock it holds."""

    def __init__(self) -> None:
        heard, self.told = os.pipe()
        victim = os.getpid()
        if os.fork() == 0:
            os.close(self.told)
            seconds = os.read(heard, 64)  # nothing when the wave has ended
            time.sleep(float(seconds or 0))
            if seconds and os.getppid() == victim:
                os.kill(victim, signal.SIGKILL)
            os._exit(0)
        os.close(heard)

    def kill(self, after: float) -> None:
        if after:
            os.write(self.told, str(after).encode())
        else:
            os.kill(os.getpid(), signal.SIGKILL)


class Watch:
    """Counts the steps of each part, and dies at one of them."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.killer = Killer()
        self.counts: Counter[str] = Counter()
        self.started: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def profile(self, frame: FrameType, event: str, what: Any) -> None:
        if event in ("c_call", "c_return") and getattr(what, "__name__", "") in STEPS:
            part = part_of(frame, what.__name__)
            if part:
                self.step(part)
                self.time(part, event)

    def told(self, progress: Progress) -> None:
        self.step("listen")

    def time(self, part: str, event: str) -> None:
        if event == "c_call":
            self.started[part] = time.perf_counter()
        elif part in self.started:
            self.seconds[part] = max(self.seconds.get(part, 0.0), time.perf_counter() - self.started[part])

    def step(self, part: str) -> None:
        self.counts[part] += 1
        if part == self.order.get("part") and self.counts[part] == self.order["number"]:
            self.killer.kill(self.order.get("after", 0))


def part_of(frame: FrameType | None, step: str) -> str:
    """Which part of a wave is at work; nothing where the engine is not."""
    found = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(ENGINE):
            if not found and file.endswith("/warehouse/transaction.py") and "COMMIT" in linecache.getline(file, frame.f_lineno):
                found = "commit"
            if not found and file.endswith("/session.py") and step == "close":
                found = "close"
            found = next((part for name, part in PARTS if name in file), found or "other") if found in ("", "other", "commit") else found
        frame = frame.f_back
    return found


def without_transaction() -> None:
    """A mutant: every statement of a wave is committed by itself."""
    import foretable.refresh.wave

    foretable.refresh.wave.wave = lambda connection: nullcontext(connection)  # type: ignore[attr-defined, assignment]


def carry_out(session: ft.Session, order: dict[str, Any]) -> None:
    """One wave."""
    watch = Watch(order)
    if order.get("mutant"):
        without_transaction()
    start = time.perf_counter()
    if order.get("part") == "any":
        watch.killer.kill(order["after"])
    elif order.get("part") != "listen":
        sys.setprofile(watch.profile)
    done = session.run(as_of=datetime.fromisoformat(order["as_of"]), train=False, trigger="REFRESH", listen=watch.told)
    sys.setprofile(None)
    left = [*done.wave.failed, *done.wave.blocked]
    seconds = {"all": time.perf_counter() - start, **watch.seconds}
    print(json.dumps({"counts": watch.counts, "seconds": seconds, "left": left, "wave": done.wave.wave}), flush=True)


def main(root: Path) -> None:
    session = ft.open(root)
    session.graph  # noqa: B018
    print("ready", flush=True)
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                carry_out(session, json.loads(line))
            except Exception as error:
                print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
            os._exit(0)
        print(f"ended {os.wait()[1]}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
