"""Decisions of the gate for every task, and its limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from foretable.declare.judge import LOWER_IS_BETTER, METRICS_OF, Gate
from foretable.forms.evaluate import expit
from foretable.train.judge.evaluate import evaluate
from foretable.train.judge.gate import calibration, compare, first_version, within_limits
from foretable.train.result import Evaluation, Finding, GateDecision
from foretable.train.split import TEST
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


ROWS = 2000
OPTIONS = {"champion_version": 3, "threshold": 0.5, "seed": 0}
ASKED = [(task, metric) for task, metrics in METRICS_OF.items() for metric in metrics]


def rivals(task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An outcome, a good model, and one with more noise."""
    generator = np.random.default_rng(1)
    if task == "regression":
        truth = generator.normal(50, 10, ROWS)
        return truth, truth + generator.normal(0, 2, ROWS), truth + generator.normal(0, 4, ROWS)
    logit = generator.normal(0, 2, (ROWS, 3))
    shares = [softmax(logit), softmax(logit + generator.normal(0, 2, logit.shape))]
    codes = (shares[0].cumsum(axis=1) < generator.random((ROWS, 1))).sum(axis=1).astype(float)
    return (codes, *shares) if task == "multiclass" else ((codes == 1).astype(float), shares[0][:, 1], shares[1][:, 1])


def softmax(logit: np.ndarray) -> np.ndarray:
    return np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("task", "metric"), ASKED)
def test_every_metric_is_turned_so_that_more_is_better(task: str, metric: str) -> None:
    outcome, good, noisy = rivals(task)
    each = np.arange(ROWS)
    won = compare(Gate(metric), outcome, good, noisy, each, task=task, **OPTIONS)
    assert won.accepted and won.metric == metric
    assert 0 < won.low < won.difference < won.high
    lost = compare(Gate(metric), outcome, noisy, good, each, task=task, **OPTIONS)
    assert not lost.accepted
    assert (lost.difference, lost.low, lost.high) == pytest.approx((-won.difference, -won.high, -won.low))
    assert "worse by" in lost.reason
    beyond = compare(Gate(metric, margin=won.difference * 1.001), outcome, good, noisy, each, task=task, **OPTIONS)
    assert not beyond.accepted and "is asked for" in beyond.reason
    assert not compare(Gate(metric), outcome, good, good, each, task=task, **OPTIONS).accepted


def test_the_champion_keeps_its_own_threshold() -> None:
    outcome, good, _ = rivals("classification")
    each, gate = np.arange(ROWS), Gate("f1")
    shrunk = good / 4
    bare = compare(gate, outcome, good, shrunk, each, **OPTIONS)
    own = compare(gate, outcome, good, shrunk, each, champion_threshold=0.125, **OPTIONS)
    assert bare.accepted
    assert own.difference == 0 and not own.accepted


def test_rows_of_one_class_decide_nothing() -> None:
    _, good, noisy = rivals("classification")
    found = compare(Gate("roc_auc"), np.zeros(ROWS), good, noisy, np.arange(ROWS), **OPTIONS)
    assert not found.accepted
    assert found.reason == "roc_auc cannot be measured on 2,000 held-out rows, so version 3 stays"


@pytest.mark.parametrize(("metric", "none"), [("roc_auc", 0.5), ("spearman", 0.0)])
def test_a_first_version_must_be_better_than_chance(metric: str, none: float) -> None:
    gate = Gate("rmse")
    better = first_version(gate, Evaluation("test", "all", metric, none + 0.1, none + 0.01, none + 0.2, 300))
    assert better.accepted and better.reason.startswith("first version, better than chance: ")
    unclear = first_version(gate, Evaluation("test", "all", metric, none + 0.1, none - 0.01, none + 0.2, 300))
    assert not unclear.accepted and unclear.reason.startswith("no better than chance: ")
    assert first_version(gate, Evaluation("test", "all", metric, none + 0.1, none + 0.01, none + 0.2, 300), "x").reason.startswith(
        "not comparable, as x; better"
    )


def off(by: float) -> tuple[Evaluation, ...]:
    generator = np.random.default_rng(0)
    logit = generator.normal(-1, 1, 1500)
    y = (generator.random(1500) < expit(logit)).astype(float)
    return evaluate("classification", y, expit(logit + by), np.full(1500, TEST), np.arange(1500), threshold=0.5, seed=0, segments={})


def test_probabilities_that_are_off_are_refused() -> None:
    assert calibration(Gate("roc_auc"), off(2.0)) == ()
    assert calibration(Gate("roc_auc", calibration_error=0.2), off(0.0)) == ()
    (refused,) = calibration(Gate("roc_auc", calibration_error=0.05), off(2.0))
    assert (refused.check, refused.severity) == ("calibration", "refused")
    assert refused.evidence["low"] > refused.evidence["limit"] == 0.05
    error = next(e for e in off(0.0) if e.metric == "calibration_error")
    (close,) = calibration(Gate("roc_auc", calibration_error=(error.value + error.high) / 2), off(0.0))
    assert close.severity == "warning" and "cannot be ruled out" in close.message
    within = Gate("roc_auc", calibration_error=(error.low + error.value) / 2)
    assert calibration(within, off(0.0))[0].severity == "refused", "the error itself must be within"
    assert calibration(Gate("roc_auc", calibration_error=0.05), ())[0].severity == "refused"


def test_a_refused_finding_turns_a_decision_down_with_every_reason() -> None:
    refused = [Finding("fairness", "refused", "tpr differs"), Finding("calibration", "refused", "off")]
    passed, failed = GateDecision(True, "better", "roc_auc", 0.1, 0.05, 0.2), GateDecision(False, "worse", "roc_auc", -0.1, -0.2, -0.05)
    assert within_limits(passed, [Finding("leak", "warning", "close"), Finding("chance", "note", "fine")]) is passed
    assert within_limits(passed, refused) == GateDecision(False, "tpr differs; off", "roc_auc", 0.1, 0.05, 0.2)
    assert within_limits(failed, refused).reason == "worse; tpr differs; off"


def test_chance_is_given_as_a_reason_once() -> None:
    unclear = first_version(Gate("roc_auc"), Evaluation("test", "all", "roc_auc", 0.52, 0.48, 0.56, 300))
    chance, leak = Finding("chance", "refused", "no better than chance: roc_auc 0.520"), Finding("leak", "refused", "leaks")
    assert within_limits(unclear, [chance]).reason == unclear.reason
    assert within_limits(unclear, [chance, leak]).reason == f"{unclear.reason}; leaks"
    assert within_limits(GateDecision(True, "better", "roc_auc", 0.1, 0.05, 0.2), [chance]).reason == chance.message
    assert within_limits(GateDecision(False, "worse", "roc_auc", -0.1, -0.2, 0.0), [chance]).reason == f"worse; {chance.message}"


def test_lower_is_better_for_errors_alone() -> None:
    assert {metric for _, metric in ASKED if not Gate(metric).higher_is_better} == LOWER_IS_BETTER
