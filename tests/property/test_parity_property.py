"""SQL and the estimator agree on whatever a training set may hold, in any batch and on any number of threads."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foretable as ft
from foretable import sql
from foretable.forms import Finish, Form, store
from foretable.forms.evaluate import answer, apply_finish
from foretable.forms.graph import onnx_of
from foretable.registry.signature import Feature, Signature, encode_table
from foretable.train.estimators.families import fitter
from foretable.train.estimators.fitting import FitInput
from foretable.train.features import infer_features
from foretable.train.parity import TOLERANCE
from foretable.train.probes import extreme_rows, probe_rows
from foretable.udf import register_version
from foretable.udf.calls import in_sql

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


CANDIDATES: dict[str, Any] = {
    "linear": ft.LogisticRegression(),
    "forest": ft.RandomForest(n_estimators=4),
    "trees": ft.XGBoost(n_estimators=5, min_child_weight=0.1),
}
FINISH = Finish("sigmoid", 1.3, -0.4)


def fitted(kind: str, matrix: np.ndarray, outcome: np.ndarray, features: tuple[Feature, ...], seed: int) -> Any:
    thing, candidate = ft.Entity("thing", key="id"), CANDIDATES[kind]
    model = ft.Model(
        "p",
        label=ft.label("training.y", entity=thing)(lambda: None),
        features=[ft.feature_view("features.x", entity=thing)(lambda: None)],
        candidates=[candidate],
    )
    weights, clusters = np.ones(len(matrix)), np.arange(len(matrix))
    return fitter(model, candidate)(FitInput(matrix, outcome, weights, clusters, features, candidate.parameters, model, 0, seed))


def register(connection: duckdb.DuckDBPyConnection, kind: str, features: tuple[Feature, ...], fit: Any, form: Form) -> dict[str, str]:
    """What calls each executor, over columns by the names of the features."""
    signature, names = Signature("p", "classification", features, "y"), [sql.column(feature.name) for feature in features]
    artifacts = {"onnx": onnx_of(form, len(features)), "form": store.to_bytes(form), "booster": fit.booster() or b""}
    calls = {}
    for executor in {"linear": ("onnx",), "forest": ("onnx",), "trees": ("onnx", "booster")}[kind]:
        register_version(connection, f"p_{executor}", signature, artifacts, executor)
        calls[executor] = f"p_{executor}({', '.join(name.sql() for name in names)})"
    if kind == "linear":
        calls["sql"] = sql.render(in_sql(signature, form, names))
    return calls


@pytest.mark.parametrize("kind", list(CANDIDATES))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(row, min_size=12, max_size=60), new=st.lists(row, min_size=1, max_size=40), seed=st.integers(0, 99))
def test_sql_equals_the_estimator(kind: str, rows: list[tuple[Any, ...]], new: list[tuple[Any, ...]], seed: int) -> None:
    data = table([*rows, (1.0, 2.0, True, "a"), (2.0, 1.0, False, "b")])
    features: tuple[Feature, ...] = infer_features(data, SCHEMA.names, "t")
    matrix = encode_table(data, features)
    outcome = np.random.default_rng(seed).integers(0, 2, len(matrix)).astype(float)
    outcome[:2] = 0, 1
    fit = fitted(kind, matrix, outcome, features, seed)
    form = fit.form(FINISH)
    usual = pa.concat_tables([data, table(new), probe_rows(data, features, form)])
    extreme = extreme_rows(data, features)
    everything = pa.concat_tables([usual, extreme])
    expected = np.concatenate([apply_finish(FINISH, fit.raw(encode_table(usual, features))), answer(form, encode_table(extreme, features))])
    empty = np.logical_and.reduce([everything[f.name].is_null().to_numpy() for f in features])

    with duckdb.connect() as connection:
        calls = register(connection, kind, features, fit, form)
        connection.register("everything", everything)
        for executor, call in calls.items():
            scores = connection.execute(f"SELECT {call} AS y FROM everything").to_arrow_table()["y"].to_numpy()
            assert (np.isnan(scores) == (empty | np.isnan(expected))).all(), executor
            assert np.nanmax(np.abs(scores - expected)[~empty]) <= TOLERANCE, executor


@pytest.mark.parametrize("kind", list(CANDIDATES))
def test_scores_do_not_depend_on_batches_or_threads(kind: str) -> None:
    generator = np.random.default_rng(0)
    count, features = 20_000, (*(Feature(f"f{i}", "number") for i in range(30)), Feature("c", "category", ("a", "b")))
    matrix = np.column_stack([generator.normal(1e3, 1, (count, 30)), generator.integers(0, 2, count)])
    outcome = (generator.random(count) < 0.2).astype(float)
    fit = fitted(kind, matrix[:4000], outcome[:4000], features, 0)
    form = fit.form(FINISH)
    rows = pa.table({**{f"f{i}": matrix[:, i] for i in range(30)}, "c": pa.array(["ab"[int(c)] for c in matrix[:, 30]])})
    found: list[list[dict[int, float]]] = []
    for threads, where in ((1, "true"), (4, "true"), (2, "n % 7 = 3")):
        with duckdb.connect(config={"threads": threads}) as connection:
            calls = register(connection, kind, features, fit, form)
            connection.register("arrow", rows)
            connection.execute("CREATE TABLE t AS SELECT row_number() OVER () AS n, * FROM arrow")
            found.append([dict(connection.execute(f"SELECT n, {call} FROM t WHERE {where}").fetchall()) for call in calls.values()])
    assert found[0] == found[1]
    for all_, some in zip(found[0], found[2], strict=True):
        assert {n: all_[n] for n in some} == some
