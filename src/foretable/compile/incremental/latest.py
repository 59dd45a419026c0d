"""ASOF joins: the latest row is determined only where key and time are unique."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable.compile.incremental.found import Refused
from foretable.compile.incremental.joins import Join, conjuncts
from foretable.compile.incremental.level import Level, grouped, own_nodes, own_parts
from foretable.compile.incremental.sources import Base, Derived, Source, from_of, projected, unwrapped

Unique = tuple[tuple[str, tuple[str, ...]], ...]


def latest(level: Level) -> Unique:
    """Tables and columns that must be unique for the ASOF joins of a SELECT.

    Raises
    ------
    Refused
        It cannot be said of which table.
    """
    return tuple(one for join in level.joins if join.asof for one in _unique(level, join))


def _unique(level: Level, join: Join) -> Unique:
    names: dict[str, None] = {}
    for part in conjuncts(join.on):
        sides = [side.unnest() for side in (part.left, part.right)] if isinstance(part, exp.Binary) else []
        own = [side for side in sides if isinstance(side, exp.Column) and side.table.lower() == join.alias]
        if not isinstance(part, exp.EQ | exp.GT | exp.GTE | exp.LT | exp.LTE) or len(own) != 1:
            raise _unclear(join)
        names[own[0].name.lower()] = None
    return _traced(level.sources[join.alias], list(names), join)


def _traced(source: Source, names: Sequence[str], join: Join) -> Unique:
    if isinstance(source, Base):
        return ((source.table, tuple(source.names[name] for name in names)),)
    if not isinstance(source, Derived):
        raise _unclear(join)
    query, context = unwrapped(source.query, source.context)
    if not isinstance(query, exp.Select):
        raise _unclear(join)
    inside = [projected(query, name) for name in names]
    if query.args.get("group") is not None and _covers(inside, grouped(query)):
        return ()
    sources = from_of(query, context)
    nodes = [node for part in own_parts(query) for node in own_nodes(part)]
    columns = [part for part in inside if isinstance(part, exp.Column)]
    if (
        len(sources) != 1
        or query.args.get("group")
        or any(isinstance(node, exp.UDTF | exp.Explode) for node in nodes)
        or len(columns) != len(inside)
    ):
        raise _unclear(join)
    return _traced(next(iter(sources.values())), [part.name.lower() for part in columns], join)


def _covers(given: Sequence[exp.Expr | None], groups: Sequence[exp.Expr]) -> bool:
    return bool(groups) and all(any(group == part for part in given) for group in groups)


def _unclear(join: Join) -> Refused:
    return Refused(
        f"which of several rows of {join.alias} ASOF JOIN takes cannot be checked",
        "join a table, or its rows filtered, on columns as they are",
    )
