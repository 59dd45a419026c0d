"""What a plan is made from: everything read from the warehouse, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from foretable.refresh.feeds.feed import FeedState


@dataclass(frozen=True)
class TableState:
    """A table as the last wave left it.

    ``epoch`` is the wave up to which it has taken in what changed upstream, ``models`` the versions that
    scored it, ``rules`` the fingerprint of the schema it was checked against.
    """

    definition: str
    as_of: datetime | None
    row_count: int
    epoch: int
    models: Mapping[str, int] = field(default_factory=dict)
    rules: str | None = None
    refreshed_at: datetime | None = None


@dataclass(frozen=True)
class SourceState:
    """A source as it stands now.

    ``watermark`` is its last event not after the clock; ``is_late`` says that this lies further back
    than the source's ``max_staleness`` allows.
    """

    watermark: datetime | None = None
    is_late: bool = False


@dataclass(frozen=True)
class State:
    """The warehouse at one moment.

    ``feeds`` tells, by table and columns, since when changes are logged and which wave logged the last
    one; ``champions`` gives the version that ``predict_<model>`` calls by
    model, and those of other aliases by ``model@alias``; ``trained`` the models with a
    version that matches their declaration; ``existing`` the tables that are really there, with as many columns
    as declared; ``rules`` the
    fingerprints of the declared schemas; ``suspended`` the tables that are not to be refreshed, and why.
    """

    tables: Mapping[str, TableState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    feeds: Mapping[tuple[str, tuple[str, ...]], FeedState] = field(default_factory=dict)
    champions: Mapping[str, int] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()
    rules: Mapping[str, str] = field(default_factory=dict)
    suspended: Mapping[str, str] = field(default_factory=dict)
