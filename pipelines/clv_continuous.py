"""Value of established customers: recency, frequency and money, what they buy, what they do, and what all that foretells.

Each view has one row for every customer who has signed up, whether or not they ever bought or clicked: counts are 0 then,
and what cannot be known is NULL. Amounts are net of returns; a purchase is a row with an amount above 0.
"""

from collections.abc import Sequence

import ibis

import foretable as ft
from foretable import _, last

from ..models.continuous_clv_model import continuous_clv_model
from .clv_arrivals import arrivals
from .clv_sources import (
    EVENTS,
    HORIZON_DAYS,
    MATURE_DAYS,
    customer,
    interactions,
    interactions_staging,
    profiles,
    profiles_staging,
    transactions,
    transactions_staging,
)

MONEY = "decimal(18, 2)"
QUINTILES = (0.2, 0.4, 0.6, 0.8)
COHORTS = ((90, "below 90 days"), (180, "90 to 179 days"), (365, "180 to 364 days"), (730, "second year"))
"""Tenures, in days, that end a cohort."""
OLDEST = "third year or later"
NEW_DAYS = 180
"""Tenure, in days, up to which an established customer counts as new."""
PRIOR_DAYS, PRIOR_PURCHASES = 180, 2
"""How many days, and purchases, of the average customer a customer's own are mixed with: one purchase is no habit yet."""

# By the minute: cut to the hour, what happened at its start would be seen two hours later, and not one.
OPTIONS = {"entity": customer, "target_lag": "1 day", "grain": "minute", "owner": "crm", "tags": ("clv",)}


@ft.dynamic_table("features.clv_today", target_lag="1 day", owner="crm", tags=("clv",))
def today() -> ft.Table:
    """One row: the day that recency and tenure are counted to.

    They change by the day. Read from here, a new hour changes only customers of whom something is new.
    """
    return ft.as_of().date().name("today").as_table()


def _customers() -> ft.Table:
    return arrivals(profiles, profiles_staging, "customer_id")


def _transactions() -> ft.Table:
    return arrivals(transactions, transactions_staging, "customer_id", "transaction_id")


def _days(end: ibis.Value, start: ibis.Value) -> ibis.Value:
    """Days from one date to a later one, never below 0; NULL where there is none."""
    days = end.delta(start, unit="day")
    return ibis.ifelse(days < 0, 0, days).cast("int32")  # the greatest of NULL and 0 is 0 in DuckDB


def _number(money: ibis.Value) -> ibis.Value:
    return money.cast("float64")


@ft.feature_view("features.rfm_features", **OPTIONS)
def rfm_features() -> ft.Table:
    """One row per customer: recency by the day, frequency, money; and what BG/NBD reads, in days with a purchase.

    ``repeat_purchases`` counts days with a purchase after the first such day, ``repeat_span_days`` goes from the first to the
    last, ``purchase_age_days`` from the first to now, ``repeat_value`` is the mean spent on a day of the repeats.
    """
    t = _transactions()
    money = t.group_by("customer_id").agg(
        frequency=t.count(where=t.amount > 0),
        monetary_total=t.amount.sum().cast(MONEY),
        spend_last_period=t.amount.sum(where=last(t.transaction_date, days=HORIZON_DAYS)).cast(MONEY),
    )
    bought = t.filter(t.amount > 0).group_by("customer_id", day=t.transaction_date.date()).agg(amount=_.amount.sum().cast(MONEY))
    days = bought.group_by("customer_id").agg(
        first_purchase_date=_.day.min(),
        last_purchase_date=_.day.max(),
        repeat_purchases=(_.count() - 1).cast("int32"),
        gross=_.amount.sum(),
        first_amount=_.amount.argmin(_.day),
    )
    t = customer.join(_customers().select("customer_id", "signup_date"), money, days).cross_join(today.rows())
    return t.select(
        "customer_id",
        "first_purchase_date",
        "last_purchase_date",
        recency_days=_days(t.today, t.last_purchase_date),
        frequency=t.frequency.fill_null(0),
        monetary_total=t.monetary_total.fill_null(0).cast(MONEY),
        monetary_avg=_number(t.monetary_total) / t.frequency.nullif(0),
        tenure_days=_days(t.today, t.signup_date),
        repeat_purchases=t.repeat_purchases,
        repeat_span_days=_days(t.last_purchase_date, t.first_purchase_date),
        purchase_age_days=_days(t.today, t.first_purchase_date),
        repeat_value=_number(t.gross - t.first_amount) / t.repeat_purchases.nullif(0),
        spend_last_period=_number(t.spend_last_period).fill_null(0),
    )


@ft.feature_view("features.purchase_patterns", **OPTIONS)
def purchase_patterns() -> ft.Table:
    """One row per customer: what they buy, and how much of it lately; windows in days before now."""
    t = _transactions()
    bought, when = t.amount > 0, t.transaction_date
    found = t.group_by("customer_id").agg(
        unique_categories_purchased=t.product_category.nunique(where=bought),
        total_items_purchased=t.quantity.sum(where=bought),
        returns=t.count(where=t.amount < 0),
        gross_amount=t.amount.sum(where=bought),
        **{f"recent_{n}d_amount": t.amount.sum(where=last(when, days=n)) for n in (30, 90, 180, 365)},
        **{f"recent_{n}d_count": t.count(where=bought & last(when, days=n)) for n in (30, 90, 180, 365)},
    )
    joined = customer.join(_customers().select("customer_id"), found)
    amounts = [name for name in found.columns if name.endswith("amount")]
    counts = [name for name in found.columns if name not in (*amounts, "customer_id")]
    return joined.select(
        "customer_id",
        **{name: joined[name].fill_null(0).cast("int64") for name in counts},
        **{name: _number(joined[name]).fill_null(0) for name in amounts},
    )


@ft.feature_view("features.engagement_features", **OPTIONS)
def engagement_features() -> ft.Table:
    """One row per customer: what they do besides buying, in all and in the last 30 and 90 days."""
    t = arrivals(interactions, interactions_staging, "customer_id", "interaction_id")
    found = t.group_by("customer_id").agg(
        last_interaction_date=t.event_date.max().date(),
        total_interactions=t.count(),
        interactions_30d=t.count(where=last(t.event_date, days=30)),
        interactions_90d=t.count(where=last(t.event_date, days=90)),
        interactions_365d=t.count(where=last(t.event_date, days=365)),
        **{name: t.count(where=t.event_type == event) for name, event in EVENTS.items()},
    )
    joined = customer.join(_customers().select("customer_id"), found)
    counts = {name: joined[name].fill_null(0) for name in found.columns if name not in ("customer_id", "last_interaction_date")}
    return joined.select(
        "customer_id",
        "last_interaction_date",
        **counts,
        email_engagement_rate=joined.email_clicks / joined.email_opens.nullif(0),
    )


def _cohort(tenure: ibis.Value) -> ibis.Value:
    return ibis.cases(*((tenure < days, name) for days, name in COHORTS), else_=OLDEST)


@ft.dynamic_table("features.rfm_cut_points", target_lag="1 day", own_pace=True, owner="crm", tags=("clv",))
def rfm_cut_points() -> ft.Table:
    """One row: borders of the quintiles among all who have bought, and the average customer: purchases per day, money per purchase."""
    t = rfm_features.rows()
    t = t.filter(t.frequency > 0).mutate(total=_number(t.monetary_total))
    borders = {
        f"{prefix}_{number}": t[name].quantile(share)
        for prefix, name in (("recency", "recency_days"), ("frequency", "frequency"), ("monetary", "total"))
        for number, share in enumerate(QUINTILES, start=1)
    }
    return t.agg(
        **borders,
        average_rate=t.frequency.sum() / t.tenure_days.sum().nullif(0),
        average_value=_number(t.monetary_total.sum()) / t.frequency.sum(),
    )


@ft.dynamic_table("features.cohort_benchmarks", target_lag="1 day", own_pace=True, owner="crm", tags=("clv",))
def cohort_benchmarks() -> ft.Table:
    """One row per tenure cohort: what its customers have spent and how often they bought, on average."""
    t = rfm_features.rows()
    return (
        t.mutate(tenure_cohort=_cohort(t.tenure_days))
        .group_by("tenure_cohort")
        .agg(
            cohort_monetary=_number(_.monetary_total.sum()) / _.count(),
            cohort_frequency=_.frequency.sum() / _.count(),
        )
    )


@ft.feature_view("features.continuous_customer_features", **(OPTIONS | {"target_lag": "1 hour"}))
def continuous_customer_features() -> ft.Table:
    """One row per customer with 90 days of tenure or more: all of the above, and what follows from it.

    Scores are quintiles, 5 the best; who never bought has 1. Velocities are per day. ``expected_rate`` and ``expected_value``
    are a customer's own purchases per day and money per purchase, mixed with those of the average customer.
    """
    who = _customers().select("customer_id", *profiles.fixed)
    t = customer.join(rfm_features.rows(), who, purchase_patterns.rows(), engagement_features.rows())
    t = t.filter(t.tenure_days >= MATURE_DAYS).mutate(tenure_cohort=_cohort(t.tenure_days))
    t = t.left_join(cohort_benchmarks.rows(), "tenure_cohort").drop("tenure_cohort_right")
    t = t.cross_join(rfm_cut_points.rows()).cross_join(today.rows())
    t = t.mutate(
        recency_score=6 - _quintile(t, "recency", t.recency_days, never=5),
        frequency_score=_quintile(t, "frequency", t.frequency.nullif(0)),
        monetary_score=_quintile(t, "monetary", ibis.ifelse(t.frequency > 0, _number(t.monetary_total), None)),
        days_since_interaction=_days(t.today, t.last_interaction_date),
        tenure_seen=t.tenure_days.cast("float64"),
    )
    columns = [name for name in _inputs() if name in t.columns]
    return t.select("customer_id", *columns, **_scores(t), **_velocity(t), **_engagement(t), **_expected(t))


def _inputs() -> Sequence[str]:
    """Columns of the views that are carried along as they are."""
    return (
        *profiles.fixed, "recency_days", "frequency", "monetary_total", "monetary_avg", "tenure_days", "repeat_purchases",
        "repeat_span_days", "purchase_age_days", "repeat_value", "spend_last_period", "unique_categories_purchased",
        "total_items_purchased", "returns", *(f"recent_{n}d_{what}" for n in (30, 90, 180, 365) for what in ("amount", "count")),
        "total_interactions", *EVENTS, "email_engagement_rate", "interactions_30d", "interactions_90d", "interactions_365d",
        "days_since_interaction", "tenure_cohort", "recency_score", "frequency_score", "monetary_score",
    )  # fmt: skip


def _quintile(t: ft.Table, prefix: str, value: ibis.Value, never: int = 1) -> ibis.Value:
    """1 to 5: one more than the borders that a value lies above; ``never`` where there is no value."""
    above = [(value > t[f"{prefix}_{number}"]).cast("int32") for number in range(1, len(QUINTILES) + 1)]
    return (1 + sum(above[1:], above[0])).fill_null(never).cast("int32")


def _scores(t: ft.Table) -> dict[str, ibis.Value]:
    """RFM as one number, the stage of the customer's life, and the customer beside others of the same tenure."""
    score = (4 * t.recency_score + 3 * t.frequency_score + 3 * t.monetary_score) / 10
    stage = ibis.cases(
        (t.frequency == 0, "prospect"),
        (t.tenure_days < NEW_DAYS, "new"),
        ((t.recency_score <= 2) & (t.frequency_score >= 3), "at_risk"),
        ((t.recency_score >= 4) & (t.frequency_score >= 4) & (t.monetary_score >= 4), "champion"),
        (t.monetary_score >= 4, "high_value"),
        else_="regular",
    )
    return {
        "rfm_score": score,
        "lifecycle_stage": stage,
        "monetary_vs_cohort": _number(t.monetary_total) / t.cohort_monetary.nullif(0),
        "frequency_vs_cohort": t.frequency / t.cohort_frequency.nullif(0),
    }


def _velocity(t: ft.Table) -> dict[str, ibis.Value]:
    """Purchases and money per day, lately and over the whole tenure."""
    purchase = {n: t[f"recent_{n}d_count"] / n for n in (30, 90)}
    spending = {n: t[f"recent_{n}d_amount"] / n for n in (30, 90)}
    return {
        "purchase_velocity_30d": purchase[30],
        "purchase_velocity_90d": purchase[90],
        "spending_velocity_30d": spending[30],
        "spending_velocity_90d": spending[90],
        "velocity_acceleration": purchase[30] - purchase[90],
        "spending_acceleration": spending[30] - spending[90],
    }


def _engagement(t: ft.Table) -> dict[str, ibis.Value]:
    """Interactions by purchases, and by what the customer used to do."""
    rate = t.total_interactions / t.tenure_seen
    return {
        "engagement_per_purchase": t.total_interactions / t.frequency.nullif(0),
        "support_intensity": t.support_tickets / t.frequency.nullif(0),
        "cart_to_view_ratio": t.cart_adds / t.product_views.nullif(0),
        "interaction_rate": rate,
        "interaction_trend_30d": t.interactions_30d / (30 * rate).nullif(0),
        "interaction_trend_90d": t.interactions_90d / (90 * rate).nullif(0),
        "interaction_silence": t.days_since_interaction * rate,
    }


def _expected(t: ft.Table) -> dict[str, ibis.Value]:
    """What a customer would do who goes on as before, and how long they have been silent by that measure."""
    rate = (t.frequency + PRIOR_DAYS * t.average_rate) / (t.tenure_days + PRIOR_DAYS)
    value = (t.gross_amount + PRIOR_PURCHASES * t.average_value) / (t.frequency + PRIOR_PURCHASES)
    return {
        "expected_rate": rate,
        "expected_value": value,
        "expected_spend": HORIZON_DAYS * rate * value,
        "purchase_silence": t.recency_days * rate,
        "silence_share": t.recency_days / t.purchase_age_days.nullif(0),
    }


continuous_clv_predictions = ft.scoring_table(
    "predictions.continuous_clv_predictions",
    model=continuous_clv_model,
    output="predicted_12m_ltv",
    target_lag="1 hour",
    grain="minute",
    history="400 days",
    online=True,
    owner="crm",
    tags=("clv",),
)
