"""What arrived since the last load: the newest customers and events, and rows of the history put right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.simulate import clv_shape as shape
from foretable.simulate.clv_process import SECONDS

NEW_CUSTOMERS, NEW_EVENTS = 10, 3
"""Days before the clock since which customers and events have not been loaded."""
CORRECTIONS = 4
"""Rows of each history table that are wrong, where there are any."""


@dataclass(frozen=True)
class Arrivals:
    """When the customers of a chunk signed up, and what chooses the rows that are wrong (none without it)."""

    signup: np.ndarray
    chance: np.random.Generator | None = None

    def customers(self) -> np.ndarray:
        """Which customers are new."""
        new: np.ndarray = self.signup >= shape.CLOCK - NEW_CUSTOMERS
        return new

    def events(self, who: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Which events are new: the last days', and all of new customers."""
        since = (shape.CLOCK - NEW_EVENTS - self.signup).astype(np.int64) * SECONDS
        since = np.where(self.customers(), 0, since)
        new: np.ndarray = second >= since[who]
        return new


def split(name: str, columns: Mapping[str, pa.Array], new: np.ndarray, arrivals: Arrivals, *, wrong: str) -> dict[str, pa.Table]:
    """The history and the staging table; some rows have another value in ``wrong`` in the history and come again in staging."""
    rows = pa.table(dict(columns))
    history, staging = (rows.filter(pa.array(~new)), rows.filter(pa.array(new))) if new.any() else (rows, rows.slice(0, 0))
    if arrivals.chance is not None and len(history):
        chosen = np.sort(arrivals.chance.choice(len(history), min(CORRECTIONS, len(history)), replace=False))
        right = history.take(pa.array(chosen))
        mistaken = right.set_column(right.column_names.index(wrong), wrong, _mistaken(right[wrong].combine_chunks()))
        whole = np.arange(len(history))
        whole[chosen] = len(history) + np.arange(len(chosen))
        history, staging = pa.concat_tables([history, mistaken]).take(pa.array(whole)), pa.concat_tables([staging, right])
    return {name: history.combine_chunks(), f"{name}_staging": staging.combine_chunks()}


def merged(history: pa.Table, staging: pa.Table | None) -> pa.Table:
    """All rows as they are known: a row of staging takes the place of the one with its id, the first column."""
    if staging is None or not len(staging):
        return history
    key = history.column_names[0]
    kept = history.filter(pc.invert(pc.is_in(history[key], value_set=staging[key].combine_chunks())))
    return pa.concat_tables([kept, staging])


def _mistaken(values: pa.Array) -> pa.Array:
    """Other values: half as much again, or the next category."""
    if pa.types.is_decimal(values.type):
        return pc.round(pc.multiply(values.cast(pa.float64()), 1.5), 2).cast(values.type)
    codes = np.asarray(pc.fill_null(values.indices, 0)).astype(np.int8)
    return pa.DictionaryArray.from_arrays(pa.array((codes + 1) % np.int8(len(values.dictionary))), values.dictionary)
