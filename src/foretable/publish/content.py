"""What a wave publishes: names, columns, comments and a fingerprint of the rows of every table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from sqlglot import exp

from foretable.sql import DIALECT, column, render, statement, table

SYSTEM = "foretable"
_NESTED = ("[]", "STRUCT(", "MAP(", "UNION(")


@dataclass(frozen=True)
class Content:
    """One table as it stands in the warehouse: its shape, and what its rows amount to.

    ``stale`` says that the last wave tried to refresh the table and could not.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    comments: tuple[tuple[str, str], ...]
    description: str
    row_count: int
    fingerprint: str
    as_of: datetime | None = None
    stale: bool = False

    @property
    def file(self) -> str:
        """Name of its file in a wave's folder."""
        return f"{self.name}.parquet"


@dataclass(frozen=True)
class SystemView:
    """A view of the system catalog: its CREATE VIEW over system tables, and its comments."""

    name: str
    sql: str
    description: str
    comments: tuple[tuple[str, str], ...]


def read_contents(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[Content]:
    """Look at the named tables and at the system tables; a table that was never built is left out.

    Call it inside the transaction that writes the files, so that both see the same rows.
    """
    shapes = _shapes(connection)
    refreshed = _refreshed(connection)
    described = _described(connection)
    found = [name for name in dict.fromkeys((*names, *_system_tables(connection))) if name in shapes]
    contents = []
    for name in found:
        row_count, fingerprint = _fingerprint(connection, name, shapes[name])
        as_of, stale = refreshed.get(name, (None, False))
        description, texts = described.get(name, ("", ()))
        there = {label for label, _ in shapes[name]}
        comments = tuple(sorted((label, text) for label, text in texts if label in there))
        contents.append(Content(name, shapes[name], comments, description, row_count, fingerprint, as_of, stale))
    return contents


def rows_in_order(content: Content, key: Iterable[str] = ()) -> str:
    """A query for the rows of a table in one order, so that equal rows give equal files.

    ``key`` comes first in the order; the other columns break its ties.
    """
    names = [name for name, _ in content.columns]
    order = list(dict.fromkeys((*(name for name in key if name in names), *names)))
    query = exp.select(*(_stored(name, kind) for name, kind in content.columns)).from_(table(content.name))
    return render(query.order_by(*(column(name) for name in order)))


def shown(name: str, kind: str) -> exp.Expr:
    """A column of a file as the warehouse typed it."""
    return _as(name, _type(kind)) if _wide(kind) else column(name)


def _stored(name: str, kind: str) -> exp.Expr:
    if not _wide(kind):
        return column(name)
    # Parquet has no 128-bit integer: DuckDB would write a rounded DOUBLE.
    return _as(name, _type(kind).transform(lambda node: _type("DECIMAL(38, 0)") if _is_wide(node) else node))


def _as(name: str, kind: exp.DataType) -> exp.Expr:
    return exp.Alias(this=exp.cast(column(name), kind), alias=exp.to_identifier(name, quoted=True))


def _wide(kind: str) -> bool:
    """Whether a type is, or holds, a 128-bit integer."""
    return "HUGEINT" in kind and any(map(_is_wide, _type(kind).find_all(exp.DataType)))


def _is_wide(node: exp.Expr) -> bool:
    return isinstance(node, exp.DataType) and node.this in (exp.DataType.Type.INT128, exp.DataType.Type.UINT128)


def _type(kind: str) -> exp.DataType:
    return exp.DataType.build(kind, dialect=DIALECT)


def _shapes(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[tuple[str, str], ...]]:
    shapes: dict[str, list[tuple[str, str]]] = {}
    for name, label, kind in connection.execute(
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = current_database() AND NOT internal ORDER BY schema_name, table_name, column_index"
    ).fetchall():
        shapes.setdefault(name, []).append((label, kind))
    return {name: tuple(columns) for name, columns in shapes.items()}


def _system_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of the system catalog; those that hold bytes, such as models, stay in the warehouse."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_columns()"
            " WHERE database_name = current_database() AND schema_name = ? AND table_name NOT IN"
            " (SELECT view_name FROM duckdb_views() WHERE schema_name = ?)"
            " GROUP BY ALL HAVING NOT bool_or(data_type = 'BLOB') ORDER BY ALL",
            [SYSTEM, SYSTEM],
        ).fetchall()
    ]


def _refreshed(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[datetime | None, bool]]:
    rows = connection.execute(
        "SELECT t.name, t.as_of, coalesce(h.state, 'SUCCEEDED') <> 'SUCCEEDED' FROM foretable.tables AS t"
        " LEFT JOIN (SELECT table_name, arg_max(state, (wave, started_at)) AS state FROM foretable.refresh_history GROUP BY ALL) AS h"
        " ON h.table_name = t.name"
    ).fetchall()
    return {name: (as_of, stale) for name, as_of, stale in rows}


def _described(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, tuple[tuple[str, str], ...]]]:
    """Descriptions of tables and of their columns, from the declarations and from the catalog's own comments."""
    tables: Mapping[str, str] = dict(
        connection.execute(
            "SELECT name, description FROM foretable.tables WHERE description <> ''"
            " UNION ALL SELECT schema_name || '.' || table_name, comment FROM duckdb_tables()"
            " WHERE database_name = current_database() AND schema_name = ? AND comment IS NOT NULL",
            [SYSTEM],
        ).fetchall()
    )
    columns: dict[str, list[tuple[str, str]]] = {}
    for name, label, text in connection.execute(
        "SELECT table_name, column_name, description FROM foretable.columns WHERE description <> ''"
        " UNION ALL SELECT schema_name || '.' || table_name, column_name, comment FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = ? AND comment IS NOT NULL ORDER BY ALL",
        [SYSTEM],
    ).fetchall():
        columns.setdefault(name, []).append((label, text))
    return {name: (tables.get(name, ""), tuple(columns.get(name, ()))) for name in {*tables, *columns}}


def _fingerprint(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Rows, and a digest of their bag and of the table's shape; equal digests mean equal files."""
    row = exp.Anonymous(this="hash", expressions=[part for name, kind in columns for part in _hashable(name, kind)])
    query = statement("SELECT count(*), sum($row), bit_xor($row) FROM $source", row=row, source=table(name))
    found: Any = connection.execute(query).fetchall()[0]
    digest = hashlib.sha256(repr((duckdb.__version__, columns, found)).encode()).hexdigest()
    return int(found[0]), digest[:32]


def _hashable(name: str, kind: str) -> list[exp.Expr]:
    """Arguments of DuckDB's hash() that tell every two values of a column apart."""
    value = column(name)
    if any(sign in kind for sign in _NESTED) or kind.endswith("]"):
        return [exp.Anonymous(this="to_json", expressions=[value])]  # [], NULL and [NULL] hash alike
    if kind == "INTERVAL":
        return [exp.cast(value, "VARCHAR")]  # so do 1 month and 30 days
    if kind in ("FLOAT", "DOUBLE"):
        return [value, exp.Anonymous(this="signbit", expressions=[value.copy()])]  # and 0.0 and -0.0
    return [value]


def read_system_views(connection: duckdb.DuckDBPyConnection) -> list[SystemView]:
    """Every view of the system catalog."""
    described = _described(connection)
    rows = connection.execute(
        "SELECT view_name, sql, coalesce(comment, '') FROM duckdb_views()"
        " WHERE database_name = current_database() AND schema_name = ? ORDER BY view_name",
        [SYSTEM],
    ).fetchall()
    return [SystemView(name, sql, comment, described.get(f"{SYSTEM}.{name}", ("", ()))[1]) for name, sql, comment in rows]
