"""Commands that move data in and out: ingest, quarantine, publish, simulate."""

from __future__ import annotations

from typing import Annotated

import typer

from foretable.cli import console, workspace
from foretable.cli.app import app
from foretable.cli.options import Json, SourceName

WAITING = "SELECT * FROM foretable.quarantine_summary ORDER BY table_name, quarantined DESC"


@app.command()
def ingest(
    table: SourceName,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="CSV, Parquet or JSON lines; globs; - reads standard input.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the table holds.")] = False,
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
        done = session.ingest(table, files, replace=replace, format=format_, listen=listen)
    if json:
        console.document(done)
        return
    console.say(
        f"{table}: {console.count(done['rows'], 'row')} loaded"
        + (f", {done['quarantined']:,} in quarantine" if done["quarantined"] else "")
    )
    if done["quarantined"]:
        console.note(f"Hint: see why: foretable quarantine {table}")


@app.command()
def quarantine(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only this table: its rows and why.", show_default=False)] = None,
    redrive: Annotated[bool, typer.Option("--redrive", help="Check the rows again and load those that pass.")] = False,
    json: Json = False,
) -> None:
    """Show rows that broke a rule, and re-drive them after a fix.

    \b
    Examples:
      foretable quarantine
      foretable quarantine raw.orders
      foretable quarantine raw.orders --redrive
    """
    from foretable.errors import UsageError

    session = workspace.session()
    if redrive:
        if table is None:
            raise UsageError("--redrive needs a table", hint="for example: foretable quarantine raw.orders --redrive")
        done = session.redrive(table)
        if json:
            console.document(done)
        else:
            console.say(f"{table}: {console.count(done['rows'], 'row')} loaded, {done['quarantined']:,} still in quarantine")
        return
    columns, rows = session.rows(WAITING) if table is None else session.quarantined(table)
    if json:
        console.records(columns, rows)
    elif rows:
        console.table(columns, rows)
    else:
        console.say("nothing is in quarantine")


@app.command()
def publish(json: Json = False) -> None:
    """Write published/: Parquet files, and one DuckDB file for BI tools. A run does it by itself.

    \b
    Examples:
      foretable publish
    """
    path = workspace.session().publish()
    if json:
        console.document({"published": str(path)})
    else:
        console.say(str(path))
