"""The mistakes of the public demo that these pipelines follow, none of which is ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from foretable.compile.graph import Graph
from foretable.declare.judge import TimeSplit
from foretable.simulate.clv import simulate_clv
from foretable.train.columns import feature_columns

MODELS = ("continuous_clv_model", "coldstart_clv_model")
DATE = "2023-09-04"
ROWS = {
    "coldstart": "FROM raw.coldstart_transactions",
    "continuous": "FROM raw.continuous_transactions ANTI JOIN raw.continuous_transactions_staging USING (transaction_id)"
    " UNION ALL FROM raw.continuous_transactions_staging",
}
Make = Callable[..., Any]


@pytest.mark.parametrize("scenario", ["continuous", "coldstart"])
def test_1_the_target_is_observed_spend_and_no_formula_of_the_past(shop: Make, scenario: str) -> None:
    world = shop(**simulate_clv(200, seed=6, coldstart=8_000))
    target = {who: row["target_12m_ltv"] for who, row in world.at(f"training.{scenario}_targets", DATE).items()}
    spent = dict(
        world.connection.execute(
            f"SELECT customer_id, sum(amount)::DOUBLE FROM ({ROWS[scenario]})"
            " WHERE transaction_date >= ? AND transaction_date < ?::TIMESTAMP + INTERVAL 365 DAY GROUP BY ALL",
            [DATE, DATE],
        ).fetchall()
    )
    assert target == {who: spent.get(who, 0) for who in target}
    assert 0 < sum(value > 0 for value in target.values()) < len(target)
    world.cut(DATE, f"{scenario}_transactions", after=True)
    assert {who: row["target_12m_ltv"] for who, row in world.at(f"training.{scenario}_targets", DATE).items()} == target


def test_1_a_return_is_taken_off_and_value_is_never_below_zero(shop: Make) -> None:
    world = shop(
        continuous_customers_profile=[(1, "2023-01-01", None, None), (2, "2023-01-01", None, None)],
        continuous_transactions=[
            (1, 1, "2023-10-01", 50, "a", 1),
            (2, 1, "2023-11-01", -20, "a", 1),
            (3, 2, "2023-10-01", -20, "a", 1),
            (4, 1, "2023-12-01", 7, "a", 1),
        ],
        continuous_transactions_staging=[(4, 1, "2023-12-02", 8, "a", 1)],
    )
    assert {who: row["target_12m_ltv"] for who, row in world.at("training.continuous_targets", DATE).items()} == {1: 38.0, 2: 0.0}


def test_2_recency_and_tenure_move_with_the_clock(shop: Make) -> None:
    world = shop(
        continuous_customers_profile=[(1, "2023-01-01", None, None)],
        continuous_transactions=[(1, 1, "2023-02-01", 9, "a", 1)],
    )
    rows = [world.at("features.rfm_features", day)[1] for day in ("2023-09-04", "2023-09-14")]
    assert rows[1]["recency_days"] - rows[0]["recency_days"] == 10
    assert rows[1]["tenure_days"] - rows[0]["tenure_days"] == 10


def test_3_no_event_has_drifted_to_another_customer() -> None:
    world = simulate_clv(300, seed=2)
    signup = {}
    for name in ("continuous_customers_profile", "continuous_customers_profile_staging"):
        signup |= dict(zip(*(world[name][column].to_pylist() for column in ("customer_id", "signup_date")), strict=True))
    for name, time in (("continuous_transactions", "transaction_date"), ("continuous_interactions", "event_date")):
        rows = world[name]
        events = zip(rows["customer_id"].to_pylist(), rows[time].to_pylist(), strict=True)
        assert all(when >= datetime.combine(signup[who], datetime.min.time()) for who, when in events)
        assert len(set(rows["customer_id"].to_pylist())) > 200


def test_4_training_and_scoring_have_the_same_features_and_the_same_words(shop: Make) -> None:
    row = (7, "2025-12-01", "Paid-Search+", "Bing", "Mobile", "65+", "Mid-West", "Urban", 3, "2025-12-04", 19.90, "Books", 4, 2, 1, 6, 1)
    seen = "2025-12-21 00:00"
    history = shop(coldstart_customers=[(*row, seen)])
    staging = shop(coldstart_customers_staging=[(*row, seen)])
    learned = history.at("features.coldstart_customer_features", "2026-01-01")[7]
    scored = staging.at("features.coldstart_staging_features", "2026-01-01")[7]
    assert learned == scored
    assert (scored["acquisition_channel"], scored["age_group"], scored["region"]) == ("Paid-Search+", "65+", "Mid-West")
    assert (scored["days_observed"], scored["website_visits_per_day"], scored["made_first_purchase"]) == (20, 4 / 20, True)
    assert (scored["bought_in_first_week"], scored["email_click_rate"], scored["channel_quality"]) == (True, 0.5, None)
    assert (scored["purchases"], scored["spent_so_far"]) == (1, 19.90)  # the first purchase is known before it has been loaded


def test_4_what_was_bought_once_the_customer_had_been_observed_is_no_feature(shop: Make) -> None:
    def row(who: int) -> tuple:
        return (who, "2025-12-01", "c", "s", "d", None, None, "a", None, None, None, None, 0, 0, 0, 0, 0, "2025-12-11 00:00")

    bought = [(1, 1, "2025-12-02 10:00", 10), (2, 1, "2025-12-10 23:59:59", 20.5), (3, 1, "2025-12-11 00:00", 99), (4, 2, "2025-12-20", 9)]
    world = shop(coldstart_customers=[row(1)], coldstart_customers_staging=[row(2)], coldstart_transactions=bought)
    for name in ("customer", "staging"):
        found = world.at(f"features.coldstart_{name}_features", "2026-01-01")
        expected = {1: (2, 30.5, 3.05), 2: (0, 0, 0)}
        assert {who: (one["purchases"], one["spent_so_far"], one["spent_per_day"]) for who, one in found.items()} == {
            who: expected[who] for who in found
        }
        assert 2 in found


@pytest.mark.parametrize("model", MODELS)
def test_5_the_split_is_by_time_and_no_hidden_class_is_a_feature(graph: Graph, model: str) -> None:
    assert graph.project.model(model).split == TimeSplit()
    inputs = {name for names in feature_columns(graph, model).values() for name in names}
    assert len(inputs) > 30
    assert not inputs & {"segment", "group", "history_days", "num_txns", "avg_amount", "last_purchase_date", "acquisition_channel"}


def test_5_channel_quality_knows_only_customers_whose_year_is_over(shop: Make) -> None:
    def customer(who: int, channel: str, seen: str) -> tuple:
        return (who, seen, channel, "s", "d", None, None, "a", None, None, None, None, 0, 0, 0, 0, 0, seen)

    world = shop(
        coldstart_customers=[customer(1, "Old", "2022-01-01"), customer(2, "Other", "2022-01-01"), customer(3, "New", "2023-01-01")],
        coldstart_transactions=[(1, 1, "2022-06-01", 210), (2, 1, "2023-06-01", 5000), (3, 3, "2023-02-01", 7000)],
    )
    found = world.at("features.coldstart_channel_quality", "2023-07-01")
    everybody = 210 / 2
    assert {channel: row["channel_quality"] for channel, row in found.items()} == {
        "Old": pytest.approx((210 + 20 * everybody) / 21),
        "Other": pytest.approx(20 * everybody / 21),
    }


def test_6_customers_with_no_event_at_all_are_learned_from_and_scored(shop: Make) -> None:
    tables = simulate_clv(200, seed=6)
    world = shop(**{name: rows for name, rows in tables.items() if "profile" in name})
    assert len(world.at("features.continuous_customer_features", "2026-01-01")) > 180
    targets = world.at("training.continuous_targets", DATE)
    assert len(targets) > 100
    assert {row["target_12m_ltv"] for row in targets.values()} == {0.0}
