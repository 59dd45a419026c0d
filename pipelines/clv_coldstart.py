"""Value of new customers, by what is seen of them in their first 30 days.

A new customer is one row: how they came, what they did until they were observed. The same function makes features of the
customers that the model learns from and of those who wait in the staging table.
"""

import ibis

import foretable as ft
from foretable import _

from ..models.coldstart_clv_model import coldstart_clv_model
from .clv_arrivals import arrivals, latest
from .clv_sources import (
    COLDSTART_TRAITS,
    HORIZON_DAYS,
    acquisition_channel,
    coldstart_customers,
    coldstart_customers_staging,
    coldstart_transactions,
    customer,
)

PRIOR_CUSTOMERS = 20
"""How many average customers the customers of a channel are mixed with: what three customers spent is no quality yet."""
COUNTERS = ("website_visits_30d", "email_opens_30d", "email_clicks_30d", "items_viewed_30d", "cart_adds_30d")
DONE = ("website_visits_30d", "email_opens_30d", "items_viewed_30d", "cart_adds_30d")
ENGAGEMENT = {"website_visits_30d": 1, "email_opens_30d": 1, "email_clicks_30d": 3, "items_viewed_30d": 2, "cart_adds_30d": 5}
"""What each is worth in the composite: the nearer to buying, the more."""


@ft.feature_view("features.coldstart_channel_quality", entity=acquisition_channel, own_pace=True, owner="crm", tags=("clv",))
def channel_quality() -> ft.Table:
    """One row per acquisition channel: what its customers have spent within the horizon after they were observed, on average.

    Counted are those whose horizon is over; the mean is mixed with that of all channels.
    """
    seen = coldstart_customers.rows()
    seen = seen.filter(seen.observed_at <= ft.as_of() - ibis.interval(days=HORIZON_DAYS))
    seen = seen.select("customer_id", "acquisition_channel", "observed_at")
    bought = coldstart_transactions.rows().select("customer_id", "transaction_date", "amount")
    later = seen.join(bought, "customer_id")
    later = later.filter((_.transaction_date >= _.observed_at) & (_.transaction_date < _.observed_at + ibis.interval(days=HORIZON_DAYS)))
    spent = later.group_by("customer_id").agg(spent=_.amount.sum())
    by_channel = (
        customer.join(seen, spent)
        .group_by("acquisition_channel")
        .agg(channel_customers=_.count(), spent=_.spent.sum().fill_null(0).cast("decimal(18, 2)"))
        .filter(_.acquisition_channel.notnull())
    )
    everybody = by_channel.agg(mean=_.spent.sum().cast("float64") / _.channel_customers.sum())
    t = by_channel.cross_join(everybody)
    return t.select(
        "acquisition_channel",
        "channel_customers",
        channel_quality=(t.spent.cast("float64") + PRIOR_CUSTOMERS * t.mean) / (t.channel_customers + PRIOR_CUSTOMERS),
    )


def bought_before(t: ft.Table) -> ft.Table:
    """The rows of ``t``, with what each customer had bought before ``observed_at``.

    A purchase that has not been loaded yet may be known already as the first one.
    """
    bought = coldstart_transactions.rows().select("customer_id", "transaction_date", "amount")
    bought = bought.join(t.select("customer_id", "observed_at"), "customer_id").filter(_.transaction_date < _.observed_at)
    so_far = bought.group_by("customer_id").agg(purchases=_.count(), spent_so_far=_.amount.sum())
    t = t.left_join(so_far, "customer_id").drop("customer_id_right")
    first, amount = t.first_purchase_date.notnull().cast("int64"), t.first_purchase_amount.cast("float64")
    return t.mutate(
        purchases=t.purchases.fill_null(first),
        spent_so_far=ibis.coalesce(t.spent_so_far.cast("float64"), amount, 0.0),
    )


def newcomers(t: ft.Table) -> ft.Table:
    """One row per row of ``t``, which has the columns of ``raw.coldstart_customers``: features, rates per day observed."""
    t = bought_before(t)
    seconds = t.observed_at.delta(t.signup_date.cast("timestamp"), unit="second")
    t = t.mutate(days_observed=ibis.greatest(seconds / 86_400, 1), bought=t.first_purchase_date.notnull())
    t = t.mutate(**{name: t[name].fill_null(0) for name in COUNTERS})
    t = t.mutate(
        engagement_score=sum(((weight * t[name]) for name, weight in list(ENGAGEMENT.items())[1:]), t.website_visits_30d),
        amount=t.first_purchase_amount.cast("float64"),
    )
    quality = channel_quality.rows().select("acquisition_channel", "channel_quality")
    t = t.left_join(quality, "acquisition_channel").drop("acquisition_channel_right")
    return t.select(
        "customer_id", *COLDSTART_TRAITS, "channel_quality", "days_observed", **_indicators(t), **_rates(t),
        first_purchase_category=t.first_purchase_category.fill_null("none"),
        days_to_first_purchase=t.days_to_first_purchase,
        first_purchase_amount=t.amount,
        days_since_first_purchase=(t.days_observed - t.days_to_first_purchase),
        purchases=t.purchases,
        spent_so_far=t.spent_so_far,
        spent_per_day=t.spent_so_far / t.days_observed,
    )  # fmt: skip


def _indicators(t: ft.Table) -> dict[str, ibis.Value]:
    """Yes or no."""
    return {
        "made_first_purchase": t.bought,
        "bought_in_first_week": t.bought & (t.days_to_first_purchase <= 7).fill_null(False),
        "visited_website": t.website_visits_30d > 0,
        "opened_email": t.email_opens_30d > 0,
        "clicked_email": t.email_clicks_30d > 0,
        "added_to_cart": t.cart_adds_30d > 0,
        "cart_without_purchase": (t.cart_adds_30d > 0) & ~t.bought,
    }


def _rates(t: ft.Table) -> dict[str, ibis.Value]:
    """Counts, what they are per day observed, shares of all that was done, and what of one step leads to the next."""
    done = sum((t[name] for name in DONE[1:]), t[DONE[0]])
    return {
        **{name: t[name] for name in COUNTERS},
        **{name.replace("_30d", "_per_day"): t[name] / t.days_observed for name in COUNTERS},
        **{name.replace("_30d", "_share"): t[name] / done.nullif(0) for name in DONE},
        "actions_per_day": done / t.days_observed,
        "engagement_score": t.engagement_score,
        "engagement_per_day": t.engagement_score / t.days_observed,
        "email_click_rate": t.email_clicks_30d / t.email_opens_30d.nullif(0),
        "cart_per_view": t.cart_adds_30d / t.items_viewed_30d.nullif(0),
    }


@ft.feature_view("features.coldstart_customer_features", entity=customer, owner="crm", tags=("clv",))
def coldstart_customer_features() -> ft.Table:
    """One row per customer who was ever observed: features as of that moment."""
    return newcomers(arrivals(coldstart_customers, coldstart_customers_staging, "customer_id"))


@ft.feature_view("features.coldstart_staging_features", entity=customer, target_lag="5 minutes", grain="minute", owner="crm", tags=("clv",))
def coldstart_staging_features() -> ft.Table:
    """One row per customer in the staging table: the same features."""
    return newcomers(latest(coldstart_customers_staging, "customer_id"))


coldstart_clv_predictions = ft.scoring_table(
    "predictions.coldstart_clv_predictions",
    model=coldstart_clv_model,
    over=coldstart_staging_features,
    output="predicted_12m_ltv",
    target_lag="5 minutes",
    grain="minute",
    online=True,
    owner="crm",
    tags=("clv",),
)
