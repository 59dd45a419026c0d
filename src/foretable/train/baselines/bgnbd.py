"""BG/NBD: how often a customer comes back, from how often and when it came so far.

While alive a customer buys as a Poisson process of its own rate, and after each repeat purchase leaves with a probability of its
own; rates are gamma distributed (r, alpha), probabilities beta distributed (a, b). Source: Fader, Hardie and Lee 2005, "Counting
your customers the easy way: an alternative to the Pareto/NBD model", Marketing Science 24 (2), equations (6), (7) and (10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretable.train.baselines.likelihood import lowest_of

NODES = 40
"""Of the quadrature over the probability of leaving."""
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class BgNbd:
    """The parameters; ``alpha`` is in the unit of time of the data."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: int
    converged: bool


def fit_bgnbd(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> BgNbd:
    """Fit by maximum likelihood; equal rows give equal parameters, and another unit of time the same but for ``alpha``.

    Parameters
    ----------
    frequency
        Repeat purchases per customer, 0 and more.
    recency
        Time from the first purchase to the last; 0 where there is one purchase alone.
    age
        Time from the first purchase to the end of the observation, ``recency`` or more, not 0 for all.
    """
    scale = float(age.mean())
    rows = _Rows.of(frequency, recency / scale, age / scale)

    def objective(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = rows.likelihood(np.exp(logs))
        return -value / rows.count, -gradient * np.exp(logs) / rows.count

    (r, alpha, a, b), lowest, converged = lowest_of(objective, 4)
    # In the unit of the data every density of a repeat purchase is smaller by the scale.
    likelihood = -lowest * rows.count - float(frequency.sum()) * float(np.log(scale))
    return BgNbd(r, alpha * scale, a, b, likelihood, len(frequency), converged)


def probability_alive(fitted: BgNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """How probably each customer still buys; 1 without a repeat purchase, as nobody leaves before it."""
    from scipy.special import expit

    again = frequency > 0
    gone = np.log(fitted.a) - np.log(fitted.b + np.maximum(frequency, 1) - 1)
    gone = gone + (fitted.r + frequency) * (np.log(fitted.alpha + age) - np.log(fitted.alpha + recency))
    return np.where(again, expit(-gone), 1.0)


def expected_purchases(
    fitted: BgNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray, period: float | np.ndarray
) -> np.ndarray:
    """Purchases to expect of each customer in the time ``period`` after its ``age``.

    Given that a customer is alive, its rate is gamma distributed (r + x, alpha + T) and its probability of leaving beta distributed
    (a, b + x); a customer of rate l and probability p makes (1 − exp(−l p t)) / p purchases in t. The mean over l has a closed form;
    that over p is taken by Gauss-Jacobi quadrature. It equals the published formula, which has a pole at a = 1 and a
    hypergeometric function that overflows where frequencies are great.

    Parameters
    ----------
    fitted
        Parameters, in the unit of time of the other arguments.
    frequency, recency, age
        As for :func:`fit_bgnbd`.
    period
        Length of the time to come, for all or for each.
    """
    alive = probability_alive(fitted, frequency, recency, age)
    share = np.broadcast_to(np.asarray(period, dtype=np.float64), age.shape) / (fitted.alpha + age)
    found = np.empty(len(age))
    kinds, codes = np.unique(frequency, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    for start in range(0, len(order), _ROWS_AT_ONCE):
        rows = order[start : start + _ROWS_AT_ONCE]
        first = int(codes[rows[0]])
        points, weights = _beta_rule(fitted.a, fitted.b + kinds[first : int(codes[rows[-1]]) + 1])
        points, weights = points[codes[rows] - first], weights[codes[rows] - first]
        made = -np.expm1(-(fitted.r + frequency[rows, None]) * np.log1p(points * share[rows, None])) / points
        found[rows] = (weights * made).sum(axis=1)
    return alive * found


def _beta_rule(a: float, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss' rule for beta distributions (a, b), each of shape (len(b), NODES).

    From the eigenvalues of the matrix of the recurrence of Jacobi's polynomials on [0, 1]. Source: Golub and Welsch 1969,
    "Calculation of Gauss quadrature rules". Its weights sum to 1 and need no beta function, which would underflow for great b.
    """
    b = b[:, None]
    k = np.arange(NODES)
    s = a + b - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (2 * k * (k + s + 1) + s * a) / ((2 * k + s) * (2 * k + s + 2))
        beside = k * (k + a - 1) * (k + b - 1) * (k + s) / ((2 * k + s) ** 2 * (2 * k + s + 1) * (2 * k + s - 1))
    middle[:, 0] = (a / (a + b))[:, 0]
    beside[:, 1] = (a * b / ((a + b) ** 2 * (a + b + 1)))[:, 0]
    matrix = np.zeros((len(b), NODES, NODES))
    matrix[:, k, k] = middle
    matrix[:, k[1:], k[:-1]] = np.sqrt(beside[:, 1:])
    points, vectors = np.linalg.eigh(matrix)
    return np.maximum(points, np.finfo(np.float64).tiny), vectors[:, 0, :] ** 2


@dataclass(frozen=True, eq=False)
class _Rows:
    """Customers, those that are alike as one with a weight; times in mean ages."""

    kinds: np.ndarray
    """Frequencies that occur, ascending."""
    customers: np.ndarray
    """Customers of each of them."""
    codes: np.ndarray
    """Of each row, its place among ``kinds``."""
    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    weight: np.ndarray
    count: int

    @classmethod
    def of(cls, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> _Rows:
        table = np.column_stack([frequency, recency, age]).astype(np.float64)
        table = table[np.lexsort(table.T[::-1])]
        first = np.flatnonzero(np.r_[True, (table[1:] != table[:-1]).any(axis=1)])
        weight = np.diff(np.r_[first, len(table)]).astype(np.float64)
        x, recent, old = table[first].T
        kinds, codes = np.unique(x, return_inverse=True)
        return cls(kinds, np.bincount(codes, weights=weight), codes, x, recent, old, weight, len(table))

    def likelihood(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-likelihood, and its gradient by r, alpha, a and b."""
        from scipy.special import gammaln, psi

        r, alpha, a, b = parameters
        x, own = self.kinds, self.customers
        before = np.maximum(b + x - 1, np.finfo(np.float64).tiny)
        to_end, to_last = np.log(alpha + self.age), np.log(alpha + self.recency)
        # The customer is alive at the end, or left at its last purchase: the logarithm of a sum, of the two and of their shares.
        stayed = -(r + self.frequency) * to_end
        gone = np.where(x > 0, np.log(a) - np.log(before), -np.inf)[self.codes] - (r + self.frequency) * to_last
        either = np.logaddexp(stayed, gone)
        left = np.exp(gone - either)
        weight, went = self.weight, self.weight * left
        counted = gammaln(r + x) - gammaln(r) + gammaln(b + x) - gammaln(b) + gammaln(a + b) - gammaln(a + b + x)
        value = own @ counted + self.count * r * np.log(alpha) + weight @ either
        mean_log = (weight - went) @ to_end + went @ to_last
        slope = (weight * (r + self.frequency)) @ ((1 - left) / (alpha + self.age) + left / (alpha + self.recency))
        of_kind = np.bincount(self.codes, weights=went)
        by = [
            own @ (psi(r + x) - psi(r)) + self.count * np.log(alpha) - mean_log,
            self.count * r / alpha - slope,
            own @ (psi(a + b) - psi(a + b + x)) + went.sum() / a,
            own @ (psi(b + x) - psi(b) + psi(a + b) - psi(a + b + x)) - (of_kind / before)[x > 0].sum(),
        ]
        return float(value), np.array(by)
