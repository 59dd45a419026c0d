"""Options and arguments that several commands share, and what the shell completes for them."""

from __future__ import annotations

from typing import Annotated

import typer

from foretable.cli import workspace
from foretable.errors import ForetableError


def tables(incomplete: str) -> list[str]:
    """Names of the project's tables that start so."""
    return _starting(incomplete, "tables")


def sources(incomplete: str) -> list[str]:
    """Names of the project's sources that start so."""
    return _starting(incomplete, "sources")


def models(incomplete: str) -> list[str]:
    """Names of the project's models that start so."""
    return _starting(incomplete, "models")


def anything(incomplete: str) -> list[str]:
    """Names of tables, sources, models, functions and macros that start so."""
    return _starting(incomplete, "tables", "sources", "models", "functions", "macros")


def selectors(incomplete: str) -> list[str]:
    """What --select takes: tables and pipelines, with the leading + kept."""
    plus = "+" if incomplete.startswith("+") else ""
    return [plus + name for name in _starting(incomplete.removeprefix("+"), "tables", "pipelines")]


def pipelines(incomplete: str) -> list[str]:
    """Names of the project's pipelines that start so."""
    return _starting(incomplete, "pipelines")


def _starting(incomplete: str, *kinds: str) -> list[str]:
    try:
        project = workspace.session().project
    except ForetableError:
        return []  # a project that does not load completes nothing; the command itself will say why
    return sorted(name for kind in kinds for name in getattr(project, kind) if name.startswith(incomplete))


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        "-s",
        metavar="NAME",
        help="A table, layer or pipeline; +x adds what x is made from, x+ what is made from x.",
        autocompletion=selectors,
    ),
]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", metavar="NAME", help="Leave these out.", autocompletion=selectors)]
Selectors = Annotated[
    list[str],
    typer.Argument(
        metavar="TABLE...",
        help="Tables, layers or pipelines; +x adds what x is made from, x+ what is made from x.",
        autocompletion=selectors,
    ),
]
Due = Annotated[bool, typer.Option("--due", help="Only tables whose target lag has run out; for cron and systemd.")]
Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for a warehouse that another process writes to."),
]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="Look at the data as of this date, such as 2026-01-31; UTC.")]
Explain = Annotated[
    str | None,
    typer.Option("--explain", metavar="TABLE", help="How changes reach the rows of this table.", autocompletion=tables),
]
Diff = Annotated[bool, typer.Option("--diff", help="Show which rows and values changed definitions would change; nothing is applied.")]
Examples = Annotated[int, typer.Option("--limit", metavar="ROWS", help="With --diff: how many examples to show per table.", min=0)]
Pipeline = Annotated[
    str | None, typer.Argument(help="Only this pipeline, and what it is made from.", show_default=False, autocompletion=pipelines)
]
FullRefresh = Annotated[bool, typer.Option("--full-refresh", help="Rebuild every table, changed or not.")]
Prune = Annotated[bool, typer.Option("--prune", help="Drop tables that are no longer declared.")]
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="layer.table", autocompletion=tables)]
SourceName = Annotated[str, typer.Argument(metavar="TABLE", help="layer.table", autocompletion=sources)]
AnyName = Annotated[str, typer.Argument(metavar="NAME", help="A table, source, model, function or macro.", autocompletion=anything)]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model.", autocompletion=models)]
OptionalModel = Annotated[str | None, typer.Argument(metavar="MODEL", help="Only this model.", show_default=False, autocompletion=models)]
