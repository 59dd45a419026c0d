"""Baselines of a training set: what they are fitted to, what they predict, and how a model is held against them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.declare.baselines import Baseline
from foretable.errors import DeclarationError, TrainingError
from foretable.registry.signature import Signature
from foretable.train.baselines.baselines import predict_baselines
from foretable.train.baselines.bgnbd import BgNbd, expected_purchases, fit_bgnbd
from foretable.train.baselines.gamma_gamma import expected_value, fit_gamma_gamma
from foretable.train.baselines.measured import METRICS, beside_baselines, fit_baselines
from foretable.train.judge.evaluate import measure
from foretable.train.prepare import Prepared
from foretable.train.result import Beside, Trained
from foretable.train.split import TEST, TRAIN, VALIDATION

Times = tuple[np.ndarray, np.ndarray, np.ndarray]
COLUMNS = ("again", "recency", "age", "mean_spend")
DIE = ft.BuyTillYouDie(*COLUMNS)
PARTS = np.array([TRAIN, TRAIN, TRAIN, TRAIN, TEST, TEST, TEST])


def model(*baselines: Baseline, **changes: Any) -> ft.Model:
    """A model of what is spent in a month."""
    customer = ft.Entity("customer", key="customer_id")
    clock = {"horizon": "1 month", "every": "1 month", "start": "2025-01-01"}
    given: dict[str, Any] = {
        "label": ft.label("training.spent", entity=customer, **clock)(lambda: None),
        "features": [ft.feature_view("features.usage", entity=customer)(lambda: None)],
        "candidates": [ft.LinearRegression()],
        "task": "regression",
        "gate": ft.Gate("mae"),
        "baselines": baselines,
    }
    return ft.Model("spend", **(given | changes))


def prepared(outcome: Any, split: np.ndarray, aside: dict[str, Any], dates: np.ndarray | None = None) -> Prepared:
    """Rows whose matrix has their number alone."""
    rows = len(outcome)
    days = np.full(rows, np.datetime64("2025-01-01", "us")) if dates is None else dates
    return Prepared(
        signature=cast(Signature, None),
        matrix=np.arange(rows, dtype=np.float64)[:, None],
        outcome=np.asarray(outcome, dtype=np.float64),
        split=split,
        clusters=np.arange(rows),
        latest=np.zeros(rows, dtype=bool),
        notes=(),
        classes=0,
        dates=days,
        aside={name: values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]) for name, values in aside.items()},
        grounds=cast(Any, SimpleNamespace()),
    )


def answers(declared: ft.Model, rows: Prepared) -> list[float]:
    (found,), findings = predict_baselines(declared, rows)
    assert findings == ()
    return cast(list[float], found.answer.tolist())


def test_the_last_period_is_taken_as_it_is_and_nothing_for_null() -> None:
    spent = pa.array([Decimal("1.50"), None, Decimal("3.00"), None, Decimal("7.25"), Decimal("0.00"), None])
    assert answers(model(ft.LastPeriod("spent")), prepared(range(7), PARTS, {"spent": spent})) == [1.5, 0, 3, 0, 7.25, 0, 0]


def test_cells_have_the_mean_of_their_training_rows() -> None:
    cell, again = pa.array(["a", "a", "b", None, "a", "new", None]), pa.array([1, 1, 1, None, 1, 1, None])
    rows = prepared([2, 4, 9, 7, 100, 100, 100], PARTS, {"cell": cell, "again": again})
    assert answers(model(ft.CellMeans("cell", "again")), rows) == [3, 3, 9, 5.5, 3, 5.5, 5.5], "new and empty cells get the mean of all"
    apart = prepared([2, 4, 9, 5, 0, 0, 0], PARTS, {"cell": pa.array(["a"] * 7), "again": pa.array([1, 2, 1, None, 2, None, 1])})
    assert answers(model(ft.CellMeans("cell", "again")), apart) == [5.5, 4, 5.5, 5, 4, 5, 5.5], "NULL beside a value is a cell"


@pytest.fixture(scope="module")
def customers(simulated: Callable[..., tuple[Times, np.ndarray]]) -> tuple[Times, np.ndarray]:
    """200 customers and the mean value of their repeat purchases."""
    history, _ = simulated(BgNbd(1.0, 12.0, 0.9, 2.5, 0.0, 0, True), 200, 0.0, seed=1)
    return history, np.random.default_rng(2).gamma(4, 5, 200)


def histories(customers: tuple[Times, np.ndarray]) -> Prepared:
    """Everybody at two training dates and one test date; at the end of each, one who never bought."""
    (frequency, recency, age), value = customers
    known = [np.append(each, np.nan) for each in (frequency, recency, age, np.where(frequency > 0, value, np.nan))]
    three = [np.concatenate([part, part, part]) for part in known]
    three[0][:201] *= 3  # of the first date: nothing may be learned from it
    dates = np.repeat(np.array(["2025-01-01", "2025-02-01", "2025-03-01"], dtype="datetime64[us]"), 201)
    outcome = np.arange(603.0)
    aside = {name: pa.array(part, from_pandas=True) for name, part in zip(COLUMNS, three, strict=True)}
    return prepared(outcome, np.repeat([TRAIN, TRAIN, TEST], 201), aside, dates)


def test_buy_till_you_die_is_fitted_to_the_last_training_date(customers: tuple[Times, np.ndarray]) -> None:
    history, value = customers
    (found,), findings = predict_baselines(model(DIE), histories(customers))
    often, again = fit_bgnbd(*history), history[0] > 0
    much = fit_gamma_gamma(history[0][again], value[again])
    assert findings == () and found.name == "BuyTillYouDie(again, recency, age, mean_spend)"
    assert found.parameters["as_of"] == "2025-02-01T00:00:00" and found.parameters["purchases"] == vars(often)
    for rows, days in ((slice(201, 401), 28), (slice(402, 602), 31)):
        expected = expected_purchases(often, *history, float(days)) * expected_value(much, history[0], value)
        assert found.answer[rows] == pytest.approx(expected), "the horizon has the days of its month"
    assert found.answer[[200, 401, 602]] == pytest.approx((200 + 401) / 2), "who never bought: the mean of such training rows"


def test_a_mean_value_of_nothing_tells_nothing(customers: tuple[Times, np.ndarray]) -> None:
    (frequency, recency, age), value = customers
    free = np.where(np.arange(200) % 9 == 0, 0.0, value)
    (found,), _ = predict_baselines(model(DIE), histories(((frequency, recency, age), free)))
    much = fit_gamma_gamma(frequency[(frequency > 0) & (free > 0)], free[(frequency > 0) & (free > 0)])
    of_free = free == 0
    expected = expected_purchases(fit_bgnbd(frequency, recency, age), frequency, recency, age, 31.0)[of_free]
    assert found.answer[402:602][of_free] == pytest.approx(expected * much.p * much.v / (much.q - 1))


def test_where_everybody_bought_newcomers_get_the_mean_of_all(customers: tuple[Times, np.ndarray]) -> None:
    rows = histories(customers)
    rows.split[[200, 401]] = VALIDATION
    (found,), _ = predict_baselines(model(DIE), rows)
    assert found.answer[602] == pytest.approx(rows.outcome[rows.split == TRAIN].mean())


def test_too_few_who_came_back_leave_it_out_with_a_word(customers: tuple[Times, np.ndarray]) -> None:
    rows = histories(customers)
    nobody = {**rows.aside, "again": pa.chunked_array([np.zeros(603)])}
    found, (finding,) = predict_baselines(model(DIE, ft.LastPeriod("age")), replace(rows, aside=nobody))
    assert [each.name for each in found] == ["LastPeriod(age)"]
    assert finding.severity == "warning" and "left out: of the training rows of 2025-02-01, 0 have a repeat purchase" in finding.message


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("again", np.full(603, -1.0), "again is below 0 in 603 rows"),
        ("recency", np.full(603, 1e6), "age is less than recency in 600 rows"),
        ("age", np.full(603, "old"), "takes age for a number"),
    ],
)
def test_columns_that_are_something_else_are_refused(
    customers: tuple[Times, np.ndarray], column: str, values: np.ndarray, said: str
) -> None:
    rows = histories(customers)
    with pytest.raises(TrainingError, match=said):
        predict_baselines(model(DIE), replace(rows, aside={**rows.aside, column: pa.chunked_array([pa.array(values)])}))


def test_purchases_need_a_horizon() -> None:
    plain = ft.label("training.spent", entity=ft.Entity("customer", key="customer_id"))(lambda: None)
    with pytest.raises(DeclarationError, match="within a horizon"):
        model(DIE, label=plain)


def world(rows: int = 400) -> tuple[Prepared, np.ndarray]:
    """Rows, two of a customer, with a poor guess aside; and the outcome itself."""
    generator = np.random.default_rng(3)
    outcome = generator.gamma(2, 20, rows)
    guess = outcome + generator.normal(5, 30, rows)
    found = prepared(outcome, np.repeat([TRAIN, TEST], rows // 2), {"guess": pa.array(guess), "one": pa.array(np.ones(rows))})
    return replace(found, clusters=np.arange(rows) // 2), outcome


def candidate(answer: np.ndarray) -> Trained:
    """A candidate that answers so."""
    return Trained("LinearRegression", {}, cast(Signature, None), {}, "sql", (), (), lambda matrix: answer[matrix[:, 0].astype(int)])


def held_against(answer: np.ndarray, rows: Prepared, *baselines: Baseline, **changes: Any) -> Trained:
    declared = model(*baselines, **changes)
    return beside_baselines(declared, rows, fit_baselines(declared, rows), candidate(answer))


def by_metric(trained: Trained) -> dict[str, Beside]:
    return {each.metric: each for each in trained.baselines}


def test_every_metric_has_its_figure_and_a_paired_difference() -> None:
    rows, outcome = world()
    guess, answer = rows.aside["guess"].to_numpy(), outcome * 1.1
    trained = held_against(answer, rows, ft.LastPeriod("guess"))
    found, test = by_metric(trained), rows.rows(TEST)
    assert tuple(found) == METRICS and {each.row_count for each in found.values()} == {200}
    own, theirs = (measure("regression", outcome[test], each[test], rows.clusters[test], threshold=0.5, seed=0) for each in (answer, guess))
    for metric, row in found.items():
        assert (row.value, row.low, row.high) == pytest.approx(theirs[metric]), "as a version is measured"
        assert row.difference_low <= row.difference <= row.difference_high
    for metric, sign in {"rmse": -1, "mae": -1, "r2": 1, "mape": -1, "spearman": 1}.items():
        assert found[metric].difference == pytest.approx(sign * (own[metric][0] - theirs[metric][0]))
        assert found[metric].difference_low > 0
    total = "calibration_ratio"
    assert found[total].difference == pytest.approx(abs(theirs[total][0] - 1) - abs(own[total][0] - 1)), "nearer to 1 is better"
    (finding,) = trained.findings
    assert finding.severity == "note" and finding.message.startswith("better than LastPeriod(guess): mae ")


def test_a_model_that_is_the_baseline_is_no_better() -> None:
    rows, _ = world()
    trained = held_against(rows.aside["guess"].to_numpy(), rows, ft.LastPeriod("guess"), ft.LastPeriod("one"))
    of_guess = [each for each in trained.baselines if each.baseline == "LastPeriod(guess)"]
    assert all((each.difference, each.difference_low, each.difference_high) == (0, 0, 0) for each in of_guess)
    (finding,) = trained.findings
    assert (finding.check, finding.severity) == ("baseline", "warning")
    assert finding.message.startswith("no better than LastPeriod(guess): mae "), "the best of the baselines"
    assert "spearman" not in {each.metric for each in trained.baselines if each.baseline == "LastPeriod(one)"}, "undefined of a constant"


def test_better_by_one_row_is_no_better() -> None:
    rows, outcome = world()
    answer = rows.aside["guess"].to_numpy().copy()
    answer[-1] = outcome[-1]
    (finding,) = held_against(answer, rows, ft.LastPeriod("guess")).findings
    assert finding.severity == "warning" and finding.message.startswith("no better than LastPeriod(guess)")
    assert finding.evidence["difference"] > 0 and ", better by 0." in finding.message


def test_a_worse_model_is_called_worse_by_the_metric_of_the_gate() -> None:
    rows, outcome = world()
    (finding,) = held_against(-outcome, rows, ft.LastPeriod("guess"), gate=ft.Gate("spearman")).findings
    assert finding.severity == "warning" and finding.message.startswith("worse than LastPeriod(guess): spearman -1.000 against 0.")
    assert finding.evidence["high"] < 0


def test_the_rows_of_a_customer_are_drawn_together() -> None:
    rows, outcome = world()
    first, second = outcome.copy(), rows.aside["guess"].to_numpy().copy()
    first[1::2], second[1::2], outcome[1::2] = first[::2], second[::2], outcome[::2]
    twice = replace(rows, outcome=outcome, aside={"guess": pa.chunked_array([second])})
    once = replace(twice, clusters=np.arange(400))
    wide, narrow = (by_metric(held_against(first, each, ft.LastPeriod("guess")))["mae"] for each in (twice, once))
    assert wide.difference_high - wide.difference_low > 1.2 * (narrow.difference_high - narrow.difference_low)


def test_without_baselines_nothing_is_measured() -> None:
    rows, outcome = world()
    trained = held_against(outcome, rows)
    assert trained.baselines == () and trained.findings == ()
