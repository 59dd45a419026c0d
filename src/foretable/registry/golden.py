"""Made-up rows with the answers that a version gives to them: what a copy of it elsewhere has to give as well.

They are made from the signature and the model's own numbers, never from anybody's data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from foretable import sql
from foretable.registry.signature import Feature, Signature

ROWS = 64
TOLERANCE = 1e-5
"""Of answers, times the greater of 1 and the one expected; as in the parity gate."""
ARROW = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}
_TABLE = "foretable_golden_rows"
_ANSWER = "SELECT $answer FROM foretable_golden_rows AS features_of"
_UNSEEN = "\x01a word of no vocabulary"


def golden_rows(signature: Signature, form: Any = None) -> pa.Table:
    """Rows that a version is asked about, the same for equal signatures and forms.

    Parameters
    ----------
    signature
        What the rows have.
    form
        The model in plain numbers, where there is one: numbers lie around its thresholds or means.

    Returns
    -------
    pyarrow.Table
        One column per feature: mixed rows, one with each feature NULL, one with each category unseen, one all NULL.
    """
    seed = int.from_bytes(hashlib.sha256(signature.to_json().encode()).digest()[:8], "big")
    generator = np.random.default_rng(seed)
    columns = [_values(feature, _around(form, position), generator) for position, feature in enumerate(signature.features)]
    rows: list[list[Any]] = [list(row) for row in zip(*columns, strict=True)]
    for position, feature in enumerate(signature.features):
        rows.append(_with(rows[position % ROWS], position, None))
        if feature.kind == "category":
            rows.append(_with(rows[position % ROWS], position, _UNSEEN))
    rows.append([None] * len(signature.features))
    schema = pa.schema([(feature.name, ARROW[feature.kind]) for feature in signature.features])
    return pa.table([pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), schema.types, strict=True)], schema=schema)


def answers_in_sql(connection: duckdb.DuckDBPyConnection, signature: Signature, version: int, rows: pa.Table) -> np.ndarray:
    """What the functions of a registered version give, as people call them; shape (rows,) or (rows, classes), NULL as NaN."""
    model = signature.model
    name = f"predict_{model}_probabilities__v{version}" if signature.task == "multiclass" else f"predict_{model}__v{version}"
    call = exp.Anonymous(this=name, expressions=[exp.column("features_of")])
    connection.register(_TABLE, rows)
    try:
        found = connection.execute(sql.statement(_ANSWER, answer=call)).fetchall()
    finally:
        connection.unregister(_TABLE)
    if signature.task != "multiclass":
        return np.array([answer for (answer,) in found], dtype=np.float64)
    nothing = [None] * len(signature.classes)
    return np.array([list(answer.values()) if answer else nothing for (answer,) in found], dtype=np.float64)


def farthest(found: np.ndarray, expected: np.ndarray) -> float:
    """The greatest difference, relative where the expected answer is beyond 1; infinite where only one side has an answer."""
    if found.shape != expected.shape:
        return float("inf")
    missing = np.isnan(found) & np.isnan(expected)
    excess = np.where(missing, 0.0, np.abs(found - expected) / np.maximum(1.0, np.abs(expected)))
    return float(np.where(np.isnan(excess), np.inf, excess).max(initial=0.0))


def _values(feature: Feature, around: Sequence[float], generator: np.random.Generator) -> list[Any]:
    if feature.kind == "boolean":
        return [bool(draw) for draw in generator.integers(0, 2, ROWS)]
    if feature.kind == "category":
        return (
            [feature.vocabulary[draw] for draw in generator.integers(0, len(feature.vocabulary), ROWS)]
            if feature.vocabulary
            else [None] * ROWS
        )
    if not around:
        return [float(draw) for draw in (generator.normal(size=ROWS) * 10.0 ** generator.integers(-1, 4, ROWS)).round(6)]
    centres = np.array(around)[generator.integers(0, len(around), ROWS)]
    spread = np.maximum(np.abs(centres) * 0.1, 1.0)
    return [float(draw) for draw in centres + spread * generator.normal(size=ROWS)]


def _around(form: Any, feature: int) -> list[float]:
    """Numbers that matter to a model: the thresholds of a feature, or its mean."""
    from foretable.forms.form import Linear, Trees

    if isinstance(form, Linear):
        return [float(form.mean[feature])]
    if not isinstance(form, Trees):
        return []
    columns = [number for number, column in enumerate(form.columns) if column.feature == feature and column.table is None]
    found = [tree.threshold[np.isin(tree.column, columns)] for tree in form.trees] if columns else []
    thresholds = np.unique(np.concatenate(found)) if found else np.array([])
    return [float(threshold) for threshold in thresholds if np.isfinite(threshold)]


def _with(row: list[Any], position: int, value: Any) -> list[Any]:
    return [*row[:position], value, *row[position + 1 :]]
