"""Push "only these keys" from what a query gives down to the tables that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from foretable.compile.incremental.clock import edges_of
from foretable.compile.incremental.found import Found, Lost, Path, Reach, Refused, Why, together
from foretable.compile.incremental.joins import conjuncts, item_of
from foretable.compile.incremental.latest import latest
from foretable.compile.incremental.level import Anchor, Level, Names, own_nodes, own_parts, read_level
from foretable.compile.incremental.origin import origins
from foretable.compile.incremental.shape import Hop
from foretable.compile.incremental.sources import (
    Base,
    Context,
    Derived,
    Made,
    Source,
    expression_type,
    names_of,
    query_type,
    unwrapped,
)

_ALONE = Why("a subquery reads it without comparing a column with the key", "compare its key in WHERE of the subquery, or join it")


def push(query: exp.Expr, context: Context, key: Names | None, around: Level | None, why: Why) -> Found:
    """How the tables of a query reach the key.

    Parameters
    ----------
    query, context
        The query, and what its names mean.
    key
        For every column of the key, the columns of the query that hold it; None where none do.
    around
        The query that it stands in, where it may use its columns.
    why
        Why there is no key, to be told of the tables that are lost for it.
    """
    query, context = unwrapped(query, context)
    if isinstance(query, exp.SetOperation):
        return _arms(query, context, key, around, why)
    if isinstance(query, exp.Select):
        return _select(query, context, key, around, why)
    if isinstance(query, exp.Values):
        return Found()
    raise Refused(f"{type(query).__name__.upper()} is not understood")


def _arms(query: exp.SetOperation, context: Context, key: Names | None, around: Level | None, why: Why) -> Found:
    names = names_of(query)
    arms = (query.this, query.expression)
    if key is not None:
        wrong = next((name for part in key for name in part if not query_type(query, context, name)), "")
        if query.args.get("by_name"):
            key, why = None, Why("UNION BY NAME is not looked into", "list the columns in the same order and write UNION")
        elif wrong:
            key, why = None, Why(f"{wrong} may be of another type in one side of UNION", f"cast {wrong} to one type before the UNION")
    found = []
    for arm in arms:
        own = dict(zip(names, names_of(arm), strict=True)) if key is not None else {}
        there = tuple(frozenset(own[name] for name in part) for part in key) if key is not None else None
        found.append(push(arm, context, there, around, why))
    return together(found)


def _select(select: exp.Select, context: Context, key: Names | None, around: Level | None, why: Why) -> Found:
    level = read_level(select, context, key, around)
    _link(level)
    why = level.why or why
    parts = [_source(level, alias, source, why) for alias, source in level.sources.items()]
    demanded = {id(part) for name in ("where", "having", "qualify") for part in conjuncts(_condition(select, name))}
    for node in _queries(own_parts(select)):
        test = node.parent
        if isinstance(test, exp.In) and id(test) in demanded and test.args.get("query") is node:
            parts.append(_among(level, test, node, context))
        else:
            parts.append(push(node, context, None, level, _ALONE))
    alone = [join.on for join in level.joins if join.on is not None]
    alone += [source.node for source in level.sources.values() if isinstance(source, Made)]
    parts += [push(node, context, None, None, _ALONE) for node in _queries(alone)]
    return together([*parts, edges_of(level), Found(unique=latest(level))])


def _condition(select: exp.Select, name: str) -> exp.Expr | None:
    part = select.args.get(name)
    return part.this if part is not None else None


def _among(level: Level, test: exp.In, query: exp.Expr, context: Context) -> Found:
    """``column IN (SELECT …)``, demanded: as a semi-join, NULL on either side finds nothing."""
    left = test.this.unnest()
    parts = left.expressions if isinstance(left, exp.Tuple) else [left]
    pairs: list[tuple[tuple[str, str], tuple[str, str]]] = []
    for part, name in zip(parts, names_of(query), strict=False):
        item = item_of(part, level.visible)
        kind = expression_type(part, level.visible)
        if item is not None and len(item) == 1 and kind and kind == query_type(query, context, name):
            pairs.append((("", name), next(iter(item))))
    size = max(map(len, level.spread.values()), default=0)
    key = tuple(frozenset(own[1] for own, other in pairs if _holds(level, other, number)) for number in range(size))
    if key and all(key):
        return push(query, context, key, level, _ALONE)
    anchor = _linked(level, pairs)
    if anchor is None:
        return push(query, context, None, level, _ALONE)
    return push(query, context, anchor.columns, None, _ALONE).along(anchor.tails)


def _link(level: Level) -> None:
    """Anchor the tables that reach the key through a foreign key, step by step."""
    waiting = [alias for alias in level.sources if alias not in level.anchors]
    pairs = level.links()
    for _ in level.sources:
        for alias in list(waiting):
            anchor = _linked(level, [pair for pair in pairs if pair[0][0] == alias])
            if anchor is not None:
                level.anchors[alias] = anchor
                waiting.remove(alias)


def _linked(level: Level, pairs: list[tuple[tuple[str, str], tuple[str, str]]]) -> Anchor | None:
    found: list[Anchor] = []
    for to in dict.fromkeys(pair[1][0] for pair in pairs):
        columns = {own[1]: other[1] for own, other in pairs if other[0] == to}
        tails = _tails(level, to, list(columns.values()))
        if tails:
            found.append(Anchor(tuple(frozenset({name}) for name in columns), tuple(tails)))
    return min(found, key=lambda anchor: (max(map(len, anchor.tails)), -len(anchor.columns)), default=None)


def _tails(level: Level, alias: str, names: list[str]) -> list[Path]:
    """The ways from values of columns of a table to the key."""
    place = level.anchor(alias)
    if place is None:
        return []
    of, anchor = place
    there = origins(of.sources[alias], anchor.columns, [exp.column(name) for name in names], may_miss=True)
    if there is None or not all(type(value) is exp.Column for origin in there for value in origin.values):
        return []
    hops = [Hop(origin.source.table, tuple(value.name for value in origin.values), origin.columns) for origin in there]
    return list(dict.fromkeys((hop, *tail) for hop in hops for tail in anchor.tails))


def _holds(level: Level, column: tuple[str, str], number: int) -> bool:
    parts = level.spread.get(column[0], ())
    return number < len(parts) and column[1] in parts[number]


def _source(level: Level, alias: str, source: Source, why: Why) -> Found:
    anchor = level.anchors.get(alias)
    if anchor is None:
        why = level.why or _no_equality(level, alias, why)
    direct = anchor is None or anchor.tails == ((),)
    key = anchor.columns if anchor is not None else None
    if isinstance(source, Base):
        found = _table(source, key, why)
    elif isinstance(source, Derived):
        around = (level if source.lateral else level.around) if direct else None
        found = push(source.query, source.context, key, around, why)
    else:
        return Found()
    return found if anchor is None or direct else found.along(anchor.tails)


def _no_equality(level: Level, alias: str, why: Why) -> Why:
    if not any(level.anchors.values()):
        return why
    return Why(f"{alias} is joined without an equality that leads to the key", f"join {alias} on columns of the same type")


def _table(source: Base, key: Names | None, why: Why) -> Found:
    if key is None:
        return Found(lost=(Lost(source.place, source.table, why),))
    return Found(reaches=(Reach(source.place, source.table, tuple(source.names[min(names)] for names in key)),))


def _queries(parts: Iterable[exp.Expr]) -> Iterator[exp.Expr]:
    for part in parts:
        yield from (node for node in own_nodes(part) if isinstance(node, exp.Query))
