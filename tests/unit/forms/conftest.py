"""Random forms of every kind, rows that are hard on them, and ONNX Runtime as the engine runs it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foretable.forms import Column, Finish, Form, Linear, Tree, Trees

WIDTH, SIZES = 6, {4: 3, 5: 2}
"""Four numbers, then a category of three values and one of two."""
KNOTS = ((-1.0, 0.05), (-0.25, 0.3), (-0.25, 0.35), (0.5, 0.35), (2.0, 0.9))


def finish(link: str, rng: np.random.Generator) -> Finish:
    if link == "knots":
        return Finish(knots=KNOTS)
    return Finish(link, float(rng.uniform(0.5, 1.5)), float(rng.normal())) if rng.random() < 0.5 else Finish(link)  # type: ignore[arg-type]


def linear(outputs: int, link: str, rng: np.random.Generator) -> Linear:
    numbers = np.arange(WIDTH) < 4
    mean, fill = (np.where(numbers, rng.normal(size=WIDTH), 0.0) for _ in range(2))
    per_unit, per_gap = (np.where(numbers, rng.normal(size=(outputs, WIDTH)), 0.0) for _ in range(2))
    per_level = {j: rng.normal(size=(outputs, 2 + size)) for j, size in SIZES.items()} if rng.random() < 0.8 else {}
    gaps = per_gap * (rng.random() < 0.5)
    return Linear(mean, fill, per_unit, gaps, per_level, rng.normal(size=outputs), finish(link, rng))


def tree(columns: int, depth: int, targets: tuple[int, ...], rng: np.random.Generator) -> Tree:
    """Grown at random; nodes are not in the order in which they are reached, and one is reached by no way."""
    rows: list[list[float]] = []

    def grow(left: int) -> int:
        at = len(rows)
        rows.append([-1, 0, 0, 0])
        if left and rng.random() < 0.85:
            first = grow(left - 1) if rng.random() < 0.5 else None
            second = grow(left - 1)
            rows[at] = [rng.integers(columns), rng.choice([0.0, 0.5, *np.round(rng.normal(size=3), 1)]), first or grow(left - 1), second]
        return at

    grow(depth)
    rows.append([-1, 0, 0, 0])
    table = np.array(rows)
    column = table[:, 0].astype(np.int64)
    return Tree(
        column=column,
        threshold=table[:, 1].astype(np.float32),
        left=table[:, 2].astype(np.int64),
        right=table[:, 3].astype(np.int64),
        missing_left=rng.random(len(rows)) < 0.5,
        value=np.where((column < 0)[:, None], rng.normal(0, 0.2, (len(rows), len(targets))), 0).astype(np.float32),
        cover=_cover(table, rng),
        targets=targets,
    )


def _cover(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cover = np.zeros(len(table))

    def fill(node: int) -> float:
        if table[node, 0] < 0:
            cover[node] = rng.choice([0.0, *rng.uniform(1, 9, 4)])
        else:
            cover[node] = fill(int(table[node, 2])) + fill(int(table[node, 3]))
        return float(cover[node])

    fill(0)
    return cover


def trees(outputs: int, link: str, rng: np.random.Generator, count: int = 8, depth: int = 4) -> Trees:
    rates = rng.normal(size=5).astype(np.float32)
    columns = [Column(j) for j in range(4)]
    columns += [Column(4, np.array([np.nan, 0, *np.eye(3)[k]], dtype=np.float32)) for k in range(3)]
    columns += [Column(5, np.array([-1, -2, 0, 1], dtype=np.float32)), Column(4, rates), Column(5)]
    if rng.random() < 0.3:
        columns = columns[:4]
    each = [(k % outputs,) for k in range(count)] if rng.random() < 0.5 else [tuple(range(outputs))] * count
    grown = tuple(tree(len(columns), depth, targets, rng) for targets in each)
    return Trees(tuple(columns), grown, rng.normal(size=outputs), bool(rng.random() < 0.5), finish(link, rng))


def rows(count: int, rng: np.random.Generator) -> np.ndarray:
    """Encoded rows: numbers of which many are at or beside a threshold, NULLs, infinities, every category."""
    near = np.array([0.0, -0.0, 0.5, *np.round(rng.normal(size=20), 1)], dtype=np.float32)
    hard = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9)), [np.inf, -np.inf, 1e39, 1e-46]])
    matrix = rng.normal(size=(count, WIDTH))
    matrix[:, :4] = np.where(rng.random((count, 4)) < 0.5, rng.choice(hard, (count, 4)), matrix[:, :4])
    for j, size in SIZES.items():
        matrix[:, j] = rng.integers(-1, size, count)
    matrix[rng.random(matrix.shape) < 0.15] = np.nan
    matrix[0] = np.nan
    return matrix


def run(content: bytes, matrix: np.ndarray, size: int = 1 << 20) -> np.ndarray:
    """A graph's output, in batches of so many rows that are padded as the engine pads them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    with np.errstate(over="ignore"):
        given = matrix.astype(np.float32 if "float)" in session.get_inputs()[0].type else np.float64)
    parts = []
    for start in range(0, len(given), size):
        batch = given[start : start + size]
        padded = np.concatenate([batch, np.zeros((-len(batch) % 16, given.shape[1]), dtype=given.dtype)])
        parts.append(session.run(["y"], {"x": padded})[0][: len(batch)])
    found: np.ndarray = np.concatenate(parts)
    return found


@pytest.fixture(scope="session")
def some() -> Any:
    """``some.linear``, ``some.trees``, ``some.rows`` from a random generator; ``some.run`` runs a graph; ``some.form`` any form."""

    def form(kind: str, outputs: int, link: str, seed: int) -> Form:
        make: Callable[..., Form] = linear if kind == "linear" else trees
        return make(outputs, link, np.random.default_rng(seed))

    return SimpleNamespace(linear=linear, trees=trees, tree=tree, rows=rows, run=run, form=form, width=WIDTH)
