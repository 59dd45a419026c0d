"""The command ``moved``: whose prediction moved most."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, workspace
from foretable.cli.app import app
from foretable.cli.models_names import references
from foretable.cli.options import Json
from foretable.errors import UnknownName, UsageError, nearest

if TYPE_CHECKING:
    import duckdb

    from foretable.monitor import Moved
    from foretable.session import Session

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="DATE",
        help="What stood on this date, by the project's clock; by default 30 days before the last.",
        show_default=False,
    ),
]


@app.command()
def moved(
    name: Annotated[
        str, typer.Argument(metavar="MODEL|TABLE", help="A model, or a scoring table that keeps its history.", autocompletion=references)
    ],
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many that rose, and how many that fell.")] = 10,
    json: Json = False,
) -> None:
    """Show whose prediction moved most, and whether features or the model moved it.

    The history of the scoring table tells what stood then. Where another version answers now, the version of then is asked
    about the features of today: up to there the change is by features, from there on by the model.

    \b
    Examples:
      foretable moved churn
      foretable moved predictions.churn --since 2026-03-01 --limit 20
    """
    from foretable.report.moved import moved_said, moved_tables

    session = workspace.session()
    with session.connect() as connection:
        found = moved_of(session, connection, name.lower(), limit, since)
    if json:
        console.document([_facts(each) for each in found])
        return
    for each in found:
        for said in moved_said(each):
            console.say(said)
        for shown in moved_tables(each):
            console.heading(shown.title.lower())
            console.table(shown.columns, shown.rows, limit=None)


def moved_of(session: Session, connection: duckdb.DuckDBPyConnection, name: str, most: int, since: str | None) -> list[Moved]:
    """What moved in a scoring table, or in every one of a model.

    Raises
    ------
    UnknownName
        There is no such model or table.
    UsageError
        Nothing is kept of what it predicted before, or the date is none.
    """
    from foretable import monitor
    from foretable.declare.clock import pinned

    graph, date = session.graph, pinned(since) if since is not None else None
    if "." in name:
        return [monitor.moved(connection, graph, name, most, date)]
    if name not in session.project.models:
        raise UnknownName(f"no model is called {name!r}", hint=nearest(name, session.project.models))
    tables = monitor.histories_of(graph, name)
    if not tables:
        raise UsageError(f"no scoring table of {name} keeps its history", hint='declare one with history="1 year", and run')
    return [monitor.moved(connection, graph, table, most, date) for table in tables]


def _facts(found: Moved) -> dict[str, Any]:
    changes = {way: [{**asdict(each), "change": each.change} for each in getattr(found, way)] for way in ("rose", "fell")}
    return {**asdict(found), **changes}
