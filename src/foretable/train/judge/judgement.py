"""All that is told of a fitted model: its threshold, figures, curves, and what speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from foretable.declare.judge import Value
from foretable.declare.model import Model
from foretable.registry.intervals import Intervals
from foretable.train.judge.chance import chance
from foretable.train.judge.covered import covered, intervals_of
from foretable.train.judge.curves import curves
from foretable.train.judge.drift import drift
from foretable.train.judge.evaluate import evaluate
from foretable.train.judge.fairness import fairness
from foretable.train.judge.gate import calibration
from foretable.train.judge.importance import importance
from foretable.train.judge.segments import by_value, text
from foretable.train.judge.value import Threshold, choose, worth
from foretable.train.prepare import Prepared
from foretable.train.result import Curve, Evaluation, Finding
from foretable.train.split import NAMES, TEST, VALIDATION


@dataclass(frozen=True)
class Judgement:
    """What is known of a fitted model.

    ``threshold`` is the declared one, or chosen on the validation rows by what acting is worth. ``findings`` are of chance,
    calibration, fairness and intervals on the test rows. ``intervals`` are calibrated on the validation rows where they are declared.
    """

    threshold: Threshold
    evaluations: tuple[Evaluation, ...]
    curves: tuple[Curve, ...]
    findings: tuple[Finding, ...]
    intervals: Intervals | None = None


def judge(model: Model, prepared: Prepared, native: Callable[[np.ndarray], np.ndarray]) -> Judgement:
    """Choose the threshold on the validation rows, and judge the model on the test rows.

    Parameters
    ----------
    model
        The declaration.
    prepared
        The rows of the training set.
    native
        From an encoded matrix to the model's answers, as in ``Trained``.
    """
    answer, test = native(prepared.matrix), prepared.rows(TEST)
    threshold = threshold_of(model, prepared, answer)
    cuts = cuts_of(model, prepared, threshold, np.arange(len(answer)))
    value = model.threshold if isinstance(model.threshold, Value) else None
    apart = (*model.segments, *(model.sensitive if model.task != "classification" else ()))
    segments = {"latest": prepared.latest}
    segments |= {name: mask for column in apart for name, mask in by_value(column, prepared.aside[column]).items()}
    evaluations = evaluate(
        model.task,
        prepared.outcome,
        answer,
        prepared.split,
        prepared.clusters,
        threshold=cuts,
        seed=model.seed,
        segments=segments,
        dates=prepared.dates,
        capacity=None if value is None else value.capacity,
    )
    if value is not None:
        evaluations += tuple(_worth(value, prepared, answer, cuts, part, model.seed) for part in (VALIDATION, TEST))
        chosen_on = len(prepared.rows(VALIDATION))
        found = (threshold.threshold, threshold.threshold_low, threshold.threshold_high)
        evaluations += (Evaluation(NAMES[VALIDATION], "all", "threshold", *found, chosen_on),)
    fair, unfair = _fairness(model, prepared, answer, cuts)
    known = {(e.split, e.segment, e.metric) for e in evaluations}
    evaluations += tuple(e for e in fair if (e.split, e.segment, e.metric) not in known)
    beaten = chance(model.task, prepared.outcome[test], answer[test], prepared.clusters[test], seed=model.seed)
    intervals, held, off = _intervals(model, prepared, answer, segments)
    findings = (beaten, *calibration(model.gate, evaluations), *unfair, *off)
    return Judgement(threshold, (*evaluations, *held), _curves(model, prepared, answer, native, threshold), findings, intervals)


def _intervals(
    model: Model, prepared: Prepared, answer: np.ndarray, segments: Mapping[str, np.ndarray]
) -> tuple[Intervals | None, tuple[Evaluation, ...], tuple[Finding, ...]]:
    found = intervals_of(model, prepared, answer)
    return (found, (), ()) if found is None else (found, *covered(found, prepared, answer, segments=segments, seed=model.seed))


def threshold_of(model: Model, prepared: Prepared, answer: np.ndarray) -> Threshold:
    """The declared threshold; where a value is declared, the best one on the validation rows."""
    value = model.threshold
    if not isinstance(value, Value):
        return Threshold(value)
    rows = prepared.rows(VALIDATION)
    segments = text(prepared.aside[value.by].take(pa.array(rows))) if value.by else None
    dates = None if prepared.dates is None else prepared.dates[rows]
    return choose(value, prepared.outcome[rows], answer[rows], dates, segments, prepared.clusters[rows], model.seed)


def cuts_of(model: Model, prepared: Prepared, threshold: Threshold, rows: np.ndarray) -> np.ndarray:
    """The threshold of each of some rows."""
    by = model.threshold.by if isinstance(model.threshold, Value) else None
    return threshold.cuts(len(rows), text(prepared.aside[by].take(pa.array(rows))) if by else None)


def _worth(value: Value, prepared: Prepared, answer: np.ndarray, cuts: np.ndarray, part: int, seed: int) -> Evaluation:
    rows = prepared.rows(part)
    dates = None if prepared.dates is None else prepared.dates[rows]
    return worth(value, prepared.outcome[rows], answer[rows], dates, cuts[rows], prepared.clusters[rows], seed, NAMES[part])


def _fairness(model: Model, prepared: Prepared, answer: np.ndarray, cuts: np.ndarray) -> tuple[tuple[Evaluation, ...], tuple[Finding, ...]]:
    if model.task != "classification":
        what = f"the gate limits {', '.join(model.gate.fairness)} between groups, which only labels of 0 and 1 have"
        return (), (Finding("fairness", "refused", what),) if model.gate.fairness else ()
    test = prepared.rows(TEST)
    evaluations: tuple[Evaluation, ...] = ()
    findings: tuple[Finding, ...] = ()
    for column in model.sensitive:
        groups = by_value(column, prepared.aside[column].take(pa.array(test)))
        of_rows = (prepared.outcome[test], answer[test], prepared.clusters[test])
        measured, found = fairness(model.gate, column, groups, *of_rows, threshold=cuts[test], seed=model.seed)
        evaluations, findings = evaluations + measured, findings + found
    return evaluations, findings


def _curves(
    model: Model, prepared: Prepared, answer: np.ndarray, native: Callable[[np.ndarray], np.ndarray], threshold: Threshold
) -> tuple[Curve, ...]:
    found: tuple[Curve, ...] = ()
    value = model.threshold if isinstance(model.threshold, Value) else None
    for part in (VALIDATION, TEST):
        rows = prepared.rows(part)
        found += curves(
            model.task,
            prepared.outcome[rows],
            answer[rows],
            NAMES[part],
            prepared.clusters[rows],
            seed=model.seed,
            classes=prepared.signature.classes,
            value=value,
            dates=None if prepared.dates is None else prepared.dates[rows],
        )
    test, features = prepared.rows(TEST), prepared.signature.features
    names, of_rows = [feature.name for feature in features], (prepared.matrix[test], prepared.outcome[test])
    shuffled = importance(model.task, model.gate, names, *of_rows, native, "test", threshold=threshold.threshold, seed=model.seed)
    return (*found, *shuffled, *drift(features, prepared.matrix, prepared.split))
