"""How good a model is on each split, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.cuts import reached
from foretable.train.judge.measures import NAMES, figures
from foretable.train.judge.metrics import BINS, deciles
from foretable.train.judge.segments import by_time
from foretable.train.judge.shares import shares
from foretable.train.result import Evaluation
from foretable.train.split import NAMES as SPLITS
from foretable.train.split import TEST

SEGMENT_REPEATS = 100
"""Replicates of a segment, at most: there are many of them."""
OF_A_DECILE = ("calibration_ratio", "mean_prediction", "mean_outcome")


def evaluate(
    task: str,
    outcome: np.ndarray,
    answer: np.ndarray,
    split: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float | np.ndarray,
    seed: int,
    segments: Mapping[str, np.ndarray],
    dates: np.ndarray | None = None,
    capacity: int | None = None,
) -> tuple[Evaluation, ...]:
    """Every metric on every split, and on segments and dates of the test rows.

    Parameters
    ----------
    task
        ``classification``, ``multiclass`` or ``regression``.
    outcome
        0 or 1, the code of a class, or a number, per row of the training set.
    answer
        A probability, probabilities by class (rows, classes), or a number, per row.
    split
        Part of each row, as ``foretable.train.split`` gives it.
    clusters
        Entity of each row: drawn together in the bootstrap.
    threshold
        From which a row is flagged (precision, recall, F1): one for all, or one per row.
    seed
        Of the bootstrap.
    segments
        Further parts of the test rows: name (``region=north``, as ``segments.by_value`` gives them) to a mask over all rows.
    dates
        ``as_of`` of each row, for segments by time, and for the capacity.
    capacity
        The most rows that can be acted on per date: precision and lift are also measured on those with the highest probabilities.

    Returns
    -------
    tuple of Evaluation
        Metrics that are undefined on a part, such as ROC-AUC without a positive, are left out. ``row_count`` of MAPE
        counts the rows whose outcome is not 0. A regression has its calibration by decile of the prediction, lowest first, as segments
        ``decile=1`` to ``decile=10``, and the share of the sum that each holds (:func:`foretable.train.judge.shares.shares`).
    """
    found: list[Evaluation] = []
    chosen = _chosen(answer, split, dates, capacity, seed) if task == "classification" and capacity is not None else None
    for split_name, segment, rows in parts(task, answer, split, segments, dates):
        most = repeats_for(len(rows)) if segment == "all" else min(SEGMENT_REPEATS, repeats_for(len(rows)))
        measured = measure(
            task,
            outcome[rows],
            answer[rows],
            clusters[rows],
            threshold=threshold[rows] if isinstance(threshold, np.ndarray) else threshold,
            seed=seed,
            chosen=None if chosen is None else chosen[rows],
            repeats=most,
        )
        for metric, figure in measured.items():
            if metric in OF_A_DECILE or not segment.startswith("decile="):
                count = int((outcome[rows] != 0).sum()) if metric == "mape" else len(rows)
                found.append(Evaluation(split_name, segment, metric, *figure, count))
    if task == "regression":
        found += shares(outcome, answer, split, clusters, seed=seed)
    return tuple(found)


def parts(
    task: str, answer: np.ndarray, split: np.ndarray, segments: Mapping[str, np.ndarray], dates: np.ndarray | None
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Split, segment and positions of the rows of each part that has rows; parameters as for :func:`evaluate`."""
    test = split == TEST
    parts = [(name, "all", split == code) for code, name in SPLITS.items()]
    parts += [(SPLITS[TEST], name, test & mask) for name, mask in segments.items()]
    if dates is not None and test.any():
        parts += [(SPLITS[TEST], name, test & mask) for name, mask in by_time(np.where(test, dates, dates[test][0])).items()]
    if task == "regression" and test.any():
        tenth = np.full(len(split), -1)
        tenth[test] = deciles(answer[test])
        parts += [(SPLITS[TEST], f"decile={number + 1}", tenth == number) for number in range(BINS)]
    return ((name, segment, np.flatnonzero(mask)) for name, segment, mask in parts if mask.any())


def _chosen(answer: np.ndarray, split: np.ndarray, dates: np.ndarray | None, capacity: int, seed: int) -> np.ndarray:
    chosen = np.zeros(len(answer))
    for code in SPLITS:
        rows = np.flatnonzero(split == code)
        chosen[rows] = reached(answer[rows], None if dates is None else dates[rows], capacity, seed)
    return chosen


def measure(
    task: str,
    outcome: np.ndarray,
    answer: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float | np.ndarray,
    seed: int,
    chosen: np.ndarray | None = None,
    repeats: int | None = None,
) -> dict[str, tuple[float, float, float]]:
    """Metrics of some rows: name to (value, low, high). Parameters as for :func:`evaluate` and ``measures.figures``."""
    clusters, names = dense(clusters), NAMES[task]
    found = figures(task, outcome, answer, clusters, threshold, chosen)
    values = found(np.ones(int(clusters.max()) + 1))
    drawn = replicates(found, clusters, seed, repeats_for(len(outcome)) if repeats is None else repeats)
    error = names.index("calibration_error")
    if np.isfinite(drawn[:, error]).any():
        # Resampling noise adds to an absolute error on top of the sample's own: keep the spread, not the shift.
        drawn[:, error] += values[error] - np.nanmean(drawn[:, error])
    low, high = interval(drawn)
    low[error] = max(low[error], 0.0)
    return {
        name: (float(values[i]), float(low[i]), float(high[i]))
        for i, name in enumerate(names)
        if np.isfinite([values[i], low[i], high[i]]).all()
    }
