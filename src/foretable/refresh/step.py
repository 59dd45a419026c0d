"""One table of a wave: find its dirty keys, compute them, check them, write what differs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb

from foretable.compile.graph import Compiled, Graph
from foretable.compile.incremental.shape import Effect
from foretable.compile.scoring import SCORED_AT
from foretable.refresh.changes import keep_changes, settle_history
from foretable.refresh.check import keep_declared, require_determined, require_key, require_rules
from foretable.refresh.contents import log_contents, same_content
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import restart
from foretable.refresh.plan import Build
from foretable.refresh.stage import find_dirty, stage_all, stage_dirty, too_many
from foretable.refresh.state import State
from foretable.refresh.wanted import effects_of, wanted_feeds
from foretable.refresh.write import CHANGED, Written, few, find_changed, log_changed, staged_count, write_all, write_changed


@dataclass(frozen=True)
class Built:
    """What a wave did to one table.

    ``quarantined`` counts its rows that lie in quarantine now, whichever were computed; ``timings`` gives
    seconds per step.
    """

    table: str
    action: str
    reason: str
    as_of: datetime
    row_count: int
    quarantined: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    dirty: int | None = None
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A table at its turn: what the wave knows now, when it started, whether a history is kept, where the seconds are noted."""

    connection: duckdb.DuckDBPyConnection
    graph: Graph
    state: State
    build: Build
    wave: int
    moment: datetime
    has_history: bool = False
    timings: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def compiled(self) -> Compiled:
        """The table."""
        return self.graph.tables[self.build.table]

    @property
    def feeds(self) -> list[Feed]:
        """The feeds through which others read the table."""
        return [feed for feed in wanted_feeds(self.graph) if feed.table == self.build.table]

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long the block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - start


def take(step: Step) -> Built:
    """Carry out one build; what it comes to in the end follows from what its dirty keys are."""
    start = time.perf_counter()
    built = _take(step)
    if built.action == "NO_DATA":
        return built
    rounded = {name: round(seconds, 6) for name, seconds in step.timings.items()}
    return replace(built, seconds=time.perf_counter() - start, timings=rounded)


def _take(step: Step) -> Built:
    dirty = None
    if step.build.action == "INCREMENTAL":
        with step.timed("dirty"):
            dirty = find_dirty(step.connection, step.compiled, step.build, step.state, _read_feeds(step))
            step = settled(step, dirty)
    if step.build.action == "NO_DATA":
        before = step.state.tables[step.build.table]
        _keep_history(step, written=False)
        return Built(step.build.table, "NO_DATA", step.build.reason, step.build.as_of, before.row_count, dirty=dirty)
    return _some(step, dirty or 0) if step.build.action == "INCREMENTAL" else _full(step, dirty)


def count_dirty(connection: duckdb.DuckDBPyConnection, graph: Graph, state: State, build: Build) -> Build:
    """The build with the number of its dirty keys, where that is known before the wave, and what it comes to then."""
    if build.action != "INCREMENTAL" or build.waits:
        return build
    step = Step(connection, graph, state, build, 0, build.as_of)
    dirty = find_dirty(connection, step.compiled, build, state, _read_feeds(step))
    return replace(settled(step, dirty).build, dirty=dirty)


def settled(step: Step, dirty: int | None) -> Step:
    """The step with the action that the number of dirty keys leads to; None means all of them."""
    build = step.build
    if dirty == 0:
        return replace(step, build=replace(build, action="NO_DATA", reason="no key is affected"))
    if dirty is None:
        return replace(step, build=replace(build, action="FULL", reason=f"{build.reason}, and every row depends on that"))
    if too_many(step.connection, step.compiled, step.state.tables[build.table], dirty):
        return replace(step, build=replace(build, action="FULL", reason=f"{build.reason}: {dirty:,} keys, most of them all"))
    return step


def _read_feeds(step: Step) -> dict[Effect, Feed]:
    feeds = {(feed.table, feed.keys): feed for feed in wanted_feeds(step.graph)}
    return {effect: feeds[effect.table, effect.columns] for effect in effects_of(step.graph, step.build.table)}


def _some(step: Step, dirty: int) -> Built:
    """Recompute the dirty keys."""
    with step.timed("compute"):
        stage_dirty(step.connection, step.compiled, step.build.as_of, dict(step.state.champions))
    quarantined = _check(step, dirty=True)
    with step.timed("diff"):
        written = find_changed(step.connection, step.compiled, dirty=True)
    held = step.state.tables[step.build.table].row_count
    written = replace(written, row_count=held + written.inserted - written.deleted)
    with step.timed("write"):
        _write(step, written)
    return _built(step, written, dirty=dirty, quarantined=quarantined)


def _write(step: Step, written: Written) -> None:
    if written.any:
        log_changed(step.connection, step.compiled, step.feeds, step.wave)
        write_changed(step.connection, step.compiled, written)
    _keep_history(step, written=written.any, changed=CHANGED)


def _keep_history(step: Step, *, written: bool, changed: str | None = None) -> None:
    if step.compiled.declared.history is None and not step.has_history:
        return
    note = (
        keep_changes(step.connection, step.compiled, step.moment, changed)
        if written
        else settle_history(step.connection, step.compiled, step.moment)
    )
    if note:
        step.notes.append(note)


def _full(step: Step, dirty: int | None) -> Built:
    """Recompute every row."""
    with step.timed("compute"):
        stage_all(step.connection, step.compiled, step.build.as_of, dict(step.state.champions))
    quarantined = _check(step, dirty=False)
    if step.build.action == "REINITIALIZE":
        written = _anew(step)
    elif step.compiled.entity is None:
        written = _without_key(step)
    else:
        written = _by_key(step)
    return _built(step, written, dirty=dirty, quarantined=quarantined)


def _check(step: Step, *, dirty: bool) -> int:
    with step.timed("check"):
        keep_declared(step.connection, step.compiled)
        quarantined = require_rules(step.connection, step.graph, step.compiled, step.wave, dirty=dirty)
        require_key(step.connection, step.compiled)
        require_determined(step.connection, step.compiled)
    return quarantined


def _anew(step: Step) -> Written:
    with step.timed("write"):
        for feed in step.feeds:
            restart(step.connection, feed, step.wave)
        write_all(step.connection, step.compiled)
        _keep_history(step, written=True)
    count = staged_count(step.connection)
    return Written(count, 0, 0, count)


def _by_key(step: Step) -> Written:
    with step.timed("diff"):
        written = find_changed(step.connection, step.compiled, dirty=False)
    held = step.state.tables[step.build.table].row_count
    with step.timed("write"):
        if few(written, held) or SCORED_AT in step.compiled.columns:
            _write(step, written)
        else:
            log_changed(step.connection, step.compiled, step.feeds, step.wave)
            write_all(step.connection, step.compiled)
            _keep_history(step, written=True, changed=CHANGED)
    return written


def _without_key(step: Step) -> Written:
    count = staged_count(step.connection)
    with step.timed("diff"):
        if same_content(step.connection, step.compiled):
            return Written(0, 0, 0, count)
        log_contents(step.connection, step.compiled, step.feeds, step.wave)
    with step.timed("write"):
        write_all(step.connection, step.compiled)
    return Written(count, 0, step.state.tables[step.build.table].row_count, count)


def _built(step: Step, written: Written, *, dirty: int | None, quarantined: int) -> Built:
    build = step.build
    return Built(
        build.table, build.action, "; ".join([build.reason, *step.notes]), build.as_of, written.row_count, quarantined,
        written.inserted, written.updated, written.deleted, dirty,
    )  # fmt: skip
