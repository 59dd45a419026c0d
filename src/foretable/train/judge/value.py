"""The threshold at which acting on rows is worth most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from foretable.declare.judge import Value
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.cuts import Offers, best_cuts, offers
from foretable.train.result import Evaluation

LEAST_OF_A_CLASS = 30
"""Rows of either class that a segment needs for a threshold of its own."""


@dataclass(frozen=True)
class Threshold:
    """From which probability on to act, and what that is worth.

    ``worth`` is the total over the rows that it was chosen on, in the unit of :class:`Value`; ``low`` and ``high`` bound the
    95 % bootstrap interval of that total with the thresholds held, ``threshold_low`` and ``threshold_high`` that of the
    best threshold itself. A worth on the rows that chose it flatters: measure it again on others, by :func:`worth`.
    """

    threshold: float
    """For all rows, and for those of a segment that has none of its own."""
    by_segment: Mapping[str, float] = field(default_factory=dict)
    worth: float = 0.0
    low: float = 0.0
    high: float = 0.0
    threshold_low: float = 0.0
    threshold_high: float = 0.0

    def cuts(self, rows: int, segments: np.ndarray | None = None) -> np.ndarray:
        """The threshold of each row, by its segment (text, None for NULL, which takes ``threshold``)."""
        if segments is None or not self.by_segment:
            return np.full(rows, self.threshold)
        return np.array([self.by_segment.get(segment, self.threshold) for segment in segments])


def choose(
    value: Value,
    outcome: np.ndarray,
    probability: np.ndarray,
    dates: np.ndarray | None,
    segments: np.ndarray | None,
    clusters: np.ndarray,
    seed: int,
) -> Threshold:
    """The threshold with the greatest total of the cost matrix, over all cut points there are.

    A row is acted on when its probability reaches the threshold and, with a capacity, it is among the K highest of
    its date that do; equal probabilities at that border are drawn by the seed. Of equal totals the highest threshold
    is taken: the fewest are acted on. A threshold stands half way between two probabilities, so that rounding moves nobody.

    With ``segments`` each value gets the threshold that is best for it, when it has ``LEAST_OF_A_CLASS`` rows of both
    classes; the others take that of all rows. With a capacity as well, segments share it, and thresholds are moved
    one at a time until none alone can raise the total.

    Parameters
    ----------
    value
        The cost matrix and the capacity.
    outcome, probability
        0 or 1, and 0 to 1, per (validation) row.
    dates
        Date of each row, for the capacity; ``None`` where there are none.
    segments
        Value of ``value.by`` per row, as ``segments.text`` gives it.
    clusters
        Entity of each row: drawn together in the bootstrap.
    seed
        Of the bootstrap and of the draw among equals.
    """
    clusters = dense(clusters)
    offered = offers(value, outcome, probability, dates, seed)
    once = np.ones(len(outcome))
    threshold = offered.best(once)[0]
    own = _own(outcome, segments)
    by_segment = best_cuts(offered, segments, own, threshold) if segments is not None else {}
    chosen = Threshold(threshold, by_segment)
    cuts = chosen.cuts(len(outcome), segments)

    def drawn(draws: np.ndarray) -> np.ndarray:
        weights = draws[clusters]
        return np.array([offered.best(weights)[0], offered.total(cuts, weights)])

    low, high = interval(replicates(drawn, clusters, seed, repeats_for(len(outcome))))
    total = offered.total(cuts, once)
    return Threshold(threshold, by_segment, total, float(low[1]), float(high[1]), float(low[0]), float(high[0]))


def worth(
    value: Value,
    outcome: np.ndarray,
    probability: np.ndarray,
    dates: np.ndarray | None,
    cuts: np.ndarray,
    clusters: np.ndarray,
    seed: int,
    split: str = "test",
) -> Evaluation:
    """What given thresholds are worth on some rows: the total as metric ``worth``, with its 95 % bootstrap interval.

    Parameters
    ----------
    cuts
        The threshold of each row, from :meth:`Threshold.cuts`.
    value, outcome, probability, dates, clusters, seed
        As for :func:`choose`.
    split
        Name of the split that the rows are of.
    """
    clusters = dense(clusters)
    offered = offers(value, outcome, probability, dates, seed)
    measured = _total(offered, cuts, clusters)
    low, high = interval(replicates(measured, clusters, seed, repeats_for(len(outcome))))
    total = offered.total(cuts, np.ones(len(outcome)))
    return Evaluation(split, "all", "worth", total, float(low[0]), float(high[0]), len(outcome))


def _total(offered: Offers, cuts: np.ndarray, clusters: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda draws: np.array([offered.total(cuts, draws[clusters])])


def _own(outcome: np.ndarray, segments: np.ndarray | None) -> list[str]:
    """Segments with enough rows of both classes."""
    if segments is None:
        return []
    names = sorted({segment for segment in segments if segment is not None})  # in SQL a row of no segment has the threshold of all
    return [name for name in names if np.bincount(outcome[segments == name].astype(int), minlength=2).min() >= LEAST_OF_A_CLASS]
