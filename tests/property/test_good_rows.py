"""What a wave keeps of a clean table, and what a training set sees of it, are the same rows."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretable.compile import Graph, compile_project
from foretable.compile.inline import inlined
from foretable.declare.load import load_project
from foretable.quality import split_clean
from foretable.sql import render
from foretable.warehouse import ensure_catalog, wave

DECLARED = {
    "pipelines/shop.py": """import foretable as ft
import pandera.ibis as pa
ft.Source("raw.rows", fixed=["k", "a", "b"])
ft.schema("clean.rows", pa.DataFrameSchema(
    {"k": pa.Column(int), "a": pa.Column(float, pa.Check.ge(0), nullable=True), "b": pa.Column(str, pa.Check.isin(["x", "y"]))},
    unique=["k"],
))
""",
    "sql/sources/raw.rows.sql": "CREATE TABLE raw.rows (k BIGINT, a DOUBLE, b VARCHAR)",
    "sql/rows.sql": """CREATE DYNAMIC TABLE clean.rows AS SELECT * FROM raw.rows;
CREATE DYNAMIC TABLE features.n AS SELECT k, a FROM clean.rows""",
}


@pytest.fixture
def world(project) -> tuple[duckdb.DuckDBPyConnection, Graph]:
    with duckdb.connect() as connection:
        ensure_catalog(connection)
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.rows (k BIGINT, a DOUBLE, b VARCHAR)")
        yield connection, compile_project(load_project(project(DECLARED)))


rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 2.5, float("nan")])),
        st.one_of(st.none(), st.sampled_from(["x", "y", "z"])),
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows)
def test_training_sees_exactly_the_rows_that_a_wave_keeps(world, rows):
    connection, graph = world
    connection.execute("DELETE FROM raw.rows")
    for row in rows:
        connection.execute("INSERT INTO raw.rows VALUES (?, ?, ?)", list(row))
    seen = connection.execute(render(inlined(graph, "clean.rows", None))).fetchall()
    seen_downstream = connection.execute(render(inlined(graph, "features.n", None))).fetchall()
    with wave(connection):
        connection.execute("CREATE OR REPLACE TEMP TABLE staged AS FROM raw.rows")
        split_clean(connection, "staged", "clean.rows", graph.project.schemas["clean.rows"].schema, 1)
        kept = connection.execute("FROM staged").fetchall()
    assert sorted(map(repr, seen)) == sorted(map(repr, kept))
    assert sorted(map(repr, seen_downstream)) == sorted(repr(row[:2]) for row in kept)
