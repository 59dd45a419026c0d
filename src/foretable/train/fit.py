"""One candidate: searched, fitted, calibrated, written as its artefacts, judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from foretable.declare.candidates import Candidate, searched
from foretable.declare.judge import Value
from foretable.declare.model import Model
from foretable.forms import store
from foretable.forms.contributions import contribution_graph
from foretable.forms.evaluate import apply_finish
from foretable.forms.form import Finish, Form, Linear
from foretable.forms.graph import onnx_of
from foretable.progress import Listener, Progress
from foretable.registry.signature import SegmentThresholds, Signature
from foretable.train.estimators.calibration import calibrate
from foretable.train.estimators.families import fitter
from foretable.train.estimators.fitting import Fit, Fitter
from foretable.train.judge.judgement import Judgement, judge
from foretable.train.prepare import Prepared
from foretable.train.result import Trained, Trial
from foretable.train.search.folds import cut_folds
from foretable.train.search.sample import SEARCH_ROWS
from foretable.train.search.search import search
from foretable.train.search.studies import NOT_KEPT, Study
from foretable.train.search.trials import fit_input, objective
from foretable.train.split import TRAIN, VALIDATION
from foretable.train.steady import steady


def fit_candidate(
    model: Model, candidate: Candidate, prepared: Prepared, *, trials: int, listen: Listener, study: Study = NOT_KEPT
) -> Trained:
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
    study
        Where trials are kept as they end, and those that are done already.

    Raises
    ------
    DeclarationError
        The estimator or a parameter is unknown, or cannot do what the model declares.
    """
    fit_to, train = fitter(model, candidate), prepared.rows(TRAIN)
    with steady():
        parameters, tried, notes = _searched(model, candidate, prepared, fit_to, trials, listen, study)
        fit = fit_to(fit_input(model, prepared, train, np.ones(len(train)), parameters))
        finish = _finish(model, fit, prepared)
        native = partial(_native, fit, finish)
        judged, form = judge(model, prepared, native), fit.form(finish)
        artifacts = _artifacts(model, fit, form, len(prepared.signature.features))
    if model.calibration and finish.slope == 0:
        notes = (*notes, f"{candidate.name} ranks the validation rows no better than chance: everybody gets the base rate")
    return Trained(
        candidate=candidate.name,
        parameters=parameters,
        signature=judged_signature(model, prepared.signature, judged),
        artifacts=artifacts,
        executor=_executor(model, form, artifacts),
        evaluations=judged.evaluations,
        trials=tried,
        native=native,
        notes=notes,
        curves=judged.curves,
        findings=judged.findings,
        study=study.key if tried else "",
    )


def _searched(
    model: Model, candidate: Candidate, prepared: Prepared, fit_to: Fitter, trials: int, listen: Listener, study: Study
) -> tuple[Mapping[str, Any], tuple[Trial, ...], tuple[str, ...]]:
    """The parameters of a candidate, the trials that found them, and what is to be said about these."""
    if not searched([candidate]):
        return candidate.parameters, (), ()
    folds, notes = cut_folds(prepared.grounds, model.folds)
    parameters, tried = search(
        candidate,
        objective(model, fit_to, prepared, folds),
        folds=len(folds),
        trials=trials,
        seed=model.seed,
        higher_is_better=model.gate.higher_is_better,
        earlier=study.earlier,
        tell=_teller(model, candidate, study, trials, listen),
    )
    most = max(len(fold.learn) for fold in folds)
    if most > SEARCH_ROWS:
        notes = (*notes, f"{candidate.name} was searched on {SEARCH_ROWS:,} of up to {most:,} rows a fold and fitted to all")
    return parameters, tried, notes


def _teller(model: Model, candidate: Candidate, study: Study, trials: int, listen: Listener) -> Callable[[Trial], None]:
    """Keeps a trial and tells about it, with the best so far."""
    name, best_of = f"{model.name}: {candidate.name}", max if model.gate.higher_is_better else min
    seen = [trial.value for trial in study.earlier[:trials] if trial.state == "COMPLETE"]
    if study.earlier:
        done = min(len(study.earlier), trials)
        listen(Progress(name, "running", f"{done} of {trials} trials were done before", 0.0, done / trials))

    def tell(trial: Trial) -> None:
        study.record(trial)
        seen.extend([trial.value] if trial.state == "COMPLETE" else [])
        value = {"COMPLETE": f"{trial.value:.4f}", "PRUNED": "behind, stopped early", "FAILED": "none"}[trial.state]
        best = f", best {best_of(seen):.4f}" if seen else ""
        detail = f"trial {trial.trial + 1} of {trials}: {model.gate.metric} {value}{best}"
        listen(Progress(name, "running", detail, trial.seconds, (trial.trial + 1) / trials))

    return tell


def _native(fit: Fit, finish: Finish, matrix: np.ndarray) -> np.ndarray:
    return apply_finish(finish, fit.raw(matrix))


def _finish(model: Model, fit: Fit, prepared: Prepared) -> Finish:
    """What makes the answer of the raw outputs, calibrated on the validation rows where that is declared."""
    if model.calibration is None:
        return calibrate(None, np.empty(0), np.empty(0), fit.link)
    rows = prepared.rows(VALIDATION)
    return calibrate(model.calibration, fit.raw(prepared.matrix[rows]), prepared.outcome[rows], fit.link)


def judged_signature(model: Model, signature: Signature, judged: Judgement) -> Signature:
    """The contract, with the thresholds and intervals that were set for a candidate."""
    own, by = judged.threshold.by_segment, model.threshold.by if isinstance(model.threshold, Value) else None
    segments = SegmentThresholds(by, tuple(sorted(own.items()))) if by and own else None
    return replace(signature, threshold=judged.threshold.threshold, by_segment=segments, intervals=judged.intervals)


def _artifacts(model: Model, fit: Fit, form: Form, width: int) -> dict[str, bytes]:
    """The bytes to keep, by kind."""
    kept = plain_artifacts(form, width)
    booster = fit.booster() if model.executor == "booster" else None
    return kept if booster is None else {**kept, "booster": booster}


def plain_artifacts(form: Form, width: int) -> dict[str, bytes]:
    """What is made of a form alone: the graph, its plain numbers, its contributions."""
    return {"onnx": onnx_of(form, width), "form": store.to_bytes(form), "explain": contribution_graph(form, width)}


def _executor(model: Model, form: Form, artifacts: Mapping[str, bytes]) -> str:
    """What answers in SQL, by rule: it must not depend on how fast anything is on this machine."""
    if isinstance(form, Linear):
        return "sql"
    return "booster" if model.executor == "booster" and "booster" in artifacts else "onnx"
