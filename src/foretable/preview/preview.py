"""What a run would change because definitions have changed: built in a scratch file, compared, forgotten."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.graph import Graph
from foretable.errors import ForetableError
from foretable.preview.affected import affected, blocked, is_own, relearning
from foretable.preview.build import Trial, build, compare
from foretable.preview.moved import changed_since
from foretable.preview.observed import date_of, read_state
from foretable.preview.result import ColumnChange, Difference, Outcome, Preview, TableChange
from foretable.preview.scratch import prepare
from foretable.preview.sides import after, first_rows
from foretable.progress import Listener, Progress, silent
from foretable.refresh.state import State
from foretable.refresh.watermark import now
from foretable.sql import column
from foretable.udf import explain
from foretable.warehouse import translate


def preview(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    *,
    select: Collection[str] | None = None,
    limit: int = 10,
    listen: Listener = silent,
) -> Preview:
    """Build every table whose definition changed, and what is made from it, and compare it with what is there.

    Both sides are of the same date, the one that the table has; the live file is only read.

    Parameters
    ----------
    connection
        From :func:`foretable.preview.scratch_warehouse`.
    graph
        The project as declared now.
    select
        Tables to look at; None means all.
    limit
        How many examples of each sort to give per table.
    listen
        Told about every table.
    """
    start = time.perf_counter()
    state = read_state(connection, graph)
    prepare(connection, graph, set(state.champions))
    found = affected(graph, state, select)
    sources = {source for name in found for source in graph.upstream(name) & graph.project.sources.keys()}
    work = _Work(connection, graph, state, found, changed_since(connection, graph, sources), limit)
    tables = []
    for name in found:
        listen(Progress(name, "started", found[name]))
        change = _change(work, name)
        tables.append(change)
        listen(Progress(name, "failed" if change.error else "done", change.outcome.lower()))
    drops = {name: table.row_count for name, table in sorted(state.tables.items()) if name not in graph.refreshed}
    return Preview(tuple(tables), drops, time.perf_counter() - start)


@dataclass(frozen=True)
class _Work:
    """What every table needs to know, and what is learned on the way."""

    connection: duckdb.DuckDBPyConnection
    graph: Graph
    state: State
    found: dict[str, str]
    since: dict[str, int | None]
    limit: int
    built: set[str] = field(default_factory=set)
    same: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    @property
    def in_scratch(self) -> set[str]:
        """What is to be read from the scratch file: tables just built, and sources that stand in files."""
        sources = self.graph.project.sources
        return self.built | {name for name in sources if sources[name].file is not None}


def _change(work: _Work, name: str) -> TableChange:
    change = _looked_at(work, name)
    if change.outcome == "SAME":
        work.same.add(name)
    if change.outcome in ("FAILED", "BLOCKED"):
        work.stuck.add(name)
    return change


def _looked_at(work: _Work, name: str) -> TableChange:
    compiled, state, reason = work.graph.tables[name], work.state, work.found[name]
    held = state.tables[name].row_count if name in state.tables and name in state.existing else None
    if stop := blocked(work.graph, state, name, work.stuck, work.found):
        return TableChange(name, reason, "BLOCKED", rows_before=held, notes=(stop,))
    if not is_own(work.graph, state, name) and all(parent in work.same for parent in compiled.upstream if parent in work.found):
        return TableChange(name, reason, "SAME", state.tables[name].as_of, held, held, Difference(same=held or 0))
    as_of = date_of(work.connection, work.graph, state, name, now(work.graph))
    try:
        trial = build(work.connection, work.graph, name, as_of, dict(state.champions), work.in_scratch)
        work.built.add(name)
        difference = _difference(work, name, trial, held)
    except (ForetableError, duckdb.Error) as error:
        return _failed(work, name, as_of, held, error)
    outcome: Outcome = "NEW" if held is None else "DIFFERS" if difference.any else "SAME"
    before = None if held is None else difference.rows_before
    return TableChange(
        name, reason, outcome, as_of, before, difference.rows_after, difference, trial.violations, trial.quarantined,
        trial.refused, _moved(work, name) if held is not None else (), _notes(work, name, trial),
    )  # fmt: skip


def _difference(work: _Work, name: str, trial: Trial, held: int | None) -> Difference:
    compiled = work.graph.tables[name]
    if held is not None:
        return compare(work.connection, compiled, work.limit)
    order = [column(key) for key in (compiled.entity.keys if compiled.entity else compiled.columns)]
    fresh = first_rows(work.connection, exp.select("*").from_(after(name)), order, work.limit)
    columns = tuple(ColumnChange(given, None, kind) for given, kind in compiled.columns.items())
    return Difference(only_after=trial.row_count, columns=columns, fresh=fresh)


def _failed(work: _Work, name: str, as_of: datetime, held: int | None, error: Exception) -> TableChange:
    known = None if isinstance(error, ForetableError) else translate(error, where="the scratch file")
    if known is not None:  # the disk or the memory is in trouble: no table is to blame
        raise known from error
    told = error if isinstance(error, ForetableError) else _told(name, error)
    told.where = told.where or name
    models = relearning(work.graph, work.state, name)
    if models:  # what a run trains first may well score what the version of now cannot
        note = f"a run trains {', '.join(models)} first; the version there is cannot score this: {told.message}"
        return TableChange(name, work.found[name], "BLOCKED", as_of, held, notes=(note,))
    return TableChange(name, work.found[name], "FAILED", as_of, held, error=told)


def _told(name: str, error: Exception) -> ForetableError:
    return explain(error) or ForetableError(str(error).split("\n\n")[0], hint=f"look at its SQL: foretable show {name}")


def _moved(work: _Work, name: str) -> tuple[str, ...]:
    """Sources that have changed since the table took them in."""
    epoch = work.state.tables[name].epoch
    seen = {source: work.since[source] for source in sorted(work.graph.upstream(name) & work.since.keys())}
    return tuple(source for source, wave in seen.items() if wave is None or wave > epoch)


def _notes(work: _Work, name: str, trial: Trial) -> tuple[str, ...]:
    graph, state = work.graph, work.state
    notes = [
        f"a run trains {model} first; these are scores of version {state.champions[model]}" for model in relearning(graph, state, name)
    ]
    unknown = sorted((graph.upstream(name) & graph.project.sources.keys()) - work.since.keys()) if name in state.tables else []
    notes += [f"whether {source} has changed since the last refresh is not known" for source in unknown]
    if trial.refused:
        notes.append("a run would refuse these rows and leave the table as it is")
    if name in state.suspended:
        notes.append(f"suspended ({state.suspended[name]}): a run leaves it as it is")
    return tuple(notes)
