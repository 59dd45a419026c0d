"""Two contents of a table whose rows nothing pairs: which rows, and how often, are on one side alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
from sqlglot import exp

from foretable.preview.result import ColumnChange, Difference
from foretable.preview.sides import Shared, after, before, first_rows
from foretable.refresh.fingerprint import row_hash
from foretable.sql import column, parse, render, statement, table

LEFT_OVER = "temp.main.left_over"

# What EXCEPT ALL both ways would give, but told to the bit.
_LEFT_OVER = """
SELECT row_hash, sum(side)::BIGINT AS side
FROM (SELECT $row AS row_hash, 1 AS side FROM $after UNION ALL SELECT $row, -1 FROM $before) AS rows
GROUP BY row_hash
HAVING sum(side) <> 0
"""
_COUNTS = "SELECT coalesce(sum(side) FILTER (side > 0), 0)::BIGINT, coalesce(-sum(side) FILTER (side < 0), 0)::BIGINT FROM $rows"
_COUNT = "SELECT count(*) FROM $rows"


def compare_heaps(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[Shared], limit: int) -> Difference:
    """Rows that only one side has, by the columns that both have with the same type.

    Parameters
    ----------
    limit
        How many rows of each side to show.
    """
    held, built = (connection.execute(statement(_COUNT, rows=rows)).fetchall()[0][0] for rows in (before(name), after(name)))
    if not columns:
        return Difference(held, built)
    create = parse("CREATE OR REPLACE TEMP TABLE t AS SELECT 1")
    create.set("this", table(LEFT_OVER))
    row = row_hash({one.name: one.after for one in columns})
    create.set("expression", parse(statement(_LEFT_OVER, row=row, after=after(name), before=before(name))))
    connection.execute(render(create))
    fresh, gone = connection.execute(statement(_COUNTS, rows=table(LEFT_OVER))).fetchall()[0]
    return Difference(
        gone, fresh, 0, built - fresh, _columns(connection, name, columns) if gone or fresh else (),
        gone=_rows(connection, before(name), columns, row, exp.LT, limit if gone else 0),
        fresh=_rows(connection, after(name), columns, row, exp.GT, limit if fresh else 0),
    )  # fmt: skip


def _columns(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[Shared]) -> tuple[ColumnChange, ...]:
    """The columns that do not hold the same values as often, with the means of all rows."""
    sums = [exp.alias_(exp.Sum(this=row_hash({one.name: one.after})), f"s{place}") for place, one in enumerate(columns)]
    means = [exp.alias_(_mean(one), f"m{place}") for place, one in enumerate(columns)]
    old, new = (connection.execute(render(exp.select(*sums, *means).from_(rows))).fetchall()[0] for rows in (before(name), after(name)))
    middle = len(columns)
    return tuple(
        ColumnChange(one.name, one.before, one.after, None, old[middle + place], new[middle + place])
        for place, one in enumerate(columns)
        if old[place] != new[place]
    )


def _mean(one: Shared) -> exp.Expr:
    value = exp.cast(column(one.name), "DOUBLE") if one.is_number else exp.cast(exp.null(), "DOUBLE")
    return exp.Anonymous(this="favg", expressions=[value])


def _rows(
    connection: duckdb.DuckDBPyConnection, rows: exp.Table, columns: Sequence[Shared], row: exp.Expr, sign: type[exp.Expr], limit: int
) -> tuple[dict[str, Any], ...]:
    chosen = exp.select("row_hash").from_(table(LEFT_OVER)).where(sign(this=column("side"), expression=exp.Literal.number(0)))
    shown = [column(one.name) for one in columns]
    query = exp.select(*shown).distinct().from_(rows).where(exp.In(this=row.copy(), query=exp.Subquery(this=chosen)))
    return first_rows(connection, query, [part.copy() for part in shown], limit)
