"""ls, show, compile, plan, and what is completed."""

from __future__ import annotations

import duckdb
import pytest

from foretable.cli import options, workspace


def test_show_tells_what_a_table_is(call, starter):
    shown = call(starter, "show", "features.customer_orders", "--json").json()
    assert shown["one_row_per"] == ["customer_id"]
    assert shown["declared"].startswith("pipelines/orders.py:")
    assert shown["reads"] == ["raw.orders"]
    assert shown["read_by"] == ["predictions.churn"]
    assert {"column": "orders_90d", "type": "BIGINT", "made_of": "raw.orders.ordered_at"} in shown["columns"]
    assert duckdb.extract_statements(shown["sql"])


@pytest.mark.parametrize(
    ("name", "kind"), [("raw.orders", "event source"), ("churn", "model, classification"), ("decisions.call_list", "decision")]
)
def test_show_finds_everything_that_has_a_name(call, starter, name, kind):
    assert call(starter, "show", name, "--json").json()["kind"] == kind


def test_show_suggests_the_near_name(call, starter):
    done = call(starter, "show", "features.customer_order")
    assert done.code == 1
    assert "'features.customer_order'" in done.err
    assert "Hint: did you mean 'features.customer_orders'?" in done.err


def test_compile_writes_readable_sql_once(call, starter):
    assert "sql/compiled/features/customer_orders.sql" in call(starter, "compile").out
    assert (
        (starter / "sql" / "compiled" / "features" / "customer_orders.sql")
        .read_text()
        .startswith("-- features.customer_orders: feature view")
    )
    assert call(starter, "compile").out == ""
    assert call(starter, "compile", "--check").code == 0


def test_compile_says_when_files_are_stale(call, starter):
    call(starter, "compile")
    pipeline = starter / "pipelines" / "orders.py"
    pipeline.write_text(pipeline.read_text().replace("days=90", "days=60"))
    done = call(starter, "compile", "--check")
    assert done.code == 1
    assert "sql/compiled/features/customer_orders.sql" in done.out
    assert "Hint: write them: foretable compile" in done.err


def test_a_misspelt_column_is_told_with_file_and_line(call, starter):
    pipeline = starter / "pipelines" / "orders.py"
    pipeline.write_text(pipeline.read_text().replace("o.channel.max()", "o.chanel.max()"))
    done = call(starter, "compile")
    assert done.code == 1
    line = next(n for n, text in enumerate(pipeline.read_text().splitlines(), 1) if "o.chanel" in text)
    assert f"pipelines/orders.py:{line}" in done.err
    assert "channel" in done.err


def test_a_plan_changes_nothing(call, starter):
    before = sorted(path for path in starter.rglob("*") if "__pycache__" not in path.parts)
    planned = call(starter, "plan", "--json").json()
    assert [step["model"] for step in planned["train"]] == ["churn"]
    assert {step["table"]: step["action"] for step in planned["tables"]} == {
        "features.customer_orders": "REINITIALIZE",
        "predictions.churn": "REINITIALIZE",
        "decisions.call_list": "REINITIALIZE",
    }
    assert sorted(path for path in starter.rglob("*") if "__pycache__" not in path.parts) == before


def test_selectors_choose_tables(call, starter):
    planned = call(starter, "plan", "--select", "features", "--json").json()
    assert [step["table"] for step in planned["tables"]] == ["features.customer_orders"]
    planned = call(starter, "plan", "--select", "+predictions.churn", "--exclude", "features", "--json").json()
    assert [step["table"] for step in planned["tables"]] == [] or "features.customer_orders" not in str(planned["tables"])


def test_a_pipeline_and_a_selection_at_once_are_refused(call, starter):
    done = call(starter, "plan", "churn", "--select", "features")
    assert done.code == 2
    assert "Hint:" in done.err


def test_names_are_completed(starter, monkeypatch):
    workspace.configure(workspace.Workspace(starter))
    assert options.tables("fea") == ["features.customer_orders"]
    assert options.models("") == ["churn"]
    assert options.sources("raw") == ["raw.orders"]
    assert options.selectors("+pred") == ["+predictions.churn"]
    assert "churn" in options.anything("ch")


def test_nothing_is_completed_where_nothing_loads(tmp_path):
    workspace.configure(workspace.Workspace(tmp_path))
    assert options.tables("") == []
