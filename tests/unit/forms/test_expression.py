"""Models as SQL expressions, executed in DuckDB and compared with the numpy reference."""

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
from foretable.forms.expression_parts import total
from foretable.forms.expression_trees import boundaries
from foretable.forms.form import Column, Finish, Linear, Tree, Trees
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


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=20, deadline=None)
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
    features = tuple(Feature(f"x{i}", "number") for i in range(12))
    rng = np.random.default_rng(outputs)
    shape = (outputs, 12)
    form = Linear(rng.normal(0, 9, 12), np.zeros(12), rng.normal(0, 1, shape), rng.normal(0, 1, shape), {}, np.zeros(outputs))
    table = sample(130_000, features, 1)
    signature = signature_of(features, outputs)
    expressions = expression(form, signature, columns_of(signature))
    once, twice = (asked(expressions, table, threads) for threads in (1, 4))
    assert once.tobytes() == twice.tobytes()


def test_a_sum_of_thousands_is_not_too_deep() -> None:
    found = asked([total([sql.column("x") for _ in range(5000)])], pa.table({"x": [0.5]}))
    assert found[0, 0] == 2500


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


FLOATS = st.floats(width=32, allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(FLOATS, st.booleans(), st.floats(allow_nan=False))
def test_a_boundary_parts_doubles_as_float32_does(threshold: float, strict: bool, other: float) -> None:
    limit = np.array([threshold], np.float32)
    end = boundaries(limit, strict=strict)[0]
    with np.errstate(over="ignore"):  # beside the greatest float32 stands infinity
        near = [np.nextafter(limit[0], np.float32(way)) for way in (-np.inf, np.inf)]
    doubles = [float(v) for v in [*near, threshold, other, -other, 0.0, -0.0, math.inf, -math.inf, 2.0**128, 3.4028235677973366e38]]
    doubles += [(a + b) / 2 for a, b in zip(doubles, [*doubles[1:], threshold], strict=True)]
    with np.errstate(over="ignore"):
        doubles += [end, *(np.nextafter(d, way) for d in [end, *doubles] for way in (-np.inf, np.inf))]
    with np.errstate(over="ignore"):
        for value in [d for d in doubles if not math.isnan(d)]:
            narrow = np.float32(value)
            goes = narrow < limit[0] if strict else narrow <= limit[0]
            assert goes == (True if math.isnan(end) else value < end), value


@st.composite
def forests(draw: Any) -> tuple[Trees, Signature]:
    kinds = draw(st.lists(st.sampled_from(["number", "number", "boolean", "category"]), min_size=1, max_size=4))
    features = tuple(Feature(f"f {i}", kind, LEVELS if kind == "category" else ()) for i, kind in enumerate(kinds))
    outputs = draw(st.sampled_from([1, 1, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = [Column(i) for i in range(len(kinds))]
    for i, kind in enumerate(kinds):
        if kind == "category":
            table = rng.normal(0, 3, 2 + len(LEVELS)).astype(np.float32)
            columns += [Column(i, np.where(np.arange(len(table)) == 0, np.float32(np.nan), table)), Column(i, np.round(table))]
    together = outputs > 1 and draw(st.booleans())
    trees = [_tree(rng, len(columns), tuple(range(outputs)) if together else (n % outputs,)) for n in range(5)]
    return Trees(tuple(columns), tuple(trees), rng.normal(0, 1, outputs), strict=draw(st.booleans())), signature_of(features, outputs)


def _tree(rng: np.random.Generator, columns: int, targets: tuple[int, ...]) -> Tree:
    """A full tree of depth 4, some of whose branches ask at the edges of what a number can be."""
    nodes, branches = 31, 15
    places = np.arange(nodes)
    special = np.array([0.0, -0.0, 0.5, 1.0, np.inf, -np.inf, 3.4028235e38, -3.4028235e38, 1e-45, 2.0**53], np.float32)
    threshold = np.where(rng.random(nodes) < 0.3, rng.choice(special, nodes), rng.normal(0, 5, nodes).astype(np.float32))
    return Tree(
        column=np.where(places < branches, rng.integers(0, columns, nodes), -1),
        threshold=threshold.astype(np.float32),
        left=np.where(places < branches, 2 * places + 1, 0),
        right=np.where(places < branches, 2 * places + 2, 0),
        missing_left=rng.random(nodes) < 0.5,
        value=rng.normal(0, 1, (nodes, len(targets))).astype(np.float32),
        cover=np.ones(nodes),
        targets=targets,
    )


@settings(max_examples=20, deadline=None)
@given(forests(), st.integers(0, 1000))
def test_trees_reach_the_leaves_of_the_reference(model: tuple[Trees, Signature], seed: int) -> None:
    form, signature = model
    table = sample(60, signature.features, seed)
    found = asked(raw_expression(form, signature, columns_of(signature)), table)
    # Leaves are random numbers: another leaf is further off than this.
    assert np.allclose(found, known(form, signature, table, raw), rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("family", ["XGBoost", "RandomForest"])
def test_a_trained_ensemble_answers_as_its_own_code_does(family: str) -> None:
    import foretable as ft
    from foretable.train.estimators.families import fitter
    from foretable.train.estimators.fitting import FitInput

    features = (Feature("a", "number"), Feature("b", "number"), Feature("plan", "category", ("basic", "gold")))
    rng = np.random.default_rng(3)
    matrix = np.column_stack([rng.normal(0, 1, (1500, 2)), rng.integers(-1, 2, 1500)])
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    outcome = (np.nan_to_num(matrix).sum(axis=1) + rng.normal(0, 1, 1500) > 0).astype(float)
    thing = ft.Entity("thing", key="id")
    model = ft.Model(
        "trees",
        label=ft.label("training.sum", entity=thing)(lambda: None),
        features=[ft.feature_view("features.things", entity=thing)(lambda: None)],
        candidates=[getattr(ft, family)(n_estimators=15, max_depth=4)],
    )
    parameters = model.candidates[0].parameters
    given_ = FitInput(matrix, outcome, np.ones(1500), np.arange(1500), features, parameters, model, classes=0, seed=0)
    fit = fitter(model, model.candidates[0])(given_)
    form = fit.form(Finish("identity"))
    assert isinstance(form, Trees)
    splits = np.concatenate([tree.threshold[(tree.column >= 0) & (tree.column < 2)] for tree in form.trees]).astype(np.float32)
    beside = np.concatenate([np.nextafter(splits, np.float32(way)).astype(np.float64) for way in (-np.inf, np.inf)])
    probes = np.concatenate([splits.astype(np.float64), beside, (splits + beside[: len(splits)]) / 2, beside * (1 + 1e-12)])
    matrix = np.vstack([matrix, np.column_stack([probes, probes[::-1], rng.integers(-1, 2, len(probes))])])
    levels = np.array(["basic", "gold", "unheard of"], dtype=object)
    plan = [None if math.isnan(code) else levels[int(code)] for code in matrix[:, 2]]
    table = pa.table({"a": pa.array(matrix[:, 0], from_pandas=True), "b": pa.array(matrix[:, 1], from_pandas=True), "plan": plan})
    found = asked(raw_expression(form, signature_of(features, 1), columns_of(signature_of(features, 1))), table)[:, 0]
    some = ~np.isnan(matrix).all(axis=1)
    assert np.abs(found - fit.raw(matrix))[some].max() < 1e-5
    assert np.isnan(found[~some]).all()
