"""What a set of parameters reaches on a fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foretable.declare.model import Model
from foretable.forms.evaluate import apply_finish
from foretable.train.estimators.calibration import calibrate
from foretable.train.estimators.fitting import FitInput, Fitter
from foretable.train.judge.measures import point
from foretable.train.prepare import Prepared
from foretable.train.search.folds import Fold
from foretable.train.search.sample import search_sample
from foretable.train.search.search import Objective

RANKED = ("roc_auc", "pr_auc", "spearman")
"""Metrics that calibration does not move."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A fold as estimators see it, the same for every trial."""

    given: FitInput
    held_out: np.ndarray
    outcome: np.ndarray


def objective(model: Model, fit_to: Fitter, prepared: Prepared, folds: Sequence[Fold]) -> Objective:
    """The gate's metric on the measured rows of a fold, for parameters fitted to a sample of the others.

    Where probabilities are calibrated, the trial's are too, by a sigmoid on the measured rows: two numbers for thousands of rows,
    the same favour for every trial. An isotonic line would fit them too well to compare.
    """
    grounds: dict[int, Ground] = {}

    def measured(parameters: Mapping[str, Any], number: int) -> float:
        if number not in grounds:
            grounds[number] = _ground(model, prepared, folds[number])
        ground = grounds[number]
        fit = fit_to(replace(ground.given, parameters=parameters))
        raw = fit.raw(ground.held_out)
        if not np.isfinite(raw).all():
            return math.nan
        kind = "sigmoid" if model.calibration and model.gate.metric not in RANKED else None
        answer = apply_finish(calibrate(kind, raw, ground.outcome, fit.link), raw)
        return point(model.task, model.gate.metric, ground.outcome, answer, model.cut)

    return measured


def _ground(model: Model, prepared: Prepared, fold: Fold) -> Ground:
    chosen, weights = search_sample(prepared.outcome[fold.learn], prepared.classes, model.seed)
    given = fit_input(model, prepared, fold.learn[chosen], weights)
    return Ground(given, prepared.matrix[fold.measure], prepared.outcome[fold.measure])


def fit_input(
    model: Model, prepared: Prepared, rows: np.ndarray, weights: np.ndarray, parameters: Mapping[str, Any] | None = None
) -> FitInput:
    """What an estimator is fitted to, of some rows that stand for as many as ``weights`` say."""
    return FitInput(
        matrix=prepared.matrix[rows],
        outcome=prepared.outcome[rows],
        weights=_balanced(prepared.outcome[rows], weights) if model.weights else weights,
        clusters=prepared.clusters[rows],
        features=prepared.signature.features,
        parameters=parameters or {},
        model=model,
        classes=prepared.classes if model.task == "multiclass" else 0,
        seed=model.seed,
    )


def _balanced(outcome: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights that give every class the same total, and keep the sum."""
    codes = outcome.astype(np.int64)
    totals = np.bincount(codes, weights=weights)
    shares = totals.sum() / (np.count_nonzero(totals) * np.where(totals > 0, totals, 1.0))
    balanced: np.ndarray = weights * shares[codes]
    return balanced
