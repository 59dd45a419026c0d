"""Curves to draw of a model on held-out rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from foretable.declare.judge import Value
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.cuts import offers
from foretable.train.judge.metrics import BINS, deciles
from foretable.train.result import Curve

MOST_POINTS = 200
MOST_REPEATS = 100
Points = tuple[np.ndarray, np.ndarray]


def curves(
    task: str,
    outcome: np.ndarray,
    answer: np.ndarray,
    split: str,
    clusters: np.ndarray,
    *,
    seed: int,
    classes: Sequence[str] = (),
    value: Value | None = None,
    dates: np.ndarray | None = None,
) -> tuple[Curve, ...]:
    """How rows are told apart, whether probabilities are right, and what acting on the first of them brings.

    Each curve has at most ``MOST_POINTS`` points, evenly spread along it; the thinned ones lie on the full curve.

    Parameters
    ----------
    task
        Of a classification: ``roc``, ``pr``, ``gain`` (share of positives found by share of rows), ``calibration`` and,
        with a ``value``, ``profit`` (total worth by share acted on). Of several classes: ``roc class=gold`` and
        ``pr class=gold`` against the rest, and ``calibration`` of the highest probability. Of numbers: ``calibration``
        and, where none is negative, ``gain`` (share of the sum).
    outcome, answer
        Of the rows of one split, as for ``measures.figures``.
    split
        Its name.
    clusters
        Entity of each row.
    seed
        Of the bootstrap and of the draw among equals.
    classes
        Names of the classes, by code.
    value, dates
        The cost matrix, and for its capacity the date of each row.

    Returns
    -------
    tuple of Curve
        ``calibration`` has the mean answer (x) and mean outcome (y) of each decile; ``calibration_low`` and
        ``calibration_high`` bound the 95 % bootstrap interval of y.
    """
    found: list[tuple[str, Points]] = []
    if task == "classification":
        found += _ranked(outcome, answer, "")
        found += [("gain", _gain(outcome, answer))] if outcome.any() else []
        found += [("profit", _profit(value, outcome, answer, dates, seed))] if value is not None else []
        found += _calibration(outcome, answer, clusters, seed)
    elif task == "multiclass":
        for code, name in enumerate(classes):
            found += _ranked((outcome == code).astype(np.float64), answer[:, code], f" class={name}")
        found += _calibration((answer.argmax(axis=1) == outcome).astype(np.float64), answer.max(axis=1), clusters, seed)
    else:
        found += _calibration(outcome, answer, clusters, seed)
        found += [("gain", _gain(outcome, answer))] if outcome.min() >= 0 and outcome.any() else []
    return tuple(_curve(name, split, *points) for name, points in found)


def _ranked(outcome: np.ndarray, score: np.ndarray, suffix: str) -> Iterator[tuple[str, Points]]:
    """ROC and precision by recall, where both classes occur."""
    if not 0 < outcome.sum() < len(outcome):
        return
    so_far, hits = _from_the_top(outcome, score)
    misses = so_far - hits
    yield f"roc{suffix}", (np.r_[0.0, misses / misses[-1]], np.r_[0.0, hits / hits[-1]])
    yield f"pr{suffix}", (hits / hits[-1], hits / so_far)


def _from_the_top(outcome: np.ndarray, score: np.ndarray) -> Points:
    """Rows, and the sum of their outcomes, that reach each score there is, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    return ends + 1.0, np.cumsum(outcome[order])[ends]


def _gain(outcome: np.ndarray, score: np.ndarray) -> Points:
    so_far, found = _from_the_top(outcome, score)
    return np.r_[0.0, so_far / len(outcome)], np.r_[0.0, found / found[-1]]


def _profit(value: Value, outcome: np.ndarray, probability: np.ndarray, dates: np.ndarray | None, seed: int) -> Points:
    """Total worth when all are acted on that reach a cut and that the capacity has room for, by their share of the rows."""
    offered = offers(value, outcome, probability, dates, seed)
    acted = offered.acted(np.ones(len(outcome)))
    ends = np.flatnonzero(np.r_[np.diff(offered.probability) != 0, True])
    share, worth = np.cumsum(acted)[ends] / len(outcome), np.cumsum(acted * offered.gain)[ends]
    return np.r_[0.0, share], np.r_[0.0, worth] + offered.left.sum()


def _calibration(outcome: np.ndarray, answer: np.ndarray, clusters: np.ndarray, seed: int) -> list[tuple[str, Points]]:
    tenth, clusters = deciles(answer), dense(clusters)
    there = np.unique(tenth)
    counts = np.bincount(tenth, minlength=BINS)
    x = np.bincount(tenth, weights=answer, minlength=BINS)[there] / counts[there]

    def means(draws: np.ndarray) -> np.ndarray:
        weights = draws[clusters]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.bincount(tenth, weights * outcome, BINS) / np.bincount(tenth, weights, BINS)
        return np.asarray(found[there])

    low, high = interval(replicates(means, clusters, seed, min(MOST_REPEATS, repeats_for(len(outcome)))))
    y = means(np.ones(int(clusters.max()) + 1))
    return [("calibration", (x, y)), ("calibration_low", (x, low)), ("calibration_high", (x, high))]


def _curve(name: str, split: str, x: np.ndarray, y: np.ndarray) -> Curve:
    kept = thinned(x, y)
    return Curve(name, split, tuple(x[kept].tolist()), tuple(y[kept].tolist()))


def thinned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Positions of at most ``MOST_POINTS`` points, first and last among them, at even steps along the curve."""
    if len(x) <= MOST_POINTS:
        return np.arange(len(x))
    steps = sum(np.abs(np.diff(side)) / (np.ptp(side) or 1.0) for side in (x, y))
    along = np.r_[0.0, np.cumsum(steps)]
    kept = np.searchsorted(along, np.linspace(0, along[-1], MOST_POINTS - 1))
    return np.unique(np.r_[np.minimum(kept, len(x) - 1), len(x) - 1])
