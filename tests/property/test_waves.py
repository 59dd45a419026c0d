"""After whatever happened, every table is what its definition gives in full; see the invariants in docs/architecture.md."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.load import load_project
from foretable.warehouse import ensure_catalog

from .waves.refreshing import mismatches, refresh
from .waves.world import World, declare


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    root = tmp_path_factory.mktemp("world")
    declare(root)
    return compile_project(load_project(root))


def live(graph: Graph, seed: int, steps: int) -> Counter[tuple[str, str]]:
    """Let things happen and refresh, ``steps`` times; the actions taken, by table."""
    chance, actions = random.Random(seed), Counter[tuple[str, str]]()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET threads = {chance.choice([1, 2, 4])}")
        ensure_catalog(connection)
        world, clock = World(connection, seed), datetime(2026, 2, 10)
        refresh(connection, graph, clock)
        for step in range(steps):
            happened = [world.happen() for _ in range(chance.randrange(4))]
            if chance.random() < 0.5:
                clock += timedelta(hours=chance.choice([1, 5, 24, 72, -30]))
            select = None if chance.random() < 0.7 else _some(graph, chance)
            report = refresh(connection, graph, clock, select)
            told = f"seed {seed}, step {step}: {happened}, as_of {clock}, select {select}, {[(b.table, b.action, b.reason) for b in report.built]}"
            assert not report.failed and not report.blocked, f"{told}: {report.failed} {report.blocked}"
            current = [name for name in graph.refreshed if select is None]
            assert mismatches(connection, graph, current) == {}, told
            actions.update((built.table, built.action) for built in report.built)
            again = refresh(connection, graph, clock, select)
            assert {built.action for built in again.built} == {"NO_DATA"}, f"{told}: {[(b.table, b.action, b.reason) for b in again.built if b.action != 'NO_DATA']}"
        whole = refresh(connection, graph, clock)
        full = refresh(connection, graph, clock, full=True)
        assert not any(built.inserted + built.updated + built.deleted for built in full.built), f"seed {seed}: {full.built}, {whole.built}"
    return actions


def _some(graph: Graph, chance: random.Random) -> set[str]:
    """A table and all that it is made from."""
    name = chance.choice(graph.refreshed)
    return {name} | (graph.upstream(name) & set(graph.refreshed))


@pytest.mark.parametrize("seed", range(3))
def test_tables_are_what_their_definitions_give(graph: Graph, seed: int) -> None:
    actions = live(graph, seed, 8)
    assert sum(count for (_, action), count in actions.items() if action == "INCREMENTAL") > 20


def test_the_world_is_refreshed_by_key_where_it_can_be(graph: Graph) -> None:
    modes = {name: graph.tables[name].analysis.mode for name in graph.refreshed}
    full = {name for name, mode in modes.items() if mode == "FULL"}
    assert full == {"features.share", "clean.orders", "decisions.top"}, {name: graph.tables[name].analysis.reason for name in full}
