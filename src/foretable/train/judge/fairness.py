"""How far a model treats groups of people apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foretable.declare.judge import FAIRNESS, Gate
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.metrics import BINS, deciles
from foretable.train.result import Evaluation, Finding

LEAST_OF_A_CLASS = 30
"""Rows of either class that a group needs to be judged."""
GAP = "gap"


@dataclass(frozen=True, eq=False)
class Groups:
    """Held-out rows by group, ready to be weighed."""

    count: int
    group: np.ndarray
    clusters: np.ndarray
    outcome: np.ndarray
    probability: np.ndarray
    flagged: np.ndarray
    bins: np.ndarray
    """Decile of the probability within the group, numbered on over the groups."""

    def measure(self, draws: np.ndarray) -> np.ndarray:
        """``FAIRNESS`` by group, shape (measures, groups), when clusters count so often."""
        weights = draws[self.clusters]
        positive = weights * self.outcome

        def sums(row: np.ndarray) -> np.ndarray:
            return np.bincount(self.group, weights=row, minlength=self.count)

        everybody, positives, flagged, caught = sums(weights), sums(positive), sums(weights * self.flagged), sums(positive * self.flagged)
        gaps = np.bincount(self.bins, weights=weights * (self.probability - self.outcome), minlength=self.count * BINS)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array(
                [
                    flagged / everybody,
                    caught / positives,
                    (flagged - caught) / (everybody - positives),
                    np.abs(gaps).reshape(self.count, BINS).sum(axis=1) / everybody,
                ]
            )


def fairness(
    gate: Gate,
    column: str,
    groups: Mapping[str, np.ndarray],
    outcome: np.ndarray,
    probability: np.ndarray,
    clusters: np.ndarray,
    *,
    threshold: float | np.ndarray,
    seed: int,
) -> tuple[tuple[Evaluation, ...], tuple[Finding, ...]]:
    """Selection rate, true and false positive rate and calibration error by group of the test rows, and their greatest gaps.

    Groups with fewer than ``LEAST_OF_A_CLASS`` rows of a class are shown without being judged, and named.

    Parameters
    ----------
    gate
        Its ``fairness`` limits the gaps: one that is greater is refused; one that only the upper end of the interval
        reaches is a warning.
    column
        The sensitive column.
    groups
        Segment (``gender=F``, from ``segments.by_value``) to a mask over the test rows; every row is in one.
    outcome, probability, clusters
        0 or 1, 0 to 1, and entity per test row.
    threshold
        From which a row is selected: one for all, or one per row.
    seed
        Of the bootstrap.

    Returns
    -------
    tuple
        Evaluations: each measure by group, and its gap over the judged groups as metric ``tpr_gap`` on segment ``gender``;
        and findings.
    """
    names = [name for name, mask in groups.items() if mask.any()]
    group = np.select([groups[name] for name in names], range(len(names)), default=-1)
    judged = np.array([np.bincount(outcome[group == i].astype(int), minlength=2).min() >= LEAST_OF_A_CLASS for i in range(len(names))])
    prepared = _prepare(len(names), group, outcome, probability, dense(clusters), threshold)
    values, lows, highs = _intervals(prepared, judged, seed)
    found = []
    for number, measure in enumerate(FAIRNESS):
        for position, name in enumerate([*names, column]):
            value, low, high = (float(ends[number, position]) for ends in (values, lows, highs))
            rows = int((group == position).sum()) if position < len(names) else int(judged[group].sum())
            if np.isfinite([value, low, high]).all():
                metric = f"{measure}_{GAP}" if position == len(names) else measure
                found.append(Evaluation("test", name, metric, value, low, high, rows))
    small = [name for name, enough in zip(names, judged, strict=True) if not enough]
    return tuple(found), tuple(_findings(gate, column, found, small, int(judged.sum())))


def _prepare(
    count: int, group: np.ndarray, outcome: np.ndarray, probability: np.ndarray, clusters: np.ndarray, threshold: float | np.ndarray
) -> Groups:
    bins = np.empty(len(group), dtype=np.int64)
    for number in range(count):
        rows = group == number
        bins[rows] = number * BINS + deciles(probability[rows])
    return Groups(count, group, clusters, outcome, probability, (probability >= threshold).astype(np.float64), bins)


def _intervals(prepared: Groups, judged: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, low and high, shape (measures, groups + 1), the greatest gap between judged groups last."""

    def measured(draws: np.ndarray) -> np.ndarray:
        by_group = prepared.measure(draws)
        known = by_group[:, judged]
        gap = known.max(axis=1) - known.min(axis=1) if judged.sum() > 1 else np.full(len(FAIRNESS), np.nan)
        return np.column_stack([by_group, gap]).ravel()

    values = measured(np.ones(int(prepared.clusters.max()) + 1))
    drawn = replicates(measured, prepared.clusters, seed, repeats_for(len(prepared.group)))
    shape = (len(FAIRNESS), prepared.count + 1)
    upwards = np.zeros(shape, dtype=bool)
    upwards[:, -1] = upwards[FAIRNESS.index("calibration_error")] = True
    shifted = upwards.ravel() & np.isfinite(drawn).any(axis=0)
    # Resampling noise adds to a greatest gap on top of the sample's own: keep the spread, not the shift.
    drawn[:, shifted] += values[shifted] - np.nanmean(drawn[:, shifted], axis=0)
    low, high = interval(drawn)
    low[shifted] = np.maximum(low[shifted], 0.0)
    return values.reshape(shape), low.reshape(shape), high.reshape(shape)


def _findings(gate: Gate, column: str, found: list[Evaluation], small: list[str], judged: int) -> list[Finding]:
    """Groups that are not judged, and what the gate's limits say of the others; in one sentence where nothing is left to compare."""
    evidence = {"groups": small} if small else {}
    few = f"{', '.join(small)}: fewer than {LEAST_OF_A_CLASS} test rows of a class"
    if judged < 2:
        alone = f"{judged} group{'' if judged else 's'} of {column} large enough to be judged, so nothing can be compared"
        message = f"{alone} ({few})" if small else alone
        return [Finding("fairness", "refused" if gate.fairness else "warning", message, column, evidence)]
    aside = [Finding("fairness", "warning", f"{few}, so the group is shown and not judged", column, evidence)] if small else []
    return aside + _limits(gate, column, found)


def _limits(gate: Gate, column: str, found: list[Evaluation]) -> list[Finding]:
    """What the gate's limits say of the gaps."""
    gaps = {evaluation.metric: evaluation for evaluation in found if evaluation.segment == column}
    findings = []
    for measure, limit in gate.fairness.items():
        gap = gaps.get(f"{measure}_{GAP}")
        if gap is None or gap.low is None or gap.high is None:
            findings.append(Finding("fairness", "refused", f"{measure} cannot be measured by {column}", column))
            continue
        said = f"{measure} differs by up to {gap.value:.3f} [{gap.low:.3f}, {gap.high:.3f}] between groups of {column}"
        evidence = {"measure": measure, "gap": gap.value, "low": gap.low, "high": gap.high, "limit": limit}
        if gap.value > limit:
            findings.append(Finding("fairness", "refused", f"{said}; at most {limit:g} is allowed", column, evidence))
        elif gap.high > limit:
            findings.append(Finding("fairness", "warning", f"{said}; more than {limit:g} cannot be ruled out", column, evidence))
    return findings
