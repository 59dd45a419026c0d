"""Customers as their orders show them."""

import foretable as ft
from foretable import last

customer = ft.Entity("customer", key="customer_id")

# An event source: a row is known from `ordered_at` on. The file is read in place; a table of the
# warehouse, or of another DuckDB file, is declared the same way, without file=.
orders = ft.Source("raw.orders", entity=customer, time="ordered_at", file="data/orders.csv")


@ft.feature_view("features.customer_orders", entity=customer, target_lag="1 day")
def customer_orders() -> ft.Table:
    """One row per customer who has ordered: how much, how often, how lately."""
    o = orders.rows()  # what was known at as_of(), never later
    amount = o.amount.cast("decimal(12, 2)")  # money adds up exactly, in any order
    return o.group_by("customer_id").agg(
        channel=o.channel.max(),
        orders_90d=o.count(where=last(o.ordered_at, days=90)),
        orders_365d=o.count(where=last(o.ordered_at, days=365)),
        spend_365d=amount.sum(where=last(o.ordered_at, days=365)).fill_null(0),
        days_since_order=(ft.as_of().date() - o.ordered_at.max().date()).cast("int64"),
        days_since_first_order=(ft.as_of().date() - o.ordered_at.min().date()).cast("int64"),
    )
