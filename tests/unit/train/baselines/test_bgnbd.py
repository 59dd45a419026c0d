"""BG/NBD: published figures, known parameters, the expectation by other ways, and what is at the edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.special import hyp2f1
from scipy.stats import beta

from foretable.train.baselines.bgnbd import BgNbd, _Rows, expected_purchases, fit_bgnbd, probability_alive

PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426, -9582.4, 2357, True)
TRUE = BgNbd(0.7, 12.0, 0.9, 2.5, 0.0, 0, True)
Times = tuple[np.ndarray, np.ndarray, np.ndarray]
Simulated = Callable[..., tuple[Times, np.ndarray]]


def one(*values: float) -> Times:
    return tuple(np.array([value], dtype=np.float64) for value in values)  # type: ignore[return-value]


def by_formula(fitted: BgNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray, period: float) -> np.ndarray:
    """Equation (10) of the paper, as it is printed."""
    r, alpha, a, b = fitted.r, fitted.alpha, fitted.a, fitted.b
    x, end = frequency, alpha + age + period
    left = 1 - ((alpha + age) / end) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, period / end)
    gone = (x > 0) * a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + recency)) ** (r + x)
    found: np.ndarray = (a + b + x - 1) / (a - 1) * left / (1 + gone)
    return found


def by_integral(fitted: BgNbd, frequency: float, age: float, period: float) -> float:
    """Purchases of a customer who is alive, by adaptive quadrature over the quantiles of the probability of leaving."""
    leaving = beta(fitted.a, fitted.b + frequency)

    def made(quantile: float) -> float:
        p = max(float(leaving.ppf(quantile)), 1e-300)
        return float(-np.expm1(-(fitted.r + frequency) * np.log1p(p * period / (fitted.alpha + age))) / p)

    return float(quad(made, 0, 1, limit=500, epsrel=1e-9)[0])


def test_the_published_figures_of_cdnow(sample: Times) -> None:
    found = fit_bgnbd(*sample)
    assert [round(value, 3) for value in (found.r, found.alpha, found.a, found.b)] == pytest.approx(
        [PUBLISHED.r, PUBLISHED.alpha, PUBLISHED.a, PUBLISHED.b], abs=1.1e-3
    )
    assert found.log_likelihood == pytest.approx(PUBLISHED.log_likelihood, abs=0.05)
    assert found.converged and found.customers == 2357
    # Fader and Hardie's own example: customer 1, the next 39 weeks.
    assert expected_purchases(found, *one(2, 30.43, 38.86), 39.0)[0] == pytest.approx(1.226, abs=1e-3)


def test_known_parameters_are_found_within_their_standard_error(simulated: Simulated) -> None:
    history, _ = simulated(TRUE, 10_000, 0.0, seed=1)
    found = fit_bgnbd(*history)
    rows = _Rows.of(*history)
    at = np.array([found.r, found.alpha, found.a, found.b])
    steps = np.diag(at * 1e-5)
    information = np.array([(rows.likelihood(at - step)[1] - rows.likelihood(at + step)[1]) / (2 * step.sum()) for step in steps])
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    away = (at - [TRUE.r, TRUE.alpha, TRUE.a, TRUE.b]) / error
    assert (np.abs(away) < 2.5).all() and (error / at < 0.15).all(), away


def test_the_gradient_is_that_of_the_likelihood(simulated: Simulated) -> None:
    rows = _Rows.of(*simulated(TRUE, 300, 0.0, seed=2)[0])
    at = np.array([0.4, 7.0, 1.3, 0.6])
    assert rows.likelihood(at)[1] == pytest.approx(approx_fprime(at, lambda point: rows.likelihood(point)[0], 1e-6), rel=1e-4)


def test_purchases_come_as_expected(simulated: Simulated) -> None:
    history, future = simulated(TRUE, 60_000, 26.0, seed=3)
    expected = expected_purchases(TRUE, *history, 26.0)
    frequency, recency, age = history
    groups = [frequency == 0, frequency == 1, frequency == 2, frequency >= 5, (frequency > 0) & (recency < age / 2)]
    for rows in groups:
        off = future[rows] - expected[rows]
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(rows.sum())
        assert expected[rows].mean() > 8 * off.std() / np.sqrt(rows.sum()), "or the test could not fail"


def test_it_is_the_published_formula(simulated: Simulated) -> None:
    history, _ = simulated(TRUE, 2_000, 0.0, seed=4)
    for fitted in (PUBLISHED, TRUE, replace(TRUE, a=2.5)):
        assert expected_purchases(fitted, *history, 39.0) == pytest.approx(by_formula(fitted, *history, 39.0), rel=1e-9)


@pytest.mark.parametrize(
    ("fitted", "frequency", "age", "period"),
    [
        (replace(TRUE, a=1.0), 3.0, 40.0, 52.0),
        (replace(TRUE, a=0.01), 3.0, 40.0, 52.0),
        (replace(TRUE, a=800.0, b=3000.0), 3.0, 40.0, 52.0),
        (TRUE, 5_000.0, 90.0, 365.0),
        (TRUE, 50.0, 1e-3, 52.0),
        (replace(TRUE, r=5_000.0, alpha=60_000.0), 20.0, 400.0, 365.0),
    ],
    ids=["pole", "loyal", "alike", "often", "young", "equal rates"],
)
def test_nothing_is_lost_at_the_edges(fitted: BgNbd, frequency: float, age: float, period: float) -> None:
    times = one(frequency, age, age)
    expected = expected_purchases(fitted, *times, period) / probability_alive(fitted, *times)
    assert expected[0] == pytest.approx(by_integral(fitted, frequency, age, period), rel=1e-5)


def test_edges_of_a_history() -> None:
    frequency, recency, age = np.array([0, 0, 1, 1, 100_000, 2]), np.array([0, 0, 0, 30, 364, 0.5]), np.array([0, 30, 30, 30, 365, 3_000])
    alive = probability_alive(PUBLISHED, frequency, recency, age)
    assert (alive[:2] == 1).all() and 0 < alive[2] < alive[3] < 1 and alive[5] < 1e-3
    expected = expected_purchases(PUBLISHED, frequency, recency, age, 365.0)
    assert np.isfinite(expected).all() and (expected >= 0).all() and expected[0] > expected[1]
    assert (expected_purchases(PUBLISHED, frequency, recency, age, 0.0) == 0).all()
    longer = expected_purchases(PUBLISHED, frequency, recency, age, np.array([365.0, 730.0, 365.0, 365.0, 365.0, 365.0]))
    assert longer[1] > expected[1] and longer[0] == expected[0], "each row has a period of its own"


def test_the_unit_of_time_and_the_order_of_rows_change_nothing(simulated: Simulated) -> None:
    (frequency, recency, age), _ = simulated(TRUE, 1_000, 0.0, seed=5)
    weeks, days = fit_bgnbd(frequency, recency, age), fit_bgnbd(frequency, recency * 7, age * 7)
    assert (days.r, days.a, days.b, days.alpha / 7) == pytest.approx((weeks.r, weeks.a, weeks.b, weeks.alpha), rel=1e-6)
    assert days.log_likelihood == pytest.approx(weeks.log_likelihood - frequency.sum() * np.log(7))
    assert expected_purchases(days, frequency, recency * 7, age * 7, 70.0) == pytest.approx(
        expected_purchases(weeks, frequency, recency, age, 10.0), rel=1e-5
    )
    turned = fit_bgnbd(frequency[::-1], recency[::-1], age[::-1])
    assert (turned.r, turned.alpha, turned.a, turned.b) == pytest.approx((weeks.r, weeks.alpha, weeks.a, weeks.b), rel=1e-9)
    assert fit_bgnbd(frequency, recency, age) == weeks


def test_customers_without_a_repeat_purchase_can_be_fitted() -> None:
    none, age = np.zeros(50), np.full(50, 30.0)
    found = fit_bgnbd(none, none, age)
    assert expected_purchases(found, none, none, age, 365.0).max() < 0.01
