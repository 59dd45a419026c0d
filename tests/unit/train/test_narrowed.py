"""Of drawn entities alone: the same rows as of all, from less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.refresh.sync import mount_files
from foretable.train.narrowed import _alone
from foretable.train.training_set import build_training_set
from foretable.udf import connect
from foretable.warehouse import ensure_catalog

PIPELINE = """
import foretable as ft
from foretable import _, last

customer = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=customer, time="ordered_at")
visits = ft.Source("raw.visits", entity=customer, time="visited_at")

@ft.feature_view("features.spent", entity=customer)
def spent():
    o = orders.rows()
    return o.group_by("customer_id").agg(n=o.count(), recent=o.amount.sum(where=last(o.ordered_at, days=60)))

@ft.feature_view("features.seen", entity=customer)
def seen():
    return visits.rows().group_by("customer_id").agg(visits=_.count(), last_visit=_.visited_at.max())

@ft.dynamic_table("features.average")
def average():
    return spent.rows().agg(average=_.n.mean())

@ft.feature_view("features.beside", entity=customer)
def beside():
    t = customer.join(spent.rows(), seen.rows()).cross_join(average.rows())
    return t.select("customer_id", "n", "recent", looked=t.visits, above=t.n - t.average)

@ft.label("training.back", entity=customer, horizon="30 days", every="1 month", start="2025-03-01")
def back():
    then = orders.future(days=30).group_by("customer_id").agg(n=_.count())
    return customer.join(orders.rows().select("customer_id").distinct(), then).select("customer_id", back=_.n.notnull().cast("int8"))

ft.Model("m", label=back, features=[beside, seen], candidates=[ft.LogisticRegression()], exclude=["last_visit"], rows=60)
"""
SOURCES = {
    "orders": "customer_id BIGINT, ordered_at TIMESTAMP, amount DECIMAL(10, 2)",
    "visits": "customer_id BIGINT, visited_at TIMESTAMP",
}
EVENTS = "range(6000) AS t(i)"


@pytest.fixture
def world(tmp_path):
    files = {"pipelines/p.py": PIPELINE, "pyproject.toml": '[tool.foretable]\nas_of = "2025-12-01"\npublish = []\n'}
    files |= {f"sql/sources/raw.{name}.sql": f"CREATE TABLE raw.{name} ({columns});" for name, columns in SOURCES.items()}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = compile_project(load_project(tmp_path))
    with connect(":memory:") as connection:
        ensure_catalog(connection)
        connection.execute("CREATE SCHEMA raw")
        when = "TIMESTAMP '2025-01-01' + to_minutes((hash(i * 2) % 480000)::BIGINT)"
        connection.execute(f"CREATE TABLE raw.orders AS SELECT i % 100 AS customer_id, {when} AS ordered_at, "
                           f"(hash(i) % 900)::DECIMAL(10, 2) AS amount FROM {EVENTS}")  # fmt: skip
        connection.execute(f"CREATE TABLE raw.visits AS SELECT hash(i) % 90 AS customer_id, {when} AS visited_at FROM {EVENTS}")
        connection.execute("ALTER TABLE raw.visits ALTER customer_id TYPE BIGINT")
        mount_files(connection, graph.project)
        yield connection, graph


def test_drawn_rows_are_those_of_the_whole_and_views_over_all_stay_whole(world):
    connection, graph = world
    built = build_training_set(connection, graph, "m")
    assert built.drawn_from and built.row_count <= 60
    connection.execute("CREATE TABLE kept AS FROM training.m")
    model = graph.project.model("m")
    roomy = replace(graph, project=replace(graph.project, models={"m": replace(model, rows=1_000_000)}))
    whole = build_training_set(connection, roomy, "m")
    assert whole.row_count == built.drawn_from
    keys = "SELECT DISTINCT customer_id FROM kept"
    both = "((FROM kept EXCEPT ALL FROM other) UNION ALL (FROM other EXCEPT ALL FROM kept))"
    query = f"WITH other AS (FROM training.m WHERE customer_id IN ({keys})) SELECT count(*) FROM {both}"
    assert connection.execute(query).fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM duckdb_views() WHERE temporary AND NOT internal").fetchall() == [(0,)]


def test_what_another_reads_in_whole_is_left_whole(world):
    _, graph = world
    found = _alone(graph, ["features.beside", "features.seen"], ["customer_id"])
    assert found == {"features.beside": {}, "features.seen": {0: ("customer_id",)}}
    assert _alone(graph, ["features.spent"], ["customer_id"]) == {"features.spent": {0: ("customer_id",)}}
    assert _alone(graph, ["features.seen"], ["another"]) == {}
