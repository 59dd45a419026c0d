"""SQL and the estimator agree on whatever a training set may hold, in any batch and on any number of threads."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretable.registry.signature import Feature, Signature, encode_table
from foretable.train.calibration import expit
from foretable.train.features import infer_features
from foretable.train.linear import fit_linear
from foretable.train.parity import TOLERANCE
from foretable.train.probes import probe_rows
from foretable.train.trees import fit_trees
from foretable.udf import register_version

numbers = st.one_of(
    st.none(),
    st.integers(-5, 5).map(float),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.sampled_from([0.0, -0.0, 1e-300, 1e15, 0.1, float(np.float32(0.1)), float(np.nextafter(np.float32(0.1), np.float32(1)))]),
)
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "NULL", "", "é", "O'Neil", 'x"y']), st.text(max_size=3))
row = st.tuples(numbers, numbers, st.one_of(st.none(), st.booleans()), texts)
SCHEMA = pa.schema([("x", pa.float64()), ("odd name", pa.float64()), ("flag", pa.bool_()), ("text", pa.string())])


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, values, strict=True)) for values in rows], schema=SCHEMA)


@pytest.mark.parametrize("kind", ["linear", "trees"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(row, min_size=12, max_size=60), new=st.lists(row, min_size=1, max_size=40), seed=st.integers(0, 99))
def test_sql_equals_the_estimator(kind: str, rows: list[tuple[Any, ...]], new: list[tuple[Any, ...]], seed: int) -> None:
    data = table([*rows, (1.0, 2.0, True, "a"), (2.0, 1.0, False, "b")])
    features: tuple[Feature, ...] = infer_features(data, SCHEMA.names, "t")
    matrix = encode_table(data, features)
    outcome = np.random.default_rng(seed).integers(0, 2, len(matrix)).astype(float)
    outcome[:2] = 0, 1
    fit: Any = {
        "linear": lambda: fit_linear(matrix, outcome, np.ones(len(matrix)), features, {}, seed),
        "trees": lambda: fit_trees(matrix, outcome, np.ones(len(matrix)), features, {"n_estimators": 5, "min_child_weight": 0.1}, seed),
    }[kind]()
    onnx = fit.export(1.3, -0.4)
    everything = pa.concat_tables([data, table(new), probe_rows(data, features, onnx)])
    expected = expit(1.3 * fit.margin(encode_table(everything, features)) - 0.4)
    empty = np.logical_and.reduce([everything[f.name].is_null().to_numpy() for f in features])

    connection = duckdb.connect()
    try:
        register_version(connection, "predict_p", Signature("p", "classification", features, "y"), onnx)
        connection.register("everything", everything)
        score = 'SELECT predict_p(x, "odd name", flag, "text") AS y FROM everything'
        scores = connection.execute(score).to_arrow_table()["y"].to_numpy()
    finally:
        connection.close()
    assert (np.isnan(scores) == empty).all()
    assert np.abs(scores - expected)[~empty].max() <= TOLERANCE


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_scores_do_not_depend_on_batches_or_threads(kind: str) -> None:
    generator = np.random.default_rng(0)
    count, features = 20_000, (*(Feature(f"f{i}", "number") for i in range(30)), Feature("c", "category", ("a", "b")))
    matrix = np.column_stack([generator.normal(1e3, 1, (count, 30)), generator.integers(0, 2, count)])
    outcome = (generator.random(count) < 0.2).astype(float)
    fit: Any = (fit_linear if kind == "linear" else fit_trees)(matrix, outcome, np.ones(count), features, {}, 0)
    rows = pa.table({**{f"f{i}": matrix[:, i] for i in range(30)}, "c": pa.array(["ab"[int(c)] for c in matrix[:, 30]])})
    found = []
    for threads, where in ((1, "true"), (4, "true"), (2, "n % 7 = 3")):
        connection = duckdb.connect(config={"threads": threads})
        register_version(connection, "predict_p", Signature("p", "classification", features, "y"), fit.export(1.0, 0.0))
        connection.register("arrow", rows)
        connection.execute("CREATE TABLE t AS SELECT row_number() OVER () AS n, * FROM arrow")
        names = ", ".join(feature.name for feature in features)
        found.append(dict(connection.execute(f"SELECT n, predict_p({names}) FROM t WHERE {where}").fetchall()))
        connection.close()
    assert found[0] == found[1]
    assert {n: found[0][n] for n in found[2]} == found[2]
