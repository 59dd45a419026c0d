"""Probabilities back to the true rate: Platt's sigmoid, or an isotonic line."""

from __future__ import annotations

import numpy as np

from foretable.forms.evaluate import expit
from foretable.forms.form import Finish, Link

STEPS = 50
CONVERGED = 1e-10
STEEPEST = 10.0
"""Probability per unit of probability. Trees add up float32 numbers, so raw outputs are about 1e-6 off from one executor to the next;
what an isotonic step makes of that is a jump (0.015 was measured), a line of this slope 1e-5 at most."""


def calibrate(kind: str | None, raw: np.ndarray, outcome: np.ndarray, link: Link) -> Finish:
    """What makes the answer of raw outputs, fitted to rows that the estimator was not fitted to.

    Parameters
    ----------
    kind
        ``sigmoid``, ``isotonic``, or ``None`` to take the estimator's own answer. A sigmoid bends logits, which is what it was made
        for; over the probabilities of a forest it is what scikit-learn fits too, and isotonic comes closer.
    raw, outcome
        Of the held-out rows; without ``kind`` they are not looked at. The outcome is 0 or 1.
    link
        The estimator's own: ``sigmoid`` where raw outputs are logits, ``identity`` where they are probabilities.

    Returns
    -------
    Finish
        Its ``slope`` is 0 where the estimator ranks the rows no better than chance: everybody gets the base rate.
    """
    if kind is None:
        return Finish(link)
    if kind == "sigmoid":
        return Finish("sigmoid", *fit_sigmoid(raw, outcome))
    knots = fit_isotonic(raw, outcome, STEEPEST / 4 if link == "sigmoid" else STEEPEST)
    return Finish(knots=knots) if len(knots) > 1 else Finish("identity", 0.0, float(outcome.mean()))


def fit_isotonic(raw: np.ndarray, outcome: np.ndarray, steepest: float) -> tuple[tuple[float, float], ...]:
    """A rising line through the centres of the blocks of an isotonic regression.

    Source: Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates".
    Neighbouring blocks are joined until the line is nowhere steeper than ``steepest`` per unit of raw output, the
    steepest first; each stands at the mean of its rows. A logit moves a probability by a quarter at most, so a slope
    of 10 per unit of probability is 2.5 per unit of a logit. No rows prove a probability of 0 or 1: the ends stay as
    far from them as one more row at the base rate would take them.

    Returns
    -------
    tuple
        (raw, probability), ascending in both; a single one where nothing rises.
    """
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(raw, kind="stable")
    x, y = raw[order], outcome[order]
    level = IsotonicRegression().fit(x, y).predict(x)
    starts = np.flatnonzero(np.diff(level, prepend=np.nan) != 0)
    count = np.diff(np.append(starts, len(x))).astype(np.float64)
    blocks = [list(block) for block in zip(np.add.reduceat(x, starts), np.add.reduceat(y, starts), count, strict=True)]
    while (steep := _steepest(blocks, steepest)) is not None:
        blocks[steep : steep + 2] = [[a + b for a, b in zip(*blocks[steep : steep + 2], strict=True)]]
    rate, rows = float(y.mean()), len(y)
    low, high = rate / (rows + 1), (rows + rate) / (rows + 1)
    return tuple((float(sum_x / n), float(np.clip(sum_y / n, low, high))) for sum_x, sum_y, n in blocks)


def _steepest(blocks: list[list[float]], limit: float) -> int | None:
    """The first of the two blocks with the steepest line between them, if it is steeper than the limit."""
    sums, positives, count = np.array(blocks).T
    rise, run = np.diff(positives / count), np.diff(sums / count)
    slope = np.divide(rise, run, out=np.full(len(run), np.inf), where=run > 0)
    return int(slope.argmax()) if len(slope) and slope.max() > limit else None


def fit_sigmoid(margin: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the logit that make the outcome most likely.

    Source: Platt 1999, "Probabilistic outputs for support vector machines", without his smoothing of
    the targets, so that the mean probability equals the observed rate on the given rows.

    Returns
    -------
    tuple of float
        (slope, offset). A model that ranks no better than chance gets slope 0: everybody the base rate.
    """
    centre, spread = float(margin.mean()), float(margin.std()) or 1.0
    slope, offset = logistic_line((margin - centre) / spread, outcome)
    if not slope > 0:
        rate = float(outcome.mean())
        return 0.0, float(np.log(rate / (1 - rate)))
    return slope / spread, offset - slope * centre / spread


def logistic_line(x: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of a logistic regression on one column, by Newton's method with halved steps.

    Stops after ``STEPS``: separable outcomes have no finite optimum.
    """
    rate = np.clip(outcome.mean(), 1e-12, 1 - 1e-12)
    slope, intercept = 0.0, float(np.log(rate / (1 - rate)))
    likelihood = _log_likelihood(slope, intercept, x, outcome)
    for _ in range(STEPS):
        p = expit(slope * x + intercept)
        residual, w = outcome - p, p * (1 - p)
        g0, g1 = residual.sum(), (residual * x).sum()
        h00, h01, h11 = w.sum(), (w * x).sum(), (w * x * x).sum()
        determinant = h00 * h11 - h01 * h01
        if not determinant > 0:
            break
        ds, di = (h00 * g1 - h01 * g0) / determinant, (h11 * g0 - h01 * g1) / determinant
        step, better = 1.0, _log_likelihood(slope + ds, intercept + di, x, outcome)
        while not better >= likelihood and step > 1e-6:
            step /= 2
            better = _log_likelihood(slope + step * ds, intercept + step * di, x, outcome)
        if not better > likelihood:
            break
        slope, intercept = float(slope + step * ds), float(intercept + step * di)
        done, likelihood = better - likelihood < CONVERGED * len(x), better
        if done:
            break
    return slope, intercept


def _log_likelihood(slope: float, intercept: float, x: np.ndarray, outcome: np.ndarray) -> float:
    logit = slope * x + intercept
    return float((outcome * logit - np.logaddexp(0, logit)).sum())
