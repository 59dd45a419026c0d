"""What the rows of customer lifetime value must look like, layer by layer.

Rules of ``raw`` are checked when rows are loaded: a row that breaks one goes to quarantine. In the later layers a broken rule
stops the refresh, because there the mistake would be ours. Rules of tables that are refreshed by key look at one row alone.
"""

import pandera.ibis as pa

import foretable as ft

from .clv_sources import EVENTS


def there() -> pa.Column:
    """Anything but NULL."""
    return pa.Column()


def at_least(least: float, *, nullable: bool = False) -> pa.Column:
    """A number from ``least`` on."""
    return pa.Column(checks=pa.Check.ge(least), nullable=nullable)


def between(low: float, high: float, *, nullable: bool = False) -> pa.Column:
    """A number of a range."""
    return pa.Column(checks=pa.Check.in_range(low, high), nullable=nullable)


def _of_raw(name: str, columns: dict[str, pa.Column], key: str) -> None:
    """The same rules for history and staging."""
    for table in (name, f"{name}_staging"):
        ft.schema(table, pa.DataFrameSchema({key: there(), "customer_id": there(), **columns}, unique=[key]))


_of_raw("raw.continuous_customers_profile", {"signup_date": there()}, "customer_id")
_of_raw(
    "raw.continuous_transactions",
    {"transaction_date": there(), "amount": there(), "quantity": at_least(0, nullable=True)},
    "transaction_id",
)
_of_raw(
    "raw.continuous_interactions",
    {"event_date": there(), "event_type": pa.Column(checks=pa.Check.isin(list(EVENTS.values())))},
    "interaction_id",
)
_of_raw(
    "raw.coldstart_customers",
    {
        "signup_date": there(),
        "observed_at": there(),
        "acquisition_channel": pa.Column(nullable=True),
        "days_to_first_purchase": at_least(0, nullable=True),
        "first_purchase_amount": at_least(0, nullable=True),
        **{
            name: at_least(0, nullable=True)
            for name in ("website_visits_30d", "email_opens_30d", "email_clicks_30d", "items_viewed_30d", "cart_adds_30d")
        },
    },
    "customer_id",
)
ft.schema(
    "raw.coldstart_transactions",
    pa.DataFrameSchema(
        {name: there() for name in ("transaction_id", "customer_id", "transaction_date", "amount")}, unique=["transaction_id"]
    ),
)

ft.schema(
    "features.rfm_features",
    pa.DataFrameSchema(
        {
            "customer_id": there(),
            "recency_days": at_least(0, nullable=True),
            "frequency": at_least(0),
            "tenure_days": at_least(0),
            "repeat_purchases": at_least(0, nullable=True),
            "repeat_span_days": at_least(0, nullable=True),
            "purchase_age_days": at_least(0, nullable=True),
        },
        unique=["customer_id"],
    ),
)
ft.schema(
    "features.purchase_patterns",
    pa.DataFrameSchema(
        {name: at_least(0) for name in ("unique_categories_purchased", "recent_30d_count", "recent_90d_count", "recent_365d_count")},
        unique=["customer_id"],
    ),
)
ft.schema(
    "features.engagement_features",
    pa.DataFrameSchema({name: at_least(0) for name in ("total_interactions", *EVENTS, "interactions_30d")}, unique=["customer_id"]),
)
ft.schema(
    "features.continuous_customer_features",
    pa.DataFrameSchema(
        {
            **{f"{name}_score": between(1, 5) for name in ("recency", "frequency", "monetary", "rfm")},
            "tenure_cohort": there(),
            "lifecycle_stage": there(),
            "expected_rate": at_least(0, nullable=True),
        },
        unique=["customer_id"],
    ),
)
for table in ("features.coldstart_customer_features", "features.coldstart_staging_features"):
    ft.schema(
        table,
        pa.DataFrameSchema(
            {
                "customer_id": there(),
                "days_observed": at_least(1),
                "made_first_purchase": there(),
                "engagement_score": at_least(0),
                "email_opens_share": between(0, 1, nullable=True),
            },
            unique=["customer_id"],
        ),
    )

WORDS = {
    "customer_id": "Who: the key of the customer",
    "predicted_12m_ltv": "Money that the customer is expected to spend within the horizon, net of returns",
    "predicted_12m_ltv_low": "Lower end of the interval that holds nine of ten outcomes",
    "predicted_12m_ltv_high": "Upper end of that interval",
    "model_version": "Version of the model that scored the row",
    "scored_at": "Clock at which the row was scored, UTC",
}
for table in ("predictions.continuous_clv_predictions", "predictions.coldstart_clv_predictions"):
    # A return may follow the purchase that it belongs to by a year: no prediction is wrong for being a little below 0.
    rules = {"customer_id": there(), "predicted_12m_ltv": between(-1e6, 1e9), "model_version": there()}
    columns = {name: rules.get(name) or pa.Column(nullable=True) for name in WORDS}
    for name, column in columns.items():
        column.description = WORDS[name]
    ft.schema(table, pa.DataFrameSchema(columns, unique=["customer_id"]))
