"""What DuckDB says of its own functions."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import NamedTuple

import duckdb
from sqlglot import exp

from foretable.compile.deterministic_facts import AGGREGATES
from foretable.compile.functions import HARMLESS
from foretable.sql import DIALECT

_ALL = (
    "SELECT DISTINCT lower(function_name), function_type, stability FROM duckdb_functions() WHERE function_type IN ('aggregate', 'scalar')"
)
_MACROS = frozenset(
    (
        *("array_append", "array_pop_back", "array_pop_front", "array_prepend", "array_push_back", "array_push_front", "array_reverse"),
        *("array_to_string", "date_add", "days_in_month", "fdiv", "fmod", "map_contains_entry", "map_contains_value", "md5_number_lower"),
        *("md5_number_upper", "nullif", "round_even", "roundbankers", "split_part", "list_append", "list_avg", "list_count", "list_first"),
        *("list_last", "list_max", "list_median", "list_min", "list_prepend", "list_product", "list_reverse", "list_sum"),
    )
)
"""Macros of DuckDB's that look at their arguments alone."""
_SYNTAX = frozenset(
    (
        *("and", "array", "between", "case", "cast", "coalesce", "distinct", "exists", "explode", "extract", "if", "in", "is", "like"),
        *("not", "or", "struct", "try_cast", "try", "unnest", "xor", "row_number", "rank", "dense_rank", "rank_dense", "percent_rank"),
        *("cume_dist", "ntile", "lag", "lead", "first_value", "last_value", "nth_value", "grouping", "columns", "map", "bracket", "dot"),
        *("concat", "ilike", "interval"),
    )
)
"""What is written like a function, or sqlglot takes for one, and is part of the language."""
_HEAD = re.compile(r"(\w+)\(")
_HEADS: dict[type[exp.Func], re.Match[str] | None] = {}
"""How DuckDB's text of each kind of call begins: writing it out takes long."""


class _Known(NamedTuple):
    aggregates: frozenset[str]
    steady: frozenset[str]
    changing: frozenset[str]


@cache
def _known() -> _Known:
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(_ALL).fetchall()
    aggregates = frozenset(name for name, kind, _ in rows if kind == "aggregate") | AGGREGATES.keys()
    changing = frozenset(name for name, _, stability in rows if stability != "CONSISTENT") - HARMLESS
    return _Known(aggregates, frozenset(name for name, _, _ in rows) - changing, changing)


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node folds the rows of a group into one value; that of a window does not."""
    if not isinstance(node, exp.Func) or not (isinstance(node, exp.AggFunc) or _names(node) & _known().aggregates):
        return False
    parent = node.parent
    while isinstance(parent, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        parent = parent.parent
    return not isinstance(parent, exp.Window)


def unsteady(node: exp.Func, own: Collection[str]) -> str:
    """The name of a function that may give another value for the same arguments; empty where it cannot.

    Parameters
    ----------
    node
        A call.
    own
        Functions of the project, which are declared to depend on their arguments alone.
    """
    names, known = _names(node), _known()
    if names & known.changing:
        return min(names & known.changing)
    steady = names & (known.steady | _MACROS | _SYNTAX) or names & set(own) or isinstance(node, exp.Binary | exp.Unary | exp.Predicate)
    return "" if steady else min(names)


def _names(node: exp.Func) -> set[str]:
    """Names under which a call may be known to DuckDB."""
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        return {str(node.this).lower()}
    if type(node) not in _HEADS:
        _HEADS[type(node)] = _HEAD.match(node.sql(DIALECT))
    head = _HEADS[type(node)]
    return {node.sql_name().lower(), *([head[1].lower()] if head else [])}
