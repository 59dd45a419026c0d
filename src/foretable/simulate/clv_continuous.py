"""Customers with a history: profiles, transactions and interactions, and what of them has not been loaded yet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from foretable.simulate import clv_shape as shape
from foretable.simulate.clv_process import (
    Lives,
    draw_lives,
    draw_purchases,
    drawn,
    drawn_256ths,
    in_order,
    moments,
    money,
    or_unknown,
    signups,
    words,
)
from foretable.simulate.clv_staging import Arrivals, split

PROFILE, TRANSACTIONS, INTERACTIONS = "continuous_customers_profile", "continuous_transactions", "continuous_interactions"


def continuous_logits(age: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Logits of the hidden class given the recorded age group and region, shape (customers, classes)."""
    logits: np.ndarray = shape.BASE + shape.BY_AGE[age] + shape.BY_REGION[region]
    return logits


def continuous_chunk(
    first: int, last: int, of: int, seed: np.random.SeedSequence, ids: dict[str, int], *, interactions: float = 1.0, correct: bool = False
) -> dict[str, pa.Table]:
    """The tables of the customers ``first`` to ``last`` (excluded), by name, staging tables too.

    Parameters
    ----------
    first, last, of
        Places of the customers in the whole world, from 0; ids are one more.
    seed
        The chunk's own; customers, hidden lives, purchases and interactions each draw from a generator of their own.
    ids
        Rows of each table before this chunk; counted on.
    interactions
        Share of the interactions that is kept, 0 to 1.
    correct
        Whether some rows of the history are wrong and come again, right, in staging.
    """
    who, hidden, buys, looks, mends = (np.random.default_rng(each) for each in seed.spawn(5))
    n, signup = last - first, signups(first, last, of, shape.CONTINUOUS_START, who)
    age = or_unknown(drawn(shape.AGES, n, who), len(shape.AGE_GROUPS), who)
    region = or_unknown(drawn(shape.REGION, n, who), len(shape.REGIONS), who)
    lives = draw_lives(continuous_logits(age, region), hidden)
    days = (shape.CLOCK - signup).astype(np.float64)
    customer = np.arange(first + 1, last + 1)
    profile = {"customer_id": pa.array(customer), "signup_date": pa.array(signup), "age_group": words(age, shape.AGE_GROUPS)}
    arrivals = Arrivals(signup, mends if correct else None)
    tables = split(PROFILE, {**profile, "region": words(region, shape.REGIONS)}, arrivals.customers(), arrivals, wrong="region")
    by_customer = (customer, signup)
    tables |= _transactions(by_customer, draw_purchases(lives, days, buys), ids, arrivals, buys)
    return tables | _interactions(by_customer, _looks(lives, days, interactions, looks), ids, arrivals, looks)


def _looks(lives: Lives, days: np.ndarray, kept: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Interactions: the customer's place and the second since signup; days after the dropout count as AFTER_DROPOUT of a day."""
    until = lives.active(days)
    exposure = until + shape.AFTER_DROPOUT * (days - until)
    who = np.repeat(np.arange(len(days)), rng.poisson(kept * lives.interactions * exposure))
    day = rng.random(len(who)) * exposure[who]
    end = until[who]
    day = np.where(day > end, end + (day - end) / shape.AFTER_DROPOUT, day)
    return in_order(who, np.minimum(day, np.nextafter(days, 0)[who]))


def _transactions(
    by_customer: tuple[np.ndarray, np.ndarray],
    purchases: tuple[np.ndarray, np.ndarray, np.ndarray],
    ids: dict[str, int],
    arrivals: Arrivals,
    rng: np.random.Generator,
) -> dict[str, pa.Table]:
    (customer, signup), (who, second, cents) = by_customer, purchases
    columns = {
        "transaction_id": numbered(TRANSACTIONS, len(who), ids),
        "customer_id": pa.array(customer[who]),
        "transaction_date": moments(signup[who], second),
        "amount": money(cents),
        "product_category": words(drawn_256ths(shape.PRODUCT_256THS, len(who), rng), shape.PRODUCT_CATEGORIES),
        "quantity": pa.array(drawn_256ths(shape.QUANTITY_256THS, len(who), rng).astype(np.int32) + 1),
    }
    return split(TRANSACTIONS, columns, arrivals.events(who, second), arrivals, wrong="amount")


def _interactions(
    by_customer: tuple[np.ndarray, np.ndarray],
    looks: tuple[np.ndarray, np.ndarray],
    ids: dict[str, int],
    arrivals: Arrivals,
    rng: np.random.Generator,
) -> dict[str, pa.Table]:
    (customer, signup), (who, second) = by_customer, looks
    columns = {
        "interaction_id": numbered(INTERACTIONS, len(who), ids),
        "customer_id": pa.array(customer[who]),
        "event_date": moments(signup[who], second),
        "event_type": words(drawn_256ths(shape.EVENT_256THS, len(who), rng), shape.EVENT_TYPES),
    }
    return split(INTERACTIONS, columns, arrivals.events(who, second), arrivals, wrong="event_type")


def numbered(table: str, rows: int, ids: dict[str, int]) -> pa.Array:
    """Ids of a table's next rows, from 1 on."""
    before = ids.get(table, 0)
    ids[table] = before + rows
    return pa.array(np.arange(before + 1, before + rows + 1))
