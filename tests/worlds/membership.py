"""Clubs whose members leave with a probability that is known.

Every period of 30 days a member visits, complains and misses payments at rates of its own, which drift. Whether it leaves
in the next period depends on what could be seen of it by then, and on nothing else, so the probability drawn from is the best
score that anybody could give from the observed history: the Bayes score. The parameters, and what the Bayes scores reach,
stand in ``frozen.json``, written before any model was tried on these worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

START = np.datetime64("2024-01-01", "us")
PERIOD = np.timedelta64(30 * 86_400, "s").astype("timedelta64[us]")
PERIODS = 10
"""The first two only fill the windows; the last one goes on after the day of the warehouse."""
DATES = range(2, 8)
"""Periods at whose beginning members are scored."""
PLANS = np.array(["basic", "plus", "family"])
CHANNELS = np.array(["web", "shop", "friend"])


@dataclass(frozen=True)
class World:
    """Members, and the coefficients of the log-odds of leaving in the next 30 days."""

    members: int
    seed: int
    constant: float
    visits: float
    """Times log(1 + visits of the last 30 days)."""
    complaints: float
    """Times the complaints of the last 60 days, at most 4."""
    missed: float
    """Times the missed payments of the last 60 days, at most 2."""
    basic: float
    """Where the plan is basic."""
    complaints_on_basic: float
    """Complaints on a basic plan once more."""
    fell_silent: float
    """Where there was a visit in the 30 days before the last 30, and none since."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """Raw tables, and for each (member, date) who was there the probability of leaving within 30 days, and whether it did."""

    tables: Mapping[str, pa.Table]
    truth: pa.Table


def simulate(world: World) -> Simulated:
    """Everything that happened, in the order of its making; equal worlds are equal."""
    random = np.random.default_rng(world.seed)
    count = world.members
    plan, channel = random.choice(3, count, p=[0.5, 0.3, 0.2]), random.integers(3, size=count)
    joined = np.where(random.random(count) < 0.6, -random.integers(1, 24, count), random.integers(0, PERIODS - 1, count))
    keenness, trouble = random.normal(1.2, 0.9, count), random.gamma(0.7, 0.6, count)
    visits, complaints, missed = (np.zeros((PERIODS, count), dtype=int) for _ in range(3))
    there, left = joined < 0, np.full(count, PERIODS)
    truth: list[dict[str, np.ndarray]] = []
    for period in range(PERIODS):
        there = (there | (joined == period)) & (left > period)
        keenness = keenness + random.normal(0, 0.5, count)
        visits[period] = np.where(there, random.poisson(np.exp(keenness.clip(-3, 3.2))), 0)
        complaints[period] = np.where(there, random.poisson(trouble), 0)
        missed[period] = np.where(there, random.binomial(2, 0.08 + 0.25 * (trouble > 0.9), count), 0)
        chance = probability(world, visits, complaints, missed, plan, period)
        gone = there & (random.random(count) < chance)
        left[gone] = period + 1
        if period + 1 in DATES:
            known = np.flatnonzero(there)
            truth.append({"member_id": known, "period": np.full(len(known), period + 1), "p": chance[known], "left": gone[known]})
    where = np.concatenate([part["period"] for part in truth])
    return Simulated(
        {
            "members": pa.table(
                {
                    "member_id": np.arange(count),
                    "joined_at": START + np.maximum(joined, -24) * PERIOD,
                    "plan": PLANS[plan],
                    "channel": CHANNELS[channel],
                }
            ),
            "visits": _events(visits, random),
            "complaints": _events(complaints, random),
            "missed_payments": _events(missed, random),
            "exits": _exits(left, random),
        },
        pa.table(
            {
                "member_id": np.concatenate([part["member_id"] for part in truth]),
                "as_of": START + where * PERIOD,
                "p": np.concatenate([part["p"] for part in truth]),
                "gone": np.concatenate([part["left"] for part in truth]),
            }
        ),
    )


def probability(world: World, visits: np.ndarray, complaints: np.ndarray, missed: np.ndarray, plan: np.ndarray, period: int) -> np.ndarray:
    """The chance of leaving in the period after ``period``, from what was seen up to its end."""
    before = max(period - 1, 0)
    recent = complaints[period] + (complaints[before] if period else 0)
    unpaid = missed[period] + (missed[before] if period else 0)
    basic = plan == 0
    silent = (visits[period] == 0) & (visits[before] > 0) & (period > 0)
    odds = (
        world.constant
        + world.visits * np.log1p(visits[period])
        + world.complaints * np.minimum(recent, 4)
        + world.missed * np.minimum(unpaid, 2)
        + world.basic * basic
        + world.complaints_on_basic * basic * np.minimum(recent, 4)
        + world.fell_silent * silent
    )
    chance: np.ndarray = 1 / (1 + np.exp(-odds))
    return chance


def _events(counts: np.ndarray, random: np.random.Generator) -> pa.Table:
    """One row per event, at a random second of its period."""
    period, member = np.nonzero(counts)
    times = counts[period, member]
    period, member = np.repeat(period, times), np.repeat(member, times)
    seconds = random.integers(0, 30 * 86_400, len(period)).astype("timedelta64[s]")
    return pa.table({"member_id": member, "happened_at": START + period * PERIOD + seconds})


def _exits(left: np.ndarray, random: np.random.Generator) -> pa.Table:
    """Who left, and when: on a day of the period after the one that decided it."""
    member = np.flatnonzero(left < PERIODS)
    seconds = random.integers(0, 30 * 86_400, len(member)).astype("timedelta64[s]")
    return pa.table({"member_id": member, "left_at": START + left[member] * PERIOD + seconds})
