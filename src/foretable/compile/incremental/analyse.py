"""The analyser: the finest key by which a query can be recomputed piece by piece, and how changes reach it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from sqlglot import exp
from sqlglot.errors import SqlglotError

from foretable.compile.asof import AS_OF, is_call
from foretable.compile.expanded import Unreadable
from foretable.compile.incremental.allowed import check
from foretable.compile.incremental.floors import floors_of
from foretable.compile.incremental.found import Found, Lost, Reach, Refused, Why, shown, together
from foretable.compile.incremental.push import push
from foretable.compile.incremental.reads import reads_of
from foretable.compile.incremental.shape import Analysis, Boundary, Effect
from foretable.compile.incremental.sources import Context, query_type
from foretable.compile.recorded import Columns
from foretable.compile.references import qualified
from foretable.compile.typed import PLACE, TABLE, places, typed
from foretable.declare.function import Function
from foretable.declare.model import Model
from foretable.declare.project import Macro

_EXACT = (
    "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "INT128", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DECIMAL",
    "TEXT", "DATE", "TIME", "TIMESTAMP", "UUID", "ENUM", "BLOB",
)  # fmt: skip
"""Types in which equal values are the same value."""

_ODD = (SqlglotError, AttributeError, KeyError, ValueError, TypeError, IndexError, RecursionError)

_UNSEEN = Why("it stands where no table is looked for", "join it")


def analyse(
    query: exp.Expr,
    keys: tuple[str, ...],
    schemas: Mapping[str, Columns],
    macros: Mapping[str, Macro],
    models: Mapping[str, Model],
    functions: Mapping[str, Function],
) -> Analysis:
    """Whether and how a table can be kept up to date by recomputing some of its keys.

    Parameters
    ----------
    query
        As it was compiled.
    keys
        The columns of the entity's key; none where the table is about no entity.
    schemas
        Columns of the tables that it reads.
    macros, models, functions
        The project's, by name.

    Returns
    -------
    Analysis
        INCREMENTAL with its plan, or FULL with the reason.
    """
    reads: Mapping[str, tuple[str, ...]] = {name: tuple(schemas[name]) for name in dict.fromkeys(map(qualified, places(query)))}
    floors: Mapping[str, tuple[str, exp.Expr]] = {}
    try:
        tree = typed(query, schemas, macros, models)
        reads = reads_of(tree, schemas)
        trouble = _trouble(tree, functions, models)
        floors = _floors(tree, schemas) if trouble is None else {}
        if not keys:
            raise Refused("it is about no entity, so nothing says which rows belong together", "declare it with an entity")
        if trouble is not None:
            raise trouble
        found = _best(tree, [key.lower() for key in keys], keys, schemas, reads)
        looked_at = {table for table, _ in found.unique}  # rows that must be unique are looked at one and all
        return replace(found, floors={name: floor for name, floor in floors.items() if name not in looked_at})
    except (Refused, Unreadable) as refused:
        reason, hint = refused.reason, refused.hint
    except _ODD as error:  # a shape of tree that nobody thought of: the table is still right, only slower
        reason, hint = f"it is not understood: {type(error).__name__} {error}", "write it in a simpler way"
    return Analysis(reason=reason, hint=hint, effects=tuple(Effect(name, ()) for name in reads), reads=reads, floors=floors)


def _trouble(tree: exp.Expr, functions: Mapping[str, Function], models: Mapping[str, Model]) -> Exception | None:
    """What forbids to refresh a query by key."""
    try:
        check(tree, functions.keys(), models.keys())
    except (Refused, *_ODD) as found:
        return found
    return None


def _floors(tree: exp.Expr, schemas: Mapping[str, Columns]) -> Mapping[str, tuple[str, exp.Expr]]:
    """The floors of a query, none where something in it is not understood."""
    try:
        return floors_of(tree, Context(schemas))
    except (Refused, *_ODD):
        return {}


def _best(
    tree: exp.Expr, keys: Sequence[str], spelled: Sequence[str], schemas: Mapping[str, Columns], reads: Mapping[str, tuple[str, ...]]
) -> Analysis:
    """The analysis for the subset of the key by which the fewest tables rebuild everything, then the most are restricted."""
    context = Context(schemas)
    found: list[Analysis] = []
    for size in range(len(keys), 0, -1):
        for names in combinations(range(len(keys)), size):
            chosen = tuple(frozenset({keys[number]}) for number in names)
            pushed = _whole(tree, push(tree, context, chosen, None, Why("it reads no table by the key")))
            found.append(_concluded(tree, pushed, tuple(spelled[number] for number in names), context, reads))
    return min(found, key=_cost)


def _cost(found: Analysis) -> tuple[int, ...]:
    whole = sum(not effect.columns for effect in found.effects)
    return bool(found.reason), whole, bool(found.volatile), -len(found.restricted), -len(found.key)


def _whole(tree: exp.Expr, pushed: Found) -> Found:
    """The findings, with what was not looked at added as lost: what stands under an unused WITH does nothing."""
    used = {node.name.lower() for node in tree.find_all(exp.Table) if PLACE not in node.meta}
    idle = {id(node) for cte in tree.find_all(exp.CTE) if cte.alias.lower() not in used for node in cte.walk()}
    seen = {reach.place for reach in pushed.reaches} | {lost.place for lost in pushed.lost}
    tables = [node for node in tree.find_all(exp.Table) if PLACE in node.meta and id(node) not in idle]
    lost = [Lost(node.meta[PLACE], node.meta[TABLE], _UNSEEN) for node in tables if node.meta[PLACE] not in seen]
    calls = [node for node in tree.find_all(exp.Anonymous) if is_call(node, AS_OF) and id(node) not in pushed.clocks | idle]
    return together([pushed, Found(lost=tuple(lost), ticks=tuple(shown(node.parent or node) for node in calls))])


def _concluded(tree: exp.Expr, pushed: Found, key: tuple[str, ...], context: Context, reads: Mapping[str, tuple[str, ...]]) -> Analysis:
    restricted = _restricted(tree, pushed)
    names = {node.meta[PLACE]: node.meta[TABLE] for node in tree.find_all(exp.Table) if PLACE in node.meta}
    reached = {reach.table for reach in pushed.reaches}
    lost = {one.table: one.why for one in pushed.lost}
    lost |= {table: Why("nothing uses it") for table in names.values() if table not in reached | lost.keys()}
    effects = [Effect(reach.table, reach.columns, reach.path) for reach in pushed.reaches if reach.table not in lost]
    effects += [Effect(table, ()) for table in lost]
    edges = [Boundary(Effect(edge.table, edge.columns, edge.path), edge.row, edge.moment) for edge in pushed.edges]
    direct = {reach.table for reach in pushed.reaches if not reach.path}
    why = _refusal(tree, key, context, restricted, direct, lost)
    if why is not None:
        return Analysis(why.reason, why.hint, effects=tuple(Effect(name, ()) for name in reads), reads=reads)
    return Analysis(
        key=key,
        restricted=restricted,
        effects=tuple(dict.fromkeys(effects)),
        boundaries=tuple(dict.fromkeys(edges)),
        volatile="; ".join(pushed.ticks),
        unique=pushed.unique,
        reads=reads,
        notes=tuple(f"any change of {table} rebuilds the table: {why.reason}" for table, why in sorted(lost.items())),
    )


def _restricted(tree: exp.Expr, pushed: Found) -> Mapping[int, tuple[str, ...]]:
    """Places that every use of them restricts by the same columns."""
    ways: dict[int, set[Reach | None]] = {}
    for reach in pushed.reaches:
        ways.setdefault(reach.place, set()).add(reach if not reach.path else None)
    for lost in pushed.lost:
        ways.setdefault(lost.place, set()).add(None)
    return {place: one.columns for place, found in sorted(ways.items()) for one in found if one is not None and len(found) == 1}


def _refusal(
    tree: exp.Expr,
    key: tuple[str, ...],
    context: Context,
    restricted: Mapping[int, tuple[str, ...]],
    direct: Collection[str],
    lost: Mapping[str, Why],
) -> Why | None:
    for name in key:
        kind = query_type(tree, context, name.lower())
        if restricted and kind.split("(")[0] not in _EXACT and not kind.startswith("TIMESTAMP"):
            return Why(
                f"{name} is of type {kind or 'unknown'}, in which different values may be equal",
                f"cast {name} to a type such as BIGINT or VARCHAR",
            )
    twice = next((table for table in sorted(direct) if table in lost), None)
    if twice is not None:
        why = lost[twice]
        return Why(f"{twice} is read whole besides, so that any change of it changes every row: {why.reason}", why.hint)
    if not restricted:
        return next(iter(lost.values()), Why("it reads no table by the key"))
    return None
