"""What rows must look like, layer by layer. A refresh that breaks a rule is rolled back."""

import pandera.ibis as pa

import foretable as ft

ft.schema(
    "features.customer_orders",
    pa.DataFrameSchema(
        {
            "orders_90d": pa.Column(int, pa.Check.ge(0)),
            "days_since_order": pa.Column(int, pa.Check.ge(0)),
        }
    ),
)
ft.schema("predictions.churn", pa.DataFrameSchema({"churn_probability": pa.Column(float, pa.Check.in_range(0, 1))}))
