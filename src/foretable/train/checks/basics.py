"""What a matrix must be before anything else is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.errors import TrainingError
from foretable.registry.signature import Feature
from foretable.train.result import Finding


def informative(rows: pa.Table, features: Sequence[Feature]) -> tuple[tuple[Feature, ...], tuple[Finding, ...]]:
    """Leave out features that are the same on every training row.

    Returns
    -------
    tuple
        The features that vary, and a finding for each that does not.
    """
    kept, found = [], []
    for feature in features:
        values = pc.unique(rows[feature.name])
        if feature.kind == "number":  # a model reads NaN and NULL alike
            values = pc.unique(pc.if_else(pc.is_nan(values), None, values))
        if len(values) > 1:
            kept.append(feature)
        else:
            only = values[0].as_py()
            shown = (
                "NULL"
                if only is None
                else f"{only:.6g}"
                if feature.kind == "number"
                else str(only).lower()
                if feature.kind == "boolean"
                else only
            )
            message = f"left out: always {shown} in the training rows"
            found.append(Finding("constant", "note", message, feature.name, {"rows": len(rows)}))
    return tuple(kept), tuple(found)


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
