"""A change feed: the values of some columns of a table that changed, wave by wave."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

from foretable.compile.recorded import Columns


@dataclass(frozen=True)
class Feed:
    """What is logged of a table: the values of ``keys`` in rows that changed, as they were and as they are.

    Parameters
    ----------
    table
        A source, or a table of ours.
    keys
        Columns whose values are logged; empty when it only matters whether anything changed.
    columns
        Columns that are compared, with their types; the keys are among them.
    """

    table: str
    keys: tuple[str, ...]
    columns: Columns = field(hash=False)

    @cached_property
    def name(self) -> str:
        """A short name that depends on the table and the keys alone; its tables are called after it."""
        text = json.dumps([self.table.lower(), [key.lower() for key in self.keys]])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The types of the keys, in their order."""
        kinds = {name.lower(): kind for name, kind in self.columns.items()}
        return tuple(kinds[key.lower()] for key in self.keys)


@dataclass(frozen=True)
class FeedState:
    """How far a log reaches back, and when it last grew.

    The log lacks nothing that changed after wave ``complete_from``; who has taken in less must be rebuilt.
    ``changed_at`` is the last wave that logged a change, 0 when none did.
    """

    complete_from: int
    changed_at: int
