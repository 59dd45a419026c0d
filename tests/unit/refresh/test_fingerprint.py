import duckdb
import pytest

from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.refresh.fingerprint import declaration_fingerprint, row_hash, source_fingerprint
from foretable.sql import render

PAIRS = [
    ("DOUBLE", "'0.0'", "'-0.0'"),
    ("INTERVAL", "'1 month'", "'30 days'"),
    ("TIMETZ", "'12:00:00+00'", "'13:00:00+01'"),
    ("INTEGER[]", "[]", "[NULL]"),
    ("INTEGER[]", "[]", "NULL"),
    ("INTEGER[][]", "[[1],[2]]", "[[1,2]]"),
    ("STRUCT(a INTEGER, b INTEGER)", "{'a': 1, 'b': NULL}", "{'a': NULL, 'b': 1}"),
    ("STRUCT(a INTEGER)", "{'a': NULL}", "NULL"),
    ("VARCHAR", "''", "NULL"),
    ("VARCHAR", "'a'", "'a '"),
    ("DECIMAL(9,2)", "1.10", "1.11"),
    ("BLOB", "'\\x00'", "''"),
]


def fingerprint(kind, values):
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute(f"CREATE TABLE raw.t AS SELECT i, v::{kind} AS v FROM (VALUES {values}) AS t(i, v)")
        columns = {row[0]: row[1] for row in connection.execute("DESCRIBE raw.t").fetchall()}
        return source_fingerprint(connection, "raw.t", columns)


@pytest.mark.parametrize(("kind", "one", "other"), PAIRS)
def test_values_that_duckdb_hashes_alike_are_told_apart(kind, one, other):
    assert fingerprint(kind, f"(1, {one}), (2, {one})") != fingerprint(kind, f"(1, {one}), (2, {other})")


def test_order_does_not_count_but_duplicates_and_types_do():
    assert fingerprint("INTEGER", "(1, 5), (2, 6)") == fingerprint("INTEGER", "(2, 6), (1, 5)")
    assert fingerprint("INTEGER", "(1, 5), (1, 5), (2, 6)") != fingerprint("INTEGER", "(1, 5), (2, 6), (2, 6)")
    assert fingerprint("INTEGER", "(1, 5)") != fingerprint("BIGINT", "(1, 5)")
    assert fingerprint("INTEGER", "(1, 5), (1, 5)") != fingerprint("INTEGER", "(1, 6), (1, 6)")


def test_a_row_is_hashed_column_by_column_in_the_form_that_tells_most():
    columns = {"id": "BIGINT", "n": "VARCHAR", "x": "DOUBLE", "gap": "INTERVAL", "tags": "VARCHAR[]", "at": "TIMETZ"}
    assert render(row_hash(columns)) == (
        'CAST(hash(hash("id", "n", "x", signbit("x"), CAST("gap" AS TEXT), '
        '"tags", CAST("tags" AS TEXT), CAST(to_json("tags") AS TEXT), CAST("at" AS TEXT))) >> 1 AS BIGINT)'
    )
    assert render(row_hash({})) == "CAST(hash(hash(NULL)) >> 1 AS BIGINT)"


def test_an_empty_table_has_a_fingerprint():
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("CREATE TABLE raw.t (i INTEGER)")
        assert source_fingerprint(connection, "raw.t", {"i": "INTEGER"})[1] == 0


CLEAN = """
import pandera.ibis as pa
ft.schema("clean.orders", pa.DataFrameSchema({"amount": pa.Column(None, pa.Check.ge(0))}))
@ft.dynamic_table("clean.orders")
def clean():
    return orders.rows()
"""


@pytest.mark.parametrize(
    ("path", "old", "new", "changes"),
    [
        ("pipelines/churn.py", 'target_lag="1 day"', 'target_lag="2 days"', False),
        ("pipelines/churn.py", 'target_lag="1 day"', 'grain="hour"', True),
        ("pipelines/churn.py", "days=30", "days=31", True),
        ("pipelines/churn.py", "pa.Check.ge(0)", "pa.Check.ge(1)", True),
        ("models/churn.py", "margin=0.005", "margin=0.01", False),
        ("models/churn.py", "0.01, 10", "0.01, 11", True),
        ("pyproject.toml", 'name="shop"', 'time_zone="Europe/Berlin"', True),
        ("pyproject.toml", 'name="shop"', 'name="store"', False),
    ],
)
def test_a_model_learns_again_when_its_rows_or_its_search_would_be_others(shop, path, old, new, changes):
    pipeline = shop / "pipelines/churn.py"
    text = pipeline.read_text().replace("    o = orders.rows()", '    o = ft.ref("clean.orders").rows()')
    head, tail = text.split('@ft.feature_view("features', 1)
    pipeline.write_text(f'{head}{CLEAN}\n@ft.feature_view("features{tail}')

    def declaration():
        return declaration_fingerprint(compile_project(load_project(shop)), "churn")

    before = declaration()
    assert old in (shop / path).read_text()
    (shop / path).write_text((shop / path).read_text().replace(old, new))
    assert (declaration() != before) == changes
