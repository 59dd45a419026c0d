"""Commands that bring tables up to date and tell how they are: plan, run, refresh, status, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from foretable.cli import console, report, workspace
from foretable.cli.app import app
from foretable.cli.options import Exclude, FullRefresh, Json, Pipeline, Prune, Select
from foretable.errors import RefreshFailed, UnknownName, UsageError, nearest

if TYPE_CHECKING:
    from foretable.run import RunReport
    from foretable.session import Session

STATUS = """
SELECT name AS "table", kind, mode, target_lag, actual_lag AS lag, is_late AS late, as_of, row_count AS "rows",
    last_action, last_reason AS reason, source_watermark, next_due, suspended
FROM foretable.table_status ORDER BY name
"""
SHOWN = ("table", "rows", "lag", "late", "last_action", "as_of", "target_lag", "kind", "reason")
HISTORY = """
SELECT wave, table_name AS "table", action, state, reason, row_count AS "rows",
    round(seconds, 3) AS seconds, started_at, message
FROM foretable.refresh_history WHERE table_name = coalesce(?, table_name) ORDER BY wave DESC, started_at DESC LIMIT ?
"""
REFRESHED = "SELECT DISTINCT table_name FROM foretable.refresh_history"


@app.command()
def plan(
    pipeline: Pipeline = None,
    select: Select = None,
    exclude: Exclude = None,
    full_refresh: FullRefresh = False,
    json: Json = False,
) -> None:
    """Show what a run would do, and why.

    \b
    Examples:
      foretable plan
      foretable plan --select +predictions.churn
    """
    session = workspace.session()
    planned = session.plan(selection(pipeline, select), exclude or (), full_refresh=full_refresh)
    if json:
        console.document(report.plan_facts(planned))
    else:
        report.plan(planned)


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
    full_refresh: FullRefresh = False,
    prune: Prune = False,
    json: Json = False,
) -> None:
    """Refresh tables as run does, but train nothing.

    \b
    Examples:
      foretable refresh
      foretable refresh --select features+ --json
    """
    session = workspace.session()
    with console.progress() as listen:
        done = session.run(selection(pipeline, select), exclude or (), train=False, full_refresh=full_refresh, prune=prune, listen=listen)
    _tell(session, done, json)


@app.command()
def status(json: Json = False) -> None:
    """Show how fresh every table is.

    \b
    Examples:
      foretable status
      foretable status --json
    """
    columns, rows = workspace.session().rows(STATUS)
    if json:
        console.records([f"{name}_seconds" if name == "lag" else name for name in columns], rows)
        return
    kept = [columns.index(name) for name in SHOWN]
    console.table([name.replace("_", " ") for name in SHOWN], [[row[i] for i in kept] for row in rows], limit=None)
    if not rows:
        console.say("no table is built yet; build them: foretable run")


@app.command()
def history(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only this table.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="The last so many.", min=1)] = 20,
    json: Json = False,
) -> None:
    """Show what refreshes did, newest first.

    \b
    Examples:
      foretable history
      foretable history predictions.churn -n 5
    """
    session = workspace.session()
    columns, rows = session.rows(HISTORY, [table and table.lower(), limit])
    if table and not rows:
        _never_refreshed(session, table)
    if json:
        console.records(columns, rows)
    elif not rows:
        console.say("nothing was refreshed yet; build the tables: foretable run")
    else:
        seconds = columns.index("seconds")
        told = [[*row[:seconds], console.duration(row[seconds]) if row[seconds] else None, *row[seconds + 1 :]] for row in rows]
        console.table([{"seconds": "time", "started_at": "at (UTC)"}.get(name, name) for name in columns], told, limit=None)


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


def _never_refreshed(session: Session, table: str) -> None:
    known = {name for (name,) in session.rows(REFRESHED)[1]} | set(session.graph.refreshed)
    if table.lower() not in known:
        raise UnknownName(f"no table {table!r} was ever refreshed", hint=nearest(table.lower(), known))


def _source(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise UsageError(f"--source {text!r} is not TABLE=FILE", hint="for example: --source raw.orders=orders.csv")
    return name, file


def _tell(session: Session, done: RunReport, json: bool) -> None:
    if json:
        console.document(report.outcome_facts(done))
    else:
        report.outcome(session, done)
    if done.wave.failed:
        first = next(iter(done.wave.failed.values()))
        left = [*done.wave.failed, *done.wave.blocked]
        rest = f"{console.count(len(left), 'table')} left as the last good wave made them: {', '.join(left)}"
        raise RefreshFailed(f"{first.message}; {rest}", where=first.where, hint=first.hint)
    for error in done.untrained.values():
        raise error
    if done.wave.blocked:
        name, reason = next(iter(done.wave.blocked.items()))
        waiting = f"{console.count(len(done.wave.blocked), 'table')} not brought up to date: {', '.join(done.wave.blocked)}"
        raise RefreshFailed(waiting, where=name, hint=reason)
