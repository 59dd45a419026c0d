"""The columns that a query uses of every table."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from foretable.compile.recorded import Columns
from foretable.compile.typed import PLACE, TABLE


def reads_of(tree: exp.Expr, schemas: Mapping[str, Columns]) -> Mapping[str, tuple[str, ...]]:
    """Columns by table, in the order of the table.

    An alias counts wherever it stands, as the query inside may use what the one around has: rather a column too many.
    """
    named: dict[str, set[str]] = {}
    for column in tree.find_all(exp.Column):
        named.setdefault(column.table.lower(), set()).add(column.name.lower())
    used: dict[str, set[str]] = {}
    for node in tree.find_all(exp.Table):
        if PLACE in node.meta:
            used.setdefault(node.meta[TABLE], set()).update(named.get(node.alias_or_name.lower(), set()) | named.get("", set()))
    return {table: tuple(name for name in schemas[table] if name.lower() in names) for table, names in used.items()}
