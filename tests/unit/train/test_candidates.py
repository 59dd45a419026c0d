"""Candidates: fitted, exported, equal to the estimator, equal from run to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb
import numpy as np
import onnxruntime
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import foretable as ft
from foretable.errors import DeclarationError
from foretable.forms import Finish
from foretable.forms.graph import onnx_of
from foretable.progress import Progress, silent
from foretable.registry.signature import Feature
from foretable.train.estimators.fitting import FitInput
from foretable.train.estimators.linear import fit_logistic
from foretable.train.estimators.trees import fit_trees
from foretable.train.features import read_rows
from foretable.train.fit import fit_candidate
from foretable.train.prepare import Prepared, prepare
from foretable.train.split import TEST, TRAIN, VALIDATION
from foretable.train.training_set import TrainingSet

Declare = Callable[..., ft.Model]
Given = Callable[..., FitInput]
LINEAR, TREES = ft.LogisticRegression(), ft.XGBoost(n_estimators=30, max_depth=4)
BOTH = pytest.mark.parametrize("candidate", [LINEAR, TREES], ids=["linear", "trees"])


@pytest.fixture
def prepared(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> Prepared:
    return prepare(declare(), read_rows(connection, training), training)


def run(onnx: bytes, matrix: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx)
    kind = np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32
    return session.run(["y"], {"x": matrix.astype(kind)})[0][:, 0]


@BOTH
@pytest.mark.parametrize("weights", [None, "balanced"])
@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_onnx_equals_the_estimator(
    prepared: Prepared, declare: Declare, candidate: ft.LogisticRegression, weights: str | None, calibration: str | None
) -> None:
    trained = fit_candidate(declare(weights=weights, calibration=calibration), candidate, prepared, trials=1, listen=silent)
    strange = prepared.matrix[:400].copy()
    strange[:200, [4, 5]] = -1
    strange[100:300, :] = np.where(np.random.default_rng(0).random((200, 8)) < 0.5, np.nan, strange[100:300, :])
    for matrix in (prepared.matrix, strange, np.full((1, 8), np.nan)):
        assert np.abs(run(trained.artifacts["onnx"], matrix) - trained.native(matrix)).max() < 1e-6
    assert np.isfinite(run(trained.artifacts["onnx"], strange)).all()


def test_the_linear_model_is_scikit_learns_usual_pipeline(prepared: Prepared, given: Given) -> None:
    """Medians and indicators for NULLs, standardised numbers, one-hot categories, ridge."""
    train, features = prepared.rows(TRAIN), prepared.signature.features
    x, y = prepared.matrix[train], prepared.outcome[train]
    fit = fit_logistic(given(x, y, features, parameters={"C": 0.3}))
    numbers = [j for j, f in enumerate(features) if f.kind != "category"]
    categories = [j for j, f in enumerate(features) if f.kind == "category"]
    codes = [np.arange(len(features[j].vocabulary)) for j in categories]
    usual = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("gaps", make_pipeline(_gaps()), list(range(len(features)))),
            ("categories", OneHotEncoder(categories=codes, handle_unknown="ignore"), categories),
        ]
    )
    pipeline = make_pipeline(usual, LogisticRegression(C=0.3, tol=1e-10, max_iter=5000)).fit(x, y)
    assert fit.raw(prepared.matrix) == pytest.approx(pipeline.decision_function(prepared.matrix), abs=2e-3)


def _gaps() -> object:
    from sklearn.impute import MissingIndicator

    return MissingIndicator(error_on_new=False)


def test_unseen_categories_have_no_weight_and_null_has_its_own(given: Given) -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(-1, 3, 4000).astype(float)
    codes[codes == -1] = np.nan
    y = (generator.random(4000) < np.where(np.isnan(codes), 0.9, np.where(codes == 0, 0.1, 0.5))).astype(float)
    features = (Feature("plan", "category", ("a", "b", "c")),)
    fit = fit_logistic(given(codes[:, None], y, features))
    null, a, b, unseen = fit.raw(np.array([[np.nan], [0.0], [1.0], [-1.0]]))
    assert null > b > a
    assert unseen == pytest.approx(fit.estimator.intercept_[0])
    assert run(onnx_of(fit.form(Finish("sigmoid")), 1), np.array([[-1.0]]))[0] == pytest.approx(1 / (1 + np.exp(-unseen)))


def test_null_without_null_in_training_is_the_median(given: Given) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(5, 2, (2000, 1))
    y = (generator.random(2000) < 1 / (1 + np.exp(5 - x[:, 0]))).astype(float)
    fit = fit_logistic(given(x, y, (Feature("x", "number"),)))
    assert fit.raw(np.array([[np.nan]])) == pytest.approx(fit.raw(np.median(x, axis=0)[None]))


def test_trees_take_an_unseen_category_for_none_of_those_asked_for(given: Given) -> None:
    """The first two categories are alike, so only the third is ever asked for."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 3, 4000).astype(float)
    y = (generator.random(4000) < np.where(codes == 2, 0.95, 0.2)).astype(float)
    features = (Feature("plan", "category", ("a", "b", "c")),)
    fit = fit_trees(given(codes[:, None], y, features, parameters={"n_estimators": 1, "max_depth": 1}))
    unseen, first, _, third = fit.raw(np.array([[-1.0], [0.0], [1.0], [2.0]]))
    assert unseen == first < third
    assert run(onnx_of(fit.form(Finish("sigmoid")), 1), np.array([[-1.0]]))[0] == pytest.approx(1 / (1 + np.exp(-unseen)), abs=1e-6)


@pytest.mark.parametrize("far", [1.7e9, 2.0**53])
def test_features_far_from_zero_keep_their_precision(given: Given, far: float) -> None:
    features = (Feature("epoch", "number"), Feature("small", "number"))
    generator = np.random.default_rng(0)
    x = np.column_stack([far + generator.normal(0, 10, 3000), generator.normal(0, 1e-7, 3000)])
    y = (generator.random(3000) < 1 / (1 + np.exp(-(x[:, 0] - far) / 10))).astype(float)
    fit = fit_logistic(given(x, y, features))
    native = 1 / (1 + np.exp(-fit.raw(x)))
    assert np.abs(run(onnx_of(fit.form(Finish("sigmoid")), 2), x) - native).max() < 1e-5
    assert roc_auc_score(y, native) > 0.7


@BOTH
def test_training_twice_gives_the_same_bytes_and_figures(prepared: Prepared, declare: Declare, candidate: ft.LogisticRegression) -> None:
    ranges = {"C": ft.between(0.1, 10.0, log=True)} if candidate is LINEAR else {"subsample": ft.between(0.5, 0.9)}
    searched = type(candidate)(**candidate.parameters, **ranges)
    first, second = (fit_candidate(declare(calibration="sigmoid"), searched, prepared, trials=3, listen=silent) for _ in range(2))
    assert first.artifacts["onnx"] == second.artifacts["onnx"]
    assert first.evaluations == second.evaluations
    assert [(t.parameters, t.value) for t in first.trials] == [(t.parameters, t.value) for t in second.trials]
    other = fit_candidate(declare(seed=1), searched, prepared, trials=3, listen=silent)
    assert other.parameters != first.parameters


@BOTH
def test_calibration_brings_balanced_weights_back_to_the_rate(
    connection: duckdb.DuckDBPyConnection, fill: Callable[..., TrainingSet], declare: Declare, candidate: ft.LogisticRegression
) -> None:
    training = fill(connection, entities=3000, rate=-4.0)
    weighted = declare(weights="balanced")
    prepared = prepare(weighted, read_rows(connection, training), training)
    raw = fit_candidate(weighted, candidate, prepared, trials=1, listen=silent)
    fitted = fit_candidate(replace(weighted, calibration="sigmoid"), candidate, prepared, trials=1, listen=silent)
    assert raw.value("mean_probability") > 2 * raw.value("positive_rate")
    mean, rate = fitted.evaluation("mean_probability"), fitted.evaluation("positive_rate")
    assert mean.low <= rate.high and rate.low <= mean.high
    assert fitted.value("mean_probability", "validation") == pytest.approx(fitted.value("positive_rate", "validation"), rel=1e-6)
    assert fitted.value("roc_auc") == pytest.approx(raw.value("roc_auc"), abs=1e-9), "a sigmoid changes no order"


def test_only_validation_rows_calibrate(prepared: Prepared, declare: Declare) -> None:
    flipped = prepared.outcome.copy()
    test = prepared.rows(TEST)
    flipped[test] = 1 - flipped[test]
    other = replace(prepared, outcome=flipped)

    def graph(rows: Prepared) -> bytes:
        return fit_candidate(declare(calibration="sigmoid"), LINEAR, rows, trials=1, listen=silent).artifacts["onnx"]

    assert graph(prepared) == graph(other)
    flipped[prepared.rows(VALIDATION)] = prepared.outcome[prepared.rows(VALIDATION)][::-1]
    assert graph(prepared) != graph(other)


def test_the_search_tells_and_records_its_trials(prepared: Prepared, declare: Declare) -> None:
    told: list[Progress] = []
    candidate = ft.XGBoost(n_estimators=10, max_depth=ft.between(2, 6), learning_rate=ft.between(0.01, 0.5, log=True))
    trained = fit_candidate(declare(folds=1), candidate, prepared, trials=4, listen=told.append)
    assert [trial.trial for trial in trained.trials] == [0, 1, 2, 3]
    assert [progress.share for progress in told] == [0.25, 0.5, 0.75, 1.0]
    best = max(trained.trials, key=lambda trial: trial.value)
    assert trained.parameters == best.parameters
    assert all(trial.parameters["n_estimators"] == 10 and isinstance(trial.parameters["max_depth"], int) for trial in trained.trials)
    assert trained.value("roc_auc", "validation") == pytest.approx(best.value), "fitted to the same rows, it is the same model"


def test_errors_count_downwards(prepared: Prepared, declare: Declare) -> None:
    candidate = ft.LogisticRegression(C=ft.between(1e-6, 10, log=True))
    trained = fit_candidate(declare(gate=ft.Gate("log_loss")), candidate, prepared, trials=4, listen=silent)
    assert trained.parameters == min(trained.trials, key=lambda trial: trial.value).parameters


def test_without_ranges_there_is_no_search(prepared: Prepared, declare: Declare) -> None:
    assert fit_candidate(declare(), ft.LogisticRegression(C=0.5), prepared, trials=9, listen=silent).trials == ()


def test_an_elastic_net_drops_columns(prepared: Prepared, declare: Declare) -> None:
    trained = fit_candidate(declare(), ft.LogisticRegression(C=0.01, l1_ratio=1.0), prepared, trials=1, listen=silent)
    matrix = prepared.matrix[:50].copy()
    matrix[:, 6] += 5  # tenure tells nothing
    assert (run(trained.artifacts["onnx"], matrix) == run(trained.artifacts["onnx"], prepared.matrix[:50])).all()


def test_a_misspelt_parameter_is_a_wrong_declaration(prepared: Prepared, declare: Declare) -> None:
    with pytest.raises(DeclarationError, match="XGBoost has no parameter 'max_dept'") as caught:
        fit_candidate(declare(), ft.XGBoost(max_dept=3), prepared, trials=1, listen=silent)
    assert "max_depth" in caught.value.hint
    assert "conftest.py" in caught.value.where
    with pytest.raises(DeclarationError, match="no parameter 'booster'"):
        fit_candidate(declare(), ft.XGBoost(booster="dart"), prepared, trials=1, listen=silent)
    with pytest.raises(DeclarationError, match="'rmse' is no gate metric of a classification"):
        declare(gate=ft.Gate("rmse"))
