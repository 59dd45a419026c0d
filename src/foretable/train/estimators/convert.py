"""Fitted scikit-learn and XGBoost estimators of a notebook as forms: what SQL can answer exactly, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from foretable.errors import ParityFailure
from foretable.forms.form import Form
from foretable.registry.signature import Feature
from foretable.train.estimators.convert_columns import Symbol, refuse, symbols_of, transformed
from foretable.train.estimators.convert_models import CONVERTERS, recalibrated

Declared = Literal["number", "boolean"] | Sequence[str]
"""A kind, or the vocabulary of a category."""
_NEVER = "\x00"
"""A word that stands for the unseen: no vocabulary has it."""


def features_of(columns: Mapping[str, Declared]) -> tuple[Feature, ...]:
    """The features of a signature, from the columns that an estimator was fitted to."""
    return tuple(
        Feature(name, "boolean" if kind == "boolean" else "number") if isinstance(kind, str) else Feature(name, "category", tuple(kind))
        for name, kind in columns.items()
    )


def convert(estimator: Any, columns: Mapping[str, Declared]) -> tuple[Form, tuple[str, ...]]:
    """The form of a fitted estimator, equal to it on every row.

    Parameters
    ----------
    estimator
        Fitted: a model of scikit-learn or XGBoost, alone or at the end of a Pipeline.
    columns
        What it was fitted to: ``"number"``, ``"boolean"`` or the words of a category, by name; in the order of
        fitting where the estimator does not know names.

    Returns
    -------
    tuple
        The form over the encoded columns in the order given, and the classes, as text, in the order of the
        estimator's own; empty for a number.

    Raises
    ------
    TrainingError
        The estimator is not fitted; or it, a transformer or a setting is not converted, or has no answer to NULL.
    ParityFailure
        It cannot be converted exactly: trees behind a scaler, or by histograms; a calibration with steps on trees.
    """
    _must_be_fitted(estimator)
    features = features_of(columns)
    symbols = _ordered(estimator, symbols_of(features), features)
    form = _converted(estimator, symbols, features)
    classes = tuple(str(value) for value in getattr(estimator, "classes_", ()))
    if not classes and form.finish.link in ("sigmoid", "softmax"):
        classes = tuple(str(value) for value in range(max(2, form.outputs)))
    return form, classes


def native(estimator: Any, columns: Mapping[str, Declared]) -> Callable[[np.ndarray], np.ndarray]:
    """The estimator's own answer to encoded rows: probabilities of class 1, of each class, or numbers.

    It is asked with a pandas frame of the columns that it was fitted to; an unseen category is a word of no vocabulary. scikit-learn
    is told not to look for infinite numbers: it would refuse them, and trees that saw NULLs have infinite thresholds.
    """
    features = features_of(columns)
    names = [feature.name for feature in features]
    order = _names(estimator) or names

    def answer(matrix: np.ndarray) -> np.ndarray:
        import pandas
        from sklearn import config_context

        values = {name: _decoded(matrix[:, j], features[j]) for j, name in enumerate(names)}
        frame = pandas.DataFrame({name: values[name] for name in order})
        with config_context(assume_finite=True):
            return _asked(estimator, frame if _names(estimator) else frame.to_numpy())

    return answer


def _asked(estimator: Any, rows: Any) -> np.ndarray:
    if type(estimator).__name__ == "Booster":
        import xgboost

        return np.asarray(estimator.predict(xgboost.DMatrix(rows, nthread=1)), dtype=np.float64)
    if not hasattr(estimator, "classes_"):
        return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(-1)
    found = np.asarray(estimator.predict_proba(rows), dtype=np.float64)
    return found if found.shape[1] > 2 else found[:, 1]


def _decoded(codes: np.ndarray, feature: Feature) -> np.ndarray:
    if feature.kind != "category":
        return codes
    words = np.array([*feature.vocabulary, _NEVER, None], dtype=object)
    decoded: np.ndarray = words[np.where(np.isnan(codes), len(words) - 1, np.where(codes < 0, len(words) - 2, codes)).astype(np.intp)]
    return decoded


def _names(estimator: Any) -> list[str] | None:
    """The columns that an estimator was fitted to, where it knows."""
    if type(estimator).__name__ == "Booster":
        return list(estimator.feature_names) if estimator.feature_names else None
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _must_be_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not hasattr(estimator, "fit"):
        return
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        refuse(f"{type(estimator).__name__} is not fitted", "call fit() on it first")


def _ordered(estimator: Any, symbols: list[Symbol], features: Sequence[Feature]) -> list[Symbol]:
    """The columns in the order of fitting."""
    wanted, given = _names(estimator), [feature.name for feature in features]
    if wanted is None:
        width = getattr(estimator, "n_features_in_", len(given))
        if width != len(given):
            refuse(f"the estimator was fitted to {width} columns, not {len(given)}", "name those that it was fitted to, in their order")
        return symbols
    if sorted(wanted) != sorted(given):
        wrong = ", ".join(sorted(set(wanted) ^ set(given)))
        refuse(f"the estimator was fitted to other columns: {wrong}", f"name {', '.join(wanted)}")
    return [symbols[given.index(name)] for name in wanted]


def _converted(estimator: Any, symbols: list[Symbol], features: Sequence[Feature]) -> Form:
    kind, package = type(estimator).__name__, type(estimator).__module__.partition(".")[0]
    if kind == "Pipeline" and package == "sklearn":
        for _, step in estimator.steps[:-1]:
            symbols = transformed(step, symbols)
        return _converted(estimator.steps[-1][1], symbols, features)
    if kind == "FrozenEstimator" and package == "sklearn":
        return _converted(estimator.estimator, symbols, features)
    if kind == "CalibratedClassifierCV" and package == "sklearn":
        members = estimator.calibrated_classifiers_
        if len(members) != 1:
            refuse(f"a mean of {len(members)} calibrated models is not converted", "calibrate one fitted model: FrozenEstimator(model)")
        return recalibrated(_converted(members[0].estimator, symbols, features), members[0])
    if kind.startswith("HistGradientBoosting"):
        raise ParityFailure(
            f"{kind} compares columns in float64, trees in SQL compare them in float32: rows beside a threshold would go astray",
            where="ft.open().register",
            hint="take XGBoost, whose trees are alike",
        )
    if (package, kind) not in CONVERTERS:
        refuse(f"{kind} is not converted", f"known are {', '.join(sorted(name for _, name in CONVERTERS))}")
    form: Form = CONVERTERS[package, kind](estimator, symbols, features)
    return form
