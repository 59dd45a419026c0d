"""Whether a new version may become champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from foretable.declare.judge import Gate
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.measures import CHANCE, NAMES, figures
from foretable.train.result import Evaluation, Finding, GateDecision

NO_BETTER = "no better than chance"
_WORDS = {"roc_auc": "ROC-AUC", "spearman": "Spearman"}


def first_version(gate: Gate, chance: Evaluation, why: str = "") -> GateDecision:
    """Let a model without a champion to beat in, unless it is no better than chance.

    Parameters
    ----------
    gate
        The declaration.
    chance
        The task's metric of ``measures.CHANCE`` on the test rows: the lower end of its interval must be above what chance gives.
    why
        What keeps it from being compared, where there is a champion.
    """
    first = f"not comparable, as {why};" if why else "first version,"
    low, high = (float("nan") if end is None else end for end in (chance.low, chance.high))
    found = f"{_WORDS[chance.metric]} {chance.value:.3f} [{low:.3f}, {high:.3f}] on {chance.row_count:,} held-out rows"
    if low > dict(CHANCE.values())[chance.metric]:
        return GateDecision(True, f"{first} better than chance: {found}", gate.metric)
    return GateDecision(False, f"{NO_BETTER}: {found}", gate.metric)


def compare(
    gate: Gate,
    outcome: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    clusters: np.ndarray,
    *,
    champion_version: int,
    threshold: float | np.ndarray,
    seed: int,
    task: str = "classification",
    champion_threshold: float | np.ndarray | None = None,
) -> GateDecision:
    """Compare two models on the same held-out rows, by a paired bootstrap of the difference.

    Parameters
    ----------
    gate
        Metric, direction and least improvement.
    outcome
        0 or 1, the code of a class, or a number, per held-out row.
    challenger, champion
        Their answers for these rows.
    clusters
        Entity of each row: drawn together, the same draws for both.
    champion_version
        For the reason.
    threshold
        From which the challenger flags a row: one for all, or one per row.
    seed
        Of the draws.
    task
        ``classification``, ``multiclass`` or ``regression``.
    champion_threshold
        From which the champion does; the challenger's where it is not given.
    """
    clusters = dense(clusters)
    sign, metric = 1.0 if gate.higher_is_better else -1.0, NAMES[task].index(gate.metric)
    ours = figures(task, outcome, challenger, clusters, threshold)
    theirs = figures(task, outcome, champion, clusters, threshold if champion_threshold is None else champion_threshold)

    def difference(draws: np.ndarray) -> np.ndarray:
        return np.array([sign * (ours(draws)[metric] - theirs(draws)[metric])])

    value = float(difference(np.ones(int(clusters.max()) + 1))[0])
    low, high = (float(end[0]) for end in interval(replicates(difference, clusters, seed, repeats_for(len(outcome)))))
    if not np.isfinite([value, low, high]).all():
        reason = f"{gate.metric} cannot be measured on {len(outcome):,} held-out rows, so version {champion_version} stays"
        return GateDecision(False, reason, gate.metric)
    accepted = low > 0 and value >= gate.margin
    found = f"{gate.metric} {'better' if value >= 0 else 'worse'} by {abs(value):.4f} [{low:+.4f}, {high:+.4f}]"
    reason = f"{found} than version {champion_version} on {len(outcome):,} held-out rows"
    if not accepted:
        reason += f"; at least {gate.margin:g} is asked for" if low > 0 else "; the interval must lie above 0"
    return GateDecision(accepted, reason, gate.metric, value, low, high)


def calibration(gate: Gate, evaluations: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """What the gate's limit says of the calibration error on the test rows.

    An error above the limit is refused; one that only the upper end of the interval puts above it is a warning.

    Parameters
    ----------
    gate
        Its ``calibration_error``: of probabilities the mean gap, of numbers the share of the sum of outcomes.
    evaluations
        Of the version, from :func:`foretable.train.evaluate.evaluate`.
    """
    limit = gate.calibration_error
    if limit is None:
        return ()
    found = [e for e in evaluations if (e.metric, e.split, e.segment) == ("calibration_error", "test", "all")]
    if not found or found[0].high is None:
        return (Finding("calibration", "refused", "the calibration error cannot be measured on the test rows"),)
    error = found[0]
    said = f"calibration error {error.value:.4f} [{error.low:.4f}, {error.high:.4f}] on {error.row_count:,} test rows"
    evidence = {"value": error.value, "low": error.low, "high": error.high, "limit": limit}
    if error.value > limit:
        return (Finding("calibration", "refused", f"{said}; at most {limit:g} is allowed", evidence=evidence),)
    if error.high is not None and error.high > limit:
        return (Finding("calibration", "warning", f"{said}; more than {limit:g} cannot be ruled out", evidence=evidence),)
    return ()


def within_limits(decision: GateDecision, findings: Sequence[Finding]) -> GateDecision:
    """Turn a decision down where a finding is ``refused``, with every such reason, each once.

    Parameters
    ----------
    decision
        Of :func:`first_version` or :func:`compare`.
    findings
        All of the version: of the checks, chance, calibration and fairness.
    """
    refused = [finding for finding in findings if finding.severity == "refused"]
    if not refused:
        return decision
    known = not decision.accepted and decision.reason.startswith(NO_BETTER)
    reasons = [finding.message for finding in refused if not (known and finding.check == "chance")]
    if not decision.accepted:
        reasons.insert(0, decision.reason)
    return replace(decision, accepted=False, reason="; ".join(reasons))
