"""Model versions: numbered, immutable, never deleted, their numbers never given twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from foretable.errors import UnknownName, nearest
from foretable.registry.signature import Signature

_SELECT = """
SELECT model, version, candidate, created_at, declaration, training_set, training_hash, as_of_from, as_of_to, row_count,
    parameters, signature, metrics, parity, code, parent, executor, seed,
    coalesce(lineage, '{}'), coalesce(origin, 'trained'), coalesce(notes, ''), coalesce(tags, []), test_rows
FROM foretable.model_versions
WHERE ($model IS NULL OR model = lower($model)) AND ($declaration IS NULL OR declaration = $declaration)
ORDER BY model, version
"""


@dataclass(frozen=True)
class Version:
    """One row of ``foretable.model_versions``.

    ``declaration`` and ``code`` are fingerprints of the model's declaration and of the libraries that
    trained it; ``training_set`` names the table, ``training_hash`` its content; ``metrics`` are those
    of the test rows, all segments together; ``parent`` is the champion at the time of training;
    ``origin`` is ``trained``, ``registered`` or ``imported``; ``test_rows`` counts the rows that it was
    judged on, None where it was not. Nothing but ``notes`` and ``tags`` ever changes.
    """

    model: str
    version: int
    candidate: str
    created_at: datetime
    declaration: str
    training_set: str
    training_hash: str
    as_of_from: datetime | None
    as_of_to: datetime | None
    row_count: int
    parameters: Mapping[str, Any]
    signature: Signature
    metrics: Mapping[str, float]
    parity: Mapping[str, float]
    code: str
    parent: int | None
    executor: str
    seed: int
    lineage: Mapping[str, Any]
    origin: str
    notes: str
    tags: tuple[str, ...]
    test_rows: int | None

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


def versions(connection: duckdb.DuckDBPyConnection, model: str | None = None) -> list[Version]:
    """Every retained version, or those of one model, by model and number; none for a model never trained."""
    return _select(connection, model)


def retained(connection: duckdb.DuckDBPyConnection, model: str) -> list[Version]:
    """The versions of a model that has some.

    Raises
    ------
    UnknownName
        No version of the model is registered.
    """
    found = versions(connection, model)
    if not found:
        known = {version.model for version in versions(connection)}
        hint = nearest(model, known) if known else f"train it first: foretable train {model}"
        raise UnknownName(f"no version of a model {model!r} is registered", hint=hint)
    return found


def version_of(connection: duckdb.DuckDBPyConnection, model: str, number: int) -> Version:
    """One version.

    Raises
    ------
    UnknownName
        No version of the model is registered, or not this one.
    """
    found = retained(connection, model)
    for version in found:
        if version.version == number:
            return version
    raise UnknownName(f"model {model} has no version {number}", hint=f"it has {', '.join(str(version.version) for version in found[-12:])}")


def find_version(connection: duckdb.DuckDBPyConnection, model: str, declaration: str) -> Version | None:
    """The newest version trained from this very declaration, if there is one."""
    found = _select(connection, model, declaration)
    return found[-1] if found else None


def declarations(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Every model with the fingerprint of a declaration that a version of it was trained from."""
    return set(connection.execute("SELECT DISTINCT model, declaration FROM foretable.model_versions").fetchall())


def _select(connection: duckdb.DuckDBPyConnection, model: str | None, declaration: str | None = None) -> list[Version]:
    rows = connection.execute(_SELECT, {"model": model, "declaration": declaration}).fetchall()
    return [_version(row) for row in rows]


def _version(row: tuple[Any, ...]) -> Version:
    fields = dict(zip(Version.__dataclass_fields__, row, strict=True))
    read = {name: json.loads(fields[name]) for name in ("parameters", "metrics", "parity", "lineage")}
    return Version(**{**fields, **read, "signature": Signature.from_json(fields["signature"]), "tags": tuple(fields["tags"])})
