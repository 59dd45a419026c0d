"""Every family by task, encoding and last step through the parity gate: the graph, and what answers besides."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.errors import ParityFailure
from foretable.forms import Finish, store
from foretable.forms.evaluate import apply_finish
from foretable.forms.graph import onnx_of
from foretable.registry.signature import Feature, Signature, encode_table
from foretable.train.estimators.families import fitter
from foretable.train.estimators.fitting import FitInput
from foretable.train.features import infer_features
from foretable.train.parity import check_parity
from foretable.train.training_set import TrainingSet

COLUMNS = ("amount", "huge", "tiny", "count", "flag", "plan", "odd name", "empty")
CLASSES = ("high", "low", "mid")
FAMILIES: list[tuple[str, ft.Model | Any]] = [
    ("classification", ft.LogisticRegression()),
    ("classification", ft.LogisticRegression(C=0.2, l1_ratio=1.0)),
    ("classification", ft.RandomForest(n_estimators=8, max_depth=5)),
    ("classification", ft.XGBoost(n_estimators=12, max_depth=4)),
    ("multiclass", ft.LogisticRegression()),
    ("multiclass", ft.RandomForest(n_estimators=8, max_depth=5)),
    ("multiclass", ft.XGBoost(n_estimators=6, max_depth=3)),
    ("regression", ft.LinearRegression()),
    ("regression", ft.LinearRegression(alpha=0.1, l1_ratio=0.5)),
    ("regression", ft.RandomForest(n_estimators=8, max_depth=5)),
    ("regression", ft.XGBoost(n_estimators=12, max_depth=4)),
    ("regression", ft.XGBoost(n_estimators=12, objective="count:poisson")),
    ("regression", ft.XGBoost(n_estimators=12, objective="reg:gamma")),
    ("regression", ft.XGBoost(n_estimators=12, objective="reg:tweedie")),
]
ENCODINGS = ("onehot", "ordinal", "target")
LASTS = {
    "plain": None,
    "sigmoid": Finish("sigmoid", 1.3, -0.4),
    "isotonic": Finish("identity", knots=((-2.0, 0.0), (-0.5, 0.1), (0.0, 0.35), (0.2, 0.4), (0.6, 0.8), (3.0, 1.0))),
}


def world(rows: int = 500) -> pa.Table:
    """What goes wrong first: NULLs, NaN, values of order 1e6, DECIMAL-like steps, texts that look like NULL, a column of NULLs."""
    generator = np.random.default_rng(3)

    def gaps(values: np.ndarray) -> pa.Array:
        return pa.array(values.tolist(), mask=generator.random(rows) < 0.1)

    flags = generator.random(rows) < 0.4
    plans = np.array(["a", "NULL", "", "Größe 'XL'", "b"])[generator.integers(0, 5, rows)]
    amounts = generator.gamma(2, 20, rows).round(2)
    amounts[::50] = np.nan
    return pa.table(
        {
            "id": np.arange(rows),
            "amount": gaps(amounts),
            "huge": gaps(generator.normal(1e6, 10, rows)),
            "tiny": gaps(generator.normal(0, 1e-7, rows)),
            "count": gaps(generator.poisson(3, rows).astype(float)),
            "flag": gaps(flags),
            "plan": gaps(plans),
            "odd name": gaps(np.array(["x", "y"])[generator.integers(0, 2, rows)]),
            "empty": pa.nulls(rows, pa.float64()),
            "signal": np.nan_to_num(amounts) / 30 + flags + (plans == "b"),
        }
    )


def outcome_of(data: pa.Table, task: str) -> np.ndarray:
    signal = data["signal"].to_numpy() + np.random.default_rng(5).normal(0, 0.5, len(data))
    if task == "regression":
        return np.exp(signal) * 100
    return np.digitize(signal, [1.2, 2.4] if task == "multiclass" else [1.6]).astype(float)


def cases() -> list[Any]:
    found = []
    for at, (task, candidate) in enumerate(FAMILIES):
        for e, encoding in enumerate(ENCODINGS):
            for last in LASTS if task == "classification" else ("plain",):
                quick = at % 3 == e if last == "plain" else (encoding == "onehot" and not candidate.parameters.get("l1_ratio"))
                name = f"{task}-{at}-{candidate.name}-{encoding}-{last}"
                found.append(pytest.param(task, candidate, encoding, last, id=name, marks=[] if quick else [pytest.mark.slow]))
    return found


@pytest.mark.parametrize(("task", "candidate", "encoding", "last"), cases())
def test_sql_answers_as_the_estimator_does(task: Any, candidate: Any, encoding: Any, last: str) -> None:
    data = world()
    features: tuple[Feature, ...] = infer_features(data, COLUMNS, "t")
    thing = ft.Entity("thing", key="id")
    model = ft.Model(
        "m",
        label=ft.label("training.y", entity=thing)(lambda: None),
        features=[ft.feature_view("features.x", entity=thing)(lambda: None)],
        candidates=[candidate],
        task=task,
        encoding={feature.name: encoding for feature in features if feature.kind == "category"},
    )
    matrix, outcome = encode_table(data, features), outcome_of(data, task)
    classes = len(CLASSES) if task == "multiclass" else 0
    fit = fitter(model, candidate)(
        FitInput(matrix, outcome, np.ones(len(data)), np.arange(len(data)), features, candidate.parameters, model, classes, seed=0)
    )
    finish = LASTS[last] or Finish(fit.link)
    form = fit.form(finish)
    artifacts = {"onnx": onnx_of(form, len(features)), "form": store.to_bytes(form), "booster": fit.booster() or b""}
    executor = {"LogisticRegression": "sql", "LinearRegression": "sql", "XGBoost": "booster"}.get(candidate.name, "onnx")
    signature = Signature("m", task, features, "y", classes=CLASSES if classes else ())

    def native(rows: np.ndarray) -> np.ndarray:
        return apply_finish(finish, fit.raw(rows))

    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA training")
        connection.register("data", data)
        connection.execute("CREATE TABLE training.m AS FROM data")
        training = TrainingSet("training.m", "m", ("id",), None, "y", COLUMNS, "hash", len(data), 0, None, None)
        found = check_parity(connection, signature, artifacts, executor, native, training, data)
        assert (found.rows, found.probes > 300) == (len(data), True)
        assert np.ptp(native(matrix), axis=0).max() > 0.01

        def other(rows: np.ndarray) -> np.ndarray:
            answers = native(rows).copy()
            answers[len(rows) // 2] *= 1.01
            return answers

        with pytest.raises(ParityFailure, match="1 of 500 rows"):
            check_parity(connection, signature, artifacts, executor, other, training, data)
