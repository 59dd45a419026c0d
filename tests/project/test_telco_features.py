"""Customer-months of telco_churn: how many, which features, and nothing from later months."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pyarrow as pa
import pytest

Build = Callable[[pa.Table], duckdb.DuckDBPyConnection]

KEYS = ("customer_id", "tenure_month")
PEOPLE = ("gender", "senior_citizen")
ONE_CUSTOMER = {
    "customerID": "0001-ABCDE", "gender": "Female", "SeniorCitizen": 0, "Partner": "Yes", "Dependents": "No", "tenure": 14,
    "PhoneService": "Yes", "MultipleLines": "No", "InternetService": "Fiber optic", "OnlineSecurity": "No", "OnlineBackup": "Yes",
    "DeviceProtection": "No", "TechSupport": "No", "StreamingTV": "Yes", "StreamingMovies": "Yes", "Contract": "One year",
    "PaperlessBilling": "Yes", "PaymentMethod": "Electronic check", "MonthlyCharges": 95.0, "TotalCharges": "1330", "Churn": "Yes",
}  # fmt: skip


@pytest.fixture(scope="module")
def one_customer(build: Build) -> duckdb.DuckDBPyConnection:
    return build(pa.Table.from_pylist([ONE_CUSTOMER]))


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple:
    return connection.execute(query).fetchone() or ()


def columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [row[0] for row in connection.execute("DESCRIBE " + name).fetchall()]


def test_the_real_file_gives_the_known_numbers(build: Build, real_customers: pa.Table) -> None:
    db = build(real_customers)
    assert one(db, "SELECT count(*), sum(churned_next_month) FROM training.telco_churned") == (214_539, 1_366)
    assert one(db, "SELECT count(*) FROM features.telco_customer_months") == (214_539,)
    assert one(db, "SELECT count(DISTINCT customer_id), count(*) FROM features.telco_next_months") == (4_815, 12 * 4_815)
    assert one(db, "SELECT count(*) FROM clean.telco_customers WHERE total_charges IS NULL") == (11,)


def test_labels_are_the_customers_who_left_and_one_row_stands_per_month(build: Build, customers: pa.Table) -> None:
    db = build(customers)
    expected = one(db, "SELECT sum(greatest(tenure - 2, 0)), count(*) FILTER (Churn = 'Yes' AND tenure >= 3) FROM raw.telco")
    assert one(db, "SELECT count(*), sum(churned_next_month) FROM training.telco_churned") == expected
    assert one(db, "SELECT count(*), count(DISTINCT (customer_id, tenure_month)) FROM features.telco_customer_months") == (expected[0],) * 2


def test_there_are_48_features_none_of_them_known_only_later_and_none_null(build: Build, customers: pa.Table) -> None:
    db = build(customers)
    features = [name for name in columns(db, "features.telco_customer_months") if name not in (*KEYS, *PEOPLE)]
    assert len(features) == 48
    assert not {"tenure", "total_charges", "churned"} & set(features)
    for name in features:
        assert one(db, f'SELECT count(*) FROM features.telco_customer_months WHERE "{name}" IS NULL') == (0,), name


def test_a_month_knows_nothing_of_later_ones(build: Build, customers: pa.Table) -> None:
    before = build(customers)
    later = before.execute("""
        SELECT * REPLACE (tenure + 7 AS tenure, '99999.5' AS TotalCharges, if(Churn = 'Yes', 'No', 'Yes') AS Churn) FROM raw.telco
    """).to_arrow_table()
    after = build(later)
    before.register("after_rows", after.execute("FROM features.telco_customer_months").to_arrow_table())
    changed = "FROM features.telco_customer_months EXCEPT ALL FROM after_rows"
    assert before.execute(changed).fetchall() == []
    assert len(before.execute("FROM after_rows EXCEPT ALL FROM features.telco_customer_months").fetchall()) > 0  # the new months


def test_serving_gives_what_training_had_in_the_same_month(build: Build, customers: pa.Table) -> None:
    db = build(customers)
    names = ", ".join(f'm."{name}"' for name in columns(db, "features.telco_customer_months"))
    now = f"SELECT {names} FROM features.telco_next_months AS m WHERE months_ahead = 0"
    then = f"""
        SELECT {names} FROM features.telco_customer_months AS m JOIN clean.telco_customers AS c USING (customer_id)
        WHERE NOT c.churned AND m.tenure_month = c.tenure
    """
    assert one(db, f"SELECT count(*) FROM ({now})")[0] > 100
    for difference in (f"({now}) EXCEPT ALL ({then})", f"({then}) EXCEPT ALL ({now})"):
        assert db.execute(difference).fetchall() == []


def test_no_month_is_scored_beyond_the_longest_tenure_there_is_to_learn_from(build: Build, customers: pa.Table) -> None:
    db = build(customers)
    assert one(db, "SELECT max(tenure_month) > 72, max(months_active) FROM features.telco_next_months") == (True, 72)


@pytest.mark.parametrize(
    ("month", "feature", "value"),
    [
        (14, "months_active", 14), (14, "renewals", 1), (14, "month_in_term", 2), (14, "months_to_renewal", 10),
        (14, "renewals_3m", 1), (14, "renewals_12m", 1), (12, "renewals_3m", 1), (11, "renewals_12m", 0), (12, "months_to_renewal", 12),
        (14, "charges_3m", 285.0), (14, "charges_12m", 1140.0), (5, "charges_6m", 475.0), (14, "charges_to_date", 1330.0),
        (5, "charge_share_3m", 0.6), (5, "charge_share_6m", 1.0), (14, "commitment_left", 950.0), (12, "first_year", True),
        (13, "first_year", False), (12, "year_of_tenure", 1), (13, "year_of_tenure", 2), (14, "household_size", 2),
        (14, "service_count", 5), (14, "protection_count", 1), (14, "streaming_count", 2), (14, "addon_share", 0.5),
        (14, "charge_per_service", 19.0), (14, "charge_per_member", 47.5), (14, "fiber_unsupported", True), (14, "uncommitted", False),
        (14, "uncommitted_first_year", False),
        (14, "automatic_payment", False), (14, "contract_months", 12), (14, "log_months", 2.70805020110221),
    ],
)  # fmt: skip
def test_features_by_hand(one_customer: duckdb.DuckDBPyConnection, month: int, feature: str, value: object) -> None:
    (found,) = one(one_customer, f"SELECT {feature} FROM features.telco_customer_months WHERE tenure_month = {month}")
    assert found == pytest.approx(value)


def test_blank_totals_are_null_and_words_that_are_no_answer_too(build: Build) -> None:
    db = build(pa.Table.from_pylist([ONE_CUSTOMER | {"TotalCharges": " ", "Partner": "perhaps", "TechSupport": "No internet service"}]))
    assert one(db, "SELECT total_charges, partner, tech_support, monthly_charge::VARCHAR FROM clean.telco_customers") == (
        None,
        None,
        False,
        "95.00",
    )
