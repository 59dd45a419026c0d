"""What pushing a key into a query finds: how each table's place reaches the key, and what does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from foretable.compile.incremental.shape import Hop
from foretable.sql import render

Path = tuple[Hop, ...]

_WIDTH = 80
_UNNAMED = re.compile(r"\b_\d+\.")
"""The alias that sqlglot gives to a query without one."""


def shown(node: exp.Expr) -> str:
    """A part of a query as its author may recognise it, cut short."""
    text = _UNNAMED.sub("", render(node).replace('"', ""))
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]} …"


class Refused(Exception):
    """A query that is recomputed in full, whatever its key."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True)
class Why:
    """Why a key goes no further down, in a sentence, and how to write it so that it does."""

    reason: str
    hint: str = ""


@dataclass(frozen=True)
class Reach:
    """A table's place whose ``columns`` hold the key, or what leads to it along ``path``."""

    place: int
    table: str
    columns: tuple[str, ...]
    path: Path = ()


@dataclass(frozen=True)
class Edge:
    """A comparison of a table's rows with the clock: at ``moment`` they change sides; ``columns`` and ``path`` lead to the key."""

    table: str
    columns: tuple[str, ...]
    path: Path
    row: exp.Expr
    moment: exp.Expr


@dataclass(frozen=True)
class Lost:
    """A table's place that reaches no key: any change of it may change every row."""

    place: int
    table: str
    why: Why


@dataclass(frozen=True)
class Found:
    """The findings about a query or a part of it.

    ``ticks`` are uses of the clock that are no edge, as text; ``unique`` are columns of tables that must be unique;
    ``clocks`` are all calls of ``as_of()`` that were looked at, by identity.
    """

    reaches: tuple[Reach, ...] = ()
    edges: tuple[Edge, ...] = ()
    lost: tuple[Lost, ...] = ()
    ticks: tuple[str, ...] = ()
    unique: tuple[tuple[str, tuple[str, ...]], ...] = ()
    clocks: frozenset[int] = frozenset()

    def along(self, tails: Sequence[Path]) -> Found:
        """The same, each way to the key going on along every tail."""
        return replace(
            self,
            reaches=tuple(replace(reach, path=reach.path + tail) for reach in self.reaches for tail in tails),
            edges=tuple(replace(edge, path=edge.path + tail) for edge in self.edges for tail in tails),
        )


def together(parts: Iterable[Found]) -> Found:
    """All findings of several parts."""
    listed = list(parts)
    return Found(
        tuple(dict.fromkeys(reach for part in listed for reach in part.reaches)),
        tuple(edge for part in listed for edge in part.edges),
        tuple(dict.fromkeys(lost for part in listed for lost in part.lost)),
        tuple(dict.fromkeys(tick for part in listed for tick in part.ticks)),
        tuple(dict.fromkeys(one for part in listed for one in part.unique)),
        frozenset[int]().union(*(part.clocks for part in listed)),
    )
