"""What a run will do, decided from plain data; nothing here touches a database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from foretable.compile.asof import cut, uses_as_of
from foretable.compile.graph import Graph
from foretable.refresh.state import State

Action = Literal["NO_DATA", "FULL", "REINITIALIZE"]


@dataclass(frozen=True)
class Train:
    """Train a model before the wave."""

    model: str
    reason: str


@dataclass(frozen=True)
class Build:
    """Bring a table to ``as_of``; NO_DATA leaves it alone.

    ``inputs`` identifies everything the content follows from, so that an equal one means nothing to do.
    """

    table: str
    action: Action
    reason: str
    as_of: datetime
    inputs: str


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
    chosen = [name for name in graph.refreshed if select is None or name in select]
    blocked = _blocked(graph, state, chosen, train, without or {})
    trainings = tuple(_trainings(graph, state, chosen)) if train else ()
    inputs: dict[str, str] = {}
    builds = []
    for name in graph.refreshed:
        as_of = table_as_of(graph, state, name, clock)
        if name not in chosen or name in blocked:
            # What is made from it will read what is there, which must not count as up to date.
            inputs[name] = state.tables[name].inputs if name in state.tables else ""
            continue
        inputs[name] = _inputs(graph, state, name, as_of, inputs)
        builds.append(_build(graph, state, name, as_of, inputs[name], full_refresh, {step.model for step in trainings}))
    drops = tuple(Drop(name) for name in sorted(state.tables) if name not in graph.refreshed)
    return Plan(trainings, tuple(builds), drops, blocked)


def table_as_of(graph: Graph, state: State, name: str, clock: datetime) -> datetime:
    """The smaller of the clock and the watermarks upstream, cut to the table's grain in the project's time zone."""
    sources = graph.upstream(name) & graph.project.sources.keys()
    held = [state.sources[source].watermark for source in sources if graph.project.sources[source].holds_clock]
    known = min([clock, *(moment for moment in held if moment is not None)])
    return cut(known, graph.tables[name].declared.grain, graph.project.config.time_zone)


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
        if reason := without.get(name) or _no_version(graph, state, name, train) or _silent(graph, state, name):
            blocked[name] = reason
        elif stuck:
            blocked[name] = f"{stuck[0]} was not built"
        elif absent := [p for p in graph.tables[name].upstream if p in graph.tables and p not in chosen and p not in state.existing]:
            blocked[name] = f"{absent[0]} is not built yet; add it: --select +{name}"
    return {name: reason for name, reason in blocked.items() if name in chosen}


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


def _inputs(graph: Graph, state: State, name: str, as_of: datetime, upstream: Mapping[str, str]) -> str:
    compiled = graph.tables[name]
    parts = {
        "definition": compiled.fingerprint,
        "as_of": as_of.isoformat() if uses_as_of(compiled.query) else None,
        "sources": {source: state.sources[source].fingerprint for source in compiled.upstream if source in state.sources},
        "tables": {parent: upstream[parent] for parent in compiled.upstream if parent in upstream},
        "models": {model: state.champions.get(model) for model in compiled.models},
        "rules": state.rules.get(name),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _build(graph: Graph, state: State, name: str, as_of: datetime, inputs: str, full_refresh: bool, training: Collection[str]) -> Build:
    before = state.tables.get(name)
    retrained = sorted(set(training) & set(graph.tables[name].models))
    if before is None or name not in state.existing:
        return Build(name, "REINITIALIZE", "new table" if before is None else "the table is gone", as_of, inputs)
    if before.definition != graph.tables[name].fingerprint:
        return Build(name, "REINITIALIZE", "its definition changed", as_of, inputs)
    if full_refresh:
        return Build(name, "FULL", "asked for", as_of, inputs)
    if retrained:
        return Build(name, "FULL", f"model {retrained[0]} is trained first", as_of, inputs)
    if before.inputs == inputs:
        return Build(name, "NO_DATA", "nothing changed", as_of, inputs)
    reason = f"as_of moved from {before.as_of:%Y-%m-%d %H:%M}" if before.as_of and before.as_of != as_of else "its inputs changed"
    return Build(name, "FULL", reason, as_of, inputs)
