"""A training set made ready to fit: encoded, split, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.declare.judge import EntitySplit, TimeSplit
from foretable.declare.model import Model
from foretable.errors import DeclarationError, TrainingError, nearest
from foretable.registry.signature import Feature, Signature, encode_table
from foretable.train import checks
from foretable.train.features import infer_features
from foretable.train.outcome import Outcome, enough, outcome
from foretable.train.result import Finding
from foretable.train.search.folds import Grounds
from foretable.train.split import AWAY, GAP, TRAIN, entity_codes, keep_apart, split_by_entity, split_by_time

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet


@dataclass(frozen=True, eq=False)
class Prepared:
    """The rows of a training set as matrices, in one order.

    ``matrix`` is encoded in float64; ``outcome`` is 0 or 1, the position of a class, or a number; ``classes`` counts classes, 0 for
    numbers. ``latest`` marks the rows that stand for today: those of the last date or, where there are no dates, the last row of
    each entity (none where every entity has one). ``aside`` has the columns that rows are evaluated by, ``dates`` is as_of
    (None where the label has no clock), ``grounds`` what folds are cut by.
    """

    signature: Signature
    matrix: np.ndarray
    outcome: np.ndarray
    split: np.ndarray
    clusters: np.ndarray
    latest: np.ndarray
    notes: tuple[str, ...]
    classes: int
    dates: np.ndarray | None
    aside: Mapping[str, pa.ChunkedArray]
    grounds: Grounds
    findings: tuple[Finding, ...] = ()

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
        The label cannot be learned, a part has too few rows of a class, a column is no input or infinite, no feature is left.
    LabelLeak
        A feature, or several together, tell the label as only the label does.
    """
    learned = outcome(data[training.label], model.task, f"{training.table}.{training.label}")
    grounds = _split(model, data, training, learned)
    split = grounds.split
    enough(learned, split, training.table)
    train_rows = data.take(pa.array(np.flatnonzero(split == TRAIN)))
    features = infer_features(train_rows, training.features, training.table)
    kept, constant = checks.informative(train_rows, features)
    if not kept:
        raise TrainingError("no feature varies over the training rows", where=training.table, hint="add feature views to the model")
    matrix = encode_table(data, kept)
    checks.finite(matrix, kept, training.table)
    found = checks.examine(_examined(model, data, training, kept, matrix, learned, grounds))
    reasons = tuple((f.name, model.reasons[f.name]) for f in kept if f.name in model.reasons)
    return Prepared(
        signature=Signature(model.name, model.task, kept, training.label, model.cut, learned.classes, reasons=reasons),
        matrix=matrix,
        outcome=learned.values,
        split=split,
        clusters=grounds.clusters,
        latest=_latest(grounds.clusters, data, training.as_of),
        notes=_left_out(split),
        classes=learned.count,
        dates=_dates(data, training),
        aside={name: data[name] for name in training.aside},
        grounds=grounds,
        findings=checks.ordered((*_drawn(model, training), *found, *constant)),
    )


def parts(model: Model, data: pa.Table, training: TrainingSet) -> np.ndarray:
    """The part of each row: a key of ``foretable.train.split.NAMES``, or the gap."""
    return _split(model, data, training, outcome(data[training.label], model.task, f"{training.table}.{training.label}")).split


def _examined(
    model: Model,
    data: pa.Table,
    training: TrainingSet,
    features: tuple[Feature, ...],
    matrix: np.ndarray,
    learned: Outcome,
    grounds: Grounds,
) -> checks.Examined:
    """What the checks look at."""
    by_entity = model.split if isinstance(model.split, EntitySplit) else EntitySplit(training.keys[0])
    return checks.Examined(
        table=training.table,
        task=model.task,
        features=features,
        matrix=matrix,
        outcome=learned.values,
        split=grounds.split,
        clusters=grounds.clusters,
        classes=learned.classes,
        keys={name: data[name] for name in training.keys},
        dates=_dates(data, training),
        entities=grounds.entities,
        held_out=by_entity.column if grounds.dates is None else "",
    )


def _dates(data: pa.Table, training: TrainingSet) -> np.ndarray | None:
    """As_of of each row; None where the label has no clock."""
    if training.as_of is None:
        return None
    dates: np.ndarray = data[training.as_of].to_numpy()
    return dates


def _split(model: Model, data: pa.Table, training: TrainingSet, learned: Outcome) -> Grounds:
    """The part of each row, and its cluster: the column of an entity split, else the entity's key."""
    split = model.split or (TimeSplit() if model.label.horizon else EntitySplit(training.keys[0]))
    if isinstance(split, EntitySplit):
        if split.column not in data.column_names:
            raise DeclarationError(
                f"model {model.name} splits by {split.column!r}, which the training set lacks",
                where=str(model.origin),
                hint=nearest(split.column, training.keys),
            )
        codes, values = entity_codes(data[split.column])
        parts = split_by_entity(data[split.column], model.seed, split.shares, learned.values if split.stratify else None)
        return Grounds(parts, learned.values, codes, values, learned.count, model.seed, stratify=split.stratify)
    if training.as_of is None or model.label.horizon is None:
        raise DeclarationError(
            f"model {model.name} splits by time, but its label {model.label.name} has no dates",
            where=str(model.origin),
            hint='give the label horizon=, every= and start=, or split=ft.EntitySplit("<key>")',
        )
    dates = data[training.as_of].to_numpy()
    codes, values = entity_codes(_key(data, training.keys))
    parts = split_by_time(dates, model.label.horizon, split.shares)
    if split.entities:
        parts = keep_apart(parts, codes, values, model.seed, split.shares)
    return Grounds(parts, learned.values, codes, values, learned.count, model.seed, dates, model.label.horizon, apart=split.entities)


def _key(data: pa.Table, keys: tuple[str, ...]) -> pa.ChunkedArray:
    """The key of each row as one column; the parts of a longer one as text, with their lengths so that no two keys look alike."""
    if len(keys) == 1:
        return data[keys[0]]
    texts = [pc.cast(data[key], pa.string()) for key in keys]
    parts = [part for text in texts for part in (pc.cast(pc.binary_length(text), pa.string()), text)]
    return pc.binary_join_element_wise(*parts, " ", null_handling="replace", null_replacement="-")


def _drawn(model: Model, training: TrainingSet) -> tuple[Finding, ...]:
    """That the model learned from a part of what there is."""
    if training.drawn_from is None:
        return ()
    whom = model.label.entity.name if model.label.entity else "row"
    told = f"learned from {training.row_count:,} of {training.drawn_from:,} rows: whole {whom}s drawn by a hash of the key"
    return (Finding("rows", "note", told, "", {"rows": training.row_count, "of": training.drawn_from, "most": model.rows}),)


def _left_out(split: np.ndarray) -> tuple[str, ...]:
    """What was not used, and why."""
    gap, away = (int((split == part).sum()) for part in (GAP, AWAY))
    notes = [f"{gap:,} rows lie in the gap between the splits and are not used"] if gap else []
    if away:
        notes.append(f"{away:,} rows belong to entities of another split and are not used")
    return tuple(notes)


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
