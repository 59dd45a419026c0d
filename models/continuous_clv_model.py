"""What an established customer will spend: label, estimators and gate.

The outcome is what was bought in the year after a date, as it was observed, 0 where nothing was. Customers are looked at on
several dates; the model is judged on the latest, with the whole horizon between them and the rows that it has learned from.
"""

import ibis

import foretable as ft
from foretable import _

from ..pipelines.clv_arrivals import arrivals
from ..pipelines.clv_sources import (
    EVENTS,
    EVERY,
    HORIZON,
    HORIZON_DAYS,
    MATURE_DAYS,
    START,
    customer,
    profiles,
    profiles_staging,
    transactions,
    transactions_staging,
)


@ft.label("training.continuous_targets", entity=customer, horizon=HORIZON, every=EVERY, start=START)
def continuous_targets() -> ft.Table:
    """One row per customer with 90 days of tenure: what was spent within the horizon, net of returns, 0 at least."""
    mature = arrivals(profiles, profiles_staging, "customer_id").filter(_.signup_date <= ft.as_of() - ibis.interval(days=MATURE_DAYS))
    bought = arrivals(
        transactions, transactions_staging, "customer_id", "transaction_id", read=lambda source: source.future(days=HORIZON_DAYS)
    )
    spent = bought.group_by("customer_id").agg(spent=_.amount.sum())
    value = ibis.greatest(_.spent, 0).cast("float64").fill_null(0)
    return customer.join(mature.select("customer_id"), spent).select("customer_id", target_12m_ltv=value)


WORDS = {
    "recency_days": "last purchase {value} days ago",
    "monetary_avg": "{value} spent per purchase",
    "spend_last_period": "{value} spent in the last period",
    "recent_90d_count": "{value} purchases in 90 days",
    "recent_90d_amount": "{value} spent in 90 days",
    "recent_180d_count": "{value} purchases in 180 days",
    "recent_180d_amount": "{value} spent in 180 days",
    "recent_365d_amount": "{value} spent in 365 days",
    "monetary_vs_cohort": "{value} times the spend of customers of the same tenure",
    "frequency_vs_cohort": "{value} times the purchases of customers of the same tenure",
    "expected_spend": "{value} if they go on as before",
    "expected_value": "about {value} per purchase",
    "purchase_silence": "silent for the time of {value} purchases",
    "interaction_silence": "silent for the time of {value} interactions",
    "interactions_30d": "{value} interactions in 30 days",
    "interactions_90d": "{value} interactions in 90 days",
    "interaction_trend_90d": "{value} times as active in 90 days as before",
    "days_since_interaction": "last interaction {value} days ago",
    "rfm_score": "RFM score {value}",
}

GROWING = [
    "frequency", "monetary_total", "tenure_days", "repeat_purchases", "repeat_span_days", "purchase_age_days",
    "unique_categories_purchased", "total_items_purchased", "returns", "total_interactions", *EVENTS, "tenure_cohort", "lifecycle_stage",
]  # fmt: skip
"""What only grows while the customers and the data grow older. The rows that are predicted lie beyond those that were learned from,
where a tree knows nothing; windows, rates, and the customer beside others of the same tenure do not drift."""

# Poisson's likelihood asks for the right mean and minds large values less than squares do; label and answer are never negative.
# Both candidates foretell the mean. They are chosen by the absolute error: squares are decided by a handful of great customers.
# One trial is measured on the validation rows: folds by time, with a gap of the horizon before each, would leave few dates.
continuous_clv_model = ft.Model(
    "continuous_clv_model",
    task="regression",
    label=continuous_targets,
    features=[ft.ref("features.continuous_customer_features")],
    exclude=GROWING,
    candidates=[
        ft.LinearRegression(alpha=ft.between(0.1, 1000, log=True)),
        ft.XGBoost(
            objective="count:poisson",
            n_estimators=ft.between(60, 240),
            max_depth=ft.between(3, 5),
            learning_rate=ft.between(0.04, 0.12, log=True),
            min_child_weight=ft.between(100, 20_000, log=True),
            reg_lambda=ft.between(1, 100, log=True),
            subsample=ft.between(0.6, 0.9),
            colsample_bytree=0.6,
        ),
    ],
    split=ft.TimeSplit(),
    folds=1,
    gate=ft.Gate("mae"),
    intervals=0.9,
    baselines=[
        ft.LastPeriod("spend_last_period"),
        ft.CellMeans("recency_score", "frequency_score", "monetary_score"),
        ft.BuyTillYouDie(frequency="repeat_purchases", recency="repeat_span_days", age="purchase_age_days", value="repeat_value"),
    ],
    reasons=WORDS,
    training_set="training.continuous_training_data_with_target",
    trials=20,
    description="Money that a customer with 90 days of tenure or more will spend within the horizon, net of returns.",
)
