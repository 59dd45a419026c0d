"""Whether a new version may become champion."""

from __future__ import annotations

import numpy as np

from foretable.declare.judge import Gate
from foretable.train.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.metrics import METRICS, figures
from foretable.train.result import Evaluation, GateDecision


def first_version(gate: Gate, chance: Evaluation, why: str = "") -> GateDecision:
    """Let a model without a champion to beat in, unless it is no better than chance.

    Parameters
    ----------
    gate
        The declaration.
    chance
        ROC-AUC on the test rows: the lower end of its interval must be above one half.
    why
        What keeps it from being compared, where there is a champion.
    """
    first = f"not comparable, as {why};" if why else "first version,"
    found = f"ROC-AUC {chance.value:.3f} [{chance.low:.3f}, {chance.high:.3f}] on {chance.row_count:,} held-out rows"
    if chance.low is not None and chance.low > 0.5:
        return GateDecision(True, f"{first} better than chance: {found}", gate.metric)
    return GateDecision(False, f"no better than chance: {found}", gate.metric)


def compare(
    gate: Gate,
    outcome: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    clusters: np.ndarray,
    *,
    champion_version: int,
    threshold: float,
    seed: int,
) -> GateDecision:
    """Compare two models on the same held-out rows, by a paired bootstrap of the difference.

    Parameters
    ----------
    gate
        Metric, direction and least improvement.
    outcome
        0 or 1 per held-out row.
    challenger, champion
        Their probabilities for these rows.
    clusters
        Entity of each row: drawn together, the same draws for both.
    champion_version
        For the reason.
    threshold
        From which a row is flagged.
    seed
        Of the draws.
    """
    clusters = dense(clusters)
    sign, metric = 1.0 if gate.higher_is_better else -1.0, METRICS.index(gate.metric)
    ours, theirs = (figures(outcome, score, clusters, threshold) for score in (challenger, champion))

    def difference(draws: np.ndarray) -> np.ndarray:
        return np.array([sign * (ours(draws)[metric] - theirs(draws)[metric])])

    value = float(difference(np.ones(int(clusters.max()) + 1))[0])
    low, high = (float(end[0]) for end in interval(replicates(difference, clusters, seed, repeats_for(len(outcome)))))
    accepted = low > 0 and value >= gate.margin
    found = f"{gate.metric} {'better' if value >= 0 else 'worse'} by {abs(value):.4f} [{low:+.4f}, {high:+.4f}]"
    reason = f"{found} than version {champion_version} on {len(outcome):,} held-out rows"
    if not accepted:
        reason += f"; at least {gate.margin:g} is asked for" if low > 0 else "; the interval must lie above 0"
    return GateDecision(accepted, reason, gate.metric, value, low, high)
