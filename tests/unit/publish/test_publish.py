"""What a wave publishes: files, manifest, the BI file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from foretable.errors import WarehouseError
from foretable.publish import publish
from foretable.publish.content import read_contents
from foretable.warehouse import ensure_catalog, open_warehouse

CHURN, PLAN = "predictions.churn", "decisions.plan"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "warehouse.duckdb") as opened:
        ensure_catalog(opened)
        opened.execute("CREATE SCHEMA predictions; CREATE SCHEMA decisions")
        opened.execute(f"CREATE TABLE {CHURN} AS SELECT i AS customer_id, i / 10 AS score FROM range(100) AS t(i)")
        opened.execute(f"CREATE TABLE {PLAN} AS SELECT i AS rank, 100 - i AS customer_id FROM range(10) AS t(i)")
        opened.execute(
            "INSERT INTO foretable.tables (name, description, as_of) VALUES (?, 'One row per ''customer''', '2024-03-01')", [CHURN]
        )
        opened.execute("INSERT INTO foretable.columns VALUES (?, 'score', 'DOUBLE', 'Probability, 0 to 1')", [CHURN])
        yield opened


def asked(bi_file: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(bi_file), read_only=True) as reader:
        return reader.execute(query).fetchall()


def manifest(root: Path) -> dict[str, Any]:
    return json.loads((root / "published" / "current" / "manifest.json").read_text())  # type: ignore[no-any-return]


def fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    return read_contents(connection, [CHURN])[0].fingerprint


def waves(root: Path) -> set[str]:
    return {folder.name for folder in (root / "published" / "waves").iterdir()}


def test_a_wave_becomes_files_a_manifest_and_a_file_of_views(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, [CHURN, PLAN, "predictions.never_built"], 7)
    assert bi_file == tmp_path / "published" / "foretable.duckdb"
    current = tmp_path / "published" / "current"
    assert current.is_symlink() and current.resolve() == tmp_path / "published" / "waves" / "7"
    with duckdb.connect() as plain:
        rows = plain.execute("SELECT count(*), sum(score) FROM read_parquet(?)", [str(current / f"{CHURN}.parquet")]).fetchall()
    assert rows == [(100, 495)]
    said = manifest(tmp_path)
    assert said["wave"] == 7
    assert said["tables"][CHURN]["rows"] == 100
    assert said["tables"][CHURN]["as_of"] == "2024-03-01T00:00:00"
    assert said["tables"][CHURN]["stale"] is False
    assert "predictions.never_built" not in said["tables"]
    assert {entry["file"] for entry in said["tables"].values()} | {"manifest.json"} == {file.name for file in current.iterdir()}
    assert asked(bi_file, f"SELECT count(*), sum(score) FROM {CHURN}") == [(100, 495)]
    assert asked(bi_file, f"SELECT rank, customer_id FROM {PLAN} WHERE rank = 3") == [(3, 97)]


def test_the_bi_file_is_described_and_holds_no_data(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, [CHURN, PLAN], 1)
    assert asked(bi_file, f"SELECT column_name, column_type FROM (DESCRIBE {CHURN})") == [("customer_id", "BIGINT"), ("score", "DOUBLE")]
    assert asked(bi_file, "SELECT count(*) FROM duckdb_tables()") == [(0,)]
    assert asked(bi_file, "SELECT comment FROM duckdb_views() WHERE view_name = 'churn'") == [("One row per 'customer'",)]
    columns = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL AND NOT internal"
    assert ("churn", "score", "Probability, 0 to 1") in asked(bi_file, columns)
    assert ("table_status", "next_due", "When the target lag runs out, UTC") in asked(bi_file, columns)
    assert asked(bi_file, "SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL") == [("plan",)]


def test_the_system_catalog_is_asked_under_its_own_name(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("INSERT INTO foretable.model_versions (model, version, metrics) VALUES ('churn', 4, '{\"auc\": 0.8}')")
    connection.execute("INSERT INTO foretable.model_aliases VALUES ('churn', 'champion', 4, NULL)")
    connection.execute("INSERT INTO foretable.model_artifacts VALUES ('churn', 4, 'onnx', 'secret'::BLOB, 'f')")
    bi_file = publish(connection, tmp_path, [CHURN], 1)
    query = "SELECT model, champion, champion_metrics ->> 'auc' FROM foretable.models"
    assert asked(bi_file, query) == connection.execute(query).fetchall() == [("churn", 4, "0.8")]
    for view in ("table_status", "quarantine_summary", "refresh_history", "evaluations", "trials", "model_versions", "waves"):
        query = f"SELECT column_name, column_type FROM (DESCRIBE foretable.{view})"
        assert asked(bi_file, query) == connection.execute(query).fetchall()
    with duckdb.connect() as other:
        other.execute(f"ATTACH '{bi_file}' AS bi (READ_ONLY)")
        assert other.execute("SELECT champion FROM bi.models").fetchall() == [(4,)]
    assert not list((tmp_path / "published").rglob("*artifact*"))


def test_published_status_goes_on_ageing(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("UPDATE foretable.tables SET target_lag = '200 milliseconds', refreshed_at = make_timestamp(epoch_us(now()))")
    bi_file = publish(connection, tmp_path, [CHURN], 1)
    due = asked(bi_file, "SELECT next_due FROM foretable.table_status")[0][0]
    late = "SELECT is_late, make_timestamp(epoch_us(now())) > next_due FROM foretable.table_status"
    while not asked(bi_file, late)[0][1]:
        pass
    assert asked(bi_file, late) == [(True, True)]
    assert isinstance(due, datetime)


def test_a_view_over_python_stays_behind_and_every_type_comes_back(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE TABLE decisions.types AS SELECT 170141183460469231731687303715884105::HUGEINT AS h, 1.10::DECIMAL(38, 10) AS d,"
        " INTERVAL 1 MONTH AS i, TIMESTAMP '2024-01-01' AS t, [1, NULL] AS l, {'a': 1, 'b c': 'x'} AS s, '{\"k\": 1}'::JSON AS j,"
        " {'a': [170141183460469231731687303715884105::HUGEINT], 'HUGEINT': 'x'} AS hs, MAP {9007199254740993::UHUGEINT: 'y'} AS hm,"
        " true AS b, 1 AS \"published file\", 2 AS filename, MAP {'a': 1} AS m, DATE '2024-01-01' AS \"select\""
    )
    bi_file = publish(connection, tmp_path, ["decisions.types"], 1)
    for query in ("SELECT column_name, column_type FROM (DESCRIBE decisions.types)", "FROM decisions.types"):
        assert asked(bi_file, query) == connection.execute(query).fetchall()


def test_unchanged_files_are_linked_and_changed_ones_written(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    publish(connection, tmp_path, [CHURN, PLAN], 1)
    connection.execute(f"UPDATE {CHURN} SET score = 0 WHERE customer_id = 5")
    connection.execute(f"CREATE OR REPLACE TABLE {PLAN} AS FROM {PLAN} ORDER BY hash(rank)")
    publish(connection, tmp_path, [CHURN, PLAN], 2)
    first, second = (tmp_path / "published" / "waves" / number for number in "12")
    assert (first / f"{PLAN}.parquet").samefile(second / f"{PLAN}.parquet")
    assert not (first / f"{CHURN}.parquet").samefile(second / f"{CHURN}.parquet")


def test_equal_rows_give_equal_bytes(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE {CHURN} AS SELECT i AS customer_id, i % 7 / 10 AS score FROM range(300000) AS t(i)")
    found = []
    for wave, name in ((1, "one"), (2, "two")):
        publish(connection, tmp_path / name, [CHURN], wave, keys={CHURN: ["customer_id"]})
        found.append((tmp_path / name / "published" / "current" / f"{CHURN}.parquet").read_bytes())
        connection.execute(f"CREATE OR REPLACE TABLE {CHURN} AS FROM {CHURN} ORDER BY hash(customer_id)")
    assert found[0] == found[1]


def test_a_file_is_sorted_by_its_key(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    publish(connection, tmp_path, [CHURN, PLAN], 1, keys={PLAN: ["customer_id"]})
    current = tmp_path / "published" / "current"
    with duckdb.connect() as plain:
        keys = plain.execute("SELECT customer_id FROM read_parquet(?)", [str(current / f"{PLAN}.parquet")]).fetchall()
    assert keys == sorted(keys) and len(keys) == 10


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("DOUBLE", "0.0", "-0.0"),
        ("DOUBLE", "NULL", "'nan'"),
        ("INTERVAL", "INTERVAL 1 MONTH", "INTERVAL 30 DAYS"),
        ("INTEGER[]", "[]", "NULL"),
        ("INTEGER[]", "[NULL]", "NULL"),
        ("STRUCT(a INTEGER)", "NULL", "{'a': NULL}"),
        ("VARCHAR", "''", "NULL"),
    ],
)
def test_values_that_hash_alike_are_told_apart(connection: duckdb.DuckDBPyConnection, kind: str, one: str, other: str) -> None:
    prints = []
    for value in (one, other, one):
        connection.execute(f"CREATE OR REPLACE TABLE {CHURN} AS SELECT {value}::{kind} AS x")
        prints.append(fingerprint(connection))
    assert prints[0] != prints[1]
    assert prints[0] == prints[2]


def test_swapped_and_doubled_rows_are_told_apart(connection: duckdb.DuckDBPyConnection) -> None:
    prints = set()
    bags = ("(1, 2), (3, 4)", "(1, 4), (3, 2)", "(1, 2), (1, 2)", "(3, 4), (3, 4)", "(2, 1), (4, 3)", "(1, 2), (3, 4), (3, 4), (3, 4)")
    for rows in bags:
        connection.execute(f"CREATE OR REPLACE TABLE {CHURN} AS FROM (VALUES {rows}) AS t(a, b)")
        prints.add(fingerprint(connection))
    assert len(prints) == len(bags)


def test_the_three_newest_waves_are_kept(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    for wave in range(1, 6):
        connection.execute("INSERT INTO foretable.waves (wave) VALUES (?)", [wave])
        publish(connection, tmp_path, [CHURN], wave)
    assert waves(tmp_path) == {"3", "4", "5"}


def test_publishing_the_same_again_changes_nothing(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, [CHURN], 1)
    before = bi_file.stat().st_ino, (tmp_path / "published" / "current" / "manifest.json").stat().st_mtime_ns
    publish(connection, tmp_path, [CHURN], 1)
    assert before == (bi_file.stat().st_ino, (tmp_path / "published" / "current" / "manifest.json").stat().st_mtime_ns)
    assert waves(tmp_path) == {"1"}


def test_a_restored_warehouse_may_come_past_a_number_again(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    publish(connection, tmp_path, [CHURN], 1)
    connection.execute(f"DELETE FROM {CHURN} WHERE customer_id > 9")
    bi_file = publish(connection, tmp_path, [CHURN], 1)
    assert asked(bi_file, f"SELECT count(*) FROM {CHURN}") == [(10,)]
    assert waves(tmp_path) == {"1", "1-2"}


def test_the_bi_file_is_replaced_only_when_a_view_changes(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, [CHURN], 1)
    first = bi_file.stat().st_ino
    connection.execute(f"DELETE FROM {CHURN}")
    publish(connection, tmp_path, [CHURN], 2)
    assert bi_file.stat().st_ino == first
    connection.execute("UPDATE foretable.columns SET description = 'Calibrated'")
    publish(connection, tmp_path, [CHURN], 3)
    assert bi_file.stat().st_ino != first
    assert ("Calibrated",) in asked(bi_file, "SELECT comment FROM duckdb_columns() WHERE column_name = 'score'")
    bi_file.unlink()
    publish(connection, tmp_path, [CHURN], 3)
    assert asked(bi_file, f"SELECT count(*) FROM {CHURN}") == [(0,)]


def test_a_moved_project_is_put_right_by_its_next_wave(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    publish(connection, tmp_path / "here", [CHURN], 1)
    (tmp_path / "here").rename(tmp_path / "there")
    bi_file = publish(connection, tmp_path / "there", [CHURN], 1)
    assert asked(bi_file, f"SELECT count(*) FROM {CHURN}") == [(100,)]


def test_a_table_that_a_failure_left_behind_is_marked(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    insert = "INSERT INTO foretable.refresh_history (wave, table_name, state, started_at) VALUES (?, ?, ?, ?)"
    for wave, state in ((1, "SUCCEEDED"), (2, "FAILED"), (3, "SUCCEEDED")):
        connection.execute(insert, [wave, CHURN, state, datetime(2024, 1, wave)])
        publish(connection, tmp_path, [CHURN, PLAN], wave)
        assert manifest(tmp_path)["tables"][CHURN]["stale"] is (state == "FAILED")


def test_a_machine_clock_that_was_set_back_delays_nobody(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bi_file = publish(connection, tmp_path, [CHURN], 1)
    clock = tmp_path / "published" / "live" / "clock.parquet"
    ahead = int(datetime(2100, 1, 1).timestamp() * 1e6)
    pq.write_table(pa.table({"slot": ["0", "1", "2"], "in_force_from": [ahead, ahead + 1, ahead + 2]}), clock)
    connection.execute(f"DELETE FROM {CHURN} WHERE customer_id > 9")
    publish(connection, tmp_path, [CHURN], 2)
    assert asked(bi_file, f"SELECT count(*) FROM {CHURN}") == [(10,)]


def test_the_warehouse_may_be_open_for_reading_only(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.close()
    with open_warehouse(tmp_path / "warehouse.duckdb", read_only=True) as reading:
        assert asked(publish(reading, tmp_path, [CHURN], 1), f"SELECT count(*) FROM {CHURN}") == [(100,)]


FULL_DISK = """
import resource, sys
from pathlib import Path
from foretable.publish import publish
from foretable.publish.content import read_contents
from foretable.warehouse import open_warehouse
with open_warehouse(Path(sys.argv[1], "warehouse.duckdb")) as connection:
    connection.execute("CREATE OR REPLACE TABLE predictions.churn AS SELECT i AS customer_id, random() AS score FROM range(200000) AS t(i)")
    connection.execute("CHECKPOINT")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        publish(connection, Path(sys.argv[1]), ["predictions.churn"], 2)
    except Exception as error:
        print(type(error).__name__, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_full_disk_keeps_the_wave_before(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, [CHURN], 1)
    connection.close()
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.startswith("WarehouseError") and "disk is full" in done.stdout and "Hint:" in done.stdout, done.stdout + done.stderr
    assert asked(bi_file, f"SELECT count(*) FROM {CHURN}") == [(100,)]
    with open_warehouse(tmp_path / "warehouse.duckdb") as again:
        publish(again, tmp_path, [CHURN], 2)
    assert asked(bi_file, f"SELECT count(*) FROM {CHURN}") == [(200_000,)]
    assert not list((tmp_path / "published").rglob("*.tmp*"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "published").write_text("in the way")
    with pytest.raises(WarehouseError, match="cannot publish") as caught:
        publish(connection, tmp_path, [CHURN], 1)
    assert caught.value.hint
