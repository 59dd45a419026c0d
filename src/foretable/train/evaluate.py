"""How good a model is on each split, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from foretable.train.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.metrics import METRICS, figures
from foretable.train.result import Evaluation
from foretable.train.split import NAMES, TEST

_ERROR = METRICS.index("calibration_error")


def evaluate(
    outcome: np.ndarray,
    probability: np.ndarray,
    split: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float,
    seed: int,
    segments: Mapping[str, np.ndarray],
) -> tuple[Evaluation, ...]:
    """Every metric on every split, and on segments of the test rows.

    Parameters
    ----------
    outcome, probability
        0 or 1, and 0 to 1, per row of the training set.
    split
        Part of each row, as ``foretable.train.split`` gives it.
    clusters
        Entity of each row: drawn together in the bootstrap.
    threshold
        From which a row is flagged (precision, recall, F1).
    seed
        Of the bootstrap.
    segments
        Further parts of the test rows: name to a mask over all rows.

    Returns
    -------
    tuple of Evaluation
        Metrics that are undefined on a part, such as ROC-AUC without a positive, are left out.
    """
    parts = [(name, "all", split == code) for code, name in NAMES.items()]
    parts += [(NAMES[TEST], name, (split == TEST) & mask) for name, mask in segments.items()]
    found: list[Evaluation] = []
    for split_name, segment, rows in parts:
        if rows.any():
            measured = measure(outcome[rows], probability[rows], clusters[rows], threshold=threshold, seed=seed)
            found += [Evaluation(split_name, segment, metric, *figure, int(rows.sum())) for metric, figure in measured.items()]
    return tuple(found)


def measure(
    outcome: np.ndarray, probability: np.ndarray, clusters: np.ndarray, *, threshold: float, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Metrics of some rows: name to (value, low, high)."""
    clusters = dense(clusters)
    found = figures(outcome, probability, clusters, threshold)
    values = found(np.ones(int(clusters.max()) + 1))
    drawn = replicates(found, clusters, seed, repeats_for(len(outcome)))
    # Resampling noise adds to an absolute error on top of the sample's own: keep the spread, not the shift.
    drawn[:, _ERROR] += values[_ERROR] - np.nanmean(drawn[:, _ERROR])
    low, high = interval(drawn)
    low[_ERROR] = max(low[_ERROR], 0.0)
    return {
        name: (float(values[i]), float(low[i]), float(high[i]))
        for i, name in enumerate(METRICS)
        if np.isfinite([values[i], low[i], high[i]]).all()
    }
