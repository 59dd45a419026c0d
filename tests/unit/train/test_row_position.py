"""A row's score does not depend on which other rows are scored with it, or on its place among them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from foretable.train.linear_onnx import Folded, linear_graph

ROWS = 4_096


def folded(categories: int, rng: np.random.Generator) -> tuple[Folded, np.ndarray]:
    """Five numbers and some categories, with weights that do not add up alike in every order."""
    matrix = np.hstack([rng.normal(size=(ROWS, 5)), rng.integers(-1, 4, size=(ROWS, categories)).astype(np.float64)])
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    weights = {5 + j: rng.normal(size=4) for j in range(categories)}
    units, gaps = (np.concatenate([rng.normal(size=5), np.zeros(categories)]) for _ in range(2))
    nothing = np.zeros(5 + categories)
    return Folded(mean=nothing, fill=nothing, per_unit=units, per_gap=gaps, per_level=weights, offset=0.3), matrix


@pytest.mark.parametrize("categories", [3, 4, 5, 7])
@pytest.mark.parametrize("size", [16, 48, 64, 2_048])
def test_a_linear_model_scores_bit_for_bit_alike_in_any_batch(size: int, categories: int) -> None:
    rng = np.random.default_rng(0)
    model, matrix = folded(categories, rng)
    session = onnxruntime.InferenceSession(linear_graph(model))
    whole = session.run(None, {"x": matrix})[0].ravel()
    order = rng.permutation(ROWS)[: ROWS // size * size]
    parts = [session.run(None, {"x": matrix[order[start : start + size]]})[0].ravel() for start in range(0, len(order), size)]
    assert np.array_equal(np.concatenate(parts), whole[order])
