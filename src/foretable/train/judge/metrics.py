"""Metrics of probabilities, with a weight per row, so that one pass serves a bootstrap replicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foretable.forms.evaluate import expit
from foretable.train.estimators.calibration import logistic_line

TOP = 0.1
"""Share of the rows that lift and precision at the top look at."""
BINS = 10
RANK = ("roc_auc", "pr_auc", "lift_at_10pct", "precision_at_10pct")
SUMS = (
    "log_loss", "brier", "precision", "recall", "f1", "calibration_slope", "calibration_error", "mean_probability", "positive_rate",
    "precision_at_capacity", "lift_at_capacity",
)  # fmt: skip
METRICS = (*RANK, *SUMS)
_EPSILON = 1e-15


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows from the highest score down, ties together."""

    clusters: np.ndarray
    outcome: np.ndarray
    starts: np.ndarray | None
    """Where each group of equal scores begins; ``None`` when no two are equal."""

    def measure(self, weights: np.ndarray) -> np.ndarray:
        """``RANK``, in that order, for rows that weigh what ``weights`` gives their cluster.

        ROC-AUC counts a tied pair as half; PR-AUC is average precision; at the top, a group of ties that
        the border cuts counts by its share. NaN where a class is missing.
        """
        everybody = weights[self.clusters]
        positives = everybody * self.outcome
        if self.starts is not None:
            everybody = np.add.reduceat(everybody, self.starts)
            positives = np.add.reduceat(positives, self.starts)
        so_far, hits = np.cumsum(everybody), np.cumsum(positives)
        total, found = so_far[-1], hits[-1]
        if not 0 < found < total:
            return np.full(len(RANK), np.nan)
        below = (total - found) - (so_far - hits) + (everybody - positives) / 2
        roc_auc = positives @ below / (found * (total - found))
        pr_auc = positives @ (hits / np.maximum(so_far, _EPSILON)) / found
        border = TOP * total
        last = int(np.searchsorted(so_far, border))
        at_top = hits[last] - positives[last] * (so_far[last] - border) / max(everybody[last], _EPSILON)
        precision = at_top / border
        return np.array([roc_auc, pr_auc, precision / (found / total), precision])


def ranking(outcome: np.ndarray, score: np.ndarray, clusters: np.ndarray | None = None) -> Ranking:
    """Sort rows by score once, for many weighings; without ``clusters`` each row is one."""
    order = np.argsort(-score, kind="stable")
    sorted_score = score[order]
    starts = np.flatnonzero(np.r_[True, sorted_score[1:] != sorted_score[:-1]])
    drawn = order if clusters is None else clusters[order]
    return Ranking(drawn, outcome[order].astype(np.float64), None if len(starts) == len(order) else starts)


def roc_auc(outcome: np.ndarray, score: np.ndarray) -> float:
    """Share of (positive, negative) pairs that the score puts in order; a tie is half a pair."""
    return float(ranking(outcome, score).measure(np.ones(len(outcome)))[0])


@dataclass(frozen=True, eq=False)
class Sums:
    """What each row adds to the metrics that are ratios of sums."""

    columns: tuple[np.ndarray, ...]
    """Count, outcome, log loss, squared error, flagged, flagged · outcome, five terms of the calibration line, chosen,
    chosen · outcome."""
    bins: np.ndarray
    outcome: np.ndarray
    probability: np.ndarray
    slope: float

    def by_cluster(self, clusters: np.ndarray) -> np.ndarray:
        """What each cluster adds: the columns, then outcome and probability per bin."""
        each = [np.bincount(clusters, weights=column) for column in self.columns]
        observed, predicted = (binned(clusters, self.bins, side) for side in (self.outcome, self.probability))
        return np.column_stack([*each, observed, predicted])

    def measure(self, total: np.ndarray) -> np.ndarray:
        """``SUMS``, in that order, from (weighted) totals of ``by_cluster``.

        The calibration slope of a replicate is one Newton step from that of all rows. Source: Shao & Tu
        1995, "The Jackknife and Bootstrap", section 5.4 (one-step bootstrap).
        """
        count, positives, loss, squares, flagged, caught = total[:6]
        g0, g1, h00, h01, h11 = total[6:11]
        chosen, worthwhile = total[11:13]
        observed, predicted = total[13 : 13 + BINS], total[13 + BINS :]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (h00 * g1 - h01 * g0) / (h00 * h11 - h01 * h01)
            return np.array(
                [
                    loss / count,
                    squares / count,
                    caught / flagged if flagged else 0.0,
                    caught / positives,
                    2 * caught / (flagged + positives),
                    self.slope + step,
                    np.abs(observed - predicted).sum() / count,
                    predicted.sum() / count,
                    positives / count,
                    worthwhile / chosen,
                    worthwhile / chosen / (positives / count),
                ]
            )


def sums(outcome: np.ndarray, probability: np.ndarray, threshold: float | np.ndarray, chosen: np.ndarray | None = None) -> Sums:
    """Prepare the metrics that are ratios of sums.

    Parameters
    ----------
    outcome
        0 or 1 per row.
    probability
        0 to 1 per row.
    threshold
        From which a row is flagged: one for all, or one per row.
    chosen
        Rows that a capacity has room for. They stay chosen in a replicate; without them, what they are asked for is NaN.
    """
    y = outcome.astype(np.float64)
    clipped = np.clip(probability, _EPSILON, 1 - _EPSILON)
    loss = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    flagged = (probability >= threshold).astype(np.float64)
    logit = np.log(clipped) - np.log1p(-clipped)
    slope, intercept = logistic_line(logit, y)
    fitted = expit(slope * logit + intercept)
    hessian = fitted * (1 - fitted)
    first = [np.ones(len(y)), y, loss, (probability - y) ** 2, flagged, flagged * y]
    line = [y - fitted, (y - fitted) * logit, hessian, hessian * logit, hessian * logit * logit]
    room = np.zeros(len(y)) if chosen is None else chosen.astype(np.float64)
    return Sums((*first, *line, room, room * y), deciles(probability), y, probability, slope)


def figures(
    outcome: np.ndarray,
    probability: np.ndarray,
    clusters: np.ndarray,
    threshold: float | np.ndarray,
    chosen: np.ndarray | None = None,
) -> Callable[[np.ndarray], np.ndarray]:
    """All of ``METRICS``, as a function of how often each cluster counts.

    Parameters
    ----------
    outcome, probability, threshold, chosen
        As for :func:`sums`.
    clusters
        Cluster of each row, 0 to n − 1, each occurring.
    """
    ranked, summed = ranking(outcome, probability, clusters), sums(outcome, probability, threshold, chosen)
    per_cluster = summed.by_cluster(clusters)
    return lambda draws: np.concatenate([ranked.measure(draws), summed.measure(draws @ per_cluster)])


def binned(clusters: np.ndarray, bins: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of values by cluster and bin, shape (clusters, BINS)."""
    count = int(clusters.max()) + 1
    return np.bincount(clusters * BINS + bins, weights=values, minlength=count * BINS).reshape(count, BINS)


def deciles(answer: np.ndarray) -> np.ndarray:
    """The tenth that each row's answer falls into, from the lowest; equal answers share one."""
    borders = np.quantile(answer, np.linspace(0, 1, BINS + 1)[1:-1])
    bins: np.ndarray = np.searchsorted(borders, answer, side="right")
    return bins
