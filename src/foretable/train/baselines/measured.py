"""Baselines and a model on the same test rows: what each reaches, and how much better the model is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretable.declare.judge import LOWER_IS_BETTER, METRICS_OF, Gate
from foretable.declare.model import Model
from foretable.train.baselines.baselines import Predicted, predict_baselines
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.measures import NAMES, figures
from foretable.train.prepare import Prepared
from foretable.train.result import Beside, Finding, Trained
from foretable.train.split import NAMES as SPLITS
from foretable.train.split import TEST
from foretable.train.steady import steady

TOTAL = "calibration_ratio"
"""The predicted total by the observed one: best at 1."""
METRICS = (*METRICS_OF["regression"], TOTAL)


@dataclass(frozen=True, eq=False)
class Measured:
    """``METRICS`` of one baseline on the test rows, and on each draw of the bootstrap."""

    predicted: Predicted
    values: np.ndarray
    draws: np.ndarray


@dataclass(frozen=True, eq=False)
class Baselines:
    """The baselines of a training, fitted and measured once for all of its candidates."""

    measured: tuple[Measured, ...] = ()
    findings: tuple[Finding, ...] = ()


def fit_baselines(model: Model, prepared: Prepared) -> Baselines:
    """Fit the baselines of a model and measure them on the test rows.

    Raises
    ------
    TrainingError
        A column is not what a baseline takes it for.
    """
    with steady():
        predicted, findings = predict_baselines(model, prepared)
        return Baselines(tuple(_measured(model, prepared, each) for each in predicted), findings)


def beside_baselines(model: Model, prepared: Prepared, baselines: Baselines, trained: Trained) -> Trained:
    """A candidate with the figures of every baseline beside its own, and what is found by them.

    Differences are the paired bootstrap's: equal seeds draw equal customers for the baseline and for the candidate. They are
    turned so that more is better; that of ``TOTAL`` is by how much nearer to 1 the candidate's is.

    Parameters
    ----------
    model, prepared
        The declaration, and the rows of its training set.
    baselines
        By :func:`fit_baselines`, of the same rows.
    trained
        The candidate.
    """
    if not baselines.measured:
        return replace(trained, findings=(*trained.findings, *baselines.findings))
    with steady():
        own = _measured(model, prepared, Predicted(trained.candidate, np.asarray(trained.native(prepared.matrix))))
    found = tuple(row for each in baselines.measured for row in _rows(prepared, each, own))
    judged = _judged(model.gate, found, dict(zip(METRICS, own.values.tolist(), strict=True)))
    return replace(trained, baselines=found, findings=(*trained.findings, *baselines.findings, *judged))


def _measured(model: Model, prepared: Prepared, predicted: Predicted) -> Measured:
    test = prepared.rows(TEST)
    clusters = dense(prepared.clusters[test])
    places = [NAMES[model.task].index(metric) for metric in METRICS]
    every = figures(model.task, prepared.outcome[test], predicted.answer[test], clusters)
    measure: Callable[[np.ndarray], np.ndarray] = lambda draws: every(draws)[places]  # noqa: E731
    draws = replicates(measure, clusters, model.seed, repeats_for(len(test)))
    return Measured(predicted, measure(np.ones(int(clusters.max()) + 1)), draws)


def _goodness(values: np.ndarray) -> np.ndarray:
    """``METRICS`` in their last axis, turned so that more is better."""
    turned: np.ndarray = np.array([-1.0 if metric in LOWER_IS_BETTER else 1.0 for metric in METRICS]) * values
    turned[..., METRICS.index(TOTAL)] = -np.abs(values[..., METRICS.index(TOTAL)] - 1)
    return turned


def _rows(prepared: Prepared, baseline: Measured, own: Measured) -> list[Beside]:
    """A row per metric that both have."""
    test = prepared.rows(TEST)
    difference = _goodness(own.values) - _goodness(baseline.values)
    ends = np.array([baseline.values, *interval(baseline.draws), difference, *interval(_goodness(own.draws) - _goodness(baseline.draws))])
    counts = {**dict.fromkeys(METRICS, len(test)), "mape": int((prepared.outcome[test] != 0).sum())}
    name, parameters = baseline.predicted.name, baseline.predicted.parameters
    return [
        Beside(name, SPLITS[TEST], metric, value, low, high, ahead, ahead_low, ahead_high, counts[metric], parameters)
        for metric, (value, low, high, ahead, ahead_low, ahead_high) in zip(METRICS, ends.T.tolist(), strict=True)
        if np.isfinite([value, low, high, ahead, ahead_low, ahead_high]).all()
    ]


def _judged(gate: Gate, rows: Sequence[Beside], own: dict[str, float]) -> tuple[Finding, ...]:
    """Whether the candidate is better by the gate's metric than the best baseline is, beyond the interval of the difference."""
    of_gate = [row for row in rows if row.metric == gate.metric]
    if not of_gate:
        return ()
    best = max(of_gate, key=lambda row: row.value if gate.higher_is_better else -row.value)
    better = best.difference_low > 0
    said = "better than" if better else "worse than" if best.difference_high < 0 else "no better than"
    message = (
        f"{said} {best.baseline}: {best.metric} {own[best.metric]:.3f} against {best.value:.3f} on {best.row_count:,} held-out rows,"
        f" {'better' if best.difference >= 0 else 'worse'} by {abs(best.difference):.3f}"
        f" [{best.difference_low:+.3f}, {best.difference_high:+.3f}]"
    )
    evidence = {"baseline": best.baseline, "metric": best.metric, "value": own[best.metric], "of_baseline": best.value}
    evidence |= {"difference": best.difference, "low": best.difference_low, "high": best.difference_high}
    return (Finding("baseline", "note" if better else "warning", message, evidence=evidence),)
