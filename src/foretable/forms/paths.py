"""The ways down a tree."""

from __future__ import annotations

import numpy as np

from foretable.forms.form import Tree


def top_down(tree: Tree) -> np.ndarray:
    """The nodes that the root leads to, each after its parent."""
    levels = [np.zeros(1, dtype=np.int64)]
    while len(levels[-1]):
        branches = levels[-1][tree.column[levels[-1]] >= 0]
        levels.append(np.stack([tree.left[branches], tree.right[branches]], axis=1).ravel().astype(np.int64))
    return np.concatenate(levels)


def left_share(tree: Tree) -> np.ndarray:
    """The part of the training rows' weight that went left at each branch; half where none came by. NaN at leaves."""
    share = np.full(len(tree.column), np.nan)
    branch = tree.column >= 0
    left, right = (tree.cover[children[branch]].astype(np.float64) for children in (tree.left, tree.right))
    share[branch] = np.divide(left, left + right, out=np.full(len(left), 0.5), where=left + right > 0)
    return share


def expected(tree: Tree) -> np.ndarray:
    """What a row at each node adds on average over the training rows, float64, shape (nodes, targets)."""
    means = tree.value.astype(np.float64)
    share = left_share(tree)
    for node in top_down(tree)[::-1].tolist():
        if tree.column[node] >= 0:
            means[node] = share[node] * means[tree.left[node]] + (1 - share[node]) * means[tree.right[node]]
    return means
