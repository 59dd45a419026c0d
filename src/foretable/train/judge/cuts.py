"""Totals of a cost matrix over every cut point at once, within a capacity per date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretable.declare.judge import Value

MOST_ROUNDS = 20
"""Rounds over the segments that share a capacity."""


@dataclass(frozen=True, eq=False)
class Offers:
    """Rows that may be acted on, from the highest probability down, equals in a drawn order.

    Arrays are in that order, but for those that ``total`` and ``best`` are given: they are in the order of the rows.
    """

    order: np.ndarray
    probability: np.ndarray
    gain: np.ndarray
    """What acting on the row adds to leaving it."""
    left: np.ndarray
    """What the row is worth when it is left."""
    dates: np.ndarray
    """Dates as 0 to D − 1."""
    capacity: int | None

    def best(self, weights: np.ndarray) -> tuple[float, float]:
        """The threshold with the greatest total when rows weigh so much, and that total."""
        weights = weights[self.order]
        threshold, more = peak(self.probability, self.acted(weights) * self.gain)
        return threshold, more + float(weights @ self.left)

    def total(self, cuts: np.ndarray, weights: np.ndarray) -> float:
        """The total with a threshold per row, when rows weigh so much."""
        cuts, weights = cuts[self.order], weights[self.order]
        return float(self.acted(weights * (self.probability >= cuts)) @ self.gain + weights @ self.left)

    def acted(self, weights: np.ndarray) -> np.ndarray:
        """How much of each row's weight the capacity of its date has room for."""
        if self.capacity is None:
            return weights
        by_date = np.argsort(self.dates, kind="stable")
        ordered = weights[by_date]
        after = np.cumsum(ordered)
        starts = np.flatnonzero(np.r_[True, np.diff(self.dates[by_date]) > 0])
        sizes = np.diff(np.r_[starts, len(ordered)])
        before = after - ordered - np.repeat((after - ordered)[starts], sizes)
        found = np.empty(len(ordered))
        found[by_date] = np.clip(self.capacity - before, 0, ordered)
        return found


def peak(probability: np.ndarray, gains: np.ndarray) -> tuple[float, float]:
    """The cut with the greatest sum of the gains of those that reach it, and that sum; from the highest probability down.

    Of equal sums the highest cut. It stands half way to the next probability, to 1 above all and to 0 below all.
    """
    so_far = np.r_[0.0, np.cumsum(gains)]
    ends = np.r_[0, np.flatnonzero(np.r_[probability[1:] != probability[:-1], True]) + 1]
    acted = int(ends[np.argmax(so_far[ends])])
    above = probability[acted - 1] if acted else max(1.0, np.nextafter(probability[0], np.inf))
    below = probability[acted] if acted < len(probability) else 0.0
    middle = below + (above - below) / 2
    return float(middle if middle > below else above), float(so_far[acted])


def offers(value: Value, outcome: np.ndarray, probability: np.ndarray, dates: np.ndarray | None, seed: int) -> Offers:
    """Order rows once, for many weighings; parameters as for ``value.choose``."""
    order = ranked(probability, seed)
    positive = outcome[order] == 1
    left = np.where(positive, value.false_negative, value.true_negative)
    gain = np.where(positive, value.true_positive, value.false_positive) - left
    return Offers(order, probability[order], gain, left, _codes(dates, len(order))[order], value.capacity)


def reached(probability: np.ndarray, dates: np.ndarray | None, capacity: int, seed: int) -> np.ndarray:
    """1 for the rows of the highest probabilities per date, so many that the capacity is used up; 0 for the others."""
    rows = len(probability)
    offered = offers(Value(capacity=capacity), np.zeros(rows), probability, dates, seed)
    found = np.empty(rows)
    found[offered.order] = offered.acted(np.ones(rows))
    return found


def ranked(probability: np.ndarray, seed: int) -> np.ndarray:
    """Positions of the rows from the highest probability down; equals are drawn, since their order by key tells something."""
    drawn = np.random.default_rng(seed).permutation(len(probability))
    order: np.ndarray = drawn[np.argsort(-probability[drawn], kind="stable")]
    return order


def best_cuts(offered: Offers, segments: np.ndarray, names: Sequence[str], threshold: float) -> dict[str, float]:
    """The threshold of each named segment; other rows keep ``threshold``.

    Without a capacity each is the best there is. With one, each is the best given the others.
    """
    segments = segments[offered.order]
    cuts = dict.fromkeys(names, threshold)
    if offered.capacity is None:
        return {name: peak(offered.probability[segments == name], offered.gain[segments == name])[0] for name in names}
    held = np.full(len(segments), threshold)
    for _ in range(MOST_ROUNDS):
        before = dict(cuts)
        for name in names:
            inside = segments == name
            cuts[name] = _beside(offered, inside, held, cuts[name])
            held[inside] = cuts[name]
        if cuts == before:
            break
    return cuts


def _beside(offered: Offers, inside: np.ndarray, held: np.ndarray, current: float) -> float:
    """The best cut of a segment when the other rows keep theirs.

    The j-th of its rows on a date is acted on when fewer than K rows stand before it; it then takes the place
    of the other row that came last, where the date is full.
    """
    capacity = offered.capacity or 0
    others = ~inside & (offered.probability >= held)
    gains = np.zeros(int(inside.sum()))
    dates = offered.dates[inside]
    for date in np.unique(dates):
        here = offered.dates == date
        mine, theirs = np.flatnonzero(here & inside), np.flatnonzero(here & others)
        number = np.arange(len(mine))
        fits = number + np.searchsorted(theirs, mine) < capacity
        displaced = capacity - 1 - number
        full = fits & (displaced < len(theirs))
        lost = np.zeros(len(mine))
        lost[full] = offered.gain[theirs[displaced[full]]]
        gains[dates == date] = np.where(fits, offered.gain[mine] - lost, 0.0)
    cut, total = peak(offered.probability[inside], gains)
    return cut if total > gains[offered.probability[inside] >= current].sum() else current


def _codes(dates: np.ndarray | None, rows: int) -> np.ndarray:
    return np.zeros(rows, dtype=np.int64) if dates is None else np.unique(dates, return_inverse=True)[1]
