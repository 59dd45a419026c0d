"""Backup and restore: equal content, macros over Python functions included; nothing half done."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pytest

from foretable.errors import CatalogTooNew, WarehouseError, WarehouseLocked
from foretable.warehouse import backup, ensure_catalog, open_warehouse, restore


def add_function(connection: duckdb.DuckDBPyConnection) -> None:
    connection.create_function("score_v1", lambda a: pc.multiply(a, 2.0), ["DOUBLE"], "DOUBLE", type="arrow")


def build(path: Path) -> Path:
    with open_warehouse(path) as connection:
        ensure_catalog(connection)
        add_function(connection)
        connection.execute("CREATE SCHEMA features; CREATE SCHEMA bi")
        connection.execute(
            "CREATE TABLE features.usage AS SELECT i AS id, i / 7 AS x, [i, NULL] AS l, 'k' || i AS s FROM range(5000) AS t(i)"
        )
        connection.execute("CREATE MACRO predict(r) AS score_v1(r.x)")
        connection.execute("CREATE MACRO predict(t) AS TABLE SELECT *, score_v1(x) AS p FROM query_table(t)")
        connection.execute("CREATE VIEW bi.scores AS SELECT id, score_v1(x) AS p FROM features.usage")
        connection.execute("INSERT INTO foretable.model_artifacts VALUES ('m', 1, 'onnx', '\\x00\\xFF'::BLOB, 'f')")
    return path


def content(path: Path) -> dict[str, Any]:
    """Every row of every table, and what the macros and views give."""
    with open_warehouse(path, read_only=True) as connection:
        add_function(connection)
        tables = connection.execute(
            "SELECT '\"' || schema_name || '\".\"' || table_name || '\"' FROM duckdb_tables() ORDER BY ALL"
        ).fetchall()
        found: dict[str, Any] = {name: connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for (name,) in tables}
        found["macro"] = connection.execute("SELECT sum(predict(u)) FROM features.usage AS u").fetchall()
        found["table macro"] = connection.execute("SELECT sum(p) FROM predict(features.usage)").fetchall()
        found["view"] = connection.execute("SELECT sum(p) FROM bi.scores").fetchall()
        return found


def test_a_restored_backup_equals_the_original(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    before = content(path)
    assert len(before) > 15 and before["macro"][0][0] > 0
    copy = backup(path, tmp_path / "safe")
    with open_warehouse(path) as connection:
        connection.execute("DELETE FROM features.usage WHERE id % 2 = 0; DROP VIEW bi.scores")
    changed = path.read_bytes()
    restore(copy, path)
    assert content(path) == before
    (kept,) = (tmp_path / "backups").iterdir()
    assert kept.name.startswith("w-before-restore-")
    assert kept.read_bytes() == changed
    assert list((tmp_path / "safe").iterdir()) == [copy]


def test_changes_that_stand_in_the_wal_are_copied(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE late AS SELECT 42 AS a'); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert Path(f"{path}.wal").exists()
    with open_warehouse(backup(path, tmp_path / "safe"), read_only=True) as connection:
        assert connection.execute("FROM late").fetchall() == [(42,)]


def test_the_lock_outlives_the_copy(tmp_path: Path) -> None:
    """Reading the file in this process would silently drop DuckDB's lock on it."""
    path = build(tmp_path / "w.duckdb")
    with open_warehouse(path) as connection:
        backup(path, tmp_path / "safe")
        other = subprocess.run(
            [sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", str(path)], capture_output=True, text=True
        )
        assert "Could not set lock" in other.stderr
        assert connection.execute("SELECT count(*) FROM features.usage").fetchall() == [(5000,)]


def test_a_warehouse_in_use_is_left_alone(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    copy = backup(path, tmp_path / "safe")
    before = path.read_bytes()
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.readline()"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline()
    for attempt in (lambda: backup(path, tmp_path / "safe"), lambda: restore(copy, path)):
        with pytest.raises(WarehouseLocked, match=str(holder.pid)):
            attempt()
    holder.communicate()
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["safe", "w.duckdb"]


def test_only_a_foretable_warehouse_is_restored(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    before = path.read_bytes()
    with duckdb.connect(str(tmp_path / "plain.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    (tmp_path / "text.duckdb").write_text("customer_id\n1\n")
    for name, message in (("plain", "no system catalog"), ("text", "not a DuckDB file"), ("gone", "no such file")):
        with pytest.raises(WarehouseError, match=message) as caught:
            restore(tmp_path / f"{name}.duckdb", path)
        assert caught.value.hint
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plain.duckdb", "text.duckdb", "w.duckdb"]


def test_a_copy_of_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    copy = backup(path, tmp_path / "safe")
    with open_warehouse(copy) as connection:
        connection.execute("INSERT INTO foretable.catalog VALUES (99, '9.0', NULL)")
    with pytest.raises(CatalogTooNew):
        restore(copy, path)
    assert not (tmp_path / "backups").exists()


def test_a_copy_with_waiting_changes_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    copy = backup(path, tmp_path / "safe")
    Path(f"{copy}.wal").write_bytes(b"x")
    with pytest.raises(WarehouseError, match="waiting"):
        restore(copy, path)


def test_a_damaged_warehouse_can_be_replaced(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    before = content(path)
    copy = backup(path, tmp_path / "safe")
    path.write_bytes(path.read_bytes()[:20_000])
    Path(f"{path}.wal").write_bytes(b"left over")
    restore(copy, path)
    assert content(path) == before
    assert not Path(f"{path}.wal").exists()
    assert {kept.suffix for kept in (tmp_path / "backups").iterdir()} == {".duckdb", ".wal"}


def test_restore_where_there_is_no_warehouse(tmp_path: Path) -> None:
    copy = backup(build(tmp_path / "w.duckdb"), tmp_path / "safe")
    restore(copy, tmp_path / "new.duckdb")
    assert content(tmp_path / "new.duckdb") == content(tmp_path / "w.duckdb")


def test_a_backup_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom foretable.warehouse import open_warehouse\n"
        "from foretable.warehouse.copies import copy_open_file\n"
        "connection = open_warehouse(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: copy_open_file(connection, Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), str(tmp_path / "safe")], capture_output=True, text=True)
    assert "WarehouseError" in done.stdout and "cannot be written" in done.stdout, done.stdout + done.stderr
    assert list((tmp_path / "safe").iterdir()) == []
    with pytest.raises(WarehouseError, match="no such file"):
        backup(tmp_path / "gone.duckdb", tmp_path / "safe")
