"""Probabilities back to the true rate: Platt's sigmoid on the logit."""

from __future__ import annotations

import numpy as np

STEPS = 50
CONVERGED = 1e-10


def expit(logit: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−logit)), without overflow."""
    probability: np.ndarray = np.exp(-np.logaddexp(0, -logit))
    return probability


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
