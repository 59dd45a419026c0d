"""Making models and declared Python functions callable in SQL."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from foretable.declare.function import Function
from foretable.errors import DeclarationError, UnknownName
from foretable.registry.artifacts import read_signature
from foretable.registry.signature import Signature
from foretable.udf.create import create_for_good, create_function
from foretable.udf.dispatch import register_score, version_key
from foretable.udf.host import make_scorer
from foretable.udf.macros import row_macro, table_macro

_current: dict[tuple[str, str], Callable[..., Any]] = {}
_trampolines: dict[tuple[str, str], Callable[..., Any]] = {}
"""Kept for good: DuckDB drops its reference with the connection that registered one, others still call it."""


def register_models(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the macros of every retained version work on this connection; call it outside a transaction.

    Nothing is read: a version's graph is loaded when its first row is scored.
    """
    register_score(connection)


def register_version(connection: duckdb.DuckDBPyConnection, name: str, signature: Signature, onnx: bytes | Callable[[], bytes]) -> None:
    """Register one graph as the function ``name(feature, …)``, in the order of the signature.

    It is there until ``connection.remove_function(name)``; nothing is stored. The parity gate asks it
    before a version may have a number.
    """
    types = [feature.sql_type for feature in signature.features]
    create_function(connection, name, make_scorer(signature, onnx), types, "DOUBLE")


def install_macros(connection: duckdb.DuckDBPyConnection, model: str, version: int, name: str) -> None:
    """Create the macros ``name(row)`` and ``FROM name(table)`` for a version, in the caller's transaction.

    They are stored in the file and work in every connection that ``foretable.connect`` opens.

    Raises
    ------
    UnknownName
        The catalog has no such version.
    """
    stored = read_signature(connection, model, version)
    if stored is None:
        raise UnknownName(f"{model}@{version} is not in the catalog", hint="list what there is: foretable models")
    signature, key = Signature.from_json(stored.signature), version_key(model, version, *stored)
    connection.execute(row_macro(name, signature, key))
    connection.execute(table_macro(name, signature, key, version))


def register_functions(connection: duckdb.DuckDBPyConnection, functions: Mapping[str, Function]) -> None:
    """Register the Python functions that a project declares; call it outside a transaction.

    Registering a name again, as a reloaded project does, replaces the function in every open
    connection to the same file.

    Raises
    ------
    DeclarationError
        DuckDB does not know a declared type.
    """
    database = _database(connection)
    for name, function in functions.items():
        place = (database, name)
        _current[place] = function.call
        try:
            # Where it is there already, it asks for the current function of this place too.
            create_for_good(connection, name, _trampoline(place, len(function.parameters)), function.parameters, function.returns)
        except duckdb.Error as error:
            raise DeclarationError(
                f"function {name}: {str(error).splitlines()[0]}",
                where=str(function.origin),
                hint="parameters and returns are DuckDB types such as DOUBLE",
            ) from error


def _trampoline(place: tuple[str, str], parameters: int) -> Callable[..., Any]:
    def call(*arrays: Any) -> Any:
        return _current[place](*arrays)

    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"argument_{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(parameters)]
    )
    return _trampolines.setdefault(place, call)


def _database(connection: duckdb.DuckDBPyConnection) -> str:
    path = connection.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchall()[0][0]
    return path or f"memory {id(connection)}"
