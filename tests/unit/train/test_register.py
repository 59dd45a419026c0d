"""Estimators of a notebook and ONNX files from elsewhere, through the gates of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import foretable as ft
from foretable.errors import ForetableError, PromotionRefused, TrainingError, UnknownName, UsageError, WarehouseError
from foretable.registry import champion, findings, promote, versions

NUMBERS = ["orders_30d", "spend_90d"]


@pytest.fixture
def project(shop: Path) -> Any:
    return ft.open(shop)


@pytest.fixture
def rows(project: Any) -> pandas.DataFrame:
    found: pandas.DataFrame = project.training_set("churn").to_pandas()
    return found


def learnable(project: Any) -> pandas.DataFrame:
    """The rows that an honest estimator is fitted to."""
    found: pandas.DataFrame = project.training_set("churn", part="train").to_pandas()
    return found


def fitted(rows: pandas.DataFrame) -> Any:
    """A pipeline over numbers and texts, as people write them."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("n", numbers, NUMBERS), ("c", OneHotEncoder(handle_unknown="ignore"), ["plan"])])
    return make_pipeline(columns, LogisticRegression()).fit(plain(rows)[[*NUMBERS, "plan"]], rows["churned"])


def simple(x: Any = None, y: Any = None) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    estimator = make_pipeline(SimpleImputer(), LogisticRegression(C=1e-6))
    return estimator if x is None else estimator.fit(x, y)


def plain(rows: pandas.DataFrame) -> pandas.DataFrame:
    return rows.assign(**{name: rows[name].astype(float) for name in NUMBERS})


def test_an_estimator_of_a_notebook_answers_in_sql(project, rows):
    estimator = fitted(rows)
    report = project.register("churn", estimator)
    with project.connect() as connection:
        version = versions(connection, "churn")[0]
        expected = estimator.predict_proba(plain(rows)[[*NUMBERS, "plan"]])[:, 1]
        found = connection.execute("SELECT predict_churn__v1(t) FROM training.churn AS t ORDER BY customer_id, as_of").fetchnumpy()
        seen = findings(connection, "churn", 1)
        assert (champion(connection, "churn") is not None) == report.gate.accepted
    order = rows.assign(p=expected).sort_values(["customer_id", "as_of"])["p"].to_numpy()
    np.testing.assert_allclose(next(iter(found.values())), order, atol=1e-5)
    assert (version.origin, version.candidate, version.executor) == ("registered", "LogisticRegression", "sql")
    assert [feature.name for feature in version.signature.features] == [*NUMBERS, "plan"]
    assert version.metrics["roc_auc"] > 0.5
    assert version.lineage["sources"]
    assert version.test_rows
    assert [finding.severity for finding in seen if finding.check == "split"] == ["refused"]
    assert not report.gate.accepted
    assert "may have learned from the rows" in report.gate.reason


def test_an_estimator_that_does_not_know_names_gets_them(project, rows):
    from sklearn.tree import DecisionTreeClassifier

    estimator = DecisionTreeClassifier(max_depth=3, random_state=0).fit(plain(rows)[NUMBERS].to_numpy(), rows["churned"])
    report = project.register("churn", estimator, features=NUMBERS)
    assert [feature.name for feature in report.best.trained.signature.features] == NUMBERS
    assert report.best.trained.executor == "onnx"


def test_a_second_registration_meets_the_champion(project):
    rows = learnable(project)
    first = project.register("churn", fitted(rows), unseen=True)
    second = project.register("churn", fitted(rows), unseen=True)
    assert first.gate.accepted
    assert not second.gate.accepted
    with project.connect() as connection:
        assert champion(connection, "churn").version == 1
        assert connection.execute("SELECT version FROM foretable.model_aliases WHERE alias = 'challenger'").fetchall() == [(2,)]


def test_who_has_seen_the_answers_is_not_judged_by_them(project, rows):
    """A forest that knows every row by heart is no champion by itself; let in by force, it does not keep an honest one out."""
    from sklearn.ensemble import RandomForestClassifier

    everything = RandomForestClassifier(n_estimators=20, random_state=0).fit(plain(rows)[NUMBERS].fillna(-1), rows["churned"])
    by_heart = project.register("churn", everything, features=NUMBERS)
    assert by_heart.best.trained.value("roc_auc") > 0.9
    assert not by_heart.gate.accepted
    with project.connect(write=True) as connection, pytest.raises(PromotionRefused, match="may have learned"):
        promote(connection, "churn", 1, reason="it looks so good")
    with project.connect(write=True) as connection:
        promote(connection, "churn", 1, reason="it looks so good", force=True)
    honest = project.register("churn", fitted(learnable(project)), unseen=True)
    assert honest.gate.accepted, honest.gate.reason
    assert "version 1 may have learned from the held-out rows" in honest.gate.reason


def test_the_parts_of_a_training_set_are_those_that_are_judged(project, rows):
    parts = {part: project.training_set("churn", part=part).to_pandas() for part in ("train", "validation", "test")}
    report = project.register("churn", fitted(parts["train"]), unseen=True)
    assert {name: len(part) for name, part in parts.items()} == dict(report.split_rows)
    assert (
        parts["train"]["as_of"].max()
        < parts["validation"]["as_of"].min()
        <= parts["validation"]["as_of"].max()
        < parts["test"]["as_of"].min()
    )
    with pytest.raises(UsageError, match="no part"):
        project.training_set("churn", part="tests")


@pytest.mark.slow
def test_an_estimator_of_chance_is_registered_and_not_champion(project, rows):
    shuffled = rows["churned"].sample(frac=1, random_state=1).to_numpy()
    report = project.register("churn", simple(plain(rows)[NUMBERS], shuffled))
    with project.connect() as connection:
        refused = [finding for finding in findings(connection, "churn", 1) if finding.severity == "refused"]
        assert report.gate.accepted == (not refused)


def test_what_cannot_be_taken_over_is_refused_and_nothing_is_registered(project, rows):
    from sklearn.neighbors import KNeighborsClassifier

    numbers = plain(rows)[NUMBERS]
    cases = [
        (KNeighborsClassifier().fit(numbers, rows["churned"]), "KNeighborsClassifier is not converted"),
        (simple(numbers.rename(columns={"spend_90d": "spend"}), rows["churned"]), "fitted to 'spend'"),
        (simple(numbers, np.where(rows["churned"] == 1, "yes", "no")), "tells no, yes apart"),
        (simple(), "."),
        ("nowhere.onnx", "cannot be read"),
        (42, "."),
    ]
    for estimator, message in cases:
        with pytest.raises(ForetableError, match=message):
            project.register("churn", estimator)
    with pytest.raises(ForetableError, match="chrun"):
        project.register("chrun", fitted(rows))
    with project.connect() as connection:
        assert versions(connection) == []


def onnx_file(path: Path, *, classifier: bool = True, names: tuple[str, str] = ("input", "probabilities")) -> Path:
    """A graph as other tools write it: names of its own, a label beside the probabilities of both classes."""
    from onnx import helper, numpy_helper

    weights = np.array([[0.3, -0.3], [0.01, -0.01]], dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", [names[0], "w"], ["x"]),
        helper.make_node("Softmax", ["x"], [names[1]], axis=1),
        helper.make_node("ArgMax", [names[1]], ["label"], axis=1, keepdims=0),
    ]
    outputs = [helper.make_tensor_value_info("label", 7, ["N"])] if classifier else []
    outputs.append(helper.make_tensor_value_info(names[1], 1, ["N", 2]))
    graph = helper.make_graph(
        nodes if classifier else nodes[:2],
        "g",
        [helper.make_tensor_value_info(names[0], 1, [None, 2])],
        outputs,
        [numpy_helper.from_array(weights, "w")],
    )
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    return path


SIGNATURE = {"features": [{"name": name, "kind": "number"} for name in NUMBERS], "threshold": 0.4}


def test_a_file_of_another_tool_answers_in_sql(project, rows, tmp_path):
    report = project.register("churn", onnx_file(tmp_path / "m.onnx"), signature=SIGNATURE)
    signature = report.best.trained.signature
    assert [feature.name for feature in signature.features] == NUMBERS
    with project.connect() as connection:
        [(found,)] = connection.execute("SELECT predict_churn__v1({'orders_30d': 2, 'spend_90d': 10.0})").fetchall()
        version = versions(connection, "churn")[0]
    logits = np.array([2, 10.0]) @ np.array([[0.3, -0.3], [0.01, -0.01]])
    assert found == pytest.approx(1 / (1 + np.exp(logits[0] - logits[1])), abs=1e-6)
    assert (version.origin, version.candidate, version.executor) == ("registered", "ONNX", "onnx")
    assert version.test_rows


def test_a_file_is_refused_before_anything_is_written(project, tmp_path):
    file = onnx_file(tmp_path / "m.onnx")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(file.read_bytes()[:50])
    cases = [
        (file, None, UsageError, "does not say"),
        (file, {"features": SIGNATURE["features"][:1]}, WarehouseError, "reads 2 columns, its signature has 1"),
        (file, {**SIGNATURE, "features": [{"name": "spend", "kind": "number"}, SIGNATURE["features"][1]]}, UnknownName, "'spend'"),
        (file, {**SIGNATURE, "features": [{"name": "plan", "kind": "number"}, SIGNATURE["features"][1]]}, TrainingError, "no number"),
        (file, {**SIGNATURE, "task": "regression"}, UsageError, "the signature is of a regression"),
        (file, {**SIGNATURE, "colour": "red"}, UsageError, "'colour' is no part"),
        (cut, SIGNATURE, WarehouseError, "refused"),
        (tmp_path / "nowhere.onnx", SIGNATURE, UsageError, "cannot be read"),
        (tmp_path / "nowhere.onnx", None, UsageError, "cannot be read"),
        (tmp_path, SIGNATURE, UsageError, "cannot be read"),
    ]
    for path, signature, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            project.register("churn", path, signature=signature)
        assert caught.value.hint
    with project.connect() as connection:
        assert versions(connection) == []
