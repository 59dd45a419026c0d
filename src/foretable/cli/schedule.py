"""Commands about the pace of tables: status, history, suspend, resume, up."""

from __future__ import annotations

import json as text
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, report, workspace
from foretable.cli.app import app
from foretable.cli.options import Json, Selectors
from foretable.cli.options import tables as table_names
from foretable.errors import UnknownName, WarehouseError, nearest

if TYPE_CHECKING:
    import duckdb

    from foretable.session import Session
    from foretable.up import Event

STATUS = """
SELECT name AS "table", kind, "mode", mode_reason, target_lag, actual_lag AS lag, is_late AS late, late_reason, as_of, row_count AS "rows",
    last_action, last_reason AS reason, source_watermark, refreshed_at, next_due, suspended, suspended_reason, failures, failure
FROM foretable.table_status ORDER BY name
"""
HISTORY = """
SELECT wave, table_name AS "table", action, state, "trigger", reason, as_of, row_count AS "rows", inserted, updated, deleted, dirty,
    round(seconds, 3) AS seconds, timings, started_at, message
FROM foretable.refresh_history WHERE table_name = coalesce(?, table_name) ORDER BY wave DESC, started_at DESC LIMIT ?
"""
REFRESHED = "SELECT DISTINCT table_name FROM foretable.refresh_history"


@app.command()
def status(json: Json = False) -> None:
    """Show how fresh every table is: its lag against the target, and when it is due next.

    \b
    Examples:
      foretable status
      foretable status --json | jq '.[] | select(.late).table'
    """
    columns, rows = workspace.session().rows(STATUS)
    if json:
        console.records([f"{name}_seconds" if name == "lag" else name for name in columns], rows)
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    told = [_status(dict(zip(columns, row, strict=True)), now) for row in rows]
    names = ["table", "state", "lag", "target", "next due", "mode", "last action", "why"]
    console.table(names, told, limit=None)
    if not rows:
        console.say("no table is built yet; build them: foretable run")


def _status(found: dict[str, Any], now: datetime) -> list[Any]:
    why = found["suspended_reason"] if found["suspended"] else found["failure"] or found["late_reason"] or found["reason"]
    return [
        *(found["table"], _state(found), found["lag"], found["target_lag"], _until(found["next_due"], now)),
        *(found["mode"], found["last_action"], why),
    ]


def _state(found: dict[str, Any]) -> str:
    if found["suspended"]:
        return "SUSPENDED"
    if found["failures"]:
        return f"FAILED {found['failures']}x"
    if found["failure"]:
        return "WAITS"
    return "LATE" if found["late"] else "on time"


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    return f"in {console.duration((moment - now).total_seconds())}" if moment > now else "now"


@app.command()
def history(
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="Only this table.", show_default=False, autocompletion=table_names)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="The last so many.", min=1)] = 20,
    json: Json = False,
) -> None:
    """Show what refreshes did, newest first.

    \b
    Examples:
      foretable history
      foretable history predictions.churn -n 5
      foretable history predictions.churn --json | jq '.[0].timings'
    """
    session = workspace.session()
    columns, rows = session.rows(HISTORY, [table and table.lower(), limit])
    if table and not rows:
        _never_refreshed(session, table)
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    if json:
        console.document([{**line, "timings": text.loads(line["timings"] or "{}")} for line in found])
    elif not found:
        console.say("nothing was refreshed yet; build the tables: foretable run")
    else:
        counts = ("rows", "inserted", "updated", "deleted", "dirty")
        names = ["wave", "table", "action", "state", *counts, "time", "at (UTC)", "trigger", "why"]
        console.table(names, [_line(line, counts) for line in found], limit=None)


def _line(line: dict[str, Any], counts: Sequence[str]) -> list[Any]:
    took = console.duration(line["seconds"]) if line["seconds"] else None
    about = (line["started_at"], line["trigger"], line["message"] or line["reason"])
    return [line["wave"], line["table"], line["action"], line["state"], *(line[name] for name in counts), took, *about]


def _never_refreshed(session: Session, table: str) -> None:
    known = {name for (name,) in session.rows(REFRESHED)[1]} | set(session.graph.refreshed)
    if table.lower() not in known:
        raise UnknownName(f"no table {table!r} was ever refreshed", hint=nearest(table.lower(), known))


@app.command()
def suspend(tables: Selectors, json: Json = False) -> None:
    """Leave tables out of every refresh; what is made from them waits with them.

    \b
    Examples:
      foretable suspend predictions.churn
      foretable suspend features.usage+
    """
    from foretable.refresh.suspend import suspend as suspend_tables

    session = workspace.session()
    chosen = _chosen(session, tables)
    with _catalog(session) as connection:
        suspend_tables(connection, chosen)
    waiting = sorted({other for name in chosen for other in session.graph.downstream(name)} & set(session.graph.refreshed) - set(chosen))
    if json:
        console.document({"suspended": chosen, "waiting": waiting})
        return
    console.say(f"suspended: {', '.join(chosen)}")
    if waiting:
        console.say(f"made from them, so left as they are: {', '.join(waiting)}")


@app.command()
def resume(tables: Selectors, json: Json = False) -> None:
    """Refresh suspended tables again; their failures are forgotten.

    \b
    Examples:
      foretable resume predictions.churn
      foretable resume features.usage+
    """
    from foretable.refresh.suspend import resume as resume_tables
    from foretable.refresh.suspend import suspended

    session = workspace.session()
    chosen = _chosen(session, tables)
    with _catalog(session) as connection:
        resumed = [name for name in suspended(connection) if name in chosen]
        resume_tables(connection, chosen)
    if json:
        console.document({"resumed": resumed})
    else:
        console.say(f"resumed: {', '.join(resumed)}" if resumed else "none of them was suspended; their failures are forgotten")


def _chosen(session: Session, selectors: Sequence[str]) -> list[str]:
    chosen = session.graph.select(selectors)
    if not chosen:
        raise UnknownName(f"{' '.join(selectors)} selects no table that is refreshed", hint="see the tables: foretable ls")
    return [name for name in session.graph.refreshed if name in chosen]


@contextmanager
def _catalog(session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse to write to, if it is there: suspending is no reason to make one."""
    from foretable.warehouse import ensure_catalog, wave

    if not session.warehouse.exists():
        raise WarehouseError("there is no warehouse yet", where=str(session.warehouse), hint="build it: foretable run")
    with session.connect(write=True) as connection:
        ensure_catalog(connection)
        with wave(connection):
            yield connection


@app.command()
def up(json: Json = False) -> None:
    """Keep every table within its target lag, until it is told to stop.

    Files are open while a wave is at work and closed in between, so that loaders and readers have their turn. Changed
    declarations are loaded again. Ctrl-C or SIGTERM lets the wave at work finish and ends with 0; a second one rolls it back.

    \b
    Examples:
      foretable up
      foretable up --json >> foretable.log
    """
    from foretable.up import keep_fresh

    keep_fresh(workspace.session().root, _loaded, lambda event: console.log(_event_facts(event) if json else _event(event)))


def _loaded() -> Session:
    """The project with all that its files declare; compiled too, unless a schema is still to be recorded by the first wave."""
    from foretable.compile.recorded import recorded_path

    session = workspace.session(0)
    if all(recorded_path(session.root, name).is_file() for name in session.project.sources):
        session.graph  # noqa: B018
    return session


def _event(event: Event) -> str:
    at = f"{event.at:%Y-%m-%dT%H:%M:%S}Z"
    if event.report is not None:
        return f"{at}  {_wave(event)}"
    words = {"up": "up; stop with Ctrl-C", "stopped": "stopped"}.get(event.kind, event.kind)
    return f"{at}  {words}{f': {event.message}' if event.message else ''}{f' (hint: {event.hint})' if event.hint else ''}"


def _wave(event: Event) -> str:
    assert event.report is not None
    done = event.report.wave
    actions = [built.action for built in done.built]
    counts = [f"{actions.count(action)} {action}" for action in dict.fromkeys(actions)]
    rows = sum(built.inserted + built.updated + built.deleted for built in done.built)
    parts = [
        ", ".join(counts) or "nothing built",
        f"{console.count(rows, 'row')} changed",
        *(f"{name} FAILED: {error.message}" for name, error in done.failed.items()),
        *(f"{name} BLOCKED: {reason}" for name, reason in done.blocked.items()),
        console.duration(event.report.seconds),
    ]
    following = f"; next {event.next_wake:%Y-%m-%dT%H:%M:%S}Z" if event.next_wake else ""
    return f"wave {done.wave}: {'; '.join(parts)}{following}"


def _event_facts(event: Event) -> dict[str, Any]:
    facts: dict[str, Any] = {"at": event.at, "event": event.kind}
    if event.message:
        facts |= {"message": event.message, "hint": event.hint}
    if event.report is not None:
        facts |= {**report.outcome_facts(event.report), "next_due": event.next_wake}
    return facts
