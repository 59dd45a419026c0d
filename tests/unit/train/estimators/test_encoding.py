"""Categories by the label: the mean that scikit-learn takes, and never a row's own label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import TargetEncoder

import foretable as ft
from foretable.errors import TrainingError
from foretable.forms import Finish, Linear, Trees, evaluate
from foretable.registry.signature import Feature
from foretable.train.estimators.design import linear_design, tree_columns
from foretable.train.estimators.encoding import SMOOTHING, cross_fitted, mean_table, targets
from foretable.train.estimators.families import fitter
from foretable.train.estimators.fitting import FitInput

Given = Callable[..., FitInput]
PLAN = (Feature("plan", "category", ("a", "b", "c")),)
CODES = st.lists(st.sampled_from([np.nan, -1.0, 0.0, 1.0, 2.0]), min_size=4, max_size=60)


def test_the_means_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 500).astype(np.float64)
    for outcome, classes, kind in ((random.normal(codes, 1), 0, "continuous"), (random.integers(0, 3, 500) * 1.0, 3, "multiclass")):
        own = TargetEncoder(categories=[np.arange(3.0)], smooth=SMOOTHING, target_type=kind, cv=2).fit(codes[:, None], outcome)
        table = mean_table(codes, targets(outcome, classes), np.ones(500), 3)
        assert pytest.approx(np.array(own.encodings_), abs=1e-12) == table[2:].T
        assert table[1] == pytest.approx(np.atleast_1d(own.target_mean_), abs=1e-12)


@drawn(codes=CODES, seed=st.integers(0, 9))
def test_null_has_its_own_mean_and_what_is_unseen_has_that_of_all(codes: list[float], seed: int) -> None:
    known = np.array(codes)
    outcome = np.random.default_rng(seed).normal(size=len(codes))
    table = mean_table(known, outcome[:, None], np.ones(len(codes)), 3)[:, 0]
    null = np.isnan(known)
    assert table[0] == pytest.approx((outcome[null].sum() + SMOOTHING * outcome.mean()) / (null.sum() + SMOOTHING))
    assert table[1] == pytest.approx(outcome.mean())
    assert np.isfinite(table).all()
    assert outcome.min() - 1e-9 <= table.min() and table.max() <= outcome.max() + 1e-9


@drawn(codes=CODES, seed=st.integers(0, 99))
def test_no_row_sees_a_label_of_its_own_entity(codes: list[float], seed: int) -> None:
    """But for the mean over all rows, which is the same for each of them."""
    random = np.random.default_rng(seed)
    clusters = random.integers(0, 4, len(codes))
    clusters[:3] = 0, 0, 1
    outcome = random.normal(size=len(codes))
    changed = outcome.copy()
    changed[:2] += 1000, -1000

    def seen(label: np.ndarray) -> np.ndarray:
        return cross_fitted(np.array(codes), label[:, None], np.ones(len(codes)), clusters, 3, seed, feature="plan")[:, 0]

    own = clusters == 0
    assert seen(outcome)[own] == pytest.approx(seen(changed)[own])
    alike = np.array_equal(codes[0], codes[1], equal_nan=True)
    others = ~own & np.isin(np.nan_to_num(codes, nan=9), np.nan_to_num(codes[:2], nan=9))
    assert alike or -1 in codes[:2] or (np.abs(seen(outcome) - seen(changed))[others] > 1).all(), "others of the category do see it"


def test_one_entity_cannot_be_told_from_others() -> None:
    with pytest.raises(TrainingError, match="only one") as caught:
        cross_fitted(np.zeros(5), np.ones((5, 1)), np.ones(5), np.zeros(5), 1, 0, feature="plan")
    assert '"plan": "onehot"' in caught.value.hint


@pytest.mark.parametrize("candidate", [ft.LogisticRegression(), ft.XGBoost(n_estimators=30)], ids=lambda c: c.name)
def test_an_identifier_teaches_nothing(given: Given, candidate: ft.XGBoost) -> None:
    """Each customer has a text of his own and random labels: encoded by his own label, he would be known by heart."""
    random = np.random.default_rng(0)
    customers, months = 150, 6
    codes = np.repeat(np.arange(customers, dtype=np.float64), months)
    clusters = codes.astype(int)
    outcome = (random.random(customers) < 0.5).repeat(months).astype(np.float64)
    features = (Feature("id", "category", tuple(f"{i:03}" for i in range(customers))),)
    made = given(codes[:, None], outcome, features, encoding={"id": "target"}, clusters=clusters, parameters=candidate.parameters)
    seen = tree_columns(made)[1][:, 0]
    assert roc_auc_score(outcome, mean_table(codes, outcome[:, None], np.ones(len(codes)), customers)[:, 0][codes.astype(int) + 2]) == 1.0
    fit = fitter(made.model, candidate)(made)
    assert np.ptp(seen) == 0, "others know nothing of him"
    assert np.ptp(fit.raw(codes[:, None])) < 1e-9


def test_columns_are_the_forms_but_for_the_rows_of_the_fit(given: Given) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 300).astype(np.float64)[:, None]
    outcome = (random.random(300) < 0.3).astype(np.float64)
    for encoding, same in (("onehot", True), ("ordinal", True), ("target", False)):
        made = given(codes, outcome, PLAN, encoding={"plan": encoding})
        columns, read = tree_columns(made)
        assert bool((read == evaluate.columns_of(Trees(columns, (), np.zeros(1)), codes)).all()) is same
        design, values = linear_design(made)
        assert bool((values == design.columns(codes)).all()) is same


@pytest.mark.parametrize("encoding", ["ordinal", "target"])
def test_a_category_of_a_linear_model_enters_as_one_standardised_column(given: Given, encoding: str) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 600).astype(np.float64)[:, None]
    outcome = (random.random(600) < 0.2 + 0.3 * codes[:, 0]).astype(np.float64)
    made = given(codes, outcome, PLAN, encoding={"plan": encoding})
    _, values = linear_design(made)
    assert values.shape == (600, 1)
    assert values.mean() == pytest.approx(0, abs=1e-9) and values.std() == pytest.approx(1)
    form = fitter(made.model, ft.LogisticRegression())(made).form(Finish("sigmoid"))
    assert isinstance(form, Linear)
    low, middle, high = form.per_level[0][0, 2:]
    assert low < middle < high
    unseen = evaluate.answer(form, np.array([[-1.0]]))[0]
    assert unseen == pytest.approx(
        outcome.mean() if encoding == "target" else evaluate.answer(form, np.median(codes, axis=0)[None])[0], abs=0.05
    )


def test_an_unseen_category_and_null_have_no_place_in_an_order(given: Given) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 600).astype(np.float64)
    codes[::5] = np.nan
    outcome = np.where(np.isnan(codes), 1.0, codes == 2).astype(np.float64)
    made = given(codes[:, None], outcome, PLAN, encoding={"plan": "ordinal"}, parameters={"n_estimators": 5})
    fit = fitter(made.model, ft.XGBoost())(made)
    null, unseen, first = fit.raw(np.array([[np.nan], [-1.0], [0.0]]))
    assert null == unseen > first
