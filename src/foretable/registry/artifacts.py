"""The bytes of a version, by kind, checked against their hash whenever they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import duckdb

from foretable.errors import UnknownName, WarehouseError

KINDS = ("onnx", "form", "explain", "booster")
"""What is kept of a version: its graph, always; and where there are such, the model in plain numbers, its
contributions as a graph, and XGBoost's own format."""

_READ = "SELECT content, sha256 FROM foretable.model_artifacts WHERE model = ? AND version = ? AND kind = ?"


class Stored(NamedTuple):
    """What identifies a version's content: the signature's JSON text and the hash of its graph."""

    signature: str
    sha256: str


def read_signature(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> Stored | None:
    """The stored signature of a version, or None where the catalog has no such version."""
    rows = connection.execute(
        "SELECT v.signature, a.sha256 FROM foretable.model_versions AS v"
        " JOIN foretable.model_artifacts AS a ON a.model = v.model AND a.version = v.version"
        " WHERE v.model = ? AND v.version = ? AND a.kind = 'onnx'",
        [model, version],
    ).fetchall()
    return Stored(*rows[0]) if rows else None


def artifact_hashes(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> dict[str, str]:
    """The SHA-256 of every artefact of a version, by kind."""
    query = "SELECT kind, sha256 FROM foretable.model_artifacts WHERE model = ? AND version = ? ORDER BY kind"
    return dict(connection.execute(query, [model, version]).fetchall())


def read_artifact(connection: duckdb.DuckDBPyConnection, model: str, version: int, kind: str = "onnx") -> bytes:
    """An artefact of a version that the catalog has.

    Raises
    ------
    UnknownName
        The version has no artefact of that kind.
    WarehouseError
        The bytes are not those that were registered.
    """
    rows = connection.execute(_READ, [model, version, kind]).fetchall()
    if not rows:
        raise UnknownName(
            f"{model}@{version} has no artefact {kind!r}",
            where="foretable.model_artifacts",
            hint=f"it has {', '.join(artifact_hashes(connection, model, version)) or 'none'}",
        )
    content, sha256 = rows[0]
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WarehouseError(
            f"the artefact {kind!r} of {model}@{version} is damaged: its bytes do not have the hash they were registered with",
            where="foretable.model_artifacts",
            hint=f"bring back a copy with: foretable restore BACKUP, or train again: foretable train {model}",
        )
    return bytes(content)


def read_artifacts(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> dict[str, bytes]:
    """Every artefact of a version, by kind.

    Raises
    ------
    WarehouseError
        Some bytes are not those that were registered.
    """
    return {kind: read_artifact(connection, model, version, kind) for kind in artifact_hashes(connection, model, version)}


def write_artifacts(connection: duckdb.DuckDBPyConnection, model: str, version: int, artifacts: Mapping[str, bytes]) -> dict[str, str]:
    """Store the artefacts of a new version; gives the SHA-256 of each."""
    hashes = {kind: hashlib.sha256(content).hexdigest() for kind, content in artifacts.items()}
    for kind, content in artifacts.items():
        connection.execute("INSERT INTO foretable.model_artifacts VALUES (?, ?, ?, ?, ?)", [model, version, kind, content, hashes[kind]])
    return hashes
