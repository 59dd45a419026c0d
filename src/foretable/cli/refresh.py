"""Commands that bring tables up to date: plan, run, refresh."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, preview, report, workspace
from foretable.cli.app import app
from foretable.cli.explain import explained, show
from foretable.cli.options import AsOf, Diff, Due, Examples, Exclude, Explain, FullRefresh, Json, Pipeline, Prune, Select, Wait
from foretable.errors import RefreshFailed, UnknownName, UsageError, WarehouseLocked, nearest

if TYPE_CHECKING:
    from foretable.refresh.due import Agenda
    from foretable.run import RunReport
    from foretable.session import Session

SUSPENDED = "SELECT table_name FROM foretable.schedules WHERE suspended"


@app.command()
def plan(
    pipeline: Pipeline = None,
    select: Select = None,
    exclude: Exclude = None,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    explain: Explain = None,
    diff: Diff = False,
    limit: Examples = 10,
    json: Json = False,
) -> None:
    """Show what a run would do, and why.

    With --diff, changed definitions are built in a temporary file and compared with what the warehouse holds, each at the
    date that its table has. Nothing is applied; it ends with 1 when a definition cannot be computed.

    \b
    Examples:
      foretable plan
      foretable plan --select +predictions.churn
      foretable plan --as-of 2026-01-31
      foretable plan --explain features.usage
      foretable plan --diff --limit 3
    """
    session = workspace.session()
    asked = moment(as_of)
    if diff:
        if full_refresh or asked is not None or explain is not None:
            raise UsageError("--diff stands alone", hint="of the other options it takes --select, --exclude, --limit and --json")
        preview.diff(session, selection(pipeline, select), exclude or (), limit=limit, json=json)
        return
    if explain is not None:
        _explain(session, explain, asked, json)
        return
    planned = session.plan(selection(pipeline, select), exclude or (), full_refresh=full_refresh, as_of=asked)
    if json:
        console.document(report.plan_facts(session.graph, planned))
    else:
        report.plan(session.graph, planned)


@app.command()
def run(
    pipeline: Pipeline = None,
    select: Select = None,
    exclude: Exclude = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="TABLE=FILE", help="Load this file into the source first, replacing what it holds."),
    ] = None,
    full_refresh: FullRefresh = False,
    trials: Annotated[int | None, typer.Option(help="Search trials per candidate, where a model must be trained.", min=1)] = None,
    prune: Prune = False,
    json: Json = False,
) -> None:
    """Train and refresh what needs it, and publish.

    Models are trained when no version matches their declaration. A second run finds nothing to do, and says so.

    \b
    Examples:
      foretable run
      foretable run telco_churn --source raw.telco=customers.csv
      foretable run --select +predictions.churn --trials 20
    """
    session = workspace.session()
    chosen = selection(pipeline, select)
    if session.start_warehouse():
        console.note(f"{session.config.warehouse} copied from {session.config.sample}")
    with console.progress() as listen:
        replaced = dict(map(_source, source or ()))
        done = session.run(chosen, exclude or (), replace=replaced, full_refresh=full_refresh, trials=trials, prune=prune, listen=listen)
    _tell(session, done, json)


@app.command()
def refresh(
    pipeline: Pipeline = None,
    select: Select = None,
    exclude: Exclude = None,
    due: Due = False,
    wait: Wait = None,
    as_of: AsOf = None,
    full_refresh: FullRefresh = False,
    prune: Prune = False,
    json: Json = False,
) -> None:
    """Refresh tables as run does, but train nothing.

    With --due, only tables whose target lag has run out, each with what it is made from: a line for cron or a
    systemd timer. It ends with 0 when all went well or nothing was due, with 1 when a table was left behind. Of two at
    once, the second waits, then ends with 1 and names the first; a process that died holds nothing.

    \b
    Examples:
      foretable refresh
      foretable refresh --select features+ --json
      foretable refresh --due --wait 60 --json
      foretable refresh --as-of 2026-01-31
    """
    session = workspace.session(wait)
    chosen, asked = selection(pipeline, select), moment(as_of)
    before = time.perf_counter()
    if due:
        agenda = session.agenda(chosen, exclude or ())
        if not agenda.due:
            _nothing_due(agenda, time.perf_counter() - before, json)
            return
        chosen, exclude = list(agenda.due), None
    with console.progress() as listen:
        done = session.run(
            chosen, exclude or (), train=False, full_refresh=full_refresh, prune=prune, as_of=asked,
            trigger="SCHEDULED" if due else "REFRESH", listen=listen,
        )  # fmt: skip
    _tell(session, done, json, report.schedule_facts(_after(session)) if due else {})


def moment(as_of: str | None) -> datetime | None:
    """What --as-of names, in UTC."""
    from foretable.declare.clock import pinned

    return pinned(as_of) if as_of is not None else None


def _explain(session: Session, name: str, as_of: datetime | None, json: bool) -> None:
    table = name.lower()
    if table not in session.graph.refreshed:
        raise UnknownName(f"no table is called {name!r}", hint=nearest(table, session.graph.refreshed))
    planned = session.plan([f"+{table}"], as_of=as_of)
    refreshed = dict(session.rows("SELECT name, refreshed_at FROM foretable.tables")[1]) if session.warehouse.is_file() else {}
    facts = explained(session.graph, planned, table, refreshed)
    if json:
        console.document(facts)
    else:
        show(facts)


def _nothing_due(agenda: Agenda, seconds: float, json: bool) -> None:
    if json:
        console.document({**report.NOTHING, "seconds": seconds, **report.schedule_facts(agenda)})
    else:
        console.say(f"nothing is due{report.next_wake(agenda.next_wake)}")


def _after(session: Session) -> Agenda | None:
    """What comes next; not known while somebody else has the warehouse open."""
    try:
        return session.agenda()
    except WarehouseLocked:
        return None


def selection(pipeline: str | None, select: list[str] | None) -> list[str]:
    """What --select and the name of a pipeline come to.

    Raises
    ------
    UsageError
        Both were given.
    """
    if pipeline and select:
        raise UsageError("a pipeline and --select at once", hint=f"write: --select +{pipeline}, and the rest after it")
    return [f"+{pipeline.lower()}"] if pipeline else list(select or ())


def _source(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise UsageError(f"--source {text!r} is not TABLE=FILE", hint="for example: --source raw.orders=orders.csv")
    return name, file


def _tell(session: Session, done: RunReport, json: bool, more: Mapping[str, Any] = {}) -> None:
    if json:
        console.document({**report.outcome_facts(done), **more})
    else:
        report.outcome(session, done)
    blocked = {name: reason for name, reason in done.wave.blocked.items() if name not in _paused(session, done.wave.blocked)}
    if done.wave.failed:
        first = next(iter(done.wave.failed.values()))
        left = [*done.wave.failed, *blocked]
        rest = f"{console.count(len(left), 'table')} left as the last good wave made them: {', '.join(left)}"
        raise RefreshFailed(f"{first.message}; {rest}", where=first.where, hint=first.hint)
    for error in done.untrained.values():
        raise error
    if blocked:
        name, reason = next(iter(blocked.items()))
        waiting = f"{console.count(len(blocked), 'table')} not brought up to date: {', '.join(blocked)}"
        raise RefreshFailed(waiting, where=name, hint=reason)


def _paused(session: Session, blocked: Mapping[str, str]) -> set[str]:
    """The blocked tables that somebody wants so: they are suspended, or made from what is."""
    held = {name for (name,) in session.rows(SUSPENDED)[1]} if blocked else set()
    return held.union(*(session.graph.downstream(name) for name in held))
