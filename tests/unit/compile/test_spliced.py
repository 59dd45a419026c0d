"""A declared SQL text means in the warehouse what it means in DuckDB."""

import subprocess
import sys
from datetime import datetime

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.asof import fill
from foretable.compile.inline import inlined
from foretable.compile.references import tables_of
from foretable.compile.spliced import spliced
from foretable.declare.load import load_project
from foretable.errors import DeclarationError
from foretable.sql import parse, render

HEAD = """import foretable as ft
c = ft.Entity("customer", key="customer_id")
ft.Source("raw.orders", entity=c, time="ordered_at")
"""
DDL = {"sql/sources/raw.orders.sql": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount DOUBLE)"}
ORDERS = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders AS
SELECT i % 3 AS customer_id, TIMESTAMP '2025-01-01' + to_days(i::INTEGER) AS ordered_at, i / 4 AS amount FROM range(40) AS t(i);
"""
EXPRESSIONS = [
    "2 * mod(customer_id, 2)",
    "-mod(customer_id, 2) ** 2",
    "ordered_at - INTERVAL '3 mon'",
    "ordered_at - INTERVAL '1 day 02:00:00'",
    "ordered_at - INTERVAL '1.5 days'",
    "date_add(ordered_at, to_days(3))",
    "log2(amount + 3), log10(amount + 3)",
    '\'{"a.b": 1, "a": {"b": 2}}\'::JSON ->> \'a.b\'',
    "0x1F",
    ".5 * amount::DECIMAL(9, 2)",
    r"E'tab\tand\\'",
    "list_transform([1, 2], lambda x: x + customer_id)",
    "count(*) FILTER (amount > 2) OVER (PARTITION BY customer_id)",
    "max(COLUMNS(* EXCLUDE customer_id)) OVER ()",
]


def graph_of(root):
    return compile_project(load_project(root))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_not_rewritten(project, expression):
    text = f"SELECT amount AS a, {expression} FROM raw.orders WHERE ordered_at < as_of()"
    graph = graph_of(project({"pipelines/a.py": HEAD, "sql/b.sql": f"CREATE DYNAMIC TABLE clean.b AS {text}"} | DDL))
    date = datetime(2025, 2, 1)
    with duckdb.connect() as connection:
        connection.execute(ORDERS)
        connection.execute("CREATE MACRO as_of() AS TIMESTAMP '2025-02-01'")
        expected = connection.execute(text)
        names, rows = [part[:2] for part in expected.description], sorted(expected.fetchall(), key=repr)
        for query in (fill(graph.tables["clean.b"].query, date), inlined(graph, "clean.b", date)):
            ours = connection.execute(render(query))
            assert [part[:2] for part in ours.description] == names
            assert sorted(ours.fetchall(), key=repr) == rows


def test_only_tables_and_calls_are_holes():
    text = """
    WITH o AS (FROM raw.orders) -- raw.orders before as_of()
    SELECT 'raw.orders < as_of()', f.as_of, o.x.as_of(), raw.plans.fee, AS_OF ( ), model_version('m')
    FROM o, raw.plans, "Raw"."Orders" AS p, predict_m(features.usage), predict_m(o) WHERE p.d < as_of()"""
    query = spliced(text)
    assert set(tables_of(query)) == set(tables_of(parse(text))) == {"raw.orders", "raw.plans", "features.usage"}
    filled = render(fill(query, datetime(2025, 2, 1), {"m": 7}))
    moment = "CAST('2025-02-01 00:00:00' AS TIMESTAMP)"
    changed = text.replace("AS_OF ( )", moment).replace("p.d < as_of()", f"p.d < {moment}").replace("model_version('m')", "CAST(7 AS INT)")
    assert filled == changed.strip()


STACKED = """
CREATE DYNAMIC TABLE clean.orders AS SELECT * FROM raw.orders WHERE ordered_at < as_of();
CREATE DYNAMIC TABLE clean.several AS
SELECT clean.orders.customer_id, orders.amount, o.amount AS again, sub.amount AS third
FROM clean.orders JOIN clean.orders AS o USING (ordered_at) JOIN (SELECT * FROM Clean."Orders" sub) AS sub USING (ordered_at);
"""


def test_stacked_tables_are_inlined_under_every_name_they_have(project):
    graph = graph_of(project({"pipelines/a.py": HEAD, "sql/b.sql": STACKED} | DDL))
    with duckdb.connect() as connection:
        connection.execute(ORDERS)
        rows = connection.execute(render(inlined(graph, "clean.several", datetime(2025, 1, 11)))).fetchall()
        assert sorted(rows) == sorted(
            connection.execute("SELECT customer_id, amount, amount, amount FROM raw.orders WHERE ordered_at < '2025-01-11'").fetchall()
        )
        assert len(rows) == 10


def test_a_table_handed_to_a_model_is_refused_at_a_date_of_the_past(project):
    text = "CREATE DYNAMIC TABLE clean.scored AS SELECT * FROM predict_m(clean.orders)"
    model = """
@ft.label("training.y", entity=c)
def y():
    return ft.ref("clean.orders").rows().group_by("customer_id").agg(y=ft._.amount.max() > 3)
@ft.feature_view("features.a", entity=c)
def a():
    return ft.ref("clean.orders").rows().group_by("customer_id").agg(n=ft._.count())
ft.Model("m", label=y, features=[a], candidates=[ft.LogisticRegression()])
"""
    graph = graph_of(project({"pipelines/a.py": HEAD + model, "sql/b.sql": STACKED, "sql/c.sql": text} | DDL))
    assert graph.tables["clean.scored"].upstream == ("clean.orders",) and graph.tables["clean.scored"].models == ("m",)
    with pytest.raises(DeclarationError, match=r"clean\.scored hands clean\.orders to a model") as caught:
        inlined(graph, "clean.scored", datetime(2025, 1, 11))
    assert "row by row" in caught.value.hint


COMPILED = """
from sqlglot import exp

def refuse(cls, *args, **kwargs):
    if not cls.__module__.startswith("sqlglot."):
        raise TypeError("interpreted classes cannot inherit from compiled")
    return object.__new__(cls)

exp.Expression.__new__ = refuse
from foretable.errors import ForetableError
try:
    import foretable.sql
except ForetableError as error:
    print(error)
"""


def test_a_compiled_sqlglot_is_told_at_once():
    """Its classes refuse those of others only when one is made, in the middle of compiling a project."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("sqlglot is installed in its compiled form")
    assert "Hint: pip uninstall sqlglotc" in done.stdout
