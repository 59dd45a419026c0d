"""The values of one column of numbers: how many, how different, and their quantiles."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
from sqlglot import exp

from foretable.registry.signature import TYPES
from foretable.sql import column, render, statement, table, tree

Kind = Literal["number", "boolean", "category", "time", "other"]
_VALUES = """
WITH counted AS (SELECT $cell AS cell, count(*) AS times FROM $rows GROUP BY 1),
numbers AS (SELECT CAST(cell AS DOUBLE) AS value, times FROM counted WHERE NOT isnan(CAST(cell AS DOUBLE))),
total AS (SELECT coalesce(sum(times), 0) AS rows FROM numbers),
placed AS (SELECT value, times, sum(times) OVER (ORDER BY value) AS upto FROM numbers)
SELECT any_value(total.rows), count(*), min(value), max(value), coalesce(sum(times) FILTER (value = 0), 0)
FROM placed, total
"""
_LOWER = "min(value) FILTER (upto > floor((total.rows - 1) * $share))"
_UPPER = "min(value) FILTER (upto > ceil((total.rows - 1) * $share))"


@dataclass(frozen=True)
class Distribution:
    """``count`` values, neither NULL nor NaN, ``distinct`` of them different, ``zeros`` of them 0."""

    count: int
    distinct: int
    low: float | None
    high: float | None
    zeros: int
    quantiles: tuple[float, ...]


def kind_of(data_type: str) -> Kind:
    """What sort of values a DuckDB type holds."""
    if data_type.endswith("]"):  # lists of decimals, of dates
        return "other"
    for kind, names in TYPES.items():
        if re.fullmatch(names, data_type):
            return kind
    return "time" if data_type.startswith(("DATE", "TIMESTAMP")) else "other"


def number(name: str) -> exp.Expr:
    """A column of numbers or booleans as DOUBLE, NaN as NULL."""
    found: exp.Expr = tree("CASE WHEN NOT isnan(CAST($cell AS DOUBLE)) THEN CAST($cell AS DOUBLE) END", cell=column(name))
    return found


def distribution(connection: duckdb.DuckDBPyConnection, name: str, label: str, shares: Sequence[float]) -> Distribution:
    """The distribution of a column of numbers or booleans.

    Equal values are counted first: of most features there are few, and the quantiles of a million rows then cost next to nothing.

    Parameters
    ----------
    connection
        The warehouse.
    name, label
        The table and its column.
    shares
        Which quantiles, 0 to 1; they interpolate as ``numpy.quantile`` does, to the bit.
    """
    query = tree(_VALUES, cell=column(label), rows=table(name))
    for share in shares:
        given = exp.cast(exp.Literal.number(repr(share)), "DOUBLE")
        query = query.select(tree(_LOWER, share=given), tree(_UPPER, share=given), copy=False)
    count, distinct, low, high, zeros, *ends = connection.execute(render(query)).fetchall()[0]
    pairs = zip(shares, ends[::2], ends[1::2], strict=True)
    quantiles = tuple(_between(a, b, (count - 1) * share) for share, a, b in pairs) if distinct else ()
    return Distribution(int(count or 0), distinct, low, high, int(zeros), quantiles)


def row_count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Rows of a table."""
    return int(connection.execute(statement("SELECT count(*) FROM $rows", rows=table(name))).fetchall()[0][0])


def _between(low: float, high: float, place: float) -> float:
    part = place - math.floor(place)
    if low == high:
        return low
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part
