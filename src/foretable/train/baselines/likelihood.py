"""Maximum likelihood of a few positive parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LIMIT = 12.0
"""Parameters stay within exp(± this): where customers are all alike, the likelihood has its maximum at infinity."""
_FLAT = 1e-5


def lowest_of(objective: Callable[[np.ndarray], tuple[float, np.ndarray]], count: int) -> tuple[tuple[float, ...], float, bool]:
    """Minimise by L-BFGS-B, from 1 for all.

    Parameters
    ----------
    objective
        From the logarithms of the parameters to the mean negative log-likelihood per customer and its gradient, on data of about 1.
    count
        Number of parameters.

    Returns
    -------
    tuple
        The parameters; the objective there; whether it is flat there, but for parameters at ``LIMIT``.
    """
    from scipy.optimize import minimize

    options = {"maxiter": 1000, "maxfun": 2000, "ftol": 1e-13, "gtol": 1e-8}
    found = minimize(objective, np.zeros(count), jac=True, method="L-BFGS-B", bounds=[(-LIMIT, LIMIT)] * count, options=options)
    flat = (np.abs(found.jac) < _FLAT) | (np.abs(found.x) >= LIMIT)
    return tuple(float(value) for value in np.exp(found.x)), float(found.fun), bool(flat.all())
