"""What a model version takes and gives, and how a row becomes its matrix.

The same ``encode`` feeds the native estimator in training, the parity gate and the function in SQL,
so that the three cannot drift apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.registry.intervals import Intervals

Kind = Literal["number", "boolean", "category"]
Task = Literal["classification", "multiclass", "regression"]
OUTPUTS: Mapping[Task, str] = {"classification": "probability", "multiclass": "label", "regression": "prediction"}
"""What ``predict_<model>`` gives: a probability of class 1, the most probable class, or a number."""
ENDINGS = ("_label", "_probabilities", "_interval", "_interval_of")
"""What ends the name of a model in the names of other functions than ``predict_<model>``."""
TYPES: Mapping[Kind, str] = {
    "number": r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*",
    "boolean": "BOOLEAN",
    "category": "VARCHAR|ENUM.*",
}
"""Names of the DuckDB types that enter a model as each kind, as a pattern; no other is an input, in training or in SQL."""
UNSEEN = -1.0
"""The code of a category that is not in the vocabulary; NULL is NaN."""


@dataclass(frozen=True)
class Feature:
    """One input of a model: its name, kind, and for a category the values known at training."""

    name: str
    kind: Kind
    vocabulary: tuple[str, ...] = ()

    @property
    def sql_type(self) -> str:
        """The parameter type of the function in SQL: DOUBLE, BOOLEAN or VARCHAR."""
        return {"number": "DOUBLE", "boolean": "BOOLEAN", "category": "VARCHAR"}[self.kind]


@dataclass(frozen=True)
class SegmentThresholds:
    """A threshold of its own for each value of a column; other values have the signature's."""

    column: str
    thresholds: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Signature:
    """The contract of a model version.

    Parameters
    ----------
    model
        Its name.
    task
        ``classification`` of 0 and 1, ``multiclass`` into ``classes``, or ``regression``.
    features
        What it reads, in order.
    label
        The column that it learned.
    threshold
        The probability from which ``<model>_label`` is 1.
    classes
        Of a multiclass model, in the order of its outputs.
    by_segment
        Thresholds that depend on a column of the scored row.
    reasons
        Feature and words that tell people what its value is: ``"{value} support tickets in 30 days"``.
    intervals
        The interval around a predicted number; None where the version has none.
    """

    model: str
    task: Task
    features: tuple[Feature, ...]
    label: str
    threshold: float = 0.5
    classes: tuple[str, ...] = ()
    by_segment: SegmentThresholds | None = None
    reasons: tuple[tuple[str, str], ...] = ()
    intervals: Intervals | None = None

    @property
    def output(self) -> str:
        """Name of the predicted column: ``<model>_probability`` (0 to 1), ``<model>_prediction`` (unit of the label), ``<model>_label``."""
        return f"{self.model}_{OUTPUTS[self.task]}"

    def to_json(self) -> str:
        """The signature as stored in ``foretable.model_versions``; what a version does not use is left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value or name in _ALWAYS})

    @classmethod
    def from_json(cls, text: str) -> Signature:
        """Read back what ``to_json`` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["features"] = tuple(Feature(f["name"], f["kind"], tuple(f["vocabulary"])) for f in fields["features"])
        fields["classes"] = tuple(fields.get("classes", ()))
        fields["reasons"] = tuple((feature, words) for feature, words in fields.get("reasons", ()))
        if segment := fields.get("by_segment"):
            fields["by_segment"] = SegmentThresholds(segment["column"], tuple((v, t) for v, t in segment["thresholds"]))
        if intervals := fields.get("intervals"):
            fields["intervals"] = Intervals.read(intervals)
        return cls(**fields)


_ALWAYS = ("model", "task", "features", "label", "threshold")


def encode(columns: Sequence[pa.Array | pa.ChunkedArray], features: Sequence[Feature], dtype: Any = np.float64) -> np.ndarray:
    """Fill the matrix that a model reads, column by column.

    Parameters
    ----------
    columns
        One Arrow array per feature, in the order of ``features``.
    features
        The features of the signature.
    dtype
        ``float64`` for linear models, ``float32`` for trees.

    Returns
    -------
    numpy.ndarray
        Shape (rows, features), row-major. A number as it is, a boolean 0 or 1, a category its
        position in the vocabulary or ``UNSEEN``; NULL is NaN.
    """
    matrix = np.empty((len(columns[0]) if columns else 0, len(features)), dtype=dtype)
    with np.errstate(over="ignore"):  # beyond float32 a number is infinite, and compares with thresholds as it should
        for position, (column, feature) in enumerate(zip(columns, features, strict=True)):
            matrix[:, position] = _values(column, feature)
    return matrix


def encode_table(table: pa.Table | Mapping[str, Any], features: Sequence[Feature], dtype: Any = np.float64) -> np.ndarray:
    """``encode`` for a table that has the features by name."""
    return encode([table[feature.name] for feature in features], features, dtype)


def _values(column: pa.Array | pa.ChunkedArray, feature: Feature) -> np.ndarray:
    if feature.kind == "category":
        return _codes(column, feature.vocabulary)
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    # Of every way to a strided matrix this was the fastest; a NULL of a float column arrives as NaN.
    values: np.ndarray = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return values


def _codes(column: pa.Array | pa.ChunkedArray, vocabulary: tuple[str, ...]) -> np.ndarray:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_string(array.type):
        array = array.cast(pa.string())
    found = pc.index_in(array, value_set=_value_set(vocabulary))
    codes: np.ndarray = found.to_numpy(zero_copy_only=False).astype(np.float64)
    if found.null_count:
        codes[np.isnan(codes)] = UNSEEN
    if array.null_count:
        codes[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return codes


@lru_cache(maxsize=1024)
def _value_set(vocabulary: tuple[str, ...]) -> pa.Array:
    return pa.array(vocabulary, pa.string())
