"""Sources whose rows count only in windows: whatever happens to rows inside and below, and to the clock, every table is right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlglot import exp

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.compile.incremental import floors as found_floors
from foretable.compile.incremental import joins
from foretable.declare.load import load_project
from foretable.refresh import floors, history
from foretable.refresh.feeds import settle
from foretable.refresh.feeds.memory import recall
from foretable.refresh.feeds.settle import floor_of
from foretable.warehouse import ensure_catalog

from .waves.refreshing import mismatches, refresh

BEGINNING = datetime(2026, 3, 1)
SETTINGS = """
[tool.foretable]
as_of = "2026-03-01"
"""
SOURCES = """
import foretable as ft
customer = ft.Entity("customer", key="k")
ft.Source("raw.c", entity=customer)
ft.Source("raw.t", entity=customer, time="ts", sparse=True)
"""
SCHEMAS = {"raw.c": "k INTEGER, born TIMESTAMP", "raw.t": "id INTEGER, k INTEGER, ts TIMESTAMP, day DATE, v INTEGER"}

SPEND = """features.spend ENTITY = customer GRAIN = 'hour' AS
    SELECT k, count(*) AS n, sum(v) AS s FROM raw.t WHERE ts >= as_of() - INTERVAL 10 DAY AND ts < as_of() AND k IS NOT NULL GROUP BY k"""
OUTER = """features.outer ENTITY = customer AS
    SELECT c.k, count(t.id) AS n FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k AND t.ts BETWEEN as_of() - INTERVAL 20 DAY AND as_of()
    GROUP BY c.k"""
LISTED = "clean.listed AS SELECT id, v FROM (SELECT id, v, ts AS moment FROM raw.t) AS t WHERE moment > as_of() - INTERVAL 5 DAY"
RECENCY = """features.recency ENTITY = customer AS
    SELECT k, date_diff('day', max(ts), as_of()) AS days FROM raw.t
    WHERE ts >= date_trunc('month', as_of()) AND k IS NOT NULL GROUP BY k"""
BY_DAY = """features.by_day ENTITY = customer AS
    SELECT k, sum(v) AS s FROM raw.t WHERE day >= CAST(as_of() AS DATE) - 15 AND k IS NOT NULL GROUP BY k"""
WIDER = SPEND.replace("10 DAY", "60 DAY")
FILTERED = """features.filtered ENTITY = customer AS
    SELECT k, count(*) AS n, count(*) FILTER (WHERE ts >= as_of() - INTERVAL 3 DAY) AS n_3d FROM raw.t
    WHERE k IS NOT NULL GROUP BY k"""
EITHER = """features.either ENTITY = customer AS
    SELECT k, sum(v) AS s FROM raw.t WHERE (ts >= as_of() - INTERVAL 3 DAY OR v > 50) AND k IS NOT NULL GROUP BY k"""

WORLDS = {
    "all bounded": [SPEND, OUTER, LISTED, RECENCY],
    "fewer": [OUTER, RECENCY],
    "redefined": [WIDER, OUTER, LISTED, RECENCY],
    "filtered besides": [SPEND, OUTER, FILTERED],
    "either besides": [SPEND, OUTER, EITHER],
    "by another column": [BY_DAY],
    "by two columns": [SPEND, BY_DAY],
}
Graphs = dict[str, Graph]


def compiled(root: Path, names: Collection[str] = tuple(WORLDS)) -> Graphs:
    found = {}
    for name in names:
        tables = WORLDS[name]
        there = root / name.replace(" ", "_")
        (there / "pipelines").mkdir(parents=True)
        (there / "sql" / "sources").mkdir(parents=True)
        (there / "pyproject.toml").write_text(SETTINGS)
        (there / "pipelines" / "world.py").write_text(SOURCES)
        for source, columns in SCHEMAS.items():
            (there / "sql" / "sources" / f"{source}.sql").write_text(f"CREATE TABLE {source} ({columns});")
        (there / "sql" / "tables.sql").write_text("".join(f"CREATE DYNAMIC TABLE {each};\n" for each in tables))
        found[name] = compile_project(load_project(there))
    return found


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    return compiled(tmp_path_factory.mktemp("floors"))


MOMENT = "CAST(TIMESTAMP '{clock}' - to_hours(CAST(hash(i, {seed}) % {hours} AS INTEGER)) AS TIMESTAMP)"
ROW = f"SELECT i::INTEGER, (hash(i, {{seed}}, 1) % 40)::INTEGER, {MOMENT}, CAST({MOMENT} AS DATE), (hash(i, {{seed}}, 2) % 60)::INTEGER"
OPERATIONS = [
    f"INSERT INTO raw.t {ROW} FROM range({{few}}) AS r(i)",
    "UPDATE raw.t SET ts = ts + to_days({shift}), day = day + {shift} WHERE id % 7 = {some} % 7",
    "UPDATE raw.t SET v = v + 1 WHERE id % 5 = {some} % 5 AND ts < TIMESTAMP '{clock}' - INTERVAL 25 DAY",
    "UPDATE raw.t SET v = v + 1 WHERE id % 11 = {some} % 11",
    "UPDATE raw.t SET ts = NULL, day = NULL WHERE id % 29 = {some} % 29",
    "UPDATE raw.t SET ts = TIMESTAMP '{clock}' - to_days({some} % 50) WHERE ts IS NULL",
    "UPDATE raw.t SET k = {some} % 40 WHERE id % 9 = {some} % 9",
    "DELETE FROM raw.t WHERE id % 13 = {some} % 13 AND ts < TIMESTAMP '{clock}' - INTERVAL 12 DAY",
    "DELETE FROM raw.t WHERE id % 17 = {some} % 17",
    "CREATE OR REPLACE TABLE raw.t AS SELECT * FROM raw.t ORDER BY hash(id, {seed})",
    "UPDATE raw.c SET born = born + INTERVAL 1 DAY WHERE k = {some} % 40",
    "INSERT INTO raw.c SELECT {some} % 45, NULL",
]


class World:
    """Sources, a clock, and the project, of which there are several versions."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, graphs: Graphs, seed: int) -> None:
        self.connection, self.graphs, self.random = connection, graphs, random.Random(seed)
        self.clock, self.version = BEGINNING, next(iter(graphs))
        self.met = Counter[str]()
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA raw")
        for name, columns in SCHEMAS.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.execute("INSERT INTO raw.c SELECT i, NULL FROM range(30) AS r(i)")
        connection.execute(OPERATIONS[0].format(clock=BEGINNING, seed=seed, hours=24 * 90, few=150))
        ensure_catalog(connection)

    def happen(self) -> list[str]:
        chosen = [self.random.choice(OPERATIONS) for _ in range(self.random.randrange(4))]
        for operation in chosen:
            numbers = {name: self.random.randrange(1000) for name in ("seed", "some")}
            shift, few, hours = (
                self.random.choice([-40, -8, 8, 40]),
                self.random.randrange(1, 12),
                self.random.choice([24, 24 * 30, 24 * 120]),
            )
            self.connection.execute(operation.format(clock=self.clock, shift=shift, few=few, hours=hours, **numbers))
        if self.random.random() < 0.5:
            self.clock += timedelta(hours=self.random.choice([1, 30, 24 * 6, 24 * 20, 24 * 70, -5, -24 * 6, -24 * 30, -24 * 70]))
        if self.random.random() < 0.25:
            self.version = self.random.choice(list(self.graphs))
        return chosen

    def floors(self) -> dict[str, object]:
        return {name: floor_of(kept.memory) for name, kept in recall(self.connection).items()}

    def live(self, steps: int) -> None:
        for step in range(steps):
            happened = self.happen()
            graph, before = self.graphs[self.version], self.floors()
            every = self.random.random() < 0.6
            select = None if every else [self.random.choice(graph.refreshed)]
            report = refresh(self.connection, graph, self.clock, select)
            told = f"step {step}: {happened}, {self.version}, {self.clock}, {select}, {self.floors()}"
            assert not report.failed and not report.blocked, told
            assert mismatches(self.connection, graph, graph.refreshed if every else select) == {}, told
            if every:
                again = refresh(self.connection, graph, self.clock)
                assert {built.action for built in again.built} == {"NO_DATA"}, told
            self.met.update(built.action for built in report.built)
            for name, floor in self.floors().items():
                then = before.get(name)
                same = then is not None and floor is not None and then.column == floor.column
                self.met[f"rose {then.since < floor.since}" if same and then != floor else "other"] += 1
                self.met["floors"] += floor is not None


def lived(graphs: Graphs, seed: int, steps: int) -> Counter[str]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        world = World(connection, graphs, seed)
        world.live(steps)
        return world.met


def test_tables_are_right_though_rows_below_their_floors_are_not_looked_at(graphs: Graphs) -> None:
    met = sum((lived(graphs, seed, 12) for seed in range(4)), Counter[str]())
    assert met["INCREMENTAL"] > 10 and met["floors"] > 14 and met["rose True"] > 1 and met["rose False"] > 1, met


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_tables_are_right_at_length(graphs: Graphs, seed: int) -> None:
    lived(graphs, seed, 60)


def the_clock_never_goes_back(patch: Any) -> None:
    for module in (floors, settle):
        patch(module, "holds", lambda *_: True)


def one_reader_is_enough(patch: Any) -> None:
    real = settle.needed

    def needed(graph: Graph, tables: dict, source: str) -> Any:
        bounded = {name: stored for name, stored in tables.items() if source in graph.tables[name].analysis.floors} if tables else {}
        return real(graph, bounded, source)

    patch(settle, "needed", lambda graph, tables, source: needed(graph, {n: t for n, t in tables.items() if n in graph.tables}, source))
    patch(settle, "strangers", lambda *_: False)


def the_greatest_floor_counts(patch: Any) -> None:
    patch(exp, "Least", exp.Greatest)


def filters_are_floors(patch: Any) -> None:
    real = found_floors._stated

    def stated(select: exp.Select, chain: Any, sources: Any) -> Iterator[tuple[str, str, exp.Expr]]:
        yield from real(select, chain, sources)
        for node in select.find_all(exp.Filter):
            yield from found_floors._bound(node.expression.this, sources)

    patch(found_floors, "_stated", stated)


def either_is_both(patch: Any) -> None:
    def conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
        for part in joins.conjuncts(condition):
            yield from part.flatten() if isinstance(part, exp.Or) else [part]

    patch(found_floors, "conjuncts", conjuncts)


MUTANTS: dict[Callable[[Any], None], list[str]] = {
    the_clock_never_goes_back: ["fewer"],
    one_reader_is_enough: ["all bounded", "filtered besides"],
    the_greatest_floor_counts: ["all bounded"],
    filters_are_floors: ["filtered besides"],
    either_is_both: ["either besides"],
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.__name__)
def test_wrong_floors_are_caught(mutant: Callable[[Any], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch.setattr)
    wrong = compiled(tmp_path, MUTANTS[mutant])
    for seed in range(20):
        try:
            lived(wrong, seed, 12)
        except AssertionError:
            return
    pytest.fail(f"{mutant.__name__} lived through 20 seeds")


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_table_that_comes_back_has_missed_nothing(graphs: Graphs, monkeypatch: pytest.MonkeyPatch, forgotten: bool) -> None:
    """Not even what changed below the floors of those that stayed; it would, if floors rose while it was away."""
    if forgotten:
        monkeypatch.setattr(settle, "strangers", lambda *_: False)
        monkeypatch.setattr(history, "lose_track", lambda *_: None)
    with duckdb.connect() as connection:
        World(connection, graphs, 1)
        refresh(connection, graphs["filtered besides"], BEGINNING)
        refresh(connection, graphs["fewer"], BEGINNING)
        connection.execute("DELETE FROM raw.t WHERE ts < ? AND id % 7 = 0", [BEGINNING - timedelta(days=60)])
        for version in ("fewer", "either besides", "filtered besides"):
            refresh(connection, graphs[version], BEGINNING)
        assert bool(mismatches(connection, graphs["filtered besides"], ["features.filtered"])) == forgotten


def test_what_a_view_reads_has_no_floor(graphs: Graphs) -> None:
    """It may have changed after it was compared."""
    graph = graphs["fewer"]
    with duckdb.connect() as connection:
        world = World(connection, graphs, 1)
        refresh(connection, graph, BEGINNING)
        assert any(world.floors().values())
        connection.execute("ALTER TABLE raw.t RENAME TO u; CREATE VIEW raw.t AS SELECT * FROM raw.u")
        for clock in (BEGINNING - timedelta(days=60), BEGINNING):
            refresh(connection, graph, clock)
            connection.execute("UPDATE raw.u SET v = v + 1, ts = ts - INTERVAL 1 DAY")
            refresh(connection, graph, clock)
            assert not any(world.floors().values()) and mismatches(connection, graph, graph.refreshed) == {}
