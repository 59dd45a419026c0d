"""Curves, importance and drift, against scikit-learn and what is known of the worlds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.linear_model import LinearRegression

from foretable.declare.judge import Gate, Value
from foretable.forms.evaluate import expit
from foretable.registry.signature import Feature
from foretable.train.judge.curves import MOST_POINTS, curves, thinned
from foretable.train.judge.drift import drift, stability
from foretable.train.judge.importance import importance
from foretable.train.judge.value import choose
from foretable.train.result import Curve
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def world(rows: int = 3000, digits: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    logit = generator.normal(-1, 1.5, rows)
    p = expit(logit)
    return (generator.random(rows) < p).astype(float), p if digits is None else p.round(digits)


def drawn(task: str, y: np.ndarray, p: np.ndarray, **options: object) -> dict[str, Curve]:
    found = curves(task, y, p, "test", np.arange(len(y)), seed=0, **options)
    for curve in found:
        assert curve.split == "test"
        assert len(curve.x) == len(curve.y) <= MOST_POINTS
        assert np.isfinite(curve.x).all() and np.isfinite(curve.y).all()
    return {curve.name: curve for curve in found}


def area(curve: Curve) -> float:
    return float(np.trapezoid(curve.y, curve.x))


@pytest.mark.parametrize("digits", [None, 1])
def test_the_curves_of_a_ranking_are_those_of_scikit_learn(digits: int | None) -> None:
    y, p = world(digits=digits)
    found = drawn("classification", y, p)
    exact = 1e-9 if digits else 2e-3
    assert area(found["roc"]) == pytest.approx(oracle.roc_auc_score(y, p), abs=exact)
    assert (found["roc"].x[0], found["roc"].y[0], found["roc"].x[-1], found["roc"].y[-1]) == (0, 0, 1, 1)
    fpr, tpr, _ = oracle.roc_curve(y, p, drop_intermediate=False)
    assert set(zip(np.round(found["roc"].x, 9), np.round(found["roc"].y, 9), strict=True)) <= set(
        zip(fpr.round(9), tpr.round(9), strict=True)
    )
    precision, recall, _ = oracle.precision_recall_curve(y, p)
    points = set(zip(recall.round(9), precision.round(9), strict=True))
    assert set(zip(np.round(found["pr"].x, 9), np.round(found["pr"].y, 9), strict=True)) <= points
    gain = found["gain"]
    half = np.interp(0.5, gain.x, gain.y)
    assert half == pytest.approx(y[np.argsort(-p, kind="stable")][:1500].sum() / y.sum(), abs=0.02)


def test_calibration_has_a_point_and_an_interval_per_decile() -> None:
    y, p = world()
    found = drawn("classification", y, p)
    line, low, high = (found[name] for name in ("calibration", "calibration_low", "calibration_high"))
    assert len(line.x) == 10 and line.x == low.x == high.x
    for part, x, rate, bottom, top in zip(np.array_split(np.argsort(p), 10), line.x, line.y, low.y, high.y, strict=True):
        assert (x, rate) == (pytest.approx(p[part].mean()), pytest.approx(y[part].mean()))
        assert bottom < rate < top
    inside = sum(bottom <= x <= top for x, bottom, top in zip(line.x, low.y, high.y, strict=True))
    assert inside >= 8, "these probabilities are right"


@pytest.mark.parametrize("capacity", [None, 40])
def test_profit_peaks_where_the_threshold_is(capacity: int | None) -> None:
    y, p = world(digits=2)
    value, dates = Value(10, -3, -1, -2, capacity=capacity), np.arange(3000) % 7
    profit = drawn("classification", y, p, value=value, dates=dates)["profit"]
    best = choose(value, y, p, dates, None, np.arange(3000), 0)
    assert max(profit.y) == pytest.approx(best.worth)
    assert (profit.x[0], profit.y[0]) == (0, -1 * (y == 0).sum() - 2 * y.sum())
    assert profit.x[-1] == pytest.approx(1 if capacity is None else 7 * 40 / 3000)


def test_curves_of_classes_and_of_numbers() -> None:
    generator = np.random.default_rng(2)
    codes = generator.integers(0, 3, 600).astype(float)
    p = np.eye(3)[codes.astype(int)] * 0.3 + generator.dirichlet(np.ones(3), 600) * 0.7
    found = drawn("multiclass", codes, p, classes=("a", "b", "c"))
    assert area(found["roc class=b"]) == pytest.approx(oracle.roc_auc_score(codes == 1, p[:, 1]), abs=0.01)
    assert {"roc class=a", "pr class=c", "calibration", "calibration_low"} <= set(found)
    guess = generator.gamma(2, 10, 600)
    found = drawn("regression", guess + generator.normal(0, 1, 600), guess)
    assert found["calibration"].y == pytest.approx(found["calibration"].x, abs=1)
    assert "gain" not in found, "of amounts below zero there is no share"
    assert drawn("regression", guess, guess)["gain"].y[-1] == 1


def test_a_single_class_has_no_ranking_to_draw() -> None:
    found = drawn("classification", np.zeros(50), np.linspace(0.1, 0.3, 50))
    assert set(found) == {"calibration", "calibration_low", "calibration_high"}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 1000), st.integers(0, 100))
def test_thinning_keeps_the_ends_and_the_order(points: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = np.sort(generator.random(points)), generator.random(points).round(1)
    kept = thinned(x, y)
    assert len(kept) == min(points, len(kept)) <= MOST_POINTS
    assert (kept[0], kept[-1]) == (0, points - 1)
    assert (np.diff(kept) > 0).all()


def test_importance_is_what_shuffling_costs() -> None:
    """Shuffling x raises the mean squared error of y = b·x + noise by 2·b²·var(x)."""
    generator = np.random.default_rng(0)
    matrix = generator.normal(0, [1, 2, 1], (5000, 3))
    outcome = 3 * matrix[:, 0] + matrix[:, 1] + generator.normal(0, 1, 5000)
    line = LinearRegression().fit(matrix, outcome)
    before = matrix.copy()
    mean, low, high = importance(
        "regression", Gate("rmse"), ["a", "b", "idle"], matrix, outcome, line.predict, "test", threshold=0.5, seed=0
    )
    assert (matrix == before).all()
    assert [curve.name for curve in (mean, low, high)] == ["importance", "importance_low", "importance_high"]
    assert mean.labels == low.labels == ("a", "b", "idle")
    assert mean.y == pytest.approx((np.sqrt(1 + 2 * 9) - 1, np.sqrt(1 + 2 * 4) - 1, 0), rel=0.06, abs=0.01)
    assert all(a <= b <= c for a, b, c in zip(low.y, mean.y, high.y, strict=True))


def test_importance_of_one_class_is_not_there() -> None:
    nothing = importance(
        "classification", Gate("roc_auc"), ["a"], np.ones((9, 1)), np.zeros(9), lambda m: m[:, 0], "test", threshold=0.5, seed=0
    )
    assert nothing == ()


def test_drift_finds_what_moved() -> None:
    generator = np.random.default_rng(0)
    split = np.repeat([0, 1, 2], [6000, 2000, 2000])
    matrix = np.column_stack([generator.normal(0, 1, 10_000), generator.integers(0, 4, 10_000), generator.normal(0, 1, 10_000)])
    matrix[split == 2, 2] += 1
    matrix[(split == 2) & (generator.random(10_000) < 0.5), 0] = np.nan
    features = (Feature("x", "number"), Feature("plan", "category", ("a", "b", "c", "d")), Feature("moved", "number"))
    validation, test = drift(features, matrix, split)
    assert (validation.split, test.split, test.name) == ("validation", "test", "drift")
    assert max(validation.y) < 0.02
    by_name = dict(zip(test.labels, test.y, strict=True))
    assert by_name["plan"] < 0.02
    assert by_name["x"] > by_name["moved"] > 0.5, "NULLs that were not there before count"
    assert list(test.y) == sorted(test.y, reverse=True)


def test_the_index_is_the_sum_of_its_formula() -> None:
    reference, actual = np.array([0.0] * 60 + [1.0] * 40), np.array([0.0] * 30 + [1.0] * 50 + [np.nan] * 20)
    p, q = np.array([0.6, 0.4, 1e-4]), np.array([0.3, 0.5, 0.2])
    expected = ((q - p) * np.log(q / p)).sum()
    assert stability(reference, [actual], category=True) == pytest.approx([expected])
    assert stability(reference, [actual, reference]) == pytest.approx([expected, 0])
    many = np.repeat(np.arange(50.0), np.arange(50, 0, -1))
    assert stability(many, [many[many != 49]], category=True)[0] < 0.01, "what is rare is one bin"
    assert stability(np.full(10, np.nan), [np.full(10, np.nan)]) == [0]
    assert stability(np.full(10, np.nan), [np.ones(10)])[0] > 5
