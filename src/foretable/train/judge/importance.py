"""What a model would lose without each of its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from foretable.declare.judge import Gate
from foretable.train.judge.measures import point
from foretable.train.result import Curve

MOST_ROWS = 2_000
LEAST_ROWS = 200
REPEATS = 5
MOST_SCORED = 600_000
"""Rows that are scored in all, unless each feature would get fewer than ``LEAST_ROWS``."""
MOST_FEATURES = 200


def importance(
    task: str,
    gate: Gate,
    names: Sequence[str],
    matrix: np.ndarray,
    outcome: np.ndarray,
    answer: Callable[[np.ndarray], np.ndarray],
    split: str,
    *,
    threshold: float,
    seed: int,
) -> tuple[Curve, ...]:
    """How much worse the gate's metric is on held-out rows when one feature is shuffled among them.

    Features that say the same stand in for each other: each of them looks less important than both are.
    Source: Breiman 2001, "Random forests", section 10.

    Parameters
    ----------
    task, threshold
        As for ``measures.figures``.
    gate
        Its metric and direction.
    names
        Of the features.
    matrix, outcome
        Encoded held-out rows, and what came of them; at most ``MOST_ROWS`` of them are used, drawn by the seed.
    answer
        From a matrix to the model's answer.
    split
        Name of the split that the rows are of.
    seed
        Of what is drawn.

    Returns
    -------
    tuple of Curve
        ``importance``, and the least and greatest of ``REPEATS`` shufflings as ``importance_low`` and ``importance_high``,
        in the unit of the metric, labelled by feature, the most important first. Empty where the metric is undefined.
    """
    generator = np.random.default_rng(seed)
    most = int(np.clip(MOST_SCORED // (len(names) * REPEATS), LEAST_ROWS, MOST_ROWS))
    rows = np.sort(generator.permutation(len(matrix))[:most])
    matrix, outcome, sign = matrix[rows].copy(), outcome[rows], 1.0 if gate.higher_is_better else -1.0
    whole = point(task, gate.metric, outcome, answer(matrix), threshold)
    if not np.isfinite(whole):
        return ()
    lost = np.zeros((len(names), REPEATS))
    for position in range(len(names)):
        column = matrix[:, position].copy()
        for repeat in range(REPEATS):
            matrix[:, position] = generator.permutation(column)
            lost[position, repeat] = sign * (whole - point(task, gate.metric, outcome, answer(matrix), threshold))
        matrix[:, position] = column
    mean = lost.mean(axis=1)
    order = np.argsort(-mean, kind="stable")[:MOST_FEATURES]
    heights = {"importance": mean, "importance_low": lost.min(axis=1), "importance_high": lost.max(axis=1)}
    labels = tuple(names[position] for position in order)
    places = tuple(float(place) for place in range(len(order)))
    return tuple(Curve(name, split, places, tuple(height[order].tolist()), labels) for name, height in heights.items())
