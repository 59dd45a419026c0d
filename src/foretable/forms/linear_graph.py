"""The raw outputs of a linear form, in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from foretable.forms.form import FIRST_SLOT, NULL_SLOT, Linear


def _deviations(form: Linear) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` to ``filled``, its deviations from the means, and ``is_null``."""
    from onnx import helper

    nodes = [
        helper.make_node("IsNaN", ["x"], ["is_null"]),
        helper.make_node("Sub", ["x", "mean"], ["deviation"]),
        helper.make_node("Where", ["is_null", "fill", "deviation"], ["filled"]),
    ]
    return nodes, {"mean": form.mean, "fill": form.fill}


def linear_raw(form: Linear) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` [N, F] float64 to ``raw`` [N, outputs] float64.

    A one-hot times its weights is a look-up.
    """
    from onnx import TensorProto, helper

    nodes, constants = _deviations(form)
    constants |= {"per_unit": form.per_unit.T, "offset": form.offset[None, :]}
    nodes.append(helper.make_node("MatMul", ["filled", "per_unit"], ["units"]))
    terms = ["units", "offset"]
    if form.per_gap.any():
        constants["per_gap"] = form.per_gap.T
        nodes += [
            helper.make_node("Cast", ["is_null"], ["null_flags"], to=TensorProto.DOUBLE),
            helper.make_node("MatMul", ["null_flags", "per_gap"], ["gaps"]),
        ]
        terms.append("gaps")
    if form.per_level:
        more, found = _levels(form)
        nodes += more
        constants |= found
        terms.append("levels")
    nodes.append(helper.make_node("Sum", terms, ["raw"]))
    return nodes, constants


def _level_slots(form: Linear) -> tuple[list[Any], dict[str, np.ndarray]]:
    """From ``x`` to ``slots`` [N, categories]: where in all tables, one after the other, each category's value is."""
    from onnx import TensorProto, helper

    positions = sorted(form.per_level)
    sizes = [form.per_level[j].shape[1] for j in positions]
    starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
    constants = {
        "categories": np.array(positions, dtype=np.int64),
        "null_code": np.array(float(NULL_SLOT - FIRST_SLOT)),
        "level_starts": starts + FIRST_SLOT,
    }
    nodes = [
        helper.make_node("Gather", ["x", "categories"], ["codes"], axis=1),
        helper.make_node("IsNaN", ["codes"], ["no_code"]),
        helper.make_node("Where", ["no_code", "null_code", "codes"], ["known_codes"]),
        helper.make_node("Cast", ["known_codes"], ["integers"], to=TensorProto.INT64),
        helper.make_node("Add", ["integers", "level_starts"], ["slots"]),
    ]
    return nodes, constants


def _levels(form: Linear) -> tuple[list[Any], dict[str, np.ndarray]]:
    """The weights of a row's categories for every output, added by a matrix product.

    Not ReduceSum: its order of addition depends on where a row stands in the batch.
    """
    from onnx import helper

    nodes, constants = _level_slots(form)
    categories, outputs = len(form.per_level), form.outputs
    constants |= {
        "weights": level_table(form),
        "level_shape": np.array([-1, categories * outputs], dtype=np.int64),
        "across": np.tile(np.eye(outputs), (categories, 1)),
    }
    nodes += [
        helper.make_node("Gather", ["weights", "slots"], ["level_weights"], axis=0),
        helper.make_node("Reshape", ["level_weights", "level_shape"], ["flat_weights"]),
        helper.make_node("MatMul", ["flat_weights", "across"], ["levels"]),
    ]
    return nodes, constants


def level_table(form: Linear) -> np.ndarray:
    """The weights of all categories, one after the other, shape (slots, outputs)."""
    return np.ascontiguousarray(np.concatenate([form.per_level[j] for j in sorted(form.per_level)], axis=1).T)
