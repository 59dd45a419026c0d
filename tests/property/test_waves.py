"""After whatever happened, every table is what its definition gives in full; see the invariants in docs/architecture.md."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.load import load_project
from foretable.refresh.wave import WaveReport
from foretable.warehouse import ensure_catalog

from .waves.refreshing import mismatches, refresh
from .waves.world import World, declare

BEGINNING = datetime(2026, 2, 10)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    root = tmp_path_factory.mktemp("world")
    declare(root)
    return compile_project(load_project(root))


def live(graph: Graph, seed: int, steps: int) -> Counter[str]:
    """Let things happen and refresh, ``steps`` times; how often each action was taken."""
    chance, actions = random.Random(seed), Counter[str]()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET threads = {chance.choice([1, 2, 4])}")
        ensure_catalog(connection)
        world, clock = World(connection, seed), BEGINNING
        refresh(connection, graph, clock)
        for step in range(steps):
            happened = [world.happen() for _ in range(chance.randrange(4))]
            if chance.random() < 0.5:
                clock += timedelta(hours=chance.choice([1, 5, 24, 72, -30]))
            select = None if chance.random() < 0.7 else _some(graph, chance)
            report = refresh(connection, graph, clock, select)
            told = f"seed {seed}, step {step}: {happened}, as_of {clock}, {_told(report)}"
            assert not report.failed and not report.blocked, f"{told} {report.failed} {report.blocked}"
            assert mismatches(connection, graph, graph.refreshed if select is None else ()) == {}, told
            actions.update(built.action for built in report.built)
            again = refresh(connection, graph, clock, select)
            assert {built.action for built in again.built} == {"NO_DATA"}, f"{told} {_told(again)}"
        refresh(connection, graph, clock)
        _there_and_back(connection, graph, clock)
        full = refresh(connection, graph, clock, full=True)
        assert not any(built.inserted + built.updated + built.deleted for built in full.built), f"seed {seed}: {full.built}"
    return actions


def _some(graph: Graph, chance: random.Random) -> Collection[str]:
    """A table and all that it is made from."""
    name = chance.choice(graph.refreshed)
    return {name} | (graph.upstream(name) & set(graph.refreshed))


def _told(report: WaveReport) -> str:
    return "; ".join(f"{built.table} {built.action} ({built.reason})" for built in report.built if built.action != "NO_DATA")


def _there_and_back(connection: duckdb.DuckDBPyConnection, graph: Graph, clock: datetime) -> None:
    """The clock moves on and returns: so does every table."""
    for name in graph.refreshed:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE kept_{name.replace('.', '_')} AS FROM {name}")
    refresh(connection, graph, clock + timedelta(days=9))
    refresh(connection, graph, clock)
    for name in graph.refreshed:
        kept = f"kept_{name.replace('.', '_')}"
        differ = f"SELECT count(*) FROM ((FROM {name} EXCEPT ALL FROM {kept}) UNION ALL (FROM {kept} EXCEPT ALL FROM {name}))"
        assert connection.execute(differ).fetchall() == [(0,)], name


def test_tables_are_what_their_definitions_give(graph: Graph) -> None:
    actions = sum((live(graph, seed, 6) for seed in range(3)), Counter[str]())
    assert actions["INCREMENTAL"] > 40 and actions["FULL"] > 20 and actions["NO_DATA"] > 40, actions


@pytest.mark.slow
def test_tables_are_what_their_definitions_give_in_the_long_run(graph: Graph) -> None:
    """At least 10,000 refreshes of a table that found something to do; as many again must find nothing."""
    actions, seed = Counter[str](), 100
    while actions["INCREMENTAL"] + actions["FULL"] < 10_000:
        actions += live(graph, seed, 20)
        seed += 1
    assert actions["INCREMENTAL"] > 4_000, actions


def test_the_world_is_refreshed_by_key_where_it_can_be(graph: Graph) -> None:
    reasons = {name: graph.tables[name].analysis.reason for name in graph.refreshed if graph.tables[name].analysis.mode == "FULL"}
    assert reasons.keys() == {"features.share", "clean.orders", "decisions.top"}, reasons
