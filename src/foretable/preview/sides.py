"""The two sides of a comparison: a table in the live file and in the scratch file, and the columns that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from foretable.preview.scratch import LIVE, in_scratch
from foretable.refresh.diff import differs
from foretable.sql import column, render, statement, table

WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
TEMPORAL = ("DATE", "TIMESTAMP")


@dataclass(frozen=True)
class Shared:
    """A column that both sides have, under the name that it has now, with its types before and after."""

    name: str
    before: str
    after: str

    @property
    def same_type(self) -> bool:
        """Whether only its values may differ."""
        return self.before == self.after

    @property
    def is_number(self) -> bool:
        """Whether it can be averaged on both sides."""
        return is_number(self.before) and is_number(self.after)

    def differs(self) -> exp.Expr:
        """Whether the values of ``o`` and ``n`` differ; of two types when one cannot be turned into the other and back."""
        if self.same_type:
            return differs({self.name: self.after}, "o", "n")
        old, new = column(self.name, "o"), column(self.name, "n")
        if self.is_number or (self.before.startswith(TEMPORAL) and self.after.startswith(TEMPORAL)):
            forth = exp.NullSafeNEQ(this=_turned(old, self.after), expression=new)
            return exp.paren(exp.or_(forth, exp.NullSafeNEQ(this=_turned(new.copy(), self.before), expression=old.copy())))
        return exp.NullSafeNEQ(this=exp.cast(old, "VARCHAR"), expression=exp.cast(new, "VARCHAR"))


def _turned(value: exp.Expr, kind: str) -> exp.Expr:
    return exp.TryCast(this=value, to=exp.DataType.build(kind, dialect="duckdb", udt=True))


def is_number(kind: str) -> bool:
    """Whether values of a type can be averaged."""
    return kind in WHOLE or (kind.startswith(("DECIMAL", "DOUBLE", "FLOAT", "REAL")) and not kind.endswith("]"))


def shared(before: Mapping[str, str], after: Mapping[str, str]) -> list[Shared]:
    """The columns that two tables have in common, in their order of now; DuckDB's names know no capitals."""
    known = {name.lower(): kind for name, kind in before.items()}
    return [Shared(name, known[name.lower()], kind) for name, kind in after.items() if name.lower() in known]


def columns_of(connection: duckdb.DuckDBPyConnection, rows: exp.Expr) -> dict[str, str]:
    """Columns and types of a table."""
    described = connection.execute(statement("DESCRIBE $rows", rows=exp.select("*").from_(rows))).fetchall()
    return {str(row[0]): str(row[1]) for row in described}


def before(name: str) -> exp.Table:
    """The table as the live file holds it."""
    return table(f"{LIVE}.{name}")


def after(name: str) -> exp.Table:
    """The table as it was built just now."""
    return table(in_scratch(name))


def first_rows(
    connection: duckdb.DuckDBPyConnection, query: exp.Select, order: Sequence[exp.Expr], limit: int
) -> tuple[dict[str, Any], ...]:
    """The first rows of a query, in an order that is always the same."""
    if not limit:
        return ()
    cursor = connection.execute(render(query.order_by(*order).limit(limit)))
    names = [part[0] for part in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
