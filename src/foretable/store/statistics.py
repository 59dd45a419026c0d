"""What is in the columns of a table: shares, quantiles and moments, in a few passes of SQL, the same for equal contents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from foretable.sql import column, render, statement, table, tree
from foretable.store.distribution import Kind, distribution, kind_of, number, row_count

QUANTILES = (0.05, 0.5, 0.95)
TOP = 5
"""Most frequent values that are told of a text."""
_WHOLE = 2**60
"""What a share of the widest distance becomes, so that sums of whole numbers are exact in any order."""
_SUM = "sum(CAST(round(($value - ?) / ? * ?) AS BIGINT))"
_SQUARES = "sum(CAST(round((($value - ?) / ?) ** 2 * ?) AS BIGINT))"
_TIMES = ("min($cell)", "quantile_disc($cell, 0.5)", "max($cell)")
_FREQUENT = """
SELECT CAST($cell AS VARCHAR) AS value, count(*) AS times FROM $rows WHERE $cell IS NOT NULL
GROUP BY 1 ORDER BY times DESC, value LIMIT ?
"""


@dataclass(frozen=True)
class Statistics:
    """One column of a table with ``rows`` rows.

    ``nulls`` and ``zeros`` are shares of the rows; NaN counts as NULL. ``distinct`` counts the values, exactly. ``mean`` and ``std`` (of
    the sample, n − 1) are None where a value is infinite; ``p05``, ``median`` and ``p95`` interpolate. Booleans are numbers, 0 or 1. Of
    times there are ``low``, ``median`` and ``high``, as text; of texts ``top``, the most frequent values with their shares.
    """

    name: str
    type: str
    kind: Kind
    rows: int
    nulls: float | None
    distinct: int
    low: float | str | None = None
    p05: float | None = None
    median: float | str | None = None
    mean: float | None = None
    std: float | None = None
    p95: float | None = None
    high: float | str | None = None
    zeros: float | None = None
    top: tuple[tuple[str, float], ...] = ()


def statistics_of(connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str]) -> list[Statistics]:
    """Statistics of some columns of a table.

    Parameters
    ----------
    connection
        The warehouse.
    name
        The table.
    columns
        Its columns that are looked at, with their types.
    """
    rows = row_count(connection, name)
    kinds = {label: kind_of(data_type) for label, data_type in columns.items()}
    facts = {label: _first_facts(connection, name, label, kind, rows) for label, kind in kinds.items()}
    _add_moments(connection, name, kinds, facts)
    for label, kind in kinds.items():
        if kind == "category" and rows:
            frequent = connection.execute(statement(_FREQUENT, cell=column(label), rows=table(name)), [TOP]).fetchall()
            facts[label]["top"] = tuple((value, times / rows) for value, times in frequent)
    return [_statistics(label, columns[label], kind, rows, facts[label]) for label, kind in kinds.items()]


def _statistics(label: str, data_type: str, kind: Kind, rows: int, facts: dict[str, Any]) -> Statistics:
    return Statistics(name=label, type=data_type, kind=kind, rows=rows, **{name: fact for name, fact in facts.items() if name != "count"})


def _first_facts(connection: duckdb.DuckDBPyConnection, name: str, label: str, kind: Kind, rows: int) -> dict[str, Any]:
    if kind in ("number", "boolean"):
        found = distribution(connection, name, label, QUANTILES)
        facts = {"count": found.count, "distinct": found.distinct, "low": found.low, "high": found.high}
        facts |= dict(zip(("p05", "median", "p95"), found.quantiles, strict=False))
        return {**facts, "nulls": (rows - found.count) / rows if rows else None, "zeros": found.zeros / rows if rows else None}
    extra = [tree(f"CAST({call} AS VARCHAR)", cell=column(label)) for call in _TIMES] if kind == "time" else []
    counts = [tree("count($cell)", cell=column(label)), tree("count(DISTINCT $cell)", cell=column(label))]
    count, distinct, *ends = connection.execute(render(exp.select(*counts, *extra).from_(table(name)))).fetchall()[0]
    facts = {"count": count, "distinct": distinct, "nulls": (rows - count) / rows if rows else None}
    return facts | dict(zip(("low", "median", "high"), ends, strict=False))


def _add_moments(connection: duckdb.DuckDBPyConnection, name: str, kinds: Mapping[str, Kind], facts: Mapping[str, dict[str, Any]]) -> None:
    """Mean and standard deviation.

    A sum of DOUBLE depends on the order of its rows, and sorting them costs a second a column. So distances from the median, as
    shares of the widest, are summed as whole numbers: exact in any order, and off by less than 2⁻⁶⁰ of the widest each.
    """
    parts: list[exp.Expr] = []
    bound: list[float] = []
    measured: list[tuple[str, float, float]] = []
    for label, kind in kinds.items():
        known = facts[label]
        if kind not in ("number", "boolean") or known["low"] is None:
            continue
        middle = known["median"]
        widest = max(known["high"] - middle, middle - known["low"])
        if not math.isfinite(widest):
            continue
        if not widest:
            known |= {"mean": middle, "std": 0.0 if known["count"] > 1 else None}
            continue
        parts += [tree(template, value=number(label)) for template in (_SUM, _SQUARES)]
        bound += [middle, widest, float(_WHOLE)] * 2
        measured.append((label, middle, widest))
    if not parts:
        return
    sums = iter(connection.execute(render(exp.select(*parts).from_(table(name))), bound).fetchall()[0])
    for label, middle, widest in measured:
        count = facts[label]["count"]
        total, squares = next(sums), next(sums)
        mean = total / _WHOLE / count
        spread = max(squares / _WHOLE - mean * mean * count, 0.0)
        facts[label] |= {"mean": middle + widest * mean, "std": widest * math.sqrt(spread / (count - 1)) if count > 1 else None}
