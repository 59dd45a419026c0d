"""Which project a command works on, and what the options before the command asked for."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foretable.session import Session


@dataclass(frozen=True)
class Workspace:
    """The options that stand before every command."""

    folder: Path = Path()
    wait: float = 10.0
    debug: bool = False


DEFAULT = Workspace()

_current: ContextVar[Workspace] = ContextVar("workspace", default=DEFAULT)


def configure(workspace: Workspace) -> None:
    """Remember the options for the command that follows."""
    _current.set(workspace)


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return _current.get().debug


def folder() -> Path:
    """Where the command was started, or was told to work."""
    return _current.get().folder


def session(wait: float | None = None) -> Session:
    """The project at or above the folder; ``wait`` where a command has its own word on how long."""
    from foretable.session import open_project

    return open_project(folder(), wait=_current.get().wait if wait is None else wait)
