"""Commands that keep the warehouse safe and small: backup, restore, compact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretable.cli import console, workspace
from foretable.cli.app import app
from foretable.cli.options import Json
from foretable.errors import UsageError


@app.command()
def backup(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where to; by default backups/ of the project.", show_default=False)
    ] = None,
) -> None:
    """Copy the warehouse: data, models and history.

    \b
    Examples:
      foretable backup
      foretable backup /mnt/safe
    """
    from foretable.warehouse import backup as copy_to

    session = workspace.session()
    console.say(str(copy_to(session.warehouse, folder or session.root / "backups")))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that backup wrote.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the warehouse's place.

    The replaced file is kept under backups/.

    \b
    Examples:
      foretable restore backups/warehouse-20260131-120000-000000.duckdb
    """
    from foretable.warehouse import restore as put_back

    session = workspace.session()
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file", hint="name a file that backup wrote; by default they are under backups/")
    if session.warehouse.exists() and file.samefile(session.warehouse):
        raise UsageError(f"{file} is the warehouse itself", hint="name a file that backup wrote; by default they are under backups/")
    if session.warehouse.exists() and not yes and not console.confirmed(f"replace {session.warehouse.name} by {file}?"):
        raise UsageError("not restored", hint="say yes, or add --yes")
    put_back(file, session.warehouse)
    console.say(f"{session.warehouse.name} is {file} again; what it replaced is under backups/")


@app.command()
def compact(json: Json = False) -> None:
    """Shrink the warehouse file to what it holds.

    First what is older than keep_logs is forgotten, as once a day by itself. Then everything is copied into a file beside,
    compared, and put in the warehouse's place. Nobody can open the warehouse meanwhile; what is published stays readable.

    \b
    Examples:
      foretable compact
      foretable --wait 60 compact --json
    """
    from dataclasses import asdict

    from foretable.refresh.retention import forget_by_config
    from foretable.warehouse.compact import compact as shrink

    session = workspace.session()
    forgotten = forget_by_config(session.warehouse, session.config, wait=session.wait)
    done = shrink(session.warehouse, wait=session.wait)
    if json:
        console.document({**asdict(done), "forgotten": asdict(forgotten)})
        return
    if done.after < done.before:
        console.say(f"{done.file.name}: {_megabytes(done.before)} before, {_megabytes(done.after)} now")
    else:
        console.say(f"{done.file.name}: {_megabytes(done.before)}, as small as it gets")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
