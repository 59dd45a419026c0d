"""How far the features of one split lie from those that were trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretable.registry.signature import Feature
from foretable.train.result import Curve
from foretable.train.split import NAMES, TEST, TRAIN, VALIDATION

BINS = 10
FLOOR = 1e-4
"""Share that an empty bin counts as having."""
MOST_FEATURES = 200
LATER = (VALIDATION, TEST)


def drift(features: Sequence[Feature], matrix: np.ndarray, split: np.ndarray) -> tuple[Curve, ...]:
    """Population stability index of each feature on the validation and the test rows against the training rows.

    Numbers are binned by the deciles of the training rows, categories by the ``BINS - 1`` most frequent of them and the
    rest; NULL has a bin of its own. Below 0.1 little has moved, above 0.25 much has.
    Source: Siddiqi 2006, "Credit risk scorecards", chapter 8.

    Parameters
    ----------
    features
        What the columns of the matrix are.
    matrix
        Encoded rows of the training set.
    split
        Part of each row.

    Returns
    -------
    tuple of Curve
        ``drift`` by split, labelled by feature, the most moved first.
    """
    moved = np.array(
        [
            stability(matrix[split == TRAIN, position], [matrix[split == part, position] for part in LATER], feature.kind == "category")
            for position, feature in enumerate(features)
        ]
    )
    found = []
    for part, index in zip(LATER, moved.T, strict=True):
        order = np.argsort(-index, kind="stable")[:MOST_FEATURES]
        places = tuple(float(place) for place in range(len(order)))
        found.append(Curve("drift", NAMES[part], places, tuple(index[order].tolist()), tuple(features[i].name for i in order)))
    return tuple(found)


def stability(reference: np.ndarray, others: Sequence[np.ndarray], category: bool = False) -> list[float]:
    """Σ (q − p)·ln(q / p) over the bins, of shares p of the reference and q of each of the other sets of values; NaN is NULL."""
    known = reference[~np.isnan(reference)]
    if category:
        values, counts = np.unique(known, return_counts=True)
        borders = np.sort(values[np.argsort(-counts, kind="stable")[: BINS - 1]])
    else:
        borders = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
    expected, *found = (np.maximum(_shares(values, borders, category), FLOOR) for values in (reference, *others))
    return [float(((shares - expected) * np.log(shares / expected)).sum()) for shares in found]


def _shares(values: np.ndarray, borders: np.ndarray, category: bool) -> np.ndarray:
    null = np.isnan(values)
    bins = np.searchsorted(borders, values[~null], side="left" if category else "right")
    if category and len(borders):
        there = borders[np.minimum(bins, len(borders) - 1)] == values[~null]
        bins = np.where(there, bins, len(borders))
    shares: np.ndarray = np.r_[np.bincount(bins, minlength=len(borders) + 1), null.sum()] / len(values)
    return shares
