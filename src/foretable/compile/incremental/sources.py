"""What stands in FROM: tables, queries and what makes rows by itself; names and types of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from sqlglot import exp
from sqlglot.errors import SqlglotError

from foretable.compile.incremental.found import Refused, shown
from foretable.compile.recorded import Columns
from foretable.compile.typed import PLACE, TABLE
from foretable.sql import DIALECT

NULL = "NULL"
"""The type of NULL itself: it takes that of the other side of UNION."""


@dataclass(frozen=True, eq=False)
class Base:
    """A table at a place of the query; ``names`` and ``types`` by column in lower case."""

    place: int
    table: str
    names: Mapping[str, str]
    types: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Derived:
    """A query in FROM or under WITH, and what it sees there; a lateral one also sees the tables before it."""

    query: exp.Expr
    context: Context
    lateral: bool = False


@dataclass(frozen=True, eq=False)
class Made:
    """Rows that no table holds: VALUES, UNNEST, generate_series."""

    node: exp.Expr


Source = Base | Derived | Made


@dataclass(frozen=True, eq=False)
class Context:
    """Where names are looked up: the schemas of the tables, and what WITH gives.

    A SELECT has one meaning wherever it is asked for, so what was found out about it is kept in ``known``.
    """

    schemas: Mapping[str, Columns]
    ctes: Mapping[str, Derived] = field(default_factory=dict)
    known: dict[tuple[int, str], Any] = field(default_factory=dict)

    def within(self, query: exp.Expr) -> Context:
        """What stands under the WITH of a query is seen in it."""
        given = query.args.get("with_")
        if given is None:
            return self
        if given.args.get("recursive"):
            raise Refused("it is recursive", "write out the steps, or let a table of its own hold them")
        context = self
        for cte in given.expressions:
            context = Context(self.schemas, {**context.ctes, cte.alias.lower(): Derived(cte.this, context)}, self.known)
        return context


def source_of(node: exp.Expr, context: Context) -> Source:
    """What a node of FROM or JOIN is.

    Raises
    ------
    Refused
        It is nothing that is understood.
    """
    if any(node.args.get(part) for part in ("joins", "laterals", "pivots", "sample")):
        raise Refused(_odd(node), "write the join as a SELECT of its own")
    if isinstance(node, exp.Table):
        return _table(node, context)
    if isinstance(node, exp.Subquery):
        if isinstance(node.this, exp.Table):
            raise Refused("a join stands in brackets", "write the join as a SELECT of its own")
        return Derived(node.this, context.within(node))
    if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
        return Derived(node.this.this, context.within(node.this), lateral=True)
    if isinstance(node, exp.Lateral | exp.Unnest | exp.Values):
        return Made(node)
    raise Refused(f"{shown(node)} in FROM is not understood")


def _odd(node: exp.Expr) -> str:
    if node.args.get("pivots"):
        return "PIVOT makes columns out of rows"
    return "it samples its rows" if node.args.get("sample") else "a join stands in brackets"


def _table(node: exp.Table, context: Context) -> Source:
    if PLACE in node.meta:
        columns = context.schemas[node.meta[TABLE]]
        return Base(
            node.meta[PLACE],
            node.meta[TABLE],
            {name.lower(): name for name in columns},
            {name.lower(): canonical(str(kind)) for name, kind in columns.items()},
        )
    if not isinstance(node.this, exp.Identifier):
        return Made(node)
    if node.name.lower() not in context.ctes:
        raise Refused(f"{node.name} is no table that is known")
    return context.ctes[node.name.lower()]


@cache
def canonical(kind: str) -> str:
    """One spelling for a type."""
    try:
        return exp.DataType.build(kind, dialect=DIALECT).sql(DIALECT)
    except SqlglotError:
        return kind


def unwrapped(query: exp.Expr, context: Context) -> tuple[exp.Expr, Context]:
    """The query inside its brackets."""
    while isinstance(query, exp.Subquery):
        context = context.within(query)
        query = query.this
    return query, context.within(query)


def names_of(query: exp.Expr) -> list[str]:
    """The columns that a query gives, in lower case."""
    return [name.lower() for name in cast(exp.Query, query).named_selects]


def projected(select: exp.Select, name: str) -> exp.Expr | None:
    """The expression behind a column of a SELECT."""
    for part in select.expressions:
        if part.alias_or_name.lower() == name:
            return cast(exp.Expr, part.unalias())
    return None


def from_of(select: exp.Select, context: Context) -> dict[str, Source]:
    """The tables of a SELECT by their alias, in order."""
    if (id(select), "") not in context.known:
        context.known[id(select), ""] = _from(select, context)
    found: dict[str, Source] = context.known[id(select), ""]
    return found


def _from(select: exp.Select, context: Context) -> dict[str, Source]:
    first = select.args.get("from_")
    if select.args.get("laterals"):
        raise Refused("LATERAL VIEW is not understood", "write JOIN LATERAL")
    nodes = [*([first.this] if first is not None else []), *(join.this for join in select.args.get("joins") or [])]
    found: dict[str, Source] = {}
    for node in nodes:
        alias, source = node.alias_or_name.lower(), source_of(node, context)
        if alias in found or not alias:
            raise Refused("two tables in FROM have one name", "give each its own alias")
        found[alias] = source
    return found


def column_type(source: Source | None, name: str) -> str:
    """The type of a column; empty where it is not certain."""
    if isinstance(source, Base):
        return source.types.get(name, "")
    if isinstance(source, Derived):
        return query_type(source.query, source.context, name)
    return ""


def query_type(query: exp.Expr, context: Context, name: str) -> str:
    """The type of a column that a query gives; empty where it is not certain."""
    if (id(query), name) not in context.known:
        context.known[id(query), name] = _query_type(*unwrapped(query, context), name)
    return str(context.known[id(query), name])


def _query_type(query: exp.Expr, context: Context, name: str) -> str:
    if isinstance(query, exp.SetOperation):
        names = names_of(query)
        if query.args.get("by_name") or name not in names:
            return ""
        arms = {arm_type(arm, context, names.index(name)) for arm in (query.this, query.expression)}
        kinds = arms - {NULL} or arms
        return kinds.pop() if len(kinds) == 1 else ""
    if not isinstance(query, exp.Select):
        return ""
    part = projected(query, name)
    return expression_type(part, from_of(query, context)) if part is not None else ""


def arm_type(arm: exp.Expr, context: Context, position: int) -> str:
    """The type of the column at a position of one side of UNION."""
    return query_type(arm, context, names_of(arm)[position])


def expression_type(part: exp.Expr, sources: Mapping[str, Source]) -> str:
    """The type of a column, a cast, or COALESCE of one type; empty where it is not certain."""
    part = part.unnest()
    if isinstance(part, exp.Null):
        return NULL
    if isinstance(part, exp.Column):
        return column_type(sources.get(part.table.lower()), part.name.lower())
    if type(part) is exp.Cast:
        return str(part.to.sql(DIALECT))
    if isinstance(part, exp.Coalesce):
        kinds = {expression_type(one, sources) for one in (part.this, *part.expressions)}
        return kinds.pop() if len(kinds) == 1 else ""
    return ""
