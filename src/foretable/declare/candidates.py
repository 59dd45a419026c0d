"""Estimators that a model may try, with fixed parameters and ranges to search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretable.declare.origin import caller
from foretable.errors import DeclarationError


@dataclass(frozen=True)
class Between:
    """A range of a hyperparameter, ends included; integers when both ends are integers."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Among:
    """Values of a hyperparameter that have no order."""

    values: tuple[Any, ...]


def between(low: float, high: float, *, log: bool = False) -> Between:
    """A range for the search: ``between(0.01, 10, log=True)``."""
    if not low < high or (log and low <= 0):
        raise DeclarationError(
            f"between({low}, {high}, log={log}) is no range",
            where=str(caller()),
            hint="give the lower end first; with log=True it must be above 0",
        )
    return Between(low, high, log)


def among(*values: Any) -> Among:
    """Values for the search: ``among("sqrt", "log2")``."""
    if len(values) < 2:
        raise DeclarationError("among() needs two values or more", where=str(caller()), hint="give a single value as it is")
    return Among(values)


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
    """scikit-learn's logistic regression on imputed, standardised, encoded columns (``C``, ``l1_ratio``). For classes."""


class LinearRegression(Candidate):
    """scikit-learn's linear regression on imputed, standardised, encoded columns (``alpha``, ``l1_ratio``). For numbers."""


class RandomForest(Candidate):
    """scikit-learn's random forest (``n_estimators``, ``max_depth``, ``min_samples_leaf``, ``max_features``)."""


class XGBoost(Candidate):
    """XGBoost's trees (``max_depth``, ``learning_rate``, ``n_estimators``, ``min_child_weight``, …; ``objective`` for numbers)."""


def searched(candidates: Sequence[Candidate]) -> bool:
    """Whether any candidate has something to search."""
    return any(isinstance(value, Between | Among) for candidate in candidates for value in candidate.parameters.values())
