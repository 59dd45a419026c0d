"""plan --diff through the command line, in a project with a model; stopped and failing in a process of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

FEATURES = "pipelines/orders.py"
LIST = "sql/decisions/call_list.sql"


@pytest.fixture(autouse=True)
def untouched(request, tmp_path):
    """The warehouse has the same bytes after every test."""
    yield
    root = tmp_path / "mine"
    assert digest(root / "warehouse.duckdb") == digest(request.getfixturevalue("first_run")[0] / "warehouse.duckdb")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def test_nothing_would_differ(call, built):
    done = call(built, "plan", "--diff")
    assert (done.code, done.out) == (0, "nothing would differ: no definition has changed\n"), done.err


def test_a_feature_declared_in_python_reaches_the_predictions(call, built):
    edit(built, FEATURES, "amount.sum(where=last(o.ordered_at, days=365))", "amount.sum(where=last(o.ordered_at, days=180))")
    done = call(built, "plan", "--diff", "--limit", "2")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["features.customer_orders", "DIFFERS"], ["predictions.churn", "DIFFERS"], ["decisions.call_list", "DIFFERS"],
    ]  # fmt: skip
    assert "note: a run trains churn first; these are scores of version" in done.out
    assert lines[-1].endswith("to apply it: foretable run")
    assert "\x1b" not in done.out + done.err
    facts = call(built, "plan", "--diff", "--json").json()
    scored = next(table for table in facts["tables"] if table["table"] == "predictions.churn")
    assert {column["column"] for column in scored["columns"]} == {"churn_probability", "spend_365d"}
    assert scored["changed"] + scored["same"] == scored["rows_before"] == scored["rows_after"]
    assert len(scored["examples"]["changed"]) == 10


def test_a_table_that_calls_the_model_is_scored_by_the_stored_macro(call, built):
    (built / "sql" / "again.sql").write_text(
        "CREATE DYNAMIC TABLE decisions.again ENTITY = customer AS\n"
        "SELECT customer_id, predict_churn(f) AS p, model_version('churn') AS v FROM features.customer_orders AS f;\n"
        "CREATE DYNAMIC TABLE decisions.whole AS SELECT customer_id, churn_probability AS p FROM predict_churn(decisions.narrow);\n"
        "CREATE DYNAMIC TABLE decisions.narrow ENTITY = customer AS SELECT * FROM features.customer_orders;\n"
    )
    tables = {table["table"]: table for table in call(built, "plan", "--diff", "--json").json()["tables"]}
    assert {table["outcome"] for table in tables.values()} == {"NEW"}
    scores = {row["customer_id"]: row["p"] for row in tables["decisions.again"]["examples"]["only_after"]}
    stored = call(built, "sql", "SELECT customer_id, churn_probability AS p FROM predictions.churn", "--json").json()
    assert scores == {row["customer_id"]: row["p"] for row in stored if row["customer_id"] in scores}
    assert tables["decisions.whole"]["rows_after"] == tables["decisions.narrow"]["rows_after"] == len(stored)  # handed over from scratch


def test_a_failing_query_ends_with_one(call, built):
    edit(built, LIST, "churn_probability,", "error('no such luck') AS churn_probability,")
    done = call(built, "plan", "--diff")
    assert done.code == 1
    assert "error: Invalid Input Error: no such luck" in done.out
    assert "1 definition cannot be computed: decisions.call_list" in done.err
    facts = call(built, "plan", "--diff", "--json")
    assert (facts.code, facts.json()["tables"][0]["outcome"]) == (1, "FAILED")


def test_a_definition_that_does_not_bind_is_told_with_its_place(call, built):
    edit(built, LIST, "channel,", "chanel,")
    done = call(built, "plan", "--diff")
    assert done.code == 1
    assert LIST in done.err


@pytest.mark.parametrize("option", [["--full-refresh"], ["--as-of", "2026-01-01"], ["--explain", "predictions.churn"]], ids=str)
def test_it_stands_alone(call, built, option):
    done = call(built, "plan", "--diff", *option)
    assert done.code == 2
    assert "--diff stands alone" in done.err


def test_somebody_who_writes_is_named(call, built):
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(built / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        done = call(built, "plan", "--diff")
        writer.communicate()
    assert done.code == 1
    assert f"process {writer.pid}" in done.err


def test_nothing_is_left_behind_after_ctrl_c(built, tmp_path):
    edit(built, FEATURES, "days=365)).fill_null(0)", "days=180)).fill_null(0)")
    edit(
        built,
        LIST,
        "ORDER BY",
        "AND (SELECT count(*) FROM range(100000) AS a, range(100000) AS b, range(100) AS c WHERE hash(a, b, c) = 1) = 0\nORDER BY",
    )
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "foretable", "-C", str(built), "plan", "--diff"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)}, stderr=subprocess.PIPE, text=True) as process:
        # The predictions are there: what comes next does not end by itself.
        while process.poll() is None and not any(b"predictions" in log.read_bytes() for log in folder.rglob("*.wal")):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "stopped" in told
    assert list(folder.glob("foretable*")) == []  # ONNX Runtime leaves a file of its own
