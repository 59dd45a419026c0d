"""What a statement answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """Rows; or in words what was done (``message``), which the rows say too."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    message: str = ""


def done(table: str, message: str, file: Path | None = None) -> Outcome:
    """What was done about a table, and the file that says so now."""
    return Outcome(("table", "file", "message"), [(table, str(file) if file else None, message)], message)
