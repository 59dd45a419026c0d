"""export model: SQL for other databases, and functions that any DuckDB client can call."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlglot

PLAIN = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("SELECT sum(p), count(*) FROM (SELECT churn_sql(f) AS p FROM features.customer_orders AS f)").fetchall())
print(connection.execute("SELECT sum(churn_probability), count(*) FROM churn_sql(features.customer_orders)").fetchall())
empty = "SELECT churn_sql(f) FROM (SELECT 1) LEFT JOIN features.customer_orders AS f ON f.customer_id = -1"
print(connection.execute(empty).fetchall())
try:
    connection.execute("SELECT churn_sql(f) FROM (SELECT * REPLACE ('many' AS orders_90d) FROM features.customer_orders) AS f").fetchall()
except duckdb.Error as error:
    print(error)
"""


@pytest.mark.parametrize("version", [1, 2])
def test_an_installed_model_answers_without_us(call, built, version):
    done = call(built, "export", "model", f"churn@{version}", "--install")
    assert (done.code, done.out) == (0, f"churn_sql answers as churn@{version}: churn_sql(row), FROM churn_sql(table)\n")
    plain = subprocess.run([sys.executable, "-c", PLAIN, str(built / "warehouse.duckdb")], capture_output=True, text=True)
    assert plain.returncode == 0, plain.stderr
    by_row, by_table, empty, mistyped = plain.stdout.splitlines()
    query = f"SELECT sum(predict_churn__v{version}(f)) AS s, count(*) AS n FROM features.customer_orders AS f"
    ours = call(built, "sql", query, "--json").json()[0]
    for text in (by_row, by_table):
        total, rows = eval(text)[0]
        assert (total, rows) == (pytest.approx(ours["s"], rel=1e-6), ours["n"])
    assert empty == "[(None,)]"
    assert 'churn_sql: column "orders_90d" is VARCHAR, a number is expected' in mistyped


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake", "bigquery", "postgres", "spark"])
def test_sql_for_a_database(call, built, tmp_path, dialect):
    file = tmp_path / "churn.sql"
    assert call(built, "export", "model", "churn@2", "--dialect", dialect, "--output", str(file)).code == 0
    text = file.read_text()
    assert call(built, "export", "model", "churn@2", "--dialect", dialect).out == text
    read = sqlglot.parse_one(text, dialect=dialect)
    assert [column.lower() for column in read.named_selects][-3:] == ["churn_probability", "churn_label", "model_version"]
    assert "customer_id" in [column.lower() for column in read.named_selects]


def test_a_table_of_another_database_needs_not_be_known_here(call, built):
    done = call(built, "export", "model", "churn@2", "--dialect", "snowflake", "--table", "shop.features.nope")
    assert done.code == 0
    assert "NOPE" in done.out


def test_the_query_of_duckdb_runs_as_it_stands(call, built):
    text = call(built, "export", "model", "churn@2", "--dialect", "duckdb").out
    rows = call(built, "sql", text, "--json").json()
    scored = call(built, "sql", "SELECT predict_churn__v2(f) AS p FROM features.customer_orders AS f", "--json").json()
    assert sorted(r["churn_probability"] for r in rows) == pytest.approx(sorted(r["p"] for r in scored), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["churn", "--dialect", "oracle"], 2, "--dialect takes duckdb, snowflake"),
        (["chrun", "--dialect", "spark"], 1, "did you mean 'churn'?"),
        (["churn@99", "--dialect", "spark"], 1, "99"),
        (["churn", "--dialect", "spark", "--table", "raw.orders"], 1, "table raw.orders has no column 'orders_90d'"),
        (["churn", "--dialect", "duckdb", "--table", "features.customer_order"], 1, "did you mean 'features.customer_orders'?"),
        (["churn", "--install", "--dialect", "spark"], 2, "--install and --dialect spark at once"),
        (["churn", "--install", "--output", "x.sql"], 2, "--install and --output at once"),
        (["churn", "--table", "features.customer_orders"], 2, "--table is for SQL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_told(call, built, arguments, code, says):
    done = call(built, "export", "model", *arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
