"""features: list, show, get, join, stats, and what is completed."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import duckdb
import pytest

from foretable.cli import workspace
from foretable.cli.features import names, wanted_names

PAGE = (Path(__file__).parents[2] / "docs" / "feature_store.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The blocks of the page about the store."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def store(first_run: tuple[Path, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter after its first run, with a second version of its view that was not built yet; only to be read."""
    root = tmp_path_factory.mktemp("features") / "mine"
    shutil.copytree(first_run[0], root, symlinks=True)
    pipeline = root / "pipelines" / "orders.py"
    pipeline.write_text(pipeline.read_text() + "\n\n" + blocks("python")[0])
    return root


def test_views_are_listed_and_filtered(call, store):
    listed = call(store, "features", "--json").json()
    assert [(line["view"], line["version"], line["entity"]) for line in listed] == [
        ("features.customer_orders", 1, "customer"),
        ("features.customer_orders", 2, "customer"),
    ]
    first, second = listed
    assert first["rows"] > 0 and first["columns"] > 3 and first["late"] is False and first["target_lag"]
    assert (second["rows"], second["owner"], second["tags"]) == (None, "growth", ["clv"])
    assert [line["version"] for line in call(store, "features", "list", "--tag", "CLV", "--owner", "growth", "--json").json()] == [2]
    assert "not built" in call(store, "features", "--entity", "customer").out
    done = call(store, "features", "--tag", "clw")
    assert done.code == 1 and "no feature view has the tag 'clw'\nHint: did you mean 'clv'?" in done.err


def test_versions_stand_side_by_side(call, store):
    shown = call(store, "features", "show", "Customer_Orders", "--json").json()
    first, second = shown["versions"]
    assert first["models"] == ["churn"] and second["models"] == [] and first["read_by"] == ["predictions.churn"]
    assert second["added"] == ["spent"] and second["retyped"] == {"orders_90d": ["BIGINT", "INTEGER"]} and len(second["removed"]) > 1
    assert shown["sources"] == ["raw.orders"] and "decisions.call_list" in shown["read_by"]
    spent = next(column for column in shown["columns"] if column["column"] == "spent")
    assert spent == {"column": "spent", "types": {"1": None, "2": "DECIMAL(38,2)"}, "made_of": ["raw.orders.amount"]}
    assert first["declared"].startswith("pipelines/orders.py:") and shown["refreshes"][0]["action"] == "REINITIALIZE"
    told = call(store, "features", "customer_orders@2").out
    assert "version 2" in told and "version 1" not in told and "+spent, -channel" in told
    done = call(store, "features", "show", "customer_order")
    assert done.code == 1 and "Hint: did you mean 'customer_orders'?" in done.err


def test_get_tells_what_the_table_holds_and_who_is_unknown(call, store, tmp_path):
    found = call(store, "features", "get", "customer_orders", "--entity", "customer=7,99999", "--feature", "orders_90d", "--json").json()
    held = call(store, "sql", "SELECT orders_90d FROM features.customer_orders WHERE customer_id = 7", "--json").json()
    assert found["rows"] == [{"customer_id": 7, **held[0]}, {"customer_id": 99999, "orders_90d": None}]
    assert found["unknown"] == {"features.customer_orders": [{"customer_id": 99999}]}
    as_of = found["as_of"]["features.customer_orders"]
    then = call(store, "features", "get", "customer_orders", "--entity", "customer=7", "--as-of", as_of, "--csv", str(tmp_path / "a.csv"))
    now = call(store, "features", "get", "customer_orders", "--entity", "customer_id=7", "--csv", str(tmp_path / "b.csv"))
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text() and then.code == now.code == 0
    assert f"features.customer_orders as of {as_of[:10]}" in then.err
    plain = call(store, "features", "get", "customer_orders", "--entity", "customer=7,99999")
    assert "1 row without features: features.customer_orders does not know customer_id 99999" in plain.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--entity", "customer=7", "--as-of", "2999-01-01"], 2, "2999-01-01 00:00 lies in the future"),
        (["--entity", "customer=7", "--as-of", "soon"], 2, "'soon' is no date"),
        (["--entity", "customer=x"], 1, "column 'customer_id': 'x' is no BIGINT"),
        (["--entity", "shop=7"], 2, "is not about a shop"),
        (["--entity", "customer"], 2, "names no key"),
        (["--entity", "customer=7\n8"], 2, "has more than one line"),
        (["--entity", "customer=7", "--feature", "orders_90"], 1, "has no feature 'orders_90'"),
    ],
)
def test_get_refuses(call, store, words, code, message):
    done = call(store, "features", "get", "customer_orders", *words)
    assert done.code == code and message in done.err and "Hint: " in done.err


def test_get_of_what_was_never_built(call, store):
    done = call(store, "features", "get", "customer_orders@2", "--entity", "customer=7")
    assert done.code == 1 and "has not been built yet\nHint: foretable run --select features.customer_orders__v2" in done.err


def test_join_writes_all_rows_or_nothing(call, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spine.csv").write_text("label,customer_id,seen\nb,7,2025-06-01\na,8,2025-07-01 12:00\nb,7,2025-06-01\n")
    words = ["--features", "customer_orders:orders_90d,customer_orders@2:spent", "--timestamp", "seen"]
    done = call(store, "features", "join", "--spine", "spine.csv", *words, "--to", "out.parquet", "--json").json()
    assert (done["rows"], done["columns"]) == (3, ["label", "customer_id", "seen", "orders_90d", "spent"])
    call(store, "features", "join", "--spine", "SELECT * FROM 'out.parquet'", *words, "--prefix", "--to", "again.csv")
    rows = duckdb.sql("SELECT label, customer_id, orders_90d = customer_orders__orders_90d FROM 'again.csv'").fetchall()
    assert rows == [("b", 7, True), ("a", 8, True), ("b", 7, True)]
    Path("spine.csv").write_text("label,customer_id,seen\nb,7,2025-06-01\na,8,\n")
    failed = call(store, "features", "join", "--spine", "spine.csv", *words, "--to", "new.parquet")
    assert failed.code == 1 and "error: spine.csv:3: column 'seen' is empty" in failed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.csv", "out.parquet", "spine.csv"]
    assert call(store, "features", "join", "--spine", "spine.csv", *words, "--to", "new.xlsx").code == 2


def test_stats_beside_what_the_model_learned_from(call, store):
    found = call(store, "features", "stats", "customer_orders", "--against", "churn", "--json").json()
    facts = {one["name"]: one for one in found["features"]}
    assert facts["orders_90d"]["rows"] > 0 and facts["orders_90d"]["nulls"] is not None
    assert found["against"]["of"] == "training set of churn" and found["psi"]["orders_90d"] > 0
    told = call(store, "features", "stats", "customer_orders@2", "--as-of", "2025-06-01").out
    assert told.startswith("features.customer_orders@2 as of 2025-06-01: ") and "spent" in told


def test_views_and_features_are_completed(store):
    workspace.configure(workspace.Workspace(store))
    try:
        assert names("customer") == ["customer_orders"]
        assert names("features.c") == ["features.customer_orders"]
        assert names("customer_orders@") == ["customer_orders@1", "customer_orders@2"]
        assert wanted_names("customer_orders,cust") == ["customer_orders,customer_orders"]
        assert wanted_names("customer_orders@2:s") == ["customer_orders@2:spent"]
    finally:
        workspace.configure(workspace.DEFAULT)


def test_views_are_listed_before_there_is_a_warehouse(call, starter):
    assert [line["rows"] for line in call(starter, "features", "--json").json()] == [None]
    assert call(starter, "features", "get", "customer_orders", "--entity", "customer=1").code == 1


def test_the_page_does_what_it_says(call, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    assert len(lines) == 9
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "foretable"
        done = call(store, *words[1:])
        assert done.code == 0 and (done.out or done.err), done.err
    assert Path("training.parquet").exists()
    monkeypatch.chdir(store)
    found: dict[str, object] = {}
    exec(compile(blocks("python")[1], "feature_store.md", "exec"), found)
    assert found["training"].num_rows == 16 and found["training"]["orders_90d"].null_count < 16
