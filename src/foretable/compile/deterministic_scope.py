"""Where the columns of a query come from, and whose values are exact; what is not understood counts as floating."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlglot import exp

from foretable.compile.deterministic_facts import arguments, name_of
from foretable.compile.recorded import Columns
from foretable.compile.references import qualified

Schemas = Mapping[str, Columns]
Outputs = dict[str, bool]
"""Columns of a relation: whether the values of each are exact."""
_EXACT = frozenset(
    "tinyint smallint integer int bigint hugeint utinyint usmallint uinteger boolean date time timestamp timestamp_s timestamp_ms"
    " timestamp_ns timestamptz decimal numeric text varchar".upper().split()
)
"""Not among them: UBIGINT, whose mean is that of doubles, and UHUGEINT, whose sum is."""
_OUTPUTS = "outputs"
_SAME = (exp.Paren, exp.Neg, exp.Abs, exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif)
_TRUTH = (exp.Predicate, exp.Not, exp.Connector, exp.Boolean, exp.Null, exp.DateDiff)


def is_exact_type(kind: str) -> bool:
    """Whether sums of values of that type do not depend on their order."""
    return kind.upper().partition("(")[0].strip().replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") in _EXACT


def sources(select: exp.Select) -> list[exp.Expr]:
    """The items of FROM."""
    first = select.args.get("from_")
    return [*([first.this] if first is not None else []), *(join.this for join in select.args.get("joins") or [])]


def select_of(node: exp.Expr) -> exp.Select | None:
    """The SELECT in whose clauses a node stands."""
    found = node.find_ancestor(exp.Select)
    return found if isinstance(found, exp.Select) else None


def outputs(query: Any, schemas: Schemas) -> Outputs | None:
    """Columns that a query gives, by name in lower case; None where they are not known.

    Noted on the tree: every column of a query asks for them, in every query around it.
    """
    if not isinstance(query, exp.Expr):
        return None
    if _OUTPUTS not in query.meta:
        query.meta[_OUTPUTS] = _outputs(query, schemas)
    found: Outputs | None = query.meta[_OUTPUTS]
    return found


def _outputs(query: exp.Expr, schemas: Schemas) -> Outputs | None:
    if isinstance(query, exp.Subquery):
        return None if query.args.get("joins") or query.args.get("pivots") else outputs(query.this, schemas)
    if isinstance(query, exp.SetOperation):
        left, right = (outputs(one, schemas) for one in (query.this, query.expression))
        if left is None or right is None or query.args.get("by_name"):
            return None
        if len(left) != len(right):  # a name twice
            return dict.fromkeys(left, False)
        return {name: one and two for (name, one), two in zip(left.items(), right.values(), strict=True)}
    if not isinstance(query, exp.Select):
        return None
    found: Outputs = {}
    for part in query.expressions:
        if isinstance(part, exp.Columns) or part.is_star:
            given = _starred(part, query, schemas)
            if given is None:
                return None
        else:
            inner = part.this if isinstance(part, exp.Alias) else part
            given = {part.alias_or_name.lower(): exact(inner, query, schemas)} if part.alias_or_name else {}
        for name, one in given.items():
            found[name] = one and found.get(name, True)
    return found


def _starred(part: exp.Expr, select: exp.Select, schemas: Schemas) -> Outputs | None:
    star = part.this if isinstance(part, exp.Column) else part
    if not isinstance(star, exp.Star) or star.args.get("rename"):
        return None
    found: Outputs = {}
    for source in sources(select):
        if isinstance(part, exp.Column) and source.alias_or_name.lower() != part.table.lower():
            continue
        columns = columns_of(source, schemas)
        if columns is None:
            return None
        for name, one in columns.items():
            found[name] = one and found.get(name, True)
    dropped = {one.name.lower() for one in star.args.get("except_") or []}
    replaced = {one.alias_or_name.lower() for one in star.args.get("replace") or []}
    return {name: one and name not in replaced for name, one in found.items() if name not in dropped}


def columns_of(source: exp.Expr, schemas: Schemas) -> Outputs | None:
    """Columns of an item of FROM; None where they are not known."""
    alias = source.args.get("alias")
    if source.args.get("pivots") or source.args.get("joins") or (isinstance(alias, exp.TableAlias) and alias.columns):
        return None
    if isinstance(source, exp.Subquery):
        return outputs(source.this, schemas)
    if not isinstance(source, exp.Table) or not qualified(source):
        return None
    if (cte := _cte(source)) is not None:
        inside = source.find_ancestor(exp.CTE)
        recursive = inside is cte or cte.args["alias"].columns
        return None if recursive else outputs(cte.this, schemas)
    known = schemas.get(qualified(source))
    return None if known is None else {name.lower(): is_exact_type(str(kind)) for name, kind in known.items()}


def _cte(table: exp.Table) -> exp.CTE | None:
    node: exp.Expr | None = table.parent
    while node is not None and not table.db:
        for cte in node.args["with_"].expressions if node.args.get("with_") else []:
            if cte.alias.lower() == table.name.lower():
                return cte if isinstance(cte, exp.CTE) else None
        node = node.parent
    return None


def in_order(source: exp.Expr) -> bool:
    """Whether rows of an item of FROM come in an order that its author asked for."""
    if isinstance(source, exp.Table):
        cte = _cte(source) if qualified(source) else None
        return in_order(cte) if cte is not None else False
    if not isinstance(source, exp.Subquery | exp.CTE):
        return False
    query = source.this
    below = isinstance(query, exp.Select) and any(in_order(one) for one in sources(query))
    return isinstance(query, exp.Query) and (bool(query.args.get("order")) or below)


def exact(node: Any, select: exp.Select, schemas: Schemas) -> bool:
    """Whether an expression is known to give exact values: integers, decimals, dates, text."""
    if isinstance(node, exp.Cast):
        return is_exact_type(node.to.sql("duckdb"))
    if isinstance(node, exp.Literal):
        return node.is_string or (len(node.name) <= 38 and "e" not in node.name.lower())
    if isinstance(node, exp.Column):
        found = resolved(node, select, schemas)
        return bool(found) and all(one for _, _, one in found or [])
    if isinstance(node, _TRUTH):
        return True
    if isinstance(node, exp.Case | exp.If):
        given = [
            *(one.args["true"] for one in node.args.get("ifs") or []),
            node.args.get("true"),
            node.args.get("false"),
            node.args.get("default"),
        ]
        return all(exact(one, select, schemas) for one in given if one is not None)
    if isinstance(node, exp.Window | exp.Filter | exp.IgnoreNulls):
        return exact(node.this, select, schemas)
    if isinstance(node, _SAME):
        inner = [
            one for value in node.args.values() for one in (value if isinstance(value, list) else [value]) if isinstance(one, exp.Expr)
        ]
        return all(exact(one, select, schemas) for one in inner)
    return _exact_call(node, select, schemas)


def _exact_call(node: Any, select: exp.Select, schemas: Schemas) -> bool:
    name = name_of(node) if isinstance(node, exp.Expr) else ""
    if name in ("count", "count_star", "count_if", "countif", "row_number", "rank", "dense_rank", "ntile", "date_diff", "datediff"):
        return True
    if name in ("sum", "min", "max", "first", "last", "any_value", "first_value", "last_value", "lag", "lead", "abs"):
        return all(exact(one, select, schemas) for one in arguments(node)[0])
    return False


def _typed_exact(column: exp.Column) -> bool:
    """Of a column of a base table in a typed tree, whose types are noted on it."""
    kind = column.type
    return kind is not None and is_exact_type(_written(kind))


def _written(kind: exp.DataType) -> str:
    """A type as DuckDB writes it; of one without parts that is looked up."""
    return _plain(kind.this) if kind.args.keys() <= {"this", "nested"} and not kind.args.get("nested") else kind.sql("duckdb")


@cache
def _plain(kind: exp.DType) -> str:
    return exp.DataType(this=kind).sql("duckdb")


def resolved(column: exp.Column, select: exp.Select, schemas: Schemas) -> list[tuple[exp.Expr, str, bool]] | None:
    """The columns of FROM that a column may mean: source, name, whether exact; None where that is not known.

    Empty where it is none of them: an alias of the SELECT, or a column of a query around.
    """
    name, items = column.name.lower(), sources(select)
    if column.table:
        found = [source for source in items if source.alias_or_name.lower() == column.table.lower()]
        if len(found) == 1:
            return [(found[0], name, (columns_of(found[0], schemas) or {}).get(name, _typed_exact(column)))]
        if found:
            return None
        name = column.parts[0].name.lower()  # a field of a struct: the column is its first part
    known = [(source, columns_of(source, schemas)) for source in items]
    row = next((source for source in items if not column.table and source.alias_or_name.lower() == name), None)
    if row is not None and not any(name in (columns or {}) for _, columns in known):
        inside = columns_of(row, schemas)
        return None if inside is None else [(row, one, False) for one in inside]
    if any(columns is None for _, columns in known):
        return None
    exactly = column.table == ""
    return [(source, name, columns[name] and exactly) for source, columns in known if columns is not None and name in columns]
