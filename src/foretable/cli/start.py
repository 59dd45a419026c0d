"""Commands that start a project and look at its surroundings: init, debug."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foretable.cli import console, workspace
from foretable.cli.app import app
from foretable.cli.options import Json
from foretable.errors import ForetableError, UsageError

LIBRARIES = (
    "duckdb",
    "ibis-framework",
    "sqlglot",
    "pandas",
    "pyarrow",
    "numpy",
    "scikit-learn",
    "xgboost",
    "onnx",
    "onnxruntime",
    "pandera",
    "optuna",
)


@app.command()
def init(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A new or empty folder; --attach and --full find a name.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole reference project instead of a small starter.")] = False,
    attach: Annotated[
        Path | None,
        typer.Option(
            "--attach",
            metavar="FILE",
            help="Draft sources from the tables of this DuckDB file, which is read in place.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start a project.

    \b
    Examples:
      foretable init mine && cd mine && foretable run
      foretable init --attach warehouse/shop.duckdb
      foretable init --full
    """
    from foretable import scaffold

    if full and attach:
        raise UsageError("--full and --attach at once", hint="choose one")
    if folder is None:
        if not full and not attach:
            raise UsageError("no folder", hint="name a new one: foretable init mine")
        folder = Path(attach.stem if attach else "reference")
    if attach:
        files, guesses = scaffold.attach_project(attach, folder)
        rows = [[found.name.lower(), _kind(found), found.entity, "; ".join(found.doubts)] for found in guesses]
        console.table(["source", "guessed to be", "key", "to settle in pipelines/sources.py"], rows, limit=None)
        following = ["foretable ls", "foretable plan"]
    else:
        files = scaffold.full_project(folder) if full else scaffold.starter_project(folder)
        following = ["foretable run"]
    console.say(f"{folder}: {console.count(len(files), 'file')} written")
    console.say(f"next: cd {folder}")
    for command in following:
        console.say(f"      {command}")


@app.command()
def debug(json: Json = False) -> None:
    """Check versions, project and warehouse.

    Ends with exit code 1 when something is wrong.

    \b
    Examples:
      foretable debug
    """
    facts: dict[str, Any] = {"foretable": _version("foretable"), **{name: _version(name) for name in LIBRARIES}}
    problems: list[ForetableError] = []
    for name, look in (("project", _project), ("declarations", _declarations), ("warehouse", _warehouse)):
        try:
            facts[name] = look()
        except ForetableError as problem:
            facts[name] = f"{problem.where}: {problem.message}" if problem.where else problem.message
            problems.append(problem)
            if name == "project":
                break
    if json:
        console.document(facts)
    else:
        for name, value in facts.items():
            console.say(f"{name:<16}{value}")
    if problems:
        raise problems[0]


def _kind(found: Any) -> str:
    if found.valid:
        return f"scd2, valid {found.valid[0]}..{found.valid[1]}"
    if found.register:
        return f"register, time {found.time}"
    return f"event, time {found.time}" if found.time else "unknown"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _project() -> str:
    session = workspace.session()
    return f"{session.config.name} in {session.root}"


def _declarations() -> str:
    graph = workspace.session().graph
    project = graph.project
    counts = ((project.sources, "source"), (graph.tables, "table"), (project.models, "model"))
    return ", ".join(console.count(len(found), noun) for found, noun in counts)


def _warehouse() -> str:
    session = workspace.session()
    if not session.warehouse.exists():
        sample = session.config.sample
        return f"{session.warehouse.name} is not there yet; foretable run makes it" + (f" from {sample}" if sample else "")
    with session.connect() as connection:
        tables = connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal"
        ).fetchall()[0][0]
    return f"{session.warehouse} opens, {console.count(tables, 'table')}, {session.warehouse.stat().st_size / 1e6:.1f} MB"
