"""XGBoost fitted to the numbers of a benchmark, as training would, without search and gates."""

from __future__ import annotations

from typing import Any

import numpy as np

import foretable as ft
from foretable.forms import Finish, store
from foretable.forms.contributions import contribution_graph
from foretable.forms.evaluate import answer
from foretable.forms.graph import onnx_of
from foretable.registry.signature import Feature
from foretable.train.estimators import FitInput
from foretable.train.trees import TreeFit, fit_trees


def boosted(matrix: np.ndarray, outcome: np.ndarray, features: tuple[Feature, ...], **parameters: Any) -> TreeFit:
    """Trees for labels of 0 and 1."""
    thing = ft.Entity("thing", key="id")
    model = ft.Model(
        "bench",
        label=ft.label("bench.label", entity=thing)(lambda: None),
        features=[ft.feature_view("bench.features", entity=thing)(lambda: None)],
        candidates=[ft.XGBoost(**parameters)],
    )
    rows = np.arange(len(matrix))
    return fit_trees(FitInput(matrix, outcome, np.ones(len(matrix)), rows, features, parameters, model, classes=0, seed=0))


def trained(fitted: TreeFit, width: int) -> dict[str, Any]:
    """What a version is made of besides its signature: its artefacts, executor and native answer."""
    form = fitted.form(Finish("sigmoid"))
    artifacts = {"onnx": onnx_of(form, width), "form": store.to_bytes(form), "explain": contribution_graph(form, width)}
    return {
        "candidate": "XGBoost",
        "parameters": {},
        "artifacts": artifacts | {"booster": fitted.booster()},
        "executor": "onnx",
        "evaluations": (),
        "trials": (),
        "native": lambda matrix: answer(form, matrix),
    }
