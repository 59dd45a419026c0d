"""Customers in their first month: how they came, what they did until they were exported, and all that they bought since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from foretable.simulate import clv_shape as shape
from foretable.simulate.clv_continuous import numbered
from foretable.simulate.clv_process import (
    SECONDS,
    Lives,
    draw_lives,
    draw_purchases,
    drawn,
    moments,
    money,
    or_unknown,
    pick,
    signups,
    words,
)
from foretable.simulate.clv_staging import Arrivals, split

CUSTOMERS, TRANSACTIONS = "coldstart_customers", "coldstart_transactions"
FIRST_ID = 1_000_000_001
"""Far from the ids of the continuous customers: these are other people."""


@dataclass(frozen=True)
class Traits:
    """What is known of newcomers: places in the lists of ``clv_shape``, one element per customer; signup in days."""

    signup: np.ndarray
    channel: np.ndarray
    source: np.ndarray
    device: np.ndarray
    age: np.ndarray
    region: np.ndarray
    area: np.ndarray


def coldstart_logits(traits: Traits) -> np.ndarray:
    """Logits of the hidden class given the recorded traits and the day of signup, shape (customers, classes)."""
    years = (traits.signup - shape.DRIFT_FROM).astype(np.int64) / shape.DAYS
    logits: np.ndarray = (
        shape.BASE
        + shape.BY_AGE[traits.age]
        + shape.BY_REGION[traits.region]
        + shape.BY_CHANNEL[traits.channel]
        + shape.DRIFT[traits.channel] * years[:, None]
        + shape.BY_SOURCE[traits.source]
        + shape.BY_DEVICE[traits.device]
        + shape.BY_AREA[traits.area]
    )
    return logits


def coldstart_chunk(
    first: int, last: int, of: int, seed: np.random.SeedSequence, ids: dict[str, int], *, correct: bool = False
) -> dict[str, pa.Table]:
    """The tables of the customers ``first`` to ``last`` (excluded), by name, staging too; parameters as in ``continuous_chunk``."""
    who, hidden, buys, looks, mends = (np.random.default_rng(each) for each in seed.spawn(5))
    traits = _traits(signups(first, last, of, shape.COLDSTART_START, who), who)
    lives = draw_lives(coldstart_logits(traits), hidden)
    days = (shape.CLOCK - traits.signup).astype(np.int64)
    seen = np.minimum(np.where(who.random(len(days)) < shape.FULL_MONTH, 30, who.integers(1, 30, len(days))), days)
    purchases = draw_purchases(lives, days.astype(np.float64), buys)
    customer = np.arange(first, last) + FIRST_ID
    columns = {
        "customer_id": pa.array(customer),
        "signup_date": pa.array(traits.signup),
        "acquisition_channel": words(traits.channel, shape.CHANNELS),
        "acquisition_source": words(traits.source, shape.SOURCES),
        "device_type": words(traits.device, shape.DEVICES),
        "age_group": words(traits.age, shape.AGE_GROUPS),
        "region": words(traits.region, shape.REGIONS),
        "area_type": words(traits.area, shape.AREAS),
        **_first_purchase(traits.signup, seen, purchases, buys),
        **_counters(lives, seen, looks),
        # A second before the clock at the latest: what is of the clock itself is not known yet.
        "observed_at": moments(traits.signup + seen, -(traits.signup + seen >= shape.CLOCK).astype(np.int64)),
    }
    bought, second, cents = purchases
    transactions = {
        "transaction_id": numbered(TRANSACTIONS, len(bought), ids),
        "customer_id": pa.array(customer[bought]),
        "transaction_date": moments(traits.signup[bought], second),
        "amount": money(cents),
    }
    arrivals = Arrivals(traits.signup, mends if correct else None)
    return {TRANSACTIONS: pa.table(transactions), **split(CUSTOMERS, columns, arrivals.customers(), arrivals, wrong="region")}


def _traits(signup: np.ndarray, rng: np.random.Generator) -> Traits:
    n = len(signup)
    channel = drawn(shape.CHANNEL, n, rng)
    return Traits(
        signup=signup,
        channel=channel,
        source=pick(shape.SOURCE[channel], rng),
        device=drawn(shape.DEVICE, n, rng),
        age=or_unknown(drawn(shape.AGES, n, rng), len(shape.AGE_GROUPS), rng),
        region=or_unknown(drawn(shape.REGION, n, rng), len(shape.REGIONS), rng),
        area=drawn(shape.AREA, n, rng),
    )


def _first_purchase(
    signup: np.ndarray, seen: np.ndarray, purchases: tuple[np.ndarray, np.ndarray, np.ndarray], rng: np.random.Generator
) -> dict[str, pa.Array]:
    """The first purchase as known when the customer was exported; NULL where there was none by then."""
    who, second, cents = purchases
    starts = np.searchsorted(who, np.arange(len(signup)))
    known = np.zeros(len(signup), dtype=bool)
    has = np.flatnonzero(np.bincount(who, minlength=len(signup)))
    known[has] = second[starts[has]] < seen[has] * SECONDS
    day, amount = np.zeros(len(signup), dtype=np.int64), np.zeros(len(signup), dtype=np.int64)
    day[known], amount[known] = second[starts[known]] // SECONDS, cents[starts[known]]
    category = rng.integers(0, len(shape.FIRST_CATEGORIES), len(signup))
    return {
        "days_to_first_purchase": pa.array(day.astype(np.int32), mask=~known),
        "first_purchase_date": pa.array(signup + day, mask=~known),
        "first_purchase_amount": money(amount, ~known),
        "first_purchase_category": words(np.where(known, category, len(shape.FIRST_CATEGORIES)), shape.FIRST_CATEGORIES),
    }


def _counters(lives: Lives, seen: np.ndarray, rng: np.random.Generator) -> dict[str, pa.Array]:
    """What the customer did from signup until exported: Poisson counts, clicks a share of the opened emails."""
    until = lives.active(seen.astype(np.float64))
    exposure = until + shape.AFTER_DROPOUT * (seen - until)
    means = (shape.FIRST_MONTH * lives.interactions * exposure)[:, None] * shape.COUNTED[lives.group]
    visits, opens, items, carts = rng.poisson(means).T
    clicks = rng.binomial(opens, shape.CLICKED[lives.group])
    names = ("website_visits_30d", "email_opens_30d", "email_clicks_30d", "items_viewed_30d", "cart_adds_30d")
    counts = (visits, opens, clicks, items, carts)
    return {name: pa.array(count.astype(np.int32)) for name, count in zip(names, counts, strict=True)}
