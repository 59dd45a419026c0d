"""Sources as they really are: recording their schemas, and noticing when they have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.compile.recorded import Columns, read_recorded, write_recorded
from foretable.declare.project import Project
from foretable.declare.source import Source
from foretable.errors import DeclarationError, UnknownName, nearest
from foretable.refresh.reshaped import columns_of_file, reshaped, unbound
from foretable.sql import DIALECT, parse, render, statement, table

IN_ITS_PLACE = """
SELECT 1 FROM duckdb_tables()
WHERE database_name = current_database() AND lower(schema_name) = lower($1) AND lower(table_name) = lower($2)
"""
READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".json": "read_json", ".jsonl": "read_json", ".ndjson": "read_json"}


def mount_files(connection: duckdb.DuckDBPyConnection, project: Project) -> None:
    """Make every source that stands in files a view of the warehouse, so that any SQL can read it.

    Raises
    ------
    DeclarationError
        No file matches, its ending is none of Parquet, CSV and JSON, or the source's query does not fit the files.
    """
    for source in project.sources.values():
        if source.file is None:
            continue
        path = project.root / source.file
        reader = files_as_table(source, [str(path)])
        if not any(project.root.glob(source.file)) and not path.is_file():
            raise DeclarationError(
                f"source {source.name}: no file matches {path}", where=str(source.origin), hint="mend file=, or put the file there"
            )
        schema = exp.to_identifier(source.name.split(".")[0], quoted=True)
        connection.execute(statement("CREATE SCHEMA IF NOT EXISTS $schema", schema=schema))
        rows = reshaped(connection, source, reader) if source.query else exp.select("*").from_(reader)
        try:
            connection.execute(render(_view(source.name, rows)))
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
            raise _not_mounted(connection, source, reader, error) from None


def _view(name: str, rows: exp.Query) -> exp.Expr:
    view: exp.Expr = parse("CREATE OR REPLACE VIEW v AS SELECT 1")
    view.set("this", table(name))
    view.set("expression", rows)
    return view


def _not_mounted(connection: duckdb.DuckDBPyConnection, source: Source, reader: exp.Table, error: duckdb.Error) -> Exception:
    """Why the view of a source could not be made: a table is in its place, or its query cannot be bound."""
    if connection.execute(IN_ITS_PLACE, source.name.split(".")).fetchall():
        return DeclarationError(
            f"source {source.name} is read from {source.file}, but the warehouse has a table of that name",
            where=str(source.origin),
            hint="drop the table, or leave file= out and read what is there",
        )
    return unbound(source, error, columns_of_file(connection, reader)) if source.query else error


def files_as_table(source: Source, paths: Sequence[str], *, beside: str = "") -> exp.Table:
    """The call that reads files (or a glob) as the source does.

    Parameters
    ----------
    beside
        Name of one more column, with the file that a row is from.

    Raises
    ------
    DeclarationError
        The files' ending is none of Parquet, CSV and JSON.
    """
    reader = READERS.get(Path(str(source.file)).suffix.lower())
    if reader is None:
        raise DeclarationError(
            f"source {source.name}: cannot read {source.file}", where=str(source.origin), hint=f"known endings: {', '.join(READERS)}"
        )
    given = [exp.Literal.string(path) for path in paths]
    arguments: list[exp.Expr] = [given[0] if len(given) == 1 else exp.Array(expressions=given)]
    if beside:
        arguments.append(exp.EQ(this=exp.to_identifier("filename"), expression=exp.Literal.string(beside)))
    return exp.Table(this=exp.Anonymous(this=reader, expressions=arguments))


def actual_schema(connection: duckdb.DuckDBPyConnection, source: Source) -> Columns:
    """Columns and types of a source in the warehouse.

    Raises
    ------
    UnknownName
        There is no such table.
    """
    try:
        rows = connection.execute(statement("DESCRIBE SELECT * FROM $source", source=table(source.name))).fetchall()
    except duckdb.CatalogException:
        known = connection.execute(
            "SELECT DISTINCT if(table_catalog = current_database(), '', table_catalog || '.') || table_schema || '.' || table_name"
            " FROM information_schema.tables WHERE table_schema <> 'foretable'"
        ).fetchall()
        attached = source.name.count(".") == 2
        load = "" if attached else f"; or load it: foretable ingest {source.name} FILE"
        raise UnknownName(
            f"source {source.name} is not in the {'attached file' if attached else 'warehouse'}",
            where=str(source.origin),
            hint=f"{nearest(source.name, {name for (name,) in known})}{load}",
        ) from None
    return {str(row[0]): str(row[1]) for row in rows}


def sync_schemas(connection: duckdb.DuckDBPyConnection, project: Project, *, only_missing: bool = False) -> list[str]:
    """Record the schema of every source; gives the names whose file changed.

    ``only_missing`` records what was never recorded and leaves the rest for a person to look at.
    """
    changed = []
    for source in project.sources.values():
        if only_missing and read_recorded(project.root, source.name) is not None:
            continue
        if write_recorded(project.root, source.name, actual_schema(connection, source)):
            changed.append(source.name)
    return changed


def require_recorded(connection: duckdb.DuckDBPyConnection, project: Project, schemas: Mapping[str, Columns]) -> None:
    """Refuse sources that lost a column, or whose column changed its type, since they were recorded.

    Raises
    ------
    DeclarationError
        Names table and column.
    """
    for name, recorded in schemas.items():
        actual = {column.lower(): kind for column, kind in actual_schema(connection, project.sources[name]).items()}
        for column, kind in recorded.items():
            found = actual.get(column.lower())
            if found is None:
                raise DeclarationError(
                    f"the column is gone from the source; there are: {', '.join(actual)}",
                    where=f"{name}.{column}",
                    hint="restore it, or accept the change: foretable sync",
                )
            if _spelt(found) != _spelt(kind):
                raise DeclarationError(
                    f"the column is {found}, recorded as {kind}",
                    where=f"{name}.{column}",
                    hint="restore the type, or accept the change: foretable sync",
                )


def _spelt(kind: str) -> str:
    """A type in one spelling: DuckDB says VARCHAR where the recorded DDL says TEXT."""
    return exp.DataType.build(kind, dialect=DIALECT, udt=True).sql(DIALECT).upper()
