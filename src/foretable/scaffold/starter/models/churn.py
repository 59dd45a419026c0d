"""Will a customer who ordered in the last 90 days order again within 60?"""

import foretable as ft
from foretable import _

from ..pipelines.orders import customer, customer_orders, orders


@ft.label("training.churned", entity=customer, horizon="60 days", every="1 month", start="2023-07-01")
def churned() -> ft.Table:
    """1 when no order follows within 60 days."""
    active = orders.last(days=90).select("customer_id").distinct()
    back = orders.future(days=60).group_by("customer_id").agg(n=_.count())  # future() exists only in a label
    return customer.join(active, back).select("customer_id", churned=_.n.isnull().cast("int8"))


churn = ft.Model(
    "churn",
    label=churned,
    features=[customer_orders],
    candidates=[
        ft.LogisticRegression(C=ft.between(0.01, 10, log=True)),
        ft.XGBoost(max_depth=ft.between(2, 5), learning_rate=ft.between(0.02, 0.3, log=True), n_estimators=100),
    ],
    gate=ft.Gate("roc_auc"),
    calibration="sigmoid",
    reasons={  # what explain_churn(f) says to people
        "channel": "came through: {value}",
        "orders_90d": "orders in 90 days: {value}",
        "spend_365d": "spent {value} in a year",
        "days_since_order": "last order {value} days ago",
        "days_since_first_order": "first order {value} days ago",
    },
)
