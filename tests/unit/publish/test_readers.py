"""Readers while waves go on: one wave per query, no error; and publishers that are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import duckdb
import pytest

from foretable.publish import live, publish
from foretable.warehouse import ensure_catalog, open_warehouse

TABLES = ["predictions.churn", "decisions.plan"]
BOTH = "SELECT min(a.wave), max(a.wave), min(b.wave), max(b.wave), count(*) FROM predictions.churn AS a JOIN decisions.plan AS b USING (id)"


def fill(connection: duckdb.DuckDBPyConnection, wave: int) -> None:
    for name in TABLES:
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT i AS id, {wave} AS wave FROM range(500) AS t(i)")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path / "warehouse.duckdb") as opened:
        ensure_catalog(opened)
        opened.execute("CREATE SCHEMA predictions; CREATE SCHEMA decisions")
        fill(opened, 1)
        yield opened


def test_a_transaction_stays_in_the_wave_that_it_began_in(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """What a query does within a millisecond, slowed down: open one file, let a wave pass, open the other."""
    bi_file = publish(connection, tmp_path, TABLES, 1)
    with duckdb.connect(str(bi_file), read_only=True) as reader:
        for wave in (2, 3, 4):
            reader.execute("BEGIN")
            first = reader.execute("SELECT max(wave) FROM predictions.churn").fetchall()
            fill(connection, wave)
            publish(connection, tmp_path, TABLES, wave)
            second = reader.execute("SELECT max(wave) FROM decisions.plan").fetchall()
            reader.execute("COMMIT")
            assert first == second == [(wave - 1,)]
            assert reader.execute(BOTH).fetchall() == [(wave, wave, wave, wave, 500)]


def test_an_open_connection_follows_every_wave(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, TABLES, 1)
    with duckdb.connect(str(bi_file), read_only=True) as reader:
        reader.execute(f"PREPARE again AS {BOTH}")
        for wave in range(2, 8):
            fill(connection, wave)
            publish(connection, tmp_path, TABLES, wave)
            for query in (BOTH, "EXECUTE again"):
                assert reader.execute(query).fetchall() == [(wave, wave, wave, wave, 500)]


def test_an_open_connection_survives_new_tables_and_columns(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    bi_file = publish(connection, tmp_path, TABLES, 1)
    with duckdb.connect(str(bi_file), read_only=True) as reader:
        for wave in (2, 3, 4):
            fill(connection, wave)
            connection.execute(f"ALTER TABLE decisions.plan ADD COLUMN more_{wave} INTEGER DEFAULT 1")
            connection.execute(f"CREATE TABLE decisions.new_{wave} AS SELECT {wave} AS wave")
            publish(connection, tmp_path, [*TABLES, *(f"decisions.new_{n}" for n in range(2, wave + 1))], wave)
            assert reader.execute(BOTH).fetchall() == [(wave, wave, wave, wave, 500)]
    with duckdb.connect(str(bi_file), read_only=True) as reader:
        assert reader.execute("SELECT max(n.wave), max(more_4) FROM decisions.new_4 AS n, decisions.plan").fetchall() == [(4, 1)]


def test_a_wave_comes_into_force_when_everything_is_in_place(tmp_path: Path) -> None:
    """A query that started before the clock was renamed must not find the new wave with its second file."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    live.begin(tmp_path / "live", tmp_path / "first")
    started = time.time_ns() // 1000
    at = live.advance(tmp_path / "live", tmp_path / "second")
    assert at - started > 50_000
    live.wait_until(at)
    assert time.time_ns() // 1000 >= at


def test_a_machine_clock_that_was_set_back_spoils_nothing(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    live.begin(tmp_path / "live", folders[0])
    live.advance(tmp_path / "live", folders[1])
    clock = tmp_path / "live" / "clock.parquet"
    with duckdb.connect() as plain:  # as if all of it had been written an hour from now
        later = f"SELECT slot, in_force_from + 3_600_000_000 AS in_force_from FROM '{clock}'"
        plain.execute(f"COPY ({later}) TO '{clock}.new' (FORMAT parquet)")
    clock.with_name("clock.parquet.new").rename(clock)
    for folder in folders[2:]:
        assert live.advance(tmp_path / "live", folder) < time.time_ns() // 1000 + 60_000_000
        assert live.in_force(tmp_path / "live") == folder
    assert set(live.referenced(tmp_path / "live")) == set(folders[1:])


READER = """
import json, sys
import duckdb
seen, mixed, errors, reads = set(), [], [], 0
with duckdb.connect(sys.argv[1], read_only=True) as reader:
    reader.execute("SET threads = 1")
    print("ready", flush=True)
    while max(seen, default=0) < int(sys.argv[3]):
        try:
            *found, rows = reader.execute(sys.argv[2]).fetchall()[0]
        except duckdb.Error as error:
            errors.append(str(error))
            break
        reads += 1
        seen.add(found[0])
        if len(set(found)) > 1 or rows != 500:
            mixed.append([*found, rows])
print(json.dumps({"seen": sorted(seen), "mixed": mixed, "errors": errors, "reads": reads}))
"""


def test_readers_of_other_processes_never_see_two_waves(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    last = 7
    bi_file = publish(connection, tmp_path, TABLES, 1)
    command = [sys.executable, "-c", READER, str(bi_file), BOTH, str(last)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    for wave in range(2, last + 1):
        fill(connection, wave)
        publish(connection, tmp_path, TABLES, wave)
    for reader in readers:
        found = json.loads(reader.communicate()[0])
        assert (found["mixed"], found["errors"]) == ([], [])
        assert len(found["seen"]) >= 3 and found["reads"] > 8


PUBLISHER = """
import os, sys
from pathlib import Path
from subprocess import PIPE
from foretable.publish import publish
from foretable.warehouse import open_warehouse

def go(root, wave):
    with open_warehouse(root / "warehouse.duckdb") as connection:
        while True:
            for name in ("predictions.churn", "decisions.plan"):
                connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT i AS id, {wave} AS wave FROM range(500) AS t(i)")
            if wave % 3 == 0:  # other views
                connection.execute(f"CREATE OR REPLACE TABLE decisions.new AS SELECT {wave} AS wave_{wave}")
            publish(connection, root, ["predictions.churn", "decisions.plan", "decisions.new"], wave)
            print("published", flush=True)
            wave += 1

for line in sys.stdin:  # a process for each line, without the time to import
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        go(Path(sys.argv[1]), int(line))
    print(os.wait()[1], flush=True)
"""


def kill_one(publishers: subprocess.Popen[str], wave: int, published: int, seconds: float) -> None:
    """Start a publisher and kill it some time after it has published so many waves."""
    assert publishers.stdin is not None and publishers.stdout is not None
    print(wave, file=publishers.stdin, flush=True)
    process = int(publishers.stdout.readline())
    for _ in range(published):
        assert publishers.stdout.readline() == "published\n"
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    while (line := publishers.stdout.readline()) == "published\n":
        pass
    assert int(line) == signal.SIGKILL


def assert_whole(current: Path) -> int:
    """Every file of the manifest is there with its rows; the wave."""
    said = json.loads((current / "manifest.json").read_text())
    with duckdb.connect() as plain:
        for entry in said["tables"].values():
            assert plain.execute("SELECT count(*) FROM read_parquet(?)", [str(current / entry["file"])]).fetchall() == [(entry["rows"],)]
    return int(said["wave"])


def test_a_publisher_that_is_killed_leaves_a_whole_wave(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    chance = random.Random(5)
    bi_file = publish(connection, tmp_path, TABLES, 1)
    connection.close()
    published, last, last_link = tmp_path / "published", 1, 1
    publishers = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(tmp_path)], stdin=PIPE, stdout=PIPE, text=True)
    for kill in range(1, 7):
        kill_one(publishers, 100 * kill, kill % 3, chance.uniform(0.0, 0.3))
        with duckdb.connect(str(bi_file), read_only=True) as reader:
            *seen, rows = reader.execute(BOTH).fetchall()[0]
        link = assert_whole(published / "current")
        assert len(set(seen)) == 1 and rows == 500
        assert seen[0] >= last and link >= last_link
        last, last_link = seen[0], link
    publishers.communicate()
    assert last > 500
    with open_warehouse(tmp_path / "warehouse.duckdb") as again:
        fill(again, 5000)
        publish(again, tmp_path, TABLES, 5000)
    with duckdb.connect(str(bi_file), read_only=True) as reader:
        assert reader.execute(BOTH).fetchall() == [(5000, 5000, 5000, 5000, 500)]
    assert len(list((published / "waves").iterdir())) <= 3
    assert {file.name for file in published.iterdir()} == {".lock", "current", "foretable.duckdb", "live", "waves"}
    assert not list(published.rglob("*.tmp*"))
