"""Versions with every artefact, made by hand so that no test has to train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foretable.registry import Version, add_version
from foretable.registry.signature import Feature, Signature
from foretable.train.result import Beside, Curve, Evaluation, Finding, Parity, Trained, Trial
from foretable.train.training_set import TrainingSet

FEATURES = (Feature("spend", "number"), Feature("active", "boolean"), Feature("plan", "category", ("basic", "gold")))

BESIDE = (
    Beside("LastPeriod(spend)", "test", "mae", 70.9, 65.0, 75.5, 0.4, -1.5, 2.25, 100),
    Beside("CellMeans(plan)", "test", "mae", 81.5, 76.0, 86.5, 11.0, 8.5, 13.75, 100, {"cells": 3}),
)


def linear(outputs: int = 1, weight: float = 0.4) -> Any:
    """A linear form over spend, active and plan."""
    from foretable.forms.form import Finish, Linear

    shape = (outputs, 3)
    slope = np.linspace(1.0, 2.0, outputs)[:, None]
    return Linear(
        mean=np.array([5.0, 0.5, 0.0]),
        fill=np.zeros(3),
        per_unit=slope * np.array([weight, -0.3, 0.0]),
        per_gap=np.full(shape, 0.1) * np.array([1.0, 1.0, 0.0]),
        per_level={2: np.tile([0.1, -0.2, 0.3, 0.5], (outputs, 1)) * slope},
        offset=np.linspace(-0.2, 0.2, outputs),
        finish=Finish("sigmoid" if outputs == 1 else "softmax"),
    )


def made(task: str = "classification", weight: float = 0.4, **changes: Any) -> Trained:
    """A candidate with a graph, a form and contributions."""
    from foretable.forms.contributions import contribution_graph
    from foretable.forms.evaluate import answer
    from foretable.forms.graph import onnx_of
    from foretable.forms.store import to_bytes

    classes = ("high", "low", "mid") if task == "multiclass" else ()
    form = linear(len(classes) or 1, weight)
    trained = Trained(
        candidate="LogisticRegression",
        parameters={"C": 0.5},
        signature=Signature("churn", task, FEATURES, "churned", 0.6, classes, reasons=(("spend", "{value} euros spent"),)),
        artifacts={"onnx": onnx_of(form, 3), "form": to_bytes(form), "explain": contribution_graph(form, 3)},
        executor="sql",
        evaluations=(
            Evaluation("test", "all", "roc_auc", 0.8, 0.7, 0.85, 100),
            Evaluation("train", "all", "roc_auc", 0.9, None, None, 400),
        ),
        trials=(Trial("LogisticRegression", 0, {"C": 0.5}, 0.9, "COMPLETE", 0.1),),
        native=lambda matrix: answer(form, matrix),
        curves=(
            Curve("roc", "test", (0.0, 0.5, 1.0), (0.0, 0.9, 1.0)),
            Curve("importance", "test", (0.0, 1.0), (0.3, 0.1), ("spend", "plan")),
        ),
        findings=(Finding("few", "note", "100 rows only", "", {"rows": 100}),),
    )
    return replace(trained, **changes)


def added(connection: Any, task: str = "classification", weight: float = 0.4, **changes: Any) -> Version:
    """Add a version of ``churn``."""
    training = TrainingSet("training.churn", "churn", ("id",), None, "churned", ("spend", "active", "plan"), "f00d", 500, 50, None, None)
    trained = made(task, weight, **changes)
    parity = Parity(rows=500, probes=10, max_difference=1e-9, tolerance=1e-5)
    label = {"name": "training.churned", "fingerprint": "a1"}
    lineage = {"sources": [{"name": "raw.orders", "rows": 7, "watermark": None}], "label": label}
    return add_version(connection, trained, training, declaration="d1", code="c", parity=parity, seed=7, lineage=lineage)


@pytest.fixture
def add() -> Callable[..., Version]:
    """Adds a version of ``churn``: ``add(connection, weight=2.0, findings=…)``."""
    return added
