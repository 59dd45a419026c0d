"""What would differ if the definitions were applied, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from foretable.errors import ForetableError
from foretable.quality import Violation

Outcome = Literal["DIFFERS", "SAME", "NEW", "FAILED", "BLOCKED"]


@dataclass(frozen=True)
class ColumnChange:
    """One column that is new, gone, of another type, or holds other values.

    ``before`` and ``after`` are its types, None where the table has no such column. ``rows`` counts the rows that
    both sides have and whose value differs, the means are over all that both have, ``largest`` is the difference
    that lies furthest from 0; means and difference are of numbers alone. Where rows cannot be paired the means are
    over all rows, and there is neither a count nor a difference.
    """

    name: str
    before: str | None
    after: str | None
    rows: int | None = None
    mean_before: float | None = None
    mean_after: float | None = None
    largest: float | None = None


@dataclass(frozen=True)
class Example:
    """One value that would change, in the row of that key."""

    key: Mapping[str, Any]
    column: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """Two contents of one table.

    Without a key to pair rows by, ``changed`` is 0 and ``unpaired`` says why: a changed row then counts once
    among those only before and once among those only after.
    """

    only_before: int = 0
    only_after: int = 0
    changed: int = 0
    same: int = 0
    columns: tuple[ColumnChange, ...] = ()
    examples: tuple[Example, ...] = ()
    gone: tuple[Mapping[str, Any], ...] = ()
    fresh: tuple[Mapping[str, Any], ...] = ()
    unpaired: str = ""

    @property
    def rows_before(self) -> int:
        """How many rows there are."""
        return self.only_before + self.changed + self.same

    @property
    def rows_after(self) -> int:
        """How many rows there would be."""
        return self.only_after + self.changed + self.same

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.only_before or self.only_after or self.changed or self.columns)


@dataclass(frozen=True)
class TableChange:
    """What would become of one table.

    ``as_of`` is the date that both sides are of; ``moved`` names sources that have changed since the table was
    refreshed, so that part of the difference is news. ``violations`` are the rules that the new rows break:
    ``quarantined`` rows would leave, or the refresh would be ``refused``.
    """

    table: str
    reason: str
    outcome: Outcome
    as_of: datetime | None = None
    rows_before: int | None = None
    rows_after: int | None = None
    difference: Difference = field(default_factory=Difference)
    violations: tuple[Violation, ...] = ()
    quarantined: int = 0
    refused: bool = False
    moved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: ForetableError | None = None


@dataclass(frozen=True)
class Preview:
    """What a run would change because of what is declared otherwise now.

    ``drops`` are tables that nothing declares any more, with their rows.
    """

    tables: tuple[TableChange, ...] = ()
    drops: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> list[TableChange]:
        """Tables whose new definition cannot be computed."""
        return [change for change in self.tables if change.outcome == "FAILED"]
