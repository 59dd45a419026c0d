"""One SELECT: its tables, and what of the key is in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from foretable.compile.incremental.catalogue import is_aggregate
from foretable.compile.incremental.found import Path, Why, shown
from foretable.compile.incremental.joins import (
    Column,
    Equality,
    Item,
    Join,
    Key,
    Spread,
    closed,
    consistent,
    equalities,
    held,
    item_of,
    joins_of,
    links,
    nullable,
    spread,
)
from foretable.compile.incremental.sources import Context, Source, from_of, projected

Names = tuple[frozenset[str], ...]
"""For every column of the key, the columns of a query that are equal to it."""


@dataclass(frozen=True, eq=False)
class Anchor:
    """A table of a SELECT whose ``columns`` lead to the key along each of the ``tails``; an empty tail: they are it."""

    columns: Names
    tails: tuple[Path, ...] = ((),)


@dataclass(frozen=True, eq=False)
class Level:
    """A SELECT with its tables; ``visible`` are also those of the queries around.

    ``spread`` says where the key is; ``anchors`` how each table reaches it; ``around`` is the query that a
    subquery stands in, whose columns it may use; ``why`` says what keeps the key out of FROM.
    """

    select: exp.Select
    sources: Mapping[str, Source]
    visible: Mapping[str, Source]
    joins: Sequence[Join]
    where: Sequence[Equality]
    spread: Spread
    missing: frozenset[str]
    anchors: dict[str, Anchor]
    around: Level | None
    why: Why | None

    def anchor(self, alias: str) -> tuple[Level, Anchor] | None:
        """How a table, of this query or of one around it, reaches the key."""
        if alias in self.sources:
            return (self, self.anchors[alias]) if alias in self.anchors else None
        return self.around.anchor(alias) if self.around is not None else None

    def links(self) -> list[tuple[Column, Column]]:
        """See :func:`foretable.compile.incremental.joins.links`."""
        return links(self.joins, self.where)


def read_level(select: exp.Select, context: Context, key: Names | None, around: Level | None) -> Level:
    """The tables of a SELECT, and where the key is among them.

    Parameters
    ----------
    select
        The query.
    context
        What its names mean.
    key
        The columns it gives that hold the key; None where nothing asks for them.
    around
        The query around, with its own tables' anchors.
    """
    sources = from_of(select, context)
    visible = {**(around.visible if around is not None else {}), **sources}
    first = next(iter(sources), "")
    joins = joins_of(select, first, visible)
    missing = nullable(first, joins)
    condition = select.args.get("where")
    stated = list(equalities(condition.this, visible)) if condition is not None else []
    sure = [pair for pair in stated if all(len(item) == 1 and not _aliases(item) & missing for item in pair)]
    wanted, why = _from_outputs(select, sources, joins, key, [*held(first, joins), *sure]) if key is not None else (None, None)
    outside = _outside(around, sources)
    size = len(key) if key is not None else max((len(parts) for parts in outside.values()), default=0)
    items = tuple(
        (wanted[number] if wanted is not None else frozenset())
        | {frozenset({column}) for column, parts in outside.items() if number < len(parts) and parts[number]}
        for number in range(size)
    )
    found = spread(closed(items, sure), first, joins, frozenset(alias for alias, _ in outside)) if first else {}
    anchors = {alias: Anchor(parts) for alias, parts in found.items() if parts and all(parts)}
    if wanted is not None and not anchors:
        why = _torn(wanted, missing, {join.alias for join in joins if join.asof}, [min(names) for names in key or ()])
    return Level(select, sources, visible, joins, stated, found, frozenset(missing), anchors, around, why)


def _torn(key: Key, missing: set[str], chosen: set[str], names: Sequence[str]) -> Why:
    """Why a key that FROM gives is in none of its tables."""
    for name, items in zip(names, key, strict=True):
        optional = next((alias for item in items for alias in sorted(_aliases(item) & missing)), "")
        if optional:
            return Why(
                f"{name} comes from {optional}, which the outer join may leave missing",
                f"take {name} from the side whose rows are all kept; with FULL JOIN, COALESCE that of both sides",
            )
        picked = next((alias for item in items for alias in sorted(_aliases(item) & chosen)), "")
        if picked:
            return Why(
                f"{name} comes from {picked}, of which ASOF JOIN takes the latest row of all",
                f"take {name} from the other side, and let ON ask for it to be equal",
            )
    return Why(f"no table holds all of {', '.join(names)}", "join the tables on the whole key")


def _aliases(item: Item) -> set[str]:
    return {alias for alias, _ in item}


def _outside(around: Level | None, sources: Mapping[str, Source]) -> dict[Column, tuple[bool, ...]]:
    """Columns of the queries around that hold the key, with which of its columns each holds."""
    found: dict[Column, tuple[bool, ...]] = {}
    while around is not None:
        for alias, parts in around.spread.items():
            if alias not in sources and not any(alias == other for other, _ in found):
                for name in frozenset[str]().union(*parts):
                    found[alias, name] = tuple(name in part for part in parts)
        around = around.around
    return found


def _from_outputs(
    select: exp.Select, sources: Mapping[str, Source], joins: Sequence[Join], key: Names, equal: Sequence[Equality]
) -> tuple[Key | None, Why | None]:
    """The columns of FROM behind the key, or why there are none."""
    first = next(iter(sources), "")
    found: list[frozenset[Item]] = []
    for names in key:
        items = [item_of(projected(select, name), sources) for name in sorted(names)]
        whole = frozenset(item for item in items if item and _aliases(item) <= sources.keys() and consistent(item, first, joins))
        if not whole:
            return None, _computed(select, sorted(names))
        found.append(whole)
    wanted = closed(tuple(found), equal)
    why = _barrier(select, sources, wanted, [min(names) for names in key])
    return (None, why) if why is not None else (wanted, None)


def _computed(select: exp.Select, names: Sequence[str]) -> Why:
    part = projected(select, names[0])
    text = shown(part) if part is not None else "nothing"
    return Why(f"{names[0]} is computed: {text}", f"give {names[0]} as a column of a table, as it is")


def _barrier(select: exp.Select, sources: Mapping[str, Source], key: Key, names: Sequence[str]) -> Why | None:
    """What in a SELECT looks at rows of several keys at once."""
    named = ", ".join(names)
    distinct = select.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    if on is not None and not _contains([_meant(part, select) for part in on.expressions or [on]], key, sources):
        return Why(f"DISTINCT ON lacks {named}", f"write DISTINCT ON ({named}, …)")
    group = select.args.get("group")
    if group is not None:
        if any(group.args.get(part) for part in ("grouping_sets", "cube", "rollup", "totals")):
            return Why("it groups in several ways at once", "write each grouping as a table of its own")
        if not _contains(grouped(select), key, sources):
            return Why(f"GROUP BY lacks {named}", f"group by {named}, among others")
    elif _aggregates(select):
        return Why("it aggregates over all rows", f"group by {named}")
    for window in windows(select):
        if not _contains(partition(window, select), key, sources):
            return Why(f"the window of {shown(window)} goes over rows of several {named}", f"write PARTITION BY {named}, …")
    return None


def _meant(part: exp.Expr, select: exp.Select) -> exp.Expr:
    """What DISTINCT ON names: a column of the tables, or one that the SELECT gives."""
    bare = isinstance(part, exp.Column) and not part.table
    return (projected(select, part.name.lower()) or part) if bare else part


def _contains(parts: Sequence[exp.Expr], key: Key, sources: Mapping[str, Source]) -> bool:
    items = {item_of(part, sources) for part in parts}
    return all(items & wanted for wanted in key)


def grouped(select: exp.Select) -> list[exp.Expr]:
    """The expressions that a SELECT groups by."""
    group = select.args["group"]
    if group.args.get("all"):
        return [part.unalias() for part in select.expressions if not _has_aggregate(part)]
    found = []
    for part in group.expressions:
        ordinal = part.unnest()
        by_number = isinstance(ordinal, exp.Literal) and not ordinal.is_string and 0 < int(ordinal.this) <= len(select.expressions)
        found.append(select.expressions[int(ordinal.this) - 1].unalias() if by_number else part)
    return found


def own_nodes(part: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of an expression; a query inside is given, but not entered."""
    return part.walk(prune=lambda node: isinstance(node, exp.Query))


def own_parts(select: exp.Select) -> Iterator[exp.Expr]:
    """The expressions of a SELECT itself: neither FROM nor joins, nor what stands under WITH."""
    for name, part in select.args.items():
        if name not in ("from_", "joins", "with_"):
            yield from (one for one in (part if isinstance(part, list) else [part]) if isinstance(one, exp.Expr))


def windows(select: exp.Select) -> list[exp.Window]:
    """The windows of a SELECT."""
    return [node for part in own_parts(select) for node in own_nodes(part) if isinstance(node, exp.Window) and node.arg_key != "windows"]


def partition(window: exp.Window, select: exp.Select) -> list[exp.Expr]:
    """What a window is partitioned by, be it named elsewhere."""
    found = list(window.args.get("partition_by") or [])
    for named in select.args.get("windows") or []:
        given = window.args.get("alias")
        if given is not None and named.name.lower() == given.name.lower():
            found += partition(named, select)
    return found


def _has_aggregate(part: exp.Expr) -> bool:
    return any(is_aggregate(node) for node in own_nodes(part))


def _aggregates(select: exp.Select) -> bool:
    parts = [*select.expressions, *(select.args[name] for name in ("having", "qualify") if select.args.get(name) is not None)]
    return any(_has_aggregate(part) for part in parts) or select.args.get("having") is not None
