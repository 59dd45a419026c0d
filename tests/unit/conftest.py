"""Small ONNX graphs, and candidates around them. Imports stand inside, as only two folders need them."""

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
    """``y = sigmoid(x · weights + bias)`` in float64, NaN read as 0, as training exports it."""
    from foretable.forms import Finish, Linear
    from foretable.forms.graph import onnx_of

    nothing = np.zeros(len(weights))
    form = Linear(nothing, nothing, np.array([weights], dtype=np.float64), nothing[None, :], {}, np.array([bias]), Finish("sigmoid"))
    return onnx_of(form, len(weights))


def tree_graph(width: int) -> bytes:
    """XGBoost's trees on random data, in float32, as training exports them."""
    import foretable as ft
    from foretable.forms import Finish
    from foretable.forms.graph import onnx_of
    from foretable.registry.signature import Feature
    from foretable.train.estimators.families import fitter
    from foretable.train.estimators.fitting import FitInput

    random = np.random.default_rng(0)
    x = random.normal(size=(2000, width))
    x[random.random(x.shape) < 0.1] = np.nan
    y = (np.nan_to_num(x).sum(axis=1) + random.normal(size=len(x)) > 0).astype(float)
    features = tuple(Feature(f"f{i}", "number") for i in range(width))
    thing = ft.Entity("thing", key="id")
    model = ft.Model(
        "trees",
        label=ft.label("training.sum", entity=thing)(lambda: None),
        features=[ft.feature_view("features.things", entity=thing)(lambda: None)],
        candidates=[ft.XGBoost(n_estimators=20, max_depth=4)],
    )
    parameters = model.candidates[0].parameters
    given = FitInput(x, y, np.ones(len(x)), np.arange(len(x)), features, parameters, model, classes=0, seed=0)
    return onnx_of(fitter(model, model.candidates[0])(given).form(Finish("sigmoid")), width)


def candidate(weights: Sequence[float], task: str) -> Any:
    """A fitted candidate whose score is ``sigmoid(spend, active, plan · weights)``."""
    from foretable.registry.signature import Feature, Signature
    from foretable.train.result import Evaluation, Trained, Trial

    features = (Feature("spend", "number"), Feature("active", "boolean"), Feature("plan", "category", ("basic", "gold")))
    return Trained(
        candidate="LogisticRegression",
        parameters={"C": np.float64(0.5)},
        signature=Signature("churn", task, features, "churned", threshold=0.6),
        artifacts={"onnx": linear_graph(weights)},
        executor="onnx",
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
