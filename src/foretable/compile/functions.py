"""Why a call in a completed query may still differ between two equal runs."""

from __future__ import annotations

from sqlglot import exp

from foretable.compile.deterministic import by_place, keeps_some, missing, missing_in_query, needed_keys
from foretable.compile.deterministic_facts import (
    AGGREGATES,
    FRAMED,
    PAIRED,
    PEERS,
    PLACES,
    REFUSED_WINDOWS,
    arguments,
    is_paired,
    name_of,
    window_of,
)
from foretable.compile.deterministic_scope import exact, select_of

CLOCK = frozenset(
    (
        *("current_date", "current_time", "current_timestamp", "get_current_time", "get_current_timestamp", "localtime"),
        *("localtimestamp", "now", "today", "transaction_timestamp"),
    )
)
"""Functions that read the computer's clock."""
SESSION = frozenset(
    (
        *("current_catalog", "current_connection_id", "current_database", "current_query", "current_query_id", "current_schema"),
        *("current_schemas", "current_setting", "current_transaction_id", "currval", "getenv", "getvariable", "in_search_path"),
        *("nextval", "setseed", "sleep_ms", "stats", "txid_current", "write_log"),
    )
)
"""Functions whose result, or effect, is of a session."""
RANDOM = frozenset(("gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7", "uuid_string"))
"""Functions that give another value at every call."""
HARMLESS = frozenset(("error",))
"""Volatile to DuckDB, but only so that it runs when it is meant to."""

_DECIMAL = "cast the argument to DECIMAL, whose sums are exact"
_INSIDE = "write ORDER BY inside the call, with columns that leave no ties"
_UNIQUE = "add columns to ORDER BY until no two rows are equal"
_CLEAR = ("", "")


def problem(node: exp.Expr) -> tuple[str, str]:
    """Why a part of a query may differ between two runs over the same contents.

    Parameters
    ----------
    node
        Any node of the typed tree of a completed query; see :func:`foretable.compile.deterministic.deterministic`.

    Returns
    -------
    tuple of str
        The reason, empty when it cannot differ, and how to write it so that it does not.
    """
    if isinstance(node, exp.TableSample):
        return "a sample takes other rows every time", "choose rows by their key: WHERE hash(key) % 10 = 0"
    if isinstance(node, exp.Select | exp.SetOperation) and keeps_some(node):
        return _kept(node)
    if isinstance(node, exp.Array) and any(isinstance(part, exp.Query) for part in node.expressions):
        return "ARRAY(SELECT …) takes rows in any order", "write list(column ORDER BY column)"
    name = name_of(node)
    if name in CLOCK:
        return f"{name} reads the computer's clock", "write as_of()"
    if name in SESSION or name in RANDOM:
        return f"{name}() gives another value every time", "take it from a source, or leave it out"
    if name not in AGGREGATES and isinstance(node, exp.AggFunc) and name not in PLACES | FRAMED | PEERS:
        return f"{name}() is not known to give the same for rows in any order", "use another aggregate"
    if name in AGGREGATES or name in PLACES | FRAMED | REFUSED_WINDOWS:
        return _call(node, name)
    return _CLEAR


def _kept(query: exp.Select | exp.SetOperation) -> tuple[str, str]:
    what = "LIMIT" if query.args.get("limit") or query.args.get("offset") else "DISTINCT ON"
    if query.args.get("order") is None:
        single = isinstance(query, exp.Select) and missing_in_query(query, {}) == []
        return _CLEAR if single else (f"{what} without ORDER BY keeps any rows", _UNIQUE)
    return _CLEAR if missing_in_query(query, {}) == [] else (f"{what} keeps any of the rows that are equal in ORDER BY", _UNIQUE)


def _call(node: exp.Expr, name: str) -> tuple[str, str]:
    window, select = window_of(node), select_of(node)
    fact = AGGREGATES.get(name)
    if name in REFUSED_WINDOWS or (fact is not None and fact.kind == "refused"):
        return f"{name}() does not promise the same result twice", "use quantile_cont or another exact function"
    given, keys, _ = arguments(node)
    if name in PLACES and keys:
        return f"{name}() has an ORDER BY inside", "write it in OVER (… ORDER BY …)"
    if window is not None and select is not None and (by_place(name, window) or name in PLACES):
        reason = _ties(name, _opened(window, select), select)
        if reason[0]:
            return reason
    if fact is None or select is None:
        return _inside(name, given, keys, window)
    if fact.kind == "never" or (fact.kind == "floating" and given and all(exact(value, select, {}) for value in given)):
        return _CLEAR
    return _inside(name, given, keys, window)


def _opened(window: exp.Window, select: exp.Select) -> exp.Window:
    """The window with what the one that it names adds."""
    name = window.args.get("alias")
    base = next((one for one in select.args.get("windows") or [] if name is not None and one.name.lower() == name.name.lower()), None)
    if base is None:
        return window
    order = window.args.get("order") or base.args.get("order")
    partition = [*(window.args.get("partition_by") or []), *(base.args.get("partition_by") or [])]
    return exp.Window(order=order and order.copy(), partition_by=[one.copy() for one in partition])


def _ties(name: str, window: exp.Window, select: exp.Select) -> tuple[str, str]:
    if missing(window, select, {}) == []:
        return _CLEAR
    if window.args.get("order") is None:
        return f"{name}() OVER () without ORDER BY numbers rows in any order", "write OVER (… ORDER BY …)"
    return f"{name}() OVER (…) depends on which of the rows that are equal in ORDER BY comes first", _UNIQUE


def _inside(name: str, given: list[exp.Expr], keys: list[exp.Ordered], window: exp.Window | None) -> tuple[str, str]:
    if name in PAIRED and window is None and is_paired(given):
        return _CLEAR
    count, there = needed_keys(name, len(given), window), [key.this for key in keys]
    if len(given) >= count and all(isinstance(one, exp.Literal) or one in there for one in given[:count]):
        return _CLEAR
    if name in ("sum", "avg", "mean"):
        return f"{name}() of floating values rounds differently by the order of rows", _DECIMAL
    return f"{name}() depends on the order of rows", _INSIDE
