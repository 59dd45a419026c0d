"""Rows that trials learn from where there are many."""

from __future__ import annotations

import numpy as np

SEARCH_ROWS = 40_000
"""Trials fit at most so many rows of a fold; the winner is fitted to all training rows."""


def search_sample(outcome: np.ndarray, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to search on, and what each stands for.

    Every class gets an equal part of the room, and what rare classes leave goes to the others; weights make up for the rest, so
    that the sample has the shares of all rows. Numbers are drawn at random.

    Parameters
    ----------
    outcome
        A class from 0 up, or a number, per row.
    classes
        How many there are, 0 for numbers.
    seed
        Of the draw.

    Returns
    -------
    tuple of numpy.ndarray
        Positions, ascending, and weights that add up to the number of rows.
    """
    if len(outcome) <= SEARCH_ROWS:
        return np.arange(len(outcome)), np.ones(len(outcome))
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(outcome == value) for value in range(classes)] if classes else [np.arange(len(outcome))]
    groups = sorted((group for group in groups if len(group)), key=len)
    weights, left = np.zeros(len(outcome)), SEARCH_ROWS
    for position, group in enumerate(groups):
        room = min(len(group), left // (len(groups) - position))
        kept = group if room == len(group) else generator.choice(group, room, replace=False)
        weights[kept] = len(group) / len(kept)
        left -= len(kept)
    positions = np.flatnonzero(weights)
    return positions, weights[positions]
