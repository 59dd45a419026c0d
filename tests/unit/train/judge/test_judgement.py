"""All that is told of a fitted model, from its declaration and its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.declare.model import Model
from foretable.forms.evaluate import expit
from foretable.registry.signature import Feature, Signature
from foretable.train.judge.judgement import Judgement, judge
from foretable.train.prepare import Prepared
from foretable.train.search.folds import Grounds
from foretable.train.split import TEST, VALIDATION
from foretable.train.steady import steady

ROWS = 3000
SLOPE = np.array([1.2, -0.6, 0.0])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A label and a feature view to declare models on; the rows are made below."""
    customer = ft.Entity("customer", key="customer_id")
    source = ft.Source("marts.customers", entity=customer, time="signed_up_at")

    @ft.label("training.left", entity=customer)
    def left() -> ft.Table:
        return source.rows().select("customer_id", left=ft._.gone)

    @ft.feature_view("features.people", entity=customer, target_lag="1 day")
    def view() -> ft.Table:
        return source.rows().select("customer_id", "a", "b", "idle")

    return left, view


def declared(people: Any, **options: Any) -> Model:
    left, view = people
    return ft.Model("left", label=left, features=[view], candidates=[ft.LogisticRegression()], **options)


def prepared(outcome: np.ndarray, matrix: np.ndarray, classes: int, task: str) -> Prepared:
    generator = np.random.default_rng(1)
    split, clusters = np.repeat([0, 1, 2], ROWS // 3), np.arange(ROWS) // 2
    dates = np.datetime64("2024-01-01", "us") + (split * 60 + generator.integers(0, 2, ROWS) * 30).astype("timedelta64[D]")
    names = ("low", "middle", "high") if task == "multiclass" else ()
    signature = Signature("left", task, tuple(Feature(name, "number") for name in ("a", "b", "idle")), "left", classes=names)
    aside = {
        "region": pa.chunked_array([generator.choice(np.array(["north", "south", None], dtype=object), ROWS)]),
        "gender": pa.chunked_array([np.where(matrix[:, 2] > 0, "F", "M")]),
    }
    return Prepared(
        signature=signature,
        matrix=matrix,
        outcome=outcome,
        split=split,
        clusters=clusters,
        latest=dates == dates.max(),
        notes=(),
        classes=classes,
        dates=dates,
        aside=aside,
        grounds=Grounds(split, outcome, clusters, pa.array([str(each) for each in np.unique(clusters)]), classes, 0, dates, "30 days"),
    )


def world(task: str = "classification") -> Prepared:
    generator = np.random.default_rng(0)
    matrix = generator.normal(0, 1, (ROWS, 3))
    logit = matrix @ SLOPE - 0.5
    if task == "regression":
        return prepared(np.exp(logit + generator.normal(0, 0.5, ROWS)), matrix, 0, task)
    if task == "multiclass":
        noisy = logit + generator.logistic(0, 1, ROWS)
        return prepared((noisy > -0.5).astype(float) + (noisy > 0.5), matrix, 3, task)
    return prepared((generator.random(ROWS) < expit(logit)).astype(float), matrix, 2, task)


def answers(task: str) -> Any:
    def of_classes(matrix: np.ndarray) -> np.ndarray:
        high, low = expit(matrix @ SLOPE - 1.0), expit(-(matrix @ SLOPE))
        return np.column_stack([low, 1 - low - high, high])

    return {
        "classification": lambda matrix: expit(matrix @ SLOPE - 0.5),
        "regression": lambda matrix: np.exp(matrix @ SLOPE - 0.5),
        "multiclass": of_classes,
    }[task]


def judged(people: Any, task: str, **options: Any) -> Judgement:
    found = judge(declared(people, task=task, segments=["region"], sensitive=["gender"], **options), world(task), answers(task))
    keys = Counter((e.split, e.segment, e.metric) for e in found.evaluations)
    assert max(keys.values()) == 1, "a figure stands once"
    curves = Counter((curve.name, curve.split) for curve in found.curves)
    assert max(curves.values()) == 1
    assert {e.split for e in found.evaluations} == {"train", "validation", "test"}
    assert {"region=north", "region=NULL", "gender=F", "as_of=2024-04-30", "latest"} <= {e.segment for e in found.evaluations}
    assert {"calibration", "importance", "drift"} <= {curve.name for curve in found.curves if curve.split == "test"}
    assert [f.severity for f in found.findings if f.check == "chance"] == ["note"]
    return found


def test_a_value_sets_the_threshold_on_the_validation_rows_and_is_told_on_both(people: Any) -> None:
    value = ft.Value(true_positive=5, false_positive=-1, capacity=100, by="region")
    found = judged(people, "classification", threshold=value, gate=ft.Gate(fairness={"tpr": 0.001}))
    assert set(found.threshold.by_segment) == {"north", "south"}
    worth = {e.split: e for e in found.evaluations if e.metric == "worth"}
    assert worth["validation"].value == found.threshold.worth
    assert set(worth) == {"validation", "test"}
    rows = world()
    there = rows.split == TEST
    cuts = found.threshold.cuts(ROWS, np.asarray(rows.aside["region"].to_pylist(), dtype=object))
    flagged = answers("classification")(rows.matrix) >= cuts
    recall = next(e for e in found.evaluations if (e.split, e.segment, e.metric) == ("test", "all", "recall"))
    assert recall.value == pytest.approx(flagged[there & (rows.outcome == 1)].mean())
    assert {"profit", "roc", "pr", "gain"} <= {curve.name for curve in found.curves if curve.split == "validation"}
    assert any(e.metric == "precision_at_capacity" for e in found.evaluations)
    assert [(f.check, f.severity, f.column) for f in found.findings if f.severity == "refused"] == [("fairness", "refused", "gender")]
    assert any((e.segment, e.metric) == ("gender", "tpr_gap") for e in found.evaluations)
    assert (rows.split == VALIDATION).sum() == worth["validation"].row_count


@pytest.mark.parametrize(("task", "metric"), [("regression", "rmse"), ("multiclass", "accuracy")])
def test_other_tasks_are_judged_by_their_own_measures(people: Any, task: str, metric: str) -> None:
    found = judged(people, task, threshold=0.5, gate=ft.Gate(calibration_error=1e-6))
    assert any((e.segment, e.metric) == ("gender=M", metric) for e in found.evaluations)
    assert [f.severity for f in found.findings if f.check == "calibration"] == ["refused"]
    limited = judged(people, task, gate=ft.Gate(fairness={"tpr": 0.1}))
    assert "only labels of 0 and 1" in next(f for f in limited.findings if f.check == "fairness").message


def test_importance_and_drift_name_the_features(people: Any) -> None:
    found = judged(people, "classification")
    by_name = {(curve.name, curve.split): curve for curve in found.curves}
    assert by_name["importance", "test"].labels == ("a", "b", "idle")
    assert sorted(by_name["drift", "validation"].labels) == ["a", "b", "idle"]
    assert max(by_name["drift", "test"].y) < 0.1
