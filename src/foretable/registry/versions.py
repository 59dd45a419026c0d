"""Model versions: numbered, immutable, never deleted, their numbers never given twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb

from foretable.errors import UnknownName, nearest
from foretable.registry.artifacts import write_artifact
from foretable.registry.signature import Signature
from foretable.registry.together import together

if TYPE_CHECKING:
    from foretable.train.result import Evaluation, Parity, Trained, Trial
    from foretable.train.training_set import TrainingSet

_INSERT = """
INSERT INTO foretable.model_versions (
    model, version, candidate, created_at, declaration, training_set, training_hash, as_of_from, as_of_to, row_count,
    parameters, signature, metrics, parity, code, parent, executor, seed
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_TRIAL = """
INSERT INTO foretable.trials (model, version, candidate, trial, parameters, value, state, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT = """
SELECT model, version, candidate, created_at, declaration, training_set, training_hash, as_of_from, as_of_to, row_count,
    parameters, signature, metrics, parity, code, parent, executor, seed
FROM foretable.model_versions
WHERE ($model IS NULL OR model = lower($model)) AND ($declaration IS NULL OR declaration = $declaration)
ORDER BY model, version
"""


@dataclass(frozen=True)
class Version:
    """One row of ``foretable.model_versions``.

    ``declaration`` and ``code`` are fingerprints of the model's declaration and of the libraries that
    trained it; ``training_set`` names the table, ``training_hash`` its content; ``metrics`` are those
    of the test rows, all segments together; ``parent`` is the champion at the time of training.
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

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


def add_version(
    connection: duckdb.DuckDBPyConnection,
    trained: Trained,
    training: TrainingSet,
    *,
    declaration: str,
    code: str,
    parity: Parity,
    seed: int,
) -> Version:
    """Register a candidate under the model's next number, in one transaction (the caller's, if there is one).

    The macros ``predict_<model>__v<N>`` are created with it; no alias moves.

    Parameters
    ----------
    connection
        A writable connection from ``foretable.connect``.
    trained
        The candidate, after the parity gate.
    training
        What it learned from.
    declaration, code
        Fingerprints of the model's declaration, and of the engine and its libraries.
    parity
        What the parity gate found.
    seed
        The model's seed.
    """
    # Here, because the functions import this package for the signature.
    from foretable.udf.dispatch import stage, version_key
    from foretable.udf.functions import install_macros

    model, signature = trained.signature.model, trained.signature
    with together(connection):
        number = _next_number(connection, model)
        row = [
            *(model, number, trained.candidate, datetime.now(UTC).replace(tzinfo=None), declaration),
            *(training.table, training.hash, training.as_of_from, training.as_of_to, training.row_count),
            *(_json(trained.parameters), signature.to_json(), _json(_summary(trained.evaluations)), _json(vars(parity))),
            *(code, _champion(connection, model), "onnx", seed),
        ]
        connection.execute(_INSERT, row)
        sha256 = write_artifact(connection, model, number, trained.artifacts["onnx"])
        _add_evaluations(connection, model, number, trained.evaluations)
        _add_trials(connection, model, number, trained.trials)
        stage(version_key(model, number, signature.to_json(), sha256), signature, trained.artifacts["onnx"])
        install_macros(connection, model, number, f"predict_{model}__v{number}")
        return version_of(connection, model, number)


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
    read = {name: json.loads(fields[name]) for name in ("parameters", "metrics", "parity")}
    return Version(**{**fields, **read, "signature": Signature.from_json(fields["signature"])})


def _next_number(connection: duckdb.DuckDBPyConnection, model: str) -> int:
    last = connection.execute("SELECT max(version) FROM foretable.model_versions WHERE model = ?", [model]).fetchall()[0][0]
    return int(last or 0) + 1


def _champion(connection: duckdb.DuckDBPyConnection, model: str) -> int | None:
    rows = connection.execute("SELECT version FROM foretable.model_aliases WHERE model = ? AND alias = 'champion'", [model]).fetchall()
    return rows[0][0] if rows else None


def _summary(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    return {each.metric: each.value for each in evaluations if each.split == "test" and each.segment == "all"}


def _add_evaluations(connection: duckdb.DuckDBPyConnection, model: str, number: int, evaluations: Sequence[Evaluation]) -> None:
    rows = [[model, number, each.split, each.segment, each.metric, each.value, each.low, each.high, each.row_count] for each in evaluations]
    if rows:
        connection.executemany("INSERT INTO foretable.evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _add_trials(connection: duckdb.DuckDBPyConnection, model: str, number: int, trials: Sequence[Trial]) -> None:
    rows = [[model, number, each.candidate, each.trial, _json(each.parameters), each.value, each.state, each.seconds] for each in trials]
    if rows:
        connection.executemany(_INSERT_TRIAL, rows)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, default=lambda number: number.item())
