"""Metrics of numbers and of several classes, against scikit-learn and SciPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from foretable.declare.judge import METRICS_OF
from foretable.train.judge.evaluate import measure
from foretable.train.judge.measures import CHANCE, NAMES, figures, point
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def numbers(rows: int = 2000, seed: int = 0, digits: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.gamma(2, 30, rows) * (generator.random(rows) < 0.8)
    guess = 0.8 * truth + generator.normal(10, 15, rows)
    return truth, guess if digits is None else guess.round(digits)


def classes(rows: int = 2000, seed: int = 0, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logit = generator.normal(0, 1.5, (rows, count)) - np.arange(count) * 0.7
    share = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    codes = (share.cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1).astype(float)
    noisy = np.exp(0.7 * logit + generator.normal(0, 0.3, logit.shape))
    return codes, noisy / noisy.sum(axis=1, keepdims=True)


def weighed(task: str, outcome: np.ndarray, answer: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return figures(task, outcome, answer, np.arange(len(outcome)))(weights.astype(float))


def test_every_metric_that_a_gate_may_ask_for_is_measured() -> None:
    for task, names in METRICS_OF.items():
        assert {*names, CHANCE[task][0]} <= set(NAMES[task])


@pytest.mark.parametrize("digits", [None, -1])
def test_metrics_of_numbers_equal_the_oracles(digits: int | None) -> None:
    y, p = numbers(digits=digits)
    found = measure("regression", y, p, np.arange(len(y)), threshold=0.5, seed=0)
    some = y != 0
    expected = {
        "rmse": oracle.root_mean_squared_error(y, p),
        "mae": oracle.mean_absolute_error(y, p),
        "r2": oracle.r2_score(y, p),
        "mape": oracle.mean_absolute_percentage_error(y[some], p[some]),
        "spearman": stats.spearmanr(y, p).statistic,
        "calibration_ratio": p.sum() / y.sum(),
        "mean_prediction": p.mean(),
        "mean_outcome": y.mean(),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-9), name
        assert found[name][1] <= value <= found[name][2], name
        assert point("regression", name, y, p) == pytest.approx(value, abs=1e-9), name


def test_the_calibration_error_of_numbers_sums_the_gaps_of_deciles() -> None:
    y, p = numbers()
    gaps = [abs(p[part].sum() - y[part].sum()) for part in np.array_split(np.argsort(p), 10)]
    assert point("regression", "calibration_error", y, p) == pytest.approx(sum(gaps) / y.sum(), rel=0.02)
    assert point("regression", "calibration_error", y, y) == 0
    assert point("regression", "calibration_error", y, 1.5 * y) == pytest.approx(0.5)


def test_metrics_of_several_classes_equal_the_oracles() -> None:
    y, p = classes()
    found = measure("multiclass", y, p, np.arange(len(y)), threshold=0.5, seed=0)
    expected = {
        "roc_auc": oracle.roc_auc_score(y, p, multi_class="ovr", average="macro"),
        "log_loss": oracle.log_loss(y, p),
        "brier": ((p - np.eye(4)[y.astype(int)]) ** 2).sum(axis=1).mean(),
        "f1": oracle.f1_score(y, p.argmax(axis=1), average="macro"),
        "accuracy": oracle.accuracy_score(y, p.argmax(axis=1)),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-12), name
        assert found[name][1] <= value <= found[name][2], name
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    gaps = [abs(right[part].mean() - confidence[part].mean()) * len(part) for part in np.array_split(np.argsort(confidence), 10)]
    assert found["calibration_error"][0] == pytest.approx(sum(gaps) / len(y), abs=2e-3)


def test_a_class_that_does_not_occur_is_left_out_of_the_means() -> None:
    y, p = classes()
    some = (y < 2) & (p.argmax(axis=1) < 2)
    auc = np.mean([oracle.roc_auc_score(y[some] == k, p[some, k]) for k in (0, 1)])
    assert point("multiclass", "roc_auc", y[some], p[some]) == pytest.approx(auc, abs=1e-12)
    f1 = oracle.f1_score(y[some], p[some].argmax(axis=1), average="macro")
    assert point("multiclass", "f1", y[some], p[some]) == pytest.approx(f1, abs=1e-12)
    assert np.isnan(point("multiclass", "roc_auc", np.zeros(5), p[:5]))


@pytest.mark.parametrize("task", ["regression", "multiclass", "classification"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(30, 200))
def test_weights_count_as_copies(task: str, seed: int, rows: int) -> None:
    y, p = numbers(rows, seed, digits=0) if task == "regression" else classes(rows, seed)
    if task == "classification":
        y, p = (y > 0).astype(float), p[:, 1].round(2)
    copies = np.random.default_rng(seed + 1).integers(0, 4, rows)
    weighted = weighed(task, y, p, copies)
    repeated = weighed(task, np.repeat(y, copies), np.repeat(p, copies, axis=0), np.ones(copies.sum()))
    of_all_rows = ("calibration_error", "calibration_slope")  # its bins, the start of its Newton step
    same = [name not in of_all_rows for name in NAMES[task]]
    assert weighted[same] == pytest.approx(repeated[same], abs=1e-9, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_turned_score_turns_the_ranking(seed: int) -> None:
    y, p = classes(100, seed)
    one, score = (y > 0).astype(float), p[:, 1].round(1)
    assert point("classification", "roc_auc", one, 1 - score) == pytest.approx(1 - point("classification", "roc_auc", one, score))
    y, p = numbers(100, seed, digits=-1)
    assert point("regression", "spearman", y, -p) == pytest.approx(-point("regression", "spearman", y, p))
    assert point("regression", "spearman", y, np.exp(p / 50)) == pytest.approx(point("regression", "spearman", y, p))


def test_what_is_undefined_is_left_out() -> None:
    y, p = np.full(40, 3.0), np.linspace(1, 2, 40)
    found = measure("regression", y, p, np.arange(40), threshold=0.5, seed=0)
    assert "r2" not in found and "spearman" not in found
    assert found["rmse"][0] > 1
    zero = measure("regression", np.zeros(40), p, np.arange(40), threshold=0.5, seed=0)
    assert "mape" not in zero and "calibration_ratio" not in zero
    assert zero["mae"][0] == pytest.approx(1.5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), task=st.sampled_from(["regression", "multiclass"]))
def test_intervals_hold_the_value(seed: int, task: str) -> None:
    y, p = numbers(150, seed) if task == "regression" else classes(150, seed, count=3)
    for name, (value, low, high) in measure(task, y, p, np.arange(150), threshold=0.5, seed=seed).items():
        assert low <= value <= high, name
