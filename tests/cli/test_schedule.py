"""The pace of tables through the command line: due, suspended, locked, as of a date."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

FORETABLE = [sys.executable, "-m", "foretable"]
PIPELINE = """
import foretable as ft

customer = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=customer, time="ordered_at")
"""
TABLES = """
CREATE DYNAMIC TABLE clean.orders TARGET_LAG = DOWNSTREAM AS SELECT * FROM raw.orders;

CREATE DYNAMIC TABLE features.totals ENTITY = customer TARGET_LAG = '1 hour' AS
SELECT customer_id, sum(amount) AS total FROM clean.orders WHERE ordered_at < as_of() GROUP BY customer_id;

CREATE DYNAMIC TABLE decisions.best ENTITY = customer TARGET_LAG = 'USING CRON 0 6 * * * Europe/Berlin' AS
SELECT customer_id, total FROM features.totals WHERE total > 10;
"""
ORDERS = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders AS
SELECT i AS order_id, i % 7 AS customer_id, TIMESTAMP '2024-01-01' + to_days(CAST(i AS INTEGER)) AS ordered_at,
    1.50::DECIMAL(9, 2) AS amount
FROM range(60) AS t(i);
"""
BUILT = {"clean.orders", "features.totals", "decisions.best"}


@pytest.fixture
def paced(project) -> Path:
    """A project of three tables in a row, each with a pace of another kind."""
    root: Path = project({"pipelines/shop.py": PIPELINE, "sql/shop.sql": TABLES})
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute(ORDERS)
    return root


def write(root: Path, statement: str) -> None:
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute(statement)


def age(root: Path, hours: int) -> None:
    """As if the last refresh and the last try were so long ago."""
    write(root, f"UPDATE foretable.tables SET refreshed_at = refreshed_at - INTERVAL {hours} HOURS")
    write(root, f"UPDATE foretable.schedules SET attempted_at = attempted_at - INTERVAL {hours} HOURS")


def built(facts: dict[str, Any]) -> set[str]:
    return {table["table"] for table in facts["tables"]}


def test_due_refreshes_what_is_due_and_tells_it(call, paced):
    first = call(paced, "refresh", "--due", "--json")
    assert first.code == 0, first.err
    facts = first.json()
    assert built(facts) == BUILT
    assert {"action", "reason", "rows", "inserted", "updated", "deleted", "dirty", "seconds", "timings"} <= facts["tables"][0].keys()
    assert facts["wave"] == 1 and facts["next_due"] > "2026" and facts["suspended"] == facts["failed"] == facts["blocked"] == {}
    nothing = call(paced, "refresh", "--due", "--json")
    assert nothing.code == 0
    assert nothing.json().keys() == facts.keys()
    assert (nothing.json()["wave"], nothing.json()["tables"]) == (None, [])
    assert call(paced, "refresh", "--due").out.startswith("nothing is due; the next table in ")


def test_what_a_due_table_is_made_from_comes_along(call, paced):
    call(paced, "refresh", "--due")
    write(paced, "UPDATE foretable.tables SET refreshed_at = refreshed_at - INTERVAL 1 HOUR WHERE name = 'features.totals'")
    assert built(call(paced, "refresh", "--due", "--json").json()) == {"clean.orders", "features.totals"}
    age(paced, 25)
    assert built(call(paced, "refresh", "--due", "--json").json()) == BUILT
    triggers = {line["trigger"] for line in call(paced, "history", "--json").json()}
    assert triggers == {"SCHEDULED"}


def test_due_heeds_select_and_exclude(call, paced):
    assert built(call(paced, "refresh", "--due", "--json", "--select", "+features").json()) == {"clean.orders", "features.totals"}
    assert built(call(paced, "refresh", "--due", "--json", "--exclude", "decisions").json()) == set()
    assert built(call(paced, "refresh", "--due", "--json").json()) == BUILT


def test_a_failing_table_is_told_waits_and_is_suspended_after_five(call, paced):
    call(paced, "refresh", "--due")
    write(paced, "ALTER TABLE raw.orders ALTER amount TYPE VARCHAR")
    call(paced, "sync")
    write(paced, "UPDATE raw.orders SET amount = 'a lot'")
    path = paced / "sql" / "shop.sql"
    path.write_text(path.read_text().replace("sum(amount)", "sum(amount::INTEGER)"))
    for failures in range(1, 6):
        age(paced, 25)
        done = call(paced, "refresh", "--due", "--json")
        assert done.code == 1
        assert "a lot" in done.err and "features.totals" in done.err
        assert done.json()["failed"].keys() == {"features.totals"} and done.json()["blocked"].keys() == {"decisions.best"}
        assert call(paced, "refresh", "--due").code == 0  # it waits until its lag has run out once more
        status = {row["table"]: row for row in call(paced, "status", "--json").json()}
        assert (status["features.totals"]["failures"], status["features.totals"]["suspended"]) == (failures, failures == 5)
    assert "5 scheduled refreshes in a row failed" in status["features.totals"]["suspended_reason"]
    age(paced, 25)
    facts = call(paced, "refresh", "--due", "--json").json()
    assert facts["suspended"].keys() == {"features.totals", "decisions.best"} and facts["failed"] == {}
    assert "SUSPENDED" in call(paced, "status").out
    path.write_text(path.read_text().replace("sum(amount::INTEGER)", "sum(try_cast(amount AS INTEGER))"))
    assert call(paced, "resume", "features.totals").out == "resumed: features.totals\n"
    assert built(call(paced, "refresh", "--due", "--json").json()) == BUILT


def test_failures_that_nobody_scheduled_do_not_count(call, paced):
    call(paced, "refresh", "--due")
    path = paced / "sql" / "shop.sql"
    path.write_text(path.read_text().replace("sum(amount)", "error('broken')"))
    for _ in range(6):
        assert call(paced, "refresh").code == 1
    assert not any(row["suspended"] for row in call(paced, "status", "--json").json())


def test_suspended_tables_rest_with_what_is_made_from_them(call, paced):
    call(paced, "refresh", "--due")
    told = call(paced, "suspend", "features", "--json").json()
    assert told == {"suspended": ["features.totals"], "waiting": ["decisions.best"]}
    age(paced, 25)
    facts = call(paced, "refresh", "--due", "--json").json()
    assert facts["suspended"] == {"features.totals": "asked for", "decisions.best": "features.totals is suspended"}
    by_hand = call(paced, "refresh", "--json")
    assert by_hand.code == 0, by_hand.err  # somebody wants it so: a script need not notice
    assert built(by_hand.json()) == {"clean.orders"} and by_hand.json()["blocked"].keys() == {"features.totals", "decisions.best"}
    status = {row["table"]: row for row in call(paced, "status", "--json").json()}
    assert (status["features.totals"]["suspended_reason"], status["features.totals"]["next_due"]) == ("asked for", None)
    assert call(paced, "resume", "decisions.best").out.startswith("none of them was suspended")
    assert call(paced, "resume", "+decisions.best").out == "resumed: features.totals\n"
    assert built(call(paced, "refresh", "--due", "--json").json()) == BUILT


def test_a_table_that_is_no_longer_declared_leaves_the_schedule(call, paced):
    (paced / "sql" / "more.sql").write_text("CREATE DYNAMIC TABLE clean.more AS SELECT error('broken') AS x;")
    assert call(paced, "refresh", "--due").code == 1
    assert "clean.more" in call(paced, "status").out
    (paced / "sql" / "more.sql").unlink()
    assert call(paced, "refresh").code == 0
    assert "clean.more" not in call(paced, "status").out


def test_suspending_needs_a_warehouse_and_known_names(call, paced, project):
    (paced / "warehouse.duckdb").unlink()
    (paced / "sql" / "sources").mkdir()
    (paced / "sql" / "sources" / "raw.orders.sql").write_text(
        "CREATE TABLE raw.orders (order_id BIGINT, customer_id BIGINT, ordered_at TIMESTAMP, amount DECIMAL(9, 2));\n"
    )
    done = call(paced, "suspend", "features.totals")
    assert done.code == 1 and "foretable run" in done.err
    assert not (paced / "warehouse.duckdb").exists()
    for command in ("suspend", "resume"):
        done = call(paced, command, "features.total")
        assert done.code == 1 and "did you mean 'features.totals'?" in done.err
        assert call(paced, command).code == 2
        assert "Examples:" in call(paced, command, "--help").out


@pytest.fixture
def holder(paced) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the warehouse open to write."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline(); c.close()"
    command = [sys.executable, "-c", code, str(paced / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_a_lock_names_its_holder_and_dies_with_it(call, paced, holder):
    done = call(paced, "refresh", "--due", "--json")
    assert (done.code, done.out) == (1, "")
    assert f"process {holder.pid}" in done.err and "Hint: wait for it" in done.err
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert call(paced, "refresh", "--due").code == 0


def test_wait_waits_for_the_holder(paced, holder):
    command = [*FORETABLE, "-C", str(paced), "--wait", "0", "refresh", "--due", "--wait", "60", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(3)  # without --wait it would have ended by now
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        out, err = waiting.communicate(timeout=60)
        assert waiting.returncode == 0, err
        assert '"wave": 1' in out


def test_as_of_pins_the_clock_of_one_refresh(call, paced):
    facts = call(paced, "refresh", "--as-of", "2024-01-15", "--json").json()
    assert {table["as_of"] for table in facts["tables"]} == {"2024-01-15T00:00:00"}
    total = call(paced, "sql", "SELECT sum(total) AS total FROM features.totals", "--json").json()
    assert total == [{"total": 21.0}]
    planned = call(paced, "plan", "--as-of", "2024-01-20T12:00+02:00", "--json").json()
    assert {table["as_of"] for table in planned["tables"]} == {"2024-01-20T00:00:00"}
    assert call(paced, "refresh", "--json").json()["tables"][0]["as_of"] > "2024-02"


@pytest.mark.parametrize("word", ["yesterday", "2026-13-01", "31.01.2026"])
def test_as_of_takes_dates_alone(call, paced, word):
    for command in ("refresh", "plan"):
        done = call(paced, command, "--as-of", word)
        assert done.code == 2
        assert f"{word!r} is no date" in done.err and "Hint: write 2026-01-31" in done.err


@pytest.mark.parametrize("words", [["--wait", "soon"], ["--wait", "-1"], ["--due", "--nothing"], ["shop", "--select", "x"]])
def test_wrong_words_of_refresh(call, paced, words):
    done = call(paced, "refresh", *words)
    assert done.code == 2 and done.err.startswith("error: ") and "Hint:" in done.err


def test_status_shows_lag_against_target(call, paced):
    call(paced, "refresh", "--due")
    rows = {row["table"]: row for row in call(paced, "status", "--json").json()}
    assert rows["features.totals"]["target_lag"] == "1 hour"
    assert 0 <= rows["features.totals"]["lag_seconds"] < 60
    assert rows["clean.orders"]["next_due"] is not None  # with its first reader
    assert rows["decisions.best"]["next_due"][11:] in ("04:00:00", "05:00:00")  # six o'clock in Berlin
    write(paced, "UPDATE foretable.tables SET next_due = next_due - INTERVAL 2 HOURS WHERE name = 'features.totals'")
    lines = {line.split()[0]: line for line in call(paced, "status").out.splitlines()}
    assert "LATE" in lines["features.totals"] and "not refreshed within its target lag" in lines["features.totals"]
    assert "on time" in lines["decisions.best"]


def test_a_late_source_shows(call, paced):
    call(paced, "refresh", "--due")
    write(paced, "UPDATE foretable.sources SET is_late = true")
    rows = call(paced, "status", "--json").json()
    assert {(row["late"], row["late_reason"]) for row in rows} == {(True, "late source: raw.orders")}


def test_history_tells_what_changed_and_how_long_each_step_took(call, paced):
    call(paced, "refresh")
    lines = {line["table"]: line for line in call(paced, "history", "--json").json()}
    totals = lines["features.totals"]
    assert (totals["trigger"], totals["inserted"], totals["updated"], totals["deleted"]) == ("REFRESH", 7, 0, 0)
    assert totals["timings"] and all(seconds >= 0 for seconds in totals["timings"].values())
    assert "inserted" in call(paced, "history").out.splitlines()[0]


def test_plan_tells_the_mode_and_explains_it(call, paced):
    planned = call(paced, "plan", "--json").json()
    assert {table["mode"] for table in planned["tables"]} <= {"INCREMENTAL", "FULL"}
    assert all(table["mode_reason"] for table in planned["tables"] if table["mode"] == "FULL")
    assert call(paced, "plan").out.splitlines()[0].split()[:3] == ["table", "mode", "action"]
    call(paced, "refresh")
    facts = call(paced, "plan", "--explain", "Features.totals", "--json").json()
    assert facts["table"] == "features.totals" and facts["mode"] in ("INCREMENTAL", "FULL")
    assert [read["table"] for read in facts["reads"]] == ["clean.orders"] and facts["reads"][0]["how"]
    assert facts["next"]["action"] == "NO_DATA"
    out = call(paced, "plan", "--explain", "features.totals").out
    assert out.startswith(f"features.totals is {facts['mode']}: ") and "clean.orders" in out
    wrong = call(paced, "plan", "--explain", "features.total")
    assert wrong.code == 1 and "did you mean 'features.totals'?" in wrong.err


@pytest.mark.parametrize("command", ["refresh", "plan", "status", "history", "suspend", "resume", "up"])
def test_help_has_examples(call, paced, command):
    assert f"foretable {command}" in call(paced, command, "--help").out.partition("Examples:")[2]
