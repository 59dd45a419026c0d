"""What training hands on: fitted candidates, their evaluations, and the report of a whole training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foretable.registry.signature import Signature

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet


@dataclass(frozen=True)
class Evaluation:
    """One metric on one set of rows.

    ``split`` is train, validation or test; ``segment`` is ``all`` or a part of it; ``low`` and ``high``
    bound the 95 % bootstrap interval, ``None`` where there is none.
    """

    split: str
    segment: str
    metric: str
    value: float
    low: float | None
    high: float | None
    row_count: int


@dataclass(frozen=True)
class Curve:
    """Points to draw, in order: ``roc``, ``pr``, ``calibration``, ``gain``, ``profit``, ``importance``, ``drift``.

    ``labels`` name the points of a bar chart, such as the features by importance; else it is empty.
    """

    name: str
    split: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a check found, before or after training.

    ``check`` is one of rows, leak, duplicates, identifier, constant, drift, range, few, labels, split, chance, calibration, fairness,
    intervals, baseline. A ``refused`` finding stopped the training, or keeps the version from being promoted unless it is forced.
    """

    check: str
    severity: Literal["note", "warning", "refused"]
    message: str
    column: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One trial of the search: parameters, the gate's metric over the folds, and on each fold that was measured.

    ``state`` is COMPLETE, PRUNED (stopped early: it was behind) or FAILED. ``tried_at`` is in UTC.
    """

    candidate: str
    trial: int
    parameters: Mapping[str, Any]
    value: float
    state: str
    seconds: float
    folds: tuple[float, ...] = ()
    tried_at: datetime | None = None


@dataclass(frozen=True)
class Parity:
    """How closely the SQL function followed the native estimator.

    ``rows`` counts rows of the training set, ``probes`` made-up rows (NULLs, unseen categories, values
    beside thresholds); ``max_difference`` is in the unit of the output.
    """

    rows: int
    probes: int
    max_difference: float
    tolerance: float


@dataclass(frozen=True)
class Beside:
    """A metric of a baseline, and how much better a version is on the same rows.

    ``value`` is the baseline's, ``difference`` what the version is better by, in the unit of the metric and turned so that more is
    better; ``low`` and ``high`` of both bound the 95 % bootstrap interval. ``parameters`` are what was fitted.
    """

    baseline: str
    split: str
    metric: str
    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    row_count: int
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trained:
    """A candidate, fitted and exported.

    ``native`` maps an encoded float64 matrix to the output by the estimator's own code, without ONNX: shape (rows,), or
    (rows, classes). ``artifacts`` are the bytes to keep, by kind: ``onnx``; and where there are such, ``form`` (the model in plain
    numbers), ``explain`` (its contributions as ONNX) and ``booster`` (XGBoost's own format). ``executor`` is what answers in SQL:
    ``onnx``, ``sql`` or ``booster``. ``study`` is the fingerprint that its trials are kept under.
    """

    candidate: str
    parameters: Mapping[str, Any]
    signature: Signature
    artifacts: Mapping[str, bytes]
    executor: str
    evaluations: tuple[Evaluation, ...]
    trials: tuple[Trial, ...]
    native: Callable[[np.ndarray], np.ndarray]
    notes: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()
    findings: tuple[Finding, ...] = ()
    study: str = ""
    baselines: tuple[Beside, ...] = ()

    def value(self, metric: str, split: str = "test", segment: str = "all") -> float:
        """A metric's value on a split."""
        return self.evaluation(metric, split, segment).value

    def evaluation(self, metric: str, split: str = "test", segment: str = "all") -> Evaluation:
        """The evaluation of a metric on a split.

        Raises
        ------
        KeyError
            It was not measured.
        """
        for evaluation in self.evaluations:
            if (evaluation.metric, evaluation.split, evaluation.segment) == (metric, split, segment):
                return evaluation
        raise KeyError((metric, split, segment))


@dataclass(frozen=True)
class GateDecision:
    """Whether a version may become champion, and the evidence.

    ``difference`` is challenger less champion in the unit of ``metric``, turned so that more is better;
    ``low`` and ``high`` bound its 95 % bootstrap interval. They are ``None`` without a champion to beat.
    """

    accepted: bool
    reason: str
    metric: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Registered:
    """A fitted candidate and the version number that it got."""

    version: int
    trained: Trained
    parity: Parity


@dataclass(frozen=True)
class TrainingReport:
    """A whole training of one model.

    ``candidates`` are in the order of the gate's metric on the validation rows, best first; ``best`` went
    to the gate. ``notes`` say what was left out or done differently from the declaration; ``findings`` are those of the checks
    before training, which hold for every candidate.
    """

    model: str
    training: TrainingSet
    candidates: tuple[Registered, ...]
    gate: GateDecision
    previous: int | None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    split_rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def best(self) -> Registered:
        """The candidate that went to the gate."""
        return self.candidates[0]

    @property
    def champion(self) -> int | None:
        """The champion's version after this training."""
        return self.best.version if self.gate.accepted else self.previous
