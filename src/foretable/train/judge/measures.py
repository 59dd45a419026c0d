"""What a model is measured by, by its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from foretable.train.judge import metrics, multiclass_metrics, regression_metrics

NAMES: Mapping[str, tuple[str, ...]] = {
    "classification": metrics.METRICS,
    "multiclass": multiclass_metrics.METRICS,
    "regression": regression_metrics.METRICS,
}
"""The metrics of each task, in the order of ``figures``."""
CHANCE: Mapping[str, tuple[str, float]] = {
    "classification": ("roc_auc", 0.5),
    "multiclass": ("roc_auc", 0.5),
    "regression": ("spearman", 0.0),
}
"""The metric that tells a model from chance, and what chance gives."""


def figures(
    task: str,
    outcome: np.ndarray,
    answer: np.ndarray,
    clusters: np.ndarray,
    threshold: float | np.ndarray = 0.5,
    chosen: np.ndarray | None = None,
) -> Callable[[np.ndarray], np.ndarray]:
    """The metrics of a task, as a function of how often each cluster counts.

    Parameters
    ----------
    task
        ``classification``, ``multiclass`` or ``regression``.
    outcome
        0 or 1, the code of a class, or a number, per row.
    answer
        A probability, probabilities by class (rows, classes), or a number, per row.
    clusters
        Cluster of each row, 0 to n − 1, each occurring.
    threshold
        From which a row is flagged, one for all or one per row; only of a classification.
    chosen
        Rows that a capacity has room for; only of a classification.

    Returns
    -------
    Callable
        From a weight per cluster to figures in the order of ``NAMES[task]``; NaN where one is undefined.
    """
    if task == "classification":
        return metrics.figures(outcome, answer, clusters, threshold, chosen)
    if task == "multiclass":
        return multiclass_metrics.figures(outcome, answer, clusters)
    return regression_metrics.figures(outcome, answer, clusters)


def point(task: str, metric: str, outcome: np.ndarray, answer: np.ndarray, threshold: float | np.ndarray = 0.5) -> float:
    """One metric of some rows, without an interval; parameters as for :func:`figures`."""
    if task == "classification" and metric in metrics.RANK:
        return float(metrics.ranking(outcome, answer).measure(np.ones(len(outcome)))[metrics.RANK.index(metric)])
    if (task, metric) == ("regression", "spearman"):
        return regression_metrics.spearman(outcome, answer)
    rows = len(outcome)
    return float(figures(task, outcome, answer, np.arange(rows), threshold)(np.ones(rows))[NAMES[task].index(metric)])
