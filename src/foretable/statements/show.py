"""SHOW DYNAMIC TABLES and DESCRIBE DYNAMIC TABLE: what is declared, and how it stands in the warehouse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

from foretable.compile import compile_project
from foretable.declare.names import split
from foretable.declare.project import Project
from foretable.errors import UnknownName, nearest
from foretable.statements.known import dynamic_table, dynamic_tables_of
from foretable.statements.outcome import Outcome
from foretable.statements.read import Describe, Show

HAS_STATUS = (
    "SELECT 1 FROM duckdb_views() WHERE database_name = current_database() AND schema_name = 'foretable' AND view_name = 'table_status'"
)
STATUS = "SELECT name, mode, row_count, actual_lag, is_late, last_action, suspended FROM foretable.table_status"
COLUMNS = ("table", "kind", "target_lag", "refresh_mode", "mode", "rows", "lag", "late", "last_action", "suspended", "declared")


def show(connection: duckdb.DuckDBPyConnection, project: Project, asked: Show) -> Outcome:
    """One row per dynamic table, those not yet built and those no longer declared among them.

    Raises
    ------
    UnknownName
        No table is in the layer.
    """
    there = bool(connection.execute(HAS_STATUS).fetchall())
    built = {row[0]: row[1:] for row in connection.execute(STATUS).fetchall()} if there else {}
    declared = dynamic_tables_of(project)
    names = sorted({*declared, *built})
    layers = {split(name)[1] for name in names}
    if asked.layer and asked.layer not in layers:
        raise UnknownName(f"no dynamic table is in {asked.layer}", hint=nearest(asked.layer, layers))
    wanted = pattern(asked.like)
    rows: list[tuple[Any, ...]] = []
    for name in names:
        if (asked.layer and split(name)[1] != asked.layer) or not wanted.fullmatch(name):
            continue
        table = declared.get(name)
        own = (table.kind, table.target_lag, table.refresh_mode) if table else (None, None, None)
        mode, count, lag, late, action, suspended = built.get(name, (None, None, None, None, None, False))
        rows.append((name, *own, mode, count, lag, late, action, suspended, near(table.origin, project.root) if table else None))
    return Outcome(COLUMNS, rows)


def near(origin: Any, root: Path) -> str:
    """A place as it is told: from the project's folder."""
    return str(origin).removeprefix(f"{root}/")


def pattern(like: str) -> re.Pattern[str]:
    """A LIKE pattern, of the whole name or of its part after the layer; in any case."""
    if not like:
        return re.compile(".*")
    wild = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in like)
    return re.compile(wild if "." in like else rf"(.*\.)?{wild}", re.IGNORECASE)


def describe(project: Project, asked: Describe) -> Outcome:
    """One row per column, as the declaration compiles."""
    declared = dynamic_table(project, asked.name)
    compiled = compile_project(project).tables[declared.name]
    keys = {key.lower() for key in compiled.entity.keys} if compiled.entity else set()
    return Outcome(("column", "type", "key"), [(name, kind, name.lower() in keys) for name, kind in compiled.columns.items()])
