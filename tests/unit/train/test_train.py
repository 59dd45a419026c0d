"""A whole training on a real warehouse: versions, aliases, the gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

import foretable as ft
from foretable.compile import Graph, compile_project
from foretable.declare.load import load_project
from foretable.errors import PromotionRefused
from foretable.progress import Progress
from foretable.registry import champion, promote, resolve, rollback, versions
from foretable.registry.signature import Signature
from foretable.train import TrainingReport, train_model
from foretable.train import train as training_module
from foretable.train.features import read_rows
from foretable.train.judge.gate import first_version
from foretable.train.prepare import prepare
from foretable.train.result import Evaluation, Parity, Trained
from foretable.train.split import TEST, TRAIN, VALIDATION
from foretable.train.train import best_first, code_fingerprint
from foretable.warehouse import ensure_catalog

Shop = tuple[duckdb.DuckDBPyConnection, Graph]


@pytest.fixture
def shop_graph(shop: Path) -> Iterator[Shop]:
    connection = ft.connect(shop / "warehouse.duckdb")
    ensure_catalog(connection)
    yield connection, _with(compile_project(load_project(shop)), candidates=(ft.LogisticRegression(C=1.0), ft.XGBoost(n_estimators=20)))
    connection.close()


def _with(graph: Graph, **changes: object) -> Graph:
    project = graph.project
    model = replace(project.models["churn"], **{"gate": ft.Gate("roc_auc"), **changes})  # type: ignore[arg-type]
    return replace(graph, project=replace(project, models={**project.models, "churn": model}))


def train(shop: Shop, **options: object) -> TrainingReport:
    return train_model(shop[0], shop[1], "churn", **options)  # type: ignore[arg-type]


def test_every_candidate_becomes_a_version_and_the_best_one_champion(shop_graph: Shop) -> None:
    connection, _ = shop_graph
    report = train(shop_graph)
    assert report.gate.accepted and "first version, better than chance" in report.gate.reason
    assert [found.version for found in report.candidates] == [2, 1], "the best has the highest number"
    best, other = (found.trained.value("roc_auc", "validation") for found in report.candidates)
    assert best >= other
    assert report.champion == champion(connection, "churn").version == 2
    assert resolve(connection, "churn@challenger").version == 1
    stored = versions(connection, "churn")
    assert {v.candidate for v in stored} == {"LogisticRegression", "XGBoost"}
    assert all(v.training_hash == report.training.hash and v.code == code_fingerprint() for v in stored)
    assert report.split_rows["train"] > report.split_rows["test"] > 0


@pytest.mark.parametrize(("metric", "best"), [("roc_auc", "a"), ("log_loss", "b")])
def test_the_best_is_chosen_on_the_validation_rows_alone(metric: str, best: str) -> None:
    def fitted(name: str, validation: float, test: float) -> tuple[Trained, Parity]:
        found = (Evaluation("validation", "all", metric, validation, 0, 1, 9), Evaluation("test", "all", metric, test, 0, 1, 9))
        return Trained(name, {}, Signature("m", "classification", (), "y"), {}, "onnx", found, (), np.copy), Parity(1, 1, 0.0, 1e-5)

    found = best_first(ft.Gate(metric), [fitted("a", 0.8, 0.6), fitted("b", 0.7, 0.9)])  # type: ignore[arg-type]
    assert found[0][0].candidate == best


def test_the_champion_scores_in_sql_as_by_itself(shop_graph: Shop) -> None:
    connection, _ = shop_graph
    report = train(shop_graph)
    rows = connection.execute("SELECT count(*), min(predict_churn(t)), max(predict_churn(t)) FROM training.churn AS t").fetchall()
    assert rows[0][0] == report.training.row_count
    assert 0 < rows[0][1] < rows[0][2] < 1
    splits = connection.execute("SELECT DISTINCT split FROM foretable.evaluations WHERE model = 'churn'").fetchall()
    assert {name for (name,) in splits} == {"train", "validation", "test"}


def test_a_twin_of_the_champion_is_refused(shop_graph: Shop) -> None:
    connection, _ = shop_graph
    first = train(shop_graph)
    second = train(shop_graph)
    assert not second.gate.accepted
    assert (second.gate.difference, second.gate.low, second.gate.high) == (0, 0, 0)
    assert "than version 2 on" in second.gate.reason
    assert second.previous == second.champion == first.champion == 2
    assert resolve(connection, "churn@challenger").version == second.best.version == 4
    assert second.best.trained.artifacts["onnx"] == first.best.trained.artifacts["onnx"]
    assert [v.parent for v in versions(connection, "churn")] == [None, None, 2, 2]


def test_a_better_challenger_becomes_champion_and_can_be_rolled_back(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    poor = _with(graph, candidates=(ft.LogisticRegression(C=1.0),), exclude=("last_order_at", "orders_30d", "spend_90d"))
    train_model(connection, poor, "churn")
    with pytest.raises(PromotionRefused, match="no better than chance"):
        promote(connection, "churn", 1, reason="by hand")
    promote(connection, "churn", 1, reason="by hand", force=True)
    report = train(shop_graph)
    assert report.gate.accepted and report.gate.low > 0
    assert "better by" in report.gate.reason and "than version 1" in report.gate.reason
    assert report.champion == 3
    assert rollback(connection, "churn").version == 1


def test_a_margin_that_is_not_reached_refuses(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    poor = _with(graph, candidates=(ft.LogisticRegression(C=1e-5),))
    train_model(connection, poor, "churn")
    strict = _with(graph, gate=ft.Gate("log_loss", margin=10.0))
    report = train_model(connection, strict, "churn")
    assert not report.gate.accepted and report.gate.metric == "log_loss"
    assert report.gate.low > 0 and "at least 10 is asked for" in report.gate.reason


def test_replaced_data_are_not_compared_with_the_old_champion(shop_graph: Shop) -> None:
    train(shop_graph)
    again = train(shop_graph, fresh_lineage=True)
    assert again.gate.accepted and again.gate.difference is None
    assert (again.previous, again.champion) == (2, 4)


def test_a_champion_that_needs_a_column_that_is_gone_is_not_compared(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    train(shop_graph)
    report = train_model(connection, _with(graph, exclude=("last_order_at", "region")), "churn")
    assert report.gate.accepted
    assert "version 2 needs region" in report.gate.reason


def test_nothing_is_registered_when_a_candidate_fails_parity(shop_graph: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, _ = shop_graph
    real = training_module.fit_candidate

    def shifted(*arguments: object, **options: object) -> object:
        trained = real(*arguments, **options)  # type: ignore[arg-type]
        return replace(trained, native=lambda matrix: trained.native(matrix) + 1e-3) if trained.candidate == "XGBoost" else trained

    monkeypatch.setattr(training_module, "fit_candidate", shifted)
    with pytest.raises(ft.errors.ParityFailure):
        train(shop_graph)
    assert connection.execute("SELECT count(*) FROM foretable.model_versions").fetchall() == [(0,)]
    assert champion(connection, "churn") is None


def test_it_tells_what_it_does(shop_graph: Shop) -> None:
    told: list[Progress] = []
    train((shop_graph[0], _with(shop_graph[1], candidates=(ft.LogisticRegression(C=ft.between(0.1, 1.0)),))), trials=2, listen=told.append)
    assert [(p.name, p.state) for p in told] == [
        ("churn", "started"),
        ("churn", "running"),
        ("churn: LogisticRegression", "started"),
        ("churn: LogisticRegression", "running"),
        ("churn: LogisticRegression", "running"),
        ("churn: LogisticRegression", "done"),
        ("churn", "done"),
    ]
    assert "trial 2 of 2: roc_auc 0." in told[4].detail


@pytest.mark.parametrize(("low", "accepted"), [(0.52, True), (0.5, False), (0.31, False)])
def test_a_first_version_must_beat_chance(low: float, accepted: bool) -> None:
    decision = first_version(ft.Gate(), Evaluation("test", "all", "roc_auc", 0.6, low, 0.7, 900))
    assert decision.accepted is accepted
    assert f"ROC-AUC 0.600 [{low:.3f}, 0.700] on 900 held-out rows" in decision.reason


def test_dates_are_split_with_a_gap_and_customers_drawn_whole(shop_graph: Shop) -> None:
    connection, graph = shop_graph
    report = train(shop_graph)
    data = read_rows(connection, report.training)
    prepared = prepare(graph.project.models["churn"], data, report.training)
    dates = data["as_of"].to_numpy()
    train_end, test_start = dates[prepared.rows(TRAIN)].max(), dates[prepared.rows(TEST)].min()
    assert train_end + np.timedelta64(30, "D") <= dates[prepared.rows(VALIDATION)].min() < test_start
    assert len(np.unique(prepared.clusters)) == len(data["customer_id"].unique()) < len(data)
    latest = report.best.trained.evaluation("positive_rate", "test", "latest")
    assert 0 < latest.row_count < report.split_rows["test"]
