"""Training sets as arrays, with what is to be found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from foretable.registry.signature import Feature
from foretable.train.checks import Examined

Sheet = Callable[..., Examined]


def _feature(name: str, values: np.ndarray, vocabularies: Mapping[str, Sequence[str]]) -> Feature:
    if name in vocabularies:
        return Feature(name, "category", tuple(vocabularies[name]))
    return Feature(name, "boolean" if values.dtype == bool else "number")


def _sheet(columns: Mapping[str, np.ndarray], outcome: np.ndarray, **more: Any) -> Examined:
    """Seven in ten rows are learned from, by chance; each row is an entity of its own unless ``clusters`` are given."""
    rows = len(outcome)
    clusters = more.pop("clusters", np.arange(rows))
    vocabularies = more.pop("vocabularies", {})
    names = pa.array([str(each) for each in range(int(clusters.max()) + 1)])
    plain: dict[str, Any] = {
        "task": "classification",
        "split": np.random.default_rng(0).choice([0, 1, 2], rows, p=[0.7, 0.15, 0.15]),
        "classes": (),
        "keys": {"id": pa.chunked_array([pa.array(clusters)])},
        "dates": None,
        "entities": names,
        "held_out": "id",
    }
    features = tuple(_feature(name, values, vocabularies) for name, values in columns.items())
    matrix = np.column_stack([values.astype(np.float64) for values in columns.values()])
    return Examined(
        table="training.t", features=features, matrix=matrix, outcome=outcome.astype(np.float64), clusters=clusters, **(plain | more)
    )


@pytest.fixture(scope="session")
def sheet() -> Sheet:
    """Makes what the checks look at, from columns by name."""
    return _sheet
