"""Linear models: scikit-learn's, on columns made here, in float64 from end to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretable.forms.form import Finish, Linear, Link
from foretable.registry.signature import Feature
from foretable.train.estimators.design import Design, centred, linear_design, weights_of_slots
from foretable.train.estimators.fitting import FitInput

LOGISTIC: Mapping[str, Any] = {"C": 1.0, "l1_ratio": 0.0, "max_iter": 200, "tol": 1e-6}
LEAST_SQUARES: Mapping[str, Any] = {"alpha": 0.0, "l1_ratio": 0.0, "max_iter": 2000, "tol": 1e-6}
SAGA_TOLERANCE = 1e-4
NEWTON_WIDTH = 2000
"""Weights up to which Newton's method is worth the square of them; beyond, lbfgs."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A fitted linear model."""

    features: tuple[Feature, ...]
    design: Design
    estimator: Any
    weights: np.ndarray
    """(outputs, columns)"""
    offset: np.ndarray
    link: Link

    def raw(self, matrix: np.ndarray) -> np.ndarray:
        """Logits of each encoded row, or the predicted number, by scikit-learn."""
        from sklearn import config_context

        columns = self.design.columns(matrix)
        with config_context(assume_finite=True), np.errstate(invalid="ignore"):  # infinite numbers are scored, not refused
            found: np.ndarray = self.estimator.predict(columns) if self.link == "identity" else self.estimator.decision_function(columns)
        if self.link == "softmax" and found.ndim == 1:
            return np.column_stack([np.zeros(len(found)), found])
        return found

    def form(self, finish: Finish) -> Linear:
        """Scales and weights as one affine map; the means stay apart, so that columns far from zero keep their digits."""
        design, outputs, count = self.design, len(self.offset), len(self.features)
        mean, fill = np.zeros(count), np.zeros(count)
        per_unit, per_gap = np.zeros((outputs, count)), np.zeros((outputs, count))
        numbers = len(design.numeric)
        mean[design.numeric], fill[design.numeric] = design.mean, design.fill - design.mean
        per_unit[:, design.numeric] = self.weights[:, :numbers] / design.scale
        sizes = {j: len(feature.vocabulary) for j, feature in enumerate(self.features) if feature.kind == "category"}
        for position, j in enumerate(design.gaps.tolist(), start=numbers):
            if j not in sizes:
                per_gap[:, j] = self.weights[:, position]
        per_level, shift = centred(weights_of_slots(design, self.weights, sizes), design.shares)
        return Linear(mean, fill, per_unit, per_gap, per_level, self.offset + shift, finish)

    def booster(self) -> None:
        """There is none."""


def fit_logistic(given: FitInput) -> LinearFit:
    """Fit a logistic regression of two classes or more to encoded rows.

    Newton's method with a Cholesky factor for a pure ridge (the default), which is fast for many rows
    and few columns; lbfgs for many columns; saga where ``l1_ratio`` asks for an elastic net.
    """
    from sklearn.linear_model import LogisticRegression

    settings = {**LOGISTIC, **given.parameters}
    lasso = settings["l1_ratio"] > 0
    if lasso and "tol" not in given.parameters:
        settings["tol"] = SAGA_TOLERANCE
    design, columns = given.once("linear", linear_design)
    wide = columns.shape[1] * max(given.classes, 1) > NEWTON_WIDTH
    solver = "saga" if lasso else "lbfgs" if wide else "newton-cholesky"
    estimator = LogisticRegression(solver=solver, random_state=given.seed, **settings)
    estimator.fit(columns, given.outcome, sample_weight=given.weights)
    weights, offset = estimator.coef_, estimator.intercept_
    if given.classes == 2:  # the log of the odds of the second class over the first
        weights, offset = np.vstack([np.zeros_like(weights), weights]), np.concatenate([[0.0], offset])
    return LinearFit(given.features, design, estimator, weights, offset, "softmax" if given.classes else "sigmoid")


def fit_least_squares(given: FitInput) -> LinearFit:
    """Fit a linear regression to encoded rows: ordinary without ``alpha``, ridge with it, an elastic net with ``l1_ratio``."""
    from sklearn.linear_model import ElasticNet, LinearRegression, Ridge

    settings = {**LEAST_SQUARES, **given.parameters}
    design, columns = given.once("linear", linear_design)
    estimator: Any
    if settings["alpha"] == 0:
        estimator = LinearRegression()
    elif settings["l1_ratio"] > 0:
        estimator = ElasticNet(random_state=given.seed, **settings)
    else:
        estimator = Ridge(settings["alpha"], solver="cholesky")
    estimator.fit(columns, given.outcome, sample_weight=given.weights)
    return LinearFit(given.features, design, estimator, estimator.coef_[None], np.array([float(estimator.intercept_)]), "identity")
