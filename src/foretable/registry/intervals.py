"""The interval around a predicted number, as plain numbers: the same in Python and in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Line = tuple[float, float]
"""``at`` and ``by`` of ``at + by · prediction``."""


@dataclass(frozen=True)
class Intervals:
    """Two ends for every prediction, each a line per piece of the axis of predictions.

    Parameters
    ----------
    level
        Share of outcomes that they are to hold, 0 to 1.
    least
        The least outcome that was known: no low end is below it but that of a lower prediction; in the unit of the outcome.
    borders
        Ascending predictions: a piece goes up to its border and holds it, the last one has none.
    low, high
        One line per piece; none at all where there were too few rows, then nothing has an interval.
    """

    level: float
    least: float = 0.0
    borders: tuple[float, ...] = ()
    low: tuple[Line, ...] = ()
    high: tuple[Line, ...] = ()

    def of(self, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end of each prediction, bit for bit as SQL has them: low ≤ prediction ≤ high, NaN for NaN."""
        if not self.low:
            nothing = np.full(len(prediction), np.nan)
            return nothing, nothing.copy()
        piece = np.searchsorted(np.array(self.borders), prediction, side="left")
        low, high = (_on(np.array(lines)[piece], prediction) for lines in (self.low, self.high))
        low = np.where(low > self.least, low, self.least)
        low, high = np.where(low < prediction, low, prediction), np.where(high > prediction, high, prediction)
        return low, high

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Intervals:
        """From what ``dataclasses.asdict`` makes of it, through JSON."""
        low, high = (tuple((float(at), float(by)) for at, by in given[name]) for name in ("low", "high"))
        return cls(float(given["level"]), float(given["least"]), tuple(float(border) for border in given["borders"]), low, high)

    def sound(self) -> bool:
        """Whether it is one at all: finite numbers, ascending borders, a line per piece."""
        numbers = np.array([self.level, self.least, *self.borders, *(part for line in (*self.low, *self.high) for part in line)])
        pieces = len(self.borders) + 1 if self.low else 0
        fitting = len(self.low) == len(self.high) == pieces and (pieces or not self.borders)
        return bool(np.isfinite(numbers).all() and 0 < self.level < 1 and fitting and (np.diff(self.borders) > 0).all())


NONE = Intervals(0.0)
"""Of a version without intervals whose model has others with: what is made of a table has the same columns for all of them."""


def _on(lines: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """A level line is its height, also where the prediction is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        ends: np.ndarray = np.where(lines[:, 1] == 0, lines[:, 0], lines[:, 0] + lines[:, 1] * prediction)
    return ends
