"""Lifetime value from staging tables to predictions: who is scored, with what, and what a new row changes."""

from __future__ import annotations

from pathlib import Path

from foretable.session import Session

from .streams.stream import live

NEW, ESTABLISHED = "predictions.coldstart_clv_predictions", "predictions.continuous_clv_predictions"
COLUMNS = ["customer_id", "predicted_12m_ltv", "predicted_12m_ltv_low", "predicted_12m_ltv_high", "model_version", "scored_at"]
A_DAY = (5, 5, 60, 1, 6, 61, 5, 4, 5, 1440, 5, 5)
"""Minutes between few batches, among them the start of a day."""
NEWCOMER = """
INSERT INTO raw.coldstart_customers_staging VALUES (77, '2025-12-20', 'Carrier Pigeon', 'Loft', 'Mobile', NULL, 'North', 'Urban', 2,
'2025-12-22', 49.90, 'Books', 9, 4, 2, 12, 3, '2025-12-31 08:00')
"""
PURCHASE = """
INSERT INTO raw.continuous_transactions_staging
SELECT 9999999, customer_id, '2025-12-31 23:00', 500, 'Books', 1 FROM predictions.continuous_clv_predictions ORDER BY ALL LIMIT 1
"""
MATURE = """
SELECT DISTINCT customer_id
FROM (FROM raw.continuous_customers_profile UNION ALL FROM raw.continuous_customers_profile_staging)
WHERE signup_date <= DATE '2026-01-01' - 90
"""


def predictions(session: Session, table: str) -> dict[int, tuple]:
    """Prediction and interval by customer; names are the same in any case."""
    names, rows = session.rows(f"FROM {table.upper()}")
    assert names == COLUMNS
    assert all(low <= predicted <= high for _, predicted, low, high, *_ in rows)
    return {row[0]: row[1:4] for row in rows}


def changed(session: Session, table: str, statement: str) -> set[int]:
    """Customers whose prediction another row in staging changes; a full refresh changes nothing more."""
    before = predictions(session, table)
    with session.connect(write=True) as connection:
        connection.execute(statement)
    session.run([f"+{table}"])
    after = predictions(session, table)
    session.run([f"+{table}"], full_refresh=True)
    assert predictions(session, table) == after
    return {who for who, row in after.items() if before.get(who) != row}


def test_everybody_in_staging_has_a_prediction_and_a_new_row_gets_one(session: Session) -> None:
    waiting = {row[0] for row in session.rows("SELECT customer_id FROM raw.coldstart_customers_staging")[1]}
    assert set(predictions(session, NEW)) == waiting
    assert changed(session, NEW, NEWCOMER) == {77}
    asked = "SELECT predict_coldstart_clv_model(f) FROM features.coldstart_staging_features AS f WHERE customer_id = 77"
    assert session.rows(asked)[1] == [(predictions(session, NEW)[77][0],)]


def test_everybody_with_90_days_has_a_prediction_and_a_purchase_changes_it(session: Session) -> None:
    before = predictions(session, ESTABLISHED)
    assert set(before) == {row[0] for row in session.rows(MATURE)[1]}
    assert min(before) in changed(session, ESTABLISHED, PURCHASE)


def test_after_each_of_a_few_batches_everything_is_what_a_recompute_gives(session: Session, tmp_path: Path) -> None:
    """More of them, and of everything else that happens, in ``test_clv_streaming``."""
    actions = live(session, tmp_path, 3, A_DAY)
    assert actions["INCREMENTAL"] > 2 * actions["FULL"], actions
