"""A starter project from its first run on."""

from __future__ import annotations

import csv
import io
import json
import re

import duckdb
import pytest


def test_the_first_run_tells_what_was_built(first_run):
    _, done = first_run
    assert done.code == 0, done.err
    for part in ("wave 1: 3 tables built", "features.customer_orders", "roc_auc", "champion", "decisions.call_list: act on these first"):
        assert part in done.out
    assert re.search(r"churn@\d +\w+ +champion +all +0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", done.out)
    assert "2 search trials per candidate" in done.out
    assert "published/foretable.duckdb" in done.out
    assert "foretable sql" in done.out
    assert "\x1b" not in done.out + done.err


def test_the_query_that_a_run_suggests_works(call, first_run):
    root, done = first_run
    query = next(line for line in done.out.splitlines() if line.strip().startswith("foretable sql")).split('"')[1]
    assert len(call(root, "sql", query, "--json").json()) == 5


def test_a_second_run_finds_nothing_to_do(call, built):
    done = call(built, "run")
    assert done.code == 0, done.err
    assert "nothing to do: 3 tables up to date" in done.out
    facts = call(built, "run", "--json").json()
    assert {table["action"] for table in facts["tables"]} == {"NO_DATA"}
    assert facts["trained"] == []


def test_a_plan_after_a_run_is_empty(call, built):
    assert "nothing to do" in call(built, "plan").out


def test_refresh_trains_nothing(call, starter):
    done = call(starter, "refresh")
    assert done.code == 1  # a script that schedules it must notice
    assert "BLOCKED" in done.out
    assert "foretable train churn" in done.out and "foretable train churn" in done.err


def test_a_changed_definition_is_rebuilt_with_what_depends_on_it(call, built):
    path = built / "sql" / "decisions" / "call_list.sql"
    path.write_text(path.read_text().replace("<= 90", "<= 60"))
    actions = {table["table"]: table["action"] for table in call(built, "run", "--json").json()["tables"]}
    assert actions == {"features.customer_orders": "NO_DATA", "predictions.churn": "NO_DATA", "decisions.call_list": "REINITIALIZE"}


def test_status_and_history(call, built):
    status = {row["table"]: row for row in call(built, "status", "--json").json()}
    assert status["predictions.churn"]["kind"] == "scoring table"
    assert status["predictions.churn"]["rows"] > 0
    history = call(built, "history", "predictions.churn", "--json").json()
    assert [row["action"] for row in history] == ["REINITIALIZE"]
    assert "predictions.churn" in call(built, "status").out


def test_models_versions_and_moving_the_champion(call, built):
    versions = call(built, "models", "--json").json()
    assert {version["version"] for version in versions} == {1, 2}
    champion = next(version for version in versions if "champion" in (version["alias"] or ""))
    other = next(version["version"] for version in versions if version is not champion)
    assert champion["metrics"]["roc_auc"]["low"] < champion["metrics"]["roc_auc"]["value"] < champion["metrics"]["roc_auc"]["high"]
    assert call(built, "promote", f"churn@{other}", "--reason", "a test").code == 0
    assert call(built, "sql", "SELECT champion FROM foretable.models", "--json").json() == [{"champion": other}]
    assert call(built, "rollback", "churn").out.startswith(f"churn@{champion['version']} ")
    actions = {table["table"]: table["action"] for table in call(built, "run", "--json").json()["tables"]}
    assert actions["predictions.churn"] == "NO_DATA"


def test_promote_refuses_what_is_not_there(call, built):
    done = call(built, "promote", "churn@99")
    assert done.code == 1
    assert "99" in done.err and "Hint:" in done.err
    assert call(built, "promote", "churn").code == 2


def test_sql_as_a_table_json_and_csv(call, built):
    query = "SELECT customer_id, channel FROM features.customer_orders ORDER BY customer_id LIMIT 2"
    rows = call(built, "sql", query, "--json").json()
    assert [list(row) for row in rows] == [["customer_id", "channel"]] * 2
    assert list(csv.DictReader(io.StringIO(call(built, "sql", query, "--csv").out))) == [
        {k: str(v) for k, v in row.items()} for row in rows
    ]
    assert call(built, "sql", query).out.splitlines()[0].split() == ["customer_id", "channel"]
    assert call(built, "sql", query, "--json", "--csv").code == 2


def test_sql_scores_a_whole_table(call, built):
    row = call(built, "sql", "FROM predict_churn(features.customer_orders) LIMIT 1", "--json").json()[0]
    assert 0 <= row["churn_probability"] <= 1
    assert row["model_version"] in (1, 2)


def test_sql_is_read_only_unless_asked(call, built):
    refused = call(built, "sql", "CREATE TABLE raw.x AS SELECT 1 AS a")
    assert refused.code == 1
    assert "read-only" in refused.err
    assert call(built, "sql", "CREATE TABLE raw.x AS SELECT 1 AS a", "--write").code == 0
    assert call(built, "sql", "FROM raw.x", "--json").json() == [{"a": 1}]
    assert call(built, "sql", "DROP TABLE raw.x", "--write").out == ""


def test_sql_draws_plans_and_knows_time_zones(call, built):
    assert len(call(built, "sql", "EXPLAIN SELECT 1").out.splitlines()) > 4
    found = call(built, "sql", "SELECT TIMESTAMPTZ '2026-01-31 12:00:00+02' AS t", "--json").json()
    assert found == [{"t": "2026-01-31T10:00:00+00:00"}]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT predict_churn(customer_id) FROM features.customer_orders", "takes a whole row"),
        ("SELECT predict_churn(f) FROM (SELECT customer_id FROM features.customer_orders) AS f", "which the row does not have"),
        ("SELECT * FROM features.customer_order", "customer_order"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_a_wrong_query_is_told_in_one_message(call, built, query, says):
    done = call(built, "sql", query)
    assert done.code in (1, 2)
    assert done.err.startswith("error: ")
    assert says in done.err
    assert "Traceback" not in done.err


def test_export_for_a_crm(call, built, tmp_path):
    target = tmp_path / "calls.csv"
    assert call(built, "export", "decisions.call_list", "--csv", str(target)).code == 0
    rows = list(csv.DictReader(target.open()))
    assert list(rows[0]) == ["customer_id", "channel", "churn_probability", "spend_365d", "spend_at_risk"]
    risks = [float(row["spend_at_risk"]) for row in rows]
    assert risks == sorted(risks, reverse=True)
    assert call(built, "export", "decisions.call_list").out == target.read_text()
    missing = call(built, "export", "decisions.call_lists")
    assert missing.code == 1 and "did you mean 'decisions.call_list'" in missing.err


def test_the_published_file_opens_without_foretable(built, call):
    call(built, "publish")
    with duckdb.connect(built / "published" / "foretable.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM decisions.call_list").fetchall()[0][0] > 0


def test_backup_and_restore(call, built):
    copy = call(built, "backup").out.strip()
    call(built, "sql", "DROP TABLE decisions.call_list", "--write")
    assert call(built, "restore", copy).code == 2
    assert call(built, "restore", copy, "--yes").code == 0
    assert call(built, "sql", "SELECT count(*) > 0 AS there FROM decisions.call_list", "--json").json() == [{"there": True}]


def test_a_table_that_is_no_longer_declared_is_dropped_only_when_asked(call, built):
    (built / "sql" / "decisions" / "call_list.sql").unlink()
    assert call(built, "plan", "--json").json()["drop"] == ["decisions.call_list"]
    call(built, "run")
    assert call(built, "sql", "SELECT 1 FROM decisions.call_list LIMIT 1").code == 0
    pruned = call(built, "run", "--prune").out
    assert "DROP" in next(line for line in pruned.splitlines() if line.startswith("decisions.call_list "))
    assert "nothing to do" not in pruned
    assert call(built, "sql", "SELECT 1 FROM decisions.call_list LIMIT 1").code == 1
    assert call(built, "run", "--prune", "--json").json()["dropped"] == []


def test_a_failing_table_leaves_the_rest(call, built):
    path = built / "sql" / "decisions" / "call_list.sql"
    path.write_text(path.read_text().replace("channel,", "channel, error('no luck') AS luck,"))
    done = call(built, "run")
    assert done.code == 1
    assert done.err.startswith("error: decisions.call_list: Invalid Input Error: no luck; 1 table left as the last good wave made")
    assert "FAILED" in done.out
    assert call(built, "sql", "SELECT count(*) > 0 AS there FROM decisions.call_list", "--json").json() == [{"there": True}]


def test_training_again_without_a_better_model_is_refused(call, built):
    done = call(built, "train", "churn", "--trials", "2", "--json")
    facts = json.loads(done.out)
    assert facts["model"] == "churn"
    assert done.code == (0 if facts["gate"]["accepted"] else 3)
    if not facts["gate"]["accepted"]:
        assert "Hint: promote it all the same" in done.err


def test_rows_are_ingested_and_quarantined(call, starter, tmp_path):
    source = starter / "pipelines" / "orders.py"
    source.write_text(source.read_text().replace(', file="data/orders.csv"', ""))
    schemas = starter / "pipelines" / "schemas.py"
    schemas.write_text(
        schemas.read_text() + '\nft.schema("raw.orders", pa.DataFrameSchema({"amount": pa.Column(float, pa.Check.ge(0))}))\n'
    )
    lines = (starter / "data" / "orders.csv").read_text().splitlines()
    (tmp_path / "orders.csv").write_text("\n".join([*lines, "9999,1,2025-12-30 00:00:00,web,-5.00"]) + "\n")
    done = call(starter, "ingest", "raw.orders", str(tmp_path / "orders.csv"))
    assert done.code == 0, done.err
    assert f"{len(lines) - 1:,} rows loaded, 1 in quarantine" in done.out
    shown = call(starter, "quarantine", "--json").json()
    assert [(row["table_name"], row["quarantined"]) for row in shown] == [("raw.orders", 1)]
    assert "-5" in call(starter, "quarantine", "raw.orders").out
    assert call(starter, "quarantine", "raw.orders", "--redrive").code == 0
    assert call(starter, "ingest", "raw.orders", str(tmp_path / "nothing.csv")).code == 1
