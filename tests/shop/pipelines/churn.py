import foretable as ft
from foretable import _, last

customer = ft.Entity("customer", key="customer_id")
customers = ft.Source("raw.customers", entity=customer, time="signed_up_at", fixed=["region"])
plans = ft.Source("raw.plans", entity=customer, valid=("valid_from", "valid_to"))
orders = ft.Source("raw.orders", entity=customer, time="ordered_at")


@ft.feature_view("features.customer_usage", entity=customer, target_lag="1 day")
def customer_usage() -> ft.Table:
    """One row per customer who has signed up."""
    o = orders.rows()
    usage = o.group_by("customer_id").agg(
        orders_30d=o.count(where=last(o.ordered_at, days=30)),
        spend_90d=o.amount.sum(where=last(o.ordered_at, days=90)),
        last_order_at=o.ordered_at.max(),
    )
    base = customers.rows().select("customer_id", "region")
    plan = plans.rows().select("customer_id", "plan", "monthly_fee")
    return customer.join(base, plan, usage).fill_null({"orders_30d": 0, "spend_90d": 0})


@ft.label("training.churned", entity=customer, horizon="30 days", every="1 month", start="2025-06-01")
def churned() -> ft.Table:
    active = orders.last(days=90).select("customer_id").distinct()
    back = orders.future(days=30).group_by("customer_id").agg(n=_.count())
    return customer.join(active, back).select("customer_id", churned=_.n.isnull().cast("int8"))
