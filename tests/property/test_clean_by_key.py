"""A clean table refreshed by key holds what its rules let in, and its quarantine is that of full refreshes, wave by wave."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.load import load_project
from foretable.quality import quarantine
from foretable.quality.quarantine import Keys
from foretable.warehouse import ensure_catalog

from .waves.refreshing import refresh

BEGINNING = datetime(2026, 2, 10)

DECLARED = {
    "pyproject.toml": "[tool.foretable]\n",
    "pipelines/meters.py": """import foretable as ft
import pandera.ibis as pa
reading = ft.Entity("reading", key=("meter", "ts"))
meter = ft.Entity("meter", key="meter")
ft.Source("raw.readings", time="ts", sparse=True)
ft.Source("raw.kinds")
below = pa.Check(lambda data: (data.table.value <= data.table.top).fill_null(True), name="below_top")
ft.schema("clean.readings", pa.DataFrameSchema(
    {"meter": pa.Column(), "ts": pa.Column(), "value": pa.Column(float, pa.Check.ge(0), nullable=True)},
    checks=below, unique=["meter", "ts"],
))
ft.schema("clean.meters", pa.DataFrameSchema({"meter": pa.Column(), "n": pa.Column(int, pa.Check.lt(3))}))
""",
    "sql/tables.sql": """
CREATE DYNAMIC TABLE clean.readings ENTITY = reading REFRESH_MODE = INCREMENTAL GRAIN = 'hour' AS
SELECT r.meter, r.ts, r.value, r.kind, k.top FROM raw.readings AS r LEFT JOIN raw.kinds AS k ON k.kind = r.kind
WHERE r.ts < as_of() OR r.ts IS NULL;
CREATE DYNAMIC TABLE clean.meters ENTITY = meter REFRESH_MODE = INCREMENTAL AS
SELECT meter, count(*) AS n, max(value) AS most FROM clean.readings GROUP BY meter;
""",
    "sql/sources/raw.readings.sql": "CREATE TABLE raw.readings (meter DECIMAL(6,2), ts TIMESTAMP, value DOUBLE, kind VARCHAR);",
    "sql/sources/raw.kinds.sql": "CREATE TABLE raw.kinds (kind VARCHAR, top DOUBLE);",
}

DEFINITION = """
SELECT r.meter, r.ts, r.value, r.kind, k.top, r.meter IS NOT NULL AND r.ts IS NOT NULL AND coalesce(r.value >= 0, true)
    AND coalesce(r.value <= k.top, true) AS good
FROM raw.readings AS r LEFT JOIN raw.kinds AS k ON k.kind = r.kind
WHERE r.ts < getvariable('clock') OR r.ts IS NULL
"""
READINGS = f"""
SELECT * EXCLUDE (good) FROM (SELECT DISTINCT * FROM ({DEFINITION}) WHERE good) QUALIFY count(*) OVER (PARTITION BY meter, ts) = 1
"""
BROKEN = f"""
SELECT meter::VARCHAR, ts, value, kind, top FROM ({DEFINITION}) AS d
WHERE NOT good OR (SELECT count(DISTINCT (value, kind)) FROM ({DEFINITION}) AS o WHERE good AND o.meter = d.meter AND o.ts = d.ts) > 1
"""
OPEN = """
SELECT row->>'meter', (row->>'ts')::TIMESTAMP, (row->>'value')::DOUBLE, row->>'kind', (row->>'top')::DOUBLE
FROM quarantine.readings WHERE redriven_at IS NULL
"""
METERS = "SELECT meter, count(*) AS n, max(value) AS most FROM clean.readings GROUP BY meter HAVING n < 3"

HELD = "SELECT table_name, batch, rule, column_name, value, row::VARCHAR, redriven_at IS NULL FROM quarantine.{name}"
COUNTS = "SELECT table_name, batch, rule, column_name, row_count, redriven FROM foretable.quarantine_log"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    root = tmp_path_factory.mktemp("meters")
    for name, text in DECLARED.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return compile_project(load_project(root))


@contextmanager
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 2; CREATE SCHEMA raw")
        ensure_catalog(connection)
        for name in ("raw.readings", "raw.kinds"):
            connection.execute(DECLARED[f"sql/sources/{name}.sql"])
        connection.execute("INSERT INTO raw.kinds VALUES ('gas', 5), ('power', 7), ('heat', NULL)")
        yield connection


def change(chance: random.Random) -> tuple[str, list[Any]]:
    """Something that happens to the raw tables."""
    meter = chance.choice([None, *(number / 4 for number in range(9))])
    at = chance.choice([None, *(BEGINNING + timedelta(hours=12 * number, microseconds=number) for number in range(-3, 3))])
    value = chance.choice([None, -1.0, 0.0, 4.5, 6.0, 8.0, float("nan")])
    kind = chance.choice([None, "gas", "power", "heat", "water"])
    here = "WHERE meter IS NOT DISTINCT FROM ? AND ts IS NOT DISTINCT FROM ?"
    return chance.choice(
        [
            ("INSERT INTO raw.readings VALUES (?, ?, ?, ?)", [meter, at, value, kind]),
            ("INSERT INTO raw.readings VALUES (?, ?, ?, ?)", [meter, at, value, kind]),
            (f"INSERT INTO raw.readings SELECT * FROM raw.readings {here}", [meter, at]),
            (f"UPDATE raw.readings SET value = ? {here}", [value, meter, at]),
            ("UPDATE raw.readings SET value = ? WHERE meter IS NOT DISTINCT FROM ?", [value, meter]),
            (f"DELETE FROM raw.readings {here}", [meter, at]),
            (f"UPDATE raw.readings SET meter = ? {here}", [meter, chance.choice([None, 0.5]), at]),
            ("UPDATE raw.kinds SET top = ? WHERE kind = ?", [value, kind]),
        ]
    )


def held(connection: duckdb.DuckDBPyConnection) -> Counter[str]:
    """What is and was in quarantine, since which wave, and how it is counted."""
    names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'quarantine'").fetchall()
    return sum((fetched(connection, HELD.format(name=name)) for (name,) in names), fetched(connection, COUNTS))


def fetched(connection: duckdb.DuckDBPyConnection, query: str) -> Counter[str]:
    return Counter(map(repr, connection.execute(query).fetchall()))


def same(one: Counter[str], other: Counter[str], told: str) -> None:
    """Like an assertion, without a comparison of long texts that takes minutes."""
    if one != other:
        raise AssertionError(f"{told}\n{one - other}\n{other - one}")


def live(graph: Graph, seed: int, steps: int) -> Counter[str]:
    """Change two warehouses alike, refresh one by key and one in full, and compare; how often each action was taken."""
    chance, clock, actions = random.Random(seed), BEGINNING, Counter[str]()
    with warehouse() as by_key, warehouse() as in_full:
        for step in range(steps):
            happened = [change(chance) for _ in range(40 if step == 0 else chance.randrange(5))]
            clock += timedelta(hours=chance.choice([0, 0, 12, -12]))
            reports = []
            for connection in (by_key, in_full):
                for query, values in happened:
                    connection.execute(query, values)
                reports.append(refresh(connection, graph, clock, full=connection is in_full))
            told = f"seed {seed}, step {step}, as_of {clock}: {happened} {reports[0]}"
            assert not reports[0].failed and not reports[1].failed, f"{told} {reports[1].failed}"
            by_key.execute("SET VARIABLE clock = ?::TIMESTAMP", [clock])
            for name, expected in (("clean.readings", READINGS), ("clean.meters", METERS)):
                rows = fetched(by_key, f"SELECT * FROM {name}")
                same(rows, fetched(by_key, expected), told)
                same(rows, fetched(in_full, f"SELECT * FROM {name}"), told)
            same(fetched(by_key, OPEN) if held(by_key) else Counter(), fetched(by_key, BROKEN), told)
            same(held(by_key), held(in_full), told)
            for one, other in zip(reports[0].built, reports[1].built, strict=True):
                assert one.action == "NO_DATA" or one.quarantined == other.quarantined, told
            actions.update(built.action for built in reports[0].built)
    return actions


def test_clean_tables_by_key_are_those_made_in_full_and_so_is_their_quarantine(graph: Graph) -> None:
    actions = sum((live(graph, seed, 5) for seed in range(2)), Counter[str]())
    assert actions["INCREMENTAL"] > 5 and actions["FULL"] == 0, actions


@pytest.mark.slow
def test_so_they_are_in_the_long_run(graph: Graph) -> None:
    for seed in range(100, 115):
        live(graph, seed, 12)


def every_key_is_dirty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(quarantine, "_AMONG", "$held IS NOT NULL OR EXISTS (SELECT $key FROM $keys AS keys)")


def rows_stay_in_quarantine(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(quarantine, "_GONE", "UPDATE $quarantine SET redriven_at = ? WHERE false")


def one_column_of_the_key(patch: pytest.MonkeyPatch) -> None:
    real = quarantine._among
    patch.setattr(quarantine, "_among", lambda keys, *rest: real(Keys(keys.table, keys.columns[:1]), *rest))


def a_null_is_no_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(quarantine, "_AMONG", f"{quarantine._AMONG} AND NOT contains($held, 'null')")


def decimals_are_numbers(patch: pytest.MonkeyPatch) -> None:
    real = quarantine._among
    patch.setattr(quarantine, "_among", lambda keys, staged, columns: real(keys, staged, dict.fromkeys(columns, "DOUBLE")))


@pytest.mark.parametrize(
    "mutant", [every_key_is_dirty, rows_stay_in_quarantine, one_column_of_the_key, a_null_is_no_key, decimals_are_numbers]
)
def test_a_wrong_quarantine_is_caught(mutant: Any, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for seed in range(3):
        try:
            live(graph, seed, 8)
        except AssertionError:
            return
    pytest.fail(f"{mutant.__name__} lived")
