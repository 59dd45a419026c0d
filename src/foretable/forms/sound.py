"""Whether a form holds together: what reads one may then trust its shapes and its paths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretable.forms.form import FIRST_SLOT, Finish, Form, Linear, Tree, Trees
from foretable.registry.signature import Feature

LINKS = ("identity", "sigmoid", "exp", "softmax")


def flaw(form: Form) -> str | None:
    """What is wrong with a form, in a few words, or nothing."""
    wrong = _finish_flaw(form.finish, form.outputs) if form.outputs else "it has no output"
    return wrong or (_linear_flaw(form) if isinstance(form, Linear) else _trees_flaw(form))


def misfit(form: Form, features: Sequence[Feature]) -> str | None:
    """Where a sound form does not fit the features of a signature, in a few words, or nowhere."""
    slots = {j: FIRST_SLOT + len(feature.vocabulary) for j, feature in enumerate(features) if feature.kind == "category"}
    if isinstance(form, Linear):
        fits = len(form.mean) == len(features) and {j: weights.shape[1] for j, weights in form.per_level.items()} == slots
    else:
        fits = all(c.feature < len(features) and (c.table is None or slots.get(c.feature) == len(c.table)) for c in form.columns)
    return None if fits else "it reads other features, or other categories, than the version's signature has"


def _finish_flaw(finish: Finish, outputs: int) -> str | None:
    knots = np.array(finish.knots, dtype=np.float64).reshape(-1, 2)
    if finish.link not in LINKS:
        return f"its link is {finish.link!r}"
    if not np.isfinite([finish.slope, finish.offset]).all() or not np.isfinite(knots).all():
        return "its last step has a number that is not finite"
    if (finish.link == "softmax") != (outputs > 1) and finish.link != "identity":
        return f"its link {finish.link} does not fit {outputs} outputs"
    if len(knots) and (outputs > 1 or (np.diff(knots, axis=0) < 0).any()):
        return "its knots do not ascend, or are for several outputs"
    return None


def _linear_flaw(form: Linear) -> str | None:
    features = len(form.mean) if form.mean.ndim == 1 else -1
    shapes = {"fill": (features,), "per_unit": (form.outputs, features), "per_gap": (form.outputs, features), "offset": (form.outputs,)}
    for name, shape in shapes.items():
        if getattr(form, name).shape != shape:
            return f"{name} is not of shape {shape}"
    if any(
        not 0 <= j < features or w.ndim != 2 or w.shape[0] != form.outputs or w.shape[1] < FIRST_SLOT for j, w in form.per_level.items()
    ):
        return "the weights of a category are not of its shape"
    arrays = [form.mean, form.fill, form.per_unit, form.per_gap, form.offset, *form.per_level.values()]
    return None if all(np.isfinite(values).all() for values in arrays) else "a weight is not finite"


def _trees_flaw(form: Trees) -> str | None:
    if form.base.shape != (form.outputs,) or not np.isfinite(form.base).all():
        return "its base is no number per output"
    for column in form.columns:
        if column.feature < 0 or (column.table is not None and (column.table.ndim != 1 or len(column.table) < FIRST_SLOT)):
            return "a column has no feature, or no slots for NULL and unseen categories"
    for number, tree in enumerate(form.trees):
        if wrong := _tree_flaw(tree, len(form.columns), form.outputs):
            return f"tree {number}: {wrong}"
    return None


def _tree_flaw(tree: Tree, columns: int, outputs: int) -> str | None:
    nodes = len(tree.column)
    arrays = (tree.column, tree.threshold, tree.left, tree.right, tree.missing_left, tree.cover)
    if not nodes or any(array.shape != (nodes,) for array in arrays) or tree.value.shape != (nodes, len(tree.targets)):
        return "its arrays differ in length"
    if not tree.targets or len(set(tree.targets)) != len(tree.targets) or not all(0 <= target < outputs for target in tree.targets):
        return "it adds to no output, or to one that is not there"
    branch = tree.column >= 0
    children = np.concatenate([tree.left[branch], tree.right[branch]])
    if (tree.column < -1).any() or (tree.column >= columns).any() or (children < 0).any() or (children >= nodes).any():
        return "a branch reads a column, or leads to a node, that is not there"
    if np.isnan(tree.threshold[branch]).any() or not np.isfinite(tree.value[~branch]).all():
        return "a threshold or a leaf is no number"
    if not np.isfinite(tree.cover).all() or (tree.cover < 0).any():
        return "a cover is below 0 or not finite"
    return _path_flaw(tree, branch)


def _path_flaw(tree: Tree, branch: np.ndarray) -> str | None:
    """Each node has one way to it at most, and the root none: so no way from the root comes back."""
    ways = np.bincount(tree.left[branch], minlength=len(branch)) + np.bincount(tree.right[branch], minlength=len(branch))
    return "two ways lead to one node" if ways[0] or (ways > 1).any() else None
