"""The truth of the lifetime-value worlds: calibrated, equal to Bayes by brute force, and better than its rivals."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from foretable.simulate import clv_shape as shape
from foretable.simulate import clv_truth
from foretable.simulate.clv_posterior import Evidence, active_days, expected_spend

DATES = tuple(np.datetime64(text, "D") for text in ("2021-07-01", "2023-01-01", "2025-01-01"))
DRAWS = 400_000


@pytest.fixture(scope="module")
def truth(clv: dict[str, pa.Table]) -> pa.Table:
    return clv_truth(clv, DATES)


def known(truth: pa.Table, scenario: str) -> tuple[np.ndarray, np.ndarray]:
    """Expected and observed values where the year is over."""
    rows = truth.to_pandas()
    rows = rows[(rows.scenario == scenario) & rows.observed_12m_value.notna()]
    return rows.expected_12m_value.to_numpy(), rows.observed_12m_value.to_numpy()


def r2(expected: np.ndarray, observed: np.ndarray) -> float:
    return float(1 - ((observed - expected) ** 2).sum() / ((observed - observed.mean()) ** 2).sum())


@pytest.mark.parametrize(("scenario", "low", "high"), [("continuous", 0.5, 0.75), ("coldstart", 0.25, 0.5)])
def test_what_is_expected_is_what_comes(truth: pa.Table, scenario: str, low: float, high: float) -> None:
    """In ten groups of equal expected spend, each within four standard errors; and worth predicting."""
    expected, observed = known(truth, scenario)
    order = np.argsort(expected)
    place = np.minimum(np.cumsum(expected[order]) / expected.sum() * 10, 9).astype(int)
    for group in range(10):
        difference = (observed - expected)[order][place == group]
        assert abs(difference.sum()) < 4 * np.sqrt((difference**2).sum()), group
    assert abs((observed - expected).sum()) < 3 * np.sqrt(((observed - expected) ** 2).sum())
    assert low < r2(expected, observed) < high


@pytest.mark.parametrize(
    ("days", "amounts", "last", "looks", "placed"),
    [
        (200, [], 0.0, [], True),
        (200, [40.0], 20.0, [3.0, 25.0, 60.0], True),
        (30, [120.5, 80.0], 12.0, [1.0, 4.0, 9.0, 11.0, 28.0], True),
        (100, [30.0, 25.0, 44.0], 97.0, [5.0, 50.0, 80.0, 99.0], True),
        (7, [], 0.0, [1.0], True),
        (28, [55.0], 3.0, [1.0] * 6, False),
    ],
)
def test_bayes_by_brute_force(days: int, amounts: list[float], last: float, looks: list[float], placed: bool) -> None:
    """Hidden lives drawn from the prior, weighted by how likely they make the history."""
    prior = np.array([0.2, 0.3, 0.2, 0.2, 0.1])
    rng = np.random.default_rng(11)
    group = rng.choice(5, DRAWS, p=prior)
    rate = rng.gamma(shape.PURCHASE_SHAPE[group], 1 / shape.PURCHASE_RATE[group])
    look = rng.gamma(shape.INTERACTION_SHAPE[group], 1 / shape.INTERACTION_RATE[group])
    price = rng.gamma(shape.PRICE_SHAPE, 1 / shape.PRICE_RATE[group])
    end = 7.0 * rng.geometric(shape.DROPOUT[group])
    bought = np.minimum(end, days)
    counted = bought + shape.AFTER_DROPOUT * (days - bought)
    p = shape.AMOUNT_SHAPE
    log = len(amounts) * np.log(rate) - rate * bought + len(looks) * np.log(look) - look * counted
    log += sum(p * np.log(price) - math.lgamma(p) + (p - 1) * math.log(each) - price * each for each in amounts)
    if placed:
        log += sum(np.where(end <= each, math.log(shape.AFTER_DROPOUT), 0.0) for each in looks)
    else:
        log += len(looks) * np.log(counted)
    weight = np.exp(log - log.max()) * (end > last if amounts else 1.0)
    coming = rate * (np.minimum(end, days + 365) - bought) * p / price
    drawn = float((weight * coming).sum() / weight.sum())
    error = math.sqrt(float((weight**2 * (coming - drawn) ** 2).sum())) / float(weight.sum())

    def later(place: np.ndarray, week: np.ndarray) -> np.ndarray:
        return (np.array(looks)[:, None] >= 7 * week).sum(axis=0)

    seen = Evidence(
        logits=np.log(prior)[None],
        days=np.array([days]),
        purchases=np.array([len(amounts)]),
        spent=np.array([sum(amounts)]),
        last_week=np.array([int(last // 7) + 1 if amounts else 0]),
        looked=np.array([len(looks)]),
        later=later if placed else None,
    )
    assert error < 0.03 * drawn
    assert expected_spend(seen)[0] == pytest.approx(drawn, abs=4 * error)


@pytest.mark.parametrize("ahead", [8, 90, 365])
def test_days_before_the_dropout_are_counted_one_by_one(ahead: int) -> None:
    """A coming day is before the dropout when none of the week ends since the date was one."""
    days = np.arange(1, 16)
    for row, found in zip(days, active_days(days, ahead), strict=True):
        week_ends = (row + np.arange(ahead)) // 7 - row // 7
        assert found == pytest.approx(((1 - shape.DROPOUT) ** week_ends[:, None]).sum(axis=0))


def test_nothing_that_knows_less_does_better(clv: dict[str, pa.Table], truth: pa.Table) -> None:
    expected, observed = known(truth, "continuous")
    error = ((observed - expected) ** 2).mean()
    none = {name: clv["continuous_interactions"].slice(0, 0) for name in ("continuous_interactions", "continuous_interactions_staging")}
    blind, same = known(clv_truth({**clv, **none}, DATES, interactions=1e-9), "continuous")
    assert np.array_equal(same, observed)
    assert ((observed - blind) ** 2).mean() > 1.01 * error
    assert ((observed - expected * 0.9) ** 2).mean() > error


def test_the_first_month_s_counts_tell_something(clv: dict[str, pa.Table], truth: pa.Table) -> None:
    expected, observed = known(truth, "coldstart")
    cold = {name: rows for name, rows in clv.items() if name.startswith("coldstart")}
    of = ["website_visits_30d", "email_opens_30d", "email_clicks_30d", "items_viewed_30d", "cart_adds_30d"]
    for name in ("coldstart_customers", "coldstart_customers_staging"):
        for column in of:
            at = cold[name].column_names.index(column)
            cold[name] = cold[name].set_column(at, column, pa.array(cold[name][column].to_numpy()[::-1]))
    mixed, _ = known(clv_truth(cold), "coldstart")
    assert ((observed - mixed) ** 2).mean() > 1.05 * ((observed - expected) ** 2).mean()


def test_what_comes_later_changes_nothing(clv: dict[str, pa.Table], truth: pa.Table) -> None:
    """Events from the date on are not observed: without them the expectation is the same, bit for bit."""
    date, cut = DATES[1], {}
    for name, time in (("continuous_transactions", "transaction_date"), ("continuous_interactions", "event_date")):
        for each in (name, f"{name}_staging"):
            before = clv[each][time].to_numpy() < date
            cut[each] = clv[each].filter(pa.array(before))
    rows = {name: clv[name] for name in ("continuous_customers_profile", "continuous_customers_profile_staging")}
    found = clv_truth({**rows, **cut}, [date]).to_pandas()
    whole = truth.to_pandas()
    whole = whole[(whole.scenario == "continuous") & (whole.as_of == date)]
    assert np.array_equal(found.expected_12m_value, whole.expected_12m_value)
    assert (found.observed_12m_value == 0).all()


def test_one_row_a_customer_and_date_and_no_outcome_before_it_is_over(clv: dict[str, pa.Table], truth: pa.Table) -> None:
    rows = truth.to_pandas()
    assert not rows.duplicated(["customer_id", "as_of"]).any()
    assert np.isfinite(rows.expected_12m_value).all()
    assert (rows.expected_12m_value >= 0).all()
    cold = rows[rows.scenario == "coldstart"]
    assert len(cold) == 6000
    assert (cold.observed_12m_value.isna() == (cold.as_of > "2025-01-01")).all()
