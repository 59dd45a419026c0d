"""A training set made ready to fit: encoded, split, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from foretable.declare.judge import EntitySplit, TimeSplit
from foretable.declare.model import Model
from foretable.errors import DeclarationError, TrainingError, nearest
from foretable.registry.signature import Signature, encode_table
from foretable.train import checks
from foretable.train.features import infer_features
from foretable.train.split import TRAIN, entity_codes, split_by_entity, split_by_time

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet


@dataclass(frozen=True, eq=False)
class Prepared:
    """The rows of a training set as matrices, in one order.

    ``matrix`` is encoded in float64; ``latest`` marks the rows that stand for today: those of the last
    date or, where there are no dates, the last row of each entity (none where every entity has one).
    """

    signature: Signature
    matrix: np.ndarray
    outcome: np.ndarray
    split: np.ndarray
    clusters: np.ndarray
    latest: np.ndarray
    notes: tuple[str, ...]

    def rows(self, part: int) -> np.ndarray:
        """Positions of the rows of a split."""
        return np.flatnonzero(self.split == part)


def prepare(model: Model, data: pa.Table, training: TrainingSet) -> Prepared:
    """Check, split and encode a training set.

    Parameters
    ----------
    model
        The declaration.
    data
        Rows as :func:`foretable.train.features.read_rows` gives them.
    training
        What the rows are.

    Raises
    ------
    TrainingError
        The label has NULLs or other values than 0 and 1, a part has too few of a class, a column is no
        input or infinite, no feature is left.
    LabelLeak
        One feature alone tells the label.
    """
    outcome = checks.outcome(data[training.label], f"{training.table}.{training.label}")
    split, clusters = _split(model, data, training)
    checks.enough(outcome, split, training.table)
    train_rows = data.take(pa.array(np.flatnonzero(split == TRAIN)))
    features = infer_features(train_rows, training.features, training.table)
    kept, notes = checks.informative(train_rows, features)
    if not kept:
        raise TrainingError("no feature varies over the training rows", where=training.table, hint="add feature views to the model")
    matrix = encode_table(data, kept)
    checks.finite(matrix, kept, training.table)
    checks.no_leak(matrix, outcome, split, kept, training.table)
    gap = int((split < 0).sum())
    if gap:
        notes = (*notes, f"{gap:,} rows lie in the gap between the splits and are not used")
    signature = Signature(model.name, model.task, kept, training.label, model.cut)
    return Prepared(signature, matrix, outcome, split, clusters, _latest(clusters, data, training.as_of), notes)


def _split(model: Model, data: pa.Table, training: TrainingSet) -> tuple[np.ndarray, np.ndarray]:
    """The part of each row, and its cluster: the column of an entity split, else the entity's key."""
    split = model.split or (TimeSplit() if model.label.horizon else EntitySplit(training.keys[0]))
    if isinstance(split, EntitySplit):
        if split.column not in data.column_names:
            raise DeclarationError(
                f"model {model.name} splits by {split.column!r}, which the training set lacks",
                where=str(model.origin),
                hint=nearest(split.column, training.keys),
            )
        return split_by_entity(data[split.column], model.seed, split.shares), entity_codes(data[split.column])[0]
    if training.as_of is None or model.label.horizon is None:
        raise DeclarationError(
            f"model {model.name} splits by time, but its label {model.label.name} has no dates",
            where=str(model.origin),
            hint='give the label horizon=, every= and start=, or split=ft.EntitySplit("<key>")',
        )
    dates = data[training.as_of].to_numpy()
    return split_by_time(dates, model.label.horizon, split.shares), _entities(data, training.keys)


def _entities(data: pa.Table, keys: Sequence[str]) -> np.ndarray:
    codes = np.column_stack([entity_codes(data[key])[0] for key in keys])
    return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)


def _latest(clusters: np.ndarray, data: pa.Table, as_of: str | None) -> np.ndarray:
    """The rows of the last date, else the last row of each cluster; rows come ordered by key.

    The last row of each entity would not do where there are dates: who left has its last row just before,
    so that row would tell the label.
    """
    if as_of is not None:
        dates = data[as_of].to_numpy()
        return np.asarray(dates == dates.max())
    last = np.zeros(len(clusters), dtype=bool)
    reversed_first = np.unique(clusters[::-1], return_index=True)[1]
    if len(reversed_first) < len(clusters):
        last[len(clusters) - 1 - reversed_first] = True
    return last
