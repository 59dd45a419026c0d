"""The rows of one feature by its value, and how far a cut or a value alone tells a label of 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows by value, ascending; ``hits`` of them have label 1. NULLs are the last group where ``null`` says so."""

    values: np.ndarray
    rows: np.ndarray
    hits: np.ndarray
    null: bool

    @property
    def total(self) -> int:
        """All rows."""
        return int(self.rows.sum())

    @property
    def positives(self) -> float:
        """All rows with label 1."""
        return float(self.hits.sum())


@dataclass(frozen=True)
class Ordered:
    """How well the order of a feature's values tells the label: ROC-AUC, and the phi of the best cut.

    ``phi`` is the correlation of two columns of 0 and 1 (Matthews, 1975), so it needs precision and recall both. Unlike the
    ROC-AUC it is not near 1 where the label is rare and what is flagged is mostly not it.
    """

    auc: float
    phi: float


@dataclass(frozen=True)
class Part:
    """Rows that one value singles out: ``kind`` is ``is``, ``is not``, ``from`` (and above) or ``to`` (and below)."""

    kind: str
    value: float
    rows: int
    hits: int


def coded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, NULL last, and the position of each row's among them."""
    return np.unique(values, return_inverse=True)


def group(different: np.ndarray, codes: np.ndarray, outcome: np.ndarray) -> Groups:
    """Count rows and label by value."""
    rows = np.bincount(codes, minlength=len(different))
    hits = np.bincount(codes, weights=outcome, minlength=len(different))
    return Groups(different, rows, hits, bool(len(different)) and bool(np.isnan(different[-1])))


def in_order(groups: Groups) -> Ordered:
    """The best of ascending and descending order, with NULL lowest and highest."""
    found = [_one_order(groups.rows, groups.hits)]
    if groups.null:
        found.append(_one_order(np.roll(groups.rows, 1), np.roll(groups.hits, 1)))
    return Ordered(max(each.auc for each in found), max(each.phi for each in found))


def _one_order(rows: np.ndarray, hits: np.ndarray) -> Ordered:
    positives, negatives = hits.sum(), (rows - hits).sum()
    if not positives or not negatives:
        return Ordered(0.5, 0.0)
    misses = rows - hits
    auc = float(hits @ (np.cumsum(misses) - misses / 2) / (positives * negatives))
    return Ordered(max(auc, 1 - auc), float(np.abs(phi(np.cumsum(hits), np.cumsum(rows), positives, rows.sum())).max()))


def phi(hits: np.ndarray | float, rows: np.ndarray | float, positives: float, total: float) -> np.ndarray:
    """Correlation of being among ``rows``, of which ``hits`` are positive, with being positive; 0 where it is undefined."""
    spread = np.sqrt(positives * (total - positives) * np.asarray(rows, dtype=np.float64) * (total - np.asarray(rows)))
    above = total * np.asarray(hits, dtype=np.float64) - positives * np.asarray(rows, dtype=np.float64)
    return np.divide(above, spread, out=np.zeros_like(spread), where=spread > 0)


def parts(groups: Groups, least: int) -> list[Part]:
    """Every single value that has ``least`` rows, and all but the commonest: point masses, NULL, what is not 0 or not NULL."""
    found = [
        Part("is", float(groups.values[at]), int(groups.rows[at]), int(groups.hits[at])) for at in np.flatnonzero(groups.rows >= least)
    ]
    if len(groups.rows) > 2:
        common = int(groups.rows.argmax())
        rows, hits = groups.total - groups.rows[common], groups.positives - groups.hits[common]
        if rows >= least:
            found.append(Part("is not", float(groups.values[common]), int(rows), int(hits)))
    return found


def tails(groups: Groups, share: float) -> list[Part]:
    """The longest range at either end of which at least ``share`` is positive; NULL is in neither."""
    known = slice(0, len(groups.rows) - 1) if groups.null else slice(None)
    found = []
    for kind, step in (("to", 1), ("from", -1)):
        values, rows, hits = (each[known][::step] for each in (groups.values, groups.rows, groups.hits))
        so_far, positive = np.cumsum(rows), np.cumsum(hits)
        pure = np.flatnonzero(positive >= share * so_far)
        if len(pure):
            found.append(Part(kind, float(values[pure[-1]]), int(so_far[pure[-1]]), int(positive[pure[-1]])))
    return found


def least_rate(hits: int, rows: int, doubt: float) -> float:
    """The rate of the label that is left when one is wrong no more often than ``doubt``.

    Source: Clopper & Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial".
    """
    from scipy.special import betaincinv

    return float(betaincinv(hits, rows - hits + 1, doubt)) if hits else 0.0


def within(part: Part, values: np.ndarray) -> np.ndarray:
    """Which rows a part singles out."""
    if part.kind in ("from", "to"):
        found: np.ndarray = values >= part.value if part.kind == "from" else values <= part.value
        return found
    same: np.ndarray = np.isnan(values) if np.isnan(part.value) else values == part.value
    return same if part.kind == "is" else ~same


def outside(groups: Groups, part: Part) -> Groups:
    """The rows that a part does not single out."""
    kept = ~within(part, groups.values)
    return Groups(groups.values[kept], groups.rows[kept], groups.hits[kept], groups.null and bool(kept[-1]))
