"""A project whose every wave shows in every table, and readers that notice when two waves are mixed.

Each change of the world gives some customers a new version and says which version that is; all tables then agree on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

CUSTOMERS = 400
SETTINGS = """
[tool.foretable]
as_of = "2026-02-10"
publish = ["features", "predictions", "decisions"]
"""
SOURCES = """
import foretable as ft
customer = ft.Entity("customer", key="customer_id")
ft.Source("raw.marks", entity=customer, time="seen_at", sparse=True)
ft.Source("raw.version")
"""
SCHEMAS = {"raw.marks": "customer_id BIGINT, version BIGINT, seen_at TIMESTAMP", "raw.version": "version BIGINT"}
TABLES = """
CREATE DYNAMIC TABLE features.newest ENTITY = customer AS
SELECT customer_id, max(version) AS version FROM raw.marks WHERE customer_id IS NOT NULL GROUP BY customer_id;

CREATE DYNAMIC TABLE features.marks ENTITY = customer AS
SELECT customer_id, max(version) AS newest, count(*) AS n FROM raw.marks WHERE customer_id IS NOT NULL GROUP BY customer_id;

CREATE DYNAMIC TABLE predictions.score ENTITY = customer AS SELECT customer_id, version * 2 AS score FROM features.newest;

CREATE DYNAMIC TABLE decisions.top AS SELECT max(score) AS score FROM predictions.score;

CREATE DYNAMIC TABLE decisions.version AS SELECT max(version) AS version FROM raw.version;
"""
READ = """
SELECT (SELECT version FROM decisions.version), (SELECT score / 2 FROM decisions.top)::BIGINT,
    max(a.version), max(b.newest), max(s.score / 2)::BIGINT, count(*),
    count(*) FILTER (WHERE a.version IS DISTINCT FROM b.newest OR s.score IS DISTINCT FROM 2 * a.version)
FROM features.newest AS a FULL JOIN features.marks AS b ON b.customer_id = a.customer_id
FULL JOIN predictions.score AS s ON s.customer_id = a.customer_id
"""
PIECES = (
    "SELECT version FROM decisions.version",
    "SELECT (score / 2)::BIGINT FROM decisions.top",
    "SELECT max(version) FROM features.newest",
    "SELECT max(newest) FROM features.marks",
    "SELECT max(score / 2)::BIGINT FROM predictions.score",
    "SELECT count(*) FROM features.newest",
    "SELECT 0",
)


def declare(root: Path) -> None:
    """Write the project's files and the first version of its sources."""
    (root / "pipelines").mkdir(parents=True)
    (root / "sql" / "sources").mkdir(parents=True)
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "pipelines" / "marks.py").write_text(SOURCES)
    (root / "sql" / "tables.sql").write_text(TABLES)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("CREATE SCHEMA raw")
        for name, columns in SCHEMAS.items():
            (root / "sql" / "sources" / f"{name}.sql").write_text(f"CREATE TABLE {name} ({columns});")
            connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.execute("INSERT INTO raw.marks SELECT i, 1, TIMESTAMP '2026-01-01' FROM range(?) AS t(i)", [CUSTOMERS])
        connection.execute("INSERT INTO raw.version VALUES (1)")


def change(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    """The next version, for a tenth of the customers; now and then the table is made anew."""
    marks = "SELECT i, ?, TIMESTAMP '2026-01-01' FROM range(?) AS t(i) WHERE (i + ?) % 10 = 0"
    connection.execute(f"INSERT INTO raw.marks {marks}", [version, CUSTOMERS, version])
    if version % 5 == 0:
        newest = "SELECT customer_id, max(version) AS version, min(seen_at) AS seen_at FROM raw.marks GROUP BY ALL"
        connection.execute(f"CREATE OR REPLACE TABLE raw.marks AS {newest}")
    connection.execute("UPDATE raw.version SET version = ?", [version])


def is_mixed(row: tuple[Any, ...]) -> bool:
    *versions, customers, odd = row
    return len(set(versions)) > 1 or customers != CUSTOMERS or odd > 0


@dataclass
class Seen:
    """What readers saw."""

    reads: int = 0
    versions: set[int] = field(default_factory=set)
    mixed: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __add__(self, other: Seen) -> Seen:
        return Seen(self.reads + other.reads, self.versions | other.versions, self.mixed + other.mixed, self.errors + other.errors)


class Threads:
    """Readers on cursors of the connection that the waves write through: every other read is a transaction of many queries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, count: int) -> None:
        self.stop = threading.Event()
        self.seen = [Seen() for _ in range(count)]
        self.threads = [threading.Thread(target=self._read, args=[connection.cursor(), seen]) for seen in self.seen]
        for thread in self.threads:
            thread.start()

    def _read(self, cursor: duckdb.DuckDBPyConnection, seen: Seen) -> None:
        while not self.stop.is_set():
            try:
                row = cursor.execute(READ).fetchall()[0] if seen.reads % 2 else self._pieces(cursor)
            except Exception as error:
                seen.errors.append(str(error))
                return
            seen.reads += 1
            seen.versions.add(row[0])
            if is_mixed(row):
                seen.mixed.append(row)

    def _pieces(self, cursor: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
        cursor.execute("BEGIN")
        row = tuple(cursor.execute(piece).fetchall()[0][0] for piece in PIECES)
        cursor.execute("COMMIT")
        return row

    @property
    def noticed(self) -> bool:
        return any(seen.mixed or seen.errors for seen in self.seen)

    def end(self) -> Seen:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return sum(self.seen, Seen())


class Processes:
    """Readers of the published file, in processes of their own; one of them opens it for every read."""

    def __init__(self, bi_file: Path, count: int) -> None:
        command = [sys.executable, str(Path(__file__).with_name("reader.py")), str(bi_file), READ]
        self.processes = [
            subprocess.Popen([*command, "held" if number % 2 else "opened"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for number in range(count)
        ]
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    @property
    def noticed(self) -> bool:
        return any(process.poll() is not None for process in self.processes)

    def end(self) -> Seen:
        seen = Seen()
        for process in self.processes:
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):  # it has seen enough
                process.stdin.write("stop\n")
                process.stdin.close()
            told = json.loads(process.stdout.read())
            process.wait(60)
            process.stdout.close()
            rows = [tuple(row) for row in told["rows"]]
            seen += Seen(told["reads"], {row[0] for row in rows}, [row for row in rows if is_mixed(row)], told["errors"])
        return seen
