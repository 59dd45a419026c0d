"""Training sets that would be wrong in silence are refused; days and dates mean the same to training and serving."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.asof import fill
from foretable.declare.load import load_project
from foretable.errors import DeclarationError, QualityViolation, TrainingError
from foretable.refresh import observe
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.refresh.plan import table_as_of
from foretable.refresh.watermark import now
from foretable.sql import render
from foretable.train.training_set import build_training_set, training_dates, training_query
from foretable.warehouse import ensure_catalog

PIPELINE = """import foretable as ft
from foretable import _, last
c = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=c, time="ordered_at")
plans = ft.Source("raw.plans", entity=c, valid=("valid_from", "valid_to"))
tickets = ft.Source("raw.tickets", entity=c, time="opened_at")

@ft.feature_view("features.a", entity=c)
def a():
    return FEATURES

@ft.label("training.y", entity=c, horizon="10 days", every="7 days", start="2026-01-10")
def y():
    active = orders.last(days=20).select("customer_id").distinct()
    back = orders.future(days=10).group_by("customer_id").agg(k=_.count())
    return c.join(active, back).select("customer_id", y=(_.k.fill_null(0) > 3).cast("int8"))

ft.Model("m", label=y, features=[a], candidates=[ft.LogisticRegression()])
"""
SPEND = 'orders.rows().group_by("customer_id").agg(n=_.count(), recent=_.count(where=last(_.ordered_at, days=7)))'
TABLES = {
    "raw.orders": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount DOUBLE)",
    "raw.plans": "CREATE TABLE raw.plans (customer_id BIGINT, plan TEXT, valid_from TIMESTAMP, valid_to TIMESTAMP)",
    "raw.tickets": "CREATE TABLE raw.tickets (customer_id BIGINT, opened_at TIMESTAMP)",
}
ROWS = """
INSERT INTO raw.orders SELECT i % 20, TIMESTAMP '2026-01-01' + to_hours(i * 4), i FROM range(350) AS t(i);
INSERT INTO raw.plans SELECT i, 'basic', '2025-01-01', NULL FROM range(20) AS t(i);
INSERT INTO raw.tickets SELECT i % 20, TIMESTAMP '2026-01-01' + to_hours(i * 4), FROM range(150) AS t(i);
"""


@pytest.fixture
def world(project):
    opened = []

    def make(features=SPEND, *, pipeline=PIPELINE, tables=TABLES, settings="", sql=None):
        files = {"pipelines/a.py": pipeline.replace("FEATURES", features)} | (sql or {})
        root = project(files | {f"sql/sources/{name}.sql": ddl for name, ddl in tables.items()}, f'as_of = "2026-03-05"\n{settings}')
        connection = duckdb.connect()
        opened.append(connection)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA raw")
        for ddl in tables.values():
            connection.execute(ddl)
        connection.execute(ROWS)
        ensure_catalog(connection)
        return connection, compile_project(load_project(root))

    yield make
    for connection in opened:
        connection.close()


def test_versions_that_overlap_are_refused(world):
    connection, graph = world('plans.rows().select("customer_id", "plan")')
    build_training_set(connection, graph, "m")
    connection.execute("INSERT INTO raw.plans VALUES (7, 'gold', '2026-01-20', NULL)")
    with pytest.raises(QualityViolation, match="more than one row for customer_id 7, as_of 2026-01-24") as caught:
        build_training_set(connection, graph, "m")
    assert "features.a" in caught.value.hint and "overlap" in caught.value.hint


def test_versions_without_length_and_versions_that_begin_at_the_date(world):
    connection, graph = world('plans.rows().select("customer_id", "plan")')
    connection.execute("UPDATE raw.plans SET valid_to = '2026-01-24' WHERE customer_id = 7")
    connection.execute("INSERT INTO raw.plans VALUES (7, 'never', '2026-01-24', '2026-01-24'), (7, 'gold', '2026-01-24', NULL)")
    build_training_set(connection, graph, "m")
    assert connection.execute("SELECT plan, count(*) FROM training.m WHERE customer_id = 7 GROUP BY ALL ORDER BY ALL").fetchall() == [
        ("basic", 2),
        ("gold", 4),
    ]


@pytest.mark.parametrize(("name", "whose"), [("as_of", "the date"), ("y", "the label"), ("Y", "the label"), ("N", "one in features.a")])
def test_a_column_of_a_name_that_is_taken_is_refused(world, name, whose):
    other = f"""
@ft.feature_view("features.b", entity=c)
def b():
    return orders.rows().group_by("customer_id").agg(**{{"{name}": _.amount.sum()}})
"""
    pipeline = PIPELINE.replace("\nft.Model", f"{other}\nft.Model").replace("features=[a]", "features=[a, b]")
    connection, graph = world(pipeline=pipeline)
    with pytest.raises(DeclarationError, match=whose):
        build_training_set(connection, graph, "m")


def test_no_feature_is_asked_for_past_its_source(world):
    """Tickets stop on 2026-01-25 20:00, orders go on until March: a silent desk must not look like a calm one."""
    connection, graph = world('tickets.rows().group_by("customer_id").agg(n=_.count(where=last(_.opened_at, days=7)))')
    assert training_dates(connection, graph, "m") == [datetime(2026, 1, 10), datetime(2026, 1, 17), datetime(2026, 1, 24)]
    connection.execute("DELETE FROM raw.tickets WHERE opened_at > '2026-01-05'")
    with pytest.raises(TrainingError, match="reach to 2026-01-05"):
        training_dates(connection, graph, "m")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE DYNAMIC TABLE features.f ENTITY = customer AS SELECT customer_id, count(*) AS n FROM raw.orders GROUP BY ALL",
        "CREATE DYNAMIC TABLE features.f ENTITY = customer AS SELECT customer_id, max(plan) AS n FROM clean.p GROUP BY ALL;"
        "CREATE DYNAMIC TABLE clean.p AS SELECT * FROM raw.plans",
    ],
)
def test_a_view_that_reads_events_of_any_date_is_refused(world, text):
    pipeline = PIPELINE.replace("features=[a]", 'features=[ft.ref("features.f")]')
    with pytest.raises(DeclarationError, match=r"features\.f reads all of raw\..*would see the future"):
        world(pipeline=pipeline, sql={"sql/f.sql": text})
    world(pipeline=pipeline, sql={"sql/f.sql": text.replace("GROUP BY", "WHERE as_of() IS NOT NULL GROUP BY")})


def test_a_label_of_midday_looks_ahead_from_midday(world):
    """Cut back to the morning, it would count orders that an hourly feature knows already."""
    connection, graph = world(pipeline=PIPELINE.replace('every="7 days"', 'every="12 hours"'))
    noon = datetime(2026, 1, 10, 12)

    def labels():
        return {row[0]: row[2] for row in connection.execute(render(training_query(graph, "m", noon))).fetchall()}

    before = labels()
    connection.execute("INSERT INTO raw.orders SELECT i % 20, TIMESTAMP '2026-01-10 06:00', 1 FROM range(80) AS t(i)")
    assert labels() == before


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_what_happens_on_a_day_is_unknown_when_it_starts(world, zone, kind):
    """At every midnight of the project, in training as in serving; 2026-03-08 is a day of 23 hours in New York."""
    tables = TABLES | {"raw.orders": TABLES["raw.orders"].replace("TIMESTAMP", kind)}
    settings = f'time_zone = "{zone}"'
    pipeline = PIPELINE.replace("=10", "=1").replace("> 3", "> 4")
    connection, graph = world(pipeline=pipeline, tables=tables, settings=settings)
    connection.execute("DELETE FROM raw.orders")
    local = [datetime(2026, 3, day, hour) for day in range(1, 15) for hour in (0, 12, 23)]
    for moment in local:
        known = moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        value = moment.date() if kind == "DATE" else known if kind == "TIMESTAMPTZ" else known.replace(tzinfo=None)
        connection.execute("INSERT INTO raw.orders VALUES (1, ?, 1)", [value])
    for day in (7, 8, 9):
        date = datetime(2026, 3, day, tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
        ((_, as_of, y, n, recent),) = connection.execute(render(training_query(graph, "m", date))).fetchall()
        assert (as_of, y, n) == (date, 0, 3 * (day - 1))
        assert recent - min(3 * (day - 1), 21) in (0, 1)  # seven days are 168 hours: one more row after the short day
        assert connection.execute(render(fill(graph.tables["features.a"].query, date))).fetchall() == [(1, n, recent)]
    clock = now(graph)
    assert clock == datetime(2026, 3, 5)
    served = table_as_of(graph, observe(connection, graph, clock), "features.a", clock)
    assert served.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).time() == datetime.min.time()


def test_a_training_set_is_called_as_declared_and_keeps_no_second_copy(world):
    rules = "\nimport pandera.ibis as pa\nft.schema('training.people', pa.DataFrameSchema({'n': pa.Column(checks=pa.Check.ge(99))}))"
    named = PIPELINE.replace("candidates=", 'training_set="training.People", candidates=')
    connection, graph = world()
    build_training_set(connection, graph, "m")
    _, named_graph = world(pipeline=named)
    built = build_training_set(connection, named_graph, "m")
    assert built.table == "training.people"
    assert connection.execute("SELECT name, model FROM foretable.training_sets").fetchall() == [("training.people", "m")]
    assert connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'training'").fetchall() == [("people",)]
    _, ruled = world(pipeline=named + rules)
    with pytest.raises(QualityViolation, match="n") as caught:
        build_training_set(connection, ruled, "m")
    assert "training.people" in caught.value.where


def drawn(model: str, share: int) -> set[int]:
    """The customers whose place, of 10,000, is one of the first; reckoned without DuckDB."""
    places = {i: int.from_bytes(hashlib.md5(f"rows of {model}|{i}".encode()).digest()[8:], "little") % 10_000 for i in range(20)}
    return set(sorted(places, key=places.__getitem__)[:share])


def customers(connection, table="training.m"):
    return {row[0] for row in connection.execute(f"SELECT DISTINCT customer_id FROM {table}").fetchall()}


def limited(graph, rows, name="m"):
    """The same project, whose model may learn from so many rows."""
    return replace(graph, project=replace(graph.project, models={name: replace(graph.project.model("m"), name=name, rows=rows)}))


def test_of_too_many_rows_whole_customers_are_drawn_by_a_hash_of_the_key(world):
    connection, graph = world()
    whole = build_training_set(connection, graph, "m")
    assert (whole.row_count, whole.drawn_from) == (120, None)  # 20 customers on 6 dates
    assert build_training_set(connection, limited(graph, 120), "m") == whole
    connection.execute("CREATE TABLE full_set AS FROM training.m")
    hashes = {whole.hash}
    for rows, expected in ((119, 19), (60, 10), (59, 9), (1, 1)):
        built = build_training_set(connection, limited(graph, rows), "m")
        assert (built.row_count, built.drawn_from) == (6 * expected, 120)
        assert customers(connection) == drawn("m", expected)
        assert connection.execute("SELECT count(*) FROM (FROM training.m EXCEPT FROM full_set)").fetchall() == [(0,)]
        assert built.hash not in hashes
        hashes.add(built.hash)
    build_training_set(connection, limited(graph, 60, "other"), "other")
    assert customers(connection) == drawn("other", 10) != drawn("m", 10)


def test_the_same_customers_are_drawn_whatever_the_order_of_the_rows(world):
    connection, graph = world()
    before = build_training_set(connection, limited(graph, 60), "m").hash
    connection.execute("CREATE TABLE shuffled AS FROM raw.orders ORDER BY hash(amount); DELETE FROM raw.orders")
    connection.execute("INSERT INTO raw.orders FROM shuffled")
    assert build_training_set(connection, limited(graph, 60), "m").hash == before
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]


def test_rows_without_a_key_are_refused_also_where_some_are_drawn(world):
    connection, graph = world(pipeline=PIPELINE.replace("return c.join(active, back)", 'return active.left_join(back, "customer_id")'))
    connection.execute("INSERT INTO raw.orders SELECT NULL, ordered_at, 1 FROM raw.orders")
    with pytest.raises(QualityViolation, match="NULL key"):
        build_training_set(connection, limited(graph, 125), "m")


def test_how_much_may_be_learned_from_belongs_to_the_declaration(world):
    _, graph = world()
    prints = [declaration_fingerprint(limited(graph, rows), "m") for rows in (1_000_000, 60)]
    assert declaration_fingerprint(graph, "m") == prints[0] != prints[1]
