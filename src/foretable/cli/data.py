"""Commands that move data in and out: ingest, quarantine, publish, simulate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, workspace
from foretable.cli.app import app
from foretable.cli.options import Json, SourceName
from foretable.cli.query import KNOWN
from foretable.errors import UnknownName, UsageError, nearest

if TYPE_CHECKING:
    from foretable.quality import IngestReport, RedriveReport
    from foretable.session import Session


@app.command()
def ingest(
    table: SourceName,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="CSV, Parquet or JSON lines; globs; - reads standard input.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the table holds.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Load a file that was loaded before.")] = False,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="csv|parquet|json", help="Where the file's ending does not say.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Load files into a table, all or nothing.

    A missing or unreadable column refuses the batch whole. A row that breaks a rule goes to
    quarantine.<table>, with the reason.

    \b
    Examples:
      foretable ingest raw.orders orders.csv
      foretable ingest raw.orders 'export/*.parquet' --replace
      cat orders.jsonl | foretable ingest raw.orders - --format json
    """
    session = workspace.session()
    with console.progress() as listen:
        done = session.ingest(table, files, replace=replace, again=again, format=format_, listen=listen)
    if json:
        counts = [{"file": file.name, "rows": file.rows, "quarantined": file.quarantined, "copies": file.copies} for file in done.files]
        rules = [{"rule": rule, "column": column, "rows": rows} for (rule, column), rows in done.rules.items()]
        console.document({**_counted(done), "batch": done.batch, "files": counts, "rules": rules})
        return
    console.say(_told(done))
    for (rule, column), rows in done.rules.items():
        console.say(f"  {rows:,} × {rule}{f' on {column}' if column else ''}")
    if done.quarantined:
        console.note(f"Hint: see the rows: foretable quarantine {done.table}")


@app.command()
def quarantine(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only this table: its rows and why.", show_default=False)] = None,
    redrive: Annotated[bool, typer.Option("--redrive", help="Check the rows again and load those that pass.")] = False,
    json: Json = False,
) -> None:
    """Show rows that broke a rule; re-drive them.

    \b
    Examples:
      foretable quarantine
      foretable quarantine raw.orders
      foretable quarantine raw.orders --redrive
    """
    session = workspace.session()
    if redrive:
        if table is None:
            raise UsageError("--redrive needs a table", hint="for example: foretable quarantine raw.orders --redrive")
        _require_known(session, table)
        done = session.redrive(table)
        if json:
            console.document(_counted(done))
        else:
            console.say(_told(done))
        return
    columns, rows = session.quarantined(table)
    if table is not None and not rows:
        _require_known(session, table)
    if json:
        console.records(columns, rows)
    elif rows:
        console.table(columns, rows)
    else:
        console.say("nothing is in quarantine")


def _require_known(session: Session, table: str) -> None:
    known = {*session.project.sources, *session.project.tables, *(name for (name,) in session.rows(KNOWN)[1])}
    if table.lower() not in {name.lower() for name in known}:
        raise UnknownName(f"no table is called {table!r}", hint=nearest(table.lower(), known))


def _counted(done: IngestReport | RedriveReport) -> dict[str, Any]:
    return {"table": done.table, "rows": done.rows, "quarantined": done.quarantined, "copies": done.copies}


def _told(done: IngestReport | RedriveReport) -> str:
    parts = [f"{console.count(done.rows, 'row')} loaded"]
    parts += [f"{done.quarantined:,} in quarantine"] if done.quarantined else []
    parts += [f"{done.copies:,} there already"] if done.copies else []
    return f"{done.table}: {', '.join(parts)}"


@app.command()
def publish(json: Json = False) -> None:
    """Write published/ for BI tools, as a run does.

    \b
    Examples:
      foretable publish
    """
    path = workspace.session().publish()
    if json:
        console.document({"published": str(path)})
    else:
        console.say(str(path))
