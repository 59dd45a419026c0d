"""The label as numbers to learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.errors import TrainingError
from foretable.registry.signature import Task
from foretable.train.split import NAMES, TEST, TRAIN, VALIDATION

LEAST = {TRAIN: 20, VALIDATION: 5, TEST: 5}
"""Rows that a split needs; of classes, of the rarest."""
MOST_CLASSES = 100
MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Outcome:
    """What is learned, per row in float64: 0 or 1, the position of a class among ``classes``, or a number."""

    values: np.ndarray
    classes: tuple[str, ...] = ()
    count: int = 0
    """Number of classes: 2 where labels are 0 and 1, 0 for numbers."""


def outcome(label: pa.ChunkedArray, task: Task, where: str) -> Outcome:
    """Read a label.

    Raises
    ------
    TrainingError
        It has NULLs, or values that the task cannot learn; the message names ``where`` (``table.column``).
    """
    if label.null_count:
        raise TrainingError(
            f"{label.null_count:,} of {len(label):,} labels are NULL",
            where=where,
            hint="a label that is not known yet has no place in a training set: filter such rows out in the label's query",
        )
    if task == "multiclass":
        return _classes(label, where)
    values = _numbers(label, where)
    return _binary(values, where) if task == "classification" else _finite(values, where)


def _binary(values: np.ndarray, where: str) -> Outcome:
    other = np.unique(values[(values != 0) & (values != 1)])
    if len(other):
        raise TrainingError(
            f"a classification learns 0 and 1, but the label also has {', '.join(f'{value:g}' for value in other[:MOST_NAMED])}",
            where=where,
            hint="compare it with a limit in the label's query, or declare task='multiclass' or 'regression'",
        )
    return Outcome(values, (), 2)


def _finite(values: np.ndarray, where: str) -> Outcome:
    beyond = int((~(np.abs(values) <= np.finfo(np.float32).max)).sum())
    if beyond:
        raise TrainingError(
            f"{beyond:,} labels are NaN, infinite or beyond 3.4e38",
            where=where,
            hint="divide with nullif(…, 0), or filter such rows out in the label's query",
        )
    if len(values) and values.min() == values.max():
        raise TrainingError(f"every label is {values[0]:g}", where=where, hint="there is nothing to learn: look at the label's query")
    return Outcome(values)


def _classes(label: pa.ChunkedArray, where: str) -> Outcome:
    """Classes in the order of their text; whole numbers in that of the numbers."""
    if pa.types.is_floating(label.type) or pa.types.is_nested(label.type) or pa.types.is_temporal(label.type):
        raise TrainingError(
            f"a {label.type} names no class",
            where=where,
            hint="a class is a text, an enum, a whole number or a boolean: cast it in the label's query",
        )
    found = label.cast(label.type.value_type) if pa.types.is_dictionary(label.type) else label
    classes = pc.unique(found).sort() if not pa.types.is_boolean(found.type) else pa.array(sorted(pc.unique(found).to_pylist()))
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise TrainingError(
            f"the label has {len(classes):,} classes",
            where=where,
            hint=f"2 to {MOST_CLASSES} can be learned: group them in the label's query, or declare task='regression'",
        )
    codes: np.ndarray = pc.index_in(found, value_set=classes).to_numpy().astype(np.float64)
    return Outcome(codes, tuple(pc.cast(classes, pa.string()).to_pylist()), len(classes))


def _numbers(label: pa.ChunkedArray, where: str) -> np.ndarray:
    kind = label.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)):
        raise TrainingError(
            f"a {kind} is no number to learn", where=where, hint="turn it into a number in the label's query, or declare task='multiclass'"
        )
    values: np.ndarray = pc.cast(label, pa.float64(), safe=False).to_numpy()
    return values


def enough(learned: Outcome, split: np.ndarray, where: str) -> None:
    """Refuse splits with too few rows, of any class.

    Raises
    ------
    TrainingError
        With the counts of every split.
    """
    counts = {part: _counts(learned, split == part) for part in NAMES}
    if all(counts[part].min() >= least for part, least in LEAST.items()):
        return
    needed = ", ".join(f"{least} in {NAMES[part]}" for part, least in LEAST.items())
    if learned.count == 2 and not learned.classes:
        found = "; ".join(f"{NAMES[part]} {c[1]:,} of {c.sum():,}" for part, c in counts.items())
        message = f"too few examples: rows of class 1 are {found}; of each class at least {needed} are needed"
    elif learned.classes:
        rare = np.flatnonzero(np.any([counts[part] < least for part, least in LEAST.items()], axis=0))[:MOST_NAMED]
        found = "; ".join(f"{learned.classes[k]!r} " + ", ".join(f"{counts[part][k]:,} in {NAMES[part]}" for part in NAMES) for k in rare)
        message = f"too few examples: rows are {found}; of each class at least {needed} are needed"
    else:
        found = ", ".join(f"{c[0]:,} in {NAMES[part]}" for part, c in counts.items())
        message = f"too few rows: {found}; at least {needed} are needed"
    raise TrainingError(
        message, where=where, hint="take a longer history, a longer horizon or another split=, or group rare classes in the label's query"
    )


def _counts(learned: Outcome, rows: np.ndarray) -> np.ndarray:
    if not learned.count:
        return np.array([rows.sum()])
    return np.bincount(learned.values[rows].astype(int), minlength=learned.count)
