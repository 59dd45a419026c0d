"""Which source columns a column is made of, where it can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from foretable.compile.graph import Graph
from foretable.compile.references import qualified
from foretable.sql import DIALECT, parse, render


def column_lineage(graph: Graph, name: str) -> Mapping[str, list[str]]:
    """For every column of a table, the columns it is directly made of, as ``layer.table.column``.

    A column is absent where the query cannot be traced (a table function, PIVOT).
    """
    compiled = graph.tables[name]
    schema = _nested(
        {parent: graph.tables[parent].columns if parent in graph.tables else graph.schemas[parent] for parent in compiled.upstream}
    )
    scope = _scope(parse(render(compiled.query)), schema)
    found: dict[str, list[str]] = {}
    if scope is None:
        return found
    for column in compiled.columns:
        try:
            node = lineage(column, scope.expression, schema=schema, dialect=DIALECT, scope=scope, trim_selects=False, copy=False)
        except (SqlglotError, ValueError, KeyError):
            continue
        leaves = [(leaf.source, leaf.name.split(".")[-1]) for leaf in node.walk() if not leaf.downstream]
        found[column] = sorted({f"{qualified(s)}.{name}".replace('"', "") for s, name in leaves if isinstance(s, exp.Table)})
    return found


def _scope(tree: exp.Expr, schema: dict[str, Any]) -> Scope | None:
    """The query with every column's table written out, once for all columns; None where it cannot be."""
    try:
        return build_scope(qualify(tree, dialect=DIALECT, schema=schema, validate_qualify_columns=False, identify=False))
    except (SqlglotError, ValueError, KeyError):
        return None


def _nested(columns: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The shape sqlglot wants; all names must have equally many parts, so bare ones get an empty catalog."""
    depth = max((name.count(".") for name in columns), default=1)
    nested: dict[str, Any] = {}
    for name, kinds in columns.items():
        level = nested
        parts = name.split(".")
        for part in [*[""] * (depth + 1 - len(parts)), *parts]:
            level = level.setdefault(part, {})
        level.update(kinds)
    return nested
