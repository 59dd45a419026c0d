"""Whose prediction moved most, and whether their features or the model moved it.

A scoring table that keeps its history tells what stood on a date. Where another version of the model answers now, the version of
then is asked about the features of today: what it says lies between the two, and parts the change in two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from sqlglot import exp

from foretable.compile.answers import HIGH, LOW
from foretable.compile.asof import literal
from foretable.compile.graph import Graph
from foretable.compile.history import history_name
from foretable.compile.scoring import output_of, scored_rows
from foretable.declare.scoring import ScoringTable
from foretable.errors import UnknownName, UsageError, nearest
from foretable.sql import column, render, statement, table

REASONS = 2
"""How many reasons are told of each."""
_ROW, _MOVED = "foretable_row", "foretable_moved"
# The wave whose predictions stood at a date is the last that was made for it or before; where the history does not reach so far back,
# the first of which all is kept.
_MOMENT = """
WITH first AS (SELECT greatest(since, kept_at - CAST(? AS INTERVAL)) AS moment FROM foretable.histories WHERE table_name = ?),
asked AS (SELECT coalesce(CAST(? AS TIMESTAMP), max(scored_at) - INTERVAL 30 DAY) AS date FROM $kept WHERE valid_to IS NULL),
found AS (SELECT max(valid_from) AS moment FROM $kept WHERE scored_at <= (SELECT date FROM asked))
SELECT greatest(first.moment, coalesce(found.moment, first.moment)) AS moment, asked.date,
    (SELECT max(scored_at) FROM $kept WHERE valid_from <= greatest(first.moment, coalesce(found.moment, first.moment))),
    (SELECT max(scored_at) FROM $kept WHERE valid_to IS NULL)
FROM first, asked, found
"""
_COUNTS = """
SELECT count(*) FILTER (WHERE before IS NOT NULL AND now IS NOT NULL), count(*) FILTER (WHERE now > before),
    count(*) FILTER (WHERE now < before), count(*) FILTER (WHERE before IS NULL AND now IS NOT NULL),
    count(*) FILTER (WHERE before IS NOT NULL AND now IS NULL), count(*) FILTER (WHERE version_before <> version_now),
    coalesce(sum(before) FILTER (WHERE now IS NOT NULL), 0), coalesce(sum(now) FILTER (WHERE before IS NOT NULL), 0)
FROM $pairs
"""
_COUNTED = ("both", "risen", "fallen", "new", "gone", "other_version", "sum_before", "sum_now")
_MOST = """
CREATE OR REPLACE TEMP TABLE foretable_moved AS
SELECT row_number() OVER (ORDER BY risen DESC, place) AS number, *
FROM (
    SELECT TRUE AS risen, row_number() OVER (ORDER BY now - before DESC, $keys) AS place, * FROM $pairs WHERE now > before
    UNION ALL
    SELECT FALSE AS risen, row_number() OVER (ORDER BY now - before, $keys) AS place, * FROM $pairs WHERE now < before
)
WHERE place <= ?
"""
_TOLD = """
SELECT number, risen, before, now, low, high, version_before, version_now, COLUMNS('^key_') FROM foretable_moved ORDER BY number
"""


@dataclass(frozen=True)
class Change:
    """One key whose prediction moved.

    ``low`` and ``high`` are the interval around ``now``, where the model has intervals. ``by_features`` and ``by_model`` add up to the
    change; both are None where the version of then cannot read the features of today. ``reasons`` are those of ``now``.
    """

    keys: tuple[Any, ...]
    before: float
    now: float
    low: float | None
    high: float | None
    version_before: int
    version_now: int
    by_features: float | None = None
    by_model: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """What the prediction moved by, in its own unit."""
        return self.now - self.before


@dataclass(frozen=True)
class Moved:
    """What moved in a scoring table since a date.

    ``asked`` is the date that was asked for, ``since`` that of the predictions that stood then, by the clock of the project; later than
    asked where the history is younger. ``both`` counts the keys with a prediction then and now, ``new`` and ``gone`` the others,
    ``other_version`` those that another version answers for. ``sum_before`` and ``sum_now`` are over ``both``.
    """

    table: str
    output: str
    keys: tuple[str, ...]
    asked: datetime
    since: datetime
    now: datetime
    both: int
    risen: int
    fallen: int
    new: int
    gone: int
    other_version: int
    sum_before: float
    sum_now: float
    rose: tuple[Change, ...] = ()
    fell: tuple[Change, ...] = ()


def moved(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, most: int, since: datetime | None = None) -> Moved:
    """Who moved most in a scoring table.

    Parameters
    ----------
    connection
        The warehouse, with the functions of the models.
    graph
        The compiled project.
    name
        A scoring table with ``history``.
    most
        How many to tell of those that rose, and of those that fell.
    since
        By the clock of the project; by default 30 days before the last predictions.

    Raises
    ------
    UnknownName
        There is no such scoring table.
    UsageError
        It keeps no history yet, or its predictions are no numbers.
    """
    declared = _kept(connection, graph, name)
    kept = table(history_name(name))
    given = [declared.history, name, since]
    moment, asked, then, now = connection.execute(statement(_MOMENT, kept=kept), given).fetchall()[0]
    pairs = _pairs(declared, moment).subquery("pairs")
    counts = connection.execute(statement(_COUNTS, pairs=pairs)).fetchall()[0]
    keys = declared.entity.keys if declared.entity else ()
    tie = exp.Tuple(expressions=[column(f"key_{number}") for number in range(len(keys))])
    connection.execute(statement(_MOST, pairs=pairs, keys=tie), [most])
    rose, fell = _told(connection, declared)
    figures = dict(zip(_COUNTED, counts, strict=True))
    return Moved(name, output_of(declared), keys, asked=asked, since=then, now=now, rose=rose, fell=fell, **figures)


def histories_of(graph: Graph, model: str) -> list[str]:
    """The scoring tables of a model that keep their history."""
    scoring = [(name, graph.tables[name].declared) for name in graph.refreshed]
    return [name for name, made in scoring if isinstance(made, ScoringTable) and made.model.name == model and made.history is not None]


def _kept(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str) -> ScoringTable:
    scoring = [table for table in graph.refreshed if isinstance(graph.tables[table].declared, ScoringTable)]
    if name not in scoring:
        raise UnknownName(f"no scoring table is called {name!r}", hint=nearest(name, scoring))
    declared = graph.tables[name].declared
    assert isinstance(declared, ScoringTable)
    if declared.history is None:
        raise UsageError(f"{name} keeps no history of its predictions", where=str(declared.origin), hint='declare it with history="1 year"')
    if declared.model.task == "multiclass":
        raise UsageError(f"{name}: its predictions are no numbers", where=str(declared.origin), hint="name a table of numbers")
    if not connection.execute("SELECT count(*) FROM foretable.histories WHERE table_name = ?", [name]).fetchall()[0][0]:
        raise UsageError(f"{name} has no history yet", where=str(declared.origin), hint="build it: foretable run")
    return declared


def _pairs(declared: ScoringTable, moment: datetime) -> exp.Select:
    """Key, prediction and version of then and now, a row per key there was at either time."""
    keys, output = declared.entity.keys if declared.entity else (), output_of(declared)
    stood = exp.LTE(this=column("valid_from"), expression=literal(moment))
    open_, ended = column("valid_to").is_(exp.null()), exp.GT(this=column("valid_to"), expression=literal(moment))
    kept = exp.select("*").from_(table(history_name(declared.name)))
    sides = {"then": kept.where(stood, exp.or_(ended, open_)), "now": kept.where(open_)}
    ends = {"low": f"{output}{LOW}", "high": f"{output}{HIGH}"}
    return (
        exp.select(
            *(exp.alias_(exp.func("coalesce", column(key, "now"), column(key, "then")), f"key_{n}") for n, key in enumerate(keys)),
            *(exp.alias_(exp.cast(column(output, side), "DOUBLE"), name) for side, name in (("then", "before"), ("now", "now"))),
            *(exp.alias_(column(of, "now") if declared.model.intervals else exp.null(), end, quoted=True) for end, of in ends.items()),
            *(exp.alias_(column("model_version", side), f"version_{name}") for side, name in (("then", "before"), ("now", "now"))),
        )
        .from_(sides["then"].subquery("then"))
        .join(
            sides["now"].subquery("now"),
            on=exp.and_(*(column(key, "then").eq(column(key, "now")) for key in keys)),
            join_type="FULL",
        )
    )


def _told(connection: duckdb.DuckDBPyConnection, declared: ScoringTable) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Those that rose and those that fell, with what the version of then says of the features of today, and the reasons of now."""
    lists: dict[bool, list[Change]] = {True: [], False: []}
    rows = connection.execute(_TOLD).fetchall()
    then, now = {row[6] for row in rows if row[6] != row[7]}, {row[7] for row in rows}
    asked = {n: said for version in sorted(then) for n, said in _said(connection, declared, "predict", "version_before", version)}
    reasons = {n: said for version in sorted(now) for n, said in _said(connection, declared, "explain", "version_now", version)}
    for number, risen, before, value, low, high, earlier, later, *key in rows:
        between = value if earlier == later else asked.get(number)
        features, model = (None, None) if between is None else (between - before, value - between)
        words = tuple(str(each["reason"]) for each in (reasons.get(number) or ())[:REASONS])
        lists[risen].append(Change(tuple(key), before, value, low, high, earlier, later, features, model, words))
    return tuple(lists[True]), tuple(lists[False])


def _said(connection: duckdb.DuckDBPyConnection, declared: ScoringTable, kind: str, which: str, version: int) -> list[tuple[int, Any]]:
    """What a function of a version says of the rows of today, by number; nothing where it cannot read them."""
    names = declared.entity.keys if declared.entity else ()
    row = exp.column(exp.to_identifier(_ROW, quoted=True))
    call = exp.Anonymous(this=f"{kind}_{declared.model.name}__v{version}", expressions=[row])
    same = [column(name, _ROW).eq(column(f"key_{number}", _MOVED)) for number, name in enumerate(names)]
    query = (
        exp.select(column("number", _MOVED), exp.alias_(call, "said"))
        .from_(scored_rows(declared, _ROW))
        .join(table(_MOVED), on=exp.and_(*same, column(which, _MOVED).eq(exp.Literal.number(version))))
    )
    try:
        return connection.execute(render(query)).fetchall()
    except duckdb.Error:  # a version may read columns that are gone, or have no reasons to give
        return []
