"""Models: what to predict, from what, with which estimators, and when a new one is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from foretable.declare.origin import Origin, caller, collect
from foretable.errors import DeclarationError, nearest

if TYPE_CHECKING:
    from foretable.declare.tables import Label, Rows

MetricName = Literal["roc_auc", "pr_auc", "log_loss", "brier", "rmse", "mae", "r2", "spearman"]
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae"})


@dataclass(frozen=True)
class Between:
    """A range of a hyperparameter, ends included; integers when both ends are integers."""

    low: float
    high: float
    log: bool = False


def between(low: float, high: float, *, log: bool = False) -> Between:
    """A range for the search: ``between(0.01, 10, log=True)``."""
    if not low < high or (log and low <= 0):
        raise DeclarationError(
            f"between({low}, {high}, log={log}) is no range",
            where=str(caller()),
            hint="give the lower end first; with log=True it must be above 0",
        )
    return Between(low, high, log)


@dataclass(frozen=True, init=False)
class Candidate:
    """An estimator with fixed parameters and ranges to search."""

    parameters: Mapping[str, Any]

    def __init__(self, **parameters: Any) -> None:
        object.__setattr__(self, "parameters", parameters)

    @property
    def name(self) -> str:
        """How the candidate is called in tables and reports: ``LogisticRegression``."""
        return type(self).__name__


class LogisticRegression(Candidate):
    """scikit-learn's logistic regression on imputed, standardised, one-hot columns (``C``, ``l1_ratio``)."""


class XGBoost(Candidate):
    """XGBoost's trees (``max_depth``, ``learning_rate``, ``n_estimators``, ``min_child_weight``, …)."""


@dataclass(frozen=True)
class Gate:
    """When a new version may become champion: better on ``metric`` by ``margin``, beyond chance.

    Parameters
    ----------
    metric
        Compared on the same held-out rows; errors count downwards.
    margin
        The least improvement, in the unit of the metric. The lower end of the bootstrap interval of
        the difference must also be above zero.
    """

    metric: MetricName = "roc_auc"
    margin: float = 0.0

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric."""
        return self.metric not in LOWER_IS_BETTER


@dataclass(frozen=True)
class TimeSplit:
    """Training, validation and test rows by time, with a gap of the label's horizon between them."""

    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)


@dataclass(frozen=True)
class EntitySplit:
    """Training, validation and test rows by whole entities, drawn by a hash of ``column`` and the model's seed."""

    column: str
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)


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
    exclude
        Columns that are no inputs.
    candidates
        Estimators to try; each becomes a version, the best by the gate's metric goes to the gate.
    gate
        What a challenger must show.
    split
        By time with a gap (default where the label has a horizon) or by held-out entities.
    weights
        ``"balanced"`` weighs the rare class up while training.
    calibration
        ``"sigmoid"`` fits probabilities back to the true rate on the validation rows.
    trials
        Search trials per candidate.
    seed
        Makes training repeatable.
    threshold
        Probability from which the predicted label is 1.
    """

    name: str
    label: Label
    features: Sequence[Rows]
    candidates: Sequence[Candidate]
    exclude: Sequence[str] = ()
    gate: Gate = Gate()
    split: TimeSplit | EntitySplit | None = None
    weights: Literal["balanced"] | None = None
    calibration: Literal["sigmoid"] | None = None
    trials: int = 20
    seed: int = 0
    threshold: float = 0.5
    task: Literal["classification", "regression"] = "classification"
    description: str = ""
    origin: Origin = field(default_factory=caller, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.lower())
        where = str(self.origin)
        if not self.name.isidentifier() or "__" in self.name:
            raise DeclarationError(
                f"{self.name!r} cannot name a model", where=where, hint="use a lower-case identifier without a double underscore"
            )
        if not self.candidates:
            raise DeclarationError(f"model {self.name} has no candidates", where=where, hint="add candidates=[ft.LogisticRegression(), …]")
        if not self.features:
            raise DeclarationError(f"model {self.name} has no features", where=where, hint="add features=[your_feature_view]")
        metrics = set(MetricName.__args__)  # type: ignore[attr-defined]
        if self.gate.metric not in metrics:
            raise DeclarationError(
                f"model {self.name}: {self.gate.metric!r} is no metric", where=where, hint=nearest(self.gate.metric, metrics)
            )
        collect(self)
