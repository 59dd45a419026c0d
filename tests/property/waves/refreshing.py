"""Refreshing a project in an open warehouse, and comparing what is there with the definitions run in full."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import duckdb

from foretable.compile.asof import fill
from foretable.compile.graph import Graph
from foretable.refresh.plan import Plan, plan
from foretable.refresh.state import State
from foretable.refresh.wave import WaveReport, run_wave
from foretable.sql import render


def refresh(
    connection: duckdb.DuckDBPyConnection, graph: Graph, clock: datetime, select: Collection[str] | None = None, *, full: bool = False
) -> WaveReport:
    """One wave."""

    def planner(state: State, failed: dict[str, str]) -> Plan:
        return plan(graph, state, clock, select=select, full_refresh=full, without=failed)

    return run_wave(connection, graph, clock, planner, trigger="TEST")


def mismatches(connection: duckdb.DuckDBPyConnection, graph: Graph, names: Collection[str]) -> dict[str, int]:
    """Tables that are not what their definition gives now at their own as_of, with the number of rows that differ."""
    as_of = dict(connection.execute("SELECT name, as_of FROM foretable.tables").fetchall())
    found = {}
    for name in names:
        query = render(fill(graph.tables[name].query, as_of[name]))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE expected AS {query}")
        bits = ", ".join(f'"{column}"::VARCHAR AS "{column}"' for column in graph.tables[name].columns)
        held, expected = f"SELECT {bits} FROM {name}", f"SELECT {bits} FROM expected"
        count = connection.execute(
            f"SELECT count(*) FROM (({held} EXCEPT ALL {expected}) UNION ALL ({expected} EXCEPT ALL {held}))"
        ).fetchall()[0][0]
        if count:
            found[name] = count
    return found
