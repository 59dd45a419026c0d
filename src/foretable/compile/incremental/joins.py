"""Where a key goes in a chain of joins: through equalities of equal type, never from the side that may be missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from foretable.compile.incremental.found import Refused
from foretable.compile.incremental.sources import Source, expression_type
from foretable.compile.typed import ASOF_TIME

Column = tuple[str, str]
"""Alias and name."""

Item = frozenset[Column]
"""A column, or COALESCE of several that are equal wherever two of them are there."""

Key = tuple[frozenset[Item], ...]
"""For every column of the key, the items that are equal to it."""

Equality = tuple[Item, Item]

INNER, LEFT, RIGHT, FULL, SEMI, ANTI = "INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"


@dataclass(frozen=True, eq=False)
class Join:
    """A table joined to those before it."""

    alias: str
    kind: str
    equal: tuple[Equality, ...]
    on: exp.Expr | None
    asof: bool


def item_of(part: exp.Expr | None, sources: Mapping[str, Source]) -> Item | None:
    """The columns behind an expression that is a column, COALESCE of columns, or their cast to the type they have."""
    part = part.unnest() if part is not None else None
    if isinstance(part, exp.Column) and part.table:
        return frozenset({(part.table.lower(), part.name.lower())})
    if isinstance(part, exp.Coalesce):
        items = [item_of(one, sources) for one in (part.this, *part.expressions)]
        whole = frozenset(column for item in items for column in item or ())
        return whole if all(items) and expression_type(part, sources) else None
    if type(part) is exp.Cast and (kind := expression_type(part.this, sources)) and kind == expression_type(part, sources):
        return item_of(part.this, sources)
    return None


def conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that AND joins."""
    if condition is None:
        return
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        yield from conjuncts(condition.left)
        yield from conjuncts(condition.right)
    else:
        yield condition


def equalities(condition: exp.Expr | None, sources: Mapping[str, Source]) -> Iterator[Equality]:
    """Pairs of items of one type that a condition demands to be equal."""
    for part in conjuncts(condition):
        if type(part) is exp.EQ:
            left, right = item_of(part.left, sources), item_of(part.right, sources)
            kind = expression_type(part.left, sources)
            if left and right and kind and kind == expression_type(part.right, sources):
                yield left, right


def joins_of(select: exp.Select, first: str, sources: Mapping[str, Source]) -> list[Join]:
    """The joins of a SELECT in order; ``first`` is its first table, ``sources`` are all that it can name.

    Raises
    ------
    Refused
        One is not understood.
    """
    found: list[Join] = []
    for node in select.args.get("joins") or []:
        join = _join(node, sources)
        sure = tuple(pair for pair in join.equal if all(consistent(item, first, found) for item in pair))
        found.append(replace(join, equal=sure))
    return found


def _join(node: exp.Join, sources: Mapping[str, Source]) -> Join:
    method, side, kind = node.method.upper(), node.side.upper(), node.kind.upper()
    if method == "POSITIONAL":
        raise Refused("POSITIONAL JOIN goes by the order of rows, which a table does not keep", "join on a column")
    if method not in ("", "ASOF") or node.args.get("using") or node.args.get("pivots"):
        raise Refused(f"the join with {node.alias_or_name} is not understood", "write JOIN … ON with the columns of both tables")
    if kind in ("SEMI", "ANTI") and side in ("", "LEFT"):
        found = kind
    elif kind in ("", "INNER", "OUTER", "CROSS") and side in ("", "LEFT", "RIGHT", "FULL"):
        found = side or INNER
    else:
        raise Refused(f"{side} {kind} JOIN is not understood", "write JOIN, LEFT JOIN, FULL JOIN, SEMI JOIN or ANTI JOIN")
    if method == "ASOF" and found not in (INNER, LEFT):
        raise Refused(f"ASOF {found} JOIN is not understood", "write ASOF JOIN or ASOF LEFT JOIN")
    alias, on = node.alias_or_name.lower(), node.args.get("on")
    time = (alias, node.meta.get(ASOF_TIME, ""))
    equal = tuple(pair for pair in equalities(on, sources) if not any(time in item for item in pair))
    return Join(alias, found, equal, on, method == "ASOF")


def _of(item: Item, alias: str) -> Item:
    return frozenset(column for column in item if column[0] == alias)


def consistent(item: Item, first: str, joins: Sequence[Join]) -> bool:
    """Whether all columns of an item that are there in a row are equal."""
    if len(item) == 1:
        return True
    for number in range(len(joins) - 1, -1, -1):
        join = joins[number]
        right = _of(item, join.alias)
        if not right:
            continue
        left = item - right
        if len(right) > 1 or not left or join.kind in (SEMI, ANTI):
            return False
        tied = any(one <= left and two == right for pair in join.equal for one, two in (pair, pair[::-1]))
        return tied and consistent(left, first, joins[:number])
    return False


def closed(key: Key, equal: Iterable[Equality]) -> Key:
    """The key with everything that equalities add to it."""
    pairs = [pair for one in equal for pair in (one, one[::-1])]
    found = [set(items) for items in key]
    for items in found:
        while more := {two for one, two in pairs if one in items} - items:
            items |= more
    return tuple(frozenset(items) for items in found)


def nullable(first: str, joins: Sequence[Join]) -> set[str]:
    """The tables that may be missing in a row."""
    seen, found = [first], set()
    for join in joins:
        if join.kind in (LEFT, FULL):
            found.add(join.alias)
        if join.kind in (RIGHT, FULL):
            found |= set(seen)
        seen.append(join.alias)
    return found


def held(first: str, joins: Sequence[Join]) -> list[Equality]:
    """Equalities that hold in every row of a chain of joins."""
    found: list[Equality] = []
    for join in joins:
        if join.kind in (RIGHT, FULL):
            found = []
        if join.kind == INNER:
            found += [pair for pair in join.equal if all(len(item) == 1 for item in pair)]
    return found


Spread = Mapping[str, tuple[frozenset[str], ...]]
"""For every table of a chain of joins, which of its columns hold each column of the key; empty where none does."""


def spread(key: Key, first: str, joins: Sequence[Join], outside: frozenset[str]) -> Spread:
    """Push a key down a chain of joins.

    Parameters
    ----------
    key
        Items equal to it in every row that counts. Columns of tables in ``outside`` are those of the query around.
    first, joins
        The chain.
    """
    found: dict[str, tuple[frozenset[str], ...]] = {}
    for number in range(len(joins) - 1, -1, -1):
        join, before = joins[number], joins[:number]
        left = {first, *(other.alias for other in before)} | outside
        halves = [_split(items, join, left, outside, held(first, before)) for items in closed(key, held(first, joins[: number + 1]))]
        found[join.alias] = tuple(_single(right, join.alias) for _, right in halves)
        key = tuple(items for items, _ in halves)
    found[first] = tuple(_single(items, first) for items in key)
    return found


def _split(
    items: frozenset[Item], join: Join, left: Collection[str], outside: Collection[str], held_left: list[Equality]
) -> tuple[frozenset[Item], frozenset[Item]]:
    """Items that hold the key in the rows of each side that count, wherever that side is there."""
    if join.kind == INNER:
        (items,) = closed((items,), join.equal)
    own = {item for item in items if _within(item, left)}
    other = {item for item in items if _within(item, {join.alias})}
    mixed = [item for item in items if item not in own and item not in other]
    mixed_left = {item - _of(item, join.alias) for item in mixed}
    mixed_right = {_of(item, join.alias) for item in mixed}
    if join.kind == INNER and not join.asof:  # of ASOF's right side a row may only be left out where the left one's equals leave it out
        return frozenset(own | mixed_left), frozenset(other | mixed_right)
    around = {item for item in own if _within(item, outside)}  # what the query around knows holds on either side
    if join.kind == FULL:
        return frozenset(around | mixed_left), frozenset(mixed_right)
    if join.kind == RIGHT:
        other |= mixed_right
        return frozenset(around | mixed_left | _through(other | around, join)), frozenset(other)
    (own_closed,) = closed((frozenset(own | mixed_left),), held_left)
    return own_closed, frozenset(_through(own_closed, join) | mixed_right)


def _within(item: Item, aliases: Collection[str]) -> bool:
    return all(alias in aliases for alias, _ in item)


def _through(items: Collection[Item], join: Join) -> set[Item]:
    """What the condition of a join demands to be equal to one of the items."""
    return {two for pair in join.equal for one, two in (pair, pair[::-1]) if one in items}


def _single(items: frozenset[Item], alias: str) -> frozenset[str]:
    return frozenset(name for item in items if len(item) == 1 for of, name in item if of == alias)


def links(joins: Sequence[Join], where: Sequence[Equality]) -> list[tuple[Column, Column]]:
    """Pairs of columns: a change of rows of the first one's table touches only rows whose second one has the same value."""
    found: list[tuple[Column, Column]] = []
    for join in joins:
        for one, two in _singles(join.equal):
            right, left = (one, two) if one[0] == join.alias else (two, one)
            if right[0] != join.alias or left[0] == join.alias:
                continue
            if join.kind in (INNER, LEFT, SEMI, ANTI):
                found.append((right, left))
            if join.kind in (INNER, RIGHT):
                found.append((left, right))
    for one, two in _singles(where):
        found += [(one, two), (two, one)]
    return found


def _singles(equal: Iterable[Equality]) -> Iterator[tuple[Column, Column]]:
    for one, two in equal:
        if len(one) == 1 and len(two) == 1:
            yield next(iter(one)), next(iter(two))
