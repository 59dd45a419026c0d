"""Which estimator a declared candidate stands for, and which parameters it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from foretable.declare.candidates import Candidate, LogisticRegression, XGBoost
from foretable.declare.model import Model
from foretable.errors import DeclarationError, nearest
from foretable.registry.signature import Feature
from foretable.train import linear, trees


class Fit(Protocol):
    """A fitted estimator."""

    def margin(self, matrix: np.ndarray) -> np.ndarray:
        """The logit of each encoded row, by the estimator's own code."""

    def export(self, slope: float, offset: float) -> bytes:
        """ONNX that gives the probability at the logit ``slope · margin + offset``."""


Fitter = Callable[[np.ndarray, np.ndarray, np.ndarray, Sequence[Feature], Mapping[str, Any], int], Fit]

_ESTIMATORS: Mapping[type[Candidate], tuple[Fitter, Mapping[str, Any]]] = {
    LogisticRegression: (linear.fit_linear, linear.DEFAULTS),
    XGBoost: (trees.fit_trees, trees.DEFAULTS),
}
"""Explicit: what is not here has no export that was proven equal, and is refused."""


def fitter(model: Model, candidate: Candidate) -> Fitter:
    """How to fit a candidate.

    Raises
    ------
    DeclarationError
        It is no known estimator, or one of its parameters is not.
    """
    where = str(model.origin)
    if type(candidate) not in _ESTIMATORS:
        known = [kind.__name__ for kind in _ESTIMATORS]
        raise DeclarationError(f"model {model.name}: {candidate.name} cannot be trained", where=where, hint=nearest(candidate.name, known))
    fit, defaults = _ESTIMATORS[type(candidate)]
    for name in candidate.parameters:
        if name not in defaults:
            message = f"model {model.name}: {candidate.name} has no parameter {name!r}"
            raise DeclarationError(message, where=where, hint=nearest(name, defaults))
    return fit
