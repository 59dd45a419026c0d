"""The command ``report``: a model version as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretable.cli import console, describe, files, workspace
from foretable.cli.app import app
from foretable.cli.models_names import references
from foretable.cli.options import Json
from foretable.cli.report_moved import Since, moved_of
from foretable.errors import UnknownName, UsageError

if TYPE_CHECKING:
    import duckdb

    from foretable.registry import Version
    from foretable.session import Session

FOLDER = "reports"


@app.command()
def report(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL[@VERSION]", help="For example churn or churn@4; without a version, the champion.", autocompletion=references
        ),
    ],
    version: Annotated[
        str | None, typer.Option("--version", metavar="N", help="A number, or an alias such as challenger.", show_default=False)
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="M", help="Put this version beside it: a number or an alias.", show_default=False)
    ] = None,
    moved: Annotated[
        int | None,
        typer.Option("--moved", metavar="N", min=1, help="With the N whose prediction rose most, and fell most.", show_default=False),
    ] = None,
    since: Since = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Write what is known of a model version as one HTML file, with plots.

    The file needs nothing else and goes to published/reports/ unless told otherwise. Everything in it was measured when the
    version was trained: nothing is trained or scored. Of a model without a champion the newest version is taken. With
    --moved it also tells whose prediction moved most since a date, by key.

    \b
    Examples:
      foretable report churn
      foretable report churn --version 4 --output churn.html
      foretable report churn --compare challenger
      foretable report churn --moved 20 --since 2026-03-01
    """
    from foretable.report import report_page, require_libraries
    from foretable.report.reading import read
    from foretable.report.summary import summary

    require_libraries()
    if since is not None and moved is None:
        raise UsageError("--since says nothing without --moved", hint=f"foretable report {model} --moved 20 --since {since}")
    session = workspace.session()
    with session.connect() as connection:
        found = _version(session, connection, model, version)
        other = _other(session, connection, found.model, compare) if compare is not None else None
        who = moved_of(session, connection, found.model, moved, since) if moved is not None else []
        text = report_page(connection, found, other, who)
        said = summary(read(connection, found))
    target = output if output is not None else _default(session, found, other)
    with files.replacing(target) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    near = str(target) if output is not None else describe.near(session, str(target))
    if json:
        facts = {"model": found.model, "version": found.version, "compared_with": other.version if other else None, "file": str(target)}
        console.document({**facts, "summary": {each.matter: each.text for each in said}})
        return
    console.say(f"{near}: {found}{f' beside {other}' if other else ''}")


def _version(session: Session, connection: duckdb.DuckDBPyConnection, model: str, version: str | None) -> Version:
    """The version that was named; the champion where none was, or the newest where there is no champion."""
    from foretable import registry

    if version is not None and "@" in model:
        raise UsageError(f"{model} and --version {version} at once", hint=f"write one: foretable report {model}")
    name = model.partition("@")[0].strip().lower()
    _require_trained(session, connection, name)
    if version is None and "@" not in model:
        found = registry.champion(connection, name)
        return found if found is not None else registry.versions(connection, name)[-1]
    return registry.resolve(connection, model if version is None else f"{name}@{version}")


def _other(session: Session, connection: duckdb.DuckDBPyConnection, model: str, compare: str) -> Version:
    from foretable import registry

    reference = compare if "@" in compare else f"{model}@{compare}"
    _require_trained(session, connection, reference.partition("@")[0].strip().lower())
    return registry.resolve(connection, reference)


def _require_trained(session: Session, connection: duckdb.DuckDBPyConnection, model: str) -> None:
    """Tell a model that is declared and not trained from one that nobody knows.

    Raises
    ------
    UnknownName
        There is no version of the model.
    """
    from foretable import registry
    from foretable.errors import nearest

    if registry.versions(connection, model):
        return
    declared = session.project.models
    if model in declared:
        raise UnknownName(f"model {model} is not trained yet, so there is nothing to report", hint=f"foretable train {model}")
    known = {version.model for version in registry.versions(connection)}
    raise UnknownName(f"no model is called {model!r}", hint=nearest(model, {*known, *declared}))


def _default(session: Session, found: Version, other: Version | None) -> Path:
    """A file under published/, which no project keeps in git."""
    beside = "" if other is None else f"_beside_{'' if other.model == found.model else f'{other.model}_'}v{other.version}"
    target = session.root / "published" / FOLDER / f"{found.model}_v{found.version}{beside}.html"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise files.failure(problem, str(target.parent)) from problem
    return target
