"""Features that tell a number, or one of several classes, too well to be known before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foretable.registry.signature import Feature
from foretable.train.checks.examined import Examined
from foretable.train.checks.groups import coded
from foretable.train.checks.ranks import correlation, mean_ranks, ranks
from foretable.train.result import Finding

LEAK_SPEARMAN = 0.99
CLOSE_SPEARMAN = 0.97
LEAK_R2 = 0.98
CLOSE_R2 = 0.95
"""What is measured twice agrees like that; what is foretold does not."""
LEAST_SHARE = 0.05
LEAST_KNOWN = 50
"""Rows where a feature is known, for its agreement with a number to count: half a column may be the label and half NULL."""
EQUAL = 0.5
"""Share of the rows with another label than the commonest where the feature is the very same number."""
LEAK_KAPPA = 0.98
CLOSE_KAPPA = 0.96
"""Agreement beyond chance (Cohen, 1960). One petal's width alone reaches 0.94 on the three irises, honestly."""
BINS = 256


def number_leaks(examined: Examined) -> list[Finding]:
    """Look at each feature of a regression alone."""
    whole = _told(examined.outcome[examined.train])  # most features are known of every row
    return _each(examined, lambda examined, position, feature: _number_finding(examined, position, feature, whole))


def class_leaks(examined: Examined) -> list[Finding]:
    """Look at each feature of a multiclass model alone."""
    return _each(examined, _class_finding)


def _each(examined: Examined, look: Callable[[Examined, int, Feature], Finding | None]) -> list[Finding]:
    found = (look(examined, position, feature) for position, feature in enumerate(examined.features))
    return [finding for finding in found if finding is not None]


@dataclass(frozen=True)
class _Told:
    """Labels with their ranks; ``rare`` marks those that are not the commonest, ``different`` counts their values."""

    values: np.ndarray
    ranks: np.ndarray
    rare: np.ndarray
    different: int


def _told(values: np.ndarray) -> _Told:
    different, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return _Told(values, mean_ranks(codes, counts), codes != counts.argmax(), len(different))


def _number_finding(examined: Examined, position: int, feature: Feature, whole: _Told) -> Finding | None:
    values = examined.learned[:, position]
    if feature.kind == "category":
        r2, rank, rows, same = _r2_of_means(examined, position), 0.0, len(examined.others), 0.0
    else:
        known = ~np.isnan(values)
        rows = int(known.sum())
        if rows < max(LEAST_KNOWN, LEAST_SHARE * len(values)):
            return None
        x, told = values[known], whole if known.all() else _told(whole.values[known])
        r2, rank = correlation(x, told.values) ** 2, abs(correlation(ranks(x), told.ranks))
        same = _same(x, told)
    evidence = {"spearman": rank, "r2": r2, "equal": same, "rows": rows}
    said = f"this feature alone tells {r2:.1%} of the label's variance (|Spearman| {rank:.4f}, {rows:,} rows)"
    if r2 > LEAK_R2 or rank > LEAK_SPEARMAN:
        return Finding("leak", "refused", f"{said}: the label leaks into it", feature.name, evidence)
    if same > EQUAL:
        said = f"in {same:.1%} of the rows with another label than the commonest it is the very same number"
        return Finding("leak", "warning", f"{said}: is it known before the label?", feature.name, evidence)
    if r2 > CLOSE_R2 or rank > CLOSE_SPEARMAN:
        return Finding("leak", "warning", f"{said}: is it known before the label?", feature.name, evidence)
    return None


def _class_finding(examined: Examined, position: int, feature: Feature) -> Finding | None:
    """By the commonest class of each value (of each of 256 ranges, where there are more), told on the other rows."""
    values, held = examined.learned[:, position], examined.held[:, position]
    different = coded(values)[0]
    if len(different) > BINS:
        different = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS), method="lower"))
    size, classes = len(different) + 1, len(examined.classes)
    counts = np.zeros((size, classes))
    np.add.at(counts, (_slots(different, values), examined.outcome[examined.train].astype(int)), 1)
    counts[counts.sum(axis=1) == 0] = counts.sum(axis=0)
    guess, true = counts.argmax(axis=1)[_slots(different, held)], examined.outcome[examined.others].astype(int)
    right = float((guess == true).mean())
    luck = float(np.bincount(guess, minlength=classes) @ np.bincount(true, minlength=classes)) / len(true) ** 2
    kappa = (right - luck) / (1 - luck) if luck < 1 else 0.0
    evidence = {"accuracy": right, "kappa": kappa, "rows": len(true)}
    said = f"this feature alone tells the class of {right:.1%} of {len(true):,} held-out rows (kappa {kappa:.3f})"
    if kappa > LEAK_KAPPA:
        return Finding("leak", "refused", f"{said}: the label leaks into it", feature.name, evidence)
    if kappa > CLOSE_KAPPA:
        return Finding("leak", "warning", f"{said}: is it known before the label?", feature.name, evidence)
    return None


def _slots(different: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value or range that each value is in; NULL is in the last."""
    known = different[~np.isnan(different)]
    slots = np.clip(np.searchsorted(known, values, side="right") - 1, 0, max(len(known) - 1, 0))
    return np.where(np.isnan(values), len(different), slots)


def _same(values: np.ndarray, told: _Told) -> float:
    if told.different <= 2 or told.rare.sum() < LEAST_KNOWN:
        return 0.0
    return float((values[told.rare] == told.values[told.rare]).mean())


def _r2_of_means(examined: Examined, position: int) -> float:
    """Of a category: by the mean label of each value in the training rows, on the other rows."""
    values, held = examined.learned[:, position], examined.held[:, position]
    outcome, true = examined.outcome[examined.train], examined.outcome[examined.others]
    different, codes = coded(values)
    means = np.bincount(codes, weights=outcome) / np.bincount(codes)
    guess = np.full(len(true), outcome.mean())
    for value, mean in zip(different, means, strict=True):
        guess[np.isnan(held) if np.isnan(value) else held == value] = mean
    return correlation(guess, true) ** 2
