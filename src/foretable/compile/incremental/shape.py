"""What the analyser says about a query: how a change in what it reads reaches its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp


@dataclass(frozen=True)
class Hop:
    """One step along a foreign key: rows of ``table`` whose ``columns`` are among the values found so far give the values of ``gives``."""

    table: str
    columns: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """How changed rows of a table reach the keys of the query.

    Parameters
    ----------
    table
        A source or a table of ours that the query reads.
    columns
        Columns of it whose values, before and after the change, say which keys are dirty. Without a
        ``path`` they stand in the order of the refresh key; empty means that any change dirties every key.
    path
        Steps from those values to the refresh key, for a dimension; the last one gives the key's columns in order.
    """

    table: str
    columns: tuple[str, ...]
    path: tuple[Hop, ...] = ()


@dataclass(frozen=True)
class Boundary:
    """A window's edge: rows whose ``row`` lies between the edge's old and new place may count otherwise after a tick.

    ``row`` is an expression over bare columns of ``effect.table``, NULL where it cannot be computed; ``moment`` is one of
    ``as_of()`` alone, never NULL. A moment may fall while ``as_of()`` rises (months differ in length, clocks are set back),
    so a row has crossed the edge when it lies between the lesser and the greater of the two moments, both included.
    """

    effect: Effect
    row: exp.Expr
    moment: exp.Expr


@dataclass(frozen=True)
class Analysis:
    """Whether and how a table can be kept up to date by recomputing some of its keys.

    Parameters
    ----------
    reason
        Why it cannot, in a sentence; empty means INCREMENTAL.
    hint
        How to write it so that it can.
    key
        The refresh key: those columns of the entity's key by which rows can be recomputed apart from others.
    restricted
        For the number of a table's place in the query (in order of the text), its columns that hold the refresh key.
    effects
        How changes reach the key; every table that is read appears.
    boundaries
        Edges of windows; together with ``volatile`` they cover every use of ``as_of()``.
    volatile
        The use of ``as_of()`` outside a window, as text: a tick rebuilds the table. Empty where there is none.
    unique
        Tables and columns that must be unique for the result to be determined (the right side of an ASOF join).
    reads
        Columns that are used of every table; known even where the reason is not empty, all columns when in doubt.
    floors
        A column and a moment for tables of which no row with less in the column, or NULL, makes any difference to the
        result; the moment is an expression of ``as_of()`` alone. Known even where the reason is not empty.
    notes
        What a reader of ``plan --explain`` wants to know besides.
    """

    reason: str = ""
    hint: str = ""
    key: tuple[str, ...] = ()
    restricted: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    volatile: str = ""
    unique: tuple[tuple[str, tuple[str, ...]], ...] = ()
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    floors: Mapping[str, tuple[str, exp.Expr]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        """``INCREMENTAL`` or ``FULL``."""
        return "FULL" if self.reason else "INCREMENTAL"
