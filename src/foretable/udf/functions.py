"""Making models and declared Python functions callable in SQL."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import duckdb
from sqlglot import exp

from foretable.declare.function import Function
from foretable.errors import DeclarationError, UnknownName
from foretable.forms.store import from_bytes
from foretable.registry.artifacts import artifact_hashes, read_artifact, read_signature
from foretable.registry.intervals import NONE
from foretable.registry.signature import ENDINGS, Signature
from foretable.sql import render, table
from foretable.udf.calls import Answers
from foretable.udf.create import create_for_good, create_function
from foretable.udf.dispatch import register_score, version_key
from foretable.udf.kinds import KINDS
from foretable.udf.macros import explain_macros, macros

_OTHERS_HAVE = "SELECT count(*) FROM foretable.model_versions WHERE model = ? AND json_extract(signature, '$.intervals') IS NOT NULL"
_OTHER_TASKS = "SELECT count(*) FROM foretable.model_versions WHERE model = ? AND json_extract_string(signature, '$.task') <> ?"
_current: dict[tuple[str, str], Callable[..., Any]] = {}
_trampolines: dict[tuple[str, str], Callable[..., Any]] = {}
"""Kept for good: DuckDB drops its reference with the connection that registered one, others still call it."""


def register_models(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the macros of every retained version work on this connection; call it outside a transaction.

    Nothing is read: a version's artefacts are loaded when its first row is scored.
    """
    register_score(connection)


def register_version(
    connection: duckdb.DuckDBPyConnection, name: str, signature: Signature, artifacts: Mapping[str, bytes], kind: str = "onnx"
) -> None:
    """Register one version as the function ``name(feature, …)``, in the order of the signature.

    It is there until ``connection.remove_function(name)``; nothing is stored. The parity gate asks it
    before a version may have a number.

    Parameters
    ----------
    connection
        Where the function is registered.
    name
        How it is called.
    signature
        What it reads.
    artifacts
        The version's bytes, by kind.
    kind
        Which of them answers: ``onnx`` or ``booster``.
    """
    types = [feature.sql_type for feature in signature.features]
    returns = "DOUBLE[]" if signature.task == "multiclass" else "DOUBLE"
    create_function(connection, name, KINDS[kind].make(signature, artifacts), types, returns)


def install_macros(connection: duckdb.DuckDBPyConnection, model: str, version: int, name: str) -> None:
    """Create the macros of a version, in the caller's transaction.

    ``predict_<model>(row)`` and ``FROM predict_<model>(table)``, ``predict_<model>_label(row)`` or
    ``predict_<model>_probabilities(row)`` or ``predict_<model>_interval(row)`` where the task has such, ``explain_<model>(row)`` and
    ``explain_<model>__exact(row)``. They are stored in the file and work in every connection that
    ``foretable.connect`` opens; where the executor is SQL, ``predict_`` works in any client.

    Parameters
    ----------
    connection
        A writable warehouse.
    model, version
        As in ``foretable.model_versions``.
    name
        ``predict_<model>``, with ``__<alias>`` or ``__v<N>`` behind it for another than the champion.

    Raises
    ------
    UnknownName
        The catalog has no such version.
    WarehouseError
        The version's form is damaged.
    """
    stored = read_signature(connection, model, version)
    if stored is None:
        raise UnknownName(f"{model}@{version} is not in the catalog", hint="list what there is: foretable models")
    signature, hashes = Signature.from_json(stored.signature), artifact_hashes(connection, model, version)
    if signature.task == "regression" and signature.intervals is None and connection.execute(_OTHERS_HAVE, [model]).fetchall()[0][0]:
        signature = replace(signature, intervals=NONE)
    suffix = name.removeprefix(f"predict_{model}")
    executor = _executor(connection, model, version)
    if executor == "sql":
        answers = Answers(signature, form=from_bytes(read_artifact(connection, model, version, "form"), signature.features))
    else:
        answers = Answers(signature, version_key(model, version, stored.signature, hashes, executor))
    keys = {
        kind: version_key(model, version, stored.signature, hashes, kind) if hashes.keys() >= set(KINDS[kind].needs) else ""
        for kind in ("explain", "exact")
    }
    _drop_of_other_tasks(connection, signature, suffix)
    for statement in [*macros(answers, version, suffix), *explain_macros(signature, keys["explain"], keys["exact"], suffix)]:
        connection.execute(statement)


def _drop_of_other_tasks(connection: duckdb.DuckDBPyConnection, signature: Signature, suffix: str) -> None:
    """Drop what a version of another task has left under these names: its label or interval would stand beside our answer."""
    if connection.execute(_OTHER_TASKS, [signature.model, signature.task]).fetchall()[0][0]:
        for ending in ENDINGS:
            name = table(f"main.predict_{signature.model}{ending}{suffix}")
            connection.execute(render(exp.Drop(kind="MACRO", this=name, exists=True)))


def _executor(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> str:
    query = "SELECT executor FROM foretable.model_versions WHERE model = ? AND version = ?"
    executor: str = connection.execute(query, [model, version]).fetchall()[0][0]
    return executor


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
