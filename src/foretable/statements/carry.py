"""Carrying out our statements: the file first, compiled before it is written, then the warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb

from foretable.declare.load import load_project
from foretable.declare.project import Project
from foretable.errors import UsageError
from foretable.progress import Listener, silent
from foretable.statements.change import Work, alter, create, drop
from foretable.statements.models import create_model, describe_model, drop_model, show_models
from foretable.statements.outcome import Outcome
from foretable.statements.read import Alter, Create, CreateModel, Describe, DescribeModel, Drop, DropModel, Ours, Show, ShowModels
from foretable.statements.show import describe, show


def carry_out(statement: Ours, connection: duckdb.DuckDBPyConnection, root: Path, *, write: bool, listen: Listener = silent) -> Outcome:
    """Carry out one statement of ours.

    Parameters
    ----------
    statement
        As :func:`foretable.statements.read.read` gives it.
    connection
        The project's warehouse, opened for writing where ``write``.
    root
        Folder of the project; it is loaded anew, for files may have changed.
    write
        Whether the statement may change files and the warehouse.
    listen
        Told about tables that are refreshed.

    Raises
    ------
    UsageError
        It changes something and may not, or a transaction is open.
    DeclarationError
        The project would not compile, or the table is declared elsewhere; nothing was written.
    RefreshFailed
        The table could not be built; its file is as it was before.
    """
    if isinstance(statement, Show | Describe | ShowModels | DescribeModel):
        return _told(statement, connection, load_project(root))
    _require_free(connection, statement, write)
    work = Work(connection, load_project(root), listen)
    if isinstance(statement, Create):
        return create(work, statement)
    if isinstance(statement, CreateModel):
        return create_model(work, statement)
    if isinstance(statement, DropModel):
        return drop_model(work, statement)
    return drop(work, statement) if isinstance(statement, Drop) else alter(work, statement)


def _told(statement: Show | Describe | ShowModels | DescribeModel, connection: duckdb.DuckDBPyConnection, project: Project) -> Outcome:
    if isinstance(statement, ShowModels):
        return show_models(connection, project, statement)
    if isinstance(statement, DescribeModel):
        return describe_model(connection, project, statement)
    return show(connection, project, statement) if isinstance(statement, Show) else describe(project, statement)


WORDS = {
    Create: "CREATE DYNAMIC TABLE",
    Alter: "ALTER DYNAMIC TABLE",
    Drop: "DROP DYNAMIC TABLE",
    CreateModel: "CREATE MODEL",
    DropModel: "DROP MODEL",
}


def _require_free(connection: duckdb.DuckDBPyConnection, statement: Ours, write: bool) -> None:
    words = WORDS[type(statement)]
    if not write:
        raise UsageError(f"{words} changes the project, and this session only reads", hint="allow it: foretable sql --write")
    first, second = (connection.execute("SELECT txid_current()").fetchall() for _ in range(2))
    if first == second:
        raise UsageError(f"{words} has a transaction of its own, and one is open", hint="end it first: COMMIT or ROLLBACK")
