"""What drives every customer of the lifetime-value worlds: hidden first, events from it.

A customer belongs to a hidden class, which gives the distributions of a purchase rate, an interaction
rate, the inverse scale of amounts and the week of the dropout. Until the dropout, which can only be at
the end of a week counted from signup, purchases and interactions are Poisson processes; after it no
purchase is made and interactions go on at a small share of their rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.simulate import clv_shape as shape

SECONDS = 86_400
PLACES = 28
"""Bits of an event's second since signup: 2 ** 28 seconds are 8.5 years."""


@dataclass(frozen=True)
class Lives:
    """What is hidden, one element per customer.

    ``group`` is the place of the class, ``purchases`` and ``interactions`` are rates per day, ``price`` the inverse scale of amounts
    (their mean is AMOUNT_SHAPE / price), ``weeks`` how many weeks after signup purchases end.
    """

    group: np.ndarray
    purchases: np.ndarray
    interactions: np.ndarray
    price: np.ndarray
    weeks: np.ndarray

    def active(self, days: np.ndarray) -> np.ndarray:
        """How many of the first ``days`` after signup are before the dropout."""
        until: np.ndarray = np.minimum(7.0 * self.weeks, days)
        return until


def draw_lives(logits: np.ndarray, rng: np.random.Generator) -> Lives:
    """Lives of customers whose classes have the given logits, shape (customers, classes)."""
    group = pick(np.exp(logits), rng)
    return Lives(
        group=group,
        purchases=rng.gamma(shape.PURCHASE_SHAPE[group]) / shape.PURCHASE_RATE[group],
        interactions=rng.gamma(shape.INTERACTION_SHAPE[group]) / shape.INTERACTION_RATE[group],
        price=rng.gamma(shape.PRICE_SHAPE, size=len(group)) / shape.PRICE_RATE[group],
        weeks=rng.geometric(shape.DROPOUT[group]),
    )


def draw_purchases(lives: Lives, days: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Purchases in the first ``days`` of each customer: the customer's place, the second since signup, the amount in cents.

    Ordered by customer and time. Amounts are rounded to cents, at least one: that moves a mean by less than a tenth of a cent.
    """
    until = lives.active(days)
    who = np.repeat(np.arange(len(days)), rng.poisson(lives.purchases * until))
    who, second = in_order(who, rng.random(len(who)) * until[who])
    amount = rng.gamma(shape.AMOUNT_SHAPE, size=len(who)) / lives.price[who]
    return who, second, np.maximum(np.rint(amount * 100), 1).astype(np.int64)


def in_order(who: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events ordered by customer and time, times in whole seconds; one sort of one number is several times faster than of two."""
    key = (who << PLACES) | (days * SECONDS).astype(np.int64)
    key.sort()
    return key >> PLACES, key & ((1 << PLACES) - 1)


def signups(first: int, last: int, of: int, start: np.datetime64, rng: np.random.Generator) -> np.ndarray:
    """Days of signup of the customers ``first`` to ``last`` (excluded) of ``of``, the earliest first."""
    place = (np.arange(first, last) + rng.random(last - first)) / of
    length = (shape.CLOCK - start).astype(np.int64)
    days: np.ndarray = start + np.minimum(place**shape.GROWTH * length, length - 1).astype(np.int64)
    return days


def pick(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One category per row, with the row's weights."""
    steps = np.cumsum(weights, axis=1)
    picked: np.ndarray = (rng.random(len(weights))[:, None] * steps[:, -1:] >= steps).sum(axis=1)
    return picked


def drawn(shares: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Categories with the same shares for everybody."""
    return np.minimum(np.searchsorted(np.cumsum(shares), rng.random(n), side="right"), len(shares) - 1)


def drawn_256ths(shares: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """As :func:`drawn` for shares in 256ths: a byte of chance for each."""
    codes: np.ndarray = np.repeat(np.arange(len(shares), dtype=np.int8), shares)[rng.integers(0, 256, n, dtype=np.uint8)]
    return codes


def or_unknown(codes: np.ndarray, unknown: int, rng: np.random.Generator) -> np.ndarray:
    """The codes, some replaced by the code for what is not known."""
    return np.where(rng.random(len(codes)) < shape.UNKNOWN, unknown, codes)


def words(codes: np.ndarray, of: tuple[str, ...]) -> pa.Array:
    """Categories as words; a code beyond the last is NULL."""
    known = codes < len(of)
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8), mask=None if known.all() else ~known), pa.array(of))


def money(cents: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Whole cents as DECIMAL(10,2)."""
    halves = np.zeros((len(cents), 2), dtype=np.int64)  # a decimal is 128 bits, the low half first
    halves[:, 0] = cents
    column = pa.Array.from_buffers(pa.decimal128(10, 2), len(cents), [None, pa.py_buffer(halves)])
    return column if missing is None else pc.if_else(pa.array(missing), pa.scalar(None, column.type), column)


def moments(day: np.ndarray, second: np.ndarray | int) -> pa.Array:
    """A day and a second after it as TIMESTAMP in microseconds."""
    return pa.array((day.astype("datetime64[s]").astype(np.int64) + second) * 1_000_000, pa.int64()).cast(pa.timestamp("us"))
