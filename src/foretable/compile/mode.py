"""How a table is refreshed: what the analyser says of its query, and what its declaration and its rules add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from foretable.compile.incremental import analyse
from foretable.compile.incremental.shape import Analysis
from foretable.compile.recorded import Columns
from foretable.declare.project import Project
from foretable.declare.tables import DynamicTable, Label
from foretable.errors import DeclarationError

if TYPE_CHECKING:
    import ibis.expr.types as ir


def table_mode(declared: DynamicTable, query: exp.Query, columns: Columns, upstream: Mapping[str, Columns], project: Project) -> Analysis:
    """Whether a table can be refreshed incrementally, and if not why.

    Raises
    ------
    DeclarationError
        It cannot be, and ``refresh_mode`` insists on it.
    """
    if isinstance(declared, Label):
        return Analysis(reason="a label is computed for training sets alone")
    keys = declared.entity.keys if declared.entity else ()
    found = analyse(query, keys, upstream, project.macros, project.models, project.functions)
    if not found.reason and (rule := _rule_across(declared.name, columns, found.key, project)):
        found = replace(found, reason=rule, hint="give the rule to a test of the whole table, or leave the table to full refreshes")
    if declared.refresh_mode == "INCREMENTAL" and found.reason:
        raise DeclarationError(
            f"{declared.name} cannot be refreshed incrementally: {found.reason}", where=str(declared.origin), hint=found.hint
        )
    if declared.refresh_mode == "FULL" and not found.reason:
        return replace(found, reason="it is declared so", hint="declare REFRESH_MODE = AUTO")
    return found


def _rule_across(name: str, columns: Columns, key: tuple[str, ...], project: Project) -> str:
    """A rule of the table's schema that some of its rows cannot answer."""
    from foretable.quality.rules import all_rules, unique_keys

    declared = project.schemas.get(name)
    if declared is None:
        return ""
    rules = all_rules(declared.schema, _rows(columns))
    unsettled = [rule.name for rule in rules if not rule.is_settled]
    if unsettled:
        return f"its rule {unsettled[0]} may come out otherwise for a row that did not change"
    across = [rule.name for rule in rules if not rule.per_row]
    across += [f"unique({', '.join(unique)})" for unique in unique_keys(declared.schema, columns) if not _holds(unique, key)]
    return f"its rule {across[0]} looks at all rows" if across else ""


def _holds(unique: tuple[str, ...], key: tuple[str, ...]) -> bool:
    return {name.lower() for name in key} <= {name.lower() for name in unique}


def _rows(columns: Columns) -> ir.Table:
    import ibis
    from ibis.backends.sql.datatypes import DuckDBType

    return ibis.table({name: DuckDBType.from_string(kind) for name, kind in columns.items()}, name="rows")
