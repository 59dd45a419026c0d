"""Values for categories: the place in the vocabulary, or the smoothed mean of the label.

A table has one value per slot: that of NULL, of an unseen category, then of each category of the
vocabulary (``foretable.forms.form``). What a table says in training it says in SQL.
"""

from __future__ import annotations

import numpy as np

from foretable.errors import TrainingError
from foretable.forms.evaluate import slots
from foretable.forms.form import FIRST_SLOT, NULL_SLOT, UNSEEN_SLOT

FOLDS = 5
SMOOTHING = 20.0
"""Rows of the mean over all that are added to each category, so that a rare one does not stand for its few rows."""


def indicator(size: int, code: int) -> np.ndarray:
    """1 for one category, 0 for the others and an unseen one; NaN for NULL."""
    table = np.zeros(FIRST_SLOT + size)
    table[NULL_SLOT], table[FIRST_SLOT + code] = np.nan, 1.0
    return table


def places(size: int) -> np.ndarray:
    """The place of each category in the vocabulary; NULL and an unseen one have none: NaN."""
    return np.concatenate([[np.nan, np.nan], np.arange(size, dtype=np.float64)])


def targets(outcome: np.ndarray, classes: int) -> np.ndarray:
    """What means are taken of, (rows, targets): the label itself, or whether it is each of the classes."""
    return (outcome[:, None] == np.arange(classes)).astype(np.float64) if classes else outcome[:, None]


def mean_table(codes: np.ndarray, target: np.ndarray, weights: np.ndarray, size: int, mean: np.ndarray | None = None) -> np.ndarray:
    """Smoothed means of the target by category.

    ``(Σ w·target + SMOOTHING·mean) / (Σ w + SMOOTHING)``, the m-estimate of scikit-learn's ``TargetEncoder``.
    NULL is a category of its own; what has no rows, and an unseen category, gets the mean over all.

    Parameters
    ----------
    mean
        The mean over all, where it is not that of these rows.

    Returns
    -------
    numpy.ndarray
        Shape (2 + size, targets).
    """
    where, width = slots(codes), FIRST_SLOT + size
    total = np.bincount(where, weights, width)[:, None]
    sums = np.column_stack([np.bincount(where, weights * column, width) for column in target.T])
    mean = over_all(target, weights) if mean is None else mean
    table: np.ndarray = (sums + SMOOTHING * mean) / (total + SMOOTHING)
    table[UNSEEN_SLOT] = mean
    return table


def over_all(target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of each target."""
    mean: np.ndarray = (weights @ target) / weights.sum()
    return mean


def cross_fitted(
    codes: np.ndarray, target: np.ndarray, weights: np.ndarray, clusters: np.ndarray, size: int, seed: int, *, feature: str
) -> np.ndarray:
    """The mean of the target for each training row, from rows of other entities only.

    A row that sees its own label in its input teaches an estimator to trust what it will not have later;
    so does a row that sees the label of the same customer in another month. The mean over all is that of all
    rows: that of the others alone is low for whom it is high, and an identifier, of which others know nothing else,
    would be learned upside down.

    Returns
    -------
    numpy.ndarray
        Shape (rows, targets).

    Raises
    ------
    TrainingError
        There is one entity only.
    """
    fold = _folds(clusters, seed)
    if fold.max(initial=0) == 0:
        raise TrainingError(
            f"the label's means by {feature} cannot be taken from other entities: there is only one",
            where=feature,
            hint='declare encoding={"' + feature + '": "onehot"}',
        )
    values, mean = np.empty((len(codes), target.shape[1])), over_all(target, weights)
    for number in range(int(fold.max()) + 1):
        held = fold == number
        table = mean_table(codes[~held], target[~held], weights[~held], size, mean)
        values[held] = table[slots(codes[held])]
    return values


def _folds(clusters: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each row; entities are dealt out at random, each to one fold whole."""
    entities, row_entity = np.unique(clusters, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(entities)) % FOLDS
    fold: np.ndarray = dealt[row_entity.reshape(-1)]
    return fold
