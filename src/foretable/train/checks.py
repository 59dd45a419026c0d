"""What must hold before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.errors import LabelLeak, TrainingError
from foretable.registry.signature import Feature
from foretable.train.metrics import roc_auc
from foretable.train.split import TRAIN

LEAK_AUC = 0.995


def informative(rows: pa.Table, features: Sequence[Feature]) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """Leave out features that are the same on every training row.

    Returns
    -------
    tuple
        The features that vary, and a note for each that does not.
    """
    kept, notes = [], []
    for feature in features:
        values = pc.unique(rows[feature.name])
        if feature.kind == "number":  # a model reads NaN and NULL alike
            values = pc.unique(pc.if_else(pc.is_nan(values), None, values))
        if len(values) > 1:
            kept.append(feature)
        else:
            what = "always NULL" if values[0].as_py() is None else f"always {values[0].as_py()}"
            notes.append(f"feature {feature.name} is left out: {what} in the training rows")
    return tuple(kept), tuple(notes)


def finite(matrix: np.ndarray, features: Sequence[Feature], table: str) -> None:
    """Refuse numbers that are infinite, or would be in the float32 of trees.

    Raises
    ------
    TrainingError
        With the column and the count.
    """
    beyond = (np.abs(matrix) > np.finfo(np.float32).max).sum(axis=0)
    for position in np.flatnonzero(beyond).tolist():
        raise TrainingError(
            f"{beyond[position]:,} values are infinite or beyond 3.4e38",
            where=f"{table}.{features[position].name}",
            hint="divide with nullif(…, 0), or clip the column",
        )


def no_leak(matrix: np.ndarray, outcome: np.ndarray, split: np.ndarray, features: Sequence[Feature], table: str) -> None:
    """Refuse a feature that alone orders the label almost perfectly.

    A number is tried with its NULLs lowest and highest; a category by its rate of the label in the
    training rows, on the other rows.

    Raises
    ------
    LabelLeak
        With the ROC-AUC that the feature reaches alone.
    """
    train, others = split == TRAIN, split > TRAIN
    for position, feature in enumerate(features):
        values = matrix[:, position]
        if feature.kind == "category":
            auc = _category_auc(values, outcome, train, others, len(feature.vocabulary))
        else:
            auc = _number_auc(values[train], outcome[train])
        if auc > LEAK_AUC:
            raise LabelLeak(
                f"this feature alone tells {auc:.2%} of positives from negatives (ROC-AUC {auc:.4f}): the label leaks into it",
                where=f"{table}.{feature.name}",
                hint="read only what is known before as_of(), or list the column in the model's exclude=",
            )


def _number_auc(values: np.ndarray, outcome: np.ndarray) -> float:
    unknown = np.isnan(values)
    sides = (-np.inf, np.inf) if unknown.any() else (0.0,)
    found = [roc_auc(outcome, np.where(unknown, side, values)) for side in sides]
    return max(max(auc, 1 - auc) for auc in found)


def _category_auc(codes: np.ndarray, outcome: np.ndarray, train: np.ndarray, others: np.ndarray, size: int) -> float:
    slots = np.where(np.isnan(codes), size, codes).astype(int)
    known = slots >= 0
    seen = np.bincount(slots[train & known], minlength=size + 1)
    hits = np.bincount(slots[train & known], weights=outcome[train & known], minlength=size + 1)
    overall = outcome[train].mean()
    rates = np.where(seen > 0, hits / np.maximum(seen, 1), overall)
    return roc_auc(outcome[others], np.where(known, rates[slots], overall)[others])
