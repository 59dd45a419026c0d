"""The graph of a form answers as the form itself does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.forms import Column, Finish, Linear, Tree, Trees, floor32
from foretable.forms.evaluate import answer, apply_finish, raw
from foretable.forms.graph import onnx_of
from foretable.registry.onnxfile import inspect

KINDS = st.sampled_from(["linear", "trees"])
SHAPES = st.one_of(
    st.tuples(st.just(1), st.sampled_from(["identity", "sigmoid", "exp", "knots"])),
    st.tuples(st.integers(2, 4), st.sampled_from(["identity", "softmax"])),
)
SEEDS = st.integers(0, 2**32)
INF, NAN = np.inf, np.nan


def same(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-6) -> None:
    expected = expected.reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


@given(KINDS, SHAPES, SEEDS)
@settings(max_examples=60, deadline=None)
def test_graph_and_form_agree(some: Any, kind: str, shape: tuple[int, str], seed: int) -> None:
    outputs, link = shape
    form = some.form(kind, outputs, link, seed)
    matrix = some.rows(64, np.random.default_rng(seed))
    content = onnx_of(form, some.width)
    inspect(content, some.width)
    found = some.run(content, matrix)
    assert found.dtype == np.float64
    assert found.shape == (64, outputs)
    same(found, answer(form, matrix))
    same(some.run(onnx_of(replace(form, finish=Finish()), some.width), matrix), raw(form, matrix))


@pytest.mark.parametrize("size", [1, 2, 7, 16, 33, 100, 2_047])
@pytest.mark.parametrize(("outputs", "link"), [(1, "sigmoid"), (1, "knots"), (1, "exp"), (3, "softmax"), (4, "identity")])
@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_a_row_scores_bit_for_bit_alike_in_any_batch(some: Any, kind: str, outputs: int, link: str, size: int) -> None:
    rng = np.random.default_rng(size)
    matrix = some.rows(300 if size < 16 else 2_100, rng)
    content = onnx_of(some.form(kind, outputs, link, 3), some.width)
    order = rng.permutation(len(matrix))
    assert np.array_equal(some.run(content, matrix[order], size), some.run(content, matrix)[order], equal_nan=True)


def test_equal_forms_give_equal_bytes(some: Any) -> None:
    for kind in ("linear", "trees"):
        assert onnx_of(some.form(kind, 3, "softmax", 1), some.width) == onnx_of(some.form(kind, 3, "softmax", 1), some.width)


def stump(threshold: float, *, missing_left: bool = False, column: int = 0) -> Tree:
    """10 to the left, 20 to the right."""
    leaves = np.array([[0], [10], [20]], dtype=np.float32)
    return Tree(
        column=np.array([column, -1, -1]),
        threshold=np.array([threshold, 0, 0], dtype=np.float32),
        left=np.array([1, 0, 0]),
        right=np.array([2, 0, 0]),
        missing_left=np.array([missing_left, False, False]),
        value=leaves,
        cover=np.array([4.0, 1.0, 3.0]),
    )


def both(some: Any, form: Any, matrix: Any) -> list[float]:
    """What reference and graph say, which must be the same."""
    rows = np.array(matrix, dtype=np.float64)
    expected = answer(form, rows)
    found = some.run(onnx_of(form, rows.shape[1]), rows)
    assert np.array_equal(found.ravel(), expected.ravel(), equal_nan=True)
    values: list[float] = expected.tolist()
    return values


BESIDE = [[np.nextafter(np.float32(0.3), np.float32(t))] for t in (-1, 1)]
AT = [float(np.float32(0.3))]


@pytest.mark.parametrize(("strict", "at"), [(True, 20), (False, 10)])
def test_a_value_at_the_threshold(some: Any, strict: bool, at: int) -> None:
    form = Trees((Column(0),), (stump(0.3),), np.zeros(1), strict)
    assert both(some, form, [BESIDE[0], AT, BESIDE[1], [-INF], [INF], [1e300], [-0.0]]) == [10, at, 20, 10, 20, 20, 10]
    zero = Trees((Column(0),), (stump(0.0),), np.zeros(1), strict)
    assert both(some, zero, [[-0.0], [0.0], [1e-60]]) == [at, at, at], (
        "zeros are one number, and what float32 cannot tell from zero is zero"
    )


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("missing_left", "to"), [(True, 10), (False, 20)])
def test_a_null_goes_where_its_branch_says(some: Any, strict: bool, missing_left: bool, to: int) -> None:
    form = Trees((Column(0), Column(1)), (stump(0.3, missing_left=missing_left), stump(0.3, column=1)), np.zeros(1), strict)
    assert both(some, form, [[NAN, 0], [NAN, 1], [0, NAN], [1, NAN]]) == [to + 10, to + 20, 30, 40]


def test_a_category_has_a_slot_for_null_and_one_for_the_unseen(some: Any) -> None:
    table = np.array([1, 2, 4, 8], dtype=np.float32)
    forest = Trees((Column(0, table),), tuple(stump(t) for t in (1.5, 3, 6)), np.zeros(1))
    linear = Linear(np.zeros(1), np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)), {0: table[None, :].astype(float)}, np.zeros(1))
    codes = [[NAN], [-1], [0], [1]]
    assert both(some, forest, codes) == [30, 40, 50, 60]
    assert both(some, linear, codes) == [1, 2, 4, 8]


def test_a_null_of_an_indicator_is_routed_apart(some: Any) -> None:
    indicator = np.array([np.nan, 0, 0, 1], dtype=np.float32)
    form = Trees((Column(0, indicator),), (stump(1.0, missing_left=False),), np.zeros(1))
    assert both(some, form, [[NAN], [-1], [0], [1]]) == [20, 10, 10, 20]


def test_a_linear_null_is_filled_and_has_a_gap(some: Any) -> None:
    form = Linear(np.array([10.0]), np.array([0.5]), np.array([[2.0]]), np.array([[100.0]]), {}, np.array([1.0]))
    assert both(some, form, [[NAN], [10.0], [13.0], [INF], [-INF]]) == [102, 1, 7, INF, -INF]


def test_infinities_that_cancel_are_no_number(some: Any) -> None:
    form = Linear(np.zeros(2), np.zeros(2), np.array([[1.0, -1.0]]), np.zeros((1, 2)), {}, np.zeros(1), Finish("sigmoid"))
    assert np.isnan(both(some, form, [[INF, INF], [-INF, -INF]])).all()


def test_trees_of_one_leaf_and_no_trees(some: Any) -> None:
    leaf = Tree(*(np.array([v]) for v in (-1, 0.0, 0, 0, False)), value=np.array([[5.0]], dtype=np.float32), cover=np.ones(1))
    assert both(some, Trees((Column(0),), (leaf, stump(0.0)), np.ones(1)), [[1.0]]) == [26]
    assert both(some, Trees((Column(0),), (leaf,), np.ones(1)), [[1.0], [NAN]]) == [6, 6]
    assert both(some, Trees((Column(0),), (), np.ones(1)), [[1.0]]) == [1]


def test_an_output_without_trees_has_its_base(some: Any) -> None:
    form = Trees((Column(0),), (replace(stump(0.0), targets=(2,)),), np.array([1.0, 2.0, 3.0]))
    assert both(some, form, [[-1.0], [1.0]]) == [[1, 2, 13], [1, 2, 23]]


def test_small_leaves_beside_a_large_base_keep_their_digits(some: Any) -> None:
    small = replace(stump(0.0), value=np.array([[0], [0.001], [0.002]], dtype=np.float32))
    form = Trees((Column(0),), (small,) * 50, np.array([1e9]))
    found = some.run(onnx_of(form, 1), np.array([[-1.0], [1.0]])).ravel() - 1e9
    np.testing.assert_allclose(found, [0.05, 0.1], atol=1e-6)


def test_many_leaves_are_added_without_loss(some: Any) -> None:
    rng = np.random.default_rng(0)
    forest = tuple(replace(stump(0.0), value=rng.uniform(0, 1 / 500, (3, 1)).astype(np.float32)) for _ in range(500))
    form = Trees((Column(0),), forest, np.zeros(1), strict=False)
    rows = np.array([[-1.0], [1.0]])
    np.testing.assert_allclose(some.run(onnx_of(form, 1), rows).ravel(), raw(form, rows), rtol=1e-7)


KNOTS = Finish(knots=((0.0, 0.1), (1.0, 0.3), (1.0, 0.4), (3.0, 0.8)))


def test_the_line_between_knots_is_level_outside(some: Any) -> None:
    form = Linear(np.zeros(1), np.zeros(1), np.ones((1, 1)), np.zeros((1, 1)), {}, np.zeros(1), KNOTS)
    x = [-INF, -5.0, 0.0, 0.5, np.nextafter(1, 0), 1.0, 2.0, 3.0, 4.0, INF]
    expected = [0.1, 0.1, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 0.8, 0.8]
    np.testing.assert_allclose(both(some, form, [[value] for value in x]), expected)


def test_no_number_stays_no_number() -> None:
    for finish in (KNOTS, Finish(), Finish("sigmoid"), Finish("exp")):
        assert np.isnan(apply_finish(finish, np.array([np.nan]))).all()


def test_one_knot_is_a_level(some: Any) -> None:
    form = Linear(np.zeros(1), np.zeros(1), np.ones((1, 1)), np.zeros((1, 1)), {}, np.zeros(1), Finish(knots=((1.0, 0.25),)))
    assert both(some, form, [[0.0], [1.0], [9.0]]) == [0.25] * 3


def test_small_probabilities_keep_their_digits(some: Any) -> None:
    form = Linear(np.zeros(1), np.zeros(1), np.ones((1, 1)), np.zeros((1, 1)), {}, np.zeros(1), Finish("sigmoid"))
    found = some.run(onnx_of(form, 1), np.array([[-40.0], [-800.0], [800.0], [-INF], [INF]])).ravel()
    np.testing.assert_allclose(found, [np.exp(-40.0), 0, 1, 0, 1], rtol=1e-14)


@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1), st.lists(st.floats(allow_nan=False, width=32), min_size=1))
def test_a_threshold_rounded_down_asks_the_same_of_every_float32(thresholds: list[float], values: list[float]) -> None:
    lower = floor32(np.array(thresholds))
    assert lower.dtype == np.float32
    with np.errstate(over="ignore"):
        beside = [np.nextafter(lower, np.float32(end)) for end in (-INF, INF)]
    near = np.concatenate([lower, *beside, np.array(values, np.float32)])
    assert np.array_equal(near[:, None] <= lower, near[:, None].astype(np.float64) <= np.array(thresholds))
