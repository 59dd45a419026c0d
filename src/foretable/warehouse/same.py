"""Whether a copy of a database file holds what the file holds: every object, every row, in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import duckdb
from sqlglot import exp

from foretable.errors import WarehouseError
from foretable.refresh.fingerprint import row_hash
from foretable.sql import column, parse, render

OLD, NEW = "foretable_old", "foretable_new"
POSITION = "foretable_position"


@dataclass(frozen=True, order=True)
class Table:
    """A table of either file."""

    schema: str
    name: str

    def of(self, database: str) -> exp.Table:
        """Its tree; parts are names, dots in them included."""
        return exp.table_(self.name, db=self.schema, catalog=database, quoted=True)


def tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[Table]:
    """Every table of an attached file."""
    query = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL"
    return [Table(*row) for row in connection.execute(query, [database]).fetchall()]


def objects(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str, list[str | None]]]:
    """Everything but rows that a file holds: kind, name and all that DuckDB knows about it."""
    query = files("foretable.warehouse").joinpath("objects.sql").read_text(encoding="utf-8")
    return connection.execute(query, {"database": database}).fetchall()


def columns_of(connection: duckdb.DuckDBPyConnection, each: Table) -> Mapping[str, str]:
    """Columns of a table and their types."""
    query = (
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ?"
        " ORDER BY column_index"
    )
    return dict(connection.execute(query, [OLD, each.schema, each.name]).fetchall())


def stored_columns(connection: duckdb.DuckDBPyConnection, each: Table) -> list[str]:
    """The columns that hold values; those that are generated take none."""
    query = (
        "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ?"
        " AND column_default IS NOT NULL"
    )
    maybe = {name for (name,) in connection.execute(query, [OLD, each.schema, each.name]).fetchall()}
    return [name for name in columns_of(connection, each) if name not in maybe or _takes_values(connection, each, name)]


def _takes_values(connection: duckdb.DuckDBPyConnection, each: Table, name: str) -> bool:
    """Ask DuckDB with no row at all: its catalog does not tell a generated column from one with a default."""
    insert = exp.insert(exp.select(exp.null()).where(exp.false()), each.of(NEW), columns=[exp.to_identifier(name, quoted=True)])
    try:
        connection.execute(render(insert))
    except duckdb.BinderException as error:
        if "generated column" in str(error):
            return False
        raise
    return True


def rows_of(database: str, each: Table, columns: Sequence[str]) -> exp.Select:
    """A query for the rows of a table, in the order in which they are stored."""
    return exp.select(*(column(name) for name in columns)).from_(each.of(database))


def require_same(connection: duckdb.DuckDBPyConnection, found: Sequence[Table], where: str) -> int:
    """Compare both files; gives the number of rows.

    Raises
    ------
    WarehouseError
        They differ.
    """
    old, new = objects(connection, OLD), objects(connection, NEW)
    odd = [f"{row[0]} {row[1]}" for row in old if row not in new] or [f"{row[0]} {row[1]}" for row in new if row not in old]
    rows = 0
    for each in found:
        columns = columns_of(connection, each)
        before, after = (_digest(connection, database, each, columns) for database in (OLD, NEW))
        rows += int(before[0])
        if before != after:
            odd.append(f"rows of {each.schema}.{each.name}")
    if odd:
        raise WarehouseError(
            f"the copy is not the same in: {', '.join(odd[:5])}", where=where, hint="the file was not changed; please report this"
        )
    return rows


def _digest(connection: duckdb.DuckDBPyConnection, database: str, each: Table, columns: Mapping[str, str]) -> Any:
    """Number of rows, and a digest of their values and their order."""
    position = exp.alias_(parse("row_number() OVER ()"), POSITION)
    rows = rows_of(database, each, list(columns)).select(position).subquery("rows")
    hashed = row_hash({**columns, POSITION: "BIGINT"})
    query = exp.select(exp.Count(this=exp.Star()), exp.Sum(this=hashed), exp.func("bit_xor", hashed.copy())).from_(rows)
    return connection.execute(render(query)).fetchall()[0]
