"""Which rows of a query its sort keys leave undecided: the columns that would tell them apart."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from foretable.compile.deterministic_facts import AGGREGATES, WINDOWS, name_of, window_of
from foretable.compile.deterministic_scope import Schemas, columns_of, resolved, select_of, sources


def undecided(select: exp.Select, schemas: Schemas) -> list[exp.Expr] | None:
    """Expressions that tell the rows of a SELECT apart, as far as its result can; None where that is not known.

    Rows that are equal in every column that SELECT, QUALIFY or a window looks at may change places.
    """
    if select.args.get("group") is not None:
        return _grouped(select, schemas)
    parts = [*select.expressions, select.args.get("qualify"), *(select.args.get("windows") or []), select.args.get("order")]
    found: dict[tuple[str, str], exp.Expr] = {}
    for part in [one for one in parts if one is not None]:
        if isinstance(part, exp.Columns) or part.is_star or part.find(exp.Columns):
            given = _all(part, select, schemas)
        else:
            given = _looked_at(part, select, schemas)
        if given is None:
            return None
        found |= {(one.args["table"].name.lower(), one.name.lower()): one for one in given}
    aliases = [source.alias_or_name.lower() for source in sources(select)]
    plain = any(AGGREGATES.get(name_of(node)) and window_of(node) is None for node in _own(select))
    return [] if plain else list(found.values()) if len(set(aliases)) == len(aliases) else None


def _own(select: exp.Select) -> Iterator[exp.Expr]:
    for part in select.expressions:
        yield from part.walk(prune=lambda node: isinstance(node, exp.Query) and not isinstance(node, exp.Table))


def _all(part: exp.Expr, select: exp.Select, schemas: Schemas) -> list[exp.Column] | None:
    """Every column that a star stands for, or may."""
    found: list[exp.Column] = []
    for source in sources(select):
        if isinstance(part, exp.Column) and source.alias_or_name.lower() != part.table.lower():
            continue
        columns = columns_of(source, schemas)
        if columns is None:
            return None
        found += [_column(source, name) for name in columns] + [one for name in columns for one in _merged(name, select)]
    return found


def _merged(name: str, select: exp.Select) -> list[exp.Column]:
    """The column of every item of FROM that USING makes one of."""
    if not any(one.name.lower() == name for join in select.args.get("joins") or [] for one in join.args.get("using") or []):
        return []
    return [_column(source, name) for source in sources(select)] if len(sources(select)) == 2 else []


def _looked_at(part: exp.Expr, select: exp.Select, schemas: Schemas) -> list[exp.Column] | None:
    names = {one.alias.lower() for one in select.expressions if isinstance(one, exp.Alias)}
    found: list[exp.Column] = []
    for column in part.find_all(exp.Column):
        if isinstance(column.this, exp.Star):
            return None
        if _is_alias(column):
            continue
        scope: exp.Select | None = select_of(column)
        while scope is not None:
            given = resolved(column, scope, schemas)
            if given is None and column.table and _stands_further_out(column, scope):
                scope = select_of(scope)
                continue
            if given is None:
                return None
            if given and scope is select:
                found += [_column(source, name) for source, name, _ in given] + _merged(column.name.lower(), select)
            if given or scope is select:
                break
            scope = select_of(scope)
        if scope is select and not given and column.name.lower() not in names and select.find_ancestor(exp.Select) is None:
            return None
    return found


def _stands_further_out(column: exp.Column, scope: exp.Select) -> bool:
    """Whether it is a query around that has an item of that name in FROM."""
    inside = any(source.alias_or_name.lower() == column.table.lower() for source in sources(scope))
    around = select_of(scope)
    while around is not None and not inside:
        if any(source.alias_or_name.lower() == column.table.lower() for source in sources(around)):
            return True
        around = select_of(around)
    return False


def _is_alias(column: exp.Column) -> bool:
    """Whether a column in the ORDER BY of a query names what its SELECT gives."""
    order = column.find_ancestor(exp.Order, exp.Query)
    select = order.parent if isinstance(order, exp.Order) else None
    given = {one.alias_or_name.lower() for one in select.expressions} if isinstance(select, exp.Select) else set()
    return not column.table and column.name.lower() in given


def _column(source: exp.Expr, name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(source.alias_or_name, quoted=True))


def _grouped(select: exp.Select, schemas: Schemas) -> list[exp.Expr] | None:
    """The keys of GROUP BY: columns, or what the SELECT calls them."""
    group = select.args["group"]
    if any(group.args.get(several) for several in ("cube", "rollup", "grouping_sets", "totals")):
        return None
    keys = group.expressions
    if group.args.get("all"):
        keys = [part for part in select.expressions if not any(name_of(node) in AGGREGATES.keys() | WINDOWS for node in part.walk())]
    found: list[exp.Expr] = []
    for key in keys:
        part = key
        if isinstance(key, exp.Literal) and key.is_int and 0 < int(key.name) <= len(select.expressions):
            part = select.expressions[int(key.name) - 1]
        named = _named(part, select, schemas)
        if named is None:
            return None
        found += named
    return found


def _named(part: exp.Expr, select: exp.Select, schemas: Schemas) -> list[exp.Expr] | None:
    inner = part.this if isinstance(part, exp.Alias) else part
    if isinstance(inner, exp.Column) and not part.is_star:
        given = resolved(inner, select, schemas)
        if given:
            return [_column(source, name) for source, name, _ in given]
        part = next((one for one in select.expressions if not inner.table and one.alias.lower() == inner.name.lower()), part)
    if not isinstance(part, exp.Alias):
        same = [one for one in select.expressions if isinstance(one, exp.Alias) and one.this == part]
        if not same:
            return None
        part = same[0]
    taken = resolved(exp.column(part.alias), select, schemas)
    return None if taken or taken is None else [exp.column(exp.to_identifier(part.alias, quoted=True))]
