"""Versions of every executor in a warehouse: numbers, classes, thresholds by segment, reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import foretable as ft
from foretable.errors import UsageError, WarehouseError
from foretable.forms import Finish, store
from foretable.forms.contributions import contribution_graph, contributions
from foretable.forms.evaluate import answer
from foretable.forms.graph import onnx_of
from foretable.registry import add_version, promote
from foretable.registry.signature import Feature, SegmentThresholds, Signature, encode
from foretable.train.estimators.families import fitter
from foretable.train.estimators.fitting import FitInput
from foretable.train.result import Parity, Trained
from foretable.train.training_set import TrainingSet
from foretable.udf import connect, explain
from foretable.udf.booster import open_booster
from foretable.udf.explained import readable
from foretable.warehouse import ensure_catalog

FEATURES = (Feature("spend", "number"), Feature("visits", "number"), Feature("gold", "boolean"), Feature("plan", "category", ("a", "b")))
NAMES = [feature.name for feature in FEATURES]
CLASSES = ("low", "mid's", "high")
CANDIDATES = {"sql": ft.LogisticRegression(), "booster": ft.XGBoost(n_estimators=8, max_depth=3)}
CANDIDATES["onnx"] = CANDIDATES["booster"]


def trained(name: str, executor: str, task: Any = "classification", **signature: Any) -> tuple[Trained, Any]:
    generator, rows, candidate = np.random.default_rng(0), 600, CANDIDATES[executor]
    x = np.column_stack(
        [generator.normal(100, 30, rows), generator.poisson(3, rows), generator.integers(0, 2, rows), generator.integers(-1, 2, rows)]
    ).astype(float)
    x[generator.random(x.shape) < 0.1] = np.nan
    signal = np.nan_to_num(x)[:, 0] / 30 + generator.normal(size=rows)
    thing = ft.Entity("thing", key="id")
    model = ft.Model(
        name,
        label=ft.label("training.y", entity=thing)(lambda: None),
        features=[ft.feature_view("features.x", entity=thing)(lambda: None)],
        candidates=[candidate],
        task=task,
    )
    outcome = np.digitize(signal, [2.5, 4.0] if task == "multiclass" else [3.3]).astype(float)
    classes = CLASSES if task == "multiclass" else ()
    fit = fitter(model, candidate)(
        FitInput(x, outcome, np.ones(rows), np.arange(rows), FEATURES, candidate.parameters, model, len(classes), seed=0)
    )
    form = fit.form(Finish(fit.link))
    artifacts = {"onnx": onnx_of(form, 4), "form": store.to_bytes(form), "explain": contribution_graph(form, 4)}
    artifacts |= {"booster": fit.booster()} if executor == "booster" else {}
    contract = Signature(name, task, FEATURES, "y", classes=classes, **signature)
    return Trained(candidate.name, {}, contract, artifacts, executor, (), (), fit.raw), form


def put(connection: duckdb.DuckDBPyConnection, candidate: Trained) -> None:
    model = candidate.signature.model
    training = TrainingSet("training.t", model, ("id",), None, "y", tuple(NAMES), "hash", 600, 50, None, None)
    version = add_version(connection, candidate, training, declaration="d", code="c", parity=Parity(1, 1, 0.0, 1e-5), seed=0)
    promote(connection, model, version.version, reason="first")


@pytest.fixture
def open_warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(tmp_path / "w.duckdb") as connection:
        ensure_catalog(connection)
        connection.execute(
            "CREATE TABLE t AS SELECT i AS id, (i % 200)::DECIMAL(9, 2) AS spend, i % 7 AS visits, i % 2 = 0 AS gold,"
            " ['a', 'b', 'z'][i % 3 + 1] AS plan, ['north', 'south'][i % 2 + 1] AS region FROM range(500) AS r(i)"
        )
        connection.execute("INSERT INTO t (id) VALUES (-1)")
        yield connection


def expected(connection: duckdb.DuckDBPyConnection, given: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    rows = connection.execute("SELECT spend::DOUBLE AS spend, visits, gold, plan FROM t WHERE id >= 0 ORDER BY id").to_arrow_table()
    return given(encode([rows[name] for name in NAMES], FEATURES))


@pytest.mark.parametrize("executor", ["sql", "booster", "onnx"])
def test_every_executor_gives_numbers_labels_and_tables(open_warehouse, executor):
    candidate, form = trained("m", executor)
    put(open_warehouse, candidate)
    right = expected(open_warehouse, lambda x: answer(form, x))
    query = "SELECT predict_m(t), predict_m_label(t), predict_m__v1(t) FROM t ORDER BY id"
    nobody, *rows = open_warehouse.execute(query).fetchall()
    assert nobody == (None, None, None)
    assert [row[0] for row in rows] == pytest.approx(right, abs=1e-6)
    assert [row[1] for row in rows] == [int(row[0] >= 0.5) for row in rows]
    assert [row[2] for row in rows] == [row[0] for row in rows]
    table = open_warehouse.execute("SELECT m_probability, m_label, model_version FROM predict_m(t) ORDER BY id").fetchall()
    assert table == [(None, None, 1), *((row[0], row[1], 1) for row in rows)]
    macro = open_warehouse.execute("SELECT macro_definition FROM duckdb_functions() WHERE function_name = 'predict_m'").fetchall()
    assert ("foretable_score" in macro[0][0], ":booster" in macro[0][0]) == (executor != "sql", executor == "booster")


def test_a_linear_model_answers_in_any_client(open_warehouse, tmp_path):
    put(open_warehouse, trained("m", "sql")[0])
    right = open_warehouse.execute("SELECT id, predict_m(t) FROM t ORDER BY id").fetchall()
    open_warehouse.close()
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as plain:
        assert plain.execute("SELECT id, predict_m(t) FROM t ORDER BY id").fetchall() == right


@pytest.mark.parametrize("executor", ["sql", "booster", "onnx"])
@pytest.mark.parametrize("call", ["predict_m", "predict_m_label", "explain_m", "explain_m__exact"])
def test_a_mistyped_column_is_named_by_every_function(open_warehouse, executor, call):
    put(open_warehouse, trained("m", executor)[0])
    with pytest.raises(duckdb.Error) as caught:
        open_warehouse.execute(f"SELECT {call}({{'spend': '5', 'visits': 1, 'gold': true, 'plan': 'a'}})").fetchall()
    told = explain(caught.value)
    assert isinstance(told, UsageError)
    assert told.message == f'{call}: column "spend" is VARCHAR, a number is expected'


@pytest.mark.parametrize("executor", ["sql", "booster", "onnx"])
def test_several_classes_give_the_most_probable_and_all_probabilities(open_warehouse, executor):
    candidate, form = trained("m", executor, "multiclass")
    put(open_warehouse, candidate)
    right = expected(open_warehouse, lambda x: answer(form, x))
    query = "SELECT predict_m(t), predict_m_label(t), predict_m_probabilities(t) FROM t ORDER BY id"
    nobody, *rows = open_warehouse.execute(query).fetchall()
    assert nobody == (None, None, None)
    assert np.array([[row[2][each] for each in CLASSES] for row in rows]) == pytest.approx(right, abs=1e-6)
    assert [row[0] for row in rows] == [row[1] for row in rows] == [max(row[2], key=row[2].get) for row in rows]
    assert len({row[0] for row in rows}) == 3
    table = open_warehouse.execute("SELECT m_label, m_probabilities, model_version FROM predict_m(t) ORDER BY id").fetchall()
    assert table == [(None, None, 1), *((row[0], row[2], 1) for row in rows)]
    assert open_warehouse.execute("SELECT predict_m_probabilities(t)['high'] FROM t WHERE id = 3").fetchall() == [(rows[3][2]["high"],)]


def test_a_threshold_may_depend_on_a_column_of_the_row(open_warehouse):
    put(open_warehouse, trained("m", "sql", threshold=0.0, by_segment=SegmentThresholds("region", (("south", 1.1),)))[0])
    query = "SELECT region, predict_m_label(t) FROM t WHERE id >= 0 GROUP BY ALL ORDER BY ALL"
    assert open_warehouse.execute(query).fetchall() == [("north", 1), ("south", 0)]
    query = "SELECT region, m_label FROM predict_m(t) WHERE id >= 0 GROUP BY ALL ORDER BY ALL"
    assert open_warehouse.execute(query).fetchall() == [("north", 1), ("south", 0)]


@pytest.mark.parametrize("executor", ["sql", "booster"])
@pytest.mark.parametrize("task", ["classification", "multiclass"])
def test_reasons_are_the_contributions_largest_first(open_warehouse, executor, task):
    candidate, form = trained("m", executor, task, reasons=(("spend", "{value} spent"), ("plan", "the plan")))
    put(open_warehouse, candidate)
    right = expected(open_warehouse, lambda x: contributions(form, x))[:, :-1]
    nobody, *rows = open_warehouse.execute("SELECT explain_m(t), explain_m(t, top := 2), explain_m__exact(t) FROM t ORDER BY id").fetchall()
    assert nobody == (None, None, None)
    for at, (all_, two, exact) in enumerate(rows):
        assert {each["feature"]: each["contribution"] for each in all_} == pytest.approx(dict(zip(NAMES, right[at], strict=True)), abs=1e-5)
        sizes = [abs(each["contribution"]) for each in all_]
        assert (sizes, two, len(exact)) == (sorted(sizes, reverse=True), all_[:2], 4)
        texts = {each["feature"]: (each["value"], each["reason"]) for each in all_}
        assert texts["spend"] == (str(at % 200), f"{at % 200} spent")
        assert texts["visits"] == (str(at % 7), f"visits is {at % 7}")
        assert texts["gold"] == (("yes", "gold is yes") if at % 2 == 0 else ("no", "gold is no"))
        assert texts["plan"] == ("abz"[at % 3], "the plan")


def test_what_is_not_known_is_called_so(open_warehouse):
    put(open_warehouse, trained("m", "onnx")[0])
    query = "SELECT explain_m({'spend': 'nan'::DOUBLE, 'visits': NULL, 'gold': NULL, 'plan': NULL})"
    assert {each["reason"] for each in open_warehouse.execute(query).fetchall()[0][0]} == {f"{name} is unknown" for name in NAMES}


def test_a_version_without_explanations_says_so(open_warehouse):
    candidate, _ = trained("m", "onnx")
    for kind in ("explain", "form"):
        del candidate.artifacts[kind]  # type: ignore[attr-defined]
    put(open_warehouse, candidate)
    for call in ("explain_m", "explain_m__exact"):
        with pytest.raises(duckdb.Error) as caught:
            open_warehouse.execute(f"SELECT {call}(t)[:3] FROM t").fetchall()
        told = explain(caught.value)
        assert isinstance(told, WarehouseError)
        assert (told.message, "train" in told.hint) == (f"{call}: the version has no explanations", True)


def test_numbers_are_written_for_people():
    numbers = [12.0, 12.346, -0.0, 1234567.8, 123456789012.0, 0.000123456, -0.5, 0.999999, float("inf"), float("nan")]
    written = ["12", "12.35", "0", "1234568", "123456789012", "0.000123", "-0.5", "1", "inf", None]
    assert readable(np.array(numbers)).to_pylist() == written


def test_only_a_booster_of_trees_that_are_those_of_the_form_is_opened():
    import xgboost

    candidate, form = trained("m", "booster")
    content = candidate.artifacts["booster"]
    x, y = np.random.default_rng(0).normal(size=(50, len(form.columns))), np.arange(50) % 2
    others = {
        "trees and": xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x, y), 3),
        "columns": xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x[:, :2], y), 8),
        "dart": xgboost.train({"booster": "dart"}, xgboost.DMatrix(x, y), 8),
        "gblinear": xgboost.train({"booster": "gblinear"}, xgboost.DMatrix(x, y), 8),
    }
    for match, other in others.items():
        with pytest.raises(WarehouseError, match=match):
            open_booster(bytes(other.save_raw("ubj")), form)
    for broken in (b"", b"nothing", *(content[:end] for end in range(1, len(content), 997)), content + b"}"):
        with pytest.raises(WarehouseError, match="refused"):
            open_booster(broken, form)
