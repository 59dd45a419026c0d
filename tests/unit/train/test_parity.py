"""The parity gate, with exports that are right and exports that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import numpy_helper

import foretable as ft
from foretable.errors import GateRefused, ParityFailure
from foretable.progress import silent
from foretable.registry.signature import Feature
from foretable.train.features import read_rows
from foretable.train.fit import fit_candidate
from foretable.train.parity import _compare, check_parity
from foretable.train.prepare import Prepared, prepare
from foretable.train.probes import probe_rows
from foretable.train.result import Parity, Trained
from foretable.train.training_set import TrainingSet

Declare = Callable[..., ft.Model]
Break = Callable[[Any], None]


@pytest.fixture
def rows(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> pa.Table:
    return read_rows(connection, training)


@pytest.fixture
def prepared(rows: pa.Table, training: TrainingSet, declare: Declare) -> Prepared:
    return prepare(declare(), rows, training)


def trained(prepared: Prepared, declare: Declare, candidate: Any) -> Trained:
    return fit_candidate(declare(weights="balanced", calibration="sigmoid"), candidate, prepared, trials=1, listen=silent)


def check(
    connection: duckdb.DuckDBPyConnection, found: Trained, training: TrainingSet, rows: pa.Table, content: bytes | None = None
) -> Parity:
    return check_parity(connection, found.signature, content or found.artifacts["onnx"], found.native, training, rows)


@pytest.mark.parametrize("candidate", [ft.LogisticRegression(), ft.XGBoost(n_estimators=40, max_depth=5)], ids=["linear", "trees"])
def test_every_row_and_every_probe_agrees(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, rows: pa.Table, prepared: Prepared, declare: Declare, candidate: Any
) -> None:
    found = check(connection, trained(prepared, declare, candidate), training, rows)
    assert found.rows == 3000
    assert found.probes > 300
    assert found.max_difference < 1e-6


def test_it_leaves_nothing_behind(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, rows: pa.Table, prepared: Prepared, declare: Declare
) -> None:
    check(connection, trained(prepared, declare, ft.LogisticRegression()), training, rows)
    left = connection.execute("SELECT function_name FROM duckdb_functions() WHERE function_name LIKE 'predict%'").fetchall()
    assert left == []
    assert connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == []


def _constant(graph: Any, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for constant in graph.initializer:
        if constant.name == name:
            constant.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(constant).copy()), name))
            return
    raise AssertionError(name)


def _fill_with_mean(graph: Any) -> None:
    _constant(graph, "fill", lambda fill: fill + 0.01)


def _forget_nulls(graph: Any) -> None:
    _constant(graph, "per_gap", lambda weights: weights * 0)


def _unseen_is_first(graph: Any) -> None:
    def change(weights: np.ndarray) -> np.ndarray:
        weights[1] = weights[2]
        return weights

    _constant(graph, "weights", change)


def _swap_categories(graph: Any) -> None:
    def change(weights: np.ndarray) -> np.ndarray:
        weights[[2, 3]] = weights[[3, 2]]
        return weights

    _constant(graph, "weights", change)


def _no_calibration(graph: Any) -> None:
    _constant(graph, "offset", lambda offset: offset + 0.001)


def _attributes(graph: Any) -> dict[str, Any]:
    node = next(node for node in graph.node if node.op_type == "TreeEnsembleRegressor")
    return {attribute.name: attribute for attribute in node.attribute}


def _less_or_equal(graph: Any) -> None:
    modes = _attributes(graph)["nodes_modes"].strings
    modes[:] = [b"BRANCH_LEQ" if mode == b"BRANCH_LT" else mode for mode in modes]


def _missing_left(graph: Any) -> None:
    tracks = _attributes(graph)["nodes_missing_value_tracks_true"].ints
    tracks[:] = [1] * len(tracks)


def _next_threshold(graph: Any) -> None:
    values = _attributes(graph)["nodes_values"].floats
    values[:] = [float(np.nextafter(np.float32(value), np.float32(np.inf))) for value in values]


def _null_is_no_category(graph: Any) -> None:
    _constant(graph, "null", lambda null: np.zeros_like(null))


@pytest.mark.parametrize(
    ("candidate", "damage"),
    [
        (ft.LogisticRegression(), _fill_with_mean),
        (ft.LogisticRegression(), _forget_nulls),
        (ft.LogisticRegression(), _unseen_is_first),
        (ft.LogisticRegression(), _swap_categories),
        (ft.LogisticRegression(), _no_calibration),
        (ft.XGBoost(n_estimators=40, max_depth=5), _less_or_equal),
        (ft.XGBoost(n_estimators=40, max_depth=5), _missing_left),
        (ft.XGBoost(n_estimators=40, max_depth=5), _next_threshold),
        (ft.XGBoost(n_estimators=40, max_depth=5), _null_is_no_category),
    ],
)
def test_a_broken_export_is_refused(
    connection: duckdb.DuckDBPyConnection,
    training: TrainingSet,
    rows: pa.Table,
    prepared: Prepared,
    declare: Declare,
    candidate: Any,
    damage: Break,
) -> None:
    found = trained(prepared, declare, candidate)
    broken = onnx.load_from_string(found.artifacts["onnx"])
    damage(broken.graph)
    with pytest.raises(ParityFailure, match="score otherwise in SQL") as caught:
        check(connection, found, training, rows, broken.SerializeToString())
    assert isinstance(caught.value, GateRefused)
    assert "SQL 0." in caught.value.message and "estimator 0." in caught.value.message


def test_the_worst_rows_are_named_by_their_key(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, rows: pa.Table, prepared: Prepared, declare: Declare
) -> None:
    found = trained(prepared, declare, ft.LogisticRegression())

    def native(matrix: np.ndarray) -> np.ndarray:
        scores = found.native(matrix)
        scores[17] += 0.25
        return scores

    with pytest.raises(ParityFailure, match=r"1 of 3,000 rows") as caught:
        check_parity(connection, found.signature, found.artifacts["onnx"], native, training, rows)
    assert f"customer_id {17 // 5}, month {17 % 5}: SQL 0." in caught.value.message
    assert caught.value.where == "training.churn"


def test_no_number_and_no_null_are_differences_too(training: TrainingSet, rows: pa.Table, prepared: Prepared) -> None:
    def compare(row: pa.Table, score: float | None, native: float) -> float:
        scored = row.append_column("foretable_score", pa.array([score], pa.float64()))
        return _compare(scored, prepared.signature, lambda _: np.array([native]), training.keys, "t")

    somebody = rows.slice(0, 1)
    nobody = pa.table({name: pa.nulls(1, somebody.schema.field(name).type) for name in somebody.column_names})
    assert compare(somebody, 0.5, 0.5) == 0
    assert compare(nobody, None, 0.5) == 0
    for row, score, native in ((somebody, 0.5, np.nan), (somebody, None, 0.5), (nobody, 0.5, 0.5)):
        with pytest.raises(ParityFailure, match="NULL"):
            compare(row, score, native)


def test_probes_hold_nulls_strangers_and_thresholds(prepared: Prepared, rows: pa.Table, declare: Declare) -> None:
    found = trained(prepared, declare, ft.XGBoost(n_estimators=3, max_depth=3))
    features = found.signature.features
    probes = probe_rows(rows, features, found.artifacts["onnx"])
    assert probes.to_pylist()[0] == dict.fromkeys([f.name for f in features])
    for feature in features:
        assert probes[feature.name].null_count > 10
        if feature.kind == "category":
            assert set(probes[feature.name].to_pylist()) - {None, *feature.vocabulary}
    attributes = _attributes(onnx.load_from_string(found.artifacts["onnx"]).graph)
    numbers = [f.name for f in features if f.kind != "category"]
    for column, value, mode in zip(
        attributes["nodes_featureids"].ints, attributes["nodes_values"].floats, attributes["nodes_modes"].strings, strict=True
    ):
        if mode != b"LEAF" and column < len(numbers) and numbers[column] != "is_member":
            tried = set(probes[numbers[column]].to_pylist())
            assert {float(np.float32(value)), float(np.nextafter(np.float32(value), np.float32(-np.inf)))} <= tried


def test_probes_of_a_single_feature() -> None:
    rows = pa.table({"x": [1.0, 2.0]})
    graph = onnx.helper.make_graph([], "g", [], [])
    probes = probe_rows(rows, (Feature("x", "number"),), onnx.helper.make_model(graph).SerializeToString())
    assert probes["x"].null_count >= 2
