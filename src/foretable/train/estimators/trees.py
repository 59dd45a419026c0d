"""XGBoost's trees, in float32 as XGBoost itself compares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from foretable.errors import DeclarationError, TrainingError
from foretable.forms.evaluate import read_columns
from foretable.forms.form import Column, Finish, Link, Trees
from foretable.train.estimators.booster import LINKS, base_of, learner_of, trees_of
from foretable.train.estimators.design import tree_columns
from foretable.train.estimators.fitting import FitInput

DEFAULTS: Mapping[str, Any] = {
    "n_estimators": 200,
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "gamma": 0.0,
    "reg_alpha": 0.0,
    "reg_lambda": 1.0,
    "max_bin": 256,
}
OPTIONAL = ("colsample_bylevel", "colsample_bynode", "grow_policy", "max_delta_step", "max_leaves")
OBJECTIVES = ("reg:squarederror", "count:poisson", "reg:gamma", "reg:tweedie")
THREADS = 1
"""Sums of gradients depend on how rows are shared out among threads; and threads that wait for a busy
processor burned 14 times the CPU of one (100 trees on 30,000 rows: 9.5 s against 0.7 s)."""


@dataclass(frozen=True, eq=False)
class TreeFit:
    """A fitted booster."""

    columns: tuple[Column, ...]
    estimator: Any
    link: Link

    def raw(self, matrix: np.ndarray) -> np.ndarray:
        """The sums of the leaves of each encoded row, by XGBoost."""
        margins: np.ndarray = self.estimator.inplace_predict(read_columns(self.columns, matrix), predict_type="margin")
        return margins.astype(np.float64)

    def form(self, finish: Finish) -> Trees:
        """The trees in plain numbers."""
        learner = learner_of(self.estimator)
        return Trees(self.columns, trees_of(learner), base_of(learner), strict=True, finish=finish)

    def booster(self) -> bytes:
        """XGBoost's own format; it reads the columns of the form."""
        return bytes(self.estimator.save_raw("ubj"))


def fit_trees(given: FitInput) -> TreeFit:
    """Fit gradient-boosted trees to encoded rows.

    Raises
    ------
    TrainingError
        The objective is for other numbers: counts and Tweedie's are not negative, gamma's are above 0.
    DeclarationError
        A column that is to be monotone is no number.
    """
    import xgboost

    settings = {**DEFAULTS, **given.parameters}
    rounds = settings.pop("n_estimators")
    objective = _objective(given, settings.pop("objective", OBJECTIVES[0]))
    columns, data = given.once(f"quantiles {settings['max_bin']}", partial(_quantiles, most=settings["max_bin"]))
    fixed = {"objective": objective, "tree_method": "hist", "nthread": THREADS, "seed": given.seed, "verbosity": 0}
    if given.classes:
        fixed["num_class"] = given.classes
    signs = directions(given, columns)
    if any(signs):
        fixed["monotone_constraints"] = signs
    return TreeFit(columns, xgboost.train({**settings, **fixed}, data, rounds), LINKS[objective])


def _quantiles(given: FitInput, most: int) -> tuple[tuple[Column, ...], Any]:
    """The columns, and their values as XGBoost bins them."""
    import xgboost

    columns, read = given.once("trees", tree_columns)
    return columns, xgboost.QuantileDMatrix(read, given.outcome, weight=given.weights, nthread=THREADS, max_bin=most)


def _objective(given: FitInput, declared: str) -> str:
    if given.model.task == "classification":
        return "binary:logistic"
    if given.model.task == "multiclass":
        return "multi:softprob"
    lowest = float(given.outcome.min())
    if lowest < 0 < OBJECTIVES.index(declared) or (declared == "reg:gamma" and lowest <= 0):
        raise TrainingError(
            f"model {given.model.name}: {declared} is not for labels such as {lowest:g}",
            where=str(given.model.origin),
            hint="take reg:squarederror; count:poisson and reg:tweedie are for labels of 0 and more, reg:gamma for labels above 0",
        )
    return declared


def directions(given: FitInput, columns: tuple[Column, ...]) -> tuple[int, ...]:
    """The declared direction of each column that trees read; 0 where there is none.

    Raises
    ------
    DeclarationError
        A column has no order: it is a category, and not declared ordinal.
    """
    for feature in given.features:
        if feature.name in given.model.monotone and given.encoding(feature) in ("onehot", "target"):
            raise DeclarationError(
                f"model {given.model.name}: {feature.name} is a category and cannot be monotone",
                where=str(given.model.origin),
                hint=f'declare encoding={{"{feature.name}": "ordinal"}} if the order of its sorted values means something, or leave it out',
            )
    return tuple(given.model.monotone.get(given.features[column.feature].name, 0) for column in columns)
