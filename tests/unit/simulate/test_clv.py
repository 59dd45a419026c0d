"""The lifetime-value worlds: seeded, in the promised columns, and events that fit the customers and the clock."""

from __future__ import annotations

import resource

import duckdb
import pyarrow as pa
import pytest

from foretable.errors import UsageError
from foretable.simulate import clv_chunks, simulate_clv
from foretable.simulate.clv_staging import CORRECTIONS, merged

COLUMNS = {
    "coldstart_customers": (
        "customer_id BIGINT, signup_date DATE, acquisition_channel VARCHAR, acquisition_source VARCHAR, device_type VARCHAR, "
        "age_group VARCHAR, region VARCHAR, area_type VARCHAR, days_to_first_purchase INTEGER, first_purchase_date DATE, "
        "first_purchase_amount DECIMAL(10,2), first_purchase_category VARCHAR, website_visits_30d INTEGER, email_opens_30d INTEGER, "
        "email_clicks_30d INTEGER, items_viewed_30d INTEGER, cart_adds_30d INTEGER, observed_at TIMESTAMP"
    ),
    "coldstart_transactions": "transaction_id BIGINT, customer_id BIGINT, transaction_date TIMESTAMP, amount DECIMAL(10,2)",
    "continuous_customers_profile": "customer_id BIGINT, signup_date DATE, age_group VARCHAR, region VARCHAR",
    "continuous_transactions": (
        "transaction_id BIGINT, customer_id BIGINT, transaction_date TIMESTAMP, amount DECIMAL(10,2), product_category VARCHAR, "
        "quantity INTEGER"
    ),
    "continuous_interactions": "interaction_id BIGINT, customer_id BIGINT, event_date TIMESTAMP, event_type VARCHAR",
}
STAGED = [name for name in COLUMNS if name != "coldstart_transactions"]


def whole(clv: dict[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """The tables as they are known, staging merged, under their names."""
    connection = duckdb.connect()
    for name in COLUMNS:
        connection.register(name, merged(clv[name], clv.get(f"{name}_staging")))
    return connection


def test_the_same_seed_gives_the_same_tables_and_another_seed_others() -> None:
    first, again, other = (simulate_clv(200, seed=seed) for seed in (1, 1, 2))
    assert all(first[name].equals(again[name]) for name in first)
    assert not any(first[name].equals(other[name]) for name in COLUMNS)


def test_fewer_interactions_change_no_other_table() -> None:
    many, few = simulate_clv(400, seed=1), simulate_clv(400, seed=1, coldstart=30, interactions=0.1)
    same = [name for name in COLUMNS if name.startswith("continuous") and many[name].equals(few[name])]
    assert same == ["continuous_customers_profile", "continuous_transactions"]
    assert 0.05 < len(few["continuous_interactions"]) / len(many["continuous_interactions"]) < 0.15
    assert len(merged(few["coldstart_customers"], few["coldstart_customers_staging"])) == 30


def test_the_columns_are_those_promised(clv: dict[str, pa.Table]) -> None:
    assert set(clv) == {*COLUMNS, *(f"{name}_staging" for name in STAGED)}
    with duckdb.connect() as connection:
        for name, rows in clv.items():
            connection.register("rows", rows)
            found = ", ".join(f"{column} {kind}" for column, kind, *_ in connection.execute("DESCRIBE FROM rows").fetchall())
            assert found == COLUMNS[name.removesuffix("_staging")], name


def test_chunks_are_parts_of_the_whole() -> None:
    names: dict[str, int] = {}
    for part in clv_chunks(70, seed=3, chunk=30):
        assert len({name.split("_")[0] for name in part}) == 1, "one scenario at a time"
        for name, rows in part.items():
            names[name] = names.get(name, 0) + len(rows)
    assert names == {name: len(rows) for name, rows in simulate_clv(70, seed=3, chunk=30).items()}


@pytest.mark.parametrize(
    "broken",
    [
        "FROM continuous_transactions JOIN continuous_customers_profile USING (customer_id) WHERE transaction_date < signup_date",
        "FROM continuous_interactions JOIN continuous_customers_profile USING (customer_id) WHERE event_date < signup_date",
        "FROM coldstart_transactions JOIN coldstart_customers USING (customer_id) WHERE transaction_date < signup_date",
        "FROM continuous_transactions WHERE transaction_date >= '2026-01-01' OR amount < 0.01 OR quantity NOT BETWEEN 1 AND 5",
        "FROM continuous_interactions WHERE event_date >= '2026-01-01'",
        "FROM coldstart_transactions WHERE transaction_date >= '2026-01-01' OR amount < 0.01",
        "FROM continuous_transactions ANTI JOIN continuous_customers_profile USING (customer_id)",
        "FROM continuous_interactions ANTI JOIN continuous_customers_profile USING (customer_id)",
        "FROM coldstart_transactions ANTI JOIN coldstart_customers USING (customer_id)",
        "FROM coldstart_customers SEMI JOIN continuous_customers_profile USING (customer_id)",
        "FROM coldstart_customers WHERE observed_at NOT BETWEEN signup_date + INTERVAL 1 DAY - INTERVAL 1 SECOND"
        " AND signup_date + INTERVAL 30 DAY OR observed_at >= '2026-01-01' OR email_clicks_30d > email_opens_30d",
        "FROM coldstart_customers WHERE (first_purchase_date IS NULL) != (days_to_first_purchase IS NULL)"
        " OR (first_purchase_date IS NULL) != (first_purchase_category IS NULL)",
        "FROM coldstart_customers AS c LEFT JOIN"
        " (SELECT customer_id, min(transaction_date) AS at, arg_min(amount, transaction_date) AS paid"
        " FROM coldstart_transactions GROUP BY ALL) AS t ON t.customer_id = c.customer_id"
        " AND t.at < c.observed_at WHERE c.first_purchase_date IS DISTINCT FROM t.at::DATE"
        " OR c.first_purchase_amount IS DISTINCT FROM t.paid OR c.days_to_first_purchase IS DISTINCT FROM t.at::DATE - c.signup_date",
    ],
)
def test_events_fit_customers_and_clock(clv: dict[str, pa.Table], broken: str) -> None:
    assert whole(clv).execute("SELECT count(*) " + broken).fetchone() == (0,)


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        ("(SELECT count(*) FROM continuous_transactions) / 6000", 8.5, 11.5),
        ("(SELECT count(*) FROM continuous_interactions) / 6000", 90, 112),
        ("(SELECT count(*) FROM continuous_customers_profile ANTI JOIN continuous_transactions USING (customer_id)) / 6000", 0.1, 0.25),
        ("(SELECT count(*) FROM continuous_customers_profile ANTI JOIN continuous_interactions USING (customer_id)) / 6000", 0.002, 0.05),
        ("(SELECT avg((age_group IS NULL)::INT) FROM continuous_customers_profile)", 0.02, 0.04),
        ("(SELECT avg((region IS NULL)::INT) FROM coldstart_customers)", 0.02, 0.04),
        ("(SELECT count(DISTINCT product_category) FROM continuous_transactions)", 8, 8),
        ("(SELECT count(DISTINCT event_type) FROM continuous_interactions)", 6, 6),
        ("(SELECT count(DISTINCT acquisition_channel) FROM coldstart_customers)", 7, 7),
        ("(SELECT count(DISTINCT acquisition_source) FROM coldstart_customers)", 7, 7),
        ("(SELECT avg((observed_at = signup_date + INTERVAL 30 DAY)::INT) FROM coldstart_customers)", 0.37, 0.43),
        ("(SELECT avg((first_purchase_date IS NULL)::INT) FROM coldstart_customers)", 0.5, 0.85),
        ("(SELECT max(signup_date) - min(signup_date) FROM continuous_customers_profile)", 2540, 2557),
    ],
)
def test_margins(clv: dict[str, pa.Table], what: str, low: float, high: float) -> None:
    (found,) = whole(clv).execute("SELECT " + what).fetchone() or (None,)
    assert low <= found <= high


@pytest.mark.parametrize("name", STAGED)
def test_staging_holds_what_is_new_and_what_is_put_right(clv: dict[str, pa.Table], name: str) -> None:
    history, staging = clv[name], clv[f"{name}_staging"]
    key = history.column_names[0]
    with duckdb.connect() as connection:
        connection.register("history", history)
        connection.register("staging", staging)
        (again,) = connection.execute(f"SELECT count(*) FROM staging SEMI JOIN history USING ({key})").fetchone() or (0,)
        assert again == CORRECTIONS
        assert connection.execute("SELECT count(*) FROM (FROM staging INTERSECT FROM history)").fetchone() == (0,), "corrections change"
        assert len(staging) > CORRECTIONS
        assert connection.execute(f"SELECT count(*) - count(DISTINCT {key}) FROM history").fetchone() == (0,)
        time = {"continuous_transactions": "transaction_date", "continuous_interactions": "event_date"}.get(name, "signup_date")
        since = "2025-12-22" if time == "signup_date" else "2025-12-29"
        assert connection.execute(f"SELECT count(*) FROM history WHERE {time} >= '{since}'").fetchone() == (0,)


@pytest.mark.parametrize("numbers", [(0, None), (5, 0), (10**10, None)], ids=str)
def test_a_world_of_no_customers_is_refused(numbers: tuple[int, int | None]) -> None:
    with pytest.raises(UsageError, match="customers cannot be simulated"):
        simulate_clv(numbers[0], coldstart=numbers[1])


@pytest.mark.slow
def test_five_million_interactions_cost_seconds_and_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = sum(len(part["continuous_interactions"]) for part in clv_chunks(50_000, seed=1) if "continuous_interactions" in part)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert rows > 4_800_000
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10
