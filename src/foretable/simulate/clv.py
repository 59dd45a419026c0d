"""The lifetime-value worlds, continuous and cold start: the raw tables of both, whole or chunk by chunk.

Continuous customers have profiles, transactions and interactions of up to seven years; cold-start
customers are seen once, in their first 30 days, and what they bought until the clock is known. The truth
behind them is in ``clv_truth``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from foretable.errors import UsageError
from foretable.simulate.clv_coldstart import coldstart_chunk
from foretable.simulate.clv_continuous import continuous_chunk

CHUNK = 25_000
"""Customers made at once: the memory of a world does not grow with it."""


def simulate_clv(
    customers: int, seed: int = 0, *, coldstart: int | None = None, interactions: float = 1.0, chunk: int = CHUNK
) -> dict[str, pa.Table]:
    """The raw tables by name, for worlds that fit into memory.

    Parameters
    ----------
    customers
        How many continuous customers; each has about 10 transactions and 100 interactions.
    seed
        The same seed gives the same tables.
    coldstart
        How many cold-start customers; the same number without it.
    interactions
        Share of the interactions that is kept, 0 to 1: a smaller world of the same kind.
    chunk
        Customers made at once; the tables depend on it.

    Returns
    -------
    dict of str to pyarrow.Table
        ``coldstart_customers``, ``coldstart_transactions``, ``continuous_customers_profile``, ``continuous_transactions``,
        ``continuous_interactions``, and the staging tables ``…_staging`` of all but ``coldstart_transactions``.

    Raises
    ------
    UsageError
        A number of customers below 1.
    """
    parts: dict[str, list[pa.Table]] = {}
    for made in clv_chunks(customers, seed, coldstart=coldstart, interactions=interactions, chunk=chunk):
        for name, rows in made.items():
            parts.setdefault(name, []).append(_spelled(rows))
    return {name: pa.concat_tables(tables).combine_chunks() for name, tables in parts.items()}


def clv_chunks(
    customers: int, seed: int = 0, *, coldstart: int | None = None, interactions: float = 1.0, chunk: int = CHUNK
) -> Iterator[dict[str, pa.Table]]:
    """The tables of ``simulate_clv`` in parts: those of some customers of one scenario at a time, categories as dictionaries."""
    coldstart = customers if coldstart is None else coldstart
    for number in (customers, coldstart):
        if not 1 <= number <= 1_000_000_000:
            raise UsageError(f"{number} customers cannot be simulated", hint="give a number from 1 on")
    cold, continuous = np.random.SeedSequence(seed).spawn(2)
    ids: dict[str, int] = {}
    for first, last, own in _chunks(coldstart, chunk, cold):
        yield coldstart_chunk(first, last, coldstart, own, ids, correct=first == 0)
    for first, last, own in _chunks(customers, chunk, continuous):
        yield continuous_chunk(first, last, customers, own, ids, interactions=interactions, correct=first == 0)


def _chunks(customers: int, chunk: int, seed: np.random.SeedSequence) -> Iterator[tuple[int, int, np.random.SeedSequence]]:
    firsts = range(0, customers, chunk)
    for first, own in zip(firsts, seed.spawn(len(firsts)), strict=True):
        yield first, min(first + chunk, customers), own


def _spelled(rows: pa.Table) -> pa.Table:
    """Categories as text."""
    plain = [pa.field(each.name, pa.string() if pa.types.is_dictionary(each.type) else each.type) for each in rows.schema]
    return rows.cast(pa.schema(plain))
