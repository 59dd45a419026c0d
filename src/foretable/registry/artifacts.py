"""The bytes of a version, checked against their hash whenever they are read."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import duckdb

from foretable.errors import WarehouseError


class Stored(NamedTuple):
    """What identifies a version's content: the signature's JSON text and the artefact's hash."""

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


def read_artifact(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> bytes:
    """The ONNX graph of a version that the catalog has.

    Raises
    ------
    WarehouseError
        The bytes are not those that were registered.
    """
    content, sha256 = connection.execute(
        "SELECT content, sha256 FROM foretable.model_artifacts WHERE model = ? AND version = ? AND kind = 'onnx'", [model, version]
    ).fetchall()[0]
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WarehouseError(
            f"the artefact of {model}@{version} is damaged: its bytes do not have the hash they were registered with",
            where="foretable.model_artifacts",
            hint=f"bring back a copy with: foretable restore BACKUP, or train again: foretable train {model}",
        )
    return bytes(content)


def write_artifact(connection: duckdb.DuckDBPyConnection, model: str, version: int, content: bytes) -> str:
    """Store an ONNX graph; returns its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    connection.execute("INSERT INTO foretable.model_artifacts VALUES (?, ?, 'onnx', ?, ?)", [model, version, content, sha256])
    return sha256
