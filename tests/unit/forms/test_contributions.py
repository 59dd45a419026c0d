"""What each feature adds to a score: by path in the reference and as a graph, and by Shapley's values."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.forms import Column, Finish, Form, Linear, Tree, Trees
from foretable.forms.contributions import contribution_graph, contributions
from foretable.forms.evaluate import columns_of, goes_left, raw
from foretable.forms.graph import onnx_of
from foretable.forms.paths import left_share
from foretable.forms.shapley import exact
from foretable.registry.onnxfile import inspect

KINDS = st.sampled_from(["linear", "trees"])
OUTPUTS = st.integers(1, 4)
SEEDS = st.integers(0, 2**32)


def finite(some: Any, count: int, seed: int) -> np.ndarray:
    matrix: np.ndarray = some.rows(count, np.random.default_rng(seed))
    return np.where(np.isinf(matrix), 1.0, matrix)


def explained(form: Form, matrix: np.ndarray) -> np.ndarray:
    outputs = raw(form, matrix)
    return outputs if form.outputs == 1 else outputs.max(axis=1)


@given(KINDS, OUTPUTS, SEEDS)
@settings(max_examples=50, deadline=None)
def test_they_sum_to_the_raw_output_of_the_most_probable_class(some: Any, kind: str, outputs: int, seed: int) -> None:
    form = some.form(kind, outputs, "identity", seed)
    matrix = finite(some, 32, seed)
    for given_by in (contributions, exact):
        found = given_by(form, matrix)
        assert found.shape == (32, some.width + 1)
        np.testing.assert_allclose(found.sum(axis=1), explained(form, matrix), atol=1e-9 if kind == "linear" else 1e-6)


@given(KINDS, OUTPUTS, SEEDS)
@settings(max_examples=50, deadline=None)
def test_the_graph_gives_what_the_reference_gives(some: Any, kind: str, outputs: int, seed: int) -> None:
    form = some.form(kind, outputs, "identity", seed)
    matrix = some.rows(64, np.random.default_rng(seed))
    matrix = matrix if kind == "trees" else finite(some, 64, seed)
    content = contribution_graph(form, some.width)
    inspect(content, some.width)
    np.testing.assert_allclose(some.run(content, matrix), contributions(form, matrix), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_a_row_is_explained_bit_for_bit_alike_in_any_batch(some: Any, kind: str, outputs: int) -> None:
    matrix = some.rows(300, np.random.default_rng(0))
    content = contribution_graph(some.form(kind, outputs, "identity", 3), some.width)
    order = np.random.default_rng(1).permutation(len(matrix))
    for size in (1, 7, 33):
        assert np.array_equal(some.run(content, matrix[order], size), some.run(content, matrix)[order], equal_nan=True)


def test_the_class_explained_is_the_class_predicted(some: Any) -> None:
    """Between classes that differ in the last digit of float32."""
    leaves = np.array([[0, 0], [1 / 3, 1 / 3 + 1e-8], [0.1, 0.3]], dtype=np.float32)
    grown = [replace(tree, value=leaves * (1 + k), targets=(0, 1)) for k, tree in enumerate([STUMP] * 5)]
    form = Trees((Column(0),), tuple(grown), np.zeros(2))
    rows = np.array([[-1.0], [1.0], [np.nan]])
    predicted = some.run(onnx_of(form, 1), rows)
    found = some.run(contribution_graph(form, 1), rows)
    base = contributions(form, rows)[:, -1]
    assert np.array_equal(found[:, -1], base)
    np.testing.assert_allclose(found.sum(axis=1), predicted.max(axis=1), atol=1e-6)


STUMP = Tree(
    column=np.array([0, -1, -1]),
    threshold=np.zeros(3, dtype=np.float32),
    left=np.array([1, 0, 0]),
    right=np.array([2, 0, 0]),
    missing_left=np.array([True, False, False]),
    value=np.array([[0], [10], [20]], dtype=np.float32),
    cover=np.array([4.0, 3.0, 1.0]),
)


def test_one_branch_moves_from_the_expected_value_to_the_leaf(some: Any) -> None:
    form = Trees((Column(1),), (STUMP,), np.ones(1))
    rows = np.array([[0.0, -1.0], [0.0, 1.0], [0.0, np.nan]])
    expected = np.array([[0, -2.5, 13.5], [0, 7.5, 13.5], [0, -2.5, 13.5]])
    for found in (contributions(form, rows), exact(form, rows), some.run(contribution_graph(form, 2), rows)):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_columns_of_one_category_are_one_feature(some: Any) -> None:
    columns = tuple(Column(1, np.array([np.nan, -1, *np.where(np.eye(2)[k], 1, -1)], dtype=np.float32)) for k in range(2))
    form = Trees(columns, (STUMP, replace(STUMP, column=np.array([1, -1, -1]))), np.zeros(1))
    for found in (contributions(form, np.array([[7.0, 0.0]])), some.run(contribution_graph(form, 2), np.array([[7.0, 0.0]]))):
        np.testing.assert_allclose(found, [[0, 5, 25]], atol=1e-6)


def test_a_linear_number_adds_its_deviation_from_the_mean() -> None:
    levels = {1: np.array([[0.5, 0.25, -3.0, 4.0]])}
    form = Linear(
        np.array([10.0, 0]), np.array([1.0, 0]), np.array([[2.0, 0]]), np.array([[0.125, 0]]), levels, np.array([7.0]), Finish("sigmoid")
    )
    found = contributions(form, np.array([[13.0, 1.0], [np.nan, np.nan], [10.0, -1.0]]))
    assert found.tolist() == [[6, 4, 7], [2.125, 0.5, 7], [0, 0.25, 7]]


def worth(form: Trees, row: np.ndarray, known: frozenset[int], output: int) -> float:
    """What a tree gives when only some features are known, by the definition."""
    columns = columns_of(form, row[None, :])[0]

    def walk(tree: Tree, share: np.ndarray, node: int) -> np.ndarray:
        if tree.column[node] < 0:
            return tree.value[node].astype(np.float64)
        column = tree.column[node]
        if form.columns[column].feature in known:
            left = bool(goes_left(tree, np.array([node]), columns[[column]], strict=form.strict)[0])
            return walk(tree, share, int((tree.left if left else tree.right)[node]))
        part = share[node]
        return part * walk(tree, share, int(tree.left[node])) + (1 - part) * walk(tree, share, int(tree.right[node]))

    total = float(form.base[output])
    for tree in form.trees:
        if output in tree.targets:
            total += walk(tree, left_share(tree), 0)[tree.targets.index(output)]
    return total


@given(SEEDS, st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_shapley_values_are_those_of_the_definition(some: Any, seed: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    form = some.trees(outputs, "identity", rng, count=3)
    row = some.rows(4, rng)[rng.integers(4)]
    output = int(np.argmax(np.atleast_1d(np.squeeze(raw(form, row[None, :])))))
    players = range(some.width)
    worths = {frozenset(s): worth(form, row, frozenset(s), output) for n in range(some.width + 1) for s in combinations(players, n)}
    expected = np.zeros(some.width + 1)
    expected[-1] = worths[frozenset()]
    for coalition, value in worths.items():
        for player in set(players) - coalition:
            weight = factorial(len(coalition)) * factorial(some.width - len(coalition) - 1) / factorial(some.width)
            expected[player] += weight * (worths[coalition | {player}] - value)
    np.testing.assert_allclose(exact(form, row[None, :])[0], expected, atol=1e-9)


def test_shapley_values_do_not_depend_on_how_many_rows_are_asked_for(some: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    form = some.form("trees", 2, "softmax", 5)
    matrix = some.rows(50, np.random.default_rng(0))
    whole = exact(form, matrix)
    monkeypatch.setattr("foretable.forms.shapley.CHUNK", 1)
    assert np.array_equal(exact(form, matrix), whole)
    assert exact(form, matrix[:0]).shape == (0, some.width + 1)
