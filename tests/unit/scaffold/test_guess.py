"""What an unknown table is taken for, and what is left to a person."""

from __future__ import annotations

from foretable.scaffold.guess import guess, keys_of

ORDERS = {"order_id": "BIGINT", "customer_id": "BIGINT", "updated_at": "TIMESTAMP", "ordered_at": "TIMESTAMP", "amount": "DOUBLE"}
CUSTOMERS = {"customer_id": "BIGINT", "signed_up_at": "TIMESTAMP", "region": "VARCHAR"}
PLANS = {
    "customer_id": "BIGINT",
    "plan": "VARCHAR",
    "dbt_valid_from": "TIMESTAMP",
    "dbt_valid_to": "TIMESTAMP",
    "dbt_updated_at": "TIMESTAMP",
}
KEYS = keys_of({"orders": ORDERS, "customers": CUSTOMERS, "plans": PLANS})


def test_the_key_that_most_tables_share_is_the_entity() -> None:
    found = guess("shop.main.orders", ORDERS, KEYS)
    assert found.entity == "customer_id"
    assert any("order_id" in doubt for doubt in found.doubts)


def test_a_moment_that_moves_later_is_not_the_time() -> None:
    found = guess("shop.main.orders", ORDERS, KEYS)
    assert found.time == "ordered_at"
    assert any("updated_at" in doubt for doubt in found.doubts)


def test_valid_from_and_to_make_history() -> None:
    found = guess("shop.main.plans", PLANS, KEYS)
    assert (found.valid, found.time) == (("dbt_valid_from", "dbt_valid_to"), "")


def test_one_row_per_key_is_a_register_whose_columns_are_hidden_until_named() -> None:
    found = guess("shop.main.customers", CUSTOMERS, KEYS, unique=["customer_id"])
    assert found.register
    assert any("region" in doubt for doubt in found.doubts)
    assert not guess("shop.main.customers", CUSTOMERS, KEYS).register


def test_what_cannot_be_known_is_asked() -> None:
    found = guess("shop.main.settings", {"key": "VARCHAR", "value": "VARCHAR"}, KEYS)
    assert (found.entity, found.time, found.valid) == ("", "", None)
    assert any("time=" in doubt for doubt in found.doubts)
    assert any("entity=" in doubt for doubt in found.doubts)


def test_names_are_compared_without_case() -> None:
    found = guess("x.y.z", {"Customer_ID": "BIGINT", "ORDERED_AT": "TIMESTAMP"}, keys_of({"z": {"Customer_ID": "BIGINT"}}))
    assert (found.entity, found.time) == ("customer_id", "ORDERED_AT")
