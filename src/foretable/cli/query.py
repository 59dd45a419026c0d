"""Commands that answer in rows: sql, export table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretable.cli import console, files, workspace
from foretable.cli.app import app
from foretable.cli.export_model import exports
from foretable.cli.options import Csv, Json, TableName
from foretable.errors import UsageError

if TYPE_CHECKING:
    import duckdb

KNOWN = """
SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal
UNION ALL SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
"""


@app.command("sql")
def sql_(
    query: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="One or more statements; - reads standard input; none opens a prompt.", show_default=False),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Let statements change the warehouse.")] = False,
    json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Run SQL, with every predict_<model>() at hand.

    Read-only unless --write. Dynamic tables and models are declared, changed and dropped here too: the statement
    writes the project's file under sql/. BigQuery's ML.PREDICT and Snowflake's model!PREDICT are understood.

    \b
    Examples:
      foretable sql "SELECT customer_id, predict_churn(f) AS p FROM features.usage AS f ORDER BY p DESC LIMIT 10"
      foretable sql "FROM predict_churn(features.usage)" --csv > scores.csv
      foretable sql "SHOW DYNAMIC TABLES"
      foretable sql --write "ALTER DYNAMIC TABLE predictions.churn SUSPEND"
      foretable sql                # a prompt, with history; \\q leaves it
    """
    from foretable.cli import prompt

    if json and as_csv:
        raise UsageError("--json and --csv at once", hint="choose one")
    session = workspace.session()
    form = prompt.Form(json, as_csv)
    if write:
        session.start_warehouse()
    with session.connect(write=write) as connection:
        desk = prompt.Desk(connection, session, write, form)
        if query is None and sys.stdin.isatty():
            prompt.loop(desk)
        else:
            prompt.show(desk, sys.stdin.read() if query is None or query == "-" else query)


@exports.command(name="table")
def export_table(
    table: TableName,
    to: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write this file; by default standard output.", show_default=False)
    ] = None,
) -> None:
    """Write a table as CSV, for a CRM.

    Rows come in the order that the table keeps.

    \b
    Examples:
      foretable export decisions.action_plan --csv actions.csv
      foretable export decisions.action_plan | head -20
    """
    session = workspace.session()
    with session.connect() as connection:
        columns, rows = _content(connection, table)
    if to is None:
        console.comma_separated(columns, rows)
        return
    with files.replacing(to) as part, part.open("w", newline="", encoding="utf-8") as file:
        console.comma_separated(columns, rows, file)
    console.note(f"{to}: {console.count(len(rows), 'row')}")


def _content(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[list[str], list[tuple[object, ...]]]:
    from foretable.errors import UnknownName, nearest
    from foretable.sql import statement, table

    known = [found for (found,) in connection.execute(KNOWN).fetchall()]
    if name.lower() not in {found.lower() for found in known}:
        raise UnknownName(f"the warehouse has no table {name!r}", hint=nearest(name.lower(), known))
    cursor = connection.execute(statement("SELECT * FROM $source", source=table(name)))
    return [part[0] for part in cursor.description or ()], cursor.fetchall()
