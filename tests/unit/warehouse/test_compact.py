"""Compaction: the same file, only smaller; whole at any moment, and nobody's write lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pytest

from foretable.errors import WarehouseError, WarehouseLocked
from foretable.warehouse import ensure_catalog, open_warehouse
from foretable.warehouse.compact import compact, leftovers

OBJECTS = """
CREATE SCHEMA features; CREATE SCHEMA "Odd ""name"; CREATE SCHEMA bi;
CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE TYPE features.pt AS STRUCT(x INT, y INT);
CREATE SEQUENCE seq START 5; CREATE SEQUENCE features.other INCREMENT 3 MAXVALUE 1000 CYCLE;
SELECT nextval('seq'); SELECT nextval('seq'); SELECT nextval('features.other');
CREATE TABLE features.usage AS SELECT i AS id, i / 7 AS x, [i, NULL] AS l, 'k' || i AS s FROM range(5000) AS t(i) ORDER BY hash(i);
CREATE TABLE "Odd ""name"."Ta.ble" (
    "Co l" INT DEFAULT 3, m mood, p features.pt, g INT GENERATED ALWAYS AS ("Co l" + 1), n INT DEFAULT nextval('seq'),
    t VARCHAR COLLATE nocase, "end" TIMESTAMP DEFAULT now(), UNIQUE ("Co l"), CHECK ("Co l" > 0)
);
INSERT INTO "Odd ""name"."Ta.ble" ("Co l", m, p, t) VALUES (1, 'a', {'x': 1, 'y': 2}, 'A'), (2, 'b', NULL, 'b');
CREATE TABLE packed (a INT USING COMPRESSION uncompressed, b HUGEINT USING COMPRESSION uncompressed);
INSERT INTO packed SELECT i, i FROM range(5000) AS t(i);
CREATE TABLE z_parent (a INT PRIMARY KEY); INSERT INTO z_parent VALUES (1), (2);
CREATE TABLE a_child (a INT REFERENCES z_parent (a), f FLOAT NOT NULL DEFAULT 1);
INSERT INTO a_child VALUES (1, -0.0), (2, 'nan'), (1, 'inf');
CREATE INDEX by_id ON features.usage (id);
CREATE MACRO predict(r) AS score_v1(r.x);
CREATE MACRO predict(t) AS TABLE SELECT *, score_v1(x) AS p FROM query_table(t);
CREATE MACRO added(a) AS a + 1, (a, b) AS a + b, (a, b, c) AS a + b + c;
CREATE MACRO features.most() AS (SELECT max(x) FROM features.usage);
CREATE VIEW bi.scores AS SELECT id, score_v1(x) AS p FROM features.usage;
CREATE VIEW aaa AS SELECT * FROM bi.scores;
CREATE VIEW renamed("A b", c) AS SELECT 'it''s', now();
COMMENT ON VIEW bi.scores IS 'it''s a view'; COMMENT ON COLUMN bi.scores.p IS 'score';
COMMENT ON TABLE features.usage IS 'usage'; COMMENT ON COLUMN "Odd ""name"."Ta.ble"."Co l" IS 'first';
COMMENT ON MACRO predict IS 'm'; COMMENT ON MACRO TABLE predict IS 't'; COMMENT ON SEQUENCE seq IS 's'; COMMENT ON TYPE mood IS 'e';
COMMENT ON INDEX features.by_id IS 'i';
"""
BLOAT = "CREATE TABLE bloat AS SELECT i, hash(i) AS h, random() AS r FROM range(200000) AS t(i)"
KNOWN = {
    "duckdb_schemas": "schema_name, comment",
    "duckdb_tables": "schema_name, table_name, comment, sql, has_primary_key, index_count, check_constraint_count",
    "duckdb_columns": "schema_name, table_name, column_name, column_index, comment, column_default, is_nullable, data_type",
    "duckdb_views": "schema_name, view_name, comment, sql, column_count",
    "duckdb_functions": "schema_name, function_name, function_type, comment, parameters, macro_definition",
    "duckdb_sequences": "schema_name, sequence_name, comment, start_value, min_value, max_value, increment_by, cycle, last_value",
    "duckdb_types": "schema_name, type_name, comment, logical_type, labels",
    "duckdb_indexes": "schema_name, index_name, table_name, comment, sql, is_unique",
    "duckdb_constraints": "schema_name, table_name, constraint_text",
}


def add_function(connection: duckdb.DuckDBPyConnection) -> None:
    connection.create_function("score_v1", lambda a: pc.multiply(a, 2.0), ["DOUBLE"], "DOUBLE", type="arrow")


def build(path: Path, *statements: str) -> Path:
    """A warehouse with more free space than data."""
    with open_warehouse(path) as connection:
        ensure_catalog(connection)
        add_function(connection)
        connection.execute(BLOAT)
        for statement in statements:
            connection.execute(statement)
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE bloat")
        connection.execute("CREATE TABLE last AS SELECT 1 AS a; CHECKPOINT")
    return path


def content(path: Path) -> dict[str, Any]:
    """Every object, every row in its order, and what macros, views and indexes give."""
    with open_warehouse(path, read_only=True) as connection:
        found: dict[str, Any] = {}
        for function, columns in KNOWN.items():
            query = f"SELECT {columns} FROM {function}() WHERE database_name = current_database() ORDER BY ALL"
            found[function] = connection.execute(query).fetchall()
        names = 'SELECT format(\'"{}"."{}"\', replace(schema_name, \'"\', \'""\'), table_name) FROM duckdb_tables() ORDER BY ALL'
        for (name,) in connection.execute(names).fetchall():
            found[name] = repr(connection.execute(f"FROM {name}").fetchall())
        tags = "SELECT tags, path IS NULL FROM duckdb_databases() WHERE database_name = current_database()"
        found["storage"] = connection.execute(tags).fetchall()
        found["packed"] = connection.execute(
            "SELECT DISTINCT column_name, compression FROM pragma_storage_info('packed') WHERE segment_type <> 'VALIDITY' ORDER BY ALL"
        ).fetchall() if "\"main\".\"packed\"" in found else None  # fmt: skip
    return found


def program(code: str, *arguments: object, **options: Any) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def alone(path: Path) -> bool:
    return [file.name for file in path.parent.iterdir()] == [path.name]


def test_everything_is_there_again_and_the_file_is_smaller(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb", OBJECTS)
    before, size = content(path), path.stat().st_size
    done = compact(path)
    assert content(path) == before
    assert {row[1] for row in before["packed"]} == {"Uncompressed"} and len(before["duckdb_indexes"]) == 1
    assert (done.before, done.after) == (size, path.stat().st_size) and done.after < size * 0.6
    assert alone(path)
    with open_warehouse(path) as connection:
        add_function(connection)
        assert connection.execute("SELECT sum(predict(u)) = sum(2 * x) FROM features.usage AS u").fetchall() == [(True,)]
        assert connection.execute("SELECT sum(p) = sum(2 * x) FROM predict(features.usage)").fetchall() == [(True,)]
        assert connection.execute("SELECT (SELECT sum(p) FROM aaa) = sum(2 * x) FROM features.usage").fetchall() == [(True,)]
        assert connection.execute("SELECT nextval('seq'), nextval('features.other'), added(1), added(1, 2)").fetchall() == [(9, 4, 2, 3)]
        with pytest.raises(duckdb.ConstraintException):
            connection.execute('INSERT INTO "Odd ""name"."Ta.ble" ("Co l") VALUES (1)')
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("INSERT INTO a_child VALUES (7, 1)")


def test_the_storage_version_and_blocks_of_the_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS w (STORAGE_VERSION 'v1.4.0', BLOCK_SIZE 16384)")
        connection.execute(f"USE w; {BLOAT}; CREATE MACRO typed(a INT) AS a + 1; CREATE TABLE t AS SELECT 1 AS a; CHECKPOINT")
        connection.execute("DROP TABLE bloat; CREATE TABLE u AS SELECT 1 AS a; CHECKPOINT")
    before = content(path)
    done = compact(path)
    assert done.after < done.before and content(path) == before
    with open_warehouse(path, read_only=True) as connection:
        assert connection.execute("SELECT block_size FROM pragma_database_size()").fetchall() == [(16384,)]


def test_a_file_without_waste_stays(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    compact(path)
    before, written = path.stat(), path.read_bytes()
    done = compact(path)
    assert done.before == done.after == before.st_size
    assert path.stat().st_ino == before.st_ino and path.read_bytes() == written


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    path = build(tmp_path / "store" / "w.duckdb")
    path.chmod(0o640)
    link = tmp_path / "link.duckdb"
    link.symlink_to("store/w.duckdb")
    before = path.read_bytes()
    with path.open("rb") as old:
        done = compact(link)
        assert old.read() == before  # replaced by a rename, never written over
    assert done.after < done.before and link.is_symlink() and not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert alone(path)


def test_changes_that_wait_in_the_wal_come_along(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    killed = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE late AS SELECT 42 AS a'); os._exit(9)"
    program(killed, path).wait()
    assert Path(f"{path}.wal").exists()
    compact(path)
    assert alone(path)
    with open_warehouse(path, read_only=True) as connection:
        assert connection.execute("FROM late").fetchall() == [(42,)]


@pytest.mark.parametrize("mode", ["False", "True"], ids=["writer", "reader"])
def test_a_file_in_use_is_left_alone(tmp_path: Path, mode: str) -> None:
    path = build(tmp_path / "w.duckdb")
    before = path.read_bytes()
    code = f"import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only={mode}); print(1, flush=True); sys.stdin.readline()"
    holder = program(code, path)
    assert holder.stdout is not None and holder.stdout.readline()
    with pytest.raises(WarehouseLocked, match=str(holder.pid)):
        compact(path)
    holder.communicate()
    assert path.read_bytes() == before and alone(path)


def test_a_connection_of_this_process_is_in_the_way_too(tmp_path: Path) -> None:
    """POSIX locks do not keep a process from itself: what it wrote afterwards would go to the file that is gone."""
    path = build(tmp_path / "w.duckdb")
    with open_warehouse(path) as connection:
        with pytest.raises(WarehouseError, match="this process has the file open"):
            compact(path)
        connection.execute("INSERT INTO last VALUES (2)")
    with open_warehouse(path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM last").fetchall() == [(2,)]


# Tries all the time, so that it is there the moment the lock is gone; then leaves the file to others for a while.
WRITER = """
import sys, time
import duckdb
for number in range(int(sys.argv[2])):
    while True:
        try:
            connection = duckdb.connect(sys.argv[1])
            break
        except duckdb.IOException:
            time.sleep(0.01)
    connection.execute("INSERT INTO last VALUES (?)", [number])
    connection.execute("CREATE OR REPLACE TABLE bloat AS SELECT i, hash(i) AS h FROM range(50000) AS t(i)")
    connection.execute("CHECKPOINT; CREATE OR REPLACE TABLE bloat AS SELECT 1 AS a")
    connection.close()
    time.sleep(0.3)
print(number + 1)
"""


def test_no_write_is_lost_between_compactions(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    writer = program(WRITER, path, 5)
    shrunk = 0
    while writer.poll() is None:
        done = compact(path, wait=60)
        shrunk += done.after < done.before
    assert writer.communicate() == ("5\n", "")
    assert shrunk > 1
    with open_warehouse(path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM last").fetchall() == [(6,)]


COMPACT = """
import sys
from pathlib import Path
from foretable.warehouse.compact import compact
print(1, flush=True)
compact(Path(sys.argv[1]))
"""


def test_killed_at_any_moment_it_leaves_a_whole_file(tmp_path: Path) -> None:
    original = build(tmp_path / "w.duckdb", OBJECTS)
    before = content(original)
    path = tmp_path / "work" / "w.duckdb"
    path.parent.mkdir()
    outcomes = {"old": 0, "new": 0, "left": 0}
    for turn in range(4):
        shutil.copyfile(original, path)
        child = program(COMPACT, path)
        assert child.stdout is not None and child.stdout.readline()
        time.sleep(turn * 0.2)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        outcomes["left"] += bool(leftovers(path))
        outcomes["old" if path.stat().st_size == original.stat().st_size else "new"] += 1
        assert content(path) == before
        compact(path)
        assert content(path) == before and alone(path)
    assert outcomes["old"] and outcomes["left"], outcomes


FULL = """
import resource, sys
from pathlib import Path
from foretable.warehouse import compact as module
copy = module._copy
def limited(*arguments):
    # Only now: nobody opens a file for writing that is larger than what may be written.
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    return copy(*arguments)
module._copy = limited
try: module.compact(Path(sys.argv[1]))
except Exception as error: print(type(error).__name__, error)
"""


@pytest.mark.parametrize("limit", [20_000, 600_000])
def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path, limit: int) -> None:
    path = build(tmp_path / "w.duckdb", OBJECTS)
    before = path.read_bytes()
    out, err = program(FULL, path, limit).communicate()
    assert "WarehouseError" in out and "disk is full" in out, out + err
    assert path.read_bytes() == before and alone(path)


SMALL = """
set -e
mount -t tmpfs -o size=$2 small "$1"
cp "$3" "$1/w.duckdb"
"$4" -c "$5" "$1/w.duckdb" || true
ls -A "$1"; cmp "$3" "$1/w.duckdb" && echo same
"""


def test_a_copy_that_would_not_fit_is_not_begun(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs a disk of its own: user namespaces")
    path = build(tmp_path / "w.duckdb", "CREATE TABLE much AS SELECT i, hash(i) AS h FROM range(200000) AS t(i)")
    (tmp_path / "disk").mkdir()
    words = ["unshare", "-rm", "sh", "-c", SMALL, "sh", str(tmp_path / "disk"), str(path.stat().st_size + 500_000), str(path)]
    done = subprocess.run([*words, sys.executable, COMPACT], capture_output=True, text=True)
    assert "WarehouseError" in done.stderr and "the disk has" in done.stderr, done.stderr
    assert done.stdout.splitlines() == ["1", "w.duckdb", "same"]


def test_what_cannot_be_compacted_is_refused_and_unharmed(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="no such file"):
        compact(tmp_path / "gone.duckdb")
    text = tmp_path / "text.duckdb"
    text.write_text("customer_id\n1\n")
    with pytest.raises(WarehouseError, match="not a DuckDB file"):
        compact(text)
    assert text.read_text() == "customer_id\n1\n"
    circle = build(
        tmp_path / "circle.duckdb", "CREATE TABLE tree (a INT PRIMARY KEY, up INT REFERENCES tree (a)); INSERT INTO tree VALUES (1, NULL)"
    )
    before = circle.read_bytes()
    with pytest.raises(WarehouseError, match="foreign key") as caught:
        compact(circle)
    assert "tree" in caught.value.where and circle.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["circle.duckdb", "text.duckdb"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "w.duckdb")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WarehouseError, match="folder may not be written"):
            compact(path)
    finally:
        tmp_path.chmod(0o700)
