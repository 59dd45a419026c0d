import os
import subprocess
import sys

import pytest

from foretable.compile import compile_project
from foretable.compile.lineage import column_lineage
from foretable.compile.output import compiled_files, stale, write_compiled
from foretable.declare.load import load_project
from foretable.errors import CycleError, DeclarationError, UnknownName

HEAD = """import foretable as ft
from foretable import _
c = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=c, time="ordered_at")
"""
DDL = {"sql/sources/raw.orders.sql": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount DOUBLE)"}


def graph_of(root):
    return compile_project(load_project(root))


def test_the_shop_compiles_in_an_order_in_which_it_can_be_built(shop):
    graph = graph_of(shop)
    assert graph.order.index("features.customer_usage") < graph.order.index("predictions.churn") < graph.order.index("decisions.calls")
    assert graph.tables["predictions.churn"].models == ("churn",)
    assert graph.tables["predictions.churn"].columns["scored_at"] == "TIMESTAMP"
    assert "training.churned" not in graph.refreshed
    assert graph.upstream("decisions.calls") == {
        "predictions.churn",
        "features.customer_usage",
        "raw.customers",
        "raw.orders",
        "raw.plans",
    }
    assert graph.downstream("raw.plans") == {"features.customer_usage", "predictions.churn", "decisions.calls"}


def test_columns_outside_fixed_and_the_end_of_a_version_are_out_of_reach(shop):
    text = (shop / "pipelines/churn.py").read_text()
    (shop / "pipelines/churn.py").write_text(text.replace('.select("customer_id", "region")', '.select("customer_id", "secret")'))
    with pytest.raises(DeclarationError, match="secret"):
        graph_of(shop)
    (shop / "pipelines/churn.py").write_text(text.replace('"plan", "monthly_fee")', '"plan", "valid_to")'))
    with pytest.raises(DeclarationError, match="valid_to"):
        graph_of(shop)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("return orders.rows().group_by('customer_id').agg(n=_.amont.sum())", 7),
        ("o = orders.rows()\n    return o.group_by('customer_id').agg(n=o.amont.sum())", 8),
        ("return orders.rows().select('customer_id', 'amont')", 7),
    ],
)
def test_a_misspelt_column_is_named_with_file_line_and_the_near_name(project, body, line):
    root = project({"pipelines/a.py": f"{HEAD}@ft.feature_view('features.a', entity=c)\ndef a():\n    {body}\n"} | DDL)
    with pytest.raises(DeclarationError) as caught:
        graph_of(root)
    assert caught.value.where == f"{root / 'pipelines/a.py'}:{line}"
    assert caught.value.hint == "did you mean 'amount'?"


def test_a_misspelt_column_in_sql_is_named_by_the_binder(project):
    root = project({"pipelines/a.py": HEAD, "sql/b.sql": "CREATE DYNAMIC TABLE clean.b AS\nSELECT amont FROM raw.orders"} | DDL)
    with pytest.raises(DeclarationError, match=r'"amont" not found.*"amount"') as caught:
        graph_of(root)
    assert caught.value.where.endswith("b.sql:1")


def test_a_cycle_is_shown_as_its_path(project):
    text = """
@ft.dynamic_table("clean.a")
def a():
    return ft.ref("clean.b").rows()
@ft.dynamic_table("clean.b")
def b():
    return ft.ref("clean.c").rows()
"""
    root = project({"pipelines/a.py": HEAD + text, "sql/c.sql": "CREATE DYNAMIC TABLE clean.c AS SELECT * FROM clean.a"} | DDL)
    with pytest.raises(CycleError, match=r"clean\.a → clean\.b → clean\.c → clean\.a"):
        graph_of(root)


def test_a_source_without_a_recorded_schema_asks_for_sync(project):
    root = project({"pipelines/a.py": f"{HEAD}@ft.dynamic_table('clean.a')\ndef a():\n    return orders.rows()"})
    with pytest.raises(DeclarationError, match="not recorded") as caught:
        graph_of(root)
    assert "foretable sync" in caught.value.hint


def test_an_unknown_table_suggests_the_near_one(project):
    root = project({"pipelines/a.py": HEAD, "sql/b.sql": "CREATE DYNAMIC TABLE clean.b AS SELECT * FROM raw.order"} | DDL)
    with pytest.raises(UnknownName, match=r"raw\.order") as caught:
        graph_of(root)
    assert caught.value.hint == "did you mean 'raw.orders'?"


def test_only_a_label_looks_ahead(project):
    root = project({"pipelines/a.py": f"{HEAD}@ft.dynamic_table('clean.a')\ndef a():\n    return orders.future(days=3)"} | DDL)
    with pytest.raises(DeclarationError, match="looks past as_of"):
        graph_of(root)


def test_a_feature_view_needs_its_key_and_a_label_one_column(project):
    view = f"{HEAD}@ft.feature_view('features.a', entity=c)\ndef a():\n    return orders.rows().select('amount')"
    with pytest.raises(DeclarationError, match="lacks the key customer_id"):
        graph_of(project({"pipelines/a.py": view} | DDL))
    label = f"{HEAD}@ft.label('training.a', entity=c)\ndef a():\n    return orders.rows()"
    with pytest.raises(DeclarationError, match="one more column"):
        graph_of(project({"pipelines/a.py": label} | DDL))


MODEL = """
raw = ft.Source("raw.orders", entity=c)
@ft.feature_view("features.a", entity=c)
def a():
    return raw.rows().group_by("customer_id").agg(n=_.count())
@ft.label("training.y", entity=c)
def y():
    return raw.rows().group_by("customer_id").agg(y=_.amount.max() > 3)
m = ft.Model("m", label=y, features=[a], candidates=[ft.LogisticRegression()])
"""


def test_a_source_of_no_kind_is_refused_in_a_training_set(project):
    text = HEAD.replace('orders = ft.Source("raw.orders", entity=c, time="ordered_at")\n', "") + MODEL
    with pytest.raises(DeclarationError, match="nothing says when its rows are known") as caught:
        graph_of(project({"pipelines/a.py": text} | DDL))
    assert caught.value.where.endswith("a.py:5")


def test_compiled_files_are_written_once_and_noticed_when_stale(shop):
    graph = graph_of(shop)
    assert set(stale(graph)) == set(compiled_files(graph))
    assert write_compiled(graph) and not write_compiled(graph)
    path = shop / "sql/compiled/features/customer_usage.sql"
    assert "one row per customer_id" in path.read_text() and "as_of()" in path.read_text()
    path.write_text("old")
    left_over = path.with_name("gone.sql")
    left_over.write_text("old")
    assert stale(graph_of(shop)) == [path, left_over]


def test_compiling_twice_gives_the_same_text_and_fingerprints(shop):
    one, two = graph_of(shop), graph_of(shop)
    assert [one.tables[n].fingerprint for n in one.order] == [two.tables[n].fingerprint for n in two.order]
    assert compiled_files(one) == compiled_files(two)


def test_compiling_in_another_process_gives_the_same_text(project):
    text = """
both = ft.Entity("both", key=("a", "b", "c", "d"))
raw = ft.Source("raw.t", entity=both, fixed=["x"])
@ft.feature_view("features.a", entity=both)
def a():
    return both.join(raw.rows(), raw.rows().rename(y="x")).drop("x")
"""
    ddl = {"sql/sources/raw.t.sql": "CREATE TABLE raw.t (a INTEGER, b INTEGER, c INTEGER, d INTEGER, x INTEGER)"}
    root = project({"pipelines/a.py": HEAD + text} | DDL | ddl)
    script = (
        "import sys; from pathlib import Path; from foretable.compile import compile_project; "
        "from foretable.declare.load import load_project; from foretable.compile.output import compiled_files; "
        "print(list(compiled_files(compile_project(load_project(Path(sys.argv[1])))).values()))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script, str(root)],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(texts) == 1 and "EXCLUDE" in texts.pop()


def test_a_changed_macro_changes_the_fingerprint_of_what_calls_it(shop):
    before = graph_of(shop).tables["decisions.calls"].fingerprint
    macros = (shop / "udfs/m.sql").read_text()
    (shop / "udfs/m.sql").write_text(macros.replace("x / 4", "x / 5"))
    after = graph_of(shop).tables
    assert after["decisions.calls"].fingerprint != before
    assert after["features.customer_usage"].fingerprint == graph_of(shop).tables["features.customer_usage"].fingerprint


@pytest.mark.parametrize("query", ["SELECT amount, as_of() - ordered_at FROM raw.orders", "SELECT * FROM (SELECT AS_OF() FROM raw.orders)"])
def test_a_column_that_would_be_called_after_a_date_needs_a_name(project, query):
    root = project({"pipelines/a.py": HEAD, "sql/b.sql": f"CREATE DYNAMIC TABLE clean.b AS {query}"} | DDL)
    with pytest.raises(DeclarationError, match="needs a name"):
        graph_of(root)


@pytest.mark.parametrize(
    ("macro", "message"),
    [
        ("recent(t) AS t >= as_of() - INTERVAL 30 DAY", r"macro recent calls as_of\(\), which only a table can"),
        ("most() AS (SELECT max(amount) FROM raw.orders)", 'Table with name "raw.orders" does not exist'),
        ("big(k) AS TABLE SELECT * FROM raw.orders WHERE amount > k", 'Table with name "raw.orders" does not exist'),
    ],
)
def test_a_macro_that_reads_a_table_or_the_clock_is_refused(project, macro, message):
    """Its dependence would be invisible, and at a date of the past it would read what is there today."""
    root = project({"pipelines/a.py": HEAD, "udfs/m.sql": f"CREATE OR REPLACE MACRO {macro}"} | DDL)
    with pytest.raises(DeclarationError, match=message) as caught:
        graph_of(root)
    assert caught.value.where.endswith("m.sql:1") and "hand it" in caught.value.hint


PYTHON = """import foretable as ft
from .numbers import FACTOR
@ft.function(parameters=["DOUBLE"], returns="DOUBLE")
def twice(x):
    return x
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("udfs/f.py", PYTHON.replace("return x", "return None")),
        ("udfs/f.py", PYTHON.replace('["DOUBLE"]', '["BIGINT"]')),
        ("udfs/numbers.py", "FACTOR = 3"),
    ],
)
def test_changed_python_changes_the_fingerprint_of_what_calls_it(project, path, text):
    files = {
        "pipelines/a.py": HEAD,
        "udfs/f.py": PYTHON,
        "udfs/numbers.py": "FACTOR = 2",
        "udfs/m.sql": "CREATE OR REPLACE MACRO fourfold(x) AS 2 * twice (x)",
        "sql/b.sql": "CREATE DYNAMIC TABLE clean.b AS SELECT twice(amount) AS x FROM raw.orders;"
        "CREATE DYNAMIC TABLE clean.c AS SELECT fourfold(amount) AS x FROM raw.orders;"
        "CREATE DYNAMIC TABLE clean.d AS SELECT amount AS x FROM raw.orders",
    }
    before = graph_of(project(files | DDL)).tables
    same = graph_of(project({"udfs/f.py": PYTHON + "\n# a remark"})).tables
    assert all(same[name].fingerprint == before[name].fingerprint for name in before)
    after = graph_of(project({"udfs/f.py": PYTHON} | {path: text})).tables
    assert [name for name in before if before[name].fingerprint != after[name].fingerprint] == ["clean.b", "clean.c"]


def test_a_macro_of_a_well_known_name_is_a_macro(project):
    macro = "CREATE OR REPLACE MACRO safe_divide(a, b) AS a / b"
    files = {"pipelines/a.py": HEAD, "sql/b.sql": "CREATE DYNAMIC TABLE clean.b AS SELECT safe_divide(amount, 2) AS x FROM raw.orders"}
    before = graph_of(project(files | DDL | {"udfs/m.sql": macro})).tables["clean.b"].fingerprint
    assert graph_of(project({"udfs/m.sql": f"{macro} + 1"})).tables["clean.b"].fingerprint != before


def test_lineage_names_the_columns_that_a_column_is_made_of(shop):
    graph = graph_of(shop)
    lineage = column_lineage(graph, "features.customer_usage")
    assert lineage["region"] == ["raw.customers.region"]
    assert "raw.orders.amount" in lineage["spend_90d"]
    assert column_lineage(graph, "decisions.calls")["p"] == ["predictions.churn.churn_probability"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ([], [], {"features.customer_usage", "predictions.churn", "decisions.calls"}),
        (["predictions"], [], {"predictions.churn"}),
        (["+decisions.calls"], [], {"features.customer_usage", "predictions.churn", "decisions.calls"}),
        (["features.customer_usage+"], ["decisions"], {"features.customer_usage", "predictions.churn"}),
        (["raw.plans+"], [], {"features.customer_usage", "predictions.churn", "decisions.calls"}),
        (["churn"], [], {"features.customer_usage", "predictions.churn"}),
    ],
)
def test_selecting_tables(shop, include, exclude, expected):
    assert graph_of(shop).select(include, exclude) == expected


def test_selecting_nothing_known_suggests_the_near_name(shop):
    with pytest.raises(UnknownName) as caught:
        graph_of(shop).select(["prediction"])
    assert caught.value.hint == "did you mean 'predictions'?"
