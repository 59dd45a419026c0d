"""What a query stands on: tables, models and functions, read from its tree."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from foretable.declare.project import Macro
from foretable.sql import tokens

PREDICT = "predict_"
FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "predict": (PREDICT, ""),
    "label": (PREDICT, "_label"),
    "probabilities": (PREDICT, "_probabilities"),
    "interval": (PREDICT, "_interval"),
    "interval_of": (PREDICT, "_interval_of"),
    "explain": ("explain_", ""),
}
"""What stands before and after the name of a model in the names of its functions; ``__<alias>`` or ``__v<N>`` may follow."""
_NUMBER = re.compile(r"v\d+\Z")
_EXACT = re.compile(r"(__|\A)exact\Z")


def qualified(node: exp.Table) -> str:
    """``layer.table`` of a table node in lower case; empty for a function in FROM."""
    if not isinstance(node.this, exp.Identifier):
        return ""
    return ".".join(part for part in (node.catalog, node.db, node.name) if part).lower()


def cte_names(tree: exp.Expr) -> set[str]:
    """Names that WITH gives inside the query."""
    return {cte.alias.lower() for cte in tree.find_all(exp.CTE)}


def handed(node: Any) -> str:
    """``layer.table`` where a column's tree is really a table: the one in ``FROM predict_<model>(layer.table)``; else empty."""
    call = node.parent
    inside = isinstance(node, exp.Column) and isinstance(call, exp.Anonymous) and isinstance(call.parent, exp.Table)
    return ".".join(part.name for part in node.parts).lower() if inside and len(node.parts) > 1 else ""


def tables_of(tree: exp.Expression) -> list[str]:
    """Tables that a query reads, in order of appearance, those handed to a table macro included."""
    local: set[str] = set()
    rows: set[str] = set()
    found: list[tuple[str, bool]] = []
    for node in tree.walk():
        if isinstance(node, exp.Table):
            rows.add(node.alias_or_name.lower())
            found.append((qualified(node), True))
        elif isinstance(node, exp.Column):
            found.append((handed(node), False))
        elif isinstance(node, exp.TableAlias):
            rows.add(node.name.lower())
        elif isinstance(node, exp.CTE):
            local.add(node.alias.lower())
    return list(dict.fromkeys(name for name, sure in found if name and name not in local and (sure or name.split(".")[0] not in rows)))


def calls(text: str) -> set[str]:
    """Names before an opening bracket: every function that a query or macro may call, and a few keywords."""
    return {one.text.lower() for one, two in pairwise(tokens(text)) if two.token_type is TokenType.L_PAREN}


def macros_of(names: Iterable[str], macros: Mapping[str, Macro]) -> list[Macro]:
    """The macros among the functions that a query calls, and those that they call, by name."""
    found: dict[str, Macro] = {}
    waiting = [name for name in names if name in macros]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = macros[name]
            waiting.extend(calls(macros[name].sql) & macros.keys())
    return [found[name] for name in sorted(found)]


def reached(text: str, macros: Mapping[str, Macro]) -> set[str]:
    """Names of the functions that a query or macro calls, itself or through macros."""
    names = calls(text)
    return names.union(*(calls(macro.sql) for macro in macros_of(names, macros)))


def models_of(names: Iterable[str], models: Collection[str]) -> tuple[str, ...]:
    """The models whose ``predict_<model>`` or ``explain_<model>``, or a version or alias of it, is among the functions called."""
    return tuple(sorted({called.model for name in names if (called := called_model(name, models)) is not None}))


def aliases_of(names: Iterable[str], models: Collection[str]) -> tuple[str, ...]:
    """What a query's answers depend on besides its rows: ``churn`` for the champion, ``churn@challenger`` for another alias.

    A version that is called by its number never changes.
    """
    found = [called for name in names if (called := called_model(name, models)) is not None]
    moving = {called.model if not called.alias else f"{called.model}@{called.alias}" for called in found if not _NUMBER.match(called.alias)}
    return tuple(sorted(moving))


class Called(NamedTuple):
    """A function of a model: ``predict_churn_probabilities__challenger`` is model, kind and alias; ``explain_churn__exact`` has none."""

    model: str
    kind: str
    alias: str


def called_model(name: str, models: Collection[str]) -> Called | None:
    """Which model's function a name is, if it is one."""
    called, _, alias = name.lower().partition("__")
    for kind, (before, after) in FUNCTIONS.items():
        model = called.removeprefix(before).removesuffix(after)
        if model in models and called == f"{before}{model}{after}":
            return Called(model, kind, _EXACT.sub("", alias) if kind == "explain" else alias)
    return None
