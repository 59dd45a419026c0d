"""The features of ``features.continuous_customer_features`` in Polars, from Parquet files: lazy, streaming, each file read once.

Only what is read is computed; words are categories, money is whole cents, which add up exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

EVENTS = {
    "website_visits": "website_visit",
    "email_opens": "email_open",
    "email_clicks": "email_click",
    "support_tickets": "support_ticket",
    "product_views": "product_view",
    "cart_adds": "cart_add",
}
DAYS = (30, 90, 180, 365)
COHORTS = (90, 180, 365, 730)
COHORT_NAMES = ("below 90 days", "90 to 179 days", "180 to 364 days", "second year", "third year or later")
c = pl.col


def features(folder: Path, clock: datetime) -> pl.DataFrame:
    """One row per customer with 90 days of tenure or more."""
    profile = _arrivals(folder, "continuous_customers_profile", ["customer_id"], "signup_date", clock)
    bought = _arrivals(folder, "continuous_transactions", ["customer_id", "transaction_id"], "transaction_date", clock)
    bought = bought.with_columns((c("amount").cast(pl.Float64) * 100).round().cast(pl.Int64))
    seen = _arrivals(folder, "continuous_interactions", ["customer_id", "interaction_id"], "event_date", clock)
    plans = profile, _money(bought, clock), _purchase_days(bought), _engagement(seen, clock)
    who, money, days, engagement = pl.collect_all(plans, engine="streaming")
    table = who.lazy().join(money.lazy(), on="customer_id", how="left").join(days.lazy(), on="customer_id", how="left")
    table = _beside_others(_rfm(table, clock).collect())
    table = table.filter(c("tenure_days") >= 90).join(engagement.lazy(), on="customer_id", how="left")
    return _derived(table, clock).collect()


def _arrivals(folder: Path, name: str, keys: Sequence[str], time: str, clock: datetime) -> pl.LazyFrame:
    """History with what arrived since: the latest row of a key in staging takes the place of the one in history."""
    known = c(time) < pl.lit(clock).cast(pl.Datetime("us"))
    history, staging = (pl.scan_parquet(folder / f"{file}.parquet").filter(known) for file in (name, f"{name}_staging"))
    staging = staging.sort(time).unique(list(keys), keep="last", maintain_order=True)
    return pl.concat([history.join(staging, on=list(keys), how="anti"), staging])


def _money(bought: pl.LazyFrame, clock: datetime) -> pl.LazyFrame:
    """Frequency, money, what is bought, how much of it lately; only those who have bought."""
    positive = c("amount") > 0
    windows = {days: c("transaction_date") >= pl.lit(clock - timedelta(days=days)) for days in DAYS}
    return bought.group_by("customer_id").agg(
        frequency=positive.sum(),
        monetary_total=c("amount").sum() / 100,
        unique_categories_purchased=c("product_category").filter(positive).drop_nulls().n_unique(),
        total_items_purchased=c("quantity").filter(positive).sum(),
        returns=(c("amount") < 0).sum(),
        gross_amount=c("amount").filter(positive).sum() / 100,
        **{f"recent_{days}d_amount": c("amount").filter(inside).sum() / 100 for days, inside in windows.items()},
        **{f"recent_{days}d_count": (positive & inside).sum() for days, inside in windows.items()},
    )


def _purchase_days(bought: pl.LazyFrame) -> pl.LazyFrame:
    """First and last day with a purchase, and what was spent on the days after the first; in cents."""
    positive = bought.filter(c("amount") > 0)
    days = positive.group_by("customer_id", c("transaction_date").dt.date().alias("day")).agg(c("amount").sum())
    return days.group_by("customer_id").agg(
        first=c("day").min(),
        last=c("day").max(),
        repeat_purchases=pl.len().cast(pl.Int64) - 1,
        repeats=c("amount").sum() - c("amount").sort_by("day").first(),
    )


def _engagement(seen: pl.LazyFrame, clock: datetime) -> pl.LazyFrame:
    """What customers do besides buying; only those who have done something."""
    return seen.group_by("customer_id").agg(
        last_interaction=c("event_date").max().dt.date(),
        total_interactions=pl.len(),
        **{f"interactions_{days}d": (c("event_date") >= pl.lit(clock - timedelta(days=days))).sum() for days in (30, 90, 365)},
        **{name: (c("event_type") == event).sum() for name, event in EVENTS.items()},
    )


def _rfm(t: pl.LazyFrame, clock: datetime) -> pl.LazyFrame:
    """Recency, frequency, money of all customers."""
    today = pl.lit(clock.date())
    return t.select(
        "customer_id",
        "age_group",
        "region",
        recency_days=_days(today, c("last")),
        monetary_avg=c("monetary_total") / _or_none(c("frequency")),
        frequency=c("frequency").fill_null(0).cast(pl.Int64),
        monetary_total=c("monetary_total").fill_null(0),
        tenure_days=_days(today, c("signup_date")),
        repeat_purchases=c("repeat_purchases"),
        repeat_span_days=_days(c("last"), c("first")),
        purchase_age_days=_days(today, c("first")),
        repeat_value=c("repeats") / 100 / _or_none(c("repeat_purchases")),
        spend_last_period=c("recent_365d_amount").fill_null(0),
        **{
            name: c(name).fill_null(0)
            for name in (
                "unique_categories_purchased", "total_items_purchased", "returns", "gross_amount",
                *(f"recent_{days}d_{what}" for days in DAYS for what in ("amount", "count")),
            )
        },
    )  # fmt: skip


def _beside_others(t: pl.DataFrame) -> pl.LazyFrame:
    """Scores by quintile, means of the cohort, and the average customer."""
    cohort = pl.lit(COHORT_NAMES[-1])
    for days, name in reversed(list(zip(COHORTS, COHORT_NAMES, strict=False))):
        cohort = pl.when(c("tenure_days") < days).then(pl.lit(name)).otherwise(cohort)
    t = t.with_columns(tenure_cohort=cohort)
    cohorts = t.group_by("tenure_cohort").agg(cohort_monetary=c("monetary_total").mean(), cohort_frequency=c("frequency").mean())
    buyers = t.filter(c("frequency") > 0)
    scores = {}
    for name, column, never in (("recency", "recency_days", 5), ("frequency", "frequency", 1), ("monetary", "monetary_total", 1)):
        borders = [buyers[column].quantile(share, interpolation="linear") for share in (0.2, 0.4, 0.6, 0.8)]
        above = pl.sum_horizontal((c(column) > border).cast(pl.Int32) for border in borders)
        quintile = pl.when(c("frequency") > 0).then(1 + above).otherwise(never)
        scores[f"{name}_score"] = 6 - quintile if name == "recency" else quintile
    average = buyers.select(
        average_rate=c("frequency").sum() / c("tenure_days").sum(), average_value=c("monetary_total").sum() / c("frequency").sum()
    )
    return t.lazy().join(cohorts.lazy(), on="tenure_cohort", how="left").join(average.lazy(), how="cross").with_columns(**scores)


def _derived(t: pl.LazyFrame, clock: datetime) -> pl.LazyFrame:
    """What follows from the columns that are there."""
    purchase = {days: c(f"recent_{days}d_count") / days for days in (30, 90)}
    spending = {days: c(f"recent_{days}d_amount") / days for days in (30, 90)}
    rate = c("total_interactions") / c("tenure_days")
    expected_rate = (c("frequency") + 180 * c("average_rate")) / (c("tenure_days") + 180)
    expected_value = (c("gross_amount") + 2 * c("average_value")) / (c("frequency") + 2)
    t = t.with_columns(email_engagement_rate=c("email_clicks") / _or_none(c("email_opens")))
    t = t.with_columns(c("total_interactions", "interactions_30d", "interactions_90d", "interactions_365d", *EVENTS).fill_null(0))
    t = t.with_columns(days_since_interaction=_days(pl.lit(clock.date()), c("last_interaction")))
    best = [c(f"{name}_score") >= 4 for name in ("recency", "frequency", "monetary")]
    return t.with_columns(
        rfm_score=(4 * c("recency_score") + 3 * c("frequency_score") + 3 * c("monetary_score")) / 10,
        lifecycle_stage=pl.when(c("frequency") == 0)
        .then(pl.lit("prospect"))
        .when(c("tenure_days") < 180)
        .then(pl.lit("new"))
        .when((c("recency_score") <= 2) & (c("frequency_score") >= 3))
        .then(pl.lit("at_risk"))
        .when(pl.all_horizontal(best))
        .then(pl.lit("champion"))
        .when(c("monetary_score") >= 4)
        .then(pl.lit("high_value"))
        .otherwise(pl.lit("regular")),
        monetary_vs_cohort=c("monetary_total") / _or_none(c("cohort_monetary")),
        frequency_vs_cohort=c("frequency") / _or_none(c("cohort_frequency")),
        **{f"purchase_velocity_{days}d": value for days, value in purchase.items()},
        **{f"spending_velocity_{days}d": value for days, value in spending.items()},
        velocity_acceleration=purchase[30] - purchase[90],
        spending_acceleration=spending[30] - spending[90],
        engagement_per_purchase=c("total_interactions") / _or_none(c("frequency")),
        support_intensity=c("support_tickets") / _or_none(c("frequency")),
        cart_to_view_ratio=c("cart_adds") / _or_none(c("product_views")),
        interaction_rate=rate,
        **{f"interaction_trend_{days}d": c(f"interactions_{days}d") / _or_none(days * rate) for days in (30, 90)},
        interaction_silence=c("days_since_interaction") * rate,
        expected_rate=expected_rate,
        expected_value=expected_value,
        expected_spend=365 * expected_rate * expected_value,
        purchase_silence=c("recency_days") * expected_rate,
        silence_share=c("recency_days") / _or_none(c("purchase_age_days")),
    ).drop("gross_amount", "cohort_monetary", "cohort_frequency", "average_rate", "average_value", "last_interaction")


def _days(end: pl.Expr, start: pl.Expr) -> pl.Expr:
    return (end - start).dt.total_days().clip(lower_bound=0)


def _or_none(divisor: pl.Expr) -> pl.Expr:
    return pl.when(divisor != 0).then(divisor)
