"""The parts of the training rows that a search measures a trial on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from foretable.train.split import TRAIN, VALIDATION, draws, later, part_of, per_entity

LEAST = (20, 5)
"""Rows of the rarest class that a fold needs to learn from, and to be measured on."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the rows to learn from and of those to measure on, both ascending."""

    learn: np.ndarray
    measure: np.ndarray


@dataclass(frozen=True, eq=False)
class Grounds:
    """What folds are cut by: one entry per row of the training set.

    ``entities`` has the value behind each number of ``clusters``. ``dates`` and ``horizon`` are None where rows are held out
    by entities alone; ``apart`` keeps entities apart where they are held out by time; ``stratify`` gives every fold the same
    share of entities with a positive label.
    """

    split: np.ndarray
    outcome: np.ndarray
    clusters: np.ndarray
    entities: pa.Array
    classes: int
    seed: int
    dates: np.ndarray | None = None
    horizon: str | None = None
    apart: bool = False
    stratify: bool = False


def cut_folds(grounds: Grounds, wanted: int) -> tuple[tuple[Fold, ...], tuple[str, ...]]:
    """The folds inside the training rows, as many as are wanted and the rows allow.

    Where there are dates, by rolling origin: the rows are cut into blocks of nearly equal size by date, every block but the
    first is measured on once, after what was known a horizon before it began. Else every row is measured on once, with
    the others of its entity. One fold measures on the validation rows.

    Returns
    -------
    tuple
        The folds in order of time, and a note where they are fewer than wanted.
    """
    for number in range(wanted, 1, -1):
        found = _by_time(grounds, number) if grounds.dates is not None else _by_entity(grounds, number)
        if found is not None and all(_enough(grounds, fold) for fold in found):
            break
    else:
        number, found = 1, [Fold(np.flatnonzero(grounds.split == TRAIN), np.flatnonzero(grounds.split == VALIDATION))]
    if number == wanted:
        return tuple(found), ()
    instead = f"{number} folds" if number > 1 else "the validation rows"
    return tuple(found), (f"the training rows are not enough for {wanted} folds: trials are measured on {instead}",)


def _by_time(grounds: Grounds, number: int) -> list[Fold] | None:
    """Rolling origin; None where dates are too few."""
    assert grounds.dates is not None
    assert grounds.horizon is not None
    rows = np.flatnonzero(grounds.split == TRAIN)
    moments = grounds.dates[rows].astype("datetime64[us]")
    dates, counts = np.unique(moments, return_counts=True)
    starts = _blocks(counts, number + 1)
    if starts is None:
        return None
    known, place = later(dates, grounds.horizon), np.searchsorted(dates, moments)
    group = _groups(grounds, number)[grounds.clusters[rows]] if grounds.apart else place
    folds = []
    for position in range(number):
        begin, end = starts[position + 1], starts[position + 2]
        learn, measure = (known <= dates[begin])[place], (place >= begin) & (place < end)
        if grounds.apart:
            learn, measure = learn & (group != position), measure & (group == position)
        folds.append(Fold(rows[learn], rows[measure]))
    return folds


def _blocks(counts: np.ndarray, number: int) -> list[int] | None:
    """Where each of so many blocks of whole dates begins, and the end; None where dates are fewer."""
    if len(counts) < number:
        return None
    before = np.cumsum(counts) - counts
    starts = [0]
    for block in range(1, number):
        nearest = int(np.argmin(np.abs(before - block * counts.sum() / number)))
        starts.append(min(max(nearest, starts[-1] + 1), len(counts) - (number - block)))
    return [*starts, len(counts)]


def _by_entity(grounds: Grounds, number: int) -> list[Fold]:
    """Every entity in the measured rows of one fold."""
    rows = np.flatnonzero(grounds.split == TRAIN)
    strata = None
    if grounds.stratify:
        # Entities of the other parts would shift the ranks that strata are cut by.
        strata = per_entity(grounds.clusters[rows], grounds.outcome[rows])
        strata = np.concatenate([strata, np.full(len(grounds.entities) - len(strata), -np.inf)])
    group = _groups(grounds, number, strata)[grounds.clusters[rows]]
    return [Fold(rows[group != position], rows[group == position]) for position in range(number)]


def _groups(grounds: Grounds, number: int, strata: np.ndarray | None = None) -> np.ndarray:
    """The fold of each entity, by a draw of its own: not the one that splits were drawn by."""
    return part_of(draws(grounds.entities, grounds.seed, "folds"), [1.0] * number, strata)


def _enough(grounds: Grounds, fold: Fold) -> bool:
    for rows, least in zip((fold.learn, fold.measure), LEAST, strict=True):
        outcome = grounds.outcome[rows]
        rarest = int(np.bincount(outcome.astype(int), minlength=grounds.classes).min()) if grounds.classes else len(rows)
        if rarest < least:
            return False
    return True
