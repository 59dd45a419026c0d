"""Which estimator a declared candidate stands for, by task, and which parameters it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretable.declare.candidates import Among, Candidate, LinearRegression, LogisticRegression, RandomForest, XGBoost
from foretable.declare.model import Model
from foretable.errors import DeclarationError, TrainingError, nearest
from foretable.train.estimators import forest, linear, trees
from foretable.train.estimators.fitting import Fit, FitInput, Fitter


@dataclass(frozen=True)
class Family:
    """How a candidate is fitted, and the parameters that it takes."""

    fit: Fitter
    parameters: frozenset[str]
    monotone: bool = False


_LOGISTIC = Family(linear.fit_logistic, frozenset(linear.LOGISTIC))
_FOREST = Family(forest.fit_forest, frozenset((*forest.DEFAULTS, *forest.OPTIONAL)), monotone=True)
_BOOSTED = frozenset((*trees.DEFAULTS, *trees.OPTIONAL))
_ESTIMATORS: Mapping[tuple[str, type[Candidate]], Family] = {
    ("classification", LogisticRegression): _LOGISTIC,
    ("multiclass", LogisticRegression): _LOGISTIC,
    ("regression", LinearRegression): Family(linear.fit_least_squares, frozenset(linear.LEAST_SQUARES)),
    ("classification", RandomForest): _FOREST,
    ("multiclass", RandomForest): _FOREST,
    ("regression", RandomForest): _FOREST,
    ("classification", XGBoost): Family(trees.fit_trees, _BOOSTED | {"scale_pos_weight"}, monotone=True),
    ("multiclass", XGBoost): Family(trees.fit_trees, _BOOSTED, monotone=True),
    ("regression", XGBoost): Family(trees.fit_trees, _BOOSTED | {"objective", "tweedie_variance_power"}, monotone=True),
}
"""Explicit: what is not here has no form that was proven equal, and is refused."""

_WHY_NOT: Mapping[str, str] = {
    "booster": "only XGBoost's trees (gbtree) have a form that is proven equal; dart and gblinear have none",
    "missing": "NULL is what is missing; turn a placeholder such as -999 into NULL in the feature view",
    "enable_categorical": "declare encoding= on the model",
    "multi_strategy": "a model has one label; declare a model for each",
    "num_class": "the classes are those of the label; declare task='multiclass'",
    "base_score": "XGBoost estimates it from the label",
    "monotone_constraints": "declare monotone= on the model, by column",
    "monotonic_cst": "declare monotone= on the model, by column",
    "class_weight": "declare weights='balanced' on the model",
    "random_state": "declare seed= on the model",
    "seed": "declare seed= on the model",
    "n_jobs": "threads are chosen so that training is repeatable; leave it out",
    "nthread": "threads are chosen so that training is repeatable; leave it out",
    "solver": "it follows from the penalty; leave it out",
    "penalty": "l1_ratio= says it: 0 is ridge, 1 lasso",
}


def fitter(model: Model, candidate: Candidate) -> Fitter:
    """How to fit a candidate.

    Raises
    ------
    DeclarationError
        It is no estimator of the model's task, one of its parameters is none of its own, or a column that
        is to be monotone cannot be with it.
    """
    family = _ESTIMATORS.get((model.task, type(candidate)))
    if family is None:
        known = [kind.__name__ for task, kind in _ESTIMATORS if task == model.task]
        what = f"{candidate.name} cannot be trained for {model.task}"
        raise _wrong(model, what, f"take one of {', '.join(known)}")
    for name, value in candidate.parameters.items():
        if name not in family.parameters:
            raise _wrong(model, f"{candidate.name} has no parameter {name!r}", _WHY_NOT.get(name) or nearest(name, family.parameters))
        if name == "objective":
            _check_objective(model, candidate, value.values if isinstance(value, Among) else [value])
    if model.monotone and (not family.monotone or model.task == "multiclass"):
        what = f"{candidate.name} cannot keep a column monotone in a {model.task} model"
        raise _wrong(model, what, "leave monotone= out, or take RandomForest or XGBoost for two classes or a number")
    return lambda given: _fitted(family, candidate, _checked(given))


def _fitted(family: Family, candidate: Candidate, given: FitInput) -> Fit:
    """What the library says of a value that it does not take is said of the declaration."""
    try:
        return family.fit(given)
    except ValueError as error:
        raise TrainingError(
            f"model {given.model.name}: {candidate.name} cannot be fitted with {dict(given.parameters)}: {error}",
            where=str(given.model.origin),
            hint="correct the parameter that it names",
        ) from error


def _check_objective(model: Model, candidate: Candidate, objectives: Iterable[Any]) -> None:
    for objective in objectives:
        if objective not in trees.OBJECTIVES:
            what = f"{candidate.name} with objective {objective!r} has no form that is proven equal"
            raise _wrong(model, what, f"take one of {', '.join(trees.OBJECTIVES)}")


def _checked(given: FitInput) -> FitInput:
    """Every class must have a row."""
    present = set(np.unique(given.outcome).tolist())
    wanted = {"classification": 2, "multiclass": given.classes}.get(given.model.task, 0)
    if lost := set(range(wanted)) - present:
        raise TrainingError(
            f"model {given.model.name}: class {min(lost)} has no row to be fitted to",
            where=str(given.model.origin),
            hint="take a longer period, fewer folds, or leave rare classes out of the label",
        )
    return given


def _wrong(model: Model, what: str, hint: str) -> DeclarationError:
    return DeclarationError(f"model {model.name}: {what}", where=str(model.origin), hint=hint)
