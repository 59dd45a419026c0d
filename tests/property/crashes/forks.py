"""Starting waves that die."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")


class Forks:
    """A running ``child.py``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert self._line() == "ready"

    def wave(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """Have a wave carried out; None when it was killed."""
        assert self.process.stdin is not None
        print(json.dumps(order), file=self.process.stdin, flush=True)
        told = None
        while not (line := self._line()).startswith("ended "):
            told = json.loads(line)
        status = int(line.split()[1])
        assert status in (0, signal.SIGKILL), status
        return told if status == 0 else None

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the child program has ended"
        return line.strip()


@contextmanager
def forks(root: Path) -> Iterator[Forks]:
    with subprocess.Popen([sys.executable, str(CHILD), str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Forks(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
