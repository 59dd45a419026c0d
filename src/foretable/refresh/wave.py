"""One wave: every table brought up to date, checked and recorded in a single transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import duckdb
from sqlglot import exp

from foretable.compile.graph import Graph
from foretable.errors import ForetableError, RefreshFailed
from foretable.progress import Listener, Progress, silent
from foretable.refresh import history
from foretable.refresh.changes import kept_histories
from foretable.refresh.feeds.detect import detect
from foretable.refresh.feeds.files import signatures
from foretable.refresh.feeds.log import drop_unwanted, open_feed, prune
from foretable.refresh.feeds.settle import settle
from foretable.refresh.observe import observe, read_feeds
from foretable.refresh.plan import Build, Plan, decide
from foretable.refresh.state import State
from foretable.refresh.step import Built, Step, take
from foretable.refresh.wanted import effects_of, key_feed, source_feeds, wanted_feeds
from foretable.sql import render, table
from foretable.udf import explain
from foretable.warehouse import translate, wave


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


class _FilesMoved(Exception):
    """Files of the named source were written while the wave read them."""


TRIES = 3
Planner = Callable[[State, dict[str, str]], Plan]


def run_wave(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    clock: datetime,
    planner: Planner,
    *,
    trigger: str,
    prune: bool = False,
    first: Callable[[duckdb.DuckDBPyConnection], object] = lambda _: None,
    copied: Mapping[str, int] = MappingProxyType({}),
    listen: Listener = silent,
) -> WaveReport:
    """Detect what changed, plan, and carry out the plan.

    When a table fails, everything is rolled back at once, the failure is recorded, and the wave is
    run again, from detection on, without that table and what depends on it.

    Parameters
    ----------
    connection
        A writable warehouse with the models' functions registered.
    graph
        The compiled project.
    clock
        Now, in UTC.
    planner
        Gives the plan for what was observed and the tables that have failed so far, with their messages.
    trigger
        What asked for the wave; kept in ``foretable.waves``.
    prune
        Whether tables that nothing declares are dropped.
    first
        What belongs to the wave's transaction and is done at its start, again whenever the wave is run again.
    copied
        The wave that the online copy has taken in last, by table.
    listen
        Told about every table.
    """
    failed: dict[str, ForetableError] = {}
    tries = 0
    while True:
        work = _Work(connection, graph, clock, history.next_wave(connection), trigger, first, copied, listen)
        try:
            built, planned = _attempt(work, planner, {name: error.message for name, error in failed.items()}, prune)
        except _FilesMoved as moved:
            tries += 1
            if tries == TRIES:
                raise RefreshFailed(
                    f"its files changed during {TRIES} waves", where=moved.args[0], hint="write files elsewhere, and move them into place"
                ) from None
            continue
        except _TableError as failure:
            failed[failure.build.table] = failure.error
            history.record_failure(connection, graph, work.number, trigger, failure.build, str(failure.error))
            listen(Progress(failure.build.table, "failed", failure.error.message))
            continue
        blocked = {name: reason for name, reason in planned.blocked.items() if name not in failed}
        return WaveReport(work.number, built, failed, blocked, tuple(drop.table for drop in planned.drops) if prune else ())


@dataclass(frozen=True)
class _Work:
    """What every step of one attempt needs."""

    connection: duckdb.DuckDBPyConnection
    graph: Graph
    clock: datetime
    number: int
    trigger: str
    first: Callable[[duckdb.DuckDBPyConnection], object]
    copied: Mapping[str, int]
    listen: Listener


def look(connection: duckdb.DuckDBPyConnection, graph: Graph, clock: datetime, epoch: int) -> State:
    """Detect what changed in the sources, and observe; inside a transaction, which may be rolled back."""
    detect(connection, graph, source_feeds(graph), epoch, history.utc_now())
    own = [feed for feed in wanted_feeds(graph) if feed.table in graph.tables]
    drop_unwanted(connection, own)
    for feed in own:
        open_feed(connection, feed, "table", epoch)
    return observe(connection, graph, clock)


def _attempt(work: _Work, planner: Planner, failed: dict[str, str], prune: bool) -> tuple[tuple[Built, ...], Plan]:
    connection = work.connection
    started = history.utc_now()
    with wave(connection):
        work.first(connection)
        files = _files(work)
        state = look(connection, work.graph, work.clock, work.number)
        planned = planner(state, failed)
        built, state = _take_all(work, state, planned)
        history.record(connection, work.graph, state, work.number, work.trigger, built)
        history.record_blocked(connection, work.graph, work.number, work.trigger, planned.blocked)
        for drop in planned.drops if prune else ():
            _drop(work, state, drop.table)
        refreshed = {done.table for done in built}
        history.lose_track(connection, [name for name in state.tables if name not in refreshed and _is_strange(work.graph, state, name)])
        _prune_logs(work, state, refreshed)
        settle(connection, work.graph, source_feeds(work.graph))
        history.record_sources(connection, work.graph, state, work.number)
        history.record_wave(connection, work.number, work.trigger, started)
        if moved := [name for name, seen in _files(work).items() if seen != files[name]]:  # a folder is no snapshot
            raise _FilesMoved(moved[0])
    return built, planned


def _is_strange(graph: Graph, state: State, name: str) -> bool:
    """Whether nobody declares a table, or not as it was built: the feeds do not look at what it reads for it any more."""
    return name not in graph.refreshed or state.tables[name].definition != graph.tables[name].fingerprint


def _files(work: _Work) -> dict[str, dict[str, str]]:
    """The signatures of the files behind each source that stands in files."""
    root, sources = work.graph.project.root, work.graph.project.sources
    return {name: signatures(work.connection, str(root / source.file)) for name, source in sources.items() if source.file is not None}


def _take_all(work: _Work, state: State, planned: Plan) -> tuple[tuple[Built, ...], State]:
    """Carry out the plan; gives the state with what the feeds have logged since."""
    done: list[Built] = []
    moment, histories = history.utc_now(), kept_histories(work.connection)
    for build in planned.builds:
        if build.waits:
            build = decide(work.graph, state, build.table, build.as_of)
        if build.action == "NO_DATA":
            work.listen(Progress(build.table, "skipped", "unchanged"))
        else:
            work.listen(Progress(build.table, "started", build.reason))
        built = _guarded(work, Step(work.connection, work.graph, state, build, work.number, moment, build.table in histories))
        if built.action != "NO_DATA":
            state = replace(state, feeds=read_feeds(work.connection, work.graph))  # what is made from it must see what it changed
            work.listen(Progress(build.table, "done", _told(built), built.seconds))
        done.append(built)
    return tuple(done), state


def _told(built: Built) -> str:
    note = f", {built.quarantined:,} in quarantine" if built.quarantined else ""
    if built.action == "INCREMENTAL":
        changed = built.inserted + built.updated + built.deleted
        return f"{changed:,} of {built.row_count:,} rows changed{note}"
    return f"{built.row_count:,} rows{note}"


def _guarded(work: _Work, step: Step) -> Built:
    build = step.build
    try:
        return take(step)
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


def _drop(work: _Work, state: State, name: str) -> None:
    if name in state.existing:  # else somebody dropped it before, and may have put a view there
        work.connection.execute(render(exp.Drop(kind="TABLE", this=table(name))))
    history.forget(work.connection, work.number, work.trigger, name)
    work.listen(Progress(name, "done", "dropped"))


def _prune_logs(work: _Work, state: State, refreshed: Collection[str]) -> None:
    """Forget logged changes that every table has taken in; one that was never built reads no log."""
    taken: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for name in work.graph.refreshed:
        if name in refreshed or name in state.tables:
            epoch = work.number if name in refreshed else state.tables[name].epoch
            for effect in effects_of(work.graph, name):
                taken.setdefault((effect.table, effect.columns), []).append(epoch)
    copies = {feed: min(epoch, work.number) for name, epoch in work.copied.items() if (feed := key_feed(work.graph, name)) is not None}
    for feed in wanted_feeds(work.graph):
        known = state.feeds.get((feed.table, feed.keys))
        last = min([*taken.get((feed.table, feed.keys), []), *([copies[feed]] if feed in copies else [])], default=0)
        if known is None or not feed.keys or known.complete_from >= min(known.changed_at, last):
            continue
        if known.changed_at <= last or feed in copies:  # the copy takes a wave in after it: the last changes always wait for it
            prune(work.connection, feed, last)
