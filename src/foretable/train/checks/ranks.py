"""Correlation of numbers and of their ranks."""

from __future__ import annotations

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """Mean ranks, ties together."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return mean_ranks(codes, counts)


def mean_ranks(codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The same, of values that are given by their places among the different ones, with how often each of those is there."""
    found: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[codes]
    return found


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; 0 where one of them does not vary."""
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else 0.0


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of the ranks (Spearman, 1904)."""
    return correlation(ranks(a), ranks(b))
