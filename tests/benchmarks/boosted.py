"""XGBoost fitted to the numbers of a benchmark, as training would, without search and gates; and forms as versions."""

from __future__ import annotations

from typing import Any

import numpy as np

import foretable as ft
from foretable.forms import Finish, Form, store
from foretable.forms.contributions import contribution_graph
from foretable.forms.evaluate import answer
from foretable.forms.graph import onnx_of
from foretable.registry.signature import Feature
from foretable.train.estimators.fitting import FitInput
from foretable.train.estimators.trees import TreeFit, fit_trees


def boosted(matrix: np.ndarray, outcome: np.ndarray, features: tuple[Feature, ...], *, classes: int = 0, **parameters: Any) -> TreeFit:
    """Trees for labels of 0 and 1, or for several classes by their codes."""
    thing = ft.Entity("thing", key="id")
    model = ft.Model(
        "bench",
        label=ft.label("bench.label", entity=thing)(lambda: None),
        features=[ft.feature_view("bench.features", entity=thing)(lambda: None)],
        candidates=[ft.XGBoost(**parameters)],
        task="multiclass" if classes else "classification",
    )
    rows = np.arange(len(matrix))
    return fit_trees(FitInput(matrix, outcome, np.ones(len(matrix)), rows, features, parameters, model, classes=classes, seed=0))


def trained(fitted: TreeFit, width: int) -> dict[str, Any]:
    """What a version of trees for 0 and 1 is made of besides its signature."""
    return made(fitted.form(Finish("sigmoid")), width, "onnx", fitted.booster())


def made(form: Form, width: int, executor: str, booster: bytes | None = None) -> dict[str, Any]:
    """What a version of a form is made of besides its signature: its artefacts, executor and native answer."""
    artifacts = {"onnx": onnx_of(form, width), "form": store.to_bytes(form), "explain": contribution_graph(form, width)}
    return {
        "candidate": type(form).__name__,
        "parameters": {},
        "artifacts": artifacts if booster is None else artifacts | {"booster": booster},
        "executor": executor,
        "evaluations": (),
        "trials": (),
        "native": lambda matrix: answer(form, matrix),
    }
