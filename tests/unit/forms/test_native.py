"""Forms of real estimators answer as the estimators do; the small converters here are the plainest there can be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from foretable.forms import Column, Finish, Tree, Trees, floor32
from foretable.forms.contributions import contribution_graph, contributions
from foretable.forms.evaluate import answer, raw
from foretable.forms.graph import onnx_of
from foretable.forms.shapley import exact

WIDTH = 5
COLUMNS = tuple(Column(j) for j in range(WIDTH))


@dataclass(frozen=True)
class Data:
    x: np.ndarray
    number: np.ndarray
    group: np.ndarray


@pytest.fixture(scope="module")
def data() -> Data:
    """Numbers on a grid, so that many stand at a threshold, and gaps."""
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(3_000, WIDTH)), 1).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    known = np.nan_to_num(x)
    number = known[:, 0] + known[:, 1] * known[:, 2] - np.isnan(x[:, 3]) + rng.normal(0, 0.5, len(x))
    return Data(x, number, np.digitize(number, [-0.7, 0.7]))


def boosted(booster: xgboost.Booster, finish: Finish, base: Any) -> Trees:
    trees = []
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    for tree, target in zip(model["trees"], model["tree_info"], strict=True):
        left, value = np.array(tree["left_children"]), np.array(tree["split_conditions"], dtype=np.float32)
        column = np.where(left < 0, -1, tree["split_indices"])
        right, missing, cover = (np.array(tree[name]) for name in ("right_children", "default_left", "sum_hessian"))
        trees.append(Tree(column, value, left, right, missing.astype(bool), value[:, None], cover, (target,)))
    return Trees(COLUMNS, tuple(trees), np.asarray(base, dtype=np.float64), finish=finish)


def beside(form: Trees, x: np.ndarray) -> np.ndarray:
    """The rows, and as many with values at a threshold of some tree or just beside it.

    A branch of scikit-learn that parts NULLs from numbers has an infinite threshold.
    """
    rng = np.random.default_rng(1)
    thresholds = np.concatenate([tree.threshold[tree.column >= 0] for tree in form.trees])
    near = np.concatenate([thresholds, *(np.nextafter(thresholds, np.float32(end)) for end in (-np.inf, np.inf))])
    probes = rng.choice(near[np.isfinite(near)], x.shape).astype(np.float32)
    probes[rng.random(probes.shape) < 0.2] = np.nan
    return np.concatenate([x, probes])


OBJECTIVES = {
    "binary:logistic": ("sigmoid", {"base_score": 0.5}),
    "multi:softprob": ("softmax", {"base_score": 0.5, "num_class": 3}),
    "reg:squarederror": ("identity", {"base_score": 0.25}),
    "count:poisson": ("exp", {"base_score": 1.0}),
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_xgboost(some: Any, data: Data, objective: str) -> None:
    link, settings = OBJECTIVES[objective]
    label = {"sigmoid": data.number > 0, "softmax": data.group, "identity": data.number, "exp": data.group}[link]
    fixed = {"objective": objective, "max_depth": 4, "gamma": 0.5, "nthread": 1, "verbosity": 0}
    booster = xgboost.train({**fixed, **settings}, xgboost.DMatrix(data.x, label.astype(float)), 15)
    base = {"sigmoid": [0.0], "softmax": [0.5] * 3, "identity": [0.25], "exp": [0.0]}[link]
    form = boosted(booster, Finish(link), base)  # type: ignore[arg-type]
    matrix = beside(form, data.x)
    rows = xgboost.DMatrix(matrix)
    native = booster.predict(rows)
    np.testing.assert_allclose(answer(form, matrix), native, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(some.run(onnx_of(form, WIDTH), matrix).reshape(native.shape), native, rtol=2e-6, atol=2e-6)
    outputs = raw(form, matrix).reshape(len(matrix), -1)
    chosen = outputs.argmax(axis=1)
    part, few = np.arange(len(matrix)), slice(0, len(matrix), 20)
    by_path = booster.predict(rows, pred_contribs=True, approx_contribs=True).reshape(len(matrix), -1, WIDTH + 1)[part, chosen]
    np.testing.assert_allclose(contributions(form, matrix), by_path, atol=1e-5)
    np.testing.assert_allclose(some.run(contribution_graph(form, WIDTH), matrix), by_path, atol=1e-5)
    shapley = booster.predict(rows, pred_contribs=True).reshape(len(matrix), -1, WIDTH + 1)[part, chosen]
    np.testing.assert_allclose(exact(form, matrix[few]), shapley[few], atol=1e-5)
    np.testing.assert_allclose(exact(form, matrix[few]).sum(axis=1), outputs[part, chosen][few], atol=1e-6)


def grown(forest: Any, outputs: int) -> Trees:
    trees, count = [], len(forest.estimators_)
    for estimator in forest.estimators_:
        tree = estimator.tree_
        column = np.where(tree.children_left < 0, -1, tree.feature)
        value = (tree.value[:, 0, -1:] if outputs == 1 else tree.value[:, 0, :]) / count
        nodes = (column, floor32(tree.threshold), tree.children_left, tree.children_right, tree.missing_go_to_left.astype(bool))
        trees.append(Tree(*nodes, value.astype(np.float32), tree.weighted_n_node_samples, tuple(range(outputs))))
    return Trees(COLUMNS, tuple(trees), np.zeros(outputs), strict=False)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_forest_of_classes(some: Any, data: Data, outputs: int) -> None:
    label = data.group if outputs > 1 else data.number > 0
    forest = RandomForestClassifier(40, max_depth=8, random_state=0, n_jobs=1).fit(data.x, label)
    form = grown(forest, outputs)
    matrix = beside(form, data.x)
    native = forest.predict_proba(matrix)[:, -outputs:]
    found = some.run(onnx_of(form, WIDTH), matrix)
    np.testing.assert_allclose(raw(form, matrix).reshape(found.shape), native, atol=1e-7)
    np.testing.assert_allclose(found, native, atol=2e-7)


def test_a_forest_of_numbers(some: Any, data: Data) -> None:
    forest = RandomForestRegressor(40, max_depth=8, random_state=0, n_jobs=1).fit(data.x, data.number * 1_000)
    form = grown(forest, 1)
    matrix = beside(form, data.x)
    np.testing.assert_allclose(some.run(onnx_of(form, WIDTH), matrix)[:, 0], forest.predict(matrix), rtol=1e-6, atol=1e-3)


def test_thresholds_rounded_to_the_nearest_would_send_rows_astray(data: Data) -> None:
    """The test above can fail: a float64 threshold between two float32 values is where rounding decides."""
    x = np.array([[0.1], [np.nextafter(np.float32(0.1), np.float32(1))]], dtype=np.float32)
    threshold = np.array([(x[0, 0].astype(float) + 2 * x[1, 0].astype(float)) / 3])
    assert ((x[:, 0] <= threshold) == (x[:, 0] <= floor32(threshold))).all()
    assert ((x[:, 0] <= threshold) != (x[:, 0] <= threshold.astype(np.float32))).any()
