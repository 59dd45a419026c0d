"""What a plan is made from: everything read from the warehouse, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class TableState:
    """A table as the last wave left it."""

    definition: str
    inputs: str
    as_of: datetime | None
    row_count: int
    wave: int


@dataclass(frozen=True)
class SourceState:
    """A source as it stands now; ``watermark`` is its last event not after the clock."""

    fingerprint: str
    row_count: int
    watermark: datetime | None


@dataclass(frozen=True)
class State:
    """The warehouse at one moment.

    ``champions`` gives the version that ``predict_<model>`` calls; ``trained`` the models with a
    version that matches their declaration; ``existing`` the tables that are really there; ``rules`` the
    fingerprints of the declared schemas.
    """

    tables: Mapping[str, TableState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    champions: Mapping[str, int] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()
    rules: Mapping[str, str] = field(default_factory=dict)
