"""Gamma-gamma: what a customer spends at a purchase, from what it spent so far.

The value of a purchase is gamma distributed (p, rate) and rates are gamma distributed (q, v), whatever the number of purchases.
Source: Fader and Hardie 2013, "The gamma-gamma model of monetary value", equations (1a) and (5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretable.train.baselines.likelihood import lowest_of


@dataclass(frozen=True)
class GammaGamma:
    """The parameters; ``v`` is in the unit of the values. ``q`` is above 1, so that there is a mean."""

    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int
    converged: bool


def fit_gamma_gamma(frequency: np.ndarray, value: np.ndarray) -> GammaGamma:
    """Fit by maximum likelihood; another unit of money changes ``v`` alone.

    Parameters
    ----------
    frequency
        Purchases that the mean is of, 1 and more.
    value
        Mean value of these purchases per customer, above 0.
    """
    from scipy.special import gammaln, psi

    scale = float(value.mean())
    x, m, count = frequency.astype(np.float64), value / scale, len(value)

    def objective(logs: np.ndarray) -> tuple[float, np.ndarray]:
        p, above, v = np.exp(logs)
        q, px, total = 1 + above, p * x, v + m * x
        each = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) + px * np.log(m * x) - np.log(m) - (px + q) * np.log(total)
        both = psi(px + q) - np.log(total)
        slopes = [(x * (both - psi(px) + np.log(m * x))).sum(), (both - psi(q) + np.log(v)).sum(), (q / v - (px + q) / total).sum()]
        return -float(each.sum()) / count, -np.array(slopes) * [p, above, v] / count

    (p, above, v), lowest, converged = lowest_of(objective, 3)
    return GammaGamma(p, 1 + above, v * scale, -count * (lowest + float(np.log(scale))), count, converged)


def expected_value(fitted: GammaGamma, frequency: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Mean value of the purchases to come: that of all customers and the customer's own, weighed by its purchases.

    Parameters
    ----------
    fitted
        Parameters, in the unit of ``value``.
    frequency, value
        As for :func:`fit_gamma_gamma`; where ``frequency`` is 0 the value is not looked at, and the mean of all is expected.
    """
    spent = frequency * np.where(frequency > 0, value, 0.0)
    found: np.ndarray = fitted.p * (fitted.v + spent) / (fitted.p * frequency + fitted.q - 1)
    return found
