"""Logistic regression: scikit-learn's, on columns made here, in float64 from end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretable.registry.signature import Feature
from foretable.train.linear_onnx import Folded, linear_graph

DEFAULTS: Mapping[str, Any] = {"C": 1.0, "l1_ratio": 0.0, "max_iter": 200, "tol": 1e-6}
SAGA_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Design:
    """How an encoded row becomes the columns of a linear model.

    The columns are, in this order: each number or boolean with gaps filled by the training median and
    standardised; one indicator per feature that has NULLs in training; one indicator per category of
    each vocabulary. An unseen category has no indicator set; nor has a NULL, but for that of its own.
    """

    numeric: np.ndarray
    fill: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    gaps: np.ndarray
    levels: tuple[tuple[int, int], ...]
    """(feature, size of its vocabulary) of each category."""

    def columns(self, matrix: np.ndarray) -> np.ndarray:
        """The columns for encoded rows."""
        missing = np.isnan(matrix)
        numbers = np.where(missing[:, self.numeric], self.fill, matrix[:, self.numeric])
        parts = [(numbers - self.mean) / self.scale, missing[:, self.gaps].astype(np.float64)]
        parts += [(matrix[:, [j]] == np.arange(size)).astype(np.float64) for j, size in self.levels]
        return np.hstack(parts)


def design_of(matrix: np.ndarray, features: Sequence[Feature]) -> Design:
    """Medians, means and scales of training rows; each number must have a value somewhere."""
    is_category = np.array([feature.kind == "category" for feature in features])
    numeric = np.flatnonzero(~is_category)
    fill = np.nanmedian(matrix[:, numeric], axis=0)
    filled = np.where(np.isnan(matrix[:, numeric]), fill, matrix[:, numeric])
    scale = filled.std(axis=0)
    return Design(
        numeric=numeric,
        fill=fill,
        mean=filled.mean(axis=0),
        scale=np.where(scale > 0, scale, 1.0),
        gaps=np.flatnonzero(np.isnan(matrix).any(axis=0)),
        levels=tuple((j, len(features[j].vocabulary)) for j in np.flatnonzero(is_category).tolist()),
    )


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A fitted logistic regression."""

    features: tuple[Feature, ...]
    design: Design
    estimator: Any

    def margin(self, matrix: np.ndarray) -> np.ndarray:
        """The logit of each encoded row, by scikit-learn."""
        margins: np.ndarray = self.estimator.decision_function(self.design.columns(matrix))
        return margins

    def export(self, slope: float, offset: float) -> bytes:
        """ONNX that gives the probability at the logit ``slope · margin + offset``."""
        return linear_graph(self.folded(slope, offset))

    def folded(self, slope: float, offset: float) -> Folded:
        """Scales, weights and calibration as one affine map; the means stay apart, so that columns far from zero keep their digits."""
        design, count = self.design, len(self.features)
        weights = slope * self.estimator.coef_[0]
        numbers, gaps, levels = np.split(weights, [len(design.numeric), len(design.numeric) + len(design.gaps)])
        per_unit = np.zeros(count)
        per_unit[design.numeric] = numbers / design.scale
        mean, fill, per_gap = np.zeros(count), np.zeros(count), np.zeros(count)
        mean[design.numeric] = design.mean
        fill[design.numeric] = design.fill - design.mean
        per_gap[design.gaps] = gaps
        parts = np.split(levels, np.cumsum([size for _, size in design.levels])[:-1])
        return Folded(
            mean=mean,
            fill=fill,
            per_unit=per_unit,
            per_gap=per_gap,
            per_level={j: part for (j, _), part in zip(design.levels, parts, strict=False)},
            offset=float(slope * self.estimator.intercept_[0] + offset),
        )


def fit_linear(
    matrix: np.ndarray,
    outcome: np.ndarray,
    weights: np.ndarray,
    features: Sequence[Feature],
    parameters: Mapping[str, Any],
    seed: int,
) -> LinearFit:
    """Fit a logistic regression to encoded rows.

    Newton's method with a Cholesky factor for a pure ridge (the default), which is fast for many rows
    and few columns; saga where ``l1_ratio`` asks for an elastic net.
    """
    from sklearn.linear_model import LogisticRegression

    settings = {**DEFAULTS, **parameters}
    lasso = settings["l1_ratio"] > 0
    if lasso and "tol" not in parameters:
        settings["tol"] = SAGA_TOLERANCE
    design = design_of(matrix, features)
    estimator = LogisticRegression(solver="saga" if lasso else "newton-cholesky", random_state=seed, **settings)
    estimator.fit(design.columns(matrix), outcome, sample_weight=weights)
    return LinearFit(tuple(features), design, estimator)
