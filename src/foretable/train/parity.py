"""The parity gate: no version is registered unless SQL and the native estimator agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from foretable import sql
from foretable.errors import ParityFailure
from foretable.forms import store
from foretable.forms.evaluate import answer
from foretable.forms.form import Form, Trees
from foretable.registry.signature import Feature, Signature, encode_table
from foretable.train.features import ordered_rows
from foretable.train.probes import extreme_rows, probe_rows
from foretable.train.result import Parity

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet

TOLERANCE = 1e-5
"""Of probabilities and linear models, times the greater of 1 and the native value; of numbers that trees give, times the
greater of the native value and the standard deviation of all of them, and where the link is an exponential times the size of
the sum in float32 behind it. A leaf other than the estimator's shows as a difference."""
WORST = 3
BY = {"onnx": "by the ONNX graph", "booster": "by the booster", "sql": "as an expression"}

Native = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class _Judge:
    """What the answers of each executor are held against."""

    signature: Signature
    native: Native
    executors: tuple[str, ...]
    least: float = 1.0
    """What the tolerance is a part of, where the native value is smaller."""
    grows: bool = False
    """Whether the answer is the exponential of a sum: what the sum is off by rounding, which grows with it, multiplies the answer."""


def check_parity(
    connection: duckdb.DuckDBPyConnection,
    signature: Signature,
    artifacts: Mapping[str, bytes],
    executor: str,
    native: Native,
    training: TrainingSet,
    data: pa.Table,
) -> Parity:
    """Compare the candidate's SQL functions with the native estimator: its graph, and what answers besides.

    On every row of the training set as it stands in the warehouse, and on made-up rows: NULLs, unseen
    categories, values beside each threshold of the trees. On infinities and numbers that float32 cannot
    hold, which most estimators refuse, with the model in plain numbers.

    Parameters
    ----------
    connection
        Where the functions are registered for the length of the check.
    signature, artifacts, executor
        The candidate as it would be registered.
    native
        The estimator's own code: encoded float64 matrix to output, shape (rows,) or (rows, classes).
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
    form = store.from_bytes(artifacts["form"]) if "form" in artifacts else None
    executors = tuple(dict.fromkeys(("onnx", executor)))
    with _functions(connection, signature, artifacts, form, executors) as calls:
        rows = _answered(connection, calls, signature, ordered_rows(connection, training), training.keys)
        grows = isinstance(form, Trees) and form.finish.link == "exp"
        judge = _Judge(signature, native, executors, _least(signature, form, native, rows), grows)
        worst = _compare(rows, judge, training.keys, training.table)
        probes = [(probe_rows(data, signature.features, form), judge)]
        if form is not None:
            plain = _Judge(signature, lambda matrix: answer(form, matrix), executors, judge.least, grows)
            probes.append((extreme_rows(data, signature.features), plain))
        for made, by in probes:
            worst = max(worst, _compare(_on_probes(connection, calls, signature, made), by, (), "a made-up row"))
    return Parity(len(rows), sum(len(made) for made, _ in probes), worst, TOLERANCE)


_PROBES = "foretable_parity_probes"
_ANSWER = "foretable_answer_"


@contextmanager
def _functions(
    connection: duckdb.DuckDBPyConnection,
    signature: Signature,
    artifacts: Mapping[str, bytes],
    form: Form | None,
    executors: Sequence[str],
) -> Iterator[dict[str, exp.Expr]]:
    """What each executor answers, over the columns of the training set."""
    from foretable.udf import register_version
    from foretable.udf.calls import in_sql

    columns = [sql.column(feature.name) for feature in signature.features]
    calls: dict[str, exp.Expr] = {}
    registered = []
    try:
        for executor in executors:
            if executor == "sql" and form is not None:
                typed = [exp.cast(c, f.sql_type, dialect=sql.DIALECT) for c, f in zip(columns, signature.features, strict=True)]
                calls[executor] = in_sql(signature, form, typed)
                continue
            name = f"predict_{signature.model}__candidate_{executor}"
            register_version(connection, name, signature, artifacts, executor)
            registered.append(name)
            calls[executor] = exp.Anonymous(this=name, expressions=columns)
        yield calls
    finally:
        for name in registered:
            connection.remove_function(name)


def _answered(
    connection: duckdb.DuckDBPyConnection, calls: Mapping[str, exp.Expr], signature: Signature, rows: exp.Select, keys: Sequence[str]
) -> pa.Table:
    """Rows with their features as the functions take them, and the answers for the features as they are."""
    named = [exp.alias_(exp.cast(sql.column(f.name), f.sql_type, dialect=sql.DIALECT), f.name, quoted=True) for f in signature.features]
    answers = [exp.alias_(call, _ANSWER + executor, quoted=True) for executor, call in calls.items()]
    return connection.execute(sql.render(rows.select(*(sql.column(key) for key in keys), *named, *answers))).to_arrow_table()


def _on_probes(connection: duckdb.DuckDBPyConnection, calls: Mapping[str, exp.Expr], signature: Signature, probes: pa.Table) -> pa.Table:
    connection.register(_PROBES, probes)
    try:
        return _answered(connection, calls, signature, exp.select().from_(sql.table(_PROBES)), ())
    finally:
        connection.unregister(_PROBES)


def _least(signature: Signature, form: Form | None, native: Native, rows: pa.Table) -> float:
    if signature.task != "regression" or not isinstance(form, Trees):
        return 1.0
    return float(np.std(native(encode_table(rows, signature.features)))) or 1.0


def _compare(rows: pa.Table, judge: _Judge, keys: Sequence[str], where: str) -> float:
    """The largest difference of any executor, in the unit of the tolerance."""
    features = judge.signature.features
    expected = _matrix(judge.native(encode_table(rows, features)))
    expected[_all_null(rows, features)] = np.nan
    worst = 0.0
    for executor in judge.executors:
        found = _numbers(rows[_ANSWER + executor], expected.shape[1])
        excess = _excess(found, expected, judge.least)
        if judge.grows:
            excess /= _logarithm(expected)
        worst = max(worst, float(excess.max(initial=0.0)))
        if worst > TOLERANCE:
            _fail(rows, judge, executor, (found, expected, excess), keys, where)
    return worst


def _excess(found: np.ndarray, expected: np.ndarray, least: float) -> np.ndarray:
    """How far each row is off; not at all where neither has a number, and infinitely where only one has."""
    with np.errstate(invalid="ignore"):
        excess = np.abs(found - expected) / np.maximum(least, np.abs(expected))
    excess[found == expected] = 0.0  # infinite on both sides
    none = np.isnan(found).any(axis=1), np.isnan(expected).any(axis=1)
    excess[np.isnan(excess)] = np.inf
    excess[none[0] & none[1]] = 0.0
    by_row: np.ndarray = excess.max(axis=1, initial=0.0)
    return by_row


def _logarithm(expected: np.ndarray) -> np.ndarray:
    """The size of the sum behind the exponential of each row, 1 at least."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.abs(np.log(np.abs(expected))).max(axis=1)
    by_row: np.ndarray = np.where(np.isfinite(sizes), np.maximum(sizes, 1.0), 1.0)
    return by_row


def _fail(
    rows: pa.Table,
    judge: _Judge,
    executor: str,
    compared: tuple[np.ndarray, np.ndarray, np.ndarray],
    keys: Sequence[str],
    where: str,
) -> None:
    found, expected, excess = compared
    broken = np.flatnonzero(excess > TOLERANCE)
    shown = broken[np.argsort(-excess[broken], kind="stable")][:WORST]
    lines = []
    for row in shown.tolist():
        off = int(np.argmax(np.nan_to_num(np.abs(found[row] - expected[row]), nan=np.inf)))
        given = rows.select([*keys, *(f.name for f in judge.signature.features)]).slice(row, 1).to_pylist()[0]
        named = f" of {judge.signature.classes[off]}" if judge.signature.classes else ""
        lines.append(_line(given, found[row, off], expected[row, off], keys, named))
    raise ParityFailure(
        f"{len(broken):,} of {len(rows):,} rows score otherwise in SQL ({BY[executor]}) than by the estimator itself:\n" + "\n".join(lines),
        where=where,
        hint=f"the version is not registered; the tolerance is {TOLERANCE:g}. Scale extreme columns in their feature view, or exclude them",
    )


def _line(row: dict[str, object], found: float, expected: float, keys: Sequence[str], named: str) -> str:
    who = ", ".join(f"{key} {row[key]}" for key in keys) or str(row)
    in_sql, by_itself = ("NULL" if np.isnan(value) else f"{value:.9g}" for value in (found, expected))
    return f"  {who}: SQL {in_sql}{named}, estimator {by_itself}"


def _matrix(answers: np.ndarray) -> np.ndarray:
    """A copy with one column per output."""
    return np.array(answers, dtype=np.float64).reshape(len(answers), -1)


def _numbers(answers: pa.ChunkedArray, outputs: int) -> np.ndarray:
    if not pa.types.is_list(answers.type):
        return _matrix(answers.to_numpy())
    found = np.full((len(answers), outputs), np.nan)
    found[answers.is_valid().to_numpy()] = pc.list_flatten(answers.drop_null()).to_numpy().reshape(-1, outputs)
    return found


def _all_null(rows: pa.Table, features: Sequence[Feature]) -> np.ndarray:
    empty: np.ndarray = np.logical_and.reduce([rows[f.name].is_null().to_numpy() for f in features])
    return empty
