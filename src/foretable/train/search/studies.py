"""Trials are kept as they end, so that a search that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from foretable.declare.candidates import Candidate
from foretable.declare.model import Model
from foretable.train.result import Trial
from foretable.train.training_set import TrainingSet

_RECORD = """
INSERT INTO foretable.trials (model, version, candidate, trial, parameters, value, state, seconds, study, folds, tried_at)
VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_EARLIER = """
SELECT DISTINCT ON (trial) candidate, trial, parameters, value, state, seconds, folds, tried_at
FROM foretable.trials WHERE study = ? ORDER BY trial, tried_at
"""


def study_key(model: Model, candidate: Candidate, training: TrainingSet, *, declaration: str, code: str) -> str:
    """Equal where the same trials would be tried, with the same result: the same candidate, declaration, metric, rows and engine."""
    parts = [declaration, code, training.hash, candidate.name, repr(sorted(candidate.parameters.items())), model.gate.metric]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Study:
    """The search of one candidate: its fingerprint, its trials so far from the first on without a gap, and where new ones go."""

    key: str
    earlier: Sequence[Trial]
    record: Callable[[Trial], None]


NOT_KEPT = Study("", (), lambda _: None)
"""A search that nobody will go on with."""


def open_study(connection: duckdb.DuckDBPyConnection, model: str, key: str) -> Study:
    """The study of a key, outside a transaction: every trial is safe on disk when ``record`` returns."""
    rows = connection.execute(_EARLIER, [key]).fetchall()
    found = [Trial(r[0], r[1], json.loads(r[2]), r[3], r[4], r[5], tuple(r[6]), r[7]) for r in rows]

    def record(trial: Trial) -> None:
        parameters = json.dumps(dict(trial.parameters), sort_keys=True)
        figures = [trial.value, trial.state, trial.seconds, key, list(trial.folds), trial.tried_at]
        connection.execute(_RECORD, [model, trial.candidate, trial.trial, parameters, *figures])

    return Study(key, [trial for position, trial in enumerate(found) if trial.trial == position], record)


def forget_unfinished(connection: duckdb.DuckDBPyConnection, model: str) -> None:
    """Remove the trials of a model that no version came from: those of its versions are kept with them."""
    connection.execute("DELETE FROM foretable.trials WHERE model = ? AND version IS NULL", [model])
