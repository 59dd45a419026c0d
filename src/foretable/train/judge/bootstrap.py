"""Intervals by resampling whole entities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

REPEATS = 200
FULL_ROWS = 40_000
"""Up to here every metric gets ``REPEATS`` replicates; beyond, fewer, so that the cost stays bounded."""
LEAST_REPEATS = 40
LEVEL = 0.95


def repeats_for(rows: int) -> int:
    """Replicates for so many rows."""
    return REPEATS if rows <= FULL_ROWS else max(LEAST_REPEATS, REPEATS * FULL_ROWS // rows)


def replicates(measure: Callable[[np.ndarray], np.ndarray], clusters: np.ndarray, seed: int, repeats: int) -> np.ndarray:
    """Measure resampled clusters.

    Parameters
    ----------
    measure
        From how often each cluster was drawn to figures.
    clusters
        Cluster of each row, 0 to n − 1, each occurring. Rows of one cluster are drawn together, because
        the months of one customer are no independent evidence.
    seed
        Equal seeds draw equally, so that two models can be compared on the same draws.
    repeats
        Number of replicates.

    Returns
    -------
    numpy.ndarray
        Shape (repeats, figures).
    """
    count = int(clusters.max()) + 1
    generator = np.random.default_rng(seed)
    return np.array(
        [measure(np.bincount(generator.integers(count, size=count), minlength=count).astype(np.float64)) for _ in range(repeats)]
    )


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of each column; replicates without a finite figure are left out."""
    tail = (1 - LEVEL) / 2
    ends = np.full((2, values.shape[1]), np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    measured = ~np.isnan(values).all(axis=0)
    ends[:, measured] = np.nanquantile(values[:, measured], [tail, 1 - tail], axis=0)
    return ends[0], ends[1]


def dense(clusters: np.ndarray) -> np.ndarray:
    """Cluster numbers of a part of the rows, made 0 to n − 1 again."""
    return np.unique(clusters, return_inverse=True)[1]
