"""From when on the rows of a table count at all: a query sees none that lies below its floor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlglot import exp

from foretable.compile.asof import AS_OF, is_call
from foretable.compile.incremental.catalogue import is_aggregate
from foretable.compile.incremental.clock import is_moment
from foretable.compile.incremental.found import Refused
from foretable.compile.incremental.joins import ANTI, INNER, LEFT, SEMI, Join, conjuncts, joins_of
from foretable.compile.incremental.level import own_nodes, own_parts
from foretable.compile.incremental.sources import Base, Context, Derived, Made, Source, column_type, from_of, names_of, projected, unwrapped
from foretable.compile.typed import PLACE, TABLE

Bounds = Mapping[str, tuple[exp.Expr, ...]]
"""Columns of a source whose rows count only from a moment on, in lower case, with such moments."""

_ZONELESS = ("DATE", "TIMESTAMP")
_BARRIERS = ("group", "having", "qualify", "distinct", "windows", "limit", "offset")


def floors_of(tree: exp.Expr, context: Context) -> dict[str, tuple[str, exp.Expr]]:
    """For the tables that have one, a column and the moment below which no row of them counts, nor one with NULL.

    Parameters
    ----------
    tree
        A typed query that has been checked: nothing in it is unknown.
    context
        What its names mean.

    Raises
    ------
    Refused
        Something in FROM is not understood.
    """
    entered: set[int] = set()
    found = list(_query(tree, context, {}, entered))
    if any(id(select) not in entered for select in tree.find_all(exp.Select)):
        return {}
    seen = {base.place for base, _ in found}
    hidden = {node.meta[TABLE] for node in tree.walk() if PLACE in node.meta and node.meta[PLACE] not in seen}
    floors: dict[str, tuple[str, exp.Expr]] = {}
    for name in dict.fromkeys(base.table for base, _ in found):
        ways = [(base, bounds) for base, bounds in found if base.table == name]
        shared = [column for column in ways[0][1] if all(column in bounds for _, bounds in ways)]
        if shared and name not in hidden:
            floors[name] = ways[0][0].names[shared[0]], _least([bounds[shared[0]][0] for _, bounds in ways])
    return floors


def _least(moments: Sequence[exp.Expr]) -> exp.Expr:
    first, *others = dict.fromkeys(moment.copy() for moment in moments)
    return exp.Least(this=first, expressions=others, ignore_nulls=True) if others else first


def _query(query: exp.Expr, context: Context, bounds: Bounds, entered: set[int]) -> Iterator[tuple[Base, Bounds]]:
    """The tables behind a query, with bounds on their rows; ``bounds`` are those on the rows that are taken from it."""
    query, context = unwrapped(query, context)
    if isinstance(query, exp.SetOperation):
        sure = isinstance(query, exp.Union) and not query.args.get("by_name")
        names = names_of(query) if sure else []
        for arm in (query.this, query.expression):
            own = dict(zip(names, names_of(arm), strict=True)) if sure else {}
            yield from _query(arm, context, {own[name]: moments for name, moments in bounds.items() if name in own}, entered)
    elif isinstance(query, exp.Select):
        yield from _select(query, context, bounds, entered)
    elif isinstance(query, exp.Values):
        yield from _inside([query], context, entered)
    else:
        raise Refused(f"{type(query).__name__.upper()} is not understood")


def _select(select: exp.Select, context: Context, bounds: Bounds, entered: set[int]) -> Iterator[tuple[Base, Bounds]]:
    entered.add(id(select))
    sources = from_of(select, context)
    joins = joins_of(select, next(iter(sources), ""), sources)
    stated = [*_stated(select, joins, sources), *_handed(select, sources, bounds)]
    picked = {join.alias for join in joins if join.asof}  # without a row below, ASOF takes another one
    for alias, source in sources.items():
        own: dict[str, tuple[exp.Expr, ...]] = {}
        for of, name, moment in stated:
            if of == alias and alias not in picked:
                own[name] = (*own.get(name, ()), moment)
        if isinstance(source, Base):
            yield source, own
        elif isinstance(source, Derived):
            yield from _query(source.query, source.context, own, entered)
    alone = [join.on for join in joins if join.on is not None] + [source.node for source in sources.values() if isinstance(source, Made)]
    yield from _inside([*own_parts(select), *alone], context, entered)


def _inside(parts: Iterable[exp.Expr], context: Context, entered: set[int]) -> Iterator[tuple[Base, Bounds]]:
    """The queries that expressions hold."""
    for part in parts:
        for node in own_nodes(part):
            if isinstance(node, exp.Query) and not isinstance(node, exp.Table):
                yield from _query(node, context, {}, entered)


def _stated(select: exp.Select, joins: Sequence[Join], sources: Mapping[str, Source]) -> Iterator[tuple[str, str, exp.Expr]]:
    """Bounds that WHERE demands of every row, and ON of the rows that it joins."""
    where = select.args.get("where")
    for test in conjuncts(where.this if where is not None else None):
        yield from _bound(test, sources)
    for join in joins:
        if join.kind in (INNER, LEFT, SEMI, ANTI):
            for test in conjuncts(join.on):
                yield from (bound for bound in _bound(test, sources) if bound[0] == join.alias)


def _bound(test: exp.Expr, sources: Mapping[str, Source]) -> Iterator[tuple[str, str, exp.Expr]]:
    if isinstance(test, exp.Between) and not test.args.get("symmetric"):
        row, moment = test.this, test.args["low"]
    elif isinstance(test, exp.GT | exp.GTE):
        row, moment = test.left, test.right
    elif isinstance(test, exp.LT | exp.LTE):
        row, moment = test.right, test.left
    else:
        return
    row = row.unnest()
    if isinstance(row, exp.Column) and is_moment(moment) and _kind(moment) in _ZONELESS:
        alias, name = row.table.lower(), row.name.lower()
        if column_type(sources.get(alias), name) in _ZONELESS:
            yield alias, name, moment


def _kind(moment: exp.Expr) -> str:
    """The type of a moment; empty where it depends on the session's time zone."""
    if is_call(moment, AS_OF):
        return "TIMESTAMP"
    zoned = moment.expressions[1] if is_call(moment, "timezone") else moment.this if isinstance(moment, exp.AtTimeZone) else None
    if zoned is not None:
        return {"TIMESTAMP": "TIMESTAMPTZ", "TIMESTAMPTZ": "TIMESTAMP"}.get(_kind(zoned), "")
    inner = _kind(moment.this)
    if inner not in _ZONELESS:
        return ""
    if isinstance(moment, exp.Cast):
        return str(moment.to.this.value)
    return inner


def _handed(select: exp.Select, sources: Mapping[str, Source], bounds: Bounds) -> Iterator[tuple[str, str, exp.Expr]]:
    """Bounds on the rows that a SELECT gives, as those on the tables that it hands on row by row."""
    whole = any(select.args.get(name) for name in _BARRIERS)
    if whole or any(isinstance(node, exp.Window) or is_aggregate(node) for part in select.expressions for node in own_nodes(part)):
        return
    for name, moments in bounds.items():
        part = projected(select, name)
        if isinstance(part, exp.Column) and part.table.lower() in sources:
            yield from ((part.table.lower(), part.name.lower(), moment) for moment in moments)
