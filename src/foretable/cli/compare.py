"""``foretable compare``: versions of a model that answered in production, by the outcomes that have come since."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from foretable.cli import console, options, workspace
from foretable.cli.app import app
from foretable.cli.options import Json


@app.command()
def compare(
    table: Annotated[str, typer.Argument(help="A scoring table that keeps its history.", autocompletion=options.tables)],
    json: Json = False,
) -> None:
    """Compare the versions that answered in a scoring table, by the outcomes that have matured.

    \b
    Examples:
      foretable compare predictions.churn
      foretable compare predictions.churn --json
    """
    from foretable.monitor import compare_versions

    session = workspace.session()
    with session.connect() as connection:
        found = compare_versions(connection, session.graph, table.lower())
    if json:
        console.document([asdict(each) for each in found])
        return
    rows = [
        [
            each.role,
            f"{each.model}@{each.version}",
            each.metric,
            f"{each.value:.4f}",
            f"{each.low:.4f} to {each.high:.4f}",
            each.row_count,
            each.dates,
        ]
        for each in found
    ]
    console.table(["role", "version", "metric", "value", "95 % interval", "rows", "dates"], rows, limit=None)
