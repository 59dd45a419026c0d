"""One wave: every planned table built, checked and recorded in a single transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.asof import fill, literal
from foretable.compile.graph import Compiled, Graph
from foretable.declare.tables import ScoringTable
from foretable.errors import ForetableError, QualityViolation
from foretable.progress import Listener, Progress, silent
from foretable.quality import require, split_clean
from foretable.refresh import history
from foretable.refresh.plan import Build, Plan
from foretable.refresh.state import State
from foretable.sql import column, parse, render, statement, table
from foretable.udf import explain
from foretable.warehouse import translate, wave

STAGED = "staged"


@dataclass(frozen=True)
class Built:
    """What a wave did to one table."""

    table: str
    action: str
    reason: str
    as_of: datetime
    row_count: int
    quarantined: int
    seconds: float


@dataclass(frozen=True)
class WaveReport:
    """A wave's outcome: tables built or left alone, and those that failed with their error."""

    wave: int
    built: tuple[Built, ...]
    failed: dict[str, ForetableError] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


class _TableError(Exception):
    """A table of the wave could not be built; carries which and why out of the transaction."""

    def __init__(self, build: Build, error: ForetableError) -> None:
        super().__init__(build.table)
        self.build = build
        self.error = error


Replan = Callable[[dict[str, str]], Plan]


def run_wave(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    state: State,
    replan: Replan,
    *,
    trigger: str,
    prune: bool = False,
    listen: Listener = silent,
) -> WaveReport:
    """Carry out a plan.

    When a table fails, everything is rolled back at once, the failure is recorded, and the wave is
    planned and run again without that table and what depends on it.

    Parameters
    ----------
    connection
        A writable warehouse with the models' functions registered.
    graph
        The compiled project.
    state
        What the plan was made from.
    replan
        Gives the plan for the tables that have failed so far, with their messages.
    trigger
        What asked for the wave; kept in ``foretable.waves``.
    prune
        Whether tables that nothing declares are dropped.
    listen
        Told about every table.
    """
    failed: dict[str, ForetableError] = {}
    number = history.next_wave(connection)
    while True:
        planned = replan({name: error.message for name, error in failed.items()})
        try:
            built = _attempt(_Work(connection, graph, state, number, listen), planned, trigger, prune)
            blocked = {name: reason for name, reason in planned.blocked.items() if name not in failed}
            dropped = tuple(drop.table for drop in planned.drops) if prune else ()
            return WaveReport(number, built, failed, blocked, dropped)
        except _TableError as failure:
            failed[failure.build.table] = failure.error
            history.record_failure(connection, number, trigger, failure.build, str(failure.error))
            listen(Progress(failure.build.table, "failed", failure.error.message))
            number = history.next_wave(connection)


@dataclass(frozen=True)
class _Work:
    """What every step of one attempt needs."""

    connection: duckdb.DuckDBPyConnection
    graph: Graph
    state: State
    wave: int
    listen: Listener


def _attempt(work: _Work, planned: Plan, trigger: str, prune: bool) -> tuple[Built, ...]:
    with wave(work.connection):
        history.open_wave(work.connection, work.wave, trigger)
        built = tuple(_step(work, build) for build in planned.builds)
        for name, reason in planned.blocked.items():
            history.record_blocked(work.connection, work.wave, name, reason)
        for drop in planned.drops if prune else ():
            if drop.table in work.state.existing:  # else somebody dropped it before, and may have put a view there
                work.connection.execute(render(exp.Drop(kind="TABLE", this=table(drop.table))))
            history.forget(work.connection, work.wave, drop.table)
            work.listen(Progress(drop.table, "done", "dropped"))
        history.record_sources(work.connection, work.graph, work.state, work.wave)
        history.close_wave(work.connection, work.wave)
    return built


def _step(work: _Work, build: Build) -> Built:
    if build.action == "NO_DATA":
        done = _unchanged(build, work.state)
        work.listen(Progress(build.table, "skipped", "unchanged"))
    else:
        work.listen(Progress(build.table, "started", build.reason))
        done = _guarded(work, build)
        note = f", {done.quarantined:,} in quarantine" if done.quarantined else ""
        work.listen(Progress(build.table, "done", f"{done.row_count:,} rows{note}", done.seconds))
    history.record(work.connection, work.graph, work.wave, build, done.row_count, done.seconds)
    return done


def _guarded(work: _Work, build: Build) -> Built:
    try:
        return _build(work, build)
    except ForetableError as error:
        error.where = error.where or build.table
        raise _TableError(build, error) from error
    except duckdb.Error as error:
        known = translate(error)
        if known is not None:  # the warehouse itself is in trouble: no table is to blame
            raise known from error
        told = explain(error) or ForetableError(str(error).split("\n\nLINE")[0], hint=f"look at its SQL: foretable show {build.table}")
        told.where = build.table
        raise _TableError(build, told) from error


def _build(work: _Work, build: Build) -> Built:
    start = time.perf_counter()
    connection, compiled = work.connection, work.graph.tables[build.table]
    query = fill(compiled.query, build.as_of, work.state.champions)
    if isinstance(compiled.declared, ScoringTable):
        query = exp.select("*", exp.alias_(literal(build.as_of), "scored_at", quoted=True)).from_(query.subquery("scored"))  # type: ignore[attr-defined]
    create = parse("CREATE OR REPLACE TEMP TABLE staged AS SELECT 1")
    create.set("expression", query)  # as it stands: a subquery would lose its ORDER BY
    connection.execute(render(create))
    _keep_declared(connection, compiled)
    quarantined = _validate(work, compiled)
    _require_key(connection, compiled)
    schema = build.table.rsplit(".", 1)[0]
    connection.execute(statement("CREATE SCHEMA IF NOT EXISTS $schema", schema=exp.to_identifier(schema, quoted=True)))
    replacing = exp.Create(kind="TABLE", replace=True, this=table(build.table))
    replacing.set("expression", exp.select(*map(column, compiled.columns)).from_(table(f"temp.{STAGED}")))
    connection.execute(render(replacing))
    count = connection.execute("SELECT count(*) FROM temp.staged").fetchall()[0][0]
    connection.execute("DROP TABLE temp.staged")
    return Built(build.table, build.action, build.reason, build.as_of, count, quarantined, time.perf_counter() - start)


def _keep_declared(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    """Leave out what ``SELECT *`` has taken from columns that a source got since its schema was recorded."""
    known = {name.lower() for name in compiled.columns}
    for name, *_ in connection.execute("DESCRIBE temp.staged").fetchall():
        if name.lower() not in known:
            connection.execute(statement("ALTER TABLE temp.staged DROP COLUMN $extra", extra=exp.to_identifier(name, quoted=True)))


def _validate(work: _Work, compiled: Compiled) -> int:
    """Check the staged rows: layer ``clean`` sends bad ones to quarantine, every other layer refuses."""
    declared = work.graph.project.schemas.get(compiled.name)
    if declared is None:
        return 0
    if compiled.name.startswith("clean."):
        return int(split_clean(work.connection, STAGED, compiled.name, declared.schema, work.wave))
    require(work.connection, STAGED, declared.schema, name=compiled.name)
    return 0


def _require_key(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    if compiled.entity is None:
        return
    keys = [column(key) for key in compiled.entity.keys]
    duplicated = parse("SELECT * FROM temp.staged").select(*keys, append=False).group_by(*keys).having("count(*) > 1")
    empty = parse("SELECT * FROM temp.staged").select(*keys, append=False).where(exp.or_(*(key.is_(exp.null()) for key in keys)))
    for query, problem in ((duplicated, "more than one row for"), (empty, "a NULL key in")):
        rows = connection.execute(render(query.limit(3))).fetchall()
        if rows:
            shown = ", ".join(str(row[0]) if len(row) == 1 else str(row) for row in rows)
            raise QualityViolation(
                f"{problem} {compiled.entity.name} {shown}",
                where=compiled.name,
                hint=f"a {compiled.kind} has exactly one row per {', '.join(compiled.entity.keys)}; group or deduplicate",
            )


def _unchanged(build: Build, state: State) -> Built:
    before = state.tables[build.table]
    return Built(build.table, build.action, build.reason, before.as_of or build.as_of, before.row_count, 0, 0.0)
