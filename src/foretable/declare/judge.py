"""How a model is judged: the rows that are held out, what a decision is worth, when a new version may take over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MetricName = Literal["roc_auc", "pr_auc", "log_loss", "brier", "f1", "rmse", "mae", "r2", "mape", "spearman"]
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae", "mape"})
METRICS_OF: Mapping[str, tuple[MetricName, ...]] = {
    "classification": ("roc_auc", "pr_auc", "log_loss", "brier", "f1"),
    "multiclass": ("roc_auc", "log_loss", "brier", "f1"),
    "regression": ("rmse", "mae", "r2", "mape", "spearman"),
}
"""What a gate may ask for, by task; the first is the default. Of several classes ROC-AUC is one against the rest,
F1 the macro average."""
FAIRNESS = ("selection_rate", "tpr", "fpr", "calibration_error")


@dataclass(frozen=True)
class Gate:
    """When a new version may become champion: better on ``metric`` by ``margin``, beyond chance, and within limits.

    Parameters
    ----------
    metric
        Compared on the same held-out rows; errors count downwards. Empty: the first of the task's metrics.
    margin
        The least improvement, in the unit of the metric. The lower end of the bootstrap interval of
        the difference must also be above zero.
    calibration_error
        The most that probabilities may be off, averaged over deciles (0 to 1).
    fairness
        The greatest difference allowed between two groups of a sensitive column, by measure: ``{"tpr": 0.1}``;
        one of ``selection_rate``, ``tpr``, ``fpr``, ``calibration_error``.
    """

    metric: MetricName | Literal[""] = ""
    margin: float = 0.0
    calibration_error: float | None = None
    fairness: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric."""
        return self.metric not in LOWER_IS_BETTER


@dataclass(frozen=True)
class TimeSplit:
    """Training, validation and test rows by time, with a gap of the label's horizon between them.

    ``entities`` keeps those of the key apart as well: an entity of the test rows is in no training row.
    """

    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    entities: bool = False


@dataclass(frozen=True)
class EntitySplit:
    """Training, validation and test rows by whole entities, drawn by a hash of ``column`` and the model's seed.

    With ``stratify`` every part has the same share of entities with a positive label.
    """

    column: str
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    stratify: bool = False


@dataclass(frozen=True)
class Value:
    """What acting on a row is worth; the threshold is set where the total over the validation rows is greatest.

    Parameters
    ----------
    true_positive, false_positive, true_negative, false_negative
        Worth of one row of that kind, in money; a cost is negative.
    capacity
        The most rows that can be acted on per date (over all rows where there are no dates).
    by
        A column of the feature views: each of its values gets a threshold of its own.
    """

    true_positive: float = 0.0
    false_positive: float = 0.0
    true_negative: float = 0.0
    false_negative: float = 0.0
    capacity: int | None = None
    by: str | None = None
