"""The features of ``features.continuous_customer_features`` in pandas, from Parquet files: as somebody writes them who knows pandas.

Only what is read is computed; words are categories, money is whole cents, which add up exactly. Files are read by
``pandas.read_parquet``, or by pyarrow with its decimals and dictionaries turned into numbers and categories before pandas sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

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

Read = Callable[[Path, Sequence[str], str, pd.Timestamp], pd.DataFrame]


def features(folder: Path, clock: datetime, *, by_arrow: bool = False) -> pd.DataFrame:
    """One row per customer with 90 days of tenure or more, by ``customer_id``."""
    now, read = pd.Timestamp(clock), _by_arrow if by_arrow else _by_pandas
    profile = _arrivals(read, folder, "continuous_customers_profile", "customer_id", "signup_date", now, ["age_group", "region"])
    profile = profile.set_index("customer_id")
    bought = _arrivals(read, folder, "continuous_transactions", "transaction_id", "transaction_date", now, ["product_category"])
    table = profile[["age_group", "region"]].join(_rfm(profile, bought, now)).join(_patterns(bought, now))
    table = _beside_others(table)
    table = table[table["tenure_days"] >= 90].join(_engagement(read, folder, now))
    return _derived(table).reset_index()


def _arrivals(read: Read, folder: Path, name: str, key: str, time: str, now: pd.Timestamp, words: Sequence[str]) -> pd.DataFrame:
    """History with what arrived since: the latest row of a key in staging takes the place of the one in history."""
    history, staging = (read(folder / f"{file}.parquet", words, time, now) for file in (name, f"{name}_staging"))
    staging = staging.sort_values(time).drop_duplicates(key, keep="last")
    rows = pd.concat([history[~history[key].isin(staging[key])], staging], ignore_index=True)
    for word in words:  # the files may have met other words, or in another order
        if not isinstance(rows[word].dtype, pd.CategoricalDtype):
            rows[word] = rows[word].astype("category")
    return rows


def _by_pandas(path: Path, words: Sequence[str], time: str, now: pd.Timestamp) -> pd.DataFrame:
    rows = pd.read_parquet(path)
    rows[time] = rows[time].astype("datetime64[us]")
    if "amount" in rows:  # decimals are Python objects
        rows["amount"] = (rows["amount"].astype("float64") * 100).round().astype("int64")
    rows[list(words)] = rows[list(words)].astype("category")
    return rows[rows[time] < now]


def _by_arrow(path: Path, words: Sequence[str], time: str, now: pd.Timestamp) -> pd.DataFrame:
    rows = pq.read_table(path, read_dictionary=list(words), filters=pc.field(time) < pa.scalar(now.to_pydatetime(), pa.timestamp("us")))
    if "amount" in rows.column_names:  # decimals would be Python objects
        cents = pc.multiply(rows["amount"].cast(pa.decimal128(18, 2)), pa.scalar(100)).cast(pa.int64())
        rows = rows.set_column(rows.column_names.index("amount"), "amount", cents)
    frame = rows.to_pandas()
    frame[time] = frame[time].astype("datetime64[us]")
    return frame


def _rfm(profile: pd.DataFrame, bought: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Recency, frequency, money and what BG/NBD reads, of all customers; money in cents."""
    positive = bought[bought["amount"] > 0]
    day = positive["transaction_date"].dt.floor("D")
    days = positive.groupby(["customer_id", day], sort=True)["amount"].sum().reset_index()
    seen = days.groupby("customer_id")
    found = seen.agg(first=("transaction_date", "first"), last=("transaction_date", "last"), on=("amount", "size"), gross=("amount", "sum"))
    found["first_amount"] = seen["amount"].first()
    year = bought[bought["transaction_date"] >= now - timedelta(days=365)]
    money = pd.DataFrame(
        {
            "frequency": positive.groupby("customer_id").size(),
            "monetary_total": bought.groupby("customer_id")["amount"].sum(),
            "spend_last_period": year.groupby("customer_id")["amount"].sum(),
        }
    )
    t = profile[["signup_date"]].join(money).join(found)
    rfm = pd.DataFrame(index=t.index)
    rfm["recency_days"] = _days(now, t["last"])
    rfm["frequency"] = t["frequency"].fillna(0)
    rfm["monetary_total"] = t["monetary_total"].fillna(0) / 100
    rfm["monetary_avg"] = t["monetary_total"] / 100 / _or_none(t["frequency"])
    rfm["tenure_days"] = _days(now, t["signup_date"])
    rfm["repeat_purchases"] = t["on"] - 1
    rfm["repeat_span_days"] = _days(t["last"], t["first"])
    rfm["purchase_age_days"] = _days(now, t["first"])
    rfm["repeat_value"] = (t["gross"] - t["first_amount"]) / 100 / _or_none(rfm["repeat_purchases"])
    rfm["spend_last_period"] = t["spend_last_period"].fillna(0) / 100
    return rfm


def _patterns(bought: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """What customers buy, and how much of it lately; only those who have bought."""
    positive = bought[bought["amount"] > 0]
    by = positive.groupby("customer_id")
    columns = {
        "unique_categories_purchased": positive[["customer_id", "product_category"]]
        .dropna()
        .drop_duplicates()
        .groupby("customer_id")
        .size(),
        "total_items_purchased": by["quantity"].sum(),
        "returns": bought[bought["amount"] < 0].groupby("customer_id").size(),
        "gross_amount": by["amount"].sum() / 100,
    }
    for days in DAYS:
        start = now - timedelta(days=days)
        columns[f"recent_{days}d_amount"] = bought[bought["transaction_date"] >= start].groupby("customer_id")["amount"].sum() / 100
        columns[f"recent_{days}d_count"] = positive[positive["transaction_date"] >= start].groupby("customer_id").size()
    return pd.DataFrame(columns)


def _engagement(read: Read, folder: Path, now: pd.Timestamp) -> pd.DataFrame:
    """What customers do besides buying; only those who have done something."""
    seen = _arrivals(read, folder, "continuous_interactions", "interaction_id", "event_date", now, ["event_type"])
    counted = seen.groupby(["customer_id", "event_type"], observed=True).size().unstack(fill_value=0)
    found = pd.DataFrame({name: counted.get(event, 0) for name, event in EVENTS.items()}, index=counted.index)
    found["total_interactions"] = counted.sum(axis=1)
    found["last_interaction"] = seen.groupby("customer_id")["event_date"].max()
    for days in (30, 90, 365):
        found[f"interactions_{days}d"] = seen[seen["event_date"] >= now - timedelta(days=days)].groupby("customer_id").size()
    found["email_engagement_rate"] = found["email_clicks"] / _or_none(found["email_opens"])
    found["days_since_interaction"] = _days(now, found.pop("last_interaction").dt.floor("D"))
    return found


def _beside_others(t: pd.DataFrame) -> pd.DataFrame:
    """Scores by quintile, means of the cohort, and the average customer."""
    t = t.copy()
    t["tenure_cohort"] = pd.cut(t["tenure_days"], [-np.inf, *COHORTS, np.inf], right=False, labels=COHORT_NAMES)
    cohorts = t.groupby("tenure_cohort", observed=True)[["monetary_total", "frequency"]].mean()
    for name, mean in (("monetary", "monetary_total"), ("frequency", "frequency")):
        t[f"cohort_{name}"] = t["tenure_cohort"].map(cohorts[mean]).astype("float64")
    buyers = t[t["frequency"] > 0]
    for name, column, never in (("recency", "recency_days", 5), ("frequency", "frequency", 1), ("monetary", "monetary_total", 1)):
        borders = buyers[column].quantile([0.2, 0.4, 0.6, 0.8]).to_numpy()
        quintile = pd.Series(never, index=t.index)
        quintile[buyers.index] = 1 + np.searchsorted(borders, buyers[column].to_numpy(), side="left")
        t[f"{name}_score"] = 6 - quintile if name == "recency" else quintile
    t["average_rate"] = buyers["frequency"].sum() / buyers["tenure_days"].sum()
    t["average_value"] = buyers["monetary_total"].sum() / buyers["frequency"].sum()
    return t


def _derived(t: pd.DataFrame) -> pd.DataFrame:
    """What follows from the columns that are there."""
    t = t.copy()
    zero = [
        "unique_categories_purchased", "total_items_purchased", "returns", "gross_amount", "total_interactions", *EVENTS,
        *(f"recent_{days}d_{what}" for days in DAYS for what in ("amount", "count")), *(f"interactions_{days}d" for days in (30, 90, 365)),
    ]  # fmt: skip
    t[zero] = t[zero].fillna(0)
    t["rfm_score"] = (4 * t["recency_score"] + 3 * t["frequency_score"] + 3 * t["monetary_score"]) / 10
    t["lifecycle_stage"] = np.select(
        [
            t["frequency"] == 0,
            t["tenure_days"] < 180,
            (t["recency_score"] <= 2) & (t["frequency_score"] >= 3),
            (t["recency_score"] >= 4) & (t["frequency_score"] >= 4) & (t["monetary_score"] >= 4),
            t["monetary_score"] >= 4,
        ],
        ["prospect", "new", "at_risk", "champion", "high_value"],
        default="regular",
    )
    t["monetary_vs_cohort"] = t["monetary_total"] / _or_none(t.pop("cohort_monetary"))
    t["frequency_vs_cohort"] = t["frequency"] / _or_none(t.pop("cohort_frequency"))
    for name, what in (("purchase", "count"), ("spending", "amount")):
        for days in (30, 90):
            t[f"{name}_velocity_{days}d"] = t[f"recent_{days}d_{what}"] / days
    t["velocity_acceleration"] = t["purchase_velocity_30d"] - t["purchase_velocity_90d"]
    t["spending_acceleration"] = t["spending_velocity_30d"] - t["spending_velocity_90d"]
    t["engagement_per_purchase"] = t["total_interactions"] / _or_none(t["frequency"])
    t["support_intensity"] = t["support_tickets"] / _or_none(t["frequency"])
    t["cart_to_view_ratio"] = t["cart_adds"] / _or_none(t["product_views"])
    rate = t["total_interactions"] / t["tenure_days"]
    t["interaction_rate"] = rate
    for days in (30, 90):
        t[f"interaction_trend_{days}d"] = t[f"interactions_{days}d"] / _or_none(days * rate)
    t["interaction_silence"] = t["days_since_interaction"] * rate
    t["expected_rate"] = (t["frequency"] + 180 * t.pop("average_rate")) / (t["tenure_days"] + 180)
    t["expected_value"] = (t.pop("gross_amount") + 2 * t.pop("average_value")) / (t["frequency"] + 2)
    t["expected_spend"] = 365 * t["expected_rate"] * t["expected_value"]
    t["purchase_silence"] = t["recency_days"] * t["expected_rate"]
    t["silence_share"] = t["recency_days"] / _or_none(t["purchase_age_days"])
    return t


def _days(end: pd.Timestamp | pd.Series, start: pd.Series) -> pd.Series:
    return (end - start).dt.days.clip(lower=0)


def _or_none(divisor: pd.Series) -> pd.Series:
    return divisor.where(divisor != 0)
