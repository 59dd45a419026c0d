"""Opening a warehouse: what works, what is refused, and that a refused file stays as it was."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from foretable.errors import WarehouseError, WarehouseLocked
from foretable.warehouse import open_warehouse, translate

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline(); c.close()"


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file open until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.communicate()


def with_rows(path: Path, rows: int = 20_000) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT i, random() AS r FROM range(?) AS t(i)", [rows])
    return path


def test_a_new_file_is_a_plain_connection_in_utc(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        assert type(connection) is duckdb.DuckDBPyConnection
        assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        local = connection.execute("SELECT TIMESTAMPTZ '2024-07-01 12:00:00+02'::TIMESTAMP::VARCHAR")
        assert local.fetchall() == [("2024-07-01 10:00:00",)]


def test_no_bar_is_drawn_into_what_a_query_prints(tmp_path: Path) -> None:
    asked = "execute(\"SELECT current_setting('enable_progress_bar')\").fetchone()[0]"
    script = (
        f"import sys; from foretable.warehouse import open_warehouse; c = open_warehouse(sys.argv[1]); print(c.{asked}, c.cursor().{asked})"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path / "w.duckdb")], capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"]  # elsewhere than in `python -c` it is off anyhow


def test_killed_while_it_is_made_a_warehouse_is_not_there_at_all(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from foretable.warehouse import open_warehouse; "
        "os.link = lambda *paths: os.kill(os.getpid(), signal.SIGKILL); open_warehouse(sys.argv[1])"
    )
    path = tmp_path / "w.duckdb"
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -signal.SIGKILL
    assert not path.exists()
    open_warehouse(path).close()
    assert path.exists()


def test_attached_files_are_read_only_under_their_alias(tmp_path: Path) -> None:
    other = with_rows(tmp_path / "it's other.duckdb", 3)
    with open_warehouse(tmp_path / "w.duckdb", attach={'od"d': other}) as connection:
        assert connection.execute('SELECT count(*) FROM "od""d".t').fetchall() == [(3,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute('DELETE FROM "od""d".t')


def test_a_missing_attached_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"shop: .*gone\.duckdb does not exist") as caught:
        open_warehouse(tmp_path / "w.duckdb", attach={"shop": tmp_path / "gone.duckdb"})
    assert "attach" in caught.value.hint
    assert not (tmp_path / "w.duckdb").exists()


@pytest.mark.parametrize("name", ["features", "foretable"])
def test_names_that_would_make_layers_ambiguous_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WarehouseError, match="cannot be called"):
        open_warehouse(tmp_path / f"{name}.duckdb")
    with pytest.raises(WarehouseError, match="name of a layer"):
        open_warehouse(tmp_path / "w.duckdb", attach={name: with_rows(tmp_path / "other.duckdb")})


def test_a_lock_names_its_holder(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb")
    with held(path) as process:
        for read_only in (False, True):
            with pytest.raises(WarehouseLocked, match=rf"process {process.pid}\b.*import duckdb") as caught:
                open_warehouse(path, read_only=read_only)
            assert f"kill {process.pid}" in caught.value.hint
            assert str(path) in str(caught.value)


def test_a_locked_attached_file_is_named_and_the_warehouse_let_go(tmp_path: Path) -> None:
    shop = with_rows(tmp_path / "shop.duckdb")
    with held(shop), pytest.raises(WarehouseLocked, match=r"shop \(.*shop\.duckdb\): process \d+"):
        open_warehouse(tmp_path / "w.duckdb", attach={"shop": shop})
    with held(tmp_path / "w.duckdb"):
        pass


def test_waiting_ends_when_the_holder_goes(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb")
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(0.4); c.close()"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with open_warehouse(path, wait=30) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(20_000,)]
    holder.communicate()


def test_waiting_has_an_end(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb")
    with held(path), pytest.raises(WarehouseLocked):
        open_warehouse(path, wait=0.25)


def damaged(path: Path, how: str) -> Path:
    content = bytearray(with_rows(path).read_bytes())
    middle = len(content) // 2
    changed = {
        "empty": b"",
        "text": b"customer_id,plan\n1,gold\n" * 500,
        "one byte": b"x",
        "header only": content[:4096],
        "truncated": content[:middle],
        "no header": b"\xff" * 64 + content[64:],
        "broken metadata": content[:12288] + b"\xff" * 64 + content[12352:],
        "newer": newer(content),
    }
    path.write_bytes(changed[how])
    return path


def newer(content: bytearray) -> bytes:
    """The file with a storage version of a later DuckDB, and the checksum that goes with it."""
    version = bytes(content[8:12]) + (250).to_bytes(8, "little") + bytes(content[20:4096])
    checksum = 5381
    for start in range(0, len(version), 8):
        checksum ^= int.from_bytes(version[start : start + 8], "little") * 0xBF58476D1CE4E5B9 % 2**64
    return checksum.to_bytes(8, "little") + version + bytes(content[4096:])


@pytest.mark.parametrize(
    ("how", "message", "hint"),
    [
        ("empty", "not a DuckDB file", "check the path"),
        ("text", "not a DuckDB file", "check the path"),
        ("one byte", "not a DuckDB file", "check the path"),
        ("no header", "not a DuckDB file", "check the path"),
        ("header only", "damaged", "foretable restore"),
        ("truncated", "damaged", "foretable restore"),
        ("broken metadata", "damaged", "foretable restore"),
        ("newer", "newer DuckDB", "upgrade"),
    ],
)
def test_an_unusable_file_is_refused_and_unharmed(tmp_path: Path, how: str, message: str, hint: str) -> None:
    path = damaged(tmp_path / "w.duckdb", how)
    before = path.read_bytes()
    with pytest.raises(WarehouseError, match=message) as caught:
        open_warehouse(path)
    assert hint in caught.value.hint
    assert caught.value.where == str(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_damage_met_later_is_told_alike(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb")
    content = bytearray(path.read_bytes())
    content[12288 + 64 : 12288 + 128] = b"\xff" * 64  # the first block of rows
    path.write_bytes(content)
    try:
        with open_warehouse(path) as connection:
            connection.execute("SELECT sum(i), sum(r) FROM t").fetchall()
        raise AssertionError("the damage went unnoticed")
    except duckdb.Error as error:
        assert "damaged" in str(translate(error))
    except WarehouseError as error:
        assert "damaged" in str(error)


def test_a_broken_wal_is_damage(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb")
    code = (
        "import duckdb, os, sys\nc = duckdb.connect(sys.argv[1])\n"
        "for i in range(50): c.execute('INSERT INTO t VALUES (?, 0)', [i])\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    wal = Path(f"{path}.wal")
    content = bytearray(wal.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 30] = b"\xff" * 30
    wal.write_bytes(content)
    with pytest.raises(WarehouseError, match=r"damaged.*WAL"):
        open_warehouse(path)
    assert wal.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "read_only", "message"),
    [("folder", False, "a folder"), ("gone/w.duckdb", False, "does not exist"), ("w.duckdb", True, "no such file")],
)
def test_paths_that_are_no_file(tmp_path: Path, name: str, read_only: bool, message: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WarehouseError, match=message) as caught:
        open_warehouse(tmp_path / name, read_only=read_only)
    assert caught.value.hint


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX users")
def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = with_rows(Path(folder) / "w.duckdb")
        path.chmod(0o000)
        Path(folder).chmod(0o755)
        code = (
            "import os, sys\nfrom foretable.warehouse import open_warehouse\nfrom foretable.errors import WarehouseError\n"
            "os.getuid() or os.setuid(65534)\n"
            "try: open_warehouse(sys.argv[1])\nexcept WarehouseError as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
        assert "no permission" in done.stdout and "Hint:" in done.stdout, done.stderr


def test_a_second_mode_in_one_process_is_told(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb")
    with open_warehouse(path), pytest.raises(WarehouseError, match="another mode"):
        open_warehouse(path, read_only=True)


FULL_DISK = """
import resource, sys
import duckdb
from foretable.warehouse import open_warehouse, translate, wave
resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
connection = open_warehouse(sys.argv[1])
try:
    with wave(connection):
        connection.execute("INSERT INTO t SELECT i, random() FROM range(2000000) AS t(i)")
except duckdb.Error as error:
    print(translate(error, where="w.duckdb"))
print(connection.execute("SELECT count(*) FROM t").fetchall())
"""


def test_a_full_disk_leaves_what_was_committed(tmp_path: Path) -> None:
    path = with_rows(tmp_path / "w.duckdb", 100)
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True)
    assert re.search(r"w\.duckdb: the disk is full\nHint: .*\n\[\(100,\)\]", done.stdout), done.stdout + done.stderr
    with open_warehouse(path) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(100,)]


def test_memory_that_runs_out_is_told() -> None:
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '20MB'; SET temp_directory = ''")
        with pytest.raises(duckdb.OutOfMemoryException) as caught:
            connection.execute("CREATE TABLE t AS SELECT i, md5(i::VARCHAR) AS m FROM range(3000000) AS t(i) ORDER BY m")
    assert "memory_limit" in str(translate(caught.value))


def test_a_wrong_query_is_none_of_ours() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("SELECT nope")
    assert translate(caught.value) is None
    assert translate(ValueError("x")) is None
