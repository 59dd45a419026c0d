"""scikit-learn's random forests and single trees, in float32 as they themselves read columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretable.forms.evaluate import read_columns
from foretable.forms.form import Column, Finish, Link, Tree, Trees, floor32
from foretable.train.estimators.design import tree_columns
from foretable.train.estimators.fitting import FitInput
from foretable.train.estimators.trees import directions

DEFAULTS: Mapping[str, Any] = {"n_estimators": 200, "max_depth": 12, "min_samples_leaf": 5}
"""Deep enough to rank well; without bounds a forest of 200 trees on 100,000 rows has millions of leaves."""
OPTIONAL = ("bootstrap", "max_features", "max_leaf_nodes", "max_samples", "min_impurity_decrease", "min_samples_split")
THREADS = -1
"""Each tree has a seed of its own, so that threads change nothing."""


@dataclass(frozen=True, eq=False)
class ForestFit:
    """A fitted forest. Its raw output is what it answers: a probability (per class), or a number."""

    columns: tuple[Column, ...]
    estimator: Any
    classes: int
    link: Link = "identity"

    def raw(self, matrix: np.ndarray) -> np.ndarray:
        """The mean over the trees for each encoded row, by scikit-learn's trees, added up in one order."""
        read = read_columns(self.columns, matrix)
        total = sum(tree.tree_.predict(read) for tree in self.estimator.estimators_) / len(self.estimator.estimators_)
        mean: np.ndarray = total if self.classes else total[:, -1]
        return mean

    def form(self, finish: Finish) -> Trees:
        """The trees in plain numbers."""
        trees, base = average_of([tree.tree_ for tree in self.estimator.estimators_], max(1, self.classes))
        return Trees(self.columns, trees, base, strict=False, finish=finish)

    def booster(self) -> None:
        """There is none."""


def fit_forest(given: FitInput) -> ForestFit:
    """Fit a random forest to encoded rows; a NULL goes where each split learned that it goes.

    Raises
    ------
    DeclarationError
        A column that is to be monotone is no number.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    columns, read = given.once("trees", tree_columns)
    signs = directions(given, columns)
    family = RandomForestRegressor if given.model.task == "regression" else RandomForestClassifier
    settings = {**DEFAULTS, **given.parameters, "random_state": given.seed, "n_jobs": THREADS}
    estimator = family(monotonic_cst=np.array(signs) if any(signs) else None, **settings)
    estimator.fit(read, given.outcome, sample_weight=given.weights)
    return ForestFit(columns, estimator, given.classes)


def average_of(members: Sequence[Any], outputs: int) -> tuple[tuple[Tree, ...], np.ndarray]:
    """The trees of a forest, each with its share of the answer, and the base that they add to.

    A leaf holds how far it lies from the root of its tree: leaves are float32, and numbers far from zero keep their digits so.
    """
    share = 1 / len(members)
    trees = tuple(tree_of(member, share, outputs, centred=True) for member in members)
    base: np.ndarray = np.sum([_values(member, outputs)[0] * share for member in members], axis=0)
    return trees, base


def tree_of(tree: Any, factor: float, outputs: int, target: int | None = None, *, centred: bool = False) -> Tree:
    """One of scikit-learn's trees (``estimator.tree_``), its leaves times ``factor``.

    A value goes left when it is at most the threshold, a float64: see :func:`foretable.forms.floor32`.

    Parameters
    ----------
    outputs
        1 takes the last value of a leaf: the number, or the share of class 1.
    target
        The one output that the tree adds to, where it is not all of them.
    centred
        Leaves less the value of the root, which the caller adds to the base.
    """
    leaf = tree.children_left == -1
    value = _values(tree, 1 if target is not None else outputs)
    if centred:
        value = value - value[0]
    return Tree(
        column=np.where(leaf, -1, tree.feature),
        threshold=np.where(leaf, np.float32(0), floor32(tree.threshold)),
        left=np.asarray(tree.children_left),
        right=np.asarray(tree.children_right),
        missing_left=tree.missing_go_to_left.astype(bool) & ~leaf,
        value=np.where(leaf[:, None], value * factor, 0.0).astype(np.float32),
        cover=np.asarray(tree.weighted_n_node_samples),
        targets=(target,) if target is not None else tuple(range(outputs)),
    )


def _values(tree: Any, outputs: int) -> np.ndarray:
    """Per node the number, the share of class 1, or the share of each class."""
    values: np.ndarray = tree.value[:, 0, :] if outputs > 1 else tree.value[:, 0, -1:]
    return values
