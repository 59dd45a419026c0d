"""How many outcomes the intervals of a version hold, and how wide they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from foretable.declare.model import Model
from foretable.registry.intervals import Intervals
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.conformal import conformal
from foretable.train.judge.evaluate import SEGMENT_REPEATS, parts
from foretable.train.prepare import Prepared
from foretable.train.result import Evaluation, Finding
from foretable.train.split import NAMES, TEST, TRAIN, VALIDATION

METRICS = ("coverage", "interval_width")
OFF = 0.02
"""A coverage may be so far off the level before it is told."""


def intervals_of(model: Model, prepared: Prepared, answer: np.ndarray) -> Intervals | None:
    """The intervals of a model, calibrated on the validation rows; None where it declares none.

    Parameters
    ----------
    model
        The declaration.
    prepared
        The rows of the training set.
    answer
        The prediction for each of them.
    """
    if model.intervals is None:
        return None
    rows = prepared.rows(VALIDATION)
    known = prepared.outcome[(prepared.split == TRAIN) | (prepared.split == VALIDATION)]
    return conformal(answer[rows], prepared.outcome[rows], prepared.clusters[rows], level=model.intervals, least=float(known.min()))


def covered(
    intervals: Intervals, prepared: Prepared, answer: np.ndarray, *, segments: Mapping[str, np.ndarray], seed: int
) -> tuple[tuple[Evaluation, ...], tuple[Finding, ...]]:
    """Measure intervals on the validation rows, on which they were calibrated, and on the test rows and their parts.

    Parameters
    ----------
    intervals
        Of :func:`intervals_of`.
    prepared, answer
        The rows, and the prediction for each.
    segments
        Further parts of the test rows, as for :func:`foretable.train.judge.evaluate.evaluate`.
    seed
        Of the bootstrap.

    Returns
    -------
    tuple
        ``coverage`` (0 to 1) and ``interval_width`` (unit of the outcome) with intervals by entity; and a warning where the coverage
        of the test rows is more than ``OFF`` away from the level, which lies outside of its interval, or where there are no intervals.
    """
    if not intervals.low:
        few = f"the validation rows have too few entities for intervals of {intervals.level:.0%}: every interval is NULL"
        return (), (Finding("intervals", "warning", few),)
    low, high = intervals.of(answer)
    # A level or proportional end may miss the very row that it was made of by its last bit.
    slack = 1e-9 * np.maximum(1.0, np.abs(prepared.outcome))
    inside = (low - slack <= prepared.outcome) & (prepared.outcome <= high + slack)
    found = []
    for split, segment, rows in parts("regression", answer, prepared.split, segments, prepared.dates):
        if split != NAMES[TRAIN]:
            of_rows = (inside[rows], (high - low)[rows], dense(prepared.clusters[rows]))
            most = repeats_for(len(rows)) if segment == "all" else min(SEGMENT_REPEATS, repeats_for(len(rows)))
            found += [replace(each, split=split, segment=segment) for each in _measured(*of_rows, seed=seed, repeats=most)]
    return tuple(found), _findings(intervals, found)


def _measured(inside: np.ndarray, width: np.ndarray, clusters: np.ndarray, *, seed: int, repeats: int) -> list[Evaluation]:
    sums = np.column_stack([np.bincount(clusters, weights=each) for each in (np.ones(len(inside)), inside, width)])

    def means(draws: np.ndarray) -> np.ndarray:
        count, *totals = (draws @ sums).tolist()
        return np.array([total / count for total in totals])

    values = means(np.ones(len(sums)))
    low, high = interval(replicates(means, clusters, seed, repeats))
    return [Evaluation("", "", name, float(values[i]), float(low[i]), float(high[i]), len(inside)) for i, name in enumerate(METRICS)]


def _findings(intervals: Intervals, found: list[Evaluation]) -> tuple[Finding, ...]:
    tested = [each for each in found if (each.metric, each.split, each.segment) == (METRICS[0], NAMES[TEST], "all")]
    for each in tested:
        level, low, high = intervals.level, each.low or 0.0, 1.0 if each.high is None else each.high
        if abs(each.value - level) > OFF and not low <= level <= high:
            why = "too few: outcomes have moved since the validation rows" if each.value < level else "more than they say"
            said = f"intervals of {level:.0%} hold {each.value:.1%} [{low:.1%}, {high:.1%}] of {each.row_count:,} test rows, {why}"
            return (Finding("intervals", "warning", said, evidence={"value": each.value, "low": low, "high": high, "level": level}),)
    return ()
