"""foretable compact, as a shell would call it."""

import subprocess
import sys
from pathlib import Path

import duckdb

from foretable.warehouse import ensure_catalog, open_warehouse

BLOAT = "CREATE TABLE raw.bloat AS SELECT i, hash(i) AS h FROM range(300000) AS t(i)"


def project(folder: Path) -> Path:
    """A project whose warehouse holds more free space than data, and two waves of long ago."""
    (folder / "pyproject.toml").write_text('[tool.foretable]\nkeep_logs = "30 days"\n')
    with open_warehouse(folder / "warehouse.duckdb") as connection:
        ensure_catalog(connection)
        connection.execute(f"CREATE SCHEMA raw; {BLOAT}; CHECKPOINT; DROP TABLE raw.bloat")
        connection.execute("CREATE TABLE raw.orders AS SELECT i AS id FROM range(10) AS t(i); CHECKPOINT")
        for number in (1, 2):
            connection.execute("INSERT INTO foretable.waves VALUES (?, 'RUN', 'SUCCEEDED', '2020-01-01', '2020-01-01', NULL)", [number])
    return folder


def rows(root: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_compact_says_size_before_and_after(call, tmp_path):
    root = project(tmp_path)
    size = (root / "warehouse.duckdb").stat().st_size
    done = call(root, "compact")
    now = (root / "warehouse.duckdb").stat().st_size
    assert done.code == 0 and done.out == f"warehouse.duckdb: {size / 1e6:.1f} MB before, {now / 1e6:.1f} MB now\n" and now < size
    assert rows(root, "SELECT count(*) FROM raw.orders") == [(10,)]
    assert rows(root, "SELECT wave FROM foretable.waves") == [(2,)]
    again = call(root, "compact")
    assert (again.code, again.out) == (0, f"warehouse.duckdb: {now / 1e6:.1f} MB, as small as it gets\n")


def test_compact_as_json(call, tmp_path):
    root = project(tmp_path)
    done = call(root, "compact", "--json")
    found = done.json()
    assert done.code == 0 and done.err == ""
    assert found["file"] == str(root / "warehouse.duckdb")
    assert found["after"] == (root / "warehouse.duckdb").stat().st_size < found["before"]
    assert found["rows"] > 10 and found["forgotten"] == {"waves": 1, "history": 0, "logs": 0, "quarantined": 0}


def test_compact_without_a_warehouse_and_with_a_wrong_setting(call, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.foretable]\n")
    done = call(tmp_path, "compact")
    assert done.code == 1 and "no warehouse yet" in done.err and "foretable run" in done.err
    assert [file.name for file in tmp_path.iterdir()] == ["pyproject.toml"]
    (tmp_path / "pyproject.toml").write_text('[tool.foretable]\nkeep_logs = "soon"\n')
    done = call(tmp_path, "compact")
    assert done.code == 1 and "keep_logs" in done.err and "90 days" in done.err
    assert call(tmp_path, "compact", "now").code == 2


def test_compact_names_who_has_the_warehouse_open(call, tmp_path):
    root = project(tmp_path)
    before = (root / "warehouse.duckdb").read_bytes()
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); sys.stdin.readline()"
    words = [sys.executable, "-c", code, str(root / "warehouse.duckdb")]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline()
    done = call(root, "compact")
    holder.communicate()
    assert done.code == 1 and str(holder.pid) in done.err and "--wait" in done.err
    assert (root / "warehouse.duckdb").read_bytes() == before


def test_help_shows_examples(call, tmp_path):
    done = call(tmp_path, "compact", "--help")
    assert done.code == 0 and "foretable compact" in done.out and "keep_logs" in done.out
