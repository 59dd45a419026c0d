"""The population stability index between two tables, in SQL, as training measures drift between the parts of its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import duckdb
from sqlglot import exp

from foretable.sql import column, render, statement, table, tree
from foretable.store.distribution import distribution, kind_of, number, row_count

_TIMES = "SELECT CAST($cell AS VARCHAR), count(*) FROM $rows WHERE $cell IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
_AMONG = "SELECT CAST($cell AS VARCHAR), count(*) FROM $rows WHERE list_contains(?, CAST($cell AS VARCHAR)) GROUP BY 1"


def stability(
    connection: duckdb.DuckDBPyConnection, reference: tuple[str, Mapping[str, str]], other: tuple[str, Mapping[str, str]]
) -> dict[str, float | None]:
    """Σ (q − p)·ln(q / p) of every column of a table against the column of that name in a reference.

    The definition is that of :func:`foretable.train.judge.drift.drift`: bins by the deciles of the reference, of a text by its nine
    most frequent values and the rest; NULL has a bin of its own; an empty bin counts as 0.0001. Below 0.1 little has moved, above
    0.25 much has.

    Parameters
    ----------
    connection
        The warehouse.
    reference, other
        Name of a table, and its columns with their types.

    Returns
    -------
    dict
        By column of ``other``; None where the reference has none of that name and kind, or no rows, or it is neither number nor text.
    """
    there = {name.lower(): (name, kind_of(kind)) for name, kind in reference[1].items()}
    pairs = {name: there.get(name.lower(), ("", "other")) for name in other[1]}
    found: dict[str, float | None] = dict.fromkeys(other[1])
    numbers = {name: of for name, (of, kind) in pairs.items() if {kind, kind_of(other[1][name])} <= {"number", "boolean"}}
    shares = (row_count(connection, reference[0]), row_count(connection, other[0]))
    if not all(shares):
        return found
    borders = {of: _borders(connection, reference[0], of) for of in numbers.values()}
    expected = _counted(connection, reference[0], [(of, borders[of]) for of in numbers.values()])
    actual = _counted(connection, other[0], [(name, borders[of]) for name, of in numbers.items()])
    for name, before, after in zip(numbers, expected, actual, strict=True):
        found[name] = index(before, after, *shares)
    for name, (of, kind) in pairs.items():
        if kind == kind_of(other[1][name]) == "category":
            before, after = _texts(connection, (reference[0], of), (other[0], name))
            found[name] = index(before, after, *shares)
    return found


def index(expected: Sequence[int], actual: Sequence[int], of_expected: int, of_actual: int) -> float:
    """The index of two counts by bin; what is missing to the number of rows is the bin of NULL."""
    from foretable.train.judge.drift import FLOOR

    def shares(counts: Sequence[int], rows: int) -> list[float]:
        return [max(count / rows, FLOOR) for count in (*counts, rows - sum(counts))]

    pairs = zip(shares(expected, of_expected), shares(actual, of_actual), strict=True)
    return math.fsum((q - p) * math.log(q / p) for p, q in pairs)


def _borders(connection: duckdb.DuckDBPyConnection, name: str, label: str) -> list[float]:
    """The deciles of a column, each value once, upwards."""
    import numpy as np

    from foretable.train.judge.drift import BINS

    return sorted(set(distribution(connection, name, label, np.linspace(0, 1, BINS + 1)[1:-1].tolist()).quantiles))


def _counted(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[tuple[str, Sequence[float]]]) -> list[tuple[int, ...]]:
    """How many values lie from one border up to the next, for each column.

    DuckDB's bins have their upper border in them, so values and borders change their sign.
    """
    if not columns:
        return []
    asked = [tree("histogram(-$value, ?)", value=exp.Paren(this=number(label))) for label, _ in columns]
    turned = [[-border for border in reversed(borders)] for _, borders in columns]
    found = connection.execute(render(exp.select(*asked).from_(table(name))), turned).fetchall()[0]
    counts = []
    for bins, places in zip(found, turned, strict=True):
        by_border = dict(bins or {})
        counts.append((*(by_border.pop(place, 0) for place in places), sum(by_border.values())))
    return counts


def _texts(
    connection: duckdb.DuckDBPyConnection, reference: tuple[str, str], other: tuple[str, str]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How often each of the reference's most frequent texts occurs in both, and all others together."""
    from foretable.train.judge.drift import BINS

    frequent = connection.execute(statement(_TIMES, cell=column(reference[1]), rows=table(reference[0])), [BINS - 1]).fetchall()
    values = [value for value, _ in frequent]
    counts = []
    for name, label in (reference, other):
        known = dict(connection.execute(statement(_AMONG, cell=column(label), rows=table(name)), [values]).fetchall())
        filled = connection.execute(statement("SELECT count($cell) FROM $rows", cell=column(label), rows=table(name))).fetchall()[0][0]
        counts.append((*(known.get(value, 0) for value in values), filled - sum(known.values())))
    return counts[0], counts[1]
