"""What a run will do, decided from plain data; nothing here touches a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from foretable.compile.asof import cut, uses_as_of
from foretable.compile.graph import Graph
from foretable.refresh.state import State, TableState
from foretable.refresh.wanted import effects_of

Action = Literal["NO_DATA", "INCREMENTAL", "FULL", "REINITIALIZE"]


@dataclass(frozen=True)
class Train:
    """Train a model before the wave."""

    model: str
    reason: str


@dataclass(frozen=True)
class Build:
    """Bring a table to ``as_of``; NO_DATA leaves it alone.

    ``dirty`` is the number of keys that may have changed, where it was counted. ``waits`` says that a
    table it reads is refreshed first: what it needs is decided again at its turn.
    """

    table: str
    action: Action
    reason: str
    as_of: datetime
    dirty: int | None = None
    waits: bool = False


@dataclass(frozen=True)
class Drop:
    """Remove a table that nothing declares any more; carried out only with ``--prune``."""

    table: str


@dataclass(frozen=True)
class Plan:
    """Steps of one run: trainings, then one wave of tables in topological order."""

    trainings: tuple[Train, ...] = ()
    builds: tuple[Build, ...] = ()
    drops: tuple[Drop, ...] = ()
    blocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> tuple[Build, ...]:
        """The tables that will be written."""
        return tuple(build for build in self.builds if build.action != "NO_DATA")


def plan(
    graph: Graph,
    state: State,
    clock: datetime,
    *,
    select: Collection[str] | None = None,
    train: bool = True,
    full_refresh: bool = False,
    without: Mapping[str, str] | None = None,
) -> Plan:
    """Decide what to do.

    Parameters
    ----------
    graph
        The compiled project.
    state
        The warehouse as observed.
    clock
        Now, in UTC.
    select
        Tables to look at; None means all.
    train
        Whether models without a version of their declaration may be trained.
    full_refresh
        Build every selected table, changed or not.
    without
        Tables that failed in this run, with the message; they and what depends on them are left out.

    Returns
    -------
    Plan
        Also tells which tables are ``blocked`` and why.
    """
    chosen = [name for name in graph.refreshed if (name in select if select is not None else not _put_off(graph, state, name))]
    blocked = _blocked(graph, state, chosen, train, without or {})
    trainings = tuple(_trainings(graph, state, chosen)) if train else ()
    training = {step.model for step in trainings}
    builds: dict[str, Build] = {}
    for name in chosen:
        if name not in blocked:
            as_of = table_as_of(graph, state, name, clock)
            moving = [parent for parent in graph.tables[name].upstream if parent in builds and builds[parent].action != "NO_DATA"]
            decided = decide(graph, state, name, as_of, full_refresh=full_refresh, training=training, moving=moving)
            builds[name] = replace(decided, waits=bool(moving) and not full_refresh)
    drops = tuple(Drop(name) for name in sorted(state.tables) if name not in graph.refreshed)
    return Plan(trainings, tuple(builds.values()), drops, blocked)


def _put_off(graph: Graph, state: State, name: str) -> bool:
    """Whether a table is first built by the scheduler, and was not yet."""
    return graph.tables[name].declared.initialize == "ON_SCHEDULE" and name not in state.tables


def table_as_of(graph: Graph, state: State, name: str, clock: datetime) -> datetime:
    """The smaller of the clock and the watermarks upstream, cut to the table's grain in the project's time zone."""
    sources = graph.upstream(name) & graph.project.sources.keys()
    held = [state.sources[source].watermark for source in sources if graph.project.sources[source].holds_clock]
    known = min([clock, *(moment for moment in held if moment is not None)])
    return cut(known, graph.tables[name].declared.grain, graph.project.config.time_zone)


def decide(
    graph: Graph,
    state: State,
    name: str,
    as_of: datetime,
    *,
    full_refresh: bool = False,
    training: Collection[str] = (),
    moving: Collection[str] = (),
) -> Build:
    """What one table needs, given what has changed up to now.

    Parameters
    ----------
    full_refresh
        Build it, changed or not.
    training
        Models that are trained before the wave.
    moving
        Tables that it reads, which the same wave has not refreshed yet: they may change.
    """
    before = state.tables.get(name)
    if before is None:
        return Build(name, "REINITIALIZE", "new table", as_of)
    if before.definition != graph.tables[name].fingerprint:
        return Build(name, "REINITIALIZE", "its definition changed", as_of)
    if name not in state.existing:
        return Build(name, "REINITIALIZE", "the table is gone, or has other columns", as_of)
    if reason := "asked for" if full_refresh else _rebuild(graph, state, name, before, training):
        return Build(name, "FULL", reason, as_of)
    if graph.tables[name].analysis.reason:
        reason = _clock(graph, name, before, as_of) or _changed(graph, state, name, before, moving)
        return Build(name, "FULL" if reason else "NO_DATA", reason or "nothing changed", as_of)
    return _incremental(graph, state, name, before, as_of, moving)


def _rebuild(graph: Graph, state: State, name: str, before: TableState, training: Collection[str]) -> str:
    """Why all rows must be computed, whatever has changed upstream."""
    for model in graph.tables[name].models:
        if model in training:
            return f"model {model} is trained first"
    for alias in graph.tables[name].aliases:
        if before.models.get(alias) != state.champions.get(alias):
            return f"model {alias} is now version {state.champions.get(alias, '(none)')}"
    if before.rules != state.rules.get(name):
        return "its schema changed"
    for effect in effects_of(graph, name):
        feed = state.feeds.get((effect.table, effect.columns))
        if feed is None or feed.complete_from > before.epoch:
            return f"what changed in {effect.table} since its last refresh is not known"
    return ""


def _incremental(graph: Graph, state: State, name: str, before: TableState, as_of: datetime, moving: Collection[str]) -> Build:
    analysis = graph.tables[name].analysis
    ticked = _clock(graph, name, before, as_of)
    if ticked and analysis.volatile:
        return Build(name, "FULL", f"{ticked}, and every row looks at the clock: {analysis.volatile}", as_of)
    for effect in effects_of(graph, name):
        if not effect.columns and state.feeds[effect.table, effect.columns].changed_at > before.epoch:
            return Build(name, "FULL", f"{effect.table} changed, and every row depends on all of it", as_of)
    reason = _changed(graph, state, name, before, moving) or (ticked if analysis.boundaries else "")
    return Build(name, "INCREMENTAL" if reason else "NO_DATA", reason or "nothing changed", as_of)


def _clock(graph: Graph, name: str, before: TableState, as_of: datetime) -> str:
    """That the clock has moved, for a table that looks at it."""
    if before.as_of == as_of or not uses_as_of(graph.tables[name].query):
        return ""
    return f"as_of moved from {before.as_of:%Y-%m-%d %H:%M}" if before.as_of else "as_of moved"


def _changed(graph: Graph, state: State, name: str, before: TableState, moving: Collection[str]) -> str:
    effects = effects_of(graph, name)
    changed = {effect.table for effect in effects if state.feeds[effect.table, effect.columns].changed_at > before.epoch}
    if changed:
        return f"{', '.join(sorted(changed))} changed"
    return f"{min(moving)} is refreshed" if moving else ""


def _trainings(graph: Graph, state: State, chosen: Collection[str]) -> list[Train]:
    needed = {model for name in chosen for model in graph.tables[name].models}
    steps = []
    for model in sorted(graph.project.models):
        if model in needed and model not in state.trained:
            reason = "no version yet" if model not in state.champions else "no version matches its declaration"
            steps.append(Train(model, reason))
    return steps


def _blocked(graph: Graph, state: State, chosen: Collection[str], train: bool, without: Mapping[str, str]) -> dict[str, str]:
    blocked: dict[str, str] = {}
    for name in graph.refreshed:
        stuck = [parent for parent in graph.tables[name].upstream if parent in blocked]
        if reason := without.get(name) or _suspended(state, name) or _no_version(graph, state, name, train) or _silent(graph, state, name):
            blocked[name] = reason
        elif stuck:
            blocked[name] = f"{stuck[0]} {'is suspended' if stuck[0] in state.suspended else 'was not built'}"
        elif absent := [p for p in graph.tables[name].upstream if p in graph.tables and p not in chosen and p not in state.existing]:
            blocked[name] = f"{absent[0]} is not built yet; add it: --select +{name}"
    return {name: reason for name, reason in blocked.items() if name in chosen}


def _suspended(state: State, name: str) -> str:
    return f"suspended ({state.suspended[name]}); resume it: foretable resume {name}" if name in state.suspended else ""


def _no_version(graph: Graph, state: State, name: str, train: bool) -> str:
    missing = [model for model in graph.tables[name].models if model not in state.champions and not train]
    if not missing:
        return ""
    if missing[0] in state.trained:
        return f"model {missing[0]} has versions, but the gate let none through; see: foretable models {missing[0]}"
    return f"model {missing[0]} has no version; train it: foretable train {missing[0]}"


def _silent(graph: Graph, state: State, name: str) -> str:
    """An activity source without a single event: a loader that has just emptied it must not look like churn."""
    for source in graph.tables[name].upstream:
        declared = graph.project.sources.get(source)
        if declared is not None and declared.holds_clock and state.sources[source].watermark is None:
            return f"source {source} holds no event yet; load it: foretable ingest {source} FILE, or declare it sparse=True"
    return ""
