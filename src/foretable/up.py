"""A scheduler that stays: it refreshes what is due, wave by wave, and holds no file open in between."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Literal, Protocol

from foretable.compile.graph import Graph
from foretable.errors import ForetableError, WarehouseLocked
from foretable.refresh.due import Agenda
from foretable.run import RunReport
from foretable.warehouse import interrupt_all, translate

LOOK = 0.5
"""Seconds between two looks at the clock, the files and the signals."""
LOCKED = 2.0
"""Seconds until a file is tried again that another process holds."""
TROUBLE = 60.0
"""Seconds until a wave is tried again that could not even begin; a changed file is reason to try at once."""
WATCHED = ("pipelines", "models", "udfs", "sql")


class Opened(Protocol):
    """A project as loaded, what :func:`foretable.open` gives."""

    @property
    def warehouse(self) -> Path:
        """Path of the warehouse file."""

    @property
    def graph(self) -> Graph:
        """The compiled declarations."""

    def agenda(self) -> Agenda:
        """What is due now."""

    def run(self, select: Sequence[str], *, train: bool, trigger: str) -> RunReport:
        """Bring tables up to date."""


@dataclass(frozen=True)
class Event:
    """One line of the log.

    ``report`` is the wave's; ``next_wake`` the moment of the next one in UTC, None when nothing is going to be due.
    """

    kind: Literal["up", "wave", "waiting", "trouble", "declarations", "stopping", "stopped"]
    message: str = ""
    hint: str = ""
    report: RunReport | None = None
    next_wake: datetime | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))


Tell = Callable[[Event], None]


def keep_fresh(root: Path, open_project: Callable[[], Opened], tell: Tell) -> None:
    """Refresh every table when it is due, until SIGTERM or SIGINT; both let the wave at work finish first.

    Files are opened for a wave and closed after it. A file that another process holds is waited for. When
    a file of the project changes, the declarations are loaded again; those that do not load leave the last good ones in force.

    Parameters
    ----------
    root
        Folder of the project, whose files are watched.
    open_project
        Loads it anew.
    tell
        Told what happens, a line each.

    Raises
    ------
    ForetableError
        The project does not load to begin with.
    KeyboardInterrupt
        A second signal: the wave at work was rolled back.
    """
    seen = _files(root)
    scheduler = _Scheduler(root, open_project, tell, seen, open_project())
    with _signals(tell) as stop:
        tell(Event("up"))
        while not stop:
            scheduler.turn(stop)
        tell(Event("stopped"))


class _Scheduler:
    """What is known from one turn of the loop to the next."""

    def __init__(self, root: Path, open_project: Callable[[], Opened], tell: Tell, seen: object, project: Opened) -> None:
        self.root = root
        self.open_project = open_project
        self.tell = tell
        self.seen = seen
        self.project = project
        self.agenda: Agenda | None = None
        self.warehouse: object = None
        self.not_before = 0.0
        self.told = ""

    def turn(self, stop: list[int]) -> None:
        """Look once: reload, refresh or rest."""
        files = _files(self.root)
        if files != self.seen:
            self._reload(files)
        if time.monotonic() < self.not_before or not self._anything_new():
            time.sleep(LOOK)
            return
        try:
            self._work(stop)
            self.told = ""
        except Exception as error:
            if len(stop) > 1:  # DuckDB tells an interrupt as an error of its own
                raise KeyboardInterrupt from error
            self._rest(error)

    def _anything_new(self) -> bool:
        """Whether something may be due: the time has come, or somebody else wrote to the warehouse and has left it."""
        if self.agenda is None:
            return True
        wake = self.agenda.next_wake
        if wake is not None and datetime.now(UTC).replace(tzinfo=None) >= wake:
            return True
        written = _stamp(self.project.warehouse)
        return written != self.warehouse and _quiet(written)

    def _work(self, stop: list[int]) -> None:
        self.agenda = None
        found = self.project.agenda()
        if found.due and not stop:
            report = self.project.run(found.due, train=False, trigger="SCHEDULED")
            try:
                found = self.project.agenda()
            finally:
                self.tell(Event("wave", report=report, next_wake=found.next_wake))
            if found.due:  # lags shorter than a wave; what could not be built has no reason to succeed at once
                built = {done.table for done in report.wave.built}
                self.not_before = time.monotonic() + (LOOK if built.issuperset(found.due) else TROUBLE)
                return
        self.warehouse = _stamp(self.project.warehouse)
        self.agenda = found

    def _reload(self, files: object) -> None:
        self.seen = files
        self.not_before = 0.0
        try:
            project = self.open_project()
        except ForetableError as error:
            self.tell(Event("declarations", f"{_text(error)}; the last good declarations stay in force", error.hint))
            return
        self.project, self.agenda = project, None
        self.tell(Event("declarations", "loaded again"))

    def _rest(self, error: Exception) -> None:
        """Try again later; the same trouble is told once."""
        locked = isinstance(error, WarehouseLocked)
        self.not_before = time.monotonic() + (LOCKED if locked else TROUBLE)
        known = error if isinstance(error, ForetableError) else translate(error)
        told = known or ForetableError(f"{type(error).__name__}: {error}", hint="see where it comes from: foretable --debug refresh --due")
        text = _text(told)
        if text != self.told:
            self.told = text
            self.tell(Event("waiting" if locked else "trouble", text, told.hint))


def _text(error: ForetableError) -> str:
    return f"{error.where}: {error.message}" if error.where else error.message


@contextmanager
def _signals(tell: Tell) -> Iterator[list[int]]:
    """The signals that asked to stop; the second one interrupts."""
    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            interrupt_all()
            raise KeyboardInterrupt
        with suppress(RuntimeError):  # the signal came while a line was being written
            tell(Event("stopping", "when the wave at work is done; a second signal rolls it back"))

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _files(root: Path) -> frozenset[tuple[str, int, int]]:
    """What tells that a file of the project was written, added or removed."""
    found = [root / "pyproject.toml", *(path for folder in WATCHED for path in (root / folder).rglob("*"))]
    return frozenset(stamp for path in found if path.suffix in (".py", ".sql", ".toml") and (stamp := _stamp_of(path)) is not None)


def _stamp(warehouse: Path) -> tuple[tuple[str, int, int] | None, ...]:
    """What tells that a warehouse was written to: its file, and the log that DuckDB keeps beside it."""
    return tuple(map(_stamp_of, (warehouse, warehouse.with_name(f"{warehouse.name}.wal"))))


def _stamp_of(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size


def _quiet(written: tuple[tuple[str, int, int] | None, ...]) -> bool:
    """Whether the last write is some time ago: a loader at work is not disturbed after each of its transactions."""
    last = max((stamp[1] for stamp in written if stamp is not None), default=0)
    return time.time_ns() - last > LOCKED * 1e9
