"""``foretable_score`` and its siblings: the few Python functions that all macros of all models call.

Their first argument names a version by model, number and content (``churn@4#0f3a…``), and where the
graph is not what answers, by kind (``churn@4#77b1…:booster``); the rest are the features. One function
for all versions costs nothing at connect however many are retained, leaves nothing to undo when a
transaction that adds a version rolls back, and as it belongs to the module, closing one of several
connections to a file cannot take it away from the others.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

import duckdb
import pyarrow as pa
from sqlglot import exp

from foretable.errors import WarehouseError
from foretable.registry.artifacts import artifact_hashes, read_artifact, read_signature
from foretable.registry.signature import Signature
from foretable.sql import statement
from foretable.udf.create import create_for_good
from foretable.udf.explained import LIST, REASON
from foretable.udf.host import Score
from foretable.udf.kinds import KINDS

SCORE, SCORES, EXPLAIN = "foretable_score", "foretable_scores", "foretable_explain"
"""A DOUBLE per row; a DOUBLE[] with the probability of each class; a list of reasons."""
ONCE = "_once"
"""Ends the name of the same function, declared to have side effects: the optimiser may then not run it
twice, once for a filter on the score and once for the score itself. Table macros call it."""

MOST_KEPT = 128
"""Makers of answers kept in memory; the one staged longest ago goes first and is read again when it is called."""

_WAREHOUSES = """
SELECT database_name FROM duckdb_tables() WHERE schema_name = 'foretable' AND table_name = 'model_artifacts'
ORDER BY database_name <> current_database(), database_name
"""
"""Files of one connection that have a catalog: its own first, then those attached."""

_scorers: dict[str, Score] = {}
_sources: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
_lock = Lock()


def version_key(model: str, version: int, signature: str, hashes: Mapping[str, str], kind: str = "onnx") -> str:
    """The name of a version by its content: equal keys answer alike in any warehouse.

    Parameters
    ----------
    model, version
        As in ``foretable.model_versions``.
    signature
        The signature's JSON text, as stored.
    hashes
        The SHA-256 of the version's artefacts.
    kind
        What answers, one of ``KINDS``.
    """
    content = "\n".join((signature, *(hashes[needed] for needed in KINDS[kind].needs)))
    digest = hashlib.sha256(content.encode()).hexdigest()
    return f"{model}@{version}#{digest[:16]}" + ("" if kind == "onnx" else f":{kind}")


def stage(model: str, version: int, signature: Signature, artifacts: Mapping[str, bytes]) -> None:
    """Make a version callable in the transaction that adds it, which no other connection sees into."""
    hashes = {kind: hashlib.sha256(content).hexdigest() for kind, content in artifacts.items()}
    for name, kind in KINDS.items():
        if artifacts.keys() >= set(kind.needs):
            _kept(version_key(model, version, signature.to_json(), hashes, name), kind.make(signature, artifacts))


def _kept(key: str, made: Score) -> Score:
    with _lock:
        kept = _scorers.setdefault(key, made)
        while len(_scorers) > MOST_KEPT:
            del _scorers[next(iter(_scorers))]
        return kept


def register_score(connection: duckdb.DuckDBPyConnection) -> None:
    """Register the functions on the connection's database; call it outside a transaction.

    Versions that a call asks for are read from any connection registered so that is still open.
    """
    with _lock:
        _sources.add(connection)
    for name, returns, call in ((SCORE, "DOUBLE", score), (SCORES, "DOUBLE[]", scores), (EXPLAIN, f"{REASON}[]", reasons)):
        create_for_good(connection, name, call, ["VARCHAR"], returns)
        if name != EXPLAIN:
            create_for_good(connection, name + ONCE, call, ["VARCHAR"], returns, side_effects=True)


def score(*columns: pa.ChunkedArray) -> pa.Array:
    """Scores of one batch: a constant key, then the features in the order of the signature."""
    return _called(columns, pa.float64())


def scores(*columns: pa.ChunkedArray) -> pa.Array:
    """The probabilities of the classes, of one batch."""
    return _called(columns, pa.list_(pa.float64()))


def reasons(*columns: pa.ChunkedArray) -> pa.Array:
    """The reasons of one batch: a constant key, how many are wanted (NULL for all), then the features."""
    return _called(columns, LIST)


def _called(columns: tuple[pa.ChunkedArray, ...], returns: pa.DataType) -> pa.Array:
    if not len(columns[0]):
        return pa.array([], returns)
    return _scorer(columns[0][0].as_py())(*columns[1:])


def _scorer(key: str) -> Score:
    return _scorers.get(key) or _kept(key, _stored(key))


def _stored(key: str) -> Score:
    name, _, content = key.partition("#")
    model, _, version = name.partition("@")
    kind = content.partition(":")[2] or "onnx"
    with _lock:
        sources = list(_sources)
    for source in sources:
        with suppress(duckdb.Error):  # closed: another connection may have it
            cursor = source.cursor()
            try:
                for (warehouse,) in cursor.execute(_WAREHOUSES).fetchall():
                    cursor.execute(statement("USE $warehouse", warehouse=exp.to_identifier(warehouse, quoted=True)))
                    if found := _read(cursor, key, model, int(version), kind):
                        return found
            finally:
                cursor.close()
    raise WarehouseError(
        f"no open warehouse holds {name} as this macro knows it",
        hint="open the file with foretable.connect(); if it was put together by hand, promote the version again",
    )


def _read(cursor: duckdb.DuckDBPyConnection, key: str, model: str, version: int, kind: str) -> Score | None:
    stored, hashes = read_signature(cursor, model, version), artifact_hashes(cursor, model, version)
    if stored is None or kind not in KINDS or not hashes.keys() >= set(KINDS[kind].needs):
        return None
    if version_key(model, version, stored.signature, hashes, kind) != key:
        return None
    artifacts = {needed: read_artifact(cursor, model, version, needed) for needed in KINDS[kind].needs}
    return KINDS[kind].make(Signature.from_json(stored.signature), artifacts)
