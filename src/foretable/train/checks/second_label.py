"""Two definitions of one outcome beside each other: where they disagree, at least one is not what it is said to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from foretable.compile.asof import literal
from foretable.compile.graph import Graph
from foretable.compile.inline import inlined
from foretable.declare.clock import interval
from foretable.declare.tables import Label
from foretable.errors import TrainingError
from foretable.refresh.watermark import later, now, watermark
from foretable.sql import column, render, table
from foretable.train.checks.examined import NAMED
from foretable.train.result import Finding

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet

WARNED = 0.01
REFUSED = 0.2
"""Share of the rows that either definition calls positive (of classes and numbers: of all rows) where the other one does not agree."""
CLOSE = 1e-9
"""Relative difference up to which two numbers are the same, added up in another order."""


def second_label(connection: duckdb.DuckDBPyConnection, graph: Graph, training: TrainingSet) -> tuple[Finding, ...]:
    """Compare the label of a training set with the model's ``second_label``, row by row.

    A share above 20 % keeps the versions from being promoted unless they are forced; a row that only one of them has is counted
    apart, for definitions may be about different people.

    Raises
    ------
    TrainingError
        The second label has several rows for a key.
    """
    declared = graph.project.model(training.model)
    other = declared.second_label
    if other is None:
        return ()
    rows = [_beside(connection, graph, training, other, date) for date in _dates(connection, graph, training, other)]
    if not rows:
        return (Finding("labels", "warning", f"no label of {other.name} has matured, so it was not compared", other.name),)
    return (_finding(training, other, declared.task, pa.concat_tables(rows)),)


def _dates(connection: duckdb.DuckDBPyConnection, graph: Graph, training: TrainingSet, other: Label) -> Sequence[datetime | None]:
    """Dates of the training set at which the other label is known as well."""
    if training.as_of is None or other.horizon is None:
        return [None]
    known = watermark(connection, graph, [other.name], now(graph))
    query = exp.select(column(training.as_of)).distinct().from_(table(training.table)).order_by(column(training.as_of))
    horizon = interval(other.horizon)
    return [date for (date,) in connection.execute(render(query)).fetchall() if later(date, *horizon) <= known]


def _beside(connection: duckdb.DuckDBPyConnection, graph: Graph, training: TrainingSet, other: Label, date: datetime | None) -> pa.Table:
    """Key, date, ``first``, ``second`` (NULL where there is no row), of one date."""
    keys = {key.lower() for key in training.keys}
    name = next(each for each in graph.tables[other.name].columns if each.lower() not in keys)
    names = [*training.keys, *([training.as_of] if training.as_of else [])]
    shown = [column(each, "here") for each in names]
    on = exp.and_(*(column(key, "here").eq(column(key, "there")) for key in training.keys))
    there = inlined(graph, other.name, date).subquery(exp.to_identifier("there", quoted=True))
    query = (
        exp.select(*shown, exp.alias_(column(training.label, "here"), "first"), exp.alias_(column(name, "there"), "second"))
        .from_(exp.alias_(table(training.table), "here", table=True))
        .join(there, on=on, join_type="LEFT")
        .order_by(*(each.copy() for each in shown))
    )
    query = query.where(column(training.as_of, "here").eq(literal(date))) if training.as_of and date is not None else query
    found = connection.execute(render(query)).to_arrow_table()
    if found.num_rows > found.group_by(names).aggregate([]).num_rows:
        raise TrainingError(
            f"second label {other.name} has several rows for a key", where=str(other.origin), hint="one row per key: aggregate it"
        )
    return found


def _finding(training: TrainingSet, other: Label, task: str, rows: pa.Table) -> Finding:
    first, second = rows["first"], rows["second"]
    both = pc.is_valid(second).to_numpy(zero_copy_only=False)
    differs = both & ~_same(first, second, task)
    if task == "classification":
        positive = _numbers(first) == 1, _numbers(second) == 1
        of = int((both & (positive[0] | positive[1])).sum())
        ones = int((differs & positive[0]).sum())
        split = f", {ones:,} positive only by {training.label} and {int(differs.sum()) - ones:,} only by {other.name}"
        whole = f"the {of:,} that either calls positive"
    else:
        of, split, whole = int(both.sum()), "", f"the {int(both.sum()):,} that both have"
    count, missing = int(differs.sum()), int((~both).sum())
    share = count / of if of else float(count > 0)
    examples = [_shown(training, rows, int(at)) for at in np.flatnonzero(differs)[:NAMED]]
    message = f"{count:,} of {int(both.sum()):,} rows have another label by {other.name}: {share:.1%} of {whole}{split}"
    message += f", such as {examples[0]}" if examples else ""
    message += f"; {missing:,} rows have none there" if missing else ""
    later_on = training.row_count - rows.num_rows
    message += f"; {later_on:,} rows are of dates at which it is not known yet" if later_on else ""
    evidence: dict[str, Any] = {
        "rows": count,
        "of": of,
        "compared": int(both.sum()),
        "missing": missing,
        "not_known": later_on,
        "share": share,
    }
    return Finding("labels", _severity(share, bool(both.any())), message, other.name, evidence | {"examples": examples})


def _severity(share: float, compared: bool) -> Literal["note", "warning", "refused"]:
    if share > REFUSED:
        return "refused"
    return "warning" if share > WARNED or not compared else "note"


def _same(first: pa.ChunkedArray, second: pa.ChunkedArray, task: str) -> np.ndarray:
    if task == "multiclass":
        equal: np.ndarray = pc.fill_null(pc.equal(_text(first), _text(second)), True).to_numpy(zero_copy_only=False)
        return equal
    a, b = _numbers(first), _numbers(second)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(a - b) <= CLOSE * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b))))


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.string())


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    numbers: np.ndarray = pc.fill_null(pc.cast(values, pa.float64(), safe=False), float("nan")).to_numpy()
    return numbers


def _shown(training: TrainingSet, rows: pa.Table, at: int) -> str:
    key = ", ".join(f"{name} {rows[name][at].as_py()}" for name in training.keys)
    day = f" on {rows[training.as_of][at].as_py():%Y-%m-%d}" if training.as_of else ""
    return f"{key}{day} ({rows['first'][at].as_py()} and {rows['second'][at].as_py()})"
