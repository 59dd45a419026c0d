"""Where a declaration stands, and the list that a project being loaded collects it in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINE = str(Path(__file__).resolve().parent.parent)

_collected: ContextVar[list[Any] | None] = ContextVar("collected", default=None)


@dataclass(frozen=True)
class Origin:
    """A place in a file of the project, printed as ``file:line``."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else ""


def caller() -> Origin:
    """The innermost line outside the engine that led here."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith((ENGINE, "<string>", "<frozen")):
        frame = frame.f_back
    return Origin(frame.f_code.co_filename, frame.f_lineno)


def collect(declaration: Any) -> None:
    """Hand a declaration to the project that is being loaded, if one is."""
    found = _collected.get()
    if found is not None:
        found.append(declaration)


@contextmanager
def collecting() -> Iterator[list[Any]]:
    """Gather every declaration made inside the block."""
    found: list[Any] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)
