"""A whole run of the shop: training, wave and publishing, and what a second one still does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import foretable as ft
from foretable.run import RunReport, prepare, run
from foretable.session import Session

SHOP = Path(__file__).parents[1] / "shop"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    root = tmp_path_factory.mktemp("run") / "shop"
    shutil.copytree(SHOP, root, ignore=shutil.ignore_patterns("__pycache__"))
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((root / "data.sql").read_text())
    return ft.open(root)


@pytest.fixture
def warehouse(session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
    with session.connect(write=True) as connection:
        prepare(connection, session.graph)
        yield connection


def learned(report: RunReport) -> list[str]:
    return [training.model for training in report.trainings]


def champion(connection: duckdb.DuckDBPyConnection) -> int:
    return connection.execute("SELECT champion FROM foretable.models WHERE model = 'churn'").fetchall()[0][0]


def test_a_run_trains_builds_and_publishes_and_the_next_one_rests(session: Session, warehouse: duckdb.DuckDBPyConnection) -> None:
    first = run(warehouse, session.graph, trials=1)
    assert learned(first) == ["churn"] and first.wave.failed == {} and first.published is not None
    assert [done.table for done in first.wave.built] == ["features.customer_usage", "predictions.churn", "decisions.calls"]
    counts = warehouse.execute(
        "SELECT count(*), count(churn_probability), any_value(model_version), any_value(scored_at) FROM predictions.churn"
    )
    rows, scored, version, scored_at = counts.fetchall()[0]
    assert rows == scored == 400 and version == champion(warehouse) and str(scored_at) == "2026-02-28 00:00:00"
    second = run(warehouse, session.graph, trials=1)
    assert learned(second) == [] and {done.action for done in second.wave.built} == {"NO_DATA"}
    run(warehouse, session.graph, train=False)
    assert warehouse.execute("SELECT trigger FROM foretable.waves ORDER BY wave").fetchall() == [("RUN",), ("RUN",), ("REFRESH",)]


def test_sql_scores_what_the_scoring_table_holds(session: Session, warehouse: duckdb.DuckDBPyConnection) -> None:
    different = warehouse.execute(
        """SELECT count(*) FROM features.customer_usage AS f JOIN predictions.churn AS p USING (customer_id)
        WHERE predict_churn(f) IS DISTINCT FROM p.churn_probability"""
    ).fetchall()
    assert different == [(0,)]


def test_replaced_rows_are_learned_again_and_rows_that_come_back_bring_their_champion(
    session: Session, warehouse: duckdb.DuckDBPyConnection
) -> None:
    before = champion(warehouse)
    same = run(warehouse, session.graph, replaced=["raw.orders"], trials=1)
    assert learned(same) == [] and champion(warehouse) == before
    warehouse.execute("UPDATE raw.orders SET amount = amount * 2")
    other = run(warehouse, session.graph, replaced=["raw.orders"], trials=1)
    assert learned(other) == ["churn"] and champion(warehouse) > before
    assert warehouse.execute("SELECT any_value(model_version) FROM predictions.churn").fetchall() == [(champion(warehouse),)]
    warehouse.execute("UPDATE raw.orders SET amount = amount / 2")
    back = run(warehouse, session.graph, replaced=["raw.orders"], trials=1)
    assert learned(back) == [] and champion(warehouse) == before


def test_new_rows_alone_train_nothing(session: Session, warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("INSERT INTO raw.orders VALUES (-1, 3, '2026-02-01', 10)")
    report = run(warehouse, session.graph, trials=1)
    assert learned(report) == [] and "NO_DATA" not in {done.action for done in report.wave.built}
