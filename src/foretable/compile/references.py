"""What a query stands on: tables, models and functions, read from its tree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlglot import exp

from foretable.declare.project import Macro

PREDICT = "predict_"


def qualified(node: exp.Table) -> str:
    """``layer.table`` of a table node in lower case; empty for a function in FROM."""
    if not isinstance(node.this, exp.Identifier):
        return ""
    return ".".join(part for part in (node.catalog, node.db, node.name) if part).lower()


def cte_names(tree: exp.Expr) -> set[str]:
    """Names that WITH gives inside the query."""
    return {cte.alias.lower() for cte in tree.find_all(exp.CTE)}


def tables_of(tree: exp.Expr) -> list[str]:
    """Tables that a query reads, in order of appearance, those handed to ``predict_<model>(table)`` included."""
    found: dict[str, None] = {}
    local = cte_names(tree)
    for node in tree.find_all(exp.Table):
        name = qualified(node)
        if name and name not in local:
            found[name] = None
        if isinstance(node.this, exp.Anonymous) and str(node.this.this).lower().startswith(PREDICT):
            for argument in node.this.expressions:
                handed = argument.sql("duckdb").replace('"', "").lower()
                if handed not in local:
                    found[handed] = None
    return list(found)


def calls(tree: exp.Expr) -> set[str]:
    """Names of the functions that sqlglot does not know: macros, models and Python functions."""
    return {str(node.this).lower() for node in tree.find_all(exp.Anonymous)}


def macros_of(tree: exp.Expr, macros: Mapping[str, Macro]) -> list[Macro]:
    """The macros a query calls, and those that they call, by name."""
    found: dict[str, Macro] = {}
    waiting = sorted(calls(tree) & macros.keys())
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = macros[name]
            text = macros[name].sql.lower()
            waiting.extend(other for other in macros if other != name and f"{other}(" in text)
    return [found[name] for name in sorted(found)]


def models_of(tree: exp.Expr, macros: Iterable[Macro], models: Collection[str]) -> tuple[str, ...]:
    """The models whose ``predict_<model>`` a query calls, itself or through a macro."""
    text = " ".join(macro.sql.lower() for macro in macros)
    called = calls(tree)
    return tuple(
        sorted(m for m in models if any(c == PREDICT + m or c.startswith(f"{PREDICT}{m}__") for c in called) or f"{PREDICT}{m}(" in text)
    )
