"""A table of the warehouse as an unbound Ibis expression, and expressions back as SQL.

Rules are written in Ibis by the user and by pandera. Compiling them from an unbound table keeps the
user's connection as it is: nothing is registered on it and none of its settings change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from foretable.errors import UnknownName
from foretable.sql import parse, render, statement, table

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Relation:
    """A table, or a query under a name, with its columns and their DuckDB types."""

    name: str
    columns: dict[str, str]
    query: Any = None  # the tree of the query

    def rows(self) -> ir.Table:
        """The unbound Ibis table; a type that Ibis does not know is ``unknown``."""
        import ibis

        *path, name = self.name.split(".")
        database = path[-1] if path else None
        catalog = path[-2] if len(path) > 1 else None
        types = {column: ibis_type(kind) for column, kind in self.columns.items()}
        return ibis.table(types, name=name, database=database, catalog=catalog)

    def tree(self, expression: ir.Expr) -> Any:
        """The SQL of an expression over ``rows()``."""
        tree = compiled(expression)
        return tree.with_(exp.to_identifier(self.name, quoted=True), as_=self.query) if self.query is not None else tree


def relation(connection: duckdb.DuckDBPyConnection, source: str | Any) -> Relation:
    """The columns of a table (``layer.table``, or a temporary table's name) or of a query's tree."""
    if not isinstance(source, str):
        described = connection.execute(statement("DESCRIBE $source", source=source)).fetchall()
        return Relation("checked", {row[0]: row[1] for row in described}, source)
    try:
        described = connection.execute(statement("DESCRIBE SELECT * FROM $source", source=table(source))).fetchall()
    except duckdb.CatalogException:
        raise UnknownName(f"there is no table {source}", hint="foretable ls shows the tables") from None
    return Relation(source, {row[0]: row[1] for row in described})


def exists(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the warehouse has a table or view of that name."""
    *_, schema, found = name.lower().split(".")
    return bool(
        connection.execute(
            "SELECT 1 FROM information_schema.tables"
            " WHERE table_catalog = current_database() AND lower(table_schema) = ? AND lower(table_name) = ?",
            [schema, found],
        ).fetchall()
    )


def compiled(expression: ir.Expr) -> Any:
    """The sqlglot tree of an Ibis expression."""
    import ibis

    return parse(str(ibis.to_sql(expression, dialect="duckdb")))


def ibis_type(name: str) -> dt.DataType:
    """The Ibis type of a DuckDB type."""
    import ibis.expr.datatypes as dt
    from ibis.backends.sql.datatypes import DuckDBType

    try:
        return DuckDBType.from_string(name)
    except Exception:  # whatever the parser of a type of tomorrow raises: rules on that column will say so
        return dt.unknown


def duckdb_type(dtype: dt.DataType) -> str:
    """DuckDB's name of an Ibis type."""
    import ibis.expr.datatypes as dt
    from ibis.backends.sql.datatypes import DuckDBType

    if isinstance(dtype, dt.Timestamp) and dtype.scale == 6:  # what a TIMESTAMP is unless it says otherwise
        dtype = dt.Timestamp(dtype.timezone)
    return spelt(DuckDBType.to_string(dtype))


@lru_cache(maxsize=1024)
def spelt(kind: str) -> str:
    """One spelling per type: ``TEXT`` and ``VARCHAR`` are the same."""
    text = render(type_tree(kind))
    return {"TEXT": "VARCHAR", "INT": "INTEGER", "TEXT[]": "VARCHAR[]"}.get(text, text)


def type_tree(kind: str) -> exp.DataType:
    """The tree of a DuckDB type, for a CAST."""
    return exp.DataType.build(kind, dialect="duckdb")
