"""The ways down a tree."""

from __future__ import annotations

import numpy as np

from foretable.forms.form import Tree


def by_depth(tree: Tree) -> list[np.ndarray]:
    """The nodes that the root leads to in one step after the other; the root alone is the first."""
    levels = [np.zeros(1, dtype=np.int64)]
    while len(branches := levels[-1][tree.column[levels[-1]] >= 0]):
        levels.append(np.concatenate([tree.left[branches], tree.right[branches]]).astype(np.int64))
    return levels


def top_down(tree: Tree) -> np.ndarray:
    """The nodes that the root leads to, each after its parent."""
    return np.concatenate(by_depth(tree))


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
    for nodes in reversed(by_depth(tree)):
        branches = nodes[tree.column[nodes] >= 0]
        part = share[branches, None]
        means[branches] = part * means[tree.left[branches]] + (1 - part) * means[tree.right[branches]]
    return means
