"""The spine of a training set: whom it is about, at which date, with the label; of too many rows, whole entities are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.asof import Moment, literal
from foretable.compile.dated import filling
from foretable.compile.graph import Graph
from foretable.compile.inline import inlined
from foretable.declare.model import Model
from foretable.sql import DIALECT, column, render, statement, table
from foretable.train.columns import AS_OF, label_column

SPINE = "temp.foretable_spine"
PLACES = 10_000
"""Entities are drawn in steps of a hundredth of a percent."""
_ENTITIES, _DRAWN = "temp.foretable_entities", "temp.foretable_drawn"
_PLACE, _ROWS = "foretable_place", "foretable_rows"
_COUNT = "SELECT count(*) FROM $spine"
_BY_PLACE = "SELECT foretable_place, CAST(sum(foretable_rows) AS BIGINT) FROM $entities GROUP BY 1 ORDER BY 1"
_DROP = "DROP TABLE IF EXISTS $name"


def spine_query(graph: Graph, model: str, date: Moment | None) -> exp.Select:
    """The key, ``as_of`` (where there is a clock) and the label of every row of one date."""
    declared = graph.project.model(model)
    names = [*_keys(declared), label_column(graph, model)]
    selected: list[exp.Expr] = [column(name, "label") for name in names]
    if date is not None:
        selected.insert(-1, exp.alias_(literal(date), AS_OF, quoted=True))
    rows = inlined(graph, declared.label.name, date).subquery(exp.to_identifier("label", quoted=True), copy=False)
    return exp.Select().from_(rows, copy=False).select(*selected, copy=False)


def staged_at(date: Moment | None) -> exp.Select:
    """The rows of one date that :func:`stage_spine` has left."""
    rows = exp.select("*").from_(table(SPINE))
    return rows if date is None else rows.where(column(AS_OF).eq(literal(date)))


def stage_spine(connection: duckdb.DuckDBPyConnection, graph: Graph, model: str, dates: Sequence[datetime | None]) -> int:
    """Lay the spine of a model down in a temporary table, at most about ``model.rows`` rows of it; gives how many there were.

    Who stays does not depend on the order of the rows, nor on DuckDB's version; with more rows fewer stay, but nobody new.
    """
    declared = graph.project.model(model)
    zone = graph.project.config.time_zone
    for text in filling(SPINE, lambda date: spine_query(graph, model, date), dates, zone, temporary=True):
        connection.execute(text)
    count = int(connection.execute(statement(_COUNT, spine=table(SPINE))).fetchall()[0][0])
    if count > declared.rows:
        _draw(connection, declared)
    return count


def drop_spine(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the room of the temporary tables back."""
    for name in (SPINE, _ENTITIES, _DRAWN):
        connection.execute(statement(_DROP, name=table(name)))


def _draw(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Leave the rows of as many entities, by their places, as make up ``model.rows`` rows; those of the first place in any case."""
    keys = [column(key) for key in _keys(model)]
    counted = exp.alias_(exp.Count(this=exp.Star()), _ROWS)
    entities = exp.select(*keys, counted, exp.alias_(_place(model), _PLACE)).from_(table(SPINE)).group_by(*keys)
    connection.execute(_temporary(_ENTITIES, entities))
    left, last = model.rows, None
    for place, rows in connection.execute(statement(_BY_PLACE, entities=table(_ENTITIES))).fetchall():
        left -= rows
        if left < 0 and last is not None:
            break
        last = place
    same = exp.and_(*(exp.NullSafeEQ(this=column(key, "spine"), expression=column(key, "chosen")) for key in _keys(model)))
    chosen = exp.alias_(table(_ENTITIES), "chosen", table=True)
    kept = exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("spine"))).from_(exp.alias_(table(SPINE), "spine", table=True))
    kept = kept.join(chosen, on=same).where(exp.LTE(this=column(_PLACE, "chosen"), expression=exp.Literal.number(last or 0)))
    connection.execute(_temporary(_DRAWN, kept))
    connection.execute(_temporary(SPINE, exp.select("*").from_(table(_DRAWN))))


def _place(model: Model) -> exp.Expr:
    """Where an entity falls: not DuckDB's own hash, which a later version may change, and apart from the traffic of the model."""
    parts = [exp.Literal.string(f"rows of {model.name}"), *(exp.cast(column(key), "VARCHAR", dialect=DIALECT) for key in _keys(model))]
    text = exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("|"), *parts])
    return exp.Mod(this=exp.Anonymous(this="md5_number_lower", expressions=[text]), expression=exp.Literal.number(PLACES))


def _temporary(name: str, rows: exp.Query) -> str:
    properties = exp.Properties(expressions=[exp.TemporaryProperty()])
    return render(exp.Create(kind="TABLE", replace=True, this=table(name), properties=properties, expression=rows))


def _keys(model: Model) -> tuple[str, ...]:
    return model.label.entity.keys if model.label.entity else ()
