"""One candidate: searched, fitted, calibrated, exported, evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from foretable.declare.candidates import Candidate
from foretable.declare.model import Model
from foretable.errors import DeclarationError
from foretable.forms.evaluate import apply_finish
from foretable.forms.form import Finish
from foretable.forms.graph import onnx_of
from foretable.progress import Listener, Progress
from foretable.train.calibration import calibrate
from foretable.train.estimators import Fit, FitInput, Fitter, fitter
from foretable.train.evaluate import evaluate
from foretable.train.metrics import METRICS, figures
from foretable.train.prepare import Prepared
from foretable.train.result import Trained, Trial
from foretable.train.sample import SEARCH_ROWS, search_sample
from foretable.train.search import search
from foretable.train.split import TRAIN, VALIDATION
from foretable.train.steady import steady


def fit_candidate(model: Model, candidate: Candidate, prepared: Prepared, *, trials: int, listen: Listener) -> Trained:
    """Fit one candidate of a model to a prepared training set.

    Parameters
    ----------
    model
        The declaration.
    candidate
        One of its candidates.
    prepared
        The rows, by :func:`foretable.train.prepare.prepare`.
    trials
        Parameter sets to try where the candidate has ranges.
    listen
        Told about every trial.

    Raises
    ------
    DeclarationError
        The estimator or a parameter is unknown, or the gate's metric is none of a classification.
    """
    if model.gate.metric not in METRICS:
        raise DeclarationError(
            f"model {model.name}: {model.gate.metric} is no metric of a classification",
            where=str(model.origin),
            hint="take roc_auc, pr_auc, log_loss or brier",
        )
    name, fit_to = f"{model.name}: {candidate.name}", fitter(model, candidate)
    train = prepared.rows(TRAIN)

    def told(trial: Trial) -> None:
        detail = f"trial {trial.trial + 1} of {trials}: {model.gate.metric} {trial.value:.4f}"
        listen(Progress(name, "running", detail, trial.seconds, (trial.trial + 1) / trials))

    with steady():
        objective, direction = partial(_validated, model, fit_to, prepared), model.gate.higher_is_better
        parameters, tried = search(
            candidate, objective, folds=1, trials=trials, seed=model.seed, higher_is_better=direction, earlier=(), tell=told
        )
        outcome = prepared.outcome[train]
        weights = _weights(outcome, np.ones(len(train)), model.weights)
        features = prepared.signature.features
        given = FitInput(
            prepared.matrix[train], outcome, weights, prepared.clusters[train], features, parameters, model, classes=0, seed=model.seed
        )
        fit = fit_to(given)
        finish = _calibration(model, fit, prepared)
        onnx = onnx_of(fit.form(finish), len(features))
        native = partial(_native, fit, finish)
        evaluations = evaluate(
            model.task,
            prepared.outcome,
            native(prepared.matrix),
            prepared.split,
            prepared.clusters,
            threshold=model.cut,
            seed=model.seed,
            segments={"latest": prepared.latest},
        )
    notes = []
    if tried and len(train) > SEARCH_ROWS:
        notes.append(f"{candidate.name} was searched on {SEARCH_ROWS:,} of {len(train):,} training rows and fitted to all")
    if model.calibration and finish.slope == 0:
        notes.append(f"{candidate.name} ranks the validation rows no better than chance: everybody gets the base rate")
    return Trained(candidate.name, parameters, prepared.signature, {"onnx": onnx}, "onnx", evaluations, tried, native, tuple(notes))


def _native(fit: Fit, finish: Finish, matrix: np.ndarray) -> np.ndarray:
    return apply_finish(finish, fit.raw(matrix))


def _calibration(model: Model, fit: Fit, prepared: Prepared) -> Finish:
    rows = prepared.rows(VALIDATION)
    return calibrate(model.calibration, fit.raw(prepared.matrix[rows]), prepared.outcome[rows], fit.link)


def _weights(outcome: np.ndarray, base: np.ndarray, scheme: str | None) -> np.ndarray:
    """Weights per row; ``balanced`` gives both classes the same total, and keeps the sum."""
    if scheme is None:
        return base
    positive = outcome == 1
    total = base.sum()
    balanced: np.ndarray = base * np.where(positive, total / (2 * base[positive].sum()), total / (2 * base[~positive].sum()))
    return balanced


def _validated(model: Model, fit_to: Fitter, prepared: Prepared, parameters: Mapping[str, Any], fold: int) -> float:
    """The gate's metric on the validation rows, for parameters fitted to a sample of the training rows."""
    train, held_out = prepared.rows(TRAIN), prepared.rows(VALIDATION)
    chosen, base = search_sample(prepared.outcome[train], 2, model.seed)
    rows = train[chosen]
    weights = _weights(prepared.outcome[rows], base, model.weights)
    given = FitInput(
        prepared.matrix[rows],
        prepared.outcome[rows],
        weights,
        prepared.clusters[rows],
        prepared.signature.features,
        parameters,
        model,
        classes=0,
        seed=model.seed,
    )
    fit = fit_to(given)
    probability = _native(fit, _calibration(model, fit, prepared), prepared.matrix[held_out])
    each = np.arange(len(held_out))
    found = figures(prepared.outcome[held_out], probability, each, model.cut)(np.ones(len(held_out)))
    return float(found[METRICS.index(model.gate.metric)])
