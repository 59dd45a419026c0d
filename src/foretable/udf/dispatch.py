"""``foretable_score``: the one Python function that every ``predict_`` macro calls.

Its first argument names a version by model, number and content (``churn@4#0f3a…``); the rest are the
features. One function for all versions costs nothing at connect however many are retained, leaves
nothing to undo when a transaction that adds a version rolls back, and as it belongs to the module,
closing one of several connections to a file cannot take it away from the others.
"""

from __future__ import annotations

import hashlib
import weakref
from contextlib import suppress
from threading import Lock

import duckdb
import pyarrow as pa
from sqlglot import exp

from foretable.errors import WarehouseError
from foretable.registry.artifacts import read_artifact, read_signature
from foretable.registry.signature import Signature
from foretable.sql import statement
from foretable.udf.create import create_for_good
from foretable.udf.host import Score, make_scorer

SCORE = "foretable_score"
SCORE_ONCE = "foretable_score_once"
"""The same function, declared to have side effects: the optimiser may then not run it twice, once for
a filter on the score and once for the score itself. Table macros call it."""

MOST_KEPT = 64
"""Versions kept in memory; the one staged longest ago goes first and is read again when it is called."""

_WAREHOUSES = """
SELECT database_name FROM duckdb_tables() WHERE schema_name = 'foretable' AND table_name = 'model_artifacts'
ORDER BY database_name <> current_database(), database_name
"""
"""Files of one connection that have a catalog: its own first, then those attached."""

_scorers: dict[str, Score] = {}
_sources: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
_lock = Lock()


def version_key(model: str, version: int, signature: str, sha256: str) -> str:
    """The name of a version by its content: equal keys score alike in any warehouse.

    Parameters
    ----------
    model, version
        As in ``foretable.model_versions``.
    signature
        The signature's JSON text, as stored.
    sha256
        The hash of the artefact.
    """
    digest = hashlib.sha256(f"{signature}\n{sha256}".encode()).hexdigest()
    return f"{model}@{version}#{digest[:16]}"


def stage(key: str, signature: Signature, onnx: bytes) -> None:
    """Make a version callable in the transaction that adds it, which no other connection sees into."""
    _kept(key, make_scorer(signature, onnx))


def _kept(key: str, made: Score) -> Score:
    with _lock:
        kept = _scorers.setdefault(key, made)
        while len(_scorers) > MOST_KEPT:
            del _scorers[next(iter(_scorers))]
        return kept


def register_score(connection: duckdb.DuckDBPyConnection) -> None:
    """Register ``foretable_score`` on the connection's database; call it outside a transaction.

    Versions that a call asks for are read from any connection registered so that is still open.
    """
    with _lock:
        _sources.add(connection)
    create_for_good(connection, SCORE, score, ["VARCHAR"], "DOUBLE")
    create_for_good(connection, SCORE_ONCE, score, ["VARCHAR"], "DOUBLE", side_effects=True)


def score(*columns: pa.ChunkedArray) -> pa.Array:
    """Scores of one batch: a constant key, then the features in the order of the signature."""
    if not len(columns[0]):
        return pa.array([], pa.float64())
    return _scorer(columns[0][0].as_py())(*columns[1:])


def _scorer(key: str) -> Score:
    return _scorers.get(key) or _kept(key, make_scorer(*_stored(key)))


def _stored(key: str) -> tuple[Signature, bytes]:
    name = key.partition("#")[0]
    model, _, version = name.partition("@")
    with _lock:
        sources = list(_sources)
    for source in sources:
        with suppress(duckdb.Error):  # closed: another connection may have it
            cursor = source.cursor()
            try:
                for (warehouse,) in cursor.execute(_WAREHOUSES).fetchall():
                    cursor.execute(statement("USE $warehouse", warehouse=exp.to_identifier(warehouse, quoted=True)))
                    stored = read_signature(cursor, model, int(version))
                    if stored is not None and version_key(model, int(version), *stored) == key:
                        return Signature.from_json(stored.signature), read_artifact(cursor, model, int(version))
            finally:
                cursor.close()
    raise WarehouseError(
        f"no open warehouse holds {name} as this macro knows it",
        hint="open the file with foretable.connect(); if it was put together by hand, promote the version again",
    )
