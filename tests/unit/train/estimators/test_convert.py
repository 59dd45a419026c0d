"""Fitted estimators of a notebook: the form is equal on every row, or there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas
import pytest
import xgboost
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from foretable.errors import ForetableError, ParityFailure, TrainingError
from foretable.forms import Trees, evaluate, store
from foretable.train.estimators.convert import convert, native

pytestmark = pytest.mark.filterwarnings("ignore:Found unknown categories", "ignore::sklearn.exceptions.ConvergenceWarning")
NUMBERS = ["epoch", "amount", "flag"]
COLUMNS: dict[str, Any] = {"plan": ("a", "b", "c"), "epoch": "number", "amount": "number", "flag": "boolean"}
"""In another order than that of fitting."""
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
ENCODERS = {
    "onehot": ONE_HOT,
    "drop": OneHotEncoder(handle_unknown="ignore", drop="first"),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    "target": TargetEncoder(),
    "filled": make_pipeline(SimpleImputer(strategy="most_frequent"), ONE_HOT),
}
SMALL = {"n_estimators": 8, "random_state": 0}
BOOST = {**SMALL, "n_jobs": 1}
LINEAR = [LogisticRegression(), Ridge(), LinearRegression(), Lasso(0.01), ElasticNet(0.01)]
TREES = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeRegressor(random_state=0),
    RandomForestClassifier(**SMALL),
    RandomForestRegressor(**SMALL),
    ExtraTreesClassifier(**SMALL),
    ExtraTreesRegressor(**SMALL),
    xgboost.XGBClassifier(**BOOST),
    xgboost.XGBRegressor(**BOOST),
    xgboost.XGBRegressor(**BOOST, objective="count:poisson"),
    xgboost.XGBRegressor(**BOOST, objective="reg:gamma"),
    xgboost.XGBRegressor(**BOOST, objective="reg:tweedie"),
]
BOOSTED = [
    GradientBoostingClassifier(**SMALL),
    GradientBoostingClassifier(**SMALL, loss="exponential"),
    GradientBoostingRegressor(**SMALL),
    GradientBoostingRegressor(**SMALL, loss="huber"),
    GradientBoostingRegressor(**SMALL, init="zero"),
]
RANDOM = np.random.default_rng(11)
ROWS = 500
FRAME = pandas.DataFrame(
    {
        "epoch": RANDOM.normal(1e6, 10, ROWS),
        "amount": RANDOM.gamma(2, 3, ROWS),
        "flag": RANDOM.integers(0, 2, ROWS).astype(float),
        "plan": RANDOM.choice(["a", "b", "c"], ROWS),
    }
)
SIGNAL = FRAME["amount"].to_numpy() / 5 + (FRAME["plan"] == "b").to_numpy() + RANDOM.normal(size=ROWS) / 2
for name in FRAME:
    FRAME.loc[RANDOM.random(ROWS) < 0.1, name] = None
OUTCOME = {"binary": (SIGNAL > 1.5).astype(int), "several": np.digitize(SIGNAL, [1, 2]), "number": np.exp(SIGNAL)}
CODES = FRAME["plan"].map({"a": 0, "b": 1, "c": 2}).to_numpy(dtype=np.float64)
MATRIX = np.column_stack([CODES, FRAME[NUMBERS].to_numpy(dtype=np.float64)])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for a busy processor take longer than these small fits."""
    with threadpool_limits(1):
        yield


def named(value: Any) -> str:
    own = getattr(value, "objective", None) or getattr(value, "loss", "")
    return f"{type(value).__name__}{'-' + own if isinstance(own, str) and own else ''}"


def outcome_for(estimator: Any) -> np.ndarray:
    return OUTCOME["binary" if hasattr(estimator, "predict_proba") or isinstance(estimator, xgboost.XGBClassifier) else "number"]


def edges(form: Any) -> np.ndarray:
    """NULLs, unseen categories, zeros, and values beside the thresholds of trees."""
    rows = [*MATRIX[:150], np.full(4, np.nan)]
    for base in MATRIX[:5]:
        for column, values in enumerate([[np.nan, -1.0], *[[np.nan, 0.0, -0.0, -1e6, 3e38]] * 2, [np.nan]]):
            rows += [np.where(np.arange(4) == column, value, base) for value in values]
    if isinstance(form, Trees):
        plain = [None if column.table is not None else column.feature for column in form.columns]
        found = {(plain[c], float(t)) for tree in form.trees for c, t in zip(tree.column, tree.threshold, strict=True) if c >= 0}
        for feature, threshold in sorted((f, t) for f, t in found if f is not None and np.isfinite(t))[:150]:
            single = np.float32(threshold)
            for side in (np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))):
                rows.append(np.where(np.arange(4) == feature, np.float64(side), MATRIX[0]))
            rows.append(np.where(np.arange(4) == feature, np.nextafter(threshold, np.inf), MATRIX[0]))
    return np.array(rows)


def check(estimator: Any, columns: dict[str, Any] = COLUMNS) -> tuple[str, ...]:
    """The form answers as the estimator does."""
    form, classes = convert(estimator, columns)
    rows = edges(form)[:, [list(COLUMNS).index(name) for name in columns]]
    expected = native(estimator, columns)(rows)
    found = evaluate.answer(form, rows)
    assert found.shape == expected.shape
    assert np.ptp(expected, axis=0).min() > 0
    assert (np.abs(found - expected) / np.maximum(1, np.abs(expected))).max() < 1e-5
    assert store.to_bytes(convert(estimator, columns)[0]) == store.to_bytes(form)
    return classes


def scaled(encoder: Any) -> ColumnTransformer:
    """What people write ahead of a linear model, in its less usual turns too."""
    usual = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [
            ("usual", usual, ["epoch", "amount"]),
            ("twice", make_pipeline(SimpleImputer(), MinMaxScaler((1, 3)), StandardScaler()), ["amount", "epoch"]),
            ("plan", encoder, ["plan"]),
        ],
        remainder=SimpleImputer(strategy="constant", fill_value=0.5),
    )


def plain(encoder: Any, numbers: Any = "passthrough") -> ColumnTransformer:
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("plan", encoder, ["plan"])])


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("estimator", LINEAR, ids=named)
def test_linear_pipelines(estimator: Any, encoder: str) -> None:
    outcome = outcome_for(estimator)
    classes = check(make_pipeline(scaled(ENCODERS[encoder]), clone(estimator)).fit(FRAME, outcome))
    assert classes == (("0", "1") if outcome is OUTCOME["binary"] else ())


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("estimator", TREES, ids=named)
def test_trees_over_null(estimator: Any, encoder: str) -> None:
    check(make_pipeline(plain(ENCODERS[encoder]), clone(estimator)).fit(FRAME, outcome_for(estimator)))


@pytest.mark.parametrize("estimator", [*TREES[::3], *BOOSTED], ids=named)
@pytest.mark.parametrize("fill", ["mean", "constant"])
def test_trees_over_what_an_imputer_filled(estimator: Any, fill: str) -> None:
    numbers = SimpleImputer(strategy=fill, fill_value=-7 if fill == "constant" else None)
    check(make_pipeline(plain(ONE_HOT, numbers), clone(estimator)).fit(FRAME, outcome_for(estimator)))


@pytest.mark.parametrize("estimator", [LogisticRegression(), TREES[2], TREES[4], TREES[6], BOOSTED[0]], ids=named)
@pytest.mark.parametrize("encoder", ["onehot", "target"])
def test_several_classes(estimator: Any, encoder: str) -> None:
    outcome = OUTCOME["several"] if "XGB" in named(estimator) else np.array(["low", "mid", "top"])[OUTCOME["several"]]
    ahead = (
        scaled(ENCODERS[encoder])
        if estimator is not TREES[6] and "Logistic" in named(estimator)
        else plain(ENCODERS[encoder], SimpleImputer())
    )
    classes = check(make_pipeline(ahead, clone(estimator)).fit(FRAME, outcome))
    assert classes == tuple(str(value) for value in np.unique(outcome))


def test_a_tree_that_saw_no_null_sends_it_where_most_rows_went() -> None:
    whole = FRAME[["amount"]].fillna(3.0)
    for estimator in (TREES[2], TREES[3], TREES[6]):
        check(clone(estimator).fit(whole, outcome_for(estimator)), {"amount": "number"})


def test_without_names_columns_are_taken_in_order() -> None:
    matrix = FRAME[["amount", "epoch"]].fillna(0).to_numpy()
    check(make_pipeline(SimpleImputer(), LogisticRegression()).fit(matrix, OUTCOME["binary"]), {"amount": "number", "epoch": "number"})
    with pytest.raises(TrainingError, match="was fitted to 2 columns, not 1"):
        convert(LogisticRegression().fit(matrix, OUTCOME["binary"]), {"amount": "number"})


def test_a_booster_itself() -> None:
    data = xgboost.DMatrix(FRAME[NUMBERS], OUTCOME["several"])
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, data, 5)
    assert check(booster, {name: COLUMNS[name] for name in NUMBERS}) == ("0", "1", "2")


def test_after_early_stopping_the_best_rounds_answer() -> None:
    early = xgboost.XGBClassifier(n_estimators=200, n_jobs=1, learning_rate=0.9, early_stopping_rounds=3, eval_metric="logloss")
    early.fit(FRAME[NUMBERS][:300], OUTCOME["binary"][:300], eval_set=[(FRAME[NUMBERS][300:], OUTCOME["binary"][300:])], verbose=False)
    columns = {name: COLUMNS[name] for name in NUMBERS}
    check(early, columns)
    form = convert(early, columns)[0]
    assert isinstance(form, Trees)
    assert len(form.trees) == early.best_iteration + 1 < early.get_booster().num_boosted_rounds()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_linear_models(method: str) -> None:
    base = make_pipeline(scaled(ONE_HOT), LogisticRegression()).fit(FRAME, OUTCOME["binary"])
    check(CalibratedClassifierCV(FrozenEstimator(base), method=method, ensemble=False).fit(FRAME, OUTCOME["binary"]))


def test_calibrated_forests() -> None:
    base = make_pipeline(plain(ONE_HOT), RandomForestClassifier(**SMALL, max_depth=4)).fit(FRAME, OUTCOME["binary"])
    check(CalibratedClassifierCV(FrozenEstimator(base), method="sigmoid", ensemble=False).fit(FRAME, OUTCOME["binary"]))
    steps = CalibratedClassifierCV(FrozenEstimator(base), method="isotonic", ensemble=False).fit(FRAME, OUTCOME["binary"])
    refused(steps, "isotonic calibration with steps, on trees", ParityFailure)


def test_features_of_order_a_million_keep_their_digits() -> None:
    """A float32 scaler ahead of a linear model was 0.2 off here; both are folded in float64."""
    frame = pandas.DataFrame({"epoch": RANDOM.normal(1.7e9, 1, ROWS)})
    outcome = (frame["epoch"] > 1.7e9).astype(int)
    estimator = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(frame, outcome)
    form, _ = convert(estimator, {"epoch": "number"})
    rows = frame.to_numpy()
    assert evaluate.answer(form, rows) == pytest.approx(native(estimator, {"epoch": "number"})(rows), abs=1e-9)


def refused(estimator: Any, message: str, kind: type[ForetableError] = TrainingError, columns: Any = COLUMNS) -> None:
    with pytest.raises(kind, match=message) as caught:
        convert(estimator, columns)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("ahead", "estimator", "message", "kind"),
    [
        (plain(ONE_HOT, StandardScaler()), RandomForestClassifier(**SMALL), "a scaler of epoch stands ahead of trees", ParityFailure),
        (plain(ONE_HOT, MinMaxScaler()), xgboost.XGBClassifier(**BOOST), "a scaler of epoch stands ahead of trees", ParityFailure),
        (plain(OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=9)), TREES[6], "infrequent_if_exist", TrainingError),
        (plain(OneHotEncoder(handle_unknown="ignore", min_frequency=300)), TREES[6], "joins infrequent categories", TrainingError),
        (plain(OneHotEncoder()), TREES[6], "handle_unknown='error'", TrainingError),
        (plain(ONE_HOT), HistGradientBoostingClassifier(max_iter=5), "compares columns in float64", ParityFailure),
        (plain(ONE_HOT), xgboost.XGBClassifier(**BOOST, booster="dart"), "dart is not converted", TrainingError),
        (plain(ONE_HOT), xgboost.XGBClassifier(n_estimators=8, booster="gblinear", n_jobs=1), "gblinear is not converted", TrainingError),
        (plain(ONE_HOT), xgboost.XGBClassifier(**BOOST, missing=-999), "missing=-999", TrainingError),
        (plain(ONE_HOT), xgboost.XGBRegressor(**BOOST, objective="reg:logistic"), "objective 'reg:logistic'", TrainingError),
        (plain(ONE_HOT), xgboost.XGBRegressor(**BOOST, objective="survival:cox"), "objective 'survival:cox'", TrainingError),
        (plain(ONE_HOT, SimpleImputer(add_indicator=True)), TREES[6], "an indicator of NULLs", TrainingError),
        (plain(ONE_HOT, SimpleImputer()), KNeighborsClassifier(), "KNeighborsClassifier is not converted", TrainingError),
        (
            plain(ONE_HOT, make_pipeline(SimpleImputer(), PolynomialFeatures())),
            LogisticRegression(),
            "PolynomialFeatures is",
            TrainingError,
        ),
        (plain(ONE_HOT, FunctionTransformer(np.abs)), TREES[6], "a FunctionTransformer is", TrainingError),
        (plain(ONE_HOT, make_pipeline(SimpleImputer(), MinMaxScaler(clip=True))), LogisticRegression(), "clip=True", TrainingError),
    ],
)
def test_what_was_wrong_in_silence_elsewhere_is_refused(ahead: Any, estimator: Any, message: str, kind: type[ForetableError]) -> None:
    refused(make_pipeline(ahead, clone(estimator)).fit(FRAME, OUTCOME["binary"]), message, kind)


def test_several_labels_are_refused() -> None:
    both = np.column_stack([OUTCOME["number"], OUTCOME["number"] * 2])
    numbers = {name: COLUMNS[name] for name in NUMBERS}
    for estimator in (LinearRegression(), RandomForestRegressor(**SMALL), xgboost.XGBRegressor(**BOOST)):
        refused(make_pipeline(SimpleImputer(), clone(estimator)).fit(FRAME[NUMBERS], both), "several labels", columns=numbers)


def test_what_has_no_answer_to_null_is_refused() -> None:
    whole, numbers = FRAME[NUMBERS].fillna(0), {name: COLUMNS[name] for name in NUMBERS}
    for estimator in (LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression()), BOOSTED[0]):
        refused(clone(estimator).fit(whole, OUTCOME["binary"]), "no answer where epoch is NULL", columns=numbers)


def test_what_is_not_fitted_or_no_estimator_is_refused() -> None:
    for estimator in (make_pipeline(plain(ONE_HOT), LogisticRegression()), RandomForestClassifier(), xgboost.XGBClassifier()):
        refused(estimator, "is not fitted")
    refused(42, "int is not converted")


def test_other_columns_are_told() -> None:
    estimator = make_pipeline(plain(ONE_HOT), clone(TREES[6])).fit(FRAME, OUTCOME["binary"])
    refused(estimator, "other columns: amount, price", columns={**{k: v for k, v in COLUMNS.items() if k != "amount"}, "price": "number"})


def test_a_category_that_sql_could_not_tell_apart_is_refused() -> None:
    """It would be unseen there, in silence; and a number is no text."""
    estimator = make_pipeline(plain(ONE_HOT), clone(TREES[6])).fit(FRAME, OUTCOME["binary"])
    refused(estimator, "knows the category 'c', which the vocabulary lacks", columns=COLUMNS | {"plan": ("a", "b")})
    numbered = make_pipeline(plain(ONE_HOT), clone(TREES[6])).fit(FRAME.assign(plan=CODES), OUTCOME["binary"])
    refused(numbered, "knows the category", columns=COLUMNS | {"plan": ("0.0", "1.0", "2.0")})


def test_a_mean_of_calibrated_models_is_refused() -> None:
    numbers = FRAME[["amount"]].fillna(0)
    several = CalibratedClassifierCV(LogisticRegression(), cv=3).fit(numbers, OUTCOME["binary"])
    refused(several, "a mean of 3 calibrated models", columns={"amount": "number"})
    logits = CalibratedClassifierCV(FrozenEstimator(clone(TREES[6]).fit(numbers, OUTCOME["binary"])), ensemble=False).fit(
        numbers, OUTCOME["binary"]
    )
    refused(logits, "probabilities that come from logits", columns={"amount": "number"})
