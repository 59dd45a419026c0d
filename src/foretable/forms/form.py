"""A fitted model as plain numbers.

Every form reads encoded rows, as ``foretable.registry.signature.encode`` gives them: a number as it is,
a boolean 0 or 1, a category its position in the vocabulary or −1 where it is not in it, NULL as NaN.
Its *raw* outputs are one number per row, or one per class; ``Finish`` makes the answer of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Link = Literal["identity", "sigmoid", "exp", "softmax"]
NULL_SLOT, UNSEEN_SLOT, FIRST_SLOT = 0, 1, 2
"""Where a table of values per category holds that of NULL, of an unseen category, of the first of the vocabulary."""


@dataclass(frozen=True)
class Finish:
    """From a raw output to what ``predict_<model>`` gives, in float64.

    ``link(slope · raw + offset)``; where there are ``knots``, the straight line between them instead
    (isotonic calibration), level before the first and after the last.
    """

    link: Link = "identity"
    slope: float = 1.0
    offset: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()
    """(raw, output), ascending in both."""


@dataclass(frozen=True, eq=False)
class Linear:
    """raw[k] = Σ_j per_unit[k, j]·(x_j − mean_j) + Σ_j per_gap[k, j]·is_null(x_j) + Σ_j per_level[j][k, slot(x_j)] + offset[k].

    A number that is NULL has the deviation ``fill`` from its mean. Shapes: ``mean`` and ``fill`` (features,);
    ``per_unit`` and ``per_gap`` (outputs, features); ``per_level`` has for each category, by position, the weights
    (outputs, 2 + vocabulary), with ``NULL_SLOT`` and ``UNSEEN_SLOT`` first; ``offset`` (outputs,). Outputs are 1,
    or the number of classes. ``mean``, ``fill``, ``per_unit`` and ``per_gap`` of a category are 0.
    """

    mean: np.ndarray
    fill: np.ndarray
    per_unit: np.ndarray
    per_gap: np.ndarray
    per_level: Mapping[int, np.ndarray]
    offset: np.ndarray
    finish: Finish = field(default=Finish())

    @property
    def outputs(self) -> int:
        """Number of raw outputs per row."""
        return len(self.offset)


@dataclass(frozen=True, eq=False)
class Column:
    """One column that trees read, in float32.

    ``feature`` is a position in the signature. Without a ``table`` the column is the encoded value; with one,
    the value of its slot: an indicator (0, 1, for NULL NaN), an ordinal code, a target rate.
    """

    feature: int
    table: np.ndarray | None = None
    """float32, shape (2 + vocabulary,), with ``NULL_SLOT`` and ``UNSEEN_SLOT`` first."""


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree, its root at node 0; all arrays have one entry per node.

    At a branch the value of ``column`` goes left when it is below ``threshold`` (or at it, see ``Trees.strict``),
    a NaN where ``missing_left`` says. A leaf has ``column`` −1 and adds ``value[node, i]`` to raw output ``targets[i]``.
    ``cover`` is the weight of the training rows that came by, for expected values.
    """

    column: np.ndarray
    threshold: np.ndarray
    """float32; infinite where a branch of scikit-learn's tells NULL from the rest only."""
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    """float32, shape (nodes, targets)."""
    cover: np.ndarray
    targets: tuple[int, ...] = (0,)


@dataclass(frozen=True, eq=False)
class Trees:
    """raw[k] = base[k] + the sum of the leaves that a row reaches (a forest's leaves are divided by its number of trees).

    With ``strict`` a value goes left when it is < the threshold (XGBoost), else when it is ≤ (scikit-learn).
    """

    columns: tuple[Column, ...]
    trees: tuple[Tree, ...]
    base: np.ndarray
    """Shape (outputs,)."""
    strict: bool = True
    finish: Finish = field(default=Finish())

    @property
    def outputs(self) -> int:
        """Number of raw outputs per row."""
        return len(self.base)


Form = Linear | Trees


def floor32(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 at or below each threshold: ``x <= threshold`` stays the same for every float32 ``x``."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
        below = np.nextafter(nearest, np.float32(-np.inf))
    lower: np.ndarray = np.where(nearest > thresholds, below, nearest)
    return lower
