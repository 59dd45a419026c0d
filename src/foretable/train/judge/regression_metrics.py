"""Metrics of predicted numbers, with a weight per row, so that one pass serves a bootstrap replicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foretable.train.judge.metrics import binned, deciles

METRICS = (
    "spearman", "rmse", "mae", "r2", "mape", "calibration_ratio", "calibration_error", "mean_prediction", "mean_outcome"
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ranks:
    """Equal values of a column share one number, ascending."""

    codes: np.ndarray

    def middle(self, weights: np.ndarray) -> np.ndarray:
        """Middle rank of each row less the mean rank, when a row counts as often as ``weights`` says."""
        counts = np.bincount(self.codes, weights=weights)
        middle: np.ndarray = (np.cumsum(counts) - counts / 2 - counts.sum() / 2)[self.codes]
        return middle


def ranks(values: np.ndarray) -> Ranks:
    """Sort a column once, for many weighings."""
    return Ranks(np.unique(values, return_inverse=True)[1])


def correlation(first: Ranks, second: Ranks, weights: np.ndarray) -> float:
    """Spearman's correlation of weighted rows: that of their middle ranks. NaN where a column is constant."""
    one, two = first.middle(weights), second.middle(weights)
    spread = np.sqrt((weights * one * one).sum() * (weights * two * two).sum())
    return float((weights * one * two).sum() / spread) if spread > 0 else np.nan


def spearman(outcome: np.ndarray, prediction: np.ndarray) -> float:
    """Correlation of the ranks of two columns."""
    return correlation(ranks(outcome), ranks(prediction), np.ones(len(outcome)))


def _by_cluster(outcome: np.ndarray, prediction: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """What each cluster adds to the metrics that are ratios of sums."""
    error, centred = prediction - outcome, outcome - outcome.mean()
    known = outcome != 0
    relative = np.divide(np.abs(error), np.abs(outcome), out=np.zeros(len(outcome)), where=known)
    first = [np.ones(len(outcome)), centred, centred**2, error**2, np.abs(error), relative, known, prediction, outcome, np.abs(outcome)]
    each = [np.bincount(clusters, weights=column) for column in first]
    return np.column_stack([*each, binned(clusters, deciles(prediction), error)])


def _ratios(total: np.ndarray) -> list[float]:
    """``METRICS`` after the first, from (weighted) totals of ``_by_cluster``."""
    count, centred, squares, error2, error, relative, known, predicted, observed, size = total[:10]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = squares - centred * centred / count
        return [
            np.sqrt(error2 / count),
            error / count,
            1 - error2 / variance if variance > 0 else np.nan,
            relative / known,
            predicted / observed,
            np.abs(total[10:]).sum() / size,
            predicted / count,
            observed / count,
        ]


def figures(outcome: np.ndarray, prediction: np.ndarray, clusters: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """All of ``METRICS``, as a function of how often each cluster counts.

    MAPE leaves out rows whose outcome is 0. The calibration ratio is the sum of predictions by the sum of outcomes;
    the calibration error sums the absolute gaps of the ten deciles of the prediction, as a share of the sum of
    absolute outcomes. R² of a constant outcome and Spearman of a constant column are NaN.

    Parameters
    ----------
    outcome, prediction
        Numbers per row.
    clusters
        Cluster of each row, 0 to n − 1, each occurring.
    """
    observed, predicted = ranks(outcome), ranks(prediction)
    per_cluster = _by_cluster(outcome, prediction, clusters)

    def measured(draws: np.ndarray) -> np.ndarray:
        return np.array([correlation(observed, predicted, draws[clusters]), *_ratios(draws @ per_cluster)])

    return measured
