"""The options of CREATE MODEL as arguments of a model: BigQuery's names, and those of ours that it has no name for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foretable.declare.candidates import Among, Between, Candidate, LinearRegression, LogisticRegression, RandomForest, XGBoost
from foretable.declare.judge import EntitySplit, Gate
from foretable.declare.modelheader import Given, ModelHeader
from foretable.errors import DeclarationError, nearest

BOOSTED: Mapping[str, str] = {
    "max_tree_depth": "max_depth",
    "learn_rate": "learning_rate",
    "max_iterations": "n_estimators",
    "min_tree_child_weight": "min_child_weight",
    "min_split_loss": "gamma",
    "subsample": "subsample",
    "colsample_bytree": "colsample_bytree",
    "colsample_bylevel": "colsample_bylevel",
    "colsample_bynode": "colsample_bynode",
    "l1_reg": "reg_alpha",
    "l2_reg": "reg_lambda",
}
FOREST: Mapping[str, str] = {"num_parallel_tree": "n_estimators", "max_tree_depth": "max_depth", "min_samples_leaf": "min_samples_leaf"}
PENALTIES: Mapping[str, str] = {"l1_reg": "", "l2_reg": ""}
"""Together they are the strength of a linear model's penalty and its share of the absolute kind."""


@dataclass(frozen=True)
class Kind:
    """What a ``model_type`` stands for: an estimator, its task, its settings by BigQuery's name, what is searched by default."""

    candidate: type[Candidate]
    task: str
    settings: Mapping[str, str]
    ranges: Mapping[str, Any] = field(default_factory=dict)


_TREES = {"max_depth": Between(3, 8), "learning_rate": Between(0.02, 0.3, log=True)}
_DEPTHS = {"max_depth": Between(4, 16), "min_samples_leaf": Between(1, 50, log=True)}
KINDS: Mapping[str, Kind] = {
    "logistic_reg": Kind(LogisticRegression, "classification", PENALTIES, {"C": Between(0.01, 10, log=True)}),
    "linear_reg": Kind(LinearRegression, "regression", PENALTIES, {"alpha": Between(0.01, 100, log=True)}),
    "boosted_tree_classifier": Kind(XGBoost, "classification", BOOSTED, _TREES),
    "boosted_tree_regressor": Kind(XGBoost, "regression", BOOSTED, _TREES),
    "random_forest_classifier": Kind(RandomForest, "classification", FOREST, _DEPTHS),
    "random_forest_regressor": Kind(RandomForest, "regression", FOREST, _DEPTHS),
}
OURS: Mapping[str, tuple[type, ...]] = {
    "task": (str,),
    "exclude": (list,),
    "segments": (list,),
    "sensitive": (list,),
    "calibration": (str,),
    "impute": (str,),
    "executor": (str,),
    "threshold": (int, float),
    "folds": (int,),
    "seed": (int,),
}
"""Arguments of :class:`foretable.Model`, under their own names."""
OPTIONS: Mapping[str, tuple[type, ...]] = {
    **OURS,
    "model_type": (str,),
    "input_label_cols": (list,),
    "key": (list, str),
    "num_trials": (int,),
    "auto_class_weights": (bool,),
    "hparam_tuning_objectives": (list,),
    "data_split_method": (str,),
    "data_split_eval_fraction": (int, float),
    "data_split_test_fraction": (int, float),
}
METRICS: Mapping[str, str] = {"f1_score": "f1", "mean_absolute_error": "mae", "mean_squared_error": "rmse", "r2_score": "r2"}
SPLITS = ("AUTO_SPLIT", "RANDOM")
CLOCKS = ("time_col", "data_split_col", "time_series_timestamp_col")
_KIND_WORDS: Mapping[type, str] = {str: "a text", list: "a list", int: "a whole number", float: "a number", bool: "TRUE or FALSE"}


def arguments(header: ModelHeader, keys: tuple[str, ...], where: str) -> dict[str, Any]:
    """Arguments of the model that the options declare: its candidate, task, gate, split and the rest.

    Parameters
    ----------
    header
        The statement.
    keys
        The key of its rows.
    where
        File and line of the statement.

    Raises
    ------
    DeclarationError
        An option is unknown, of another kind, or has no counterpart here; with file and line.
    """
    kind = _kind(header, where)
    _check(header, kind)
    given = {name: option.value for name, option in header.options.items()}
    found: dict[str, Any] = {"task": kind.task, **{name: given[name] for name in OURS if name in given}}
    settings = (
        {**_penalty(header, kind)} if kind.settings is PENALTIES else {kind.settings[n]: given[n] for n in kind.settings if n in given}
    )
    if "num_trials" in given:
        found["trials"] = given["num_trials"]
        if not any(isinstance(value, Between | Among) for value in settings.values()):
            settings = {**kind.ranges, **settings}
    found["candidates"] = [kind.candidate(**settings)]
    if given.get("auto_class_weights"):
        found["weights"] = "balanced"
    if "hparam_tuning_objectives" in given:
        found["gate"] = Gate(_metric(header))  # type: ignore[arg-type]
    split = _split(header, keys)
    return {**found, "split": split} if split is not None else found


def _kind(header: ModelHeader, where: str) -> Kind:
    option = header.options.get("model_type")
    if option is None:
        raise DeclarationError(f"{header.name} has no model_type", where=where, hint=f"one of {', '.join(KINDS)}")
    if not isinstance(option.value, str) or option.value.lower() not in KINDS:
        raise DeclarationError(
            f"{header.name}: no model_type is called {option.value!r}", where=option.where, hint=nearest(str(option.value).lower(), KINDS)
        )
    return KINDS[option.value.lower()]


def _check(header: ModelHeader, kind: Kind) -> None:
    """Every option is known, and its value of the right kind."""
    for name, option in header.options.items():
        if name in CLOCKS:
            hint = "declare the label in pipelines/ with horizon=, every= and start=, and the model in models/"
            raise DeclarationError(f"{header.name}: the rows of CREATE MODEL have no dates, so no {name}", where=option.where, hint=hint)
        if name in kind.settings:
            _check_setting(header, name, option)
        elif name not in OPTIONS:
            raise DeclarationError(
                f"{header.name} has no option {name}", where=option.where, hint=nearest(name, [*OPTIONS, *kind.settings])
            )
        else:
            _check_kind(header, name, option, OPTIONS[name])


def _check_kind(header: ModelHeader, name: str, option: Given, kinds: tuple[type, ...]) -> None:
    texts = all(isinstance(part, str) for part in option.value) if isinstance(option.value, list) else True
    if type(option.value) not in kinds or not texts:
        words = " or ".join(_KIND_WORDS[kind] for kind in kinds if not (kind is int and float in kinds))
        raise DeclarationError(f"{header.name}: {name} is {words}", where=option.where, hint=f"write {name} = {_example(kinds)}")


def _example(kinds: tuple[type, ...]) -> str:
    return {list: "['a_column']", str: "'…'", int: "20", bool: "TRUE"}[kinds[0]] if float not in kinds else "0.2"


def _check_setting(header: ModelHeader, name: str, option: Given) -> None:
    value = option.value
    if not all(type(number) in (int, float) for number in _numbers(value)):
        hint = f"write {name} = 3, {name} = HPARAM_RANGE(3, 8) or {name} = HPARAM_CANDIDATES([3, 5, 8])"
        raise DeclarationError(f"{header.name}: {name} is a number", where=option.where, hint=hint)


def _numbers(value: Any) -> list[Any]:
    """The number itself, or the ends or values of what is searched."""
    if isinstance(value, Between):
        return [value.low, value.high]
    return list(value.values) if isinstance(value, Among) else [value]


def _penalty(header: ModelHeader, kind: Kind) -> dict[str, Any]:
    """``C = 1 / (l1 + l2)`` of a logistic model, ``alpha = l1 + l2`` of a linear one; ``l1_ratio`` is the share of l1."""
    given = {name: header.options[name] for name in PENALTIES if name in header.options}
    for name, option in given.items():
        if min(_numbers(option.value)) < 0 or (min(_numbers(option.value)) == 0 and _numbers(option.value) != [0]):
            raise DeclarationError(
                f"{header.name}: {name} is searched above 0", where=option.where, hint=f"write {name} = HPARAM_RANGE(0.01, 10)"
            )
    wanted = {name: option for name, option in given.items() if option.value != 0}
    if given and not wanted:
        where = next(iter(given.values())).where
        raise DeclarationError(f"{header.name}: a model without any penalty is not made here", where=where, hint="write l2_reg = 0.001")
    return _strength(header, kind, wanted) if wanted else {}


def _strength(header: ModelHeader, kind: Kind, given: Mapping[str, Given]) -> dict[str, Any]:
    searched = [option for option in given.values() if isinstance(option.value, Between | Among)]
    if len(given) == 2 and searched:
        raise DeclarationError(
            f"{header.name}: l1_reg and l2_reg are not searched together", where=searched[0].where, hint="give one of them"
        )
    strength = sum(option.value for option in given.values()) if not searched else searched[0].value
    share = given["l1_reg"].value / strength if len(given) == 2 else float("l1_reg" in given)
    name, turned = ("C", _inverse(strength)) if kind.candidate is LogisticRegression else ("alpha", strength)
    return {name: turned, **({"l1_ratio": share} if share else {})}


def _inverse(strength: Any) -> Any:
    if isinstance(strength, Between):
        return Between(1 / strength.high, 1 / strength.low, log=True)
    return Among(tuple(1 / value for value in strength.values)) if isinstance(strength, Among) else 1 / strength


def _metric(header: ModelHeader) -> str:
    option = header.options["hparam_tuning_objectives"]
    if len(option.value) != 1:
        raise DeclarationError(
            f"{header.name}: one objective is tuned for", where=option.where, hint="write hparam_tuning_objectives = ['roc_auc']"
        )
    word = option.value[0].lower()
    return METRICS.get(word, word)


def _split(header: ModelHeader, keys: tuple[str, ...]) -> EntitySplit | None:
    """Rows by whole entities, in BigQuery's shares; None leaves it to the model."""
    method = header.options.get("data_split_method")
    if method is not None and method.value.upper() not in SPLITS:
        hint = "RANDOM, by whole keys; by time: declare the label in pipelines/ with a horizon"
        raise DeclarationError(f"{header.name}: no data_split_method is called {method.value!r} here", where=method.where, hint=hint)
    shares = [header.options[name] for name in ("data_split_eval_fraction", "data_split_test_fraction") if name in header.options]
    if not shares:
        return None
    values = {
        name: header.options[name].value if name in header.options else 0.15
        for name in OPTIONS
        if name.startswith("data_split_") and name != "data_split_method"
    }
    validation, test = values["data_split_eval_fraction"], values["data_split_test_fraction"]
    if not (validation > 0 and test > 0 and validation + test < 1):
        problem = f"{validation} and {test} leave no rows for training, validation and test"
        raise DeclarationError(f"{header.name}: {problem}", where=shares[0].where, hint="give two shares above 0 whose sum is below 1")
    return EntitySplit(keys[0], (1 - validation - test, validation, test))
