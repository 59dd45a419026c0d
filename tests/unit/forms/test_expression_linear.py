"""Linear models as SQL, executed in DuckDB and compared with the numpy reference."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable import sql
from foretable.forms.evaluate import answer, apply_finish, raw
from foretable.forms.expression import expression, raw_expression
from foretable.forms.expression_finish import finished
from foretable.forms.form import Finish, Linear
from foretable.registry.signature import Feature, Signature, encode_table

LEVELS = ("gold", "it's", "", "b\\slash", "größe")
TYPES = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}
SPECIAL = [None, math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0, 1e300, -1e300, 5e-324, 2.0**53]


def sample(rows: int, features: tuple[Feature, ...], seed: int) -> pa.Table:
    """Rows with everything that may stand in a column, the first of them all NULL, the second all NaN."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for feature in features:
        choices: list[Any] = {
            "number": [*SPECIAL, *rng.normal(0, 10, 20).tolist()],
            "boolean": [True, False, None],
            "category": [*feature.vocabulary, "never seen", None],
        }[feature.kind]
        values = [choices[i] for i in rng.integers(0, len(choices), rows)]
        second = {"number": math.nan, "boolean": None, "category": None}[feature.kind]
        plain = {"number": 1.5, "boolean": True, "category": "gold"}[feature.kind]
        columns[feature.name] = pa.array([None, second, plain, *values], TYPES[feature.kind])
    return pa.table(columns)


def asked(outputs: list[Any], table: pa.Table, threads: int = 1) -> np.ndarray:
    """What DuckDB gives for expressions, (rows, outputs), with NaN for NULL."""
    connection = duckdb.connect()
    connection.execute("SET threads = ?", [threads])
    connection.register("rows_arrow", table)
    connection.execute("CREATE TABLE rows AS SELECT * FROM rows_arrow")
    found = connection.execute(f"SELECT {', '.join(sql.render(output) for output in outputs)} FROM rows").to_arrow_table()
    connection.close()
    assert not any(pc.any(pc.is_nan(column)).as_py() for column in found.columns)
    return np.column_stack([column.to_numpy() for column in found.columns])


def known(form: Any, signature: Signature, table: pa.Table, reference: Any = answer) -> np.ndarray:
    """What the reference gives, NaN where there is nothing."""
    answers = reference(form, encode_table(table, signature.features)).reshape(len(table), -1)
    empty = np.logical_and.reduce([table[feature.name].is_null().to_numpy() for feature in signature.features])
    return np.where(empty[:, None], math.nan, answers)


def columns_of(signature: Signature) -> list[Any]:
    return [sql.column(feature.name) for feature in signature.features]


def signature_of(features: tuple[Feature, ...], outputs: int) -> Signature:
    classes = tuple(f"c{k}" for k in range(outputs)) if outputs > 1 else ()
    return Signature("m", "multiclass" if classes else "regression", features, "y", classes=classes)


@st.composite
def linears(draw: Any) -> tuple[Linear, Signature]:
    kinds = draw(st.lists(st.sampled_from(["number", "number", "boolean", "category"]), min_size=1, max_size=6))
    features = tuple(Feature(f'f {i}"', kind, LEVELS if kind == "category" else ()) for i, kind in enumerate(kinds))
    outputs = draw(st.sampled_from([1, 1, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    numeric = np.array([kind != "category" for kind in kinds], dtype=float)
    scale = draw(st.sampled_from([0.01, 1.0, 1e4]))
    form = Linear(
        mean=numeric * rng.normal(0, draw(st.sampled_from([0.0, 1.0, 1e5])), len(kinds)),
        fill=numeric * rng.normal(0, draw(st.sampled_from([0.0, 1.0])), len(kinds)),
        per_unit=numeric * rng.normal(0, scale, (outputs, len(kinds))),
        per_gap=numeric * rng.normal(0, 1, (outputs, len(kinds))) * rng.integers(0, 2, len(kinds)),
        per_level={i: rng.normal(0, 1, (outputs, 2 + len(LEVELS))) for i, kind in enumerate(kinds) if kind == "category"},
        offset=rng.normal(0, 1, outputs),
    )
    return form, signature_of(features, outputs)


@st.composite
def finishes_of(draw: Any, outputs: int) -> tuple[int, Finish]:
    if outputs > 1:
        return outputs, Finish("softmax")
    if draw(st.booleans()):
        links = st.sampled_from(["identity", "sigmoid", "exp"])
        return outputs, Finish(draw(links), draw(st.sampled_from([1.0, 0.3])), draw(st.sampled_from([0.0, -2.0])))
    raws = sorted(draw(st.lists(st.floats(-20, 20, width=16), min_size=1, max_size=12)))
    levels = np.linspace(0, 1, len(raws)).tolist()
    return outputs, Finish(knots=tuple(zip(raws, levels, strict=True)))


@settings(max_examples=50, deadline=None)
@given(linears(), st.integers(0, 1000))
def test_a_linear_model_is_its_reference(model: tuple[Linear, Signature], seed: int) -> None:
    form, signature = model
    table = sample(40, signature.features, seed)
    found = asked(raw_expression(form, signature, columns_of(signature)), table)
    expected = known(form, signature, table, raw)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.array_equal(found[np.isinf(expected)], expected[np.isinf(expected)])
    size = known(sizes_of(form), signature, absolute(table), raw) + 1
    inside = np.isfinite(expected) & np.isfinite(size)
    assert inside.any()
    assert (np.abs(found[inside] - expected[inside]) <= 1e-12 * size[inside]).all()


def sizes_of(form: Linear) -> Linear:
    """The same model of absolute values: the sum of what its terms measure, which rounding is relative to."""
    weights = {j: np.abs(table) for j, table in form.per_level.items()}
    return Linear(-np.abs(form.mean), np.abs(form.fill), np.abs(form.per_unit), np.abs(form.per_gap), weights, np.abs(form.offset))


def absolute(table: pa.Table) -> pa.Table:
    return pa.table({name: pc.abs(table[name]) if pa.types.is_floating(table[name].type) else table[name] for name in table.column_names})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2, 4]).flatmap(finishes_of), st.integers(0, 1000))
def test_a_finish_is_its_reference(case: tuple[int, Finish], seed: int) -> None:
    outputs, finish = case
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 8, (60, outputs))
    values[:9, 0] = [math.nan, -800, 800, math.inf, -math.inf, -0.0, *(knot[0] for knot in [*finish.knots, (0, 0)] * 3)][:9]
    raws = pa.table({f"r{k}": pa.array(values[:, k], pa.float64(), mask=np.isnan(values[:, k])) for k in range(outputs)})
    found = asked(finished(finish, [sql.column(f"r{k}") for k in range(outputs)]), raws)
    expected = apply_finish(finish, values if outputs > 1 else values[:, 0]).reshape(len(values), -1)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-300, equal_nan=True)


@pytest.mark.parametrize("outputs", [1, 3])
def test_scores_are_the_same_bits_for_any_number_of_threads(outputs: int) -> None:
    features = tuple(Feature(f"x{i}", "number") for i in range(40))
    rng = np.random.default_rng(outputs)
    shape = (outputs, 40)
    form = Linear(rng.normal(0, 9, 40), np.zeros(40), rng.normal(0, 1, shape), rng.normal(0, 1, shape), {}, np.zeros(outputs))
    table = sample(250_000 // outputs, features, 1)
    signature = signature_of(features, outputs)
    expressions = expression(form, signature, columns_of(signature))
    once, twice = (asked(expressions, table, threads) for threads in (1, 4))
    assert once.tobytes() == twice.tobytes()


def test_a_model_of_seven_hundred_columns_is_not_too_deep() -> None:
    features = tuple(Feature(f"x{i}", "number") for i in range(700))
    ones = np.ones((1, 700))
    form = Linear(np.zeros(700), np.zeros(700), ones, 0 * ones, {}, np.zeros(1), Finish("sigmoid", 1 / 350))
    table = pa.table({feature.name: [0.5, None] for feature in features})
    signature = signature_of(features, 1)
    found = asked(expression(form, signature, columns_of(signature)), table)
    assert found[0, 0] == pytest.approx(1 / (1 + math.exp(-1)))
    assert math.isnan(found[1, 0])


def test_a_column_far_from_zero_keeps_its_digits() -> None:
    features = (Feature("at", "number"),)
    form = Linear(np.array([2.0**53]), np.zeros(1), np.array([[1e-3]]), np.zeros((1, 1)), {}, np.zeros(1))
    found = asked(expression(form, signature_of(features, 1), [sql.column("at")]), pa.table({"at": [2.0**53 + 10]}))
    assert found[0, 0] == pytest.approx(0.01, rel=1e-12)


def test_the_sum_is_evaluated_once() -> None:
    features = (Feature("a", "number"), Feature("b", "number"))
    form = Linear(np.zeros(2), np.zeros(2), np.array([[2.0, 3.0]]), np.zeros((1, 2)), {}, np.zeros(1), Finish("sigmoid"))
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (a DOUBLE, b DOUBLE)")
    text = sql.render(expression(form, signature_of(features, 1), [sql.column("a"), sql.column("b")])[0])
    plan = connection.execute(f"EXPLAIN SELECT {text} FROM t").fetchall()[0][1].replace(" ", "")
    assert "PROJECTION" in plan and "#0<=1e1000" in "".join(plan.replace("│", "").split())
