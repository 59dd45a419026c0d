"""Every family, task and encoding: the plain form says what the estimator says, on every row there can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

import foretable as ft
from foretable.declare.candidates import Candidate
from foretable.errors import DeclarationError, TrainingError
from foretable.forms import Column, Finish, Form, Trees, evaluate, store
from foretable.registry.signature import Feature, Task
from foretable.train.estimators.families import fitter
from foretable.train.estimators.fitting import Fit, FitInput

Given = Callable[..., FitInput]
FEATURES = (
    Feature("epoch", "number"),
    Feature("amount", "number"),
    Feature("flag", "boolean"),
    Feature("plan", "category", ("a", "b", "c", "d")),
    Feature("shop", "category", ("x", "y")),
)
PLAN = 3
SMALL = {"n_estimators": 12, "max_depth": 5}
FAMILIES: dict[Task, list[Candidate]] = {
    "classification": [
        ft.LogisticRegression(),
        ft.LogisticRegression(C=0.1, l1_ratio=0.5),
        ft.RandomForest(**SMALL),
        ft.XGBoost(**SMALL, scale_pos_weight=3.0),
    ],
    "multiclass": [ft.LogisticRegression(), ft.RandomForest(**SMALL), ft.XGBoost(**SMALL)],
    "regression": [
        ft.LinearRegression(),
        ft.LinearRegression(alpha=2.0),
        ft.LinearRegression(alpha=0.1, l1_ratio=0.7),
        ft.RandomForest(**SMALL),
        ft.XGBoost(**SMALL),
        ft.XGBoost(**SMALL, objective="count:poisson"),
        ft.XGBoost(**SMALL, objective="reg:gamma"),
        ft.XGBoost(**SMALL, objective="reg:tweedie", tweedie_variance_power=1.3),
    ],
}
CASES = [(task, candidate) for task, candidates in FAMILIES.items() for candidate in candidates]


def named(value: Any) -> str:
    if isinstance(value, Candidate):
        own = [str(v) for k, v in value.parameters.items() if k not in SMALL]
        return "-".join([value.name, *own])
    return str(value)


EVERY = pytest.mark.parametrize(("task", "candidate"), CASES, ids=named)


@dataclass(frozen=True)
class World:
    matrix: np.ndarray
    outcome: dict[str, np.ndarray]
    clusters: np.ndarray


@pytest.fixture(scope="module")
def world() -> World:
    """800 rows of 200 customers; columns far from zero, NULLs in every column."""
    random, rows = np.random.default_rng(7), 800
    columns = [random.normal(1e6, 10, rows), random.gamma(2, 3, rows), random.random(rows) < 0.4]
    matrix = np.column_stack([*columns, random.integers(0, 4, rows), random.integers(0, 2, rows)]).astype(np.float64)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    signal = np.nan_to_num(matrix[:, 1]) / 4 + (matrix[:, PLAN] == 2) + np.isnan(matrix[:, 0]) + random.normal(size=rows)
    outcome = {
        "classification": (signal > 2).astype(np.float64),
        "multiclass": np.digitize(signal, [1, 2.5]).astype(np.float64),
        "regression": np.exp(signal),
    }
    return World(matrix, outcome, np.arange(rows) // 4)


def fitted(given: Given, world: World, task: Task, candidate: Candidate, **changes: Any) -> Fit:
    """A candidate, fitted to the world."""
    classes = 3 if task == "multiclass" else 0
    changes = {"gate": ft.Gate(), "clusters": world.clusters, "parameters": candidate.parameters, **changes}
    made = given(world.matrix, world.outcome[task], FEATURES, task=task, classes=classes, **changes)
    return fitter(made.model, candidate)(made)


def edges(form: Form, matrix: np.ndarray) -> np.ndarray:
    """Rows with what goes wrong first: NULLs, unseen categories, zeros, values beside the thresholds of trees."""
    rows = [*matrix[:200], np.full(len(FEATURES), np.nan)]
    for base in matrix[:6]:
        for column in range(len(FEATURES)):
            values = [np.nan, -1.0] if FEATURES[column].kind == "category" else [np.nan, 0.0, -0.0, 1.0, -1e6, 3.4e38]
            rows += [np.where(np.arange(len(FEATURES)) == column, value, base) for value in values]
    for column, threshold in thresholds(form)[:400]:
        single = np.float32(threshold)
        for side in (np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))):
            rows.append(np.where(np.arange(len(FEATURES)) == column, np.float64(side), matrix[0]))
        for side in (np.nextafter(np.float64(threshold), -np.inf), np.nextafter(np.float64(threshold), np.inf)):
            rows.append(np.where(np.arange(len(FEATURES)) == column, side, matrix[0]))
    return np.array(rows)


def thresholds(form: Form) -> list[tuple[int, float]]:
    if not isinstance(form, Trees):
        return []
    plain = [column.feature if column.table is None else None for column in form.columns]
    found = {(plain[c], float(t)) for tree in form.trees for c, t in zip(tree.column, tree.threshold, strict=True) if c >= 0}
    return sorted((feature, threshold) for feature, threshold in found if feature is not None)


def off(fit: Fit, rows: np.ndarray) -> float:
    """How far the form's answers are from the estimator's, in the unit of the tolerance of DESIGN: the greater of 1 and the value."""
    finish = Finish(fit.link)
    expected = evaluate.apply_finish(finish, fit.raw(rows))
    found = evaluate.answer(fit.form(finish), rows)
    assert found.shape == expected.shape
    assert np.isfinite(expected).all()
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max())


@EVERY
@pytest.mark.parametrize("encoding", ["onehot", "ordinal", "target"])
def test_the_form_says_what_the_estimator_says(given: Given, world: World, task: Task, candidate: Candidate, encoding: str) -> None:
    fit = fitted(given, world, task, candidate, encoding={"plan": encoding, "shop": encoding})
    rows = edges(fit.form(Finish(fit.link)), world.matrix)
    assert off(fit, rows) < 1e-5
    assert np.ptp(fit.raw(rows), axis=0).min() > 0, "a model that says one thing would agree with any"


@EVERY
def test_fitted_twice_it_is_the_same_to_the_byte(given: Given, world: World, task: Task, candidate: Candidate) -> None:
    first, second = (fitted(given, world, task, candidate, encoding={"plan": "target"}) for _ in range(2))
    assert store.to_bytes(first.form(Finish(first.link))) == store.to_bytes(second.form(Finish(second.link)))
    assert first.booster() == second.booster()
    assert (first.raw(world.matrix) == second.raw(world.matrix)).all()


@pytest.mark.parametrize("impute", ["median", "mean", "zero"])
@pytest.mark.parametrize("encoding", ["onehot", "ordinal", "target"])
@pytest.mark.parametrize("candidate", [ft.LogisticRegression(), ft.LinearRegression(alpha=1.0)], ids=named)
def test_linear_models_fill_in_the_form_as_in_the_fit(given: Given, world: World, impute: str, encoding: str, candidate: Candidate) -> None:
    task: Task = "classification" if candidate.name == "LogisticRegression" else "regression"
    fit = fitted(given, world, task, candidate, impute=impute, encoding={"plan": encoding})
    assert off(fit, edges(fit.form(Finish(fit.link)), world.matrix)) < 1e-9
    full = np.nan_to_num(world.matrix, nan=0.0)
    whole = given(full, world.outcome[task], FEATURES, task=task, gate=ft.Gate(), impute=impute, parameters=candidate.parameters)
    answer = fitter(whole.model, candidate)(whole).raw
    middle = {"median": np.median, "mean": np.mean, "zero": lambda _: 0.0}[impute](full[:, 1])
    row = full[:1].copy()
    row[0, 1] = np.nan
    filled = row.copy()
    filled[0, 1] = middle
    assert answer(row) == pytest.approx(answer(filled), rel=1e-12)


@pytest.mark.parametrize("candidate", [*FAMILIES["regression"][:4], ft.XGBoost(**SMALL)], ids=named)
def test_infinite_numbers_are_scored(given: Given, world: World, candidate: Candidate) -> None:
    fit = fitted(given, world, "regression", candidate)
    rows = np.repeat(world.matrix[:1], 3, axis=0)
    rows[:, 1] = np.inf, -np.inf, 1e300
    found = evaluate.answer(fit.form(Finish(fit.link)), rows)
    assert found == pytest.approx(fit.raw(rows), rel=1e-5, nan_ok=True)


def test_two_classes_of_a_multiclass_model_have_two_outputs(given: Given, world: World) -> None:
    outcome = world.outcome["classification"]
    for candidate in (ft.LogisticRegression(), ft.RandomForest(**SMALL), ft.XGBoost(**SMALL)):
        made = given(world.matrix, outcome, FEATURES, task="multiclass", gate=ft.Gate(), classes=2, parameters=candidate.parameters)
        fit = fitter(made.model, candidate)(made)
        assert off(fit, world.matrix) < 1e-5
        answer = evaluate.answer(fit.form(Finish(fit.link)), world.matrix)
        assert answer.sum(axis=1) == pytest.approx(np.ones(len(answer)), abs=1e-6)
        assert answer[outcome == 1, 1].mean() > answer[outcome == 0, 1].mean() + 0.1


def test_many_columns_are_fitted_by_lbfgs(given: Given, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    from foretable.train.estimators import linear

    newton = fitted(given, world, "multiclass", ft.LogisticRegression())
    monkeypatch.setattr(linear, "NEWTON_WIDTH", 3)
    quasi = fitted(given, world, "multiclass", ft.LogisticRegression(max_iter=5000))
    assert quasi.estimator.solver == "lbfgs" and newton.estimator.solver == "newton-cholesky"  # type: ignore[attr-defined]
    assert quasi.raw(world.matrix) - newton.raw(world.matrix) == pytest.approx(0.0, abs=0.02)


def test_numbers_far_from_zero_keep_their_digits(given: Given, world: World) -> None:
    """A million and a bit: leaves are float32, whose steps are a sixteenth there."""
    far = {"regression": 1e6 + world.outcome["regression"]}
    fit = fitted(given, replace(world, outcome=far), "regression", ft.RandomForest(n_estimators=20))
    found = evaluate.answer(fit.form(Finish(fit.link)), world.matrix)
    assert np.abs(found - fit.raw(world.matrix)).max() < 1e-5


def test_a_category_counts_from_the_average_row(given: Given, world: World) -> None:
    form = fitted(given, world, "classification", ft.LogisticRegression()).form(Finish("sigmoid"))
    added = [form.per_level[PLAN][0, slot] for slot in evaluate.slots(world.matrix[:, PLAN])]
    assert np.mean(added) == pytest.approx(0, abs=1e-9)
    assert np.ptp(added) > 0.1


def test_a_forest_trained_with_null_goes_where_it_learned(given: Given) -> None:
    """What converters get wrong in silence: by up to 0.83 of a probability."""
    random = np.random.default_rng(3)
    x = random.normal(size=(1500, 2))
    x[random.random(1500) < 0.3, 0] = np.nan
    y = np.where(np.isnan(x[:, 0]), random.random(1500) < 0.9, random.random(1500) < 0.1).astype(np.float64)
    features = (Feature("a", "number"), Feature("b", "number"))
    fit = fitter((made := given(x, y, features, parameters=SMALL)).model, ft.RandomForest())(made)
    own = RandomForestClassifier(random_state=0, min_samples_leaf=5, **SMALL).fit(x.astype(np.float32), y, sample_weight=np.ones(1500))
    assert fit.raw(x) == pytest.approx(own.predict_proba(x)[:, 1], abs=1e-12)
    assert off(fit, x) < 1e-6
    null, known = evaluate.answer(fit.form(Finish(fit.link)), np.array([[np.nan, 0.0], [0.0, 0.0]]))
    assert null > 0.7 > 0.3 > known


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("candidate", [ft.RandomForest(**SMALL), ft.XGBoost(**SMALL)], ids=named)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_monotone_column_moves_the_answer_one_way(given: Given, candidate: Candidate, task: Task, sign: int) -> None:
    """The truth goes the other way in the middle, so that a free model would follow it."""
    random = np.random.default_rng(0)
    matrix = np.column_stack([random.integers(0, 3, 1200), random.random(1200) * 6, random.normal(size=1200)])
    signal = sign * np.sin(matrix[:, 1] * 2) + 0.3 * matrix[:, 2]
    outcome = (signal + random.normal(size=1200) * 0.5 > 0).astype(np.float64) if task == "classification" else signal
    features = (Feature("c", "category", ("k", "l", "m")), Feature("x", "number"), Feature("free", "number"))

    def steps(**changes: Any) -> np.ndarray:
        made = given(matrix, outcome, features, task=task, gate=ft.Gate(), parameters=candidate.parameters, **changes)
        form = fitter(made.model, candidate)(made).form(Finish())
        grid = np.array([[code, x, free] for code in (0, 1) for free in (-1, 1) for x in np.linspace(0, 6, 60)])
        return sign * np.diff(evaluate.raw(form, grid).reshape(4, 60), axis=1)

    assert steps(monotone={"x": sign}).min() > -1e-6
    assert steps().min() < -0.05


def test_an_ordinal_category_can_be_monotone_and_others_cannot(given: Given, world: World) -> None:
    fit = fitted(given, world, "classification", ft.XGBoost(**SMALL), encoding={"plan": "ordinal"}, monotone={"plan": 1})
    rows = np.repeat(world.matrix[:1], 4, axis=0)
    rows[:, PLAN] = range(4)
    assert (np.diff(fit.raw(rows)) >= 0).all()
    for encoding in ("onehot", "target"):
        with pytest.raises(DeclarationError, match="plan is a category and cannot be monotone") as caught:
            fitted(given, world, "classification", ft.RandomForest(), encoding={"plan": encoding}, monotone={"plan": 1})
        assert "ordinal" in caught.value.hint


def test_the_booster_reads_the_columns_of_the_form(given: Given, world: World) -> None:
    import xgboost

    fit = fitted(given, world, "multiclass", ft.XGBoost(**SMALL), encoding={"plan": "target"})
    form = fit.form(Finish("softmax"))
    assert isinstance(form, Trees)
    own = xgboost.Booster(model_file=bytearray(fit.booster() or b""))
    answer = own.inplace_predict(evaluate.columns_of(form, world.matrix))
    assert answer == pytest.approx(evaluate.answer(form, world.matrix), abs=1e-6)
    assert form.columns[0] == Column(0) or form.columns[0].table is None


def test_weights_count_as_rows(given: Given, world: World) -> None:
    twice = np.random.default_rng(0).random(800) < 0.5
    rows = np.concatenate([np.arange(800), np.flatnonzero(twice)])
    outcome = world.outcome["regression"]
    made = given(world.matrix, outcome, FEATURES, task="regression", gate=ft.Gate(), weights=1.0 + twice, encoding={"plan": "ordinal"})
    many = given(world.matrix[rows], outcome[rows], FEATURES, task="regression", gate=ft.Gate(), encoding={"plan": "ordinal"})
    weighted, repeated = (fitter(one.model, ft.LinearRegression())(one) for one in (made, many))
    assert weighted.raw(world.matrix) == pytest.approx(repeated.raw(world.matrix), rel=1e-6)


@pytest.mark.parametrize(
    ("task", "candidate", "message", "hint"),
    [
        ("classification", ft.XGBoost(max_dept=3), "XGBoost has no parameter 'max_dept'", "max_depth"),
        ("classification", ft.XGBoost(booster="dart"), "no parameter 'booster'", "dart and gblinear"),
        ("classification", ft.XGBoost(missing=-999), "no parameter 'missing'", "turn a placeholder"),
        ("classification", ft.XGBoost(objective="reg:logistic"), "no parameter 'objective'", "known"),
        ("regression", ft.XGBoost(objective="reg:logistic"), "objective 'reg:logistic' has no form", "reg:squarederror"),
        ("regression", ft.XGBoost(objective=ft.among("count:poisson", "survival:cox")), "objective 'survival:cox'", "count:poisson"),
        ("regression", ft.XGBoost(multi_strategy="multi_output_tree"), "no parameter 'multi_strategy'", "one label"),
        ("regression", ft.XGBoost(scale_pos_weight=3), "no parameter 'scale_pos_weight'", "known"),
        ("multiclass", ft.XGBoost(num_class=3), "no parameter 'num_class'", "those of the label"),
        ("classification", ft.RandomForest(n_jobs=4), "no parameter 'n_jobs'", "repeatable"),
        ("classification", ft.LogisticRegression(penalty="l1"), "no parameter 'penalty'", "l1_ratio"),
        ("classification", ft.LinearRegression(), "LinearRegression cannot be trained for classification", "LogisticRegression"),
        ("regression", ft.LogisticRegression(), "LogisticRegression cannot be trained for regression", "LinearRegression"),
    ],
)
def test_what_has_no_equal_form_is_refused_at_declaration(
    declare: Callable[..., ft.Model], task: Task, candidate: Candidate, message: str, hint: str
) -> None:
    with pytest.raises(DeclarationError, match=message) as caught:
        fitter(declare(task=task, gate=ft.Gate()), candidate)
    assert hint in caught.value.hint
    assert "conftest.py" in caught.value.where


def test_monotone_is_refused_where_it_cannot_be_kept(declare: Callable[..., ft.Model]) -> None:
    for task, candidate in (("classification", ft.LogisticRegression()), ("multiclass", ft.XGBoost())):
        with pytest.raises(DeclarationError, match=f"{candidate.name} cannot keep a column monotone in a {task} model"):
            fitter(declare(task=task, gate=ft.Gate(), monotone={"spend": 1}), candidate)


@pytest.mark.parametrize(("objective", "label"), [("count:poisson", -1.0), ("reg:tweedie", -1.0), ("reg:gamma", 0.0)])
def test_an_objective_that_is_not_for_these_labels_is_refused(given: Given, objective: str, label: float) -> None:
    features, parameters = (Feature("x", "number"),), {"objective": objective, "n_estimators": 2}
    outcome = np.array([label, 1.0, 2.0, 3.0])
    made = given(np.arange(4.0)[:, None], outcome, features, task="regression", gate=ft.Gate(), parameters=parameters)
    with pytest.raises(TrainingError, match=f"{objective} is not for labels such as {label:g}"):
        fitter(made.model, ft.XGBoost(**parameters))(made)


@pytest.mark.parametrize(("task", "classes", "lost"), [("classification", 0, 1), ("multiclass", 3, 2)])
def test_a_class_without_rows_is_told(given: Given, task: Task, classes: int, lost: int) -> None:
    outcome = np.arange(6.0) % lost
    for candidate in (ft.LogisticRegression(), ft.XGBoost(n_estimators=1)):
        made = given(np.arange(6.0)[:, None], outcome, (Feature("x", "number"),), task=task, gate=ft.Gate(), classes=classes)
        with pytest.raises(TrainingError, match=f"class {lost} has no row"):
            fitter(made.model, candidate)(made)


@pytest.mark.parametrize(
    ("candidate", "named"),
    [
        (ft.LogisticRegression(C=-1.0), "'C' parameter"),
        (ft.RandomForest(max_depth=0), "max_depth"),
        (ft.XGBoost(subsample=7.0), "subsample"),
    ],
)
def test_a_value_that_the_library_does_not_take_is_told_as_a_wrong_declaration(
    given: Given, world: World, candidate: Candidate, named: str
) -> None:
    with pytest.raises(TrainingError, match=f"{candidate.name} cannot be fitted with .*{named}") as caught:
        fitted(given, world, "classification", candidate)
    assert "conftest.py" in caught.value.where
