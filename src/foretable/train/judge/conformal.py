"""Intervals of predicted numbers by split-conformal calibration, and how many outcomes they hold."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from foretable.registry.intervals import Intervals, Line

TENTHS = 10
BEYOND = 5
"""So many entities of a piece are expected beyond either end, at least: fewer would leave its ends to chance."""
NEAR = 0.1
"""Below this share of the large predictions of a piece, counted from the least outcome, its ends are level."""
SPARED = 0.07
"""The most that other pieces hold below the level where some hold more than they must."""
_ROUNDING = 1e-9


def conformal(prediction: np.ndarray, outcome: np.ndarray, clusters: np.ndarray, *, level: float, least: float) -> Intervals:
    """Calibrate intervals on rows that the estimator was not fitted to.

    The rows are those of the validation part. The estimator did not learn from them, but they chose between candidates (and
    with ``folds=1`` between parameters), which flatters the residuals a little: the coverage that is told is that of the test rows.

    The axis of predictions is cut at its tenths, and each piece is calibrated by itself (Mondrian conformal prediction), so that the
    level holds among small predictions and among large ones. Within a piece the residual is taken relative to how far the prediction
    lies above the least outcome, ``(outcome - least) / (prediction - least)``, since the spread of amounts grows with them; near the
    least outcome, below ``NEAR`` of nine tenths of the piece, the ends are level. The ends are its quantiles at ``(1 - level) / 2`` and
    ``(1 + level) / 2``, each the next observed one outwards that counts an unseen entity in. Where more than
    ``(1 - level) / 2`` of the outcomes are the least one itself, as of customers who buy nothing, the low end is that: nothing can
    fall below it, so that the high end has the whole level; with two tails the interval would hold far more than it says.

    Rows of several dates of one entity are no independent evidence: each entity weighs one, shared among its rows, and the one
    that is counted in weighs as much. So a hundred rows of ten customers say what ten rows say. Neighbouring pieces are joined until
    entities of a weight of ``BEYOND`` are expected beyond either end.

    Where more than the level of a piece have the least outcome, no interval holds less than they are. The other pieces then hold a
    little below the level, ``SPARED`` at most, so that it is held by all together.

    Both ends are lines in the prediction within a piece, and may step at its border, as neighbours are calibrated apart. They are
    ordered around the prediction, so that a step is never more than the difference of two estimates of one thing.

    Parameters
    ----------
    prediction, outcome
        Per row; a prediction that is not finite is left out.
    clusters
        Entity of each row.
    level
        Share of outcomes to hold, 0 to 1.
    least
        The least outcome known before the test rows.

    Returns
    -------
    Intervals
        Without lines where there are too few entities to reach the level at all: fewer than ``(1 + level) / (1 - level)``.

    References
    ----------
    Vovk, Gammerman, Shafer 2005, Algorithmic Learning in a Random World, sections 2.2 and 4.5 (Mondrian).
    Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, Distribution-Free Predictive Inference for Regression (split, scaled residuals).
    Romano, Patterson, Candès 2019, Conformalized Quantile Regression (each end by itself).
    Lee, Barber, Willett 2023, Distribution-free inference with hierarchical data (entities with several rows).
    """
    finite = np.isfinite(prediction)
    # A prediction below the least outcome says no more than one of the least outcome.
    prediction, outcome, clusters = np.maximum(prediction[finite], least), outcome[finite], clusters[finite]
    borders: list[float] = []
    low: list[Line] = []
    high: list[Line] = []
    weights = _weights(clusters)
    pieces = list(_pieces(prediction, weights, 2 * BEYOND / (1 - level)))
    level_of_piece = _level_of_piece(prediction, outcome, weights, [rows for _, rows in pieces], level, least)
    for border, rows in pieces:
        given = (prediction[rows], outcome[rows], weights[rows])
        start = _start(given[0], least)
        ends = _ends(*given, level_of_piece, least, start)
        if ends is None:
            return Intervals(level, least)
        bottom, top = (_line(end, least, start) for end in ends)
        if start is not None and (not borders or borders[-1] < start):
            borders.append(start)
            low.append(_level_line(bottom, start))
            high.append(_level_line(top, start))
        borders.append(border)
        low.append(bottom)
        high.append(top)
    return Intervals(level, least, tuple(borders[:-1]), tuple(low), tuple(high))


def _level_of_piece(
    prediction: np.ndarray, outcome: np.ndarray, weights: np.ndarray, pieces: list[np.ndarray], level: float, least: float
) -> float:
    """The level that pieces are calibrated to, so that all together hold what is asked for."""
    held = left = 0.0
    for rows in pieces:
        weight, nothing = weights[rows], outcome[rows] <= least
        if weight @ nothing >= level * (weight.sum() + 1):
            held += float(weight @ (outcome[rows] <= prediction[rows]))
        else:
            left += float(weight.sum())
    return max(level - SPARED, (level * float(weights.sum()) - held) / left) if held and left else level


def _start(prediction: np.ndarray, least: float) -> float | None:
    """From where on the ends of a piece are in proportion to the prediction; None where hardly any lies above the least outcome.

    Nearer to the least outcome a proportion says nothing: a purchase of 50 where 0.01 was expected is no reason to allow for
    25,000 where 5 is.
    """
    distance = float(np.quantile(prediction, 0.9)) - least
    return least + NEAR * distance if distance > 0 else None


def _pieces(prediction: np.ndarray, weights: np.ndarray, least: float) -> Iterator[tuple[float, np.ndarray]]:
    """Upper border and rows of each piece, from the lowest; what is left at the top joins the last."""
    if not len(prediction):
        return
    tenths = np.unique(np.quantile(prediction, np.linspace(0, 1, TENTHS + 1)[1:-1]))
    kept: list[float] = []
    begin = -math.inf
    for border in tenths:
        inside, above = (begin < prediction) & (prediction <= border), prediction > border
        if min(weights[inside].sum(), weights[above].sum()) >= least - _ROUNDING:
            kept.append(float(border))
            begin = border
    piece = np.searchsorted(np.array(kept), prediction, side="left")
    for number, border in enumerate([*kept, math.inf]):
        yield border, np.flatnonzero(piece == number)


def _weights(clusters: np.ndarray) -> np.ndarray:
    """One for each entity, shared among its rows."""
    _, code, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    weights: np.ndarray = 1.0 / counts[code]
    return weights


def _ends(
    prediction: np.ndarray, outcome: np.ndarray, weights: np.ndarray, level: float, least: float, start: float | None
) -> tuple[float, float] | None:
    """Both ends of a piece as shares of the prediction, from the least outcome on; as plain distances where there is no ``start``."""
    unit = 1.0 if start is None else np.maximum(prediction, start) - least
    residual, tail = (outcome - least) / unit, (1 - level) / 2
    if weights @ (outcome <= least) > tail * weights.sum():
        top = _quantile(residual, weights, level)
        return None if top is None else (0.0, top)
    bottom, top = _quantile(-residual, weights, 1 - tail), _quantile(residual, weights, 1 - tail)
    return None if bottom is None or top is None else (-bottom, top)


def _quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float | None:
    """The least value that ``level`` of the weight lies at or below, where one more entity lies above them all; None: there is none."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, level * (reached[-1] + 1) - _ROUNDING))
    return float(values[order][place]) if place < len(values) else None


def _line(end: float, least: float, start: float | None) -> Line:
    return (least + end, 0.0) if start is None else (least - end * least, end)


def _level_line(line: Line, prediction: float) -> Line:
    """As high as another is at a prediction."""
    return line[0] + line[1] * prediction, 0.0
