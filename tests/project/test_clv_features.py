"""Features of lifetime value against plain Python over a few customers, and against data that end where the features look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from statistics import mean
from typing import Any

import pytest

from foretable.simulate.clv import simulate_clv

Make = Callable[..., Any]

NOW = "2024-07-01"
TODAY = date(2024, 7, 1)
BUYER, NOBODY, CLICKER, NEWEST, RETURNER, YOUNG = range(1, 7)
PROFILES = [(who, "2023-01-10", "65+", "North") for who in (BUYER, NOBODY, CLICKER, RETURNER)] + [(YOUNG, "2024-06-01", None, None)]
BOUGHT = [
    (1, BUYER, "2023-02-01 10:00", 100.10, "Books", 2),
    (2, BUYER, "2023-02-01 18:00", 20.00, "Toys", 1),  # a second purchase on the same day
    (3, BUYER, "2024-02-01 12:00", 40.00, "Books", 1),
    (4, BUYER, "2024-06-30 23:59:59", 60.00, "Home", 3),
    (5, BUYER, "2024-07-01 00:00", 999.00, "Home", 1),  # not known yet
    (6, RETURNER, "2024-05-05 09:00", 80.00, "Home", 1),
    (7, RETURNER, "2024-05-20 09:00", -30.00, "Home", 1),
    (8, RETURNER, "2024-06-15 09:00", 25.00, "Toys", 4),
]
ARRIVED = [
    (3, BUYER, "2024-02-01 12:00", 45.50, "Toys", 1),  # a correction
    (9, NEWEST, "2024-03-03 03:03", 12.34, "Books", 1),
    (10, BUYER, "2023-06-01 08:00", 10.00, "Books", 1),  # late
    (8, RETURNER, "2024-06-14 09:00", 1.00, "Toys", 4),  # corrected twice: the later time counts
    (8, RETURNER, "2024-06-16 09:00", 26.00, "Toys", 5),
]
DID = [(number, CLICKER, f"2024-06-{number:02} 12:00", kind) for number, kind in enumerate(["email_open"] * 4 + ["email_click"], start=1)]
DID += [(6, BUYER, "2023-03-01 00:00", "website_visit"), (7, BUYER, "2024-06-30 01:00", "cart_add")]


@pytest.fixture(scope="module")
def few(shop: Make) -> Any:
    return shop(
        continuous_customers_profile=PROFILES,
        continuous_customers_profile_staging=[(NEWEST, "2024-03-01", "18-24", "Mid-West")],
        continuous_transactions=BOUGHT,
        continuous_transactions_staging=ARRIVED,
        continuous_interactions=DID,
        continuous_interactions_staging=[(5, CLICKER, "2024-06-05 12:00", "email_open"), (8, NEWEST, "2024-06-29", "product_view")],
    )


def known() -> list[dict[str, Any]]:
    """What is known of purchases, put together by hand."""
    corrected = {3: ARRIVED[0], 8: ARRIVED[4]}
    rows = [corrected.get(row[0], row) for row in BOUGHT] + [ARRIVED[1], ARRIVED[2]]
    names = ("id", "who", "when", "amount", "category", "quantity")
    found = [dict(zip(names, row, strict=True)) | {"when": datetime.fromisoformat(str(row[2]))} for row in rows]
    return [row for row in found if row["when"] < datetime.fromisoformat(NOW)]


def test_rfm_is_what_plain_python_computes(few: Any) -> None:
    found = few.at("features.rfm_features", NOW)
    assert sorted(found) == [BUYER, NOBODY, CLICKER, NEWEST, RETURNER, YOUNG]
    for who, row in found.items():
        own = [each for each in known() if each["who"] == who]
        bought = [each for each in own if each["amount"] > 0]
        days = sorted({each["when"].date() for each in bought})
        assert row["frequency"] == len(bought)
        assert float(row["monetary_total"]) == pytest.approx(sum(each["amount"] for each in own))
        assert row["spend_last_period"] == pytest.approx(
            sum(each["amount"] for each in own if each["when"] >= datetime.fromisoformat(NOW) - timedelta(days=365))
        )
        if not bought:
            assert (row["recency_days"], row["monetary_avg"], row["repeat_purchases"], row["last_purchase_date"]) == (None,) * 4
            continue
        assert (row["first_purchase_date"], row["last_purchase_date"]) == (days[0], days[-1])
        assert row["recency_days"] == (TODAY - days[-1]).days
        assert row["monetary_avg"] == pytest.approx(sum(each["amount"] for each in own) / len(bought))
        assert (row["repeat_purchases"], row["repeat_span_days"]) == (len(days) - 1, (days[-1] - days[0]).days)
        assert row["purchase_age_days"] == (TODAY - days[0]).days
        repeats = [sum(each["amount"] for each in bought if each["when"].date() == day) for day in days[1:]]
        assert row["repeat_value"] == (pytest.approx(mean(repeats)) if repeats else None)
    assert found[BUYER]["tenure_days"] == (TODAY - date(2023, 1, 10)).days


def test_purchase_patterns_and_engagement_are_what_plain_python_computes(few: Any) -> None:
    now = datetime.fromisoformat(NOW)
    for who, row in few.at("features.purchase_patterns", NOW).items():
        own = [each for each in known() if each["who"] == who]
        bought = [each for each in own if each["amount"] > 0]
        assert row["unique_categories_purchased"] == len({each["category"] for each in bought})
        assert row["total_items_purchased"] == sum(each["quantity"] for each in bought)
        assert row["returns"] == len(own) - len(bought)
        for length in (30, 90, 180, 365):
            assert row[f"recent_{length}d_amount"] == pytest.approx(
                sum(each["amount"] for each in own if each["when"] >= now - timedelta(days=length))
            )
            assert row[f"recent_{length}d_count"] == sum(each["when"] >= now - timedelta(days=length) for each in bought)
    did = few.at("features.engagement_features", NOW)
    assert [did[who]["total_interactions"] for who in (BUYER, NOBODY, CLICKER, NEWEST)] == [2, 0, 5, 1]
    assert (did[CLICKER]["email_opens"], did[CLICKER]["email_clicks"], did[CLICKER]["email_engagement_rate"]) == (5, 0, 0)  # corrected
    assert (did[BUYER]["interactions_365d"], did[BUYER]["interactions_90d"], did[BUYER]["interactions_30d"]) == (1, 1, 1)
    assert (did[NOBODY]["email_engagement_rate"], did[NOBODY]["last_interaction_date"]) == (None, None)


def test_who_never_bought_nor_clicked_has_a_row_with_the_lowest_scores(few: Any) -> None:
    found = few.at("features.continuous_customer_features", NOW)
    assert sorted(found) == [BUYER, NOBODY, CLICKER, NEWEST, RETURNER]  # who came a month ago is not looked at yet
    nobody = found[NOBODY]
    assert [nobody[f"{name}_score"] for name in ("recency", "frequency", "monetary", "rfm")] == [1, 1, 1, 1]
    assert (nobody["lifecycle_stage"], nobody["frequency"], nobody["total_interactions"], nobody["recency_days"]) == (
        "prospect",
        0,
        0,
        None,
    )
    assert found[BUYER]["rfm_score"] == pytest.approx(
        0.4 * found[BUYER]["recency_score"] + 0.3 * found[BUYER]["frequency_score"] + 0.3 * found[BUYER]["monetary_score"]
    )
    assert found[BUYER]["recency_score"] > found[NEWEST]["recency_score"]
    assert found[BUYER]["purchase_velocity_30d"] == pytest.approx(1 / 30)
    assert (found[NEWEST]["tenure_cohort"], found[BUYER]["tenure_cohort"]) == ("90 to 179 days", "second year")
    assert found[NEWEST]["region"] == "Mid-West"
    assert found[BUYER]["age_group"] == "65+"


def test_quintiles_and_benchmarks_are_of_the_customers_of_that_day(few: Any) -> None:
    cuts = few.at("features.rfm_cut_points", NOW)
    (row,) = cuts.values()
    assert row["frequency_1"] <= row["frequency_2"] <= row["frequency_3"] <= row["frequency_4"]
    rfm = few.at("features.rfm_features", NOW).values()
    buyers = [each for each in rfm if each["frequency"]]
    assert row["average_rate"] == pytest.approx(sum(each["frequency"] for each in buyers) / sum(each["tenure_days"] for each in buyers))
    cohorts = few.at("features.cohort_benchmarks", NOW)
    second = [each for each in rfm if 365 <= each["tenure_days"] < 730]
    assert cohorts["second year"]["cohort_frequency"] == pytest.approx(mean(each["frequency"] for each in second))


@pytest.mark.parametrize("name", ["features.continuous_customer_features", "features.coldstart_customer_features"])
def test_features_of_a_day_are_those_of_data_that_end_there(shop: Make, name: str) -> None:
    world = shop(**simulate_clv(150, seed=4, coldstart=150))
    then = world.at(name, "2023-10-01")
    world.cut("2023-10-01")
    assert len(then) > 40
    assert world.at(name, "2023-10-01") == then
