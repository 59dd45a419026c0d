"""The columns that a query uses of every table."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from foretable.compile.recorded import Columns
from foretable.compile.typed import TABLE


def reads_of(tree: exp.Expr, schemas: Mapping[str, Columns]) -> Mapping[str, tuple[str, ...]]:
    """Columns by table, in the order of the table."""
    used: dict[str, set[str]] = {node.meta[TABLE]: set() for node in tree.find_all(exp.Table) if TABLE in node.meta}
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table) and TABLE in source.meta:
                used[source.meta[TABLE]] |= {
                    column.name.lower() for column in scope.find_all(exp.Column) if column.table.lower() == alias.lower()
                }
    return {table: tuple(name for name in schemas[table] if name.lower() in names) for table, names in used.items()}
