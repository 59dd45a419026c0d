"""Whether a model is better than chance on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from foretable.train.judge.bootstrap import dense
from foretable.train.judge.measures import CHANCE, point
from foretable.train.judge.regression_metrics import ranks
from foretable.train.result import Finding

PERMUTATIONS = 1000
LEAST_PERMUTATIONS = 200
MOST_READ = 40_000_000
"""Rows times permutations, at most, but for ``LEAST_PERMUTATIONS``."""
LEVEL = 0.05
_ROUNDING = 1e-12


def chance(task: str, outcome: np.ndarray, answer: np.ndarray, clusters: np.ndarray, *, seed: int) -> Finding:
    """Test by permutation that held-out rows are ranked better than chance would.

    The outcomes of an entity stay together and in order: entities are shuffled, and each gets the outcomes of another, first
    for first and last for last, drawn out or thinned where their numbers of rows differ. So the months of one customer
    count as one piece of evidence, not as many. Where entities have the same number of rows the test is exact.
    Source of the p-value, (1 + as good) / (1 + permutations): Phipson & Smyth 2010, "Permutation p-values should never be zero".

    Parameters
    ----------
    task
        ``classification`` and ``multiclass`` are tested by ROC-AUC, ``regression`` by Spearman's correlation.
    outcome, answer
        Of the test rows, as for ``measures.figures``.
    clusters
        Entity of each row.
    seed
        Of the permutations.

    Returns
    -------
    Finding
        ``refused`` when the p-value is above ``LEVEL``, also where there are too few rows to tell; else a ``note``.
    """
    metric, expected = CHANCE[task]
    p_value, value, repeats = permutation_test(task, outcome, answer, clusters, seed=seed)
    entities, refused = len(np.unique(clusters)), not p_value <= LEVEL
    said = "no better than chance" if refused else "better than chance"
    message = f"{said}: {metric} {value:.3f} on {len(outcome):,} held-out rows of {entities:,} entities, where chance gives {expected:g}"
    evidence = {
        "metric": metric,
        "value": value if np.isfinite(value) else None,
        "p_value": p_value,
        "permutations": repeats,
        "rows": len(outcome),
        "entities": entities,
    }
    return Finding(
        "chance", "refused" if refused else "note", f"{message} (p = {p_value:.3g}, {repeats:,} permutations)", evidence=evidence
    )


def permutation_test(task: str, outcome: np.ndarray, answer: np.ndarray, clusters: np.ndarray, *, seed: int) -> tuple[float, float, int]:
    """One-sided p-value, the metric's value, and the number of permutations; parameters as for :func:`chance`.

    The p-value is 1 where the metric is undefined, as with one class alone.
    """
    value = point(task, CHANCE[task][0], outcome, answer)
    if not np.isfinite(value):
        return 1.0, value, 0
    by_entity = np.argsort(clusters, kind="stable")
    outcome, answer = outcome[by_entity], answer[by_entity]
    score = _statistic(task, outcome, answer)
    sizes = np.bincount(dense(clusters))
    repeats = int(np.clip(MOST_READ // len(outcome), LEAST_PERMUTATIONS, PERMUTATIONS))
    generator = np.random.default_rng(seed)
    found = np.array([score(_shuffled(sizes, generator)) for _ in range(repeats)])
    reached = score(np.arange(len(outcome)))
    largest = np.abs(found[np.isfinite(found)]).max(initial=abs(reached))
    as_good = int((found >= reached - _ROUNDING * largest).sum())
    return (1 + as_good) / (1 + repeats), value, repeats


def _shuffled(sizes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Positions of rows ordered by entity: for each entity those of another, in their order, as many as it has rows itself."""
    order = generator.permutation(len(sizes))
    if len(sizes) == sizes.sum():
        return order
    starts = np.cumsum(sizes) - sizes
    place = np.arange(sizes.sum()) - np.repeat(starts, sizes)
    # Rows laid over others without regard to whose they are would cut the runs that make chance go far.
    positions: np.ndarray = np.repeat(starts[order], sizes) + place * np.repeat(sizes[order], sizes) // np.repeat(sizes, sizes)
    return positions


def _statistic(task: str, outcome: np.ndarray, answer: np.ndarray) -> Callable[[np.ndarray], float]:
    """The metric less what chance gives, up to a factor, when rows get the outcomes of others.

    Infinite where these are all alike: what cannot be measured is no evidence.
    """
    once = np.ones(len(outcome))
    if task == "multiclass":
        return _one_against_rest(outcome.astype(np.int64), answer)
    told = ranks(outcome).middle(once) if task == "regression" else outcome
    predicted = ranks(answer).middle(once)

    def score(positions: np.ndarray) -> float:
        drawn = told[positions]
        spread = drawn.std() if task == "regression" else drawn.mean() * (1 - drawn.mean())
        return float(drawn @ predicted / spread) if spread > 0 else np.inf

    return score


def _one_against_rest(codes: np.ndarray, answer: np.ndarray) -> Callable[[np.ndarray], float]:
    rows, classes = np.arange(len(codes)), answer.shape[1]
    each = np.column_stack([ranks(answer[:, k]).middle(np.ones(len(codes))) for k in range(classes)])

    def score(positions: np.ndarray) -> float:
        drawn = codes[positions]
        counts = np.bincount(drawn, minlength=classes)
        pairs, sums = counts * (len(codes) - counts), np.bincount(drawn, weights=each[rows, drawn], minlength=classes)
        return float((sums[pairs > 0] / pairs[pairs > 0]).sum()) if pairs.any() else np.inf

    return score
