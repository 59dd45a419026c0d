"""Nothing that happens after a spine date may change the training rows of that date."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretable.compile import Graph, compile_project
from foretable.compile.asof import fill
from foretable.declare.load import load_project
from foretable.sql import render
from foretable.train.training_set import build_training_set, training_query
from foretable.warehouse import ensure_catalog

SHOP = Path(__file__).parents[1] / "shop"
DATES = [datetime(2025, 7, 1), datetime(2025, 9, 15), datetime(2025, 12, 1)]
MODEL = "churn"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[duckdb.DuckDBPyConnection, Graph]:
    root = tmp_path_factory.mktemp("world") / "shop"
    shutil.copytree(SHOP, root)
    connection = duckdb.connect(root / "warehouse.duckdb")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute((root / "data.sql").read_text())
    yield connection, compile_project(load_project(root))
    connection.close()


def training_rows(connection: duckdb.DuckDBPyConnection, graph: Graph, date: datetime, *, label: bool) -> list[tuple]:
    rows = connection.execute(f"SELECT * {'' if label else 'EXCLUDE (churned)'} FROM ({render(training_query(graph, MODEL, date))})")
    return sorted(rows.fetchall(), key=repr)


later = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))
customers = st.integers(min_value=0, max_value=420)
events = st.lists(st.tuples(customers, later, st.decimals(0, 10_000, places=2)), max_size=25)
versions = st.lists(st.tuples(customers, later, st.sampled_from(["gold", "basic", "platinum"])), max_size=15, unique_by=lambda row: row[0])
signups = st.lists(st.tuples(st.integers(500, 600), later), max_size=10, unique_by=lambda row: row[0])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(date=st.sampled_from(DATES), orders=events, plans=versions, new=signups)
def test_rows_planted_in_the_future_change_no_feature(world, date, orders, plans, new):
    connection, graph = world
    before = training_rows(connection, graph, date, label=False)
    connection.execute("BEGIN")
    try:
        for customer, after, amount in orders:
            connection.execute("INSERT INTO raw.orders VALUES (-1, ?, ?, ?)", [customer, date + after, amount])
        for customer, after, plan in plans:
            start = date + after + timedelta(microseconds=1)
            current = "customer_id = ? AND valid_from <= ? AND (valid_to > ? OR valid_to IS NULL)"
            connection.execute(f"UPDATE raw.plans SET valid_to = ? WHERE {current}", [start, customer, date, date])
            connection.execute("DELETE FROM raw.plans WHERE customer_id = ? AND valid_from > ?", [customer, date])
            connection.execute("INSERT INTO raw.plans VALUES (?, ?, 1.0, ?, NULL)", [customer, plan, start])
        for customer, after in new:
            connection.execute("INSERT INTO raw.customers VALUES (?, ?, 'west', 1)", [customer, date + after])
        assert training_rows(connection, graph, date, label=False) == before
    finally:
        connection.execute("ROLLBACK")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(date=st.sampled_from(DATES), orders=st.lists(st.tuples(customers, st.timedeltas(timedelta(30), timedelta(400))), max_size=25))
def test_rows_after_the_horizon_change_no_label(world, date, orders):
    connection, graph = world
    before = training_rows(connection, graph, date, label=True)
    connection.execute("BEGIN")
    try:
        for customer, after in orders:
            connection.execute("INSERT INTO raw.orders VALUES (-1, ?, ?, 1)", [customer, date + after])
        assert training_rows(connection, graph, date, label=True) == before
    finally:
        connection.execute("ROLLBACK")


def test_the_proof_can_fail(world):
    """An event just before the date does change a feature, and one inside the horizon a label."""
    connection, graph = world
    date = DATES[1]
    features, labels = (training_rows(connection, graph, date, label=label) for label in (False, True))
    customer = next(row[0] for row in labels if row[2] == 1)
    for moment, expected in ((date - timedelta(seconds=1), features), (date, labels)):
        connection.execute("BEGIN")
        connection.execute("INSERT INTO raw.orders VALUES (-1, ?, ?, 99999)", [customer, moment])
        assert training_rows(connection, graph, date, label=expected is labels) != expected
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("date", DATES, ids=str)
def test_serving_and_training_agree_value_for_value(world, date):
    connection, graph = world
    serving = render(fill(graph.tables["features.customer_usage"].query, date))
    columns = "customer_id, region, plan, monthly_fee, orders_30d, spend_90d"
    training = render(training_query(graph, MODEL, date))
    keys = "SELECT customer_id FROM training_rows"
    difference = connection.execute(
        f"""WITH training_rows AS ({training}), served AS ({serving})
        SELECT count(*) FROM (
            (SELECT {columns} FROM training_rows EXCEPT ALL SELECT {columns} FROM served WHERE customer_id IN ({keys}))
            UNION ALL
            (SELECT {columns} FROM served WHERE customer_id IN ({keys}) EXCEPT ALL SELECT {columns} FROM training_rows))"""
    ).fetchall()
    assert difference == [(0,)]
    assert connection.execute(f"SELECT count(*) > 100 FROM ({training})").fetchall() == [(True,)]


def test_only_matured_labels_enter_and_the_content_is_hashed(world):
    connection, graph = world
    ensure_catalog(connection)
    built = build_training_set(connection, graph, MODEL)
    # The last order is on 2026-02-28, the horizon 30 days, a date a month from 2025-06-01 on.
    assert (built.as_of_from, built.as_of_to) == (datetime(2025, 6, 1), datetime(2026, 1, 1))
    assert built.features == ("region", "plan", "monthly_fee", "orders_30d", "spend_90d")
    assert built.row_count == connection.execute("SELECT count(*) FROM training.churn").fetchall()[0][0]
    assert 0 < built.positives < built.row_count
    assert build_training_set(connection, graph, MODEL).hash == built.hash
    connection.execute("UPDATE raw.orders SET amount = amount + 0.01 WHERE customer_id = 7")
    assert build_training_set(connection, graph, MODEL).hash != built.hash
    connection.execute("UPDATE raw.orders SET amount = amount - 0.01 WHERE customer_id = 7")
    assert build_training_set(connection, graph, MODEL).hash == built.hash
