"""Which rows of a table stand behind a row of a query: the same key, and what an expression over the row is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from foretable.compile.incremental.catalogue import is_aggregate
from foretable.compile.incremental.level import Level, Names, own_nodes, read_level
from foretable.compile.incremental.sources import Base, Derived, Source, column_type, names_of, projected, unwrapped
from foretable.sql import column

_STRICT = (exp.Column, exp.Identifier, exp.Paren, exp.Add, exp.Sub, exp.Interval, exp.Literal, exp.Var, exp.TimestampTrunc, exp.DateTrunc)
"""Nodes that give NULL for NULL; so does a cast."""


@dataclass(frozen=True)
class Origin:
    """Rows of a table: ``columns`` hold the key, ``values`` are the expressions over bare columns of the table."""

    source: Base
    columns: tuple[str, ...]
    values: tuple[exp.Expr, ...]


def origins(source: Source, key: Names, values: Sequence[exp.Expr], *, may_miss: bool) -> list[Origin] | None:
    """The tables of which some row stands behind every row of a source in which ``values`` are not NULL.

    Parameters
    ----------
    source
        A table or query.
    key
        Its columns that lead to the key.
    values
        Expressions over its columns, which bear no alias.
    may_miss
        Whether the source may be missing in the rows that are looked at: then the expressions must be NULL there.

    Returns
    -------
    list of Origin or None
        None where it cannot be said.
    """
    if not all(any(True for _ in value.find_all(exp.Column)) for value in values) or (may_miss and not all(map(_strict, values))):
        return None
    if isinstance(source, Base):
        return [_of_table(source, key, values)]
    if isinstance(source, Derived):
        query, context = unwrapped(source.query, source.context)
        if isinstance(query, exp.SetOperation):
            return _of_arms(query, Derived(query, context), key, values)
        if isinstance(query, exp.Select):
            return _of_select(query, read_level(query, context, key, None), values)
    return None


def _strict(value: exp.Expr) -> bool:
    return all(isinstance(node, _STRICT) or type(node) is exp.Cast or isinstance(node, exp.DataType) for node in value.walk())


def _of_table(source: Base, key: Names, values: Sequence[exp.Expr]) -> Origin:
    def bare(node: exp.Expr) -> exp.Expr:
        return column(source.names[node.name.lower()]) if isinstance(node, exp.Column) else node

    columns = tuple(source.names[min(names)] for names in key)
    return Origin(source, columns, tuple(value.copy().transform(bare) for value in values))


def _of_arms(query: exp.SetOperation, source: Derived, key: Names, values: Sequence[exp.Expr]) -> list[Origin] | None:
    names = names_of(query)
    used = {node.name.lower() for value in values for node in value.find_all(exp.Column)}
    if query.args.get("by_name") or any(not column_type(source, name) for name in used.union(*key)):
        return None
    found: list[Origin] = []
    for arm in (query.this, query.expression):
        own = dict(zip(names, names_of(arm), strict=True))

        def renamed(node: exp.Expr, own: dict[str, str] = own) -> exp.Expr:
            return exp.column(own[node.name.lower()]) if isinstance(node, exp.Column) else node

        given = [value.copy().transform(renamed) for value in values]
        there = origins(Derived(arm, source.context), tuple(frozenset(own[name] for name in names) for names in key), given, may_miss=False)
        if there is None:
            return None
        found += there
        if not isinstance(query, exp.Union):  # rows of EXCEPT and INTERSECT are rows of the first side
            break
    return found


def _of_select(select: exp.Select, level: Level, values: Sequence[exp.Expr]) -> list[Origin] | None:
    def put(node: exp.Expr) -> exp.Expr:
        part = projected(select, node.name.lower()) if isinstance(node, exp.Column) else None
        return (
            exp.Paren(this=part.copy())
            if part is not None and not isinstance(part, exp.Column)
            else part.copy()
            if part is not None
            else node
        )

    written = [value.copy().transform(put) for value in values]
    if not all(plain(value) for value in written):
        return None
    return behind(level, written)


def plain(value: exp.Expr) -> bool:
    """Whether an expression looks at one row alone."""
    return not any(isinstance(node, exp.Query | exp.Window | exp.UDTF) or is_aggregate(node) for node in own_nodes(value))


def behind(level: Level, values: Sequence[exp.Expr]) -> list[Origin] | None:
    """The same for expressions over the tables of a SELECT: all of one table that holds the key itself."""
    aliases = {node.table.lower() for value in values for node in value.find_all(exp.Column)}
    if len(aliases) != 1:
        return None
    alias = aliases.pop()
    anchor = level.anchors.get(alias)
    if anchor is None or anchor.tails != ((),):
        return None
    return origins(level.sources[alias], anchor.columns, unaliased(values), may_miss=alias in level.missing)


def unaliased(values: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Expressions over columns of one table, without its alias."""

    def bare(node: exp.Expr) -> exp.Expr:
        return exp.column(node.name.lower()) if isinstance(node, exp.Column) else node

    return [value.copy().transform(bare) for value in values]
