"""The interval in SQL is that of Python, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from foretable import sql
from foretable.errors import UsageError
from foretable.registry import add_version, promote
from foretable.registry.contract import signature_of
from foretable.registry.intervals import Intervals
from foretable.registry.signature import Feature, Signature
from foretable.train.result import Evaluation, Parity, Trained
from foretable.train.training_set import TrainingSet
from foretable.udf import connect, dispatch
from foretable.udf.ends import interval
from foretable.warehouse import ensure_catalog

GENERATOR = np.random.default_rng(0)
BORDERS = tuple(np.sort(GENERATOR.normal(50, 40, 9)).tolist())
LINES = tuple((float(at), float(by)) for at, by in GENERATOR.normal(0, 1, (10, 2)))
FOUND = Intervals(
    0.9, -3.7, BORDERS, tuple((at - 20, by) for at, by in LINES), tuple((0.0, 0.0) if by > 1 else (at + 30, by) for at, by in LINES)
)
EDGES = [0.0, -0.0, 1e308, -1e308, np.inf, -np.inf, 5e-324, -3.7, *BORDERS, *np.nextafter(BORDERS, 1e9), *np.nextafter(BORDERS, -1e9)]
FEATURES = (Feature("spend", "number"),)


@pytest.mark.parametrize("found", [FOUND, Intervals(0.8, 0.1, (), ((0.1, 0.3),), ((0.2, 1.7),))], ids=["pieces", "one"])
def test_sql_computes_the_ends_of_python(found: Intervals) -> None:
    asked = np.concatenate([GENERATOR.normal(50, 60, 20_000), EDGES])
    with duckdb.connect() as connection:
        connection.register("asked", pa.table({"p": pa.array([*asked, None], pa.float64())}))
        ends = sql.render(interval(found, sql.column("p")))
        rows = connection.execute(f"SELECT i.low, i.high, i IS NULL FROM (SELECT {ends} AS i FROM asked)").fetchall()
    assert rows[-1] == (None, None, True)
    for position, expected in enumerate(found.of(asked)):
        got = np.array([row[position] for row in rows[:-1]])
        assert (got.view(np.int64) == expected.view(np.int64)).all()


def test_the_signature_keeps_every_bit_of_them_and_is_as_before_without() -> None:
    signature = Signature("ltv", "regression", FEATURES, "spend_next", intervals=FOUND)
    assert Signature.from_json(signature.to_json()) == signature
    assert "intervals" not in replace(signature, intervals=None).to_json()
    assert Signature.from_json(replace(signature, intervals=Intervals(0.9)).to_json()).intervals == Intervals(0.9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 1.5}, {"least": "x"}, {"least": float("nan")}, {"borders": [1.0]},
        {"borders": [2.0, 1.0], "low": [[0, 1]] * 3, "high": [[0, 1]] * 3},
        {"low": []}, {"low": [[0.0]]}, {"high": [[float("inf"), 0.0]]}, {"high": None},
    ],
)  # fmt: skip
def test_what_somebody_sent_is_checked(wrong: dict[str, Any]) -> None:
    fine = {"level": 0.9, "least": 0.0, "borders": [], "low": [[0.0, 0.0]], "high": [[1.0, 1.0]]}
    document = {"features": [{"name": "spend", "kind": "number"}], "task": "regression"}
    assert signature_of(document | {"intervals": fine}, "ltv").intervals == Intervals.read(fine)
    with pytest.raises(UsageError, match="intervals"):
        signature_of(document | {"intervals": fine | wrong}, "ltv")


@pytest.fixture
def live(tmp_path: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """Version 1 without intervals is champion, version 2 has some; both predict the spend."""
    from foretable.forms.form import Finish, Linear
    from foretable.forms.graph import onnx_of

    nothing = np.zeros(1)
    form = Linear(nothing, nothing, np.ones((1, 1)), nothing[None, :], {}, nothing, Finish("identity"))
    training = TrainingSet("training.ltv", "ltv", ("customer_id",), None, "spend_next", ("spend",), "f00d", 500, None, None, None)
    with connect(tmp_path / "w.duckdb") as connection:
        ensure_catalog(connection)
        connection.execute(
            "CREATE TABLE people AS SELECT i AS customer_id, CASE WHEN i > 0 THEN i / 8 END AS spend FROM range(1000) AS t(i)"
        )
        for intervals in (None, FOUND):
            signature = Signature("ltv", "regression", FEATURES, "spend_next", intervals=intervals)
            measured = (Evaluation("test", "all", "rmse", 1.0, None, None, 100),)
            trained = Trained(
                "LinearRegression", {}, signature, {"onnx": onnx_of(form, 1)}, "onnx", measured, (), lambda matrix: matrix[:, 0]
            )
            add_version(connection, trained, training, declaration="d", code="c", parity=Parity(0, 0, 0.0, 1e-5), seed=0)
            if intervals is None:
                promote(connection, "ltv", 1, reason="first")
        yield connection


def test_functions_of_a_version(live: Any) -> None:
    rows = live.execute(
        "SELECT predict_ltv__v2(p), predict_ltv_interval__v2(p), predict_ltv_interval_of__v2(spend) FROM people AS p"
    ).fetchall()
    low, high = FOUND.of(np.array([row[0] for row in rows[1:]]))
    assert rows[0] == (None, None, None)
    assert [(row[1]["low"], row[1]["high"]) for row in rows[1:]] == list(zip(low.tolist(), high.tolist(), strict=True))
    assert all(row[1] == row[2] for row in rows)
    table = live.execute("FROM predict_ltv__v2(people)")
    names = [column[0] for column in table.description]
    assert names == ["customer_id", "spend", "ltv_prediction", "ltv_prediction_low", "ltv_prediction_high", "model_version"]
    assert [row[3:5] for row in table.fetchall()] == [(None, None), *zip(low.tolist(), high.tolist(), strict=True)]


def test_a_version_without_intervals_has_their_columns_once_another_has_them(live: Any) -> None:
    asked = (
        "SELECT spend, ltv_prediction_low, ltv_prediction_high, predict_ltv_interval(p) FROM predict_ltv(people) AS p WHERE customer_id = 8"
    )
    for called in (asked, asked.replace("predict_ltv(", "predict_ltv__v1(")):
        assert live.execute(called).fetchall() == [(1.0, None, None, None)]
    promote(live, "ltv", 2, reason="better")
    low, high = (end[0] for end in FOUND.of(np.array([1.0])))
    assert live.execute(asked).fetchall() == [(1.0, low, high, {"low": low, "high": high})]
    promote(live, "ltv", 1, reason="worse after all")
    assert live.execute(asked).fetchall() == [(1.0, None, None, None)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT predict_ltv__v2(p), predict_ltv_interval__v2(p) FROM people AS p",
        "FROM predict_ltv__v2(people) WHERE ltv_prediction_high > 10",
        "SELECT s, predict_ltv_interval_of__v2(s).low, predict_ltv_interval_of__v2(s).high"
        " FROM (SELECT predict_ltv__v2(p) AS s FROM people AS p)",
    ],
    ids=["row", "table", "scoring table"],
)
def test_a_row_reaches_the_model_once(live: Any, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    counted, real = [0], dispatch._scorer

    def counting(key: str) -> Any:
        def score(*columns: Any) -> Any:
            counted[0] += len(columns[0])
            return real(key)(*columns)

        return score

    monkeypatch.setattr(dispatch, "_scorer", counting)
    assert live.execute(query).fetchall() and counted == [1000]


def test_installed_sql_has_the_interval_for_any_client() -> None:
    import foretable as ft
    from foretable.forms.form import Finish
    from foretable.train.estimators.families import fitter
    from foretable.train.estimators.fitting import FitInput
    from foretable.udf.install_sql import sql_macros

    thing = ft.Entity("thing", key="id")
    label, view = ft.label("training.sum", entity=thing)(lambda: None), ft.feature_view("features.things", entity=thing)(lambda: None)
    spend = np.arange(200.0)
    for candidate in (ft.LinearRegression(), ft.XGBoost(n_estimators=3, max_depth=2)):
        model = ft.Model("ltv", label=label, features=[view], candidates=[candidate], task="regression")
        given = FitInput(spend[:, None], spend * 2, np.ones(200), np.arange(200), FEATURES, candidate.parameters, model, classes=0, seed=0)
        form = fitter(model, candidate)(given).form(Finish("identity"))
        name, statements = sql_macros(Signature("ltv", "regression", FEATURES, "spend_next", intervals=FOUND), form, 1)
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE people AS SELECT i / 8 AS spend FROM range(200) AS t(i)")
            for statement in statements:
                connection.execute(statement)
            rows = connection.execute(f"SELECT {name}(p), {name}_interval(p) FROM people AS p").fetchall()
        low, high = FOUND.of(np.array([row[0] for row in rows]))
        assert [row[1] for row in rows] == [{"low": one, "high": two} for one, two in zip(low.tolist(), high.tolist(), strict=True)]
