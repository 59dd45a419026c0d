"""The parity gate, with exports that are right and exports that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import duckdb
import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import numpy_helper

import foretable as ft
from foretable.errors import GateRefused, ParityFailure
from foretable.forms import Linear, Trees, store
from foretable.forms.form import NULL_SLOT
from foretable.progress import silent
from foretable.registry.signature import Feature
from foretable.train import parity
from foretable.train.features import read_rows
from foretable.train.fit import fit_candidate
from foretable.train.parity import _compare, _Judge, check_parity
from foretable.train.prepare import Prepared, prepare
from foretable.train.probes import extreme_rows, probe_rows
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


def trained(prepared: Prepared, declare: Declare, candidate: Any, **changes: Any) -> Trained:
    return fit_candidate(declare(weights="balanced", calibration="sigmoid", **changes), candidate, prepared, trials=1, listen=silent)


def check(
    connection: duckdb.DuckDBPyConnection, found: Trained, training: TrainingSet, rows: pa.Table, content: bytes | None = None
) -> Parity:
    artifacts = {**found.artifacts, **({"onnx": content} if content else {})}
    return check_parity(connection, found.signature, artifacts, found.executor, found.native, training, rows)


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
    tensor = _attributes(graph)["nodes_values_as_tensor"].t
    values = numpy_helper.to_array(tensor).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(np.nextafter(values, np.float32(np.inf)).astype(np.float64), tensor.name))


def _null_is_no_category(graph: Any) -> None:
    tables = [constant.name for constant in graph.initializer if constant.name.startswith("table_")]

    def change(table: np.ndarray) -> np.ndarray:
        table[NULL_SLOT] = 0
        return table

    assert tables
    for name in tables:
        _constant(graph, name, change)


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


def _form(found: Trained, change: Callable[[Any], Any]) -> Trained:
    form = change(store.from_bytes(found.artifacts["form"]))
    return replace(found, artifacts={**found.artifacts, "form": store.to_bytes(form)})


def _leveled(form: Linear) -> Linear:
    return replace(form, per_level={j: weights[:, [1, 0, *range(2, weights.shape[1])]] for j, weights in form.per_level.items()})


@pytest.mark.parametrize(
    "change",
    [
        lambda form: replace(form, fill=form.fill + 0.01),
        lambda form: replace(form, per_gap=form.per_gap + 0.01),
        lambda form: replace(form, per_unit=form.per_unit * 1.0001),
        lambda form: replace(form, finish=replace(form.finish, offset=form.finish.offset + 0.001)),
        _leveled,
    ],
    ids=["fill", "gap", "weight", "calibration", "null and unseen"],
)
def test_a_broken_expression_is_refused(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, rows: pa.Table, prepared: Prepared, declare: Declare, change: Any
) -> None:
    found = trained(prepared, declare, ft.LogisticRegression())
    assert found.executor == "sql"
    with pytest.raises(ParityFailure, match="as an expression"):
        check(connection, _form(found, change), training, rows)


def test_the_booster_of_another_model_is_refused(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, rows: pa.Table, prepared: Prepared, declare: Declare
) -> None:
    found, other = (
        trained(prepared, declare, ft.XGBoost(n_estimators=10, max_depth=3, reg_lambda=penalty), executor="booster") for penalty in (1, 2)
    )
    assert found.executor == "booster"
    assert check(connection, found, training, rows).max_difference < 1e-6
    mixed = replace(found, artifacts={**found.artifacts, "booster": other.artifacts["booster"]})
    with pytest.raises(duckdb.Error, match="booster is refused: its trees are not those of the version"):
        check(connection, mixed, training, rows)


def test_the_worst_rows_are_named_by_their_key(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, rows: pa.Table, prepared: Prepared, declare: Declare
) -> None:
    found = trained(prepared, declare, ft.LogisticRegression())

    def native(matrix: np.ndarray) -> np.ndarray:
        scores = found.native(matrix)
        scores[17] += 0.25
        return scores

    with pytest.raises(ParityFailure, match=r"1 of 3,000 rows") as caught:
        check_parity(connection, found.signature, found.artifacts, found.executor, native, training, rows)
    assert f"customer_id {17 // 5}, month {17 % 5}: SQL 0." in caught.value.message
    assert caught.value.where == "training.churn"


def test_no_number_and_no_null_are_differences_too(training: TrainingSet, rows: pa.Table, prepared: Prepared) -> None:
    def compare(row: pa.Table, score: float | None, native: float) -> float:
        scored = row.append_column("foretable_answer_onnx", pa.array([score], pa.float64()))
        return _compare(scored, _Judge(prepared.signature, lambda _: np.array([native]), ("onnx",)), training.keys, "t")

    somebody = rows.slice(0, 1)
    nobody = pa.table({name: pa.nulls(1, somebody.schema.field(name).type) for name in somebody.column_names})
    assert compare(somebody, 0.5, 0.5) == 0
    assert compare(nobody, None, 0.5) == 0
    assert compare(somebody, None, np.nan) == 0
    for row, score, native in ((somebody, 0.5, np.nan), (somebody, None, 0.5), (nobody, 0.5, 0.5)):
        with pytest.raises(ParityFailure, match="NULL"):
            compare(row, score, native)


def test_probes_hold_nulls_strangers_and_thresholds(prepared: Prepared, rows: pa.Table, declare: Declare) -> None:
    found = trained(prepared, declare, ft.XGBoost(n_estimators=3, max_depth=3))
    features = found.signature.features
    form = store.from_bytes(found.artifacts["form"])
    assert isinstance(form, Trees)
    probes = probe_rows(rows, features, form)
    assert probes.to_pylist()[0] == dict.fromkeys([f.name for f in features])
    for feature in features:
        assert probes[feature.name].null_count > 10
        if feature.kind == "category":
            assert set(probes[feature.name].to_pylist()) > {None, *feature.vocabulary}
    asked = [
        (features[form.columns[column].feature], float(threshold))
        for tree in form.trees
        for column, threshold in zip(tree.column, tree.threshold, strict=True)
        if column >= 0 and form.columns[column].table is None
    ]
    assert len(asked) > 3
    for feature, threshold in asked:
        if feature.kind == "number":
            tried = set(probes[feature.name].to_pylist())
            assert {threshold, float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))} <= tried


def test_probes_of_a_single_feature() -> None:
    probes = probe_rows(pa.table({"x": [1.0, 2.0]}), (Feature("x", "number"),), None)
    assert probes["x"].null_count >= 2


def test_extreme_rows_hold_infinities_alone_and_opposed() -> None:
    made = extreme_rows(pa.table({"x": [1.0, 2.0], "y": [3.0, 4.0]}), (Feature("x", "number"), Feature("y", "number"))).to_pylist()
    for row in ({"x": inf, "y": 3.0}, {"x": inf, "y": inf}, {"x": inf, "y": -inf}, {"x": None, "y": 1e300}, {"x": 1e300, "y": 3.0}):
        assert row in made


def test_of_an_exponential_the_rounding_of_the_sum_behind_it_is_allowed_for():
    assert parity._logarithm(np.array([[np.exp(8.5)], [np.exp(-3.0)], [1.5], [0.0], [np.nan]])).tolist() == pytest.approx([8.5, 3, 1, 1, 1])
