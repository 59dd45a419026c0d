"""The columns that trees read: categories spread to indicators, in numpy for the fit and in ONNX for the export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretable.registry.signature import Feature


@dataclass(frozen=True)
class Spread:
    """Where the columns of the trees come from.

    Numbers and booleans come first, as they are; then one indicator per category: 1 or 0, for a NULL
    NaN, so that each split learns where NULLs go. An unseen category is 0 everywhere: it takes, at every
    split, the side of those that are not the category asked for.
    """

    numeric: tuple[int, ...]
    levels: tuple[tuple[int, int], ...]
    """(feature, code) of each indicator."""

    def columns(self, matrix: np.ndarray) -> np.ndarray:
        """The float32 columns for encoded rows."""
        columns = np.empty((len(matrix), len(self.numeric) + len(self.levels)), dtype=np.float32)
        columns[:, : len(self.numeric)] = matrix[:, list(self.numeric)]
        for position, (feature, code) in enumerate(self.levels, start=len(self.numeric)):
            values = matrix[:, feature]
            columns[:, position] = np.where(np.isnan(values), np.nan, values == code)
        return columns


def spread_of(features: Sequence[Feature]) -> Spread:
    """The columns that features give."""
    numeric = tuple(j for j, feature in enumerate(features) if feature.kind != "category")
    levels = tuple((j, code) for j, feature in enumerate(features) for code in range(len(feature.vocabulary)))
    return Spread(numeric, levels)


def indicators(spread: Spread) -> tuple[list[Any], dict[str, np.ndarray]]:
    """The nodes that turn ``x`` into ``columns`` as :meth:`Spread.columns` does, and their constants."""
    from onnx import TensorProto, helper

    constants: dict[str, np.ndarray] = {
        "numeric": np.array(spread.numeric, dtype=np.int64),
        "spread": np.array([feature for feature, _ in spread.levels], dtype=np.int64),
        "codes": np.array([code for _, code in spread.levels], dtype=np.float32),
        "null": np.array(np.nan, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["x", "numeric"], ["numbers"], axis=1),
        helper.make_node("Gather", ["x", "spread"], ["categories"], axis=1),
        helper.make_node("Equal", ["categories", "codes"], ["equal"]),
        helper.make_node("Cast", ["equal"], ["flags"], to=TensorProto.FLOAT),
        helper.make_node("IsNaN", ["categories"], ["is_null"]),
        helper.make_node("Where", ["is_null", "null", "flags"], ["indicators"]),
        helper.make_node("Concat", ["numbers", "indicators"], ["columns"], axis=1),
    ]
    return nodes, constants
