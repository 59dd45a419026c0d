"""CREATE, ALTER and DROP DYNAMIC TABLE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.project import Project
from foretable.errors import DeclarationError, ForetableError, RefreshFailed, UnknownName, nearest
from foretable.progress import Listener
from foretable.refresh import history
from foretable.refresh.suspend import resume, suspend, suspended
from foretable.refresh.sync import mount_files, sync_schemas
from foretable.run import prepare, run
from foretable.sql import render, table
from foretable.statements.files import Change, added, file_for, place_of, removed, replaced, with_change, with_options
from foretable.statements.known import dynamic_table, dynamic_tables_of
from foretable.statements.outcome import Outcome, done
from foretable.statements.read import Alter, Create, Drop
from foretable.warehouse import ensure_catalog, wave

KEPT = "SELECT name FROM foretable.tables"
THERE = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_database()"


@dataclass(frozen=True)
class Work:
    """What every statement needs: the warehouse, the project as its files are now, who is told."""

    connection: duckdb.DuckDBPyConnection
    project: Project
    listen: Listener

    def near(self, path: Path) -> Path:
        """A path as it is told: from the project's folder."""
        return path.relative_to(self.project.root)


def create(work: Work, asked: Create) -> Outcome:
    """Write the declaration to its file, and build the table unless that is left to the schedule."""
    name = asked.header.name
    before = work.project.tables.get(name)
    if before is None:
        change = added(file_for(work.project, name), asked.statement)
    else:
        place = place_of(before)
        if not asked.header.replace:
            hint = "to change it, write CREATE OR REPLACE DYNAMIC TABLE"
            raise DeclarationError(f"{name} is declared already", where=str(before.origin), hint=hint)
        change = replaced(place, asked.statement)
    graph = compiled(work, change)
    file = work.near(change.path)
    change.write()
    if graph.tables[name].declared.initialize == "ON_SCHEDULE":
        return done(name, f"{file}: {name} is built when it is due, or now with: foretable run --select {name}", file)
    try:
        told = _refresh(work, graph, {name}, name)
    except BaseException as error:
        change.take_back()
        nothing_written(error)
        raise
    return done(name, f"{file}: {told}", file)


def compiled(work: Work, change: Change) -> Graph:
    """The project as it will be with a changed file; what it says when it would not compile."""
    ensure_catalog(work.connection)
    mount_files(work.connection, work.project)
    sync_schemas(work.connection, work.project, only_missing=True)
    try:
        return compile_project(with_change(work.project, change))
    except ForetableError as error:
        nothing_written(error)
        raise


def nothing_written(error: BaseException) -> None:
    """Add to an error's hint that the file is as it was."""
    if isinstance(error, ForetableError):
        error.hint = f"{error.hint}; nothing was written" if error.hint else "nothing was written"


def _refresh(work: Work, graph: Graph, select: set[str], name: str, *, full: bool = False) -> str:
    """Refresh tables, and say how the one asked for is now.

    Raises
    ------
    RefreshFailed
        It, or what it is made from, failed.
    """
    prepare(work.connection, graph)
    report = run(work.connection, graph, select=select, train=False, full_refresh=full, trigger="STATEMENT", listen=work.listen).wave
    if report.failed:
        broken, error = next(iter(report.failed.items()))
        raise RefreshFailed(error.message, where=error.where or broken, hint=error.hint)
    if name in report.blocked:
        return f"{name} waits: {report.blocked[name]}; then: foretable run --select +{name}"
    now = next(built for built in report.built if built.table == name)
    return f"{name} has {now.row_count:,} rows ({now.action}: {now.reason})"


def alter(work: Work, asked: Alter) -> Outcome:
    """SUSPEND, RESUME, REFRESH or SET."""
    name = dynamic_table(work.project, asked.name).name
    if asked.action == "SET":
        return _set(work, asked)
    ensure_catalog(work.connection)
    if asked.action == "REFRESH":
        graph = compile_project(work.project)
        return done(name, _refresh(work, graph, graph.select([f"+{name}"]), name, full=asked.full))
    with wave(work.connection):
        before = suspended(work.connection)
        if asked.action == "SUSPEND":
            suspend(work.connection, [name])
            return done(name, f"{name} is suspended already" if name in before else f"{name} is suspended, and what is made from it waits")
        resume(work.connection, [name])
    return done(name, f"{name} is refreshed again" if name in before else f"{name} is not suspended")


def _set(work: Work, asked: Alter) -> Outcome:
    """Write other options to the file; the next refresh goes by them."""
    place = place_of(dynamic_table(work.project, asked.name))
    written = {option: asked.text[found.start : found.stop] for option, found in asked.options.items()}
    change = with_options(place, written)
    compiled(work, change)
    change.write()
    told = ", ".join(f"{option.upper()} = {value}" for option, value in written.items())
    return done(asked.name, f"{work.near(change.path)}: {asked.name} has {told}", work.near(change.path))


def drop(work: Work, asked: Drop) -> Outcome:
    """Take the statement out of its file, and drop the table with its history; refused while others read it."""
    ensure_catalog(work.connection)
    kept = {name for (name,) in work.connection.execute(KEPT).fetchall()}
    if asked.name not in work.project.tables and asked.name not in work.project.sources:
        if asked.name in kept:  # its declaration went before
            _drop(work, asked.name)
            return done(asked.name, f"{asked.name} is dropped")
        if asked.if_exists:
            return done(asked.name, f"there is no {asked.name}")
        raise UnknownName(f"no dynamic table is called {asked.name}", hint=nearest(asked.name, {*dynamic_tables_of(work.project), *kept}))
    change = removed(place_of(dynamic_table(work.project, asked.name)))
    _require_unread(work, change, asked.name)
    change.write()
    try:
        _drop(work, asked.name)
    except BaseException:
        change.take_back()
        raise
    file = work.near(change.path)
    rest = f"{file} no longer declares it" if change.after else f"{file}, which declared nothing else, is gone"
    return done(asked.name, f"{asked.name} is dropped; {rest}", file)


def _require_unread(work: Work, change: Change, name: str) -> None:
    """Refuse to drop a table that others read.

    Raises
    ------
    DeclarationError
        With their names; or the project would not compile for another reason.
    """
    try:
        compiled(work, change)
    except ForetableError as error:
        try:
            graph = compile_project(work.project)
        except ForetableError:
            raise error from None
        readers = [other for other in graph.tables if name in graph.parents(other)]
        readers += [f"model {model}" for model in work.project.models if name in graph.training_tables(model)]
        if not readers:
            raise
        where = str(work.project.tables[name].origin)
        raise DeclarationError(f"{name} is read by {', '.join(readers)}", where=where, hint="drop or change those first") from None


def _drop(work: Work, name: str) -> None:
    connection = work.connection
    with wave(connection):
        number = history.next_wave(connection)
        if name in {found for (found,) in connection.execute(THERE).fetchall()}:
            connection.execute(render(exp.Drop(kind="TABLE", this=table(name))))
        history.forget(connection, number, "STATEMENT", name)
        history.record_wave(connection, number, "STATEMENT", history.utc_now())
