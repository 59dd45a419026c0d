"""Registering a version: its row, its bytes, and all that is known of it, in one transaction."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from foretable.errors import UsageError
from foretable.registry.artifacts import write_artifacts
from foretable.registry.signature import ENDINGS
from foretable.registry.together import together
from foretable.registry.versions import Version, version_of

if TYPE_CHECKING:
    from foretable.train.result import Beside, Curve, Evaluation, Finding, Parity, Trained, Trial
    from foretable.train.training_set import TrainingSet

Origin = Literal["trained", "registered", "imported"]

_INSERT = """
INSERT INTO foretable.model_versions (
    model, version, candidate, created_at, declaration, training_set, training_hash, as_of_from, as_of_to, row_count,
    parameters, signature, metrics, parity, code, parent, executor, seed, lineage, origin, tags, test_rows
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, [], ?)
"""
_INSERT_TRIAL = """
INSERT INTO foretable.trials (model, version, candidate, trial, parameters, value, state, seconds, study, folds, tried_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_EVALUATIONS = """
INSERT INTO foretable.evaluations
SELECT ?, ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]),
    unnest(?::DOUBLE[]), unnest(?::DOUBLE[]), unnest(?::DOUBLE[]), unnest(?::BIGINT[])
"""
_INSERT_CURVES = """
INSERT INTO foretable.curves
SELECT ?, ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::INTEGER[]), unnest(?::VARCHAR[]),
    unnest(?::DOUBLE[]), unnest(?::DOUBLE[])
"""
_INSERT_FINDINGS = """
INSERT INTO foretable.findings
SELECT ?, ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])::JSON
"""
_INSERT_BASELINES = """
INSERT INTO foretable.baselines
SELECT ?, ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::DOUBLE[]), unnest(?::DOUBLE[]),
    unnest(?::DOUBLE[]), unnest(?::DOUBLE[]), unnest(?::DOUBLE[]), unnest(?::DOUBLE[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[])::JSON
"""
_FIRST_WITH_INTERVALS = """
SELECT coalesce(min(version) FILTER (json_extract(signature, '$.intervals') IS NOT NULL) = $2, false) AND count(*) > 1
FROM foretable.model_versions WHERE model = $1
"""
_CLAIM_TRIALS = "UPDATE foretable.trials SET version = ? WHERE model = ? AND study = ? AND version IS NULL"


def add_version(
    connection: duckdb.DuckDBPyConnection,
    trained: Trained,
    training: TrainingSet,
    *,
    declaration: str,
    code: str,
    parity: Parity,
    seed: int,
    lineage: Mapping[str, Any] | None = None,
    origin: Origin = "trained",
    findings: Sequence[Finding] = (),
) -> Version:
    """Register a candidate under the model's next number, in one transaction (the caller's, if there is one).

    The macros ``predict_<model>__v<N>`` are created with it; no alias moves. Trials that the search has kept
    under its study become those of the version.

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
    lineage
        Where its rows came from, by :func:`foretable.train.lineage.lineage_of`.
    origin
        How it came here.
    findings
        What was found for all candidates; the candidate's own are added.
    """
    # Here, because the functions import this package for the signature.
    from foretable.registry.renew import renew_functions
    from foretable.udf.dispatch import stage
    from foretable.udf.functions import install_macros

    model, signature = trained.signature.model, trained.signature
    with together(connection):
        number = _next_number(connection, model)
        _require_own_functions(connection, model)
        row = [
            *(model, number, trained.candidate, datetime.now(UTC).replace(tzinfo=None), declaration),
            *(training.table, training.hash, training.as_of_from, training.as_of_to, training.row_count),
            *(_json(trained.parameters), signature.to_json(), _json(_summary(trained.evaluations)), _json(vars(parity))),
            *(code, _champion(connection, model), trained.executor, seed),
            *(_json(lineage or {}), origin, _test_rows(trained.evaluations)),
        ]
        connection.execute(_INSERT, row)
        write_artifacts(connection, model, number, trained.artifacts)
        _add_evaluations(connection, model, number, trained.evaluations)
        _add_trials(connection, model, number, trained.study, trained.trials)
        _add_curves(connection, model, number, trained.curves)
        _add_baselines(connection, model, number, trained.baselines)
        _add_findings(connection, model, number, [*findings, *trained.findings])
        stage(model, number, signature, trained.artifacts)
        install_macros(connection, model, number, f"predict_{model}__v{number}")
        if connection.execute(_FIRST_WITH_INTERVALS, [model, number]).fetchall()[0][0]:
            renew_functions(connection, model)
        return version_of(connection, model, number)


def _next_number(connection: duckdb.DuckDBPyConnection, model: str) -> int:
    last = connection.execute("SELECT max(version) FROM foretable.model_versions WHERE model = ?", [model]).fetchall()[0][0]
    return int(last or 0) + 1


def _require_own_functions(connection: duckdb.DuckDBPyConnection, model: str) -> None:
    """Refuse a name by which a function would be that of two models."""
    shorter = [model.removesuffix(ending) for ending in ENDINGS if model.endswith(ending)]
    others = [*shorter, *(f"{model}{ending}" for ending in ENDINGS)]
    known = connection.execute("SELECT min(model) FROM foretable.model_versions WHERE list_contains(?, model)", [others]).fetchall()[0][0]
    if known is not None:
        longer = max(model, known, key=len)
        raise UsageError(f"models {model} and {known} would both answer as predict_{longer}", hint="give the model another name")


def _champion(connection: duckdb.DuckDBPyConnection, model: str) -> int | None:
    rows = connection.execute("SELECT version FROM foretable.model_aliases WHERE model = ? AND alias = 'champion'", [model]).fetchall()
    return rows[0][0] if rows else None


def _on_test(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    return [each for each in evaluations if each.split == "test" and each.segment == "all"]


def _summary(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    return {each.metric: each.value for each in _on_test(evaluations)}


def _test_rows(evaluations: Sequence[Evaluation]) -> int | None:
    return max((each.row_count for each in _on_test(evaluations)), default=None)


def _add_evaluations(connection: duckdb.DuckDBPyConnection, model: str, number: int, evaluations: Sequence[Evaluation]) -> None:
    rows = [(each.split, each.segment, each.metric, each.value, each.low, each.high, each.row_count) for each in evaluations]
    _insert(connection, _INSERT_EVALUATIONS, model, number, rows)


def _add_trials(connection: duckdb.DuckDBPyConnection, model: str, number: int, study: str, trials: Sequence[Trial]) -> None:
    """Trials that the search wrote become the version's; those of an earlier version of the same study are copied."""
    if study:
        connection.execute(_CLAIM_TRIALS, [number, model, study])
    query = "SELECT candidate, trial FROM foretable.trials WHERE model = ? AND version = ?"
    there = set(connection.execute(query, [model, number]).fetchall())
    for each in trials:
        if (each.candidate, each.trial) not in there:
            row = [model, number, each.candidate, each.trial, _json(each.parameters), each.value, each.state, each.seconds]
            connection.execute(_INSERT_TRIAL, [*row, study or None, list(each.folds), each.tried_at])


def _add_curves(connection: duckdb.DuckDBPyConnection, model: str, number: int, curves: Sequence[Curve]) -> None:
    rows = [
        (curve.name, curve.split, point, curve.labels[point] if curve.labels else None, x, y)
        for curve in curves
        for point, (x, y) in enumerate(zip(curve.x, curve.y, strict=True))
    ]
    _insert(connection, _INSERT_CURVES, model, number, rows)


def _add_findings(connection: duckdb.DuckDBPyConnection, model: str, number: int, findings: Sequence[Finding]) -> None:
    rows = [(f.check, f.severity, f.column or None, f.message, _json(f.evidence)) for f in findings]
    _insert(connection, _INSERT_FINDINGS, model, number, rows)


def _add_baselines(connection: duckdb.DuckDBPyConnection, model: str, number: int, baselines: Sequence[Beside]) -> None:
    rows = [tuple(_json(value) if name == "parameters" else value for name, value in vars(each).items()) for each in baselines]
    _insert(connection, _INSERT_BASELINES, model, number, rows)


def _insert(connection: duckdb.DuckDBPyConnection, query: str, model: str, number: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """All rows by one statement, as lists: row by row, a thousand points of curves take a second."""
    if rows:
        connection.execute(query, [model, number, *(list(column) for column in zip(*rows, strict=True))])


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's, what is no number as null, dates and whatever else as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
