"""Made-up rows on which an export goes wrong first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa

from foretable.forms.form import Form, Trees
from foretable.registry.signature import Feature
from foretable.train.features import ARROW

BASES = 8
"""Rows of the training set that are changed in one feature at a time."""
MOST_THRESHOLDS = 2_000
"""Thresholds tried, evenly over all of them; and so many categories."""
UNSEEN_TEXTS = ("", "\x00never seen", "NULL", "nan")
EXTREMES = (math.inf, -math.inf, 1e300, -1e300, 3.5e38, 1e-300)
"""Infinities, and numbers that float32 cannot hold."""

Row = dict[str, object]
T = TypeVar("T")


def probe_rows(data: pa.Table, features: Sequence[Feature], form: Form | None) -> pa.Table:
    """NULLs, categories seen and unseen, NaN, zeros and values beside thresholds.

    Parameters
    ----------
    data
        Rows of the training set; a few, evenly over it, are the bases.
    features
        The signature's features.
    form
        The model in plain numbers, for the thresholds of its trees.

    Returns
    -------
    pyarrow.Table
        One column per feature. Each base with each feature in turn NULL, then with one feature only,
        then all NULL; each base with unseen categories; one base with every category and every value around
        thresholds.
    """
    rows = _bases(data, features)
    empty: Row = {feature.name: None for feature in features}
    made: list[Row] = [empty, *rows]
    for row in rows:
        for feature in features:
            made.append(row | {feature.name: None})
            made.append(empty | {feature.name: row[feature.name]})
            made += [row | {feature.name: value} for value in _strangers(feature)]
    levels = [(feature.name, level) for feature in features for level in feature.vocabulary]
    made += [rows[at % len(rows)] | {name: level} for at, (name, level) in enumerate(_some(levels))]
    for position, value in _beside_thresholds(form):
        if features[position].kind == "number":
            made.append(rows[len(made) % len(rows)] | {features[position].name: value})
    return _table(made, features)


def extreme_rows(data: pa.Table, features: Sequence[Feature]) -> pa.Table:
    """Numbers that most estimators refuse and SQL may hold: each alone in a row; infinities in all columns at once, and opposed.

    Huge numbers do not come together: what is left where they cancel is rounding, in any order of addition another.
    """
    rows = _bases(data, features)
    numbers = [feature.name for feature in features if feature.kind == "number"]
    made = [rows[0] | {name: value} for name in numbers for value in EXTREMES]
    made += [dict.fromkeys((f.name for f in features), None) | {name: value} for name in numbers for value in EXTREMES]
    for value in (math.inf, -math.inf):
        made.append(rows[-1] | dict.fromkeys(numbers, value))
        made.append(rows[-1] | {name: value * (-1) ** at for at, name in enumerate(numbers)})
    return _table(made, features)


def _bases(data: pa.Table, features: Sequence[Feature]) -> list[Row]:
    chosen = data.take(pa.array(np.unique(np.linspace(0, len(data) - 1, BASES).astype(int))))
    return [dict(row) for row in chosen.select([f.name for f in features]).to_pylist()]


def _table(rows: list[Row], features: Sequence[Feature]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([(feature.name, ARROW[feature.kind]) for feature in features]))


def _strangers(feature: Feature) -> tuple[object, ...]:
    if feature.kind == "category":
        known = set(feature.vocabulary)
        return tuple(text for text in (*UNSEEN_TEXTS, *(text.swapcase() + " " for text in feature.vocabulary[:1])) if text not in known)
    if feature.kind == "boolean":
        return (True, False)
    return (0.0, -0.0, -1.0, math.nan)


def _beside_thresholds(form: Form | None) -> list[tuple[int, float]]:
    """(feature, value) at each threshold, one float32 to either side, and one float64 below and above."""
    if not isinstance(form, Trees):
        return []
    found = {
        (form.columns[column].feature, float(threshold))
        for tree in form.trees
        for column, threshold in zip(tree.column.tolist(), tree.threshold.tolist(), strict=True)
        if column >= 0 and form.columns[column].table is None
    }
    around: list[tuple[int, float]] = []
    for position, value in _some(sorted(found)):
        single = np.float32(value)
        sides = [np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))]
        sides += [np.nextafter(np.float64(value), -np.inf), np.nextafter(np.float64(value), np.inf)]
        around += [(position, float(side)) for side in sides]
    return around


def _some(found: Sequence[T]) -> Sequence[T]:
    return found[:: max(1, len(found) // MOST_THRESHOLDS)]
