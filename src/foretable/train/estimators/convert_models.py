"""Fitted scikit-learn and XGBoost estimators as forms, over columns in symbols."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from foretable.errors import ParityFailure
from foretable.forms.form import FIRST_SLOT, Column, Finish, Form, Linear, Tree, Trees
from foretable.registry.signature import Feature
from foretable.train.estimators.booster import LINKS, base_of, learner_of, trees_of
from foretable.train.estimators.calibration import STEEPEST
from foretable.train.estimators.convert_columns import Coded, Gap, Number, Symbol, Text, refuse
from foretable.train.estimators.forest import average_of, tree_of

IMPUTE = "put a SimpleImputer ahead of it"


def logistic(estimator: Any, symbols: Sequence[Symbol], features: Sequence[Feature]) -> Linear:
    """LogisticRegression."""
    several = len(estimator.classes_) > 2
    return _linear(estimator.coef_, estimator.intercept_, symbols, features, Finish("softmax" if several else "sigmoid"))


def least_squares(estimator: Any, symbols: Sequence[Symbol], features: Sequence[Feature]) -> Linear:
    """LinearRegression, Ridge, Lasso, ElasticNet."""
    weights = np.atleast_2d(estimator.coef_)
    if len(weights) > 1:
        refuse("a regression of several labels is not converted", "fit a model for each")
    return _linear(weights, np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), 1), symbols, features, Finish())


def _linear(weights: np.ndarray, offset: np.ndarray, symbols: Sequence[Symbol], features: Sequence[Feature], finish: Finish) -> Linear:
    """Everything folded to one weight per number, one for its gap, and one per slot of a category."""
    outputs, count = len(weights), len(features)
    mean, per_unit = np.zeros(count), np.zeros((outputs, count))
    present, absent = np.zeros((outputs, count)), np.zeros((outputs, count))
    levels = {j: np.zeros((outputs, FIRST_SLOT + len(f.vocabulary))) for j, f in enumerate(features) if f.kind == "category"}
    for number in reversed([symbol for symbol in symbols if isinstance(symbol, Number)]):
        mean[number.feature] = number.centre
    for weight, symbol in zip(weights.T, symbols, strict=True):
        j = symbol.feature
        _answers_null(symbol, features[j])
        if isinstance(symbol, Number):
            per_unit[:, j] += weight * symbol.factor
            present[:, j] += weight * (symbol.factor * (mean[j] - symbol.centre) + symbol.offset)
            absent[:, j] += weight * symbol.null
        elif isinstance(symbol, Gap):
            present[:, j] += weight * symbol.off
            absent[:, j] += weight * symbol.on
        elif isinstance(symbol, Coded):
            levels[j] += weight[:, None] * symbol.table
    total = np.asarray(offset, dtype=np.float64) + present.sum(axis=1)
    gaps, fill = absent - present, np.zeros(count)
    for j, value in _filled(symbols).items():
        fill[j], gaps[:, j] = value - mean[j], 0.0
    return Linear(mean, fill, per_unit, gaps, levels, total, finish)


def _filled(symbols: Sequence[Symbol]) -> dict[int, float]:
    """Numbers that a NULL is simply taken for, by feature: what an imputer without an indicator fills in.

    Told so, and not as a weight of their gaps, they need not be asked for at every row.
    """
    times = Counter(symbol.feature for symbol in symbols)
    alone = [symbol for symbol in symbols if isinstance(symbol, Number) and times[symbol.feature] == 1 and symbol.factor]
    return {symbol.feature: symbol.centre + (symbol.null - symbol.offset) / symbol.factor for symbol in alone}


def _answers_null(symbol: Symbol, feature: Feature) -> None:
    if isinstance(symbol, Text):
        refuse(f"the text {feature.name} reaches the estimator as it is", "put a OneHotEncoder ahead of it")
    open_end = math.isnan(symbol.null) if isinstance(symbol, Number) else isinstance(symbol, Coded) and bool(np.isnan(symbol.table).any())
    if open_end:
        refuse(f"the estimator has no answer where {feature.name} is NULL", IMPUTE)


def forest(estimator: Any, symbols: Sequence[Symbol], features: Sequence[Feature]) -> Trees:
    """DecisionTree…, RandomForest…, ExtraTrees…: the mean over trees."""
    if estimator.n_outputs_ > 1:
        refuse("trees of several labels are not converted", "fit a model for each")
    members = getattr(estimator, "estimators_", [estimator])
    classes = len(getattr(estimator, "classes_", ()))
    outputs = classes if classes > 2 else 1
    trees, base = average_of([member.tree_ for member in members], outputs)
    return _trees(trees, base, symbols, features, strict=False, takes_null=_allows_nan(estimator), finish=Finish())


def boosted(estimator: Any, symbols: Sequence[Symbol], features: Sequence[Feature]) -> Trees:
    """GradientBoosting…: scikit-learn's."""
    if type(estimator.init_).__name__ not in ("DummyClassifier", "DummyRegressor", "str"):
        refuse("gradient boosting with an init= of its own is not converted", "leave init out")
    base = np.asarray(estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32)), dtype=np.float64).reshape(-1)
    rate = estimator.learning_rate
    trees = tuple(
        tree_of(tree.tree_, rate, len(base), target=position) for stage in estimator.estimators_ for position, tree in enumerate(stage)
    )
    finish = Finish()
    if hasattr(estimator, "classes_"):
        finish = Finish("softmax") if len(base) > 1 else Finish("sigmoid", 2.0 if estimator.loss == "exponential" else 1.0)
    return _trees(trees, base, symbols, features, strict=False, takes_null=_allows_nan(estimator), finish=finish)


def xgboost_model(estimator: Any, symbols: Sequence[Symbol], features: Sequence[Feature]) -> Trees:
    """XGBClassifier, XGBRegressor; after early stopping its best rounds."""
    if estimator.missing is not None and not math.isnan(estimator.missing):
        refuse(f"XGBoost with missing={estimator.missing} is not converted", "NULL is what is missing: turn it into NaN")
    booster = estimator.get_booster()
    if booster.attr("best_iteration") is not None:
        booster = booster[: int(booster.attr("best_iteration")) + 1]
    return booster_model(booster, symbols, features)


def booster_model(booster: Any, symbols: Sequence[Symbol], features: Sequence[Feature]) -> Trees:
    """Booster."""
    learner = learner_of(booster)
    kind, objective, parameters = learner["gradient_booster"]["name"], learner["objective"]["name"], learner["learner_model_param"]
    if kind != "gbtree":
        refuse(f"XGBoost's {kind} is not converted", "take booster='gbtree'")
    if objective not in LINKS:
        refuse(f"XGBoost with objective {objective!r} is not converted", f"take one of {', '.join(LINKS)}")
    if int(parameters["num_target"]) > 1:
        refuse("XGBoost of several labels is not converted", "fit a model for each")
    if any(tree["categories_nodes"] for tree in learner["gradient_booster"]["model"]["trees"]):
        refuse("XGBoost's own categories are not converted", "encode texts ahead of it with a OneHotEncoder or an OrdinalEncoder")
    if int(parameters["num_feature"]) != len(symbols):
        refuse(f"XGBoost was fitted to {parameters['num_feature']} columns and gets {len(symbols)}", "name those that it was fitted to")
    trees = trees_of(learner)
    return _trees(trees, base_of(learner), symbols, features, strict=True, takes_null=True, finish=Finish(LINKS[objective]))


def _trees(
    trees: Sequence[Tree],
    base: np.ndarray,
    symbols: Sequence[Symbol],
    features: Sequence[Feature],
    *,
    strict: bool,
    takes_null: bool,
    finish: Finish,
) -> Trees:
    """Trees over the columns that symbols stand for; what fills a NULL decides where it goes."""
    columns, fills = [], np.full(len(symbols), np.nan, dtype=np.float32)
    for position, symbol in enumerate(symbols):
        feature = features[symbol.feature]
        if not takes_null or isinstance(symbol, Text):
            _answers_null(symbol, feature)
        columns.append(_column(symbol, feature))
        if isinstance(symbol, Number):
            fills[position] = symbol.null
    return Trees(tuple(columns), tuple(_routed(tree, fills, strict=strict) for tree in trees), base, strict, finish)


def _column(symbol: Symbol, feature: Feature) -> Column:
    if isinstance(symbol, Coded):
        return Column(symbol.feature, symbol.table.astype(np.float32))
    if isinstance(symbol, Gap):
        refuse(f"trees over an indicator of NULLs of {feature.name} are not converted", "make that column in the feature view")
    if isinstance(symbol, Number) and not symbol.plain:
        raise ParityFailure(
            f"a scaler of {feature.name} stands ahead of trees, which compare scaled values in float32: some rows would go astray",
            where="ft.open().register",
            hint="leave the scaler out: trees ask for an order only, and scaling keeps it",
        )
    return Column(symbol.feature)


def _routed(tree: Tree, fills: np.ndarray, *, strict: bool) -> Tree:
    fill = np.where(tree.column >= 0, fills[tree.column], np.float32(np.nan))
    left = fill < tree.threshold if strict else fill <= tree.threshold
    return replace(tree, missing_left=np.where(np.isnan(fill), tree.missing_left, left))


def _allows_nan(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(estimator).input_tags.allow_nan)


def recalibrated(form: Form, member: Any) -> Form:
    """A form with the finish of the one member of a CalibratedClassifierCV."""
    if form.outputs > 1 or len(member.calibrators) != 1:
        refuse("a calibration of several classes is not converted", "leave it out")
    by_margin = hasattr(member.estimator, "decision_function")
    if form.finish != (Finish("sigmoid") if by_margin else Finish()):
        refuse("a calibration of probabilities that come from logits is not converted", "declare the model with calibration='sigmoid'")
    calibrator = member.calibrators[0]
    if type(calibrator).__name__ == "_SigmoidCalibration":
        return replace(form, finish=Finish("sigmoid", -float(calibrator.a_), -float(calibrator.b_)))
    if type(calibrator).__name__ != "IsotonicRegression":
        refuse(f"calibration by {type(calibrator).__name__} is not converted", "take method='sigmoid'")
    x, y = np.asarray(calibrator.X_thresholds_, dtype=np.float64), np.asarray(calibrator.y_thresholds_, dtype=np.float64)
    if isinstance(form, Trees) and len(x) > 1 and (np.diff(y) > STEEPEST * np.diff(x)).any():
        raise ParityFailure(
            "an isotonic calibration with steps, on trees: where float32 sums differ in their last digit, answers would jump",
            where="ft.open().register",
            hint="take method='sigmoid', or declare the model with calibration='isotonic', whose line has no steps",
        )
    return replace(form, finish=Finish(knots=tuple(zip(x.tolist(), y.tolist(), strict=True))))


CONVERTERS: Mapping[tuple[str, str], Any] = {
    ("sklearn", "LogisticRegression"): logistic,
    **{("sklearn", name): least_squares for name in ("LinearRegression", "Ridge", "Lasso", "ElasticNet")},
    **{
        ("sklearn", f"{name}{task}"): forest
        for name in ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
        for task in ("Classifier", "Regressor")
    },
    ("sklearn", "GradientBoostingClassifier"): boosted,
    ("sklearn", "GradientBoostingRegressor"): boosted,
    ("xgboost", "XGBClassifier"): xgboost_model,
    ("xgboost", "XGBRegressor"): xgboost_model,
    ("xgboost", "Booster"): booster_model,
}
"""By package and class, exactly: a subclass may do otherwise."""
