"""What a form means, in numpy: the reference that graphs, SQL and contributions are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretable.forms.form import FIRST_SLOT, NULL_SLOT, Column, Finish, Form, Linear, Tree, Trees


def raw(form: Form, matrix: np.ndarray) -> np.ndarray:
    """The raw outputs of encoded rows.

    Parameters
    ----------
    form
        A fitted model.
    matrix
        Encoded rows, shape (rows, features).

    Returns
    -------
    numpy.ndarray
        float64, shape (rows,) for one output, else (rows, outputs). Infinities that cancel, or meet a weight of 0, give NaN.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        outputs = _linear(form, matrix) if isinstance(form, Linear) else _trees(form, matrix)
    return outputs[:, 0] if form.outputs == 1 else outputs


def answer(form: Form, matrix: np.ndarray) -> np.ndarray:
    """What ``predict_<model>`` gives for encoded rows: ``form.finish`` applied to ``raw``."""
    return apply_finish(form.finish, raw(form, matrix))


def apply_finish(finish: Finish, raw: np.ndarray) -> np.ndarray:
    """From raw outputs, shape (rows,) or (rows, outputs), to the answer of the same shape."""
    with np.errstate(invalid="ignore", over="ignore"):
        if finish.knots:
            return between_knots(finish, raw)
        values = finish.slope * raw + finish.offset
        if finish.link == "sigmoid":
            values = expit(values)
        elif finish.link == "exp":
            values = np.exp(values)
        elif finish.link == "softmax":
            values = np.exp(values - values.max(axis=-1, keepdims=True))
            values /= values.sum(axis=-1, keepdims=True)
        return values


def expit(logit: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−logit)), without overflow."""
    probability: np.ndarray = np.exp(-np.logaddexp(0, -logit))
    return probability


def between_knots(finish: Finish, raw: np.ndarray) -> np.ndarray:
    """The straight line between knots, level outside of them."""
    starts, levels, slopes = segments(finish)
    inside = np.where(raw < starts[0], starts[0], np.where(raw > starts[-1], starts[-1], raw))
    found = np.maximum(np.searchsorted(starts, np.nan_to_num(inside), side="right") - 1, 0)
    values: np.ndarray = levels[found] + slopes[found] * (inside - starts[found])
    return values


def segments(finish: Finish) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each straight line starts, its level there, and its slope; the last one has slope 0."""
    starts, levels = np.array(finish.knots, dtype=np.float64).T
    run = np.append(np.diff(starts), 0.0)
    slopes = np.divide(np.append(np.diff(levels), 0.0), run, out=np.zeros_like(run), where=run > 0)
    return starts, levels, slopes


def filled(form: Linear, matrix: np.ndarray) -> np.ndarray:
    """Deviations of encoded rows from the means, NULLs filled."""
    return np.where(np.isnan(matrix), form.fill, matrix - form.mean)


def slots(codes: np.ndarray) -> np.ndarray:
    """Where a table has the value of each category code."""
    found: np.ndarray = np.where(np.isnan(codes), NULL_SLOT, np.nan_to_num(codes) + FIRST_SLOT).astype(np.int64)
    return found


def columns_of(form: Trees, matrix: np.ndarray) -> np.ndarray:
    """The float32 columns that the trees of a form read, for encoded rows."""
    return read_columns(form.columns, matrix)


def read_columns(columns: Sequence[Column], matrix: np.ndarray) -> np.ndarray:
    """The float32 columns that trees read, for encoded rows."""
    read = np.empty((len(matrix), len(columns)), dtype=np.float32)
    found = {j: slots(matrix[:, j]) for j in {column.feature for column in columns if column.table is not None}}
    with np.errstate(over="ignore"):  # beyond float32 a number is infinite, and compares with thresholds as it should
        for position, column in enumerate(columns):
            read[:, position] = matrix[:, column.feature] if column.table is None else column.table[found[column.feature]]
    return read


def goes_left(tree: Tree, nodes: np.ndarray, values: np.ndarray, *, strict: bool) -> np.ndarray:
    """Which way each value goes at its branch."""
    below = values < tree.threshold[nodes] if strict else values <= tree.threshold[nodes]
    left: np.ndarray = np.where(np.isnan(values), tree.missing_left[nodes], below)
    return left


def leaves_of(tree: Tree, columns: np.ndarray, *, strict: bool) -> np.ndarray:
    """The leaf that each row of columns reaches, as a node of the tree."""
    nodes = np.zeros(len(columns), dtype=np.int64)
    moving = np.arange(len(columns) if tree.column[0] >= 0 else 0)
    while len(moving):
        at = nodes[moving]
        left = goes_left(tree, at, columns[moving, tree.column[at]], strict=strict)
        nodes[moving] = np.where(left, tree.left[at], tree.right[at])
        moving = moving[tree.column[nodes[moving]] >= 0]
    return nodes


def _linear(form: Linear, matrix: np.ndarray) -> np.ndarray:
    outputs: np.ndarray = filled(form, matrix) @ form.per_unit.T + np.isnan(matrix) @ form.per_gap.T + form.offset
    for feature, weights in form.per_level.items():
        outputs += weights.T[slots(matrix[:, feature])]
    return outputs


def _trees(form: Trees, matrix: np.ndarray) -> np.ndarray:
    columns = columns_of(form, matrix)
    outputs = np.tile(form.base.astype(np.float64), (len(matrix), 1))
    for tree in form.trees:
        outputs[:, list(tree.targets)] += tree.value[leaves_of(tree, columns, strict=form.strict)]
    return outputs
