"""Baselines fitted to the training rows of a model, and what they predict of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.declare.baselines import Baseline, BuyTillYouDie, CellMeans, LastPeriod
from foretable.declare.model import Model
from foretable.errors import TrainingError
from foretable.train.baselines.bgnbd import expected_purchases, fit_bgnbd
from foretable.train.baselines.gamma_gamma import expected_value, fit_gamma_gamma
from foretable.train.prepare import Prepared
from foretable.train.result import Finding
from foretable.train.split import TRAIN, later

LEAST_REPEATERS = 20
"""Customers with a repeat purchase that buy-till-you-die models need."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a baseline predicts per row of the training set, and what was fitted."""

    name: str
    answer: np.ndarray
    parameters: Mapping[str, Any] = field(default_factory=dict)


def predict_baselines(model: Model, prepared: Prepared) -> tuple[tuple[Predicted, ...], tuple[Finding, ...]]:
    """Fit the baselines of a model to its training rows, and predict every row.

    Parameters
    ----------
    model
        The declaration.
    prepared
        The rows of its training set; ``aside`` has the columns that the baselines read.

    Returns
    -------
    tuple
        The baselines, in the order of the declaration; a warning for each that the rows do not suffice for.

    Raises
    ------
    TrainingError
        A column is no number, or cannot be what it is declared to be.
    """
    predicted, findings = [], []
    for name, baseline in {str(each): each for each in model.baselines}.items():
        columns = {column: prepared.aside[column] for column in baseline.columns}
        try:
            answer, parameters = _predict(model, baseline, columns, prepared)
        except _TooFew as few:
            findings.append(Finding("baseline", "warning", f"{name} is left out: {few}"))
        else:
            predicted.append(Predicted(name, answer, parameters))
    return tuple(predicted), tuple(findings)


class _TooFew(Exception):
    """The training rows do not suffice for a baseline."""


Answer = tuple[np.ndarray, Mapping[str, Any]]


def _predict(model: Model, baseline: Baseline, columns: Mapping[str, pa.ChunkedArray], prepared: Prepared) -> Answer:
    if isinstance(baseline, LastPeriod):
        return np.nan_to_num(_numbers(model, baseline.column, columns)), {}
    if isinstance(baseline, CellMeans):
        return _cell_means(list(columns.values()), prepared)
    return _buy_till_you_die(model, baseline, columns, prepared)


def _numbers(model: Model, name: str, columns: Mapping[str, pa.ChunkedArray]) -> np.ndarray:
    """A column in float64, NULL as NaN."""
    kind = columns[name].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)):
        raise TrainingError(f"a baseline takes {name} for a number, but it is {kind}", where=str(model.origin), hint="name another column")
    found: np.ndarray = pc.cast(columns[name], pa.float64(), safe=False).to_numpy()
    return found


def _cell_means(columns: Sequence[pa.ChunkedArray], prepared: Prepared) -> Answer:
    """The mean outcome of the training rows by cell; of all of them for a new cell, and where every column is NULL."""
    cells, empty = np.zeros(len(prepared.split), dtype=np.int64), np.ones(len(prepared.split), dtype=bool)
    for column in columns:
        codes = column.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
        cells = np.unique(cells * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
        empty &= column.is_null().to_numpy()
    train = prepared.rows(TRAIN)
    count = np.bincount(cells[train], minlength=int(cells.max(initial=0)) + 1)
    total = np.bincount(cells[train], weights=prepared.outcome[train], minlength=len(count))
    mean = float(prepared.outcome[train].mean())
    means = np.where(count > 0, total / np.maximum(count, 1), mean)
    return np.where(empty, mean, means[cells]), {"cells": int((count > 0).sum()), "mean": mean}


@dataclass(frozen=True, eq=False)
class _History:
    """What customers bought until the date of a row; times in days, NaN in ``age`` where nothing was."""

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    value: np.ndarray

    def of(self, rows: np.ndarray) -> _History:
        return _History(self.frequency[rows], self.recency[rows], self.age[rows], self.value[rows])

    @property
    def times(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.frequency, self.recency, self.age

    @property
    def spent(self) -> np.ndarray:
        """Purchases whose mean value is known: a mean of 0 or less tells nothing about a gamma distribution."""
        return np.where(self.value > 0, self.frequency, 0.0)


def _buy_till_you_die(model: Model, baseline: BuyTillYouDie, columns: Mapping[str, pa.ChunkedArray], prepared: Prepared) -> Answer:
    history, dates = _history(model, baseline, columns), np.asarray(prepared.dates)
    train, bought = prepared.rows(TRAIN), ~np.isnan(history.age)
    last = dates[train].max()
    known = history.of(train[(dates[train] == last) & bought[train]])
    repeaters = int((known.spent > 0).sum())
    if repeaters < LEAST_REPEATERS or not known.age.any():
        raise _TooFew(
            f"of the training rows of {str(last)[:10]}, {repeaters:,} have a repeat purchase with a value, {LEAST_REPEATERS} are needed"
        )
    often = fit_bgnbd(*known.times)
    of_value = known.spent > 0
    much = fit_gamma_gamma(known.frequency[of_value], known.value[of_value])
    never = prepared.outcome[train[~bought[train]]] if (~bought[train]).any() else prepared.outcome[train]
    answer = np.full(len(bought), never.mean())
    rows = np.flatnonzero(bought)
    found = history.of(rows)
    purchases = expected_purchases(often, *found.times, _days(dates[rows], str(model.label.horizon)))
    answer[rows] = purchases * expected_value(much, found.spent, found.value)
    shown = {"purchases": asdict(often), "value": asdict(much), "as_of": str(last)[:19], "never_bought": float(never.mean())}
    return answer, shown


def _history(model: Model, baseline: BuyTillYouDie, columns: Mapping[str, pa.ChunkedArray]) -> _History:
    """The columns as numbers, checked; what is missing of who bought is 0."""
    frequency, recency, age, value = (_numbers(model, name, columns) for name in baseline.columns)
    frequency, recency = np.nan_to_num(frequency), np.nan_to_num(recency)
    checks = {
        f"{baseline.frequency} is below 0": frequency < 0,
        f"{baseline.recency} is below 0": recency < 0,
        f"{baseline.age} is less than {baseline.recency}": age < recency,
    }
    for said, wrong in checks.items():
        if wrong.any():
            raise TrainingError(
                f"{said} in {int(wrong.sum()):,} rows",
                where=str(model.origin),
                hint="frequency counts repeat purchases, recency is from the first purchase to the last, age from the first to as_of()",
            )
    return _History(frequency, recency, age, value)


def _days(dates: np.ndarray, horizon: str) -> np.ndarray:
    """The horizon from each date on, in days: months are not equally long."""
    moments, codes = np.unique(dates.astype("datetime64[us]"), return_inverse=True)
    days: np.ndarray = (later(moments, horizon) - moments) / np.timedelta64(1, "D")
    return days[codes]
