"""Small ONNX graphs by hand, and candidates around them. Imports stand inside, as only two folders need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pytest

if TYPE_CHECKING:
    from foretable.registry import Version


def linear_graph(weights: Sequence[float], bias: float = 0.0) -> bytes:
    """``y = sigmoid(x · weights + bias)`` in float64, NaN read as 0."""
    from onnx import TensorProto, helper, numpy_helper

    constants = [
        numpy_helper.from_array(np.array(weights, dtype=np.float64).reshape(-1, 1), "weights"),
        numpy_helper.from_array(np.array([bias]), "bias"),
        numpy_helper.from_array(np.array(0.0), "zero"),
    ]
    nodes = [
        helper.make_node("IsNaN", ["x"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "x"], ["filled"]),
        helper.make_node("Gemm", ["filled", "weights", "bias"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["y"]),
    ]
    return finished(nodes, constants, TensorProto.DOUBLE, len(weights))


def finished(nodes: list[Any], constants: list[Any], kind: int, width: int) -> bytes:
    from onnx import checker, helper

    takes = [helper.make_tensor_value_info("x", kind, [None, width])]
    gives = [helper.make_tensor_value_info("y", kind, [None, 1])]
    graph = helper.make_graph(nodes, "graph", takes, gives, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


def tree_graph(width: int, trees: int = 20, depth: int = 4) -> bytes:
    """XGBoost's trees on random data, in float32."""
    import onnxmltools
    import xgboost
    from onnx import TensorProto, helper
    from onnxmltools.convert.common.data_types import FloatTensorType

    random = np.random.default_rng(0)
    x = random.normal(size=(2000, width)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    y = (np.nan_to_num(x).sum(axis=1) + random.normal(size=len(x)) > 0).astype(int)
    fitted = xgboost.XGBClassifier(n_estimators=trees, max_depth=depth, n_jobs=1).fit(x, y)
    converted = onnxmltools.convert_xgboost(fitted, initial_types=[("x", FloatTensorType([None, width]))], target_opset=15)
    node = next(node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
    read = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=read["base_values"],
        target_ids=[0] * len(read["class_ids"]),
        **{f"target_{name}": read[f"class_{name}"] for name in ("nodeids", "treeids", "weights")},
        **{name: value for name, value in read.items() if name.startswith("nodes_")},
    )
    return finished([ensemble, helper.make_node("Sigmoid", ["margin"], ["y"])], [], TensorProto.FLOAT, width)


def candidate(weights: Sequence[float], task: str) -> Any:
    """A fitted candidate whose score is ``sigmoid(spend, active, plan · weights)``."""
    from foretable.registry.signature import Feature, Signature
    from foretable.train.result import Evaluation, Trained, Trial

    features = (Feature("spend", "number"), Feature("active", "boolean"), Feature("plan", "category", ("basic", "gold")))
    return Trained(
        candidate="LogisticRegression",
        parameters={"C": np.float64(0.5)},
        signature=Signature("churn", task, features, "churned", threshold=0.6),
        onnx=linear_graph(weights),
        evaluations=(
            Evaluation("validation", "all", "roc_auc", 0.9, None, None, 100),
            Evaluation("test", "all", "roc_auc", 0.8, 0.7, 0.85, 100),
            Evaluation("test", "live", "roc_auc", 0.75, 0.6, 0.8, 40),
        ),
        trials=(Trial("LogisticRegression", 0, {"C": 0.5}, 0.9, "COMPLETE", 0.1),),
        native=lambda x: 1 / (1 + np.exp(-np.nan_to_num(x) @ np.array(weights))),
    )


@pytest.fixture
def register() -> Callable[..., Version]:
    """Register a linear candidate as the next version of ``churn``."""
    from foretable.registry import add_version
    from foretable.train.result import Parity
    from foretable.train.training_set import TrainingSet

    names = ("spend", "active", "plan")
    training = TrainingSet("training.churn", "churn", ("customer_id",), None, "churned", names, "f00d", 500, 50, None, None)
    parity = Parity(rows=500, probes=10, max_difference=1e-9, tolerance=1e-5)

    def add(
        connection: duckdb.DuckDBPyConnection,
        weights: Sequence[float] = (1.0, 0.0, 0.0),
        *,
        declaration: str = "d1",
        task: str = "classification",
    ) -> Version:
        trained = candidate(weights, task)
        return add_version(connection, trained, training, declaration=declaration, code="c", parity=parity, seed=7)

    return add


@pytest.fixture
def graphs() -> dict[str, bytes]:
    """A float64 linear graph and a float32 tree graph over seven features."""
    return {"linear": linear_graph([0.3, -1.7, 12.5, 1e-3, 0.9, -0.2, 3.0], 0.1), "trees": tree_graph(7)}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An open warehouse file with a catalog and a table of 1,000 customers."""
    from foretable.udf import connect
    from foretable.warehouse import ensure_catalog

    with connect(tmp_path / "w.duckdb") as connection:
        ensure_catalog(connection)
        connection.execute("CREATE SCHEMA features")
        connection.execute(
            "CREATE TABLE features.usage AS SELECT i AS customer_id, i / 100.0 AS spend, i % 2 = 0 AS active,"
            " ['basic', 'gold', 'new'][i % 3 + 1] AS plan, 'x' AS other FROM range(1000) AS t(i)"
        )
        yield connection
