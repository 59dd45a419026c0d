"""The truth behind the lifetime-value worlds: the best prediction of each customer's next 12 months, and what they spent.

It is computed from the raw tables alone, so that nothing is known that a model could not know, but for the
parameters of the world (``clv_shape``): no predictor has a smaller expected squared error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.simulate import clv_coldstart as cold
from foretable.simulate import clv_continuous as continuous
from foretable.simulate import clv_shape as shape
from foretable.simulate.clv_posterior import Evidence, expected_spend
from foretable.simulate.clv_process import PLACES, SECONDS, moments
from foretable.simulate.clv_staging import merged

AHEAD = 365
QUARTERS = tuple(np.datetime64(f"{2021 + at // 4}-{1 + 3 * (at % 4):02}-01", "D") for at in range(17))
"""2021-01-01, 2021-04-01, …, 2025-01-01: the last date whose 12 months are over."""


def clv_truth(tables: Mapping[str, pa.Table], as_of: Sequence[np.datetime64] = QUARTERS, *, interactions: float = 1.0) -> pa.Table:
    """What the customers of raw tables are worth in the 365 days after each date.

    Parameters
    ----------
    tables
        What ``simulate_clv`` gave, or one part of ``clv_chunks``; rows of staging take the place of those in the history.
    as_of
        Dates for continuous customers; a customer has a row at those after the signup. Cold-start customers have one
        row, at their ``observed_at``.
    interactions
        The share that was kept when the tables were made.

    Returns
    -------
    pyarrow.Table
        One row per customer and date: customer_id, scenario (continuous, coldstart), as_of (TIMESTAMP),
        expected_12m_value given what was observed before as_of, observed_12m_value (NULL where the year is not over).
    """
    parts = []
    if continuous.PROFILE in tables:
        parts += _continuous(tables, as_of, interactions)
    if cold.CUSTOMERS in tables:
        parts.append(_coldstart(tables))
    return pa.concat_tables(parts)


@dataclass(frozen=True)
class Events:
    """Events of customers in the order of customer and time: a number for each (see ``clv_process``), and sums of cents up to it."""

    keys: np.ndarray
    sums: np.ndarray

    def until(self, who: np.ndarray, days: np.ndarray) -> np.ndarray:
        """The place of the first event of a customer that is ``days`` after signup, or later."""
        return np.searchsorted(self.keys, (who << PLACES) + days.astype(np.int64) * SECONDS)

    def between(self, who: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of events, and their amounts together, from ``start`` (included) to ``end`` days after signup."""
        first, last = self.until(who, start), self.until(who, end)
        return last - first, (self.sums[last] - self.sums[first]) / 100


def _events(rows: pa.Table, customer: np.ndarray, signup: np.ndarray, time: str, amount: str | None = None) -> Events:
    who = np.searchsorted(customer, rows["customer_id"].to_numpy())
    second = rows[time].to_numpy().astype("datetime64[s]").astype(np.int64) - signup.astype(np.int64)[who] * SECONDS
    keys = (who << PLACES) | second
    if amount is None:
        return Events(np.sort(keys), np.zeros(len(keys) + 1))
    order = np.argsort(keys, kind="stable")
    cents = np.rint(pc.multiply(rows[amount].cast(pa.float64()), 100).to_numpy())
    return Events(keys[order], np.concatenate([[0.0], np.cumsum(cents[order])]))


def _continuous(tables: Mapping[str, pa.Table], dates: Sequence[np.datetime64], interactions: float) -> list[pa.Table]:
    profile, bought, looked = (_whole(tables, name) for name in (continuous.PROFILE, continuous.TRANSACTIONS, continuous.INTERACTIONS))
    customer, signup = profile["customer_id"].to_numpy(), profile["signup_date"].to_numpy().astype("datetime64[D]")
    purchases = _events(bought, customer, signup, "transaction_date", "amount")
    looks = _events(looked, customer, signup, "event_date")
    logits = _shares(continuous.continuous_logits(_codes(profile, "age_group", shape.AGE_GROUPS), _codes(profile, "region", shape.REGIONS)))
    found = []
    for date in dates:
        there = np.flatnonzero(signup < date)
        days = (date - signup[there]).astype(np.int64)
        seen = _evidence(purchases, there, days, logits[there], looks=looks, pace=interactions)
        found.append(_rows("continuous", customer[there], np.full(len(there), date), seen, _outcome(purchases, there, days, signup)))
    return found


def _evidence(purchases: Events, who: np.ndarray, days: np.ndarray, logits: np.ndarray, *, looks: Events, pace: float) -> Evidence:
    """What is observed of continuous customers in their first ``days``."""
    zero = np.zeros(len(who))
    number, spent = purchases.between(who, zero, days)
    end = looks.until(who, days)

    def later(place: np.ndarray, week: np.ndarray) -> np.ndarray:
        after: np.ndarray = end[place] - looks.until(who[place], 7 * week)
        return after

    looked = end - looks.until(who, zero)
    return Evidence(logits, days, number, spent, _last_week(purchases, who, days, number), looked, later, pace)


def _coldstart(tables: Mapping[str, pa.Table]) -> pa.Table:
    rows, bought = _whole(tables, cold.CUSTOMERS), _whole(tables, cold.TRANSACTIONS)
    customer, signup = rows["customer_id"].to_numpy(), rows["signup_date"].to_numpy().astype("datetime64[D]")
    purchases = _events(bought, customer, signup, "transaction_date", "amount")
    who, observed = np.arange(len(customer)), rows["observed_at"].to_numpy().astype("datetime64[s]")
    days = -((signup - observed).astype(np.int64) // SECONDS)  # whole: exported at midnight, or a second before the clock
    counts = [rows[f"{name}_30d"].to_numpy() for name in ("website_visits", "email_opens", "items_viewed", "cart_adds", "email_clicks")]
    counted, clicks = np.stack(counts[:4], axis=1), counts[4][:, None]
    logits = _shares(cold.coldstart_logits(_traits(rows, signup))) + counted @ np.log(shape.COUNTED).T
    logits = logits + clicks * np.log(shape.CLICKED) + (counted[:, 1:2] - clicks) * np.log1p(-shape.CLICKED)
    number, spent = purchases.between(who, np.zeros(len(who)), days)
    last = _last_week(purchases, who, days, number)
    seen = Evidence(logits, days, number, spent, last, counted.sum(axis=1), pace=shape.FIRST_MONTH)
    return _rows("coldstart", customer, observed, seen, _outcome(purchases, who, days, signup))


def _last_week(purchases: Events, who: np.ndarray, days: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The week of the last purchase before ``days``, from 1; 0 where there is none."""
    last = np.zeros(len(who), dtype=np.int64)
    has = number > 0
    second = purchases.keys[purchases.until(who[has], days[has]) - 1] & ((1 << PLACES) - 1)
    last[has] = second // (7 * SECONDS) + 1
    return last


def _outcome(purchases: Events, who: np.ndarray, days: np.ndarray, signup: np.ndarray) -> pa.Array:
    _, spent = purchases.between(who, days, days + AHEAD)
    return pa.array(spent, mask=signup[who] + days + AHEAD > shape.CLOCK)


def _rows(scenario: str, customer: np.ndarray, date: np.ndarray, seen: Evidence, outcome: pa.Array) -> pa.Table:
    return pa.table(
        {
            "customer_id": customer,
            "scenario": pa.repeat(scenario, len(customer)),
            "as_of": moments(date, 0),
            "expected_12m_value": expected_spend(seen, AHEAD),
            "observed_12m_value": outcome,
        }
    )


def _whole(tables: Mapping[str, pa.Table], name: str) -> pa.Table:
    rows = merged(tables[name], tables.get(f"{name}_staging"))
    return rows.sort_by("customer_id") if name in (continuous.PROFILE, cold.CUSTOMERS) else rows


def _shares(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the shares that the logits stand for."""
    shares: np.ndarray = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return shares


def _codes(rows: pa.Table, column: str, of: tuple[str, ...]) -> np.ndarray:
    """Places of words in a list; NULL is one beyond the last."""
    found: np.ndarray = pc.fill_null(pc.index_in(rows[column].cast(pa.string()), value_set=pa.array(of)), len(of)).to_numpy()
    return found


def _traits(rows: pa.Table, signup: np.ndarray) -> cold.Traits:
    return cold.Traits(
        signup=signup,
        channel=_codes(rows, "acquisition_channel", shape.CHANNELS),
        source=_codes(rows, "acquisition_source", shape.SOURCES),
        device=_codes(rows, "device_type", shape.DEVICES),
        age=_codes(rows, "age_group", shape.AGE_GROUPS),
        region=_codes(rows, "region", shape.REGIONS),
        area=_codes(rows, "area_type", shape.AREAS),
    )
