"""Made-up rows on which an export goes wrong first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from foretable.registry.signature import Feature
from foretable.train.features import ARROW

BASES = 8
"""Rows of the training set that are changed in one feature at a time."""
MOST_THRESHOLDS = 2_000
"""Thresholds tried, evenly over all of them."""
UNSEEN_TEXTS = ("", "\x00never seen", "NULL", "nan")


def probe_rows(data: pa.Table, features: Sequence[Feature], onnx: bytes) -> pa.Table:
    """NULLs, unseen categories, extreme numbers and values beside thresholds.

    Parameters
    ----------
    data
        Rows of the training set; a few, evenly over it, are the bases.
    features
        The signature's features.
    onnx
        The graph, for the thresholds of its trees.

    Returns
    -------
    pyarrow.Table
        One column per feature. Each base with each feature in turn NULL, then with one feature only,
        then all NULL; each base with unseen categories; one base with every value around thresholds.
    """
    bases = data.take(pa.array(np.unique(np.linspace(0, len(data) - 1, BASES).astype(int))))
    rows = [dict(row) for row in bases.select([f.name for f in features]).to_pylist()]
    empty: dict[str, object] = {feature.name: None for feature in features}
    made: list[dict[str, object]] = [empty, *rows]
    for row in rows:
        for feature in features:
            made.append(row | {feature.name: None})
            made.append(empty | {feature.name: row[feature.name]})
            made += [row | {feature.name: value} for value in _strangers(feature)]
    for position, value in _beside_thresholds(onnx):
        if features[position].kind == "number":
            made.append(rows[len(made) % len(rows)] | {features[position].name: value})
    schema = pa.schema([(feature.name, ARROW[feature.kind]) for feature in features])
    return pa.Table.from_pylist(made, schema=schema)


def _strangers(feature: Feature) -> tuple[object, ...]:
    if feature.kind == "category":
        known = set(feature.vocabulary)
        return tuple(text for text in (*UNSEEN_TEXTS, *(text.swapcase() + " " for text in feature.vocabulary[:1])) if text not in known)
    if feature.kind == "boolean":
        return (True, False)
    return (0.0, -0.0, -1.0, float("nan"))


def _beside_thresholds(onnx: bytes) -> list[tuple[int, float]]:
    """(feature, value) at each threshold, one float32 to either side, and one float64 below."""
    import onnx as onnx_library

    graph = onnx_library.load_from_string(onnx).graph
    columns = _numbers_first(graph)
    found: set[tuple[int, float]] = set()
    for node in graph.node:
        if node.op_type.startswith("TreeEnsemble"):
            attributes = {attribute.name: attribute for attribute in node.attribute}
            modes = attributes["nodes_modes"].strings
            ids, values = attributes["nodes_featureids"].ints, attributes["nodes_values"].floats
            found |= {(i, v) for i, v, mode in zip(ids, values, modes, strict=True) if mode != b"LEAF"}
    thresholds = sorted((columns[i] if columns else i, v) for i, v in found if not columns or i < len(columns))
    thresholds = thresholds[:: max(1, len(thresholds) // MOST_THRESHOLDS)]
    around: list[tuple[int, float]] = []
    for position, value in thresholds:
        single = np.float32(value)
        sides = [np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))]
        around += [(position, float(side)) for side in sides] + [(position, float(np.nextafter(np.float64(value), -np.inf)))]
    return around


def _numbers_first(graph: object) -> list[int]:
    """Feature of each leading column of the trees, where the graph rearranges them."""
    from onnx import numpy_helper

    for constant in graph.initializer:  # type: ignore[attr-defined]
        if constant.name == "numeric":
            return [int(position) for position in numpy_helper.to_array(constant)]
    return []
