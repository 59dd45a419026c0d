"""Splits, segments, dates, capacity."""

from __future__ import annotations

import time
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from foretable.forms.evaluate import expit
from foretable.train.judge.cuts import reached
from foretable.train.judge.evaluate import evaluate
from foretable.train.judge.segments import by_time, by_value, text
from foretable.train.result import Evaluation
from foretable.train.split import TEST
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def world(rows: int = 2000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    logit = generator.normal(-1, 1.5, rows)
    split = generator.integers(-1, 3, rows)
    dates = np.datetime64("2024-01-01", "us") + (np.arange(rows) % 4 * 31).astype("timedelta64[D]")
    return (generator.random(rows) < expit(logit)).astype(float), expit(logit), split, dates


def keyed(found: tuple[Evaluation, ...]) -> dict[tuple[str, str, str], Evaluation]:
    return {(e.split, e.segment, e.metric): e for e in found}


def test_test_rows_are_evaluated_by_date() -> None:
    y, p, split, dates = world()
    found = evaluate("classification", y, p, split, np.arange(2000), threshold=0.5, seed=0, segments={}, dates=dates)
    by_date = {e.segment: e for e in found if e.segment.startswith("as_of=") and e.metric == "positive_rate"}
    assert list(by_date) == ["as_of=2024-01-01", "as_of=2024-02-01", "as_of=2024-03-03", "as_of=2024-04-03"]
    rows = (split == TEST) & (dates == np.datetime64("2024-02-01"))
    one = by_date["as_of=2024-02-01"]
    assert (one.split, one.row_count, one.value) == ("test", rows.sum(), pytest.approx(y[rows].mean()))
    assert one.low < one.value < one.high


def test_many_dates_are_taken_together() -> None:
    days = np.datetime64("2024-01-01", "us") + np.arange(100).astype("timedelta64[D]")
    assert list(by_time(days)) == ["as_of=2024-01", "as_of=2024-02", "as_of=2024-03", "as_of=2024-04"]
    assert sum(mask.sum() for mask in by_time(days).values()) == 100


def test_segments_are_values_and_what_is_rare_is_taken_together() -> None:
    column = pa.chunked_array([["a", None, "a"], ["b", "NULL"]])
    masks = by_value("plan", column)
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "plan=NULL": [False, True, False, False, True],
        "plan=a": [True, False, True, False, False],
        "plan=b": [False, False, False, True, False],
    }
    many = by_value("city", pa.array([f"c{n % 25:02}" for n in range(60)]))
    assert len(many) == 21
    assert list(many)[-1] == "city=(other)"
    assert (np.sum(list(many.values()), axis=0) == 1).all()


KINDS = ["DOUBLE", "INTEGER", "BOOLEAN", "DECIMAL(9, 2)", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "ENUM ('1', '2')", "VARCHAR"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_segment_is_called_as_sql_calls_it(kind: str) -> None:
    """A threshold is looked up by the column cast to VARCHAR."""
    value = "2024-01-02" if kind.startswith(("DATE", "TIME")) else "1"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(f"SELECT unnest([NULL, CAST('{value}' AS {kind}), NULL]) AS value").to_arrow_table()
        name = connection.execute(f"SELECT CAST('{value}' AS {kind})::VARCHAR").fetchone()[0]
    assert text(rows["value"]).tolist() == [None, name, None]
    assert set(by_value("x", rows["value"])) == {"x=NULL", f"x={name}"}


def test_the_capacity_picks_the_highest_of_each_date_and_split() -> None:
    y, p, split, dates = world()
    found = keyed(evaluate("classification", y, p, split, np.arange(2000), threshold=0.5, seed=0, segments={}, dates=dates, capacity=20))
    picked = np.zeros(2000, dtype=bool)
    for date in np.unique(dates):
        rows = np.flatnonzero((split == TEST) & (dates == date))
        picked[rows[np.argsort(-p[rows])[:20]]] = True
    precision = found["test", "all", "precision_at_capacity"]
    assert precision.value == pytest.approx(y[picked].mean())
    assert precision.low < precision.value < precision.high
    assert found["test", "all", "lift_at_capacity"].value == pytest.approx(y[picked].mean() / y[split == TEST].mean())
    without = evaluate("classification", y, p, split, np.arange(2000), threshold=0.5, seed=0, segments={})
    assert not [e for e in without if "capacity" in e.metric]


def test_equals_at_the_border_of_a_capacity_are_drawn() -> None:
    first, second = (reached(np.full(1000, 0.5), None, 100, seed) for seed in (0, 1))
    assert first.sum() == second.sum() == 100
    assert 1 <= first @ second <= 30, "another seed draws others"
    assert not first[:100].all(), "not those with the lowest keys"


def test_numbers_are_evaluated_by_decile() -> None:
    generator = np.random.default_rng(1)
    p = generator.gamma(2, 10, 3000)
    y = p * generator.gamma(4, 0.25, 3000) * (p > 10)
    found = evaluate("regression", y, p, np.full(3000, TEST), np.arange(3000), threshold=0.5, seed=0, segments={})
    ratios = {e.segment: e for e in found if e.metric == "calibration_ratio" and e.segment != "all"}
    assert list(ratios) == [f"decile={n}" for n in range(3, 11)], "the lowest have no outcome to be divided by"
    top = np.argsort(p)[-300:]
    assert ratios["decile=10"].value == pytest.approx(p[top].sum() / y[top].sum())
    of_the_lowest = {"mean_prediction", "mean_outcome", "value_share", "value_captured"}
    assert {e.metric for e in found if e.segment == "decile=1"} == of_the_lowest
    mape = keyed(found)["test", "all", "mape"]
    assert mape.row_count == (y != 0).sum() < 3000


def test_a_threshold_may_differ_by_row() -> None:
    y, p, split, _ = world()
    cuts = np.where(np.arange(2000) % 2 == 0, 0.2, 0.8)
    found = keyed(evaluate("classification", y, p, split, np.arange(2000), threshold=cuts, seed=0, segments={}))
    rows = (split == TEST) & (p >= cuts)
    assert found["test", "all", "precision"].value == pytest.approx(y[rows].mean())


@pytest.mark.slow
def test_segments_cost_no_more_than_the_splits() -> None:
    generator = np.random.default_rng(0)
    rows = 100_000
    logit = generator.normal(-2, 1, rows)
    y, split = (generator.random(rows) < expit(logit)).astype(float), generator.choice(3, rows, p=[0.7, 0.15, 0.15])
    segments = by_value("region", pa.array(generator.integers(0, 10, rows)))
    clusters = generator.integers(0, 30_000, rows)
    spent = []
    for parts in ({}, segments):
        start = time.process_time()
        evaluate("classification", y, expit(logit), split, clusters, threshold=0.5, seed=0, segments=parts)
        spent.append(time.process_time() - start)
    assert spent[1] < 3 * spent[0]
