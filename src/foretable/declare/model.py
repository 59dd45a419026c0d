"""Models: what to predict, from what, with which estimators, and when a new one is good enough."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from foretable.declare.baselines import Baseline, BuyTillYouDie
from foretable.declare.candidates import Candidate
from foretable.declare.judge import FAIRNESS, METRICS_OF, EntitySplit, Gate, TimeSplit, Value
from foretable.declare.names import checked, split
from foretable.declare.origin import Origin, caller, collect
from foretable.errors import DeclarationError, nearest

if TYPE_CHECKING:
    from foretable.declare.tables import Label, Rows

Encoding = Literal["onehot", "ordinal", "target"]
ENCODINGS = ("onehot", "ordinal", "target")
IMPUTE = ("median", "mean", "zero")
CALIBRATIONS = ("sigmoid", "isotonic")
EXECUTORS = ("onnx", "booster")
MOST_ROWS = 1_000_000
TRAINING = "training"
"""The layer of training sets."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model to train, register and call as ``predict_<name>()``.

    Parameters
    ----------
    name
        Lower-case identifier.
    label
        What to predict.
    features
        Feature views whose columns are the inputs.
    candidates
        Estimators to try; each becomes a version, the best by the gate's metric goes to the gate.
    exclude
        Columns that are no inputs.
    gate
        What a challenger must show.
    split
        By time with a gap (default where the label has a horizon) or by held-out entities.
    folds
        Parts of the training rows that a trial of the search is measured on: by rolling origin with a gap of the horizon,
        else by entities. 1 measures on the validation rows.
    weights
        ``"balanced"`` weighs the rare class up while training.
    calibration
        ``"sigmoid"`` or ``"isotonic"`` fits probabilities back to the true rate on the validation rows.
    encoding
        How a text enters, by column: ``"onehot"`` (default), ``"ordinal"`` (by its place in the sorted vocabulary) or
        ``"target"`` (by the smoothed mean of the label, fitted on training rows only).
    impute
        What a linear model reads for a NULL number: the training ``"median"``, ``"mean"`` or ``"zero"``. Trees route NULLs themselves.
    monotone
        Columns that may only raise (1) or lower (−1) the prediction; for XGBoost and RandomForest.
    trials
        Search trials per candidate.
    seed
        Makes training repeatable.
    threshold
        Probability from which the predicted label is 1, or what acting on a row is worth.
    segments
        Columns of the feature views by whose values the test rows are evaluated apart.
    sensitive
        Columns of the feature views that are no inputs and by whose values fairness is measured.
    reasons
        Words for people by feature, for reason codes: ``{"tickets_30d": "{value} support tickets in 30 days"}``.
    executor
        What scores tree models in SQL: ``"onnx"``, or ``"booster"``, XGBoost's own evaluator. Linear models are SQL expressions.
    task
        ``classification`` (labels 0 and 1), ``multiclass`` or ``regression``.
    second_label
        Another definition of the same outcome, compared with ``label`` row by row when the model is trained; it changes no model.
    intervals
        Share of outcomes that the interval of a predicted number is to hold, such as 0.9: ``predict_<model>_interval(row)``.
    baselines
        What a practitioner would do without a model, measured beside it on the same rows; of a regression.
    training_set
        Name of the table that it learns from, in layer ``training``; by default ``training.<name>``.
    rows
        The most rows that it learns from and is judged on: of more, whole entities are drawn by a hash of their key.
    """

    name: str
    label: Label
    features: Sequence[Rows]
    candidates: Sequence[Candidate]
    exclude: Sequence[str] = ()
    gate: Gate = field(default_factory=Gate)
    split: TimeSplit | EntitySplit | None = None
    folds: int = 3
    weights: Literal["balanced"] | None = None
    calibration: Literal["sigmoid", "isotonic"] | None = None
    encoding: Mapping[str, Encoding] = field(default_factory=dict)
    impute: Literal["median", "mean", "zero"] = "median"
    monotone: Mapping[str, Literal[-1, 1]] = field(default_factory=dict)
    trials: int = 20
    seed: int = 0
    threshold: float | Value = 0.5
    segments: Sequence[str] = ()
    sensitive: Sequence[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    executor: Literal["onnx", "booster"] = "onnx"
    task: Literal["classification", "multiclass", "regression"] = "classification"
    second_label: Label | None = None
    intervals: float | None = None
    baselines: Sequence[Baseline] = ()
    training_set: str = ""
    rows: int = MOST_ROWS
    description: str = ""
    origin: Origin = field(default_factory=caller, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())
        if not re.fullmatch("[a-z]([a-z0-9_]*[a-z0-9])?", self.name) or "__" in self.name:
            self._refuse(f"{self.name!r} cannot name a model", "use letters, digits and single underscores, such as churn_30d")
        if not self.candidates:
            self._refuse(f"model {self.name} has no candidates", "add candidates=[ft.LogisticRegression(), …]")
        if not self.features:
            self._refuse(f"model {self.name} has no features", "add features=[your_feature_view]")
        self._check_types()
        self._name_training_set()
        self._check_words()
        if not self.gate.metric:
            object.__setattr__(self, "gate", replace(self.gate, metric=METRICS_OF[self.task][0]))
        self._check_task()
        self._check_second_label()
        collect(self)

    def _check_types(self) -> None:
        """What only shows hours later, when it is compared or measured."""
        if type(self.intervals) not in (float, int, type(None)):
            self._refuse(f"model {self.name}: intervals={self.intervals!r} is no number", "write: intervals=0.9")
        if type(self.rows) is not int:
            self._refuse(f"model {self.name}: rows={self.rows!r} is no whole number", "write: rows=1_000_000")
        if type(self.training_set) is not str:
            self._refuse(f"model {self.name}: training_set={self.training_set!r} is no name", f"write {TRAINING}.<name>")
        listed = isinstance(self.baselines, Sequence) and not isinstance(self.baselines, str)
        if not listed or not all(isinstance(each, Baseline) for each in self.baselines):
            self._refuse(f"model {self.name}: baselines={self.baselines!r} is no list of baselines", 'write: [ft.LastPeriod("spend_365d")]')
        named = [name for each in self.baselines for name in each.columns if not isinstance(name, str) or not name]
        if named:
            self._refuse(f"model {self.name}: a baseline reads {named[0]!r}, which names no column", 'write: ft.LastPeriod("spend_365d")')

    def _name_training_set(self) -> None:
        name = checked(self.training_set or f"{TRAINING}.{self.name}", where=self.origin)
        if split(name)[:2] != ("", TRAINING):
            self._refuse(f"model {self.name}: training_set={self.training_set!r} is not in layer {TRAINING}", f"write {TRAINING}.<name>")
        object.__setattr__(self, "training_set", name)

    def _check_words(self) -> None:
        """Words that must be among those known."""
        if self.task not in METRICS_OF:
            self._refuse(f"model {self.name}: {self.task!r} is no task", nearest(self.task, METRICS_OF))
        self._one_of("gate metric", [self.gate.metric] if self.gate.metric else [], METRICS_OF[self.task])
        self._one_of("calibration", [self.calibration] if self.calibration else [], CALIBRATIONS)
        self._one_of("encoding", self.encoding.values(), ENCODINGS)
        self._one_of("impute", [self.impute], IMPUTE)
        self._one_of("executor", [self.executor], EXECUTORS)
        self._one_of("fairness limit", self.gate.fairness, FAIRNESS)

    def _one_of(self, what: str, given: Iterable[Any], known: Iterable[str]) -> None:
        for word in given:
            if word not in known:
                self._refuse(f"model {self.name}: {word!r} is no {what} of a {self.task} model", nearest(str(word), known))

    def _check_task(self) -> None:
        """Settings that only some tasks have."""
        if self.task != "regression" and (self.intervals is not None or self.baselines):
            self._refuse(f"model {self.name}: intervals= and baselines= are for predicted numbers", "leave them out")
        if self.label.horizon is None and any(isinstance(each, BuyTillYouDie) for each in self.baselines):
            self._refuse(f"model {self.name}: BuyTillYouDie expects purchases within a horizon, which its label lacks", "give it horizon=")
        if self.intervals is not None and not 0 < self.intervals < 1:
            self._refuse(
                f"model {self.name}: intervals={self.intervals} is no share of outcomes", "give a number between 0 and 1, such as 0.9"
            )
        if self.task != "classification":
            for name in ("weights", "calibration"):
                if getattr(self, name) is not None and not (name == "weights" and self.task == "multiclass"):
                    self._refuse(f"model {self.name}: {name}= is for labels of 0 and 1", "leave it out, or declare task='classification'")
            if isinstance(self.threshold, Value):
                self._refuse(f"model {self.name}: threshold= is for labels of 0 and 1", "leave it out")
        if self.task == "regression" and isinstance(self.split, EntitySplit) and self.split.stratify:
            self._refuse(f"model {self.name}: stratify= is for classes", "leave it out")
        if self.gate.fairness and not self.sensitive:
            self._refuse(f"model {self.name}: the gate has fairness limits, but no column is sensitive", "add sensitive=[…]")
        for name in ("folds", "trials", "rows"):
            if getattr(self, name) < 1:
                self._refuse(f"model {self.name}: {name}={getattr(self, name)} leaves nothing to measure on", "give 1 or more")
        self._check_threshold()

    def _check_threshold(self) -> None:
        """A probability, or a worth that can be weighed."""
        value = self.threshold
        if not isinstance(value, Value):
            if not 0 <= value <= 1:
                self._refuse(f"model {self.name}: threshold={value} is no probability", "give a number from 0 to 1, or ft.Value(…)")
            return
        if not any((value.true_positive, value.false_positive, value.true_negative, value.false_negative)):
            self._refuse(f"model {self.name}: ft.Value() without a worth sets no threshold", "give true_positive=, false_positive=, …")
        if value.capacity is not None and value.capacity < 1:
            self._refuse(f"model {self.name}: capacity={value.capacity} lets nobody be acted on", "give 1 or more, or leave it out")

    def _check_second_label(self) -> None:
        """Only outcomes of the same keys within the same time can be compared."""
        other: Any = self.second_label
        if other is None:
            return
        from foretable.declare.tables import Label

        if not isinstance(other, Label):
            self._refuse(f"model {self.name}: second_label={getattr(other, 'name', other)!r} is no label", "give what @ft.label made")
        said = f"model {self.name}: second label {other.name}"
        keys = [each.entity.keys if each.entity else () for each in (self.label, other)]
        if keys[0] != keys[1]:
            self._refuse(f"{said} is about another entity than {self.label.name}", "both have one row per key of one entity")
        if self.label.horizon != other.horizon:
            self._refuse(f"{said} looks {other.horizon} ahead, {self.label.name} {self.label.horizon}", "give both the same horizon=")

    def _refuse(self, message: str, hint: str) -> None:
        raise DeclarationError(message, where=str(self.origin), hint=hint)

    @property
    def cut(self) -> float:
        """The declared threshold; one half until it is set by what a decision is worth."""
        return 0.5 if isinstance(self.threshold, Value) else self.threshold

    @property
    def aside(self) -> tuple[str, ...]:
        """Columns that the training set has besides the inputs: those that rows are evaluated by."""
        by = [self.threshold.by] if isinstance(self.threshold, Value) and self.threshold.by else []
        compared = (column for baseline in self.baselines for column in baseline.columns)
        return tuple(dict.fromkeys((*self.segments, *self.sensitive, *by, *compared)))
