"""Schemas of the sources, recorded as DDL in ``sql/sources/``, so that compiling needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from foretable.errors import DeclarationError
from foretable.sql import DIALECT, render, table

Columns = Mapping[str, str]
"""Types by column name, in the order of the table."""


def recorded_path(root: Path, source: str) -> Path:
    """Where the schema of a source stands."""
    return root / "sql" / "sources" / f"{source}.sql"


def read_recorded(root: Path, source: str) -> Columns | None:
    """The recorded schema of a source, or None where nothing is recorded yet."""
    path = recorded_path(root, source)
    if not path.is_file():
        return None
    try:
        tree = sqlglot.parse_one(path.read_text(), dialect=DIALECT)
    except SqlglotError as error:
        raise DeclarationError(
            f"does not parse: {str(error).splitlines()[0]}", where=str(path), hint="record it again: foretable sync"
        ) from None
    columns = {
        definition.name: definition.args["kind"].sql(DIALECT)
        for definition in tree.find_all(exp.ColumnDef)
        if definition.parent is tree.this
    }
    if not columns:
        raise DeclarationError("is no CREATE TABLE with columns", where=str(path), hint="record it again: foretable sync")
    return columns


def recorded_text(source: str, columns: Columns) -> str:
    """The file that records a schema."""
    definitions = [
        exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=exp.var(kind))  # DuckDB's own spelling, as it is
        for name, kind in columns.items()
    ]
    tree = exp.Create(kind="TABLE", this=exp.Schema(this=table(source), expressions=definitions))
    return f"-- The schema of {source}, recorded by: foretable sync\n{render(tree, pretty=True)};\n"


def write_recorded(root: Path, source: str, columns: Columns) -> bool:
    """Record a schema; True when the file changed."""
    path = recorded_path(root, source)
    text = recorded_text(source, columns)
    if path.is_file() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return True
