"""Versions of a model that answered in production, judged by the outcomes that have matured since.

A scoring table that keeps its history tells what every key was answered, by which version. At each spine date of the
model's label whose outcome is known by now, the answer that stood on that date is put beside the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from foretable.compile.asof import literal
from foretable.compile.graph import Graph
from foretable.compile.history import history_name
from foretable.compile.inline import inlined
from foretable.compile.scoring import output_of
from foretable.declare.judge import METRICS_OF
from foretable.declare.scoring import ScoringTable
from foretable.errors import TrainingError, UnknownName, UsageError, nearest
from foretable.refresh.history import utc_now
from foretable.sql import column, render, statement, table
from foretable.train.judge.bootstrap import dense
from foretable.train.judge.evaluate import measure
from foretable.train.split import entity_codes
from foretable.train.training_set import training_dates

SHADOW = "shadow"
ANSWER = "answer"
_SEED = 0


@dataclass(frozen=True)
class Comparison:
    """One metric of one version in one role, over all rows whose outcome has matured.

    ``role`` is ``answer`` for what the table gave, ``shadow`` for the version that scored beside it; ``low`` and ``high`` bound the
    95 % bootstrap interval over keys; ``dates`` counts the spine dates.
    """

    table: str
    model: str
    role: str
    version: int
    metric: str
    value: float
    low: float
    high: float
    row_count: int
    dates: int


def compare_versions(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str) -> tuple[Comparison, ...]:
    """Judge every version that answered in a scoring table.

    Parameters
    ----------
    connection
        The warehouse.
    graph
        The compiled project.
    name
        A scoring table with ``history``.

    Returns
    -------
    tuple of Comparison
        By role, version and metric. Of a date, the first answer counts that was given for it, so that a version which was promoted
        when the outcome was known is not judged by it.

    Raises
    ------
    UnknownName
        There is no such scoring table.
    UsageError
        It keeps no history, or its model's label has no dates.
    TrainingError
        No outcome of an answer has matured yet.
    """
    declared = _comparable(graph, name)
    rows = _rows(connection, graph, declared)
    if rows is None:
        raise TrainingError(
            f"no outcome of an answer in {name} has matured yet",
            where=str(declared.origin),
            hint=f"an outcome is known {declared.model.label.horizon} after a spine date: wait, and refresh",
        )
    return tuple(_judged(declared, rows))


def update_comparisons(connection: duckdb.DuckDBPyConnection, graph: Graph) -> None:
    """Judge anew, in ``foretable.comparisons``, what scores with several versions, where outcomes have matured since."""
    for name in graph.refreshed:
        declared = graph.tables[name].declared
        if not isinstance(declared, ScoringTable) or not (declared.shadow or declared.traffic) or not declared.history:
            continue
        if (
            declared.model.label.horizon is None
            or declared.model.task == "multiclass"
            or not (dates := _dates(connection, graph, declared))
        ):
            continue
        known = connection.execute("SELECT max(as_of) FROM foretable.comparisons WHERE table_name = ?", [name]).fetchall()[0][0]
        if known is not None and known >= dates[-1]:
            continue
        rows = _rows(connection, graph, declared)
        if rows is None:
            continue
        connection.execute("DELETE FROM foretable.comparisons WHERE table_name = ?", [name])
        found = [
            [name, c.model, c.role, c.version, c.metric, c.value, c.low, c.high, c.row_count, c.dates, dates[-1], utc_now()]
            for c in _judged(declared, rows)
        ]
        connection.executemany("INSERT INTO foretable.comparisons VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", found)


def _comparable(graph: Graph, name: str) -> ScoringTable:
    scoring = [table for table in graph.refreshed if isinstance(graph.tables[table].declared, ScoringTable)]
    if name not in scoring:
        raise UnknownName(f"no scoring table is called {name!r}", hint=nearest(name, scoring))
    declared = graph.tables[name].declared
    if not isinstance(declared, ScoringTable) or declared.history is None:
        raise UsageError(f"{name} keeps no history of its answers", where=str(declared.origin), hint='declare it with history="1 year"')
    if declared.model.label.horizon is None:
        raise UsageError(
            f"label {declared.model.label.name} has no dates, so nothing tells when an outcome came",
            where=str(declared.model.label.origin),
            hint="give the label horizon=, every= and start=",
        )
    if declared.model.task == "multiclass":
        raise UsageError(f"{name}: answers in several classes cannot be compared yet", where=str(declared.origin), hint="compare one class")
    return declared


def _dates(connection: duckdb.DuckDBPyConnection, graph: Graph, declared: ScoringTable) -> list[datetime]:
    """Matured spine dates on which there were answers."""
    there = connection.execute("SELECT count(*) FROM foretable.histories WHERE table_name = ?", [declared.name]).fetchall()[0][0]
    if not there:
        return []
    first = connection.execute(statement("SELECT min(scored_at) FROM $kept", kept=table(history_name(declared.name)))).fetchall()[0][0]
    try:
        dates = training_dates(connection, graph, declared.model.name)
    except TrainingError:  # not one has matured
        return []
    return [date for date in dates if date is not None and first is not None and date >= first]


def _rows(connection: duckdb.DuckDBPyConnection, graph: Graph, declared: ScoringTable) -> pa.Table | None:
    found = [connection.execute(render(_on(graph, declared, date))).to_arrow_table() for date in _dates(connection, graph, declared)]
    rows = pa.concat_tables(found) if found else None
    return rows if rows is not None and len(rows) else None


def _on(graph: Graph, declared: ScoringTable, date: datetime) -> exp.Select:
    """Key, outcome, answer and version of everybody in the label's table of a date."""
    label = declared.model.label
    keys = label.entity.keys if label.entity else ()
    outcome = next(name for name in graph.tables[label.name].columns if name.lower() not in {key.lower() for key in keys})
    stood = _stood(declared, keys, date).subquery("stood")
    spine = inlined(graph, label.name, date).subquery("spine")
    output = output_of(declared)
    taken = {ANSWER: output, "version": "model_version"}
    if declared.shadow:
        taken |= {SHADOW: f"{output}_{declared.shadow}", "shadow_version": f"model_version_{declared.shadow}"}
    return (
        exp.select(
            exp.alias_(literal(date), "as_of"),
            *(exp.alias_(column(key, "spine"), f"key_{number}") for number, key in enumerate(keys)),
            exp.alias_(exp.cast(column(outcome, "spine"), "DOUBLE"), "outcome"),
            *(exp.alias_(column(name, "stood"), alias, quoted=True) for alias, name in taken.items()),
        )
        .from_(spine)
        .join(stood, on=exp.and_(*(column(key, "spine").eq(column(key, "stood")) for key in keys)))
    )


def _stood(declared: ScoringTable, keys: Sequence[str], date: datetime) -> exp.Select:
    """The answers that stood on a date: the last that were made for it or before, of equal dates the first that was given."""
    latest = exp.Order(expressions=[exp.Ordered(this=column("scored_at"), desc=True), exp.Ordered(this=column("valid_from"))])
    number = exp.Window(this=exp.RowNumber(), partition_by=[column(key) for key in keys], order=latest)
    made = exp.LTE(this=column("scored_at"), expression=literal(date))
    return (
        exp.select("*").from_(table(history_name(declared.name))).where(made).qualify(exp.EQ(this=number, expression=exp.Literal.number(1)))
    )


def _judged(declared: ScoringTable, rows: pa.Table) -> Iterator[Comparison]:
    keys = [name for name in rows.column_names if name.startswith("key_")]
    clusters = np.unique(np.column_stack([entity_codes(rows[key])[0] for key in keys]), axis=0, return_inverse=True)[1].reshape(-1)
    roles: Mapping[str, tuple[str, str]] = {ANSWER: (ANSWER, "version"), SHADOW: (SHADOW, "shadow_version")}
    for role, (answer, version) in roles.items():
        if answer not in rows.column_names:
            continue
        answers = rows[answer].to_numpy().astype(np.float64)
        numbers = rows[version].to_numpy().astype(np.float64)
        outcome = rows["outcome"].to_numpy()
        judged = ~(np.isnan(answers) | np.isnan(numbers) | np.isnan(outcome))
        for number in np.unique(numbers[judged]).astype(int).tolist():
            mine = judged & (numbers == number)
            dates = len(np.unique(rows["as_of"].to_numpy()[mine]))
            for metric, found in _measured(declared, outcome[mine], answers[mine], clusters[mine]).items():
                yield Comparison(declared.name, declared.model.name, role, number, metric, *found, int(mine.sum()), dates)


def _measured(
    declared: ScoringTable, outcome: np.ndarray, answer: np.ndarray, clusters: np.ndarray
) -> dict[str, tuple[float, float, float]]:
    model = declared.model
    found = measure(model.task, outcome, answer, dense(clusters), threshold=model.cut, seed=_SEED)
    wanted = (*METRICS_OF[model.task], "calibration_error", "mean_probability", "positive_rate", "mean_prediction", "mean_outcome")
    return {metric: found[metric] for metric in wanted if metric in found}
