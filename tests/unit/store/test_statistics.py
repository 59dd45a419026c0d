"""Statistics beside numpy's, and the stability index beside the one that training measures."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from foretable.errors import UnknownName, WarehouseError
from foretable.store.reports import describe_view
from foretable.store.stability import stability
from foretable.store.statistics import statistics_of
from foretable.store.views import find_view
from foretable.train.judge.drift import stability as expected
from foretable.warehouse import rolled_back

SHAPES = {
    "few": lambda random, count: random.integers(-2, 3, count).astype(float),
    "normal": lambda random, count: random.normal(1e6, 1, count),
    "amounts": lambda random, count: np.round(random.gamma(1, 30, count), 1),
    "flags": lambda random, count: random.integers(0, 2, count).astype(float),
    "heavy": lambda random, count: random.standard_cauchy(count),
    "constant": lambda random, count: np.full(count, 3.0),
}


@pytest.fixture(scope="module")
def memory():
    with duckdb.connect() as connection:
        yield connection


def put(connection, name, values, *, nan_is_null=True):
    connection.register("given", pa.table({"x": pa.array(values, from_pandas=nan_is_null)}))
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 11, 1000])
def test_numbers_are_those_of_numpy(memory, shape, count):
    random = np.random.default_rng(count)
    values = SHAPES[shape](random, count)
    values[random.random(count) < 0.2] = np.nan
    put(memory, "t", values, nan_is_null=bool(count % 2))
    (found,) = statistics_of(memory, "t", {"x": "DOUBLE"})
    known = values[~np.isnan(values)]
    assert found.nulls == pytest.approx(np.isnan(values).mean())
    assert found.distinct == len(np.unique(known))
    if len(known):
        assert [found.p05, found.median, found.p95] == np.quantile(known, [0.05, 0.5, 0.95]).tolist()
        assert (found.low, found.high) == (known.min(), known.max())
        assert found.mean == pytest.approx(known.mean(), rel=1e-12, abs=1e-12)
    if len(known) > 1:
        assert found.std == pytest.approx(known.std(ddof=1), rel=1e-9, abs=1e-12)


def test_the_order_of_the_rows_does_not_matter(memory):
    values = np.random.default_rng(0).normal(size=200_000) * 10.0 ** np.random.default_rng(1).integers(-8, 8, 200_000)
    both = []
    for given in (values, np.sort(values)[::-1].copy()):
        put(memory, "t", given)
        both.append(statistics_of(memory, "t", {"x": "DOUBLE"}))
    assert both[0] == both[1]


def test_other_types(memory):
    memory.execute(
        "CREATE OR REPLACE TABLE t AS SELECT * FROM (VALUES (true, 'b', DATE '2026-01-01', [1.5], 'inf'::DOUBLE),"
        " (false, 'a', NULL, [1.5], 1), (true, 'a', DATE '2026-01-05', NULL, 2)) AS v(flag, word, day, list, wide)"
    )
    columns = {"flag": "BOOLEAN", "word": "VARCHAR", "day": "DATE", "list": "DECIMAL(2,1)[]", "wide": "DOUBLE"}
    flag, word, day, listed, wide = statistics_of(memory, "t", columns)
    assert (flag.mean, flag.zeros, flag.distinct) == (pytest.approx(2 / 3), pytest.approx(1 / 3), 2)
    assert word.top == (("a", pytest.approx(2 / 3)), ("b", pytest.approx(1 / 3)))
    assert (day.low, day.median, day.high, day.nulls) == ("2026-01-01", "2026-01-01", "2026-01-05", pytest.approx(1 / 3))
    assert (listed.distinct, listed.low) == (1, None)
    assert (wide.high, wide.mean, wide.std) == (float("inf"), None, None)
    memory.execute("DELETE FROM t")
    assert {(one.rows, one.nulls, one.low, one.mean) for one in statistics_of(memory, "t", columns)} == {(0, None, None, None)}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_stability_index_is_the_one_of_training(memory, shape):
    random = np.random.default_rng(7)
    for first, second in ((1, 5), (11, 11), (400, 250)):
        before, after = SHAPES[shape](random, first), SHAPES[shape](random, second) + random.integers(0, 2)
        before[random.random(first) < 0.1], after[random.random(second) < 0.3] = np.nan, np.nan
        put(memory, "a", before)
        put(memory, "b", after)
        found = stability(memory, ("a", {"x": "DOUBLE"}), ("b", {"x": "DOUBLE"}))["x"]
        assert found == pytest.approx(expected(before, [after])[0], abs=1e-12)


def test_the_stability_index_of_a_text(memory):
    random = np.random.default_rng(5)
    words = [f"w{number:02}" for number in range(14)]
    codes = [np.where(random.random(n) < 0.1, np.nan, random.binomial(13, p, n)) for n, p in ((500, 0.5), (300, 0.7))]
    for name, coded in zip("ab", codes, strict=True):
        put(memory, name, [None if np.isnan(code) else words[int(code)] for code in coded])
    found = stability(memory, ("a", {"X": "VARCHAR"}), ("b", {"x": "VARCHAR"}))["x"]
    assert found == pytest.approx(expected(codes[0], [codes[1]], category=True)[0], abs=1e-12)
    assert stability(memory, ("a", {"x": "DOUBLE"}), ("b", {"x": "VARCHAR"})) == {"x": None}


def test_a_view_beside_a_version_and_at_a_date(world):
    view = find_view(world.project, "usage@2")
    with world.connect() as connection, rolled_back(connection):
        found = describe_view(connection, world.project, view, against="usage", graph=lambda: world.graph)
        then = describe_view(connection, world.project, view, as_of=found.side.as_of[0], graph=lambda: world.graph)
        assert then.side.features == found.side.features
        assert found.index["first"] is None and found.index["spend"] == 0
        assert [one.name for one in found.reference.features] == ["n", "spend"]
        with pytest.raises(UnknownName, match="no model or feature view is called 'agin'"):
            describe_view(connection, world.project, view, against="agin", graph=lambda: world.graph)
        if not connection.execute("SELECT count(*) FROM foretable.training_sets").fetchall()[0][0]:
            with pytest.raises(WarehouseError, match="model again has no training set yet"):
                describe_view(connection, world.project, view, against="again", graph=lambda: world.graph)
