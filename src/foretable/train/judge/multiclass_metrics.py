"""Metrics of the probabilities of several classes, with a weight per row, so that one pass serves a bootstrap replicate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from foretable.train.judge.metrics import binned, deciles, ranking

METRICS = ("roc_auc", "log_loss", "brier", "f1", "accuracy", "calibration_error")
_EPSILON = 1e-15


def figures(outcome: np.ndarray, probability: np.ndarray, clusters: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """All of ``METRICS``, as a function of how often each cluster counts.

    ROC-AUC is the mean over the classes of one against the rest, of those that occur. The Brier score sums over
    the classes (0 to 2, as Brier 1950). F1 is the mean over the classes that occur or are predicted. The
    calibration error compares, by decile of the highest probability, that probability with how often its class was right.

    Parameters
    ----------
    outcome
        Code of the class per row, 0 to K − 1.
    probability
        Shape (rows, K).
    clusters
        Cluster of each row, 0 to n − 1, each occurring.
    """
    codes, classes = outcome.astype(np.int64), probability.shape[1]
    each = np.arange(classes)
    ranked = [ranking((codes == k).astype(np.float64), probability[:, k], clusters) for k in each]
    per_cluster = _by_cluster(codes, probability, clusters)

    def measured(draws: np.ndarray) -> np.ndarray:
        against = np.array([one.measure(draws)[0] for one in ranked])
        auc = np.nanmean(against) if np.isfinite(against).any() else np.nan
        return np.array([auc, *_ratios(draws @ per_cluster, classes)])

    return measured


def _by_cluster(codes: np.ndarray, probability: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """What each cluster adds: count, log loss, squares, right; per class true, predicted, both; per bin right less confidence."""
    rows, classes = np.arange(len(codes)), range(probability.shape[1])
    loss = -np.log(np.clip(probability[rows, codes], _EPSILON, 1))
    squares = (probability**2).sum(axis=1) - 2 * probability[rows, codes] + 1
    chosen, confidence = probability.argmax(axis=1), probability.max(axis=1)
    right = (chosen == codes).astype(np.float64)
    first = [np.ones(len(codes)), loss, squares, right]
    per_class = [np.where(hit, 1.0, 0.0) for hit in (*(codes == k for k in classes), *(chosen == k for k in classes))]
    both = [right * (codes == k) for k in classes]
    each = [np.bincount(clusters, weights=column) for column in (*first, *per_class, *both)]
    return np.column_stack([*each, binned(clusters, deciles(confidence), right - confidence)])


def _ratios(total: np.ndarray, classes: int) -> list[float]:
    count, loss, squares, right = total[:4]
    true, chosen, both = total[4 : 4 + 3 * classes].reshape(3, classes)
    there = true + chosen > 0
    f1 = 2 * both[there] / (true + chosen)[there]
    return [loss / count, squares / count, f1.mean(), right / count, np.abs(total[4 + 3 * classes :]).sum() / count]
