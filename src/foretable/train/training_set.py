"""Point-in-time training sets: every feature view at the date of each spine row, as serving saw it then."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.asof import Moment, spine_dates, uses_as_of
from foretable.compile.dated import filling
from foretable.compile.graph import Graph
from foretable.compile.inline import inlined
from foretable.declare.clock import interval
from foretable.declare.tables import Label
from foretable.errors import DeclarationError, QualityViolation, TrainingError
from foretable.quality import require
from foretable.refresh.fingerprint import source_fingerprint
from foretable.refresh.watermark import later, now, watermark
from foretable.sql import column, render, statement, table
from foretable.train.columns import AS_OF, aside_columns, feature_columns, label_column
from foretable.train.narrowed import narrowed
from foretable.train.spine import SPINE, drop_spine, spine_query, stage_spine, staged_at
from foretable.warehouse import wave

_FORMER = """
SELECT t.name FROM foretable.training_sets AS t JOIN duckdb_tables() AS d ON t.name = lower(d.schema_name || '.' || d.table_name)
WHERE t.model = ? AND t.name <> ? AND d.database_name = current_database() AND t.name NOT IN (SELECT name FROM foretable.tables)
"""


@dataclass(frozen=True)
class TrainingSet:
    """A materialised training set: a table of layer ``training``, one row per key (and ``as_of``).

    ``as_of`` is the name of the date column, None where the label has no clock; ``features`` are the
    inputs in order, ``aside`` columns that rows are evaluated by; ``hash`` identifies the content (it also changes with DuckDB's
    version); ``positives`` counts rows whose label is 1, None where labels are not 0 and 1; ``drawn_from`` is the number of
    rows of the spine where the model may not learn from so many and whole entities were drawn, else None.
    """

    table: str
    model: str
    keys: tuple[str, ...]
    as_of: str | None
    label: str
    features: tuple[str, ...]
    hash: str
    row_count: int
    positives: int | None
    as_of_from: datetime | None
    as_of_to: datetime | None
    aside: tuple[str, ...] = ()
    drawn_from: int | None = None


def build_training_set(connection: duckdb.DuckDBPyConnection, graph: Graph, model: str) -> TrainingSet:
    """Materialise the training set of a model, in one transaction.

    Parameters
    ----------
    connection
        A writable warehouse.
    graph
        The compiled project.
    model
        Name of the model.

    Raises
    ------
    TrainingError
        No label has matured, or the set is empty.
    QualityViolation
        The set breaks its declared schema, or has two rows for one key and date.
    """
    declared = graph.project.model(model)
    dates = training_dates(connection, graph, model)
    zone, target = graph.project.config.time_zone, declared.training_set
    views = [view.name for view in declared.features]
    with wave(connection):
        connection.execute("CREATE SCHEMA IF NOT EXISTS training")
        count = stage_spine(connection, graph, model, dates)
        some = count > declared.rows and declared.label.entity is not None
        keys = declared.label.entity.keys if declared.label.entity else ()
        with narrowed(connection, graph, views, keys, SPINE) if some else nullcontext(graph) as read:
            for text in filling(target, lambda date: training_query(read, model, date, staged_at(date)), dates, zone):
                connection.execute(text)
        drop_spine(connection)
        built = _described(connection, graph, model, target)
        built = replace(built, drawn_from=count if count > declared.rows else None)
        _require_single(connection, graph, built)
        schema = graph.project.schemas.get(target)
        if schema is not None:
            require(connection, target, schema.schema)
        _record(connection, built)
    return built


def training_dates(connection: duckdb.DuckDBPyConnection, graph: Graph, model: str) -> Sequence[datetime | None]:
    """The spine's dates whose label has matured and whose features were known; one None where the label has no clock.

    Raises
    ------
    TrainingError
        Not one has matured.
    """
    label: Label = graph.project.model(model).label
    if label.horizon is None or label.every is None or label.start is None:
        return [None]
    clock = now(graph)
    known = watermark(connection, graph, [label.name], clock)
    # A feature must not be asked for at a date that its source has not reached: serving would wait for it.
    seen = watermark(connection, graph, [view.name for view in graph.project.model(model).features], clock)
    horizon = interval(label.horizon)
    dates = spine_dates(label.start, interval(label.every), known, graph.project.config.time_zone)
    matured = [date for date in dates if later(date, *horizon) <= known and date <= seen]
    if not matured:
        raise TrainingError(
            f"no label of {label.name} has matured: the sources reach to {min(known, seen):%Y-%m-%d %H:%M}, the horizon is {label.horizon}",
            where=str(label.origin),
            hint=f"load more data, shorten the horizon, or start earlier than {label.start}",
        )
    return matured


def training_query(graph: Graph, model: str, date: Moment | None, spine: exp.Select | None = None) -> exp.Query:
    """Spine rows of one date with their label and every feature, evaluated at that date.

    Parameters
    ----------
    graph
        The compiled project.
    model
        Name of the model.
    date
        The date, or any one; None where the label has no clock.
    spine
        The rows, where they lie in a table; by default the label's query gives them.

    Returns
    -------
    sqlglot.exp.Query
        Columns: the key, ``as_of`` (where there is a clock), the label, the features, and what rows are evaluated by.
    """
    declared = graph.project.model(model)
    keys = declared.label.entity.keys if declared.label.entity else ()
    aside = aside_columns(graph, model)
    if date is None:
        _refuse_clock(graph, model)
    names = [*keys, *([AS_OF] if date is not None else []), label_column(graph, model)]
    selected: list[exp.Expr] = [column(name, "spine") for name in names]
    rows = spine if spine is not None else spine_query(graph, model, date)
    query = exp.Select().from_(rows.subquery(exp.to_identifier("spine", quoted=True), copy=False), copy=False)
    for number, (view, features) in enumerate(feature_columns(graph, model).items()):
        alias = f"view_{number}"
        selected += [column(name, alias) for name in (*features, *aside[view])]
        on = exp.and_(*(column(key, "spine").eq(column(key, alias)) for key in keys))
        features_then = inlined(graph, view, date).subquery(exp.to_identifier(alias, quoted=True), copy=False)
        query.join(features_then, on=on, join_type="LEFT", copy=False)
    return query.select(*selected, copy=False)


def _refuse_clock(graph: Graph, model: str) -> None:
    declared = graph.project.model(model)
    for name in graph.training_tables(model):
        for other in [name, *sorted(graph.upstream(name) & graph.tables.keys())]:
            if uses_as_of(graph.tables[other].query):
                raise DeclarationError(
                    f"label {declared.label.name} has no clock, but {other} asks for as_of()",
                    where=str(declared.label.origin),
                    hint="declare the label in Python with horizon=, every= and start=; CREATE MODEL reads tables without a clock",
                )


def _described(connection: duckdb.DuckDBPyConnection, graph: Graph, model: str, target: str) -> TrainingSet:
    declared = graph.project.model(model)
    label = label_column(graph, model)
    clocked = declared.label.horizon is not None
    judged = declared.task == "classification"  # what is no number is refused later, with its name
    count = statement(
        "SELECT count(*), count(*) FILTER (WHERE TRY_CAST($label AS DOUBLE) = 1), $low, $high FROM $source",
        label=column(label),
        low=exp.Min(this=column(AS_OF)) if clocked else exp.null(),
        high=exp.Max(this=column(AS_OF)) if clocked else exp.null(),
        source=table(target),
    )
    row = connection.execute(count).fetchall()[0]
    if not row[0]:
        raise TrainingError(
            f"the training set of {model} is empty",
            where=str(declared.label.origin),
            hint=f"look at the label: foretable show {declared.label.name}",
        )
    digest, _ = source_fingerprint(connection, target, _columns(connection, target))
    return TrainingSet(
        table=target,
        model=declared.name,
        keys=declared.label.entity.keys if declared.label.entity else (),
        as_of=AS_OF if clocked else None,
        label=label,
        features=tuple(name for names in feature_columns(graph, model).values() for name in names),
        hash=digest,
        row_count=row[0],
        positives=row[1] if judged else None,
        as_of_from=row[2],
        as_of_to=row[3],
        aside=declared.aside,
    )


def _require_single(connection: duckdb.DuckDBPyConnection, graph: Graph, built: TrainingSet) -> None:
    """Two rows for one key and date would weigh twice, and mean that serving would refuse the feature view."""
    by = [column(name) for name in (*built.keys, *([built.as_of] if built.as_of else []))]
    rows = exp.select(*by).from_(table(built.table))
    duplicated = rows.group_by(*by).having("count(*) > 1")
    empty = rows.where(exp.or_(*(column(key).is_(exp.null()) for key in built.keys)))
    for query, problem in ((duplicated, "more than one row"), (empty, "a NULL key")):
        found = connection.execute(render(query.limit(1))).fetchall()
        if found:
            shown = ", ".join(f"{name} {value}" for name, value in zip((*built.keys, "as_of"), found[0], strict=False))
            views = ", ".join(name for name in graph.training_tables(built.model))
            raise QualityViolation(
                f"{problem} for {shown}",
                where=built.table,
                hint=f"each of {views} must have one row per {', '.join(built.keys)} at every date; versions of a history may overlap",
            )


def _columns(connection: duckdb.DuckDBPyConnection, target: str) -> dict[str, str]:
    rows = connection.execute(statement("DESCRIBE SELECT * FROM $source", source=table(target))).fetchall()
    return {row[0]: row[1] for row in rows}


def _record(connection: duckdb.DuckDBPyConnection, built: TrainingSet) -> None:
    """Enter the set in the catalog; a model has one, so under a former name it goes."""
    for (former,) in connection.execute(_FORMER, [built.model, built.table]).fetchall():
        connection.execute(statement("DROP TABLE IF EXISTS $former", former=table(former)))
    connection.execute("DELETE FROM foretable.training_sets WHERE name = ? OR model = ?", [built.table, built.model])
    connection.execute(
        "INSERT INTO foretable.training_sets VALUES (?, ?, ?, ?, ?, ?, ?, now()::TIMESTAMP)",
        [built.table, built.model, built.hash, built.row_count, built.positives, built.as_of_from, built.as_of_to],
    )
