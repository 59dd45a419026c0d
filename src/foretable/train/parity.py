"""The parity gate: no version is registered unless SQL and the native estimator agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from foretable import sql
from foretable.errors import ParityFailure
from foretable.registry.signature import Feature, Signature, encode_table
from foretable.train.features import ordered_rows
from foretable.train.probes import probe_rows
from foretable.train.result import Parity

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet

TOLERANCE = 1e-5
"""Of probabilities, times the greater of 1 and the native value."""
WORST = 3

Native = Callable[[np.ndarray], np.ndarray]


def check_parity(
    connection: duckdb.DuckDBPyConnection, signature: Signature, onnx: bytes, native: Native, training: TrainingSet, data: pa.Table
) -> Parity:
    """Compare the candidate's SQL function with the native estimator.

    On every row of the training set as it stands in the warehouse, and on made-up rows: NULLs, unseen
    categories, values beside each threshold of the trees.

    Parameters
    ----------
    connection
        Where the function is registered for the length of the check.
    signature, onnx
        The candidate as it would be registered.
    native
        The estimator's own code: encoded float64 matrix to output.
    training
        The training set's table.
    data
        Its rows, to make probes from.

    Raises
    ------
    ParityFailure
        Some rows differ by more than the tolerance, are NULL on one side only, or are no number; the
        message shows the worst.
    """
    from foretable.udf import register_version

    name = "predict_" + signature.model + "__candidate"
    register_version(connection, name, signature, onnx)
    try:
        rows = _scored(connection, name, signature, ordered_rows(connection, training), training.keys)
        worst = _compare(rows, signature, native, training.keys, training.table)
        probes = probe_rows(data, signature.features, onnx)
        connection.register(_PROBES, probes)
        try:
            made_up = _scored(connection, name, signature, exp.select().from_(sql.table(_PROBES)), ())
        finally:
            connection.unregister(_PROBES)
        worst = max(worst, _compare(made_up, signature, native, (), "a made-up row"))
    finally:
        connection.remove_function(name)
    return Parity(len(rows), len(made_up), worst, TOLERANCE)


_PROBES = "foretable_parity_probes"
_SCORE = "foretable_score"


def _scored(connection: duckdb.DuckDBPyConnection, name: str, signature: Signature, rows: exp.Select, keys: Sequence[str]) -> pa.Table:
    """Rows with their features as the function takes them, and its score of the features as they are."""
    call = exp.Anonymous(this=name, expressions=[sql.column(feature.name) for feature in signature.features])
    named = [exp.alias_(exp.cast(sql.column(f.name), f.sql_type, dialect=sql.DIALECT), f.name, quoted=True) for f in signature.features]
    query = rows.select(*(sql.column(key) for key in keys), *named, exp.alias_(call, _SCORE, quoted=True))
    return connection.execute(sql.render(query)).to_arrow_table()


def _compare(rows: pa.Table, signature: Signature, native: Native, keys: Sequence[str], where: str) -> float:
    expected = native(encode_table(rows, signature.features))
    scores = rows[_SCORE].to_numpy()
    empty = _all_null(rows, signature.features)
    excess = np.abs(scores - expected) / np.maximum(1.0, np.abs(expected))
    excess = np.where(np.isnan(excess), np.inf, excess)
    excess[empty] = np.where(np.isnan(scores[empty]), 0.0, np.inf)
    if not len(excess) or excess.max() <= TOLERANCE:
        return float(excess.max(initial=0.0))
    broken = np.flatnonzero(excess > TOLERANCE)
    shown = broken[np.argsort(-excess[broken], kind="stable")][:WORST]
    lines = [_line(rows.slice(row, 1).to_pylist()[0], scores[row], None if empty[row] else expected[row], keys) for row in shown.tolist()]
    raise ParityFailure(
        f"{len(broken):,} of {len(rows):,} rows score otherwise in SQL than by the estimator itself:\n" + "\n".join(lines),
        where=where,
        hint=f"the version is not registered; the tolerance is {TOLERANCE:g}. Scale extreme columns in their feature view, or exclude them",
    )


def _line(row: dict[str, object], score: float, expected: float | None, keys: Sequence[str]) -> str:
    row.pop(_SCORE)
    who = ", ".join(f"{key} {row[key]}" for key in keys) or str(row)
    in_sql, by_itself = ("NULL" if value is None or np.isnan(value) else f"{value:.9g}" for value in (score, expected))
    return f"  {who}: SQL {in_sql}, estimator {by_itself}"


def _all_null(rows: pa.Table, features: Sequence[Feature]) -> np.ndarray:
    empty: np.ndarray = np.logical_and.reduce([rows[f.name].is_null().to_numpy() for f in features])
    return empty
