"""One vectorised Python function into a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
from duckdb.func import ARROW, SPECIAL


def create_function(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    call: Callable[..., Any],
    parameters: Sequence[str],
    returns: str,
    *,
    side_effects: bool = False,
) -> None:
    """Register ``call`` over Arrow arrays; NULLs reach it, a call with ``side_effects`` is never run twice for one row."""
    # As types, since a text that names none fails without saying so.
    types: list[Any] = [connection.sqltype(parameter) for parameter in parameters]
    connection.create_function(name, call, types, connection.sqltype(returns), type=ARROW, null_handling=SPECIAL, side_effects=side_effects)


def create_for_good(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    call: Callable[..., Any],
    parameters: Sequence[str],
    returns: str,
    *,
    side_effects: bool = False,
) -> None:
    """Register a function for all connections to the same open database, unless the name is there already.

    The caller keeps ``call`` alive. It goes through a cursor that is closed at once, outside of any
    transaction of the connection: a live connection that holds Python functions warns of leaks at exit,
    and one whose transaction rolls back can never register that name again.
    """
    cursor = connection.cursor()
    try:
        create_function(cursor, name, call, parameters, returns, side_effects=side_effects)
    except duckdb.CatalogException as error:
        if "already exists" not in str(error):
            raise
    finally:
        cursor.close()
