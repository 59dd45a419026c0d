"""What the checks look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from foretable.registry.signature import Feature, Task
from foretable.train.result import Finding
from foretable.train.split import NAMES, TRAIN

SEVERITIES = ("refused", "warning", "note")
NAMED = 5
"""Columns, keys or values that a message names."""


@dataclass(frozen=True, eq=False)
class Examined:
    """A training set, encoded and split.

    ``matrix``, ``outcome``, ``split`` and ``clusters`` are as in :class:`foretable.train.prepare.Prepared`; ``classes`` names the
    classes of a multiclass label; ``keys`` are the key columns by name, ``dates`` as_of or None; ``entities`` has the value behind
    each number of ``clusters``, ``held_out`` is the column of an entity split, empty where rows are split by time.
    """

    table: str
    task: Task
    features: tuple[Feature, ...]
    matrix: np.ndarray
    outcome: np.ndarray
    split: np.ndarray
    clusters: np.ndarray
    classes: tuple[str, ...]
    keys: Mapping[str, pa.ChunkedArray]
    dates: np.ndarray | None
    entities: pa.Array
    held_out: str

    @cached_property
    def train(self) -> np.ndarray:
        """Positions of the rows that are learned from."""
        return np.flatnonzero(self.split == TRAIN)

    @cached_property
    def others(self) -> np.ndarray:
        """Positions of the rows that are held out: validation and test."""
        return np.flatnonzero((self.split != TRAIN) & np.isin(self.split, list(NAMES)))

    @cached_property
    def learned(self) -> np.ndarray:
        """The matrix of the rows that are learned from, column by column in memory."""
        return np.asfortranarray(self.matrix[self.train])

    @cached_property
    def held(self) -> np.ndarray:
        """The matrix of the rows that are held out, column by column in memory."""
        return np.asfortranarray(self.matrix[self.others])

    @cached_property
    def firsts(self) -> np.ndarray:
        """Position of the first row of each entity."""
        return np.unique(self.clusters, return_index=True)[1]

    def key(self, row: int) -> str:
        """The key of a row for people, with its date."""
        parts = [f"{name} {column[row].as_py()}" for name, column in self.keys.items()]
        return ", ".join(parts) + (f" on {np.datetime_as_string(self.dates[row], unit='D')}" if self.dates is not None else "")


def shown(feature: Feature, value: float) -> str:
    """An encoded value as it stands in the table."""
    if np.isnan(value):
        return "NULL"
    if feature.kind == "category":
        return repr(feature.vocabulary[int(value)]) if value >= 0 else "a text unknown in training"
    return ("false", "true")[int(value)] if feature.kind == "boolean" else f"{value:.6g}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """``a, b and c``, or ``a, b, c, d, e and 4 more``."""
    found = list(names)
    if len(found) > NAMED:
        found = [*found[:NAMED], f"{len(found) - NAMED:,} more"]
    return f"{', '.join(found[:-1])} {last} {found[-1]}" if len(found) > 1 else "".join(found)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What was refused first, then warnings, then notes; else as found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
