"""What a customer will spend, given what has been observed: Bayes' theorem with the world's own parameters.

Unknown are the class c, the purchase rate, the interaction rate, the inverse scale of amounts, and the week k
of the dropout. All but c and k integrate out in closed form. With x purchases worth S and n interactions in T
days, of which m(k) after week k, and e(k) = 7k + rho (T - 7k) the days in which interactions count:

- purchases: Gamma(r + x) / Gamma(r) * alpha^r / (alpha + 7k)^(r + x)
- interactions: Gamma(a + n) / Gamma(a) * b^a / (b + e(k))^(a + n) * rho^m(k)
- amounts: Gamma(q + p x) / Gamma(q) * gamma^q / (gamma + S)^(q + p x)
- dropout after week k: h (1 - h)^(k - 1); none yet: (1 - h)^floor(T / 7), with T in place of 7k and of e(k)

Week k can only be one after the last purchase. Where interactions are only counted, e(k)^n takes the place of
rho^m(k). The expected spend is the sum over c of P(c, no dropout yet | data) * (r + x) / (alpha + T) * A(c)
* p (gamma + S) / (q + p x - 1), where A(c) is the expected number of the coming days before the dropout.

Sources: Schmittlein, Morrison and Colombo (1987), "Counting Your Customers", Management Science 33(1), for purchases
until an unseen dropout; Fader, Hardie and Lee (2005), Marketing Science 24(2), for the dropout in discrete chances;
Colombo and Jiang (1999), Journal of Interactive Marketing 13(3), for the gamma-gamma model of amounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foretable.simulate import clv_shape as shape

BLOCK = 2_000
"""Customers whose weeks are looked at together: they fit into the processor's memory."""
SURELY = 600.0
"""A dropout exp(600) times as likely as none is certain."""


@dataclass(frozen=True)
class Evidence:
    """What is observed of each customer until a date.

    Attributes
    ----------
    logits
        (customers, classes): logarithms of the chances of the class before events, up to a constant per customer.
    days
        Whole days observed since signup, at least 1.
    purchases, spent
        How many and for how much together.
    last_week
        Week of the last purchase, from 1; 0 without one.
    looked
        Interactions.
    later
        How many of them came after the ends of weeks, given places of customers and weeks; None where they are only counted.
    pace
        Factor on the interaction rates of the world.
    """

    logits: np.ndarray
    days: np.ndarray
    purchases: np.ndarray
    spent: np.ndarray
    last_week: np.ndarray
    looked: np.ndarray
    later: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    pace: float = 1.0


def expected_spend(seen: Evidence, ahead: int = 365) -> np.ndarray:
    """The expected spend in the ``ahead`` days after the date, per customer, in the currency of the amounts.

    It is exact but for the rounding of amounts to cents and of times to seconds, both negligible.
    """
    x = seen.purchases[:, None]
    rate = (shape.PURCHASE_SHAPE + x) / (shape.PURCHASE_RATE + seen.days[:, None])
    points = shape.PRICE_SHAPE + shape.AMOUNT_SHAPE * x
    amount = shape.AMOUNT_SHAPE * (shape.PRICE_RATE + seen.spent[:, None]) / (points - 1)
    spend: np.ndarray = (still_buying(seen) * rate * active_days(seen.days, ahead) * amount).sum(axis=1)
    return spend


def still_buying(seen: Evidence) -> np.ndarray:
    """The chance of each class together with no dropout yet, given the evidence: (customers, classes); rows sum to 1 at most."""
    closed = _without_weeks(seen)
    days = seen.days[:, None].astype(np.float64)
    alive = closed + _exposed(seen, days, days) + (seen.days // 7)[:, None] * np.log1p(-shape.DROPOUT)
    if seen.later is None:
        alive += seen.looked[:, None] * np.log(days)
    top = alive.max(axis=1)
    gone = np.zeros(len(top))
    for first in range(0, len(top), BLOCK):
        block = slice(first, first + BLOCK)
        gone[block] = _gone(seen, block, closed - top[:, None])
    weight = np.exp(alive - top[:, None])
    chance: np.ndarray = weight / (weight.sum(axis=1) + gone)[:, None]
    return chance


def active_days(days: np.ndarray, ahead: int) -> np.ndarray:
    """How many of the coming days are before the dropout, on average, for those who buy today: (customers, classes)."""
    to_week_end = 7 - days % 7
    weeks, rest = np.divmod(ahead - to_week_end, 7)
    stays = 1 - shape.DROPOUT
    whole = 7 * stays * (1 - stays ** weeks[:, None]) / shape.DROPOUT
    expected: np.ndarray = to_week_end[:, None] + whole + rest[:, None] * stays ** (weeks[:, None] + 1)
    return expected


def _without_weeks(seen: Evidence) -> np.ndarray:
    """Log-likelihoods but for the terms with the week of the dropout: (customers, classes)."""
    from scipy.special import gammaln

    x, n, spent = seen.purchases[:, None], seen.looked[:, None], seen.spent[:, None]
    points = shape.PRICE_SHAPE + shape.AMOUNT_SHAPE * x
    looks = shape.INTERACTION_RATE / seen.pace
    total: np.ndarray = (
        seen.logits
        + gammaln(shape.PURCHASE_SHAPE + x)
        - gammaln(shape.PURCHASE_SHAPE)
        + shape.PURCHASE_SHAPE * np.log(shape.PURCHASE_RATE)
        + gammaln(shape.INTERACTION_SHAPE + n)
        - gammaln(shape.INTERACTION_SHAPE)
        + shape.INTERACTION_SHAPE * np.log(looks)
        + shape.PRICE_SHAPE * np.log(shape.PRICE_RATE)
        - points * np.log(shape.PRICE_RATE + spent)
    )
    return total


def _exposed(seen: Evidence, bought: np.ndarray, looked: np.ndarray) -> np.ndarray:
    """The terms of the days in which purchases and interactions count, for every customer: (customers, classes)."""
    looks = shape.INTERACTION_RATE / seen.pace
    terms: np.ndarray = -(shape.PURCHASE_SHAPE + seen.purchases[:, None]) * np.log(shape.PURCHASE_RATE + bought)
    terms -= (shape.INTERACTION_SHAPE + seen.looked[:, None]) * np.log(looks + looked)
    return terms


def _gone(seen: Evidence, block: slice, closed: np.ndarray) -> np.ndarray:
    """The likelihood of a dropout at any week end before the date, summed over weeks and classes, per customer of the block."""
    first = np.maximum(seen.last_week[block], 1)
    counts = np.maximum(seen.days[block] // 7 - first + 1, 0)
    row = np.repeat(np.arange(len(counts)), counts)
    week = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + first[row]
    place = row + block.start
    counted = 7.0 * week + shape.AFTER_DROPOUT * (seen.days[place] - 7.0 * week)
    after = seen.looked[place] * np.log(counted) if seen.later is None else seen.later(place, week) * np.log(shape.AFTER_DROPOUT)
    ends = 7.0 * np.arange(week.max(initial=0) + 1)
    total = np.zeros(len(counts))
    for group in range(len(shape.CLASSES)):
        chance = np.arange(-1, len(ends) - 1) * np.log1p(-shape.DROPOUT[group]) + np.log(shape.DROPOUT[group])
        term = closed[place, group] + after + chance[week]
        term -= (shape.PURCHASE_SHAPE[group] + seen.purchases[place]) * np.log(shape.PURCHASE_RATE[group] + ends)[week]
        looks = shape.INTERACTION_RATE[group] / seen.pace
        term -= (shape.INTERACTION_SHAPE[group] + seen.looked[place]) * np.log(looks + counted)
        total += np.bincount(row, np.exp(np.minimum(term, SURELY)), minlength=len(counts))
    return total
