"""What long work tells while it runs; whoever listens decides how to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """One thing that started, moved or ended.

    ``name`` is a table, model or file; ``detail`` what happened to it ("4,815 rows");
    ``share`` how much of it is done, 0 to 1, where that is known.
    """

    name: str
    state: Literal["started", "running", "done", "skipped", "failed"]
    detail: str = ""
    seconds: float = 0.0
    share: float | None = None


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Listen to nothing."""
