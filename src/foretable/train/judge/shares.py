"""Where the sum of all outcomes lies, by tenth of the prediction."""

from __future__ import annotations

import numpy as np

from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.metrics import BINS, binned, deciles
from foretable.train.result import Evaluation
from foretable.train.split import NAMES, TEST

SHARE, CAPTURED = "value_share", "value_captured"


def shares(outcome: np.ndarray, answer: np.ndarray, split: np.ndarray, clusters: np.ndarray, *, seed: int) -> tuple[Evaluation, ...]:
    """Share of the sum of the outcomes that each tenth of the test rows holds, and that it holds with all tenths above it.

    Parameters
    ----------
    outcome, answer, split, clusters, seed
        Of a regression, as for :func:`foretable.train.judge.evaluate.evaluate`.

    Returns
    -------
    tuple of Evaluation
        ``value_share`` and ``value_captured``, 0 to 1, of the segments ``decile=1`` to ``decile=10``, the last of which has the highest
        predictions. None where an outcome is below 0, or all are 0: a share says nothing then.
    """
    test = np.flatnonzero(split == TEST)
    if not len(test) or outcome[test].min() < 0 or not outcome[test].any():
        return ()
    tenth, each = deciles(answer[test]), dense(clusters[test])
    sums = binned(each, tenth, outcome[test])

    def measured(draws: np.ndarray) -> np.ndarray:
        totals = draws @ sums
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw may be of nobody who bought
            of_all = totals / totals.sum()
        return np.concatenate([of_all, np.cumsum(of_all[::-1])[::-1]])

    values = measured(np.ones(len(sums)))
    low, high = interval(replicates(measured, each, seed, repeats_for(len(test))))
    counts = np.bincount(tenth, minlength=BINS)
    return tuple(
        Evaluation(NAMES[TEST], f"decile={number + 1}", name, float(values[at]), float(low[at]), float(high[at]), int(counts[number]))
        for first, name in ((0, SHARE), (BINS, CAPTURED))
        for number in range(BINS)
        if counts[number] and np.isfinite([low[at := first + number], high[at]]).all()
    )
