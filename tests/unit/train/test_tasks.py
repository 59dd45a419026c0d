"""Whole trainings of numbers, classes, and of decisions that are worth something, on the shop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.compile import Graph, compile_project
from foretable.declare.load import load_project
from foretable.declare.model import Model
from foretable.errors import DeclarationError, TrainingError, UnknownName
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.registry import baselines, champion, findings
from foretable.train import TrainingReport, train_model
from foretable.train.columns import aside_columns, feature_columns
from foretable.train.features import read_rows
from foretable.train.prepare import _key, prepare
from foretable.train.split import AWAY, TEST, TRAIN, VALIDATION
from foretable.train.training_set import build_training_set
from foretable.warehouse import ensure_catalog

LABELS = """

@ft.label("training.spend_next", entity=customer, horizon="30 days", every="1 month", start="2025-06-01")
def spend_next() -> ft.Table:
    active = orders.last(days=90).select("customer_id").distinct()
    next_ = orders.future(days=30).group_by("customer_id").agg(spend_next=_.amount.sum())
    return customer.join(active, next_).fill_null({"spend_next": 0}).select("customer_id", "spend_next")


@ft.label("training.level_next", entity=customer, horizon="30 days", every="1 month", start="2025-06-01")
def level() -> ft.Table:
    active = orders.last(days=90).select("customer_id").distinct()
    next_ = orders.future(days=30).group_by("customer_id").agg(n=_.count())
    text = (_.n.fill_null(0) > 4).ifelse("many", _.n.isnull().ifelse("none", "few"))
    return customer.join(active, next_).select("customer_id", level=text)
"""
MODELS = """import foretable as ft

from ..pipelines.churn import churned, customer_usage, level, spend_next

ft.Model("spend", label=spend_next, features=[customer_usage], exclude=["last_order_at"], task="regression", folds=2,
         baselines=[ft.LastPeriod("spend_90d"), ft.CellMeans("plan")],
         candidates=[ft.LinearRegression(alpha=ft.between(0.1, 10.0, log=True)), ft.XGBoost(n_estimators=20)])
ft.Model("level", label=level, features=[customer_usage], exclude=["last_order_at"], task="multiclass", weights="balanced",
         candidates=[ft.LogisticRegression(), ft.RandomForest(n_estimators=10, max_depth=5)])
ft.Model("worth", label=churned, features=[customer_usage], exclude=["last_order_at", "monthly_fee"],
         candidates=[ft.XGBoost(n_estimators=20)],
         executor="booster", sensitive=["region"], segments=["monthly_fee"], calibration="sigmoid",
         threshold=ft.Value(true_positive=30, false_positive=-10, capacity=60, by="plan"))
"""
Shop = tuple[duckdb.DuckDBPyConnection, Graph]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Shop]]:
    """One shop for all: each model is trained once."""
    import shutil

    root = tmp_path_factory.mktemp("tasks") / "shop"
    shutil.copytree(Path(__file__).parents[2] / "shop", root)
    (root / "pipelines/churn.py").write_text((root / "pipelines/churn.py").read_text() + LABELS)
    (root / "models/tasks.py").write_text(MODELS)
    with duckdb.connect(root / "warehouse.duckdb") as filling:
        filling.execute("SET TimeZone = 'UTC'")
        filling.execute((root / "data.sql").read_text())
    connection = ft.connect(root / "warehouse.duckdb")
    ensure_catalog(connection)
    graph = compile_project(load_project(root))
    yield lambda: (connection, graph)
    connection.close()


@pytest.fixture
def shop_graph(shared: Callable[[], Shop]) -> Shop:
    return shared()


def trained(shop: Shop, model: str) -> TrainingReport:
    return train_model(shop[0], shop[1], model, trials=3)


def changed(graph: Graph, name: str, **changes: object) -> Graph:
    model = replace(graph.project.models[name], **changes)  # type: ignore[arg-type]
    return replace(graph, project=replace(graph.project, models={**graph.project.models, name: model}))


def test_numbers_are_learned_from_decimals_and_gated_by_their_error(shop_graph: Shop) -> None:
    connection, _ = shop_graph
    report = trained(shop_graph, "spend")
    assert report.gate.accepted and "Spearman" in report.gate.reason and report.gate.metric == "rmse"
    assert report.training.positives is None
    best = report.best.trained
    assert best.signature.task == "regression" and best.value("r2") > 0
    linear = next(found.trained for found in report.candidates if found.trained.candidate == "LinearRegression")
    assert linear.executor == "sql" and set(linear.artifacts) == {"onnx", "form", "explain"}
    assert len(linear.trials) == 3 and all(len(trial.folds) == 2 for trial in linear.trials)
    has_its_baselines(connection, report)
    rows = connection.execute("SELECT count(*), count(predict_spend(t)), max(predict_spend(t)) FROM training.spend AS t").fetchall()
    assert rows[0][0] == rows[0][1] == report.training.row_count and rows[0][2] > 1


def has_its_baselines(connection: duckdb.DuckDBPyConnection, report: TrainingReport) -> None:
    """Every version of a training, in the registry as in the report."""
    for found in report.candidates:
        beside = baselines(connection, "spend", found.version)
        assert beside == list(found.trained.baselines) and len(beside) == 12
        assert {each.baseline for each in beside} == {"LastPeriod(spend_90d)", "CellMeans(plan)"}
        (finding,) = (each for each in found.trained.findings if each.check == "baseline")
        assert finding in findings(connection, "spend", found.version) and finding.evidence["metric"] == "rmse"
        of_gate = next(each for each in beside if (each.baseline, each.metric) == (finding.evidence["baseline"], "rmse"))
        assert of_gate.difference == pytest.approx(of_gate.value - found.trained.value("rmse"))


def test_what_comes_from_a_notebook_has_its_baselines(shop_graph: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from foretable.cli.report import training
    from foretable.train.register import register_estimator

    connection, graph = shop_graph
    estimator = make_pipeline(SimpleImputer(), LinearRegression()).fit([[0.0], [100.0]], [90.0, 90.1])
    report = register_estimator(connection, graph, "spend", estimator, ["spend_90d"], unseen=True)
    has_its_baselines(connection, report)
    training(report)
    assert "warning: no better than " in (told := capsys.readouterr().out) or "warning: worse than " in told, "it answers 90 whoever asks"


def test_a_second_version_of_numbers_is_compared_with_the_first(shop_graph: Shop) -> None:
    if champion(shop_graph[0], "spend") is None:
        trained(shop_graph, "spend")
    report = trained(shop_graph, "spend")
    assert not report.gate.accepted and report.gate.difference == 0


def test_classes_are_learned_and_named(shop_graph: Shop) -> None:
    report = trained(shop_graph, "level")
    assert report.gate.accepted, report.gate.reason
    assert report.best.trained.signature.classes == ("few", "many", "none")
    assert {found.trained.executor for found in report.candidates} == {"sql", "onnx"}
    assert champion(shop_graph[0], "level").signature.classes == ("few", "many", "none")
    twin = trained(shop_graph, "level")
    assert not twin.gate.accepted and twin.gate.difference == 0


def test_a_threshold_is_set_by_worth_and_told_on_the_test_rows(shop_graph: Shop) -> None:
    connection, _ = shop_graph
    report = trained(shop_graph, "worth")
    best = report.best.trained
    assert best.executor == "booster" and set(best.artifacts) == {"onnx", "form", "explain", "booster"}
    assert "region" not in [feature.name for feature in best.signature.features], "a sensitive column is no input"
    own = best.signature.by_segment
    assert own is not None and own.column == "plan" and {value for value, _ in own.thresholds} == {"basic", "gold"}
    assert own.thresholds[0][1] != 0.5
    told = best.evaluation("worth")
    assert told.low <= told.value <= told.high and best.value("worth", "validation") >= 0
    segments = {evaluation.segment for evaluation in best.evaluations}
    assert any(name.startswith("monthly_fee=") for name in segments), "excluded, and yet looked at by"
    assert any(name.startswith("region=") for name in segments)
    assert {"chance"} <= {finding.check for finding in best.findings}
    columns = {name for (name,) in connection.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'worth'").fetchall()}
    assert {"region", "monthly_fee", "plan"} <= columns


def test_a_version_knows_where_its_rows_came_from(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    if champion(connection, "spend") is None:
        trained(shop_graph, "spend")
    current = champion(connection, "spend")
    lineage = json.loads(connection.execute("SELECT lineage FROM foretable.model_versions WHERE model = 'spend'").fetchall()[0][0])
    assert lineage["training_set"]["hash"] == current.training_hash
    assert lineage["label"] == {"name": "training.spend_next", "fingerprint": graph.tables["training.spend_next"].fingerprint}
    assert [view["name"] for view in lineage["features"]] == ["features.customer_usage"]
    orders = next(source for source in lineage["sources"] if source["name"] == "raw.orders")
    assert orders["kind"] == "event" and orders["watermark"] and orders["rows"] > 0
    assert lineage["code"] == current.code


def test_a_label_that_the_task_cannot_learn_is_refused(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    level = graph.project.models["level"].label
    for name, message in (("spend", "is no number to learn"), ("worth", "is no number to learn")):
        with pytest.raises(TrainingError, match=message) as caught:
            train_model(connection, changed(graph, name, label=level), name)
        assert "multiclass" in caught.value.hint
    spend = graph.project.models["spend"].label
    with pytest.raises(TrainingError, match=r"names no class|classes"):
        train_model(connection, changed(graph, "level", label=spend), "level")
    with pytest.raises(TrainingError, match="learns 0 and 1, but the label also has"):
        train_model(connection, changed(graph, "worth", label=spend), "worth")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segments": ["regoin"]}, "is evaluated by 'regoin', which no feature view has"),
        ({"encoding": {"last_order_at": "ordinal"}}, "encoding= names 'last_order_at', which is no input"),
        ({"monotone": {"orders_3d": 1}}, "monotone= names 'orders_3d', which no feature view has"),
        ({"reasons": {"region": "lives in {value}"}}, "reasons= names 'region', which is no input"),
    ],
)
def test_settings_that_name_no_column_are_refused(shop_graph: Shop, changes: dict[str, object], message: str) -> None:
    graph = changed(shop_graph[1], "worth", **changes)
    with pytest.raises(UnknownName, match=message):
        aside_columns(graph, "worth")


def test_sensitive_columns_are_kept_aside(shop_graph: Shop) -> None:
    graph = shop_graph[1]
    assert feature_columns(graph, "worth") == {"features.customer_usage": ["plan", "orders_30d", "spend_90d"]}
    assert aside_columns(graph, "worth") == {"features.customer_usage": ["monthly_fee", "region"]}
    assert aside_columns(graph, "level") == {"features.customer_usage": []}


CHANGES = {
    "folds": 2,
    "encoding": {"plan": "target"},
    "impute": "zero",
    "monotone": {"orders_30d": -1},
    "threshold": ft.Value(true_positive=31, false_positive=-10, capacity=60, by="plan"),
    "executor": "onnx",
    "sensitive": [],
    "calibration": "isotonic",
    "seed": 7,
}
WORDS = {"description": "in words", "reasons": {"orders_30d": "{value} orders"}, "segments": [], "trials": 9, "gate": ft.Gate("brier")}


@pytest.mark.parametrize("name", [*CHANGES, *WORDS])
def test_a_declaration_changes_with_what_is_learned_and_not_with_words(shop_graph: Shop, name: str) -> None:
    graph = shop_graph[1]
    after = changed(graph, "worth", **{name: (CHANGES | WORDS)[name]})
    assert (declaration_fingerprint(after, "worth") != declaration_fingerprint(graph, "worth")) == (name in CHANGES)


def test_what_a_task_does_not_have_is_refused_where_it_is_declared(shop_graph: Shop) -> None:
    model: Model = shop_graph[1].project.models["spend"]
    with pytest.raises(DeclarationError, match="stratify= is for classes"):
        replace(model, split=ft.EntitySplit("customer_id", stratify=True))


def test_entities_may_be_kept_apart_as_well_as_times(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    apart = changed(graph, "worth", split=ft.TimeSplit((0.5, 0.25, 0.25), entities=True))
    training = build_training_set(connection, apart, "worth")
    data = read_rows(connection, training)
    prepared = prepare(apart.project.models["worth"], data, training)
    who = {part: set(prepared.clusters[prepared.rows(part)]) for part in (TRAIN, VALIDATION, TEST)}
    assert all(who.values()) and not (who[TRAIN] & who[VALIDATION] or who[TRAIN] & who[TEST] or who[VALIDATION] & who[TEST])
    away = int((prepared.split == AWAY).sum())
    assert f"{away:,} rows belong to entities of another split and are not used" in prepared.notes
    again = prepare(apart.project.models["worth"], data.take(np.arange(len(data))[::-1]), training)
    assert (again.split[::-1] == prepared.split).all(), "the order of the rows does not matter"


def test_no_two_keys_look_alike() -> None:
    table = pa.table({"a": ["1 1", "1", None, "-", "", None], "b": ["2", "1 2", "x", "x", None, ""]})
    assert len(set(_key(table, ("a", "b")).to_pylist())) == 6
    assert _key(table, ("a",)) is table["a"] or _key(table, ("a",)).equals(table["a"])
