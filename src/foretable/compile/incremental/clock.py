"""Uses of ``as_of()``: edges of windows over the rows of one table, or ticks that may change every row."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from foretable.compile.asof import AS_OF, is_call
from foretable.compile.incremental.found import Edge, Found, shown, together
from foretable.compile.incremental.level import Level, own_nodes, own_parts
from foretable.compile.incremental.origin import origins, plain, unaliased
from foretable.compile.incremental.sources import Base, Made

_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_CONSTANT = (exp.Interval, exp.Literal, exp.Var, exp.Paren, exp.Neg, exp.Mul, exp.DataType, exp.Identifier, exp.IntervalSpan)
_TIMES = {
    exp.DType.DATE,
    exp.DType.TIMESTAMP,
    exp.DType.TIMESTAMPNTZ,
    exp.DType.TIMESTAMPTZ,
    exp.DType.TIMESTAMP_S,
    exp.DType.TIMESTAMP_MS,
    exp.DType.TIMESTAMP_NS,
}


def edges_of(level: Level) -> Found:
    """The uses of the clock in a SELECT itself, queries inside left out."""
    parts = [*own_parts(level.select), *(join.on for join in level.joins if join.on is not None)]
    parts += [source.node for source in level.sources.values() if isinstance(source, Made)]
    calls = [node for part in parts for node in own_nodes(part) if is_call(node, AS_OF)]
    return together(_use(level, call) for call in calls)


def _use(level: Level, call: exp.Expr) -> Found:
    moment = call
    while moment.parent is not None and is_moment(moment.parent):
        moment = moment.parent
    found: list[Edge] = []
    for row in _rows(moment):
        edges = _edges(level, row, moment)
        if edges is None:
            return Found(ticks=(shown(moment.parent or moment),), clocks=frozenset({id(call)}))
        found += edges
    return Found(edges=tuple(found), clocks=frozenset({id(call)}))


def is_moment(node: exp.Expr) -> bool:
    """Whether a node gives a time, never NULL, that depends on ``as_of()`` alone."""
    if is_call(node, AS_OF):
        return True
    if isinstance(node, exp.Paren):
        return is_moment(node.this)
    if isinstance(node, exp.Add | exp.Sub):
        return is_moment(node.left) and _is_constant(node.right)
    if type(node) is exp.Cast:
        return is_moment(node.this) and node.to.this in _TIMES
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return is_moment(node.this) and isinstance(node.args.get("unit"), exp.Var | exp.Literal) and not node.args.get("zone")
    if isinstance(node, exp.AtTimeZone):
        return is_moment(node.this) and isinstance(node.args.get("zone"), exp.Literal)
    if is_call(node, "timezone") and len(node.expressions) == 2:
        return isinstance(node.expressions[0], exp.Literal) and is_moment(node.expressions[1])
    return False


def _is_constant(node: exp.Expr) -> bool:
    return all(isinstance(part, _CONSTANT) for part in node.walk())


def _rows(moment: exp.Expr) -> Iterator[exp.Expr | None]:
    """What a moment is compared with; None where it is no comparison."""
    test = moment.parent
    if isinstance(test, _COMPARISONS):
        yield test.right if test.left is moment else test.left
    elif isinstance(test, exp.Between):
        yield from [test.this] if test.this is not moment else [test.args["low"], test.args["high"]]
    else:
        yield None


def _is_time(row: exp.Expr, source: Base) -> bool:
    """Whether an expression over columns of a table is a time, so that comparing it casts nothing."""
    if isinstance(row, exp.Column):
        return source.types[row.name.lower()].startswith(("DATE", "TIMESTAMP"))
    if isinstance(row, exp.Cast | exp.TryCast):
        return row.to.this in _TIMES
    if isinstance(row, exp.Paren | exp.Add | exp.Sub | exp.Coalesce | exp.Greatest | exp.Least | exp.TimestampTrunc | exp.DateTrunc):
        return _is_time(row.this, source)
    return False


def _tried(row: exp.Expr) -> exp.Expr:
    """NULL where it fails: the query may never look at such a row, so an edge must not stumble over it."""
    row = row.unnest()
    return row if isinstance(row, exp.Column) else exp.Try(this=row)


def _edges(level: Level, row: exp.Expr | None, moment: exp.Expr) -> list[Edge] | None:
    if row is None or not plain(row) or any(is_call(node, AS_OF) for node in row.walk()):
        return None
    aliases = {node.table.lower() for node in row.find_all(exp.Column)}
    place = level.anchor(next(iter(aliases))) if len(aliases) == 1 else None
    if place is None:
        return None
    of, anchor = place
    alias = aliases.pop()
    there = origins(of.sources[alias], anchor.columns, unaliased([row]), may_miss=alias in of.missing)
    if there is None or not all(_is_time(origin.values[0], origin.source) for origin in there):
        return None
    return [
        Edge(origin.source.table, origin.columns, tail, _tried(origin.values[0]), moment.copy())
        for origin in there
        for tail in anchor.tails
    ]
