"""Statistics of a view, now or at a date, beside those of another version or of the rows that a model learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
from sqlglot import exp

from foretable.errors import UnknownName, WarehouseError, nearest
from foretable.sql import render, table
from foretable.store.lookup import columns_of
from foretable.store.stability import stability
from foretable.store.statistics import Statistics, statistics_of
from foretable.store.views import View, feature_views, find_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from foretable.compile.graph import Graph
    from foretable.declare.project import Project

AT_DATE = "temp.main.view_at_date"
_BUILT = "SELECT as_of FROM foretable.tables WHERE name = ?"
_TRAINED = "SELECT name, row_count, as_of_from, as_of_to FROM foretable.training_sets WHERE model = ? ORDER BY built_at DESC LIMIT 1"


@dataclass(frozen=True)
class Side:
    """A table whose features are described: ``of`` says what it is, ``as_of`` its date, or the first and the last."""

    table: str
    of: str
    as_of: tuple[datetime, ...]
    features: tuple[Statistics, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self.features[0].rows if self.features else 0


@dataclass(frozen=True)
class Comparison:
    """Statistics of a view and of what it is held against; ``index`` is the stability index by feature, None where there is none."""

    side: Side
    reference: Side | None = None
    index: Mapping[str, float | None] | None = None


def describe_view(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    view: View,
    *,
    as_of: datetime | None = None,
    against: str | None = None,
    graph: Callable[[], Graph],
) -> Comparison:
    """Statistics of every feature of a view.

    Parameters
    ----------
    connection
        The warehouse, in a transaction that is rolled back.
    project
        The declarations.
    view
        The view.
    as_of
        The date to compute it at; None takes what the last refresh left in the table.
    against
        A model, for the rows that it learned from, or a view.
    graph
        Gives the compiled project, which only a date needs.

    Raises
    ------
    UnknownName
        ``against`` names nothing.
    WarehouseError
        The view has not been built, or the model never trained.
    UsageError, DeclarationError
        The view cannot be computed at that date.
    """
    side = _now(connection, view) if as_of is None else _at_date(connection, graph(), view, as_of)
    features = _features(connection, side.table, view)
    side = Side(side.table, side.of, side.as_of, tuple(statistics_of(connection, side.table, features)))
    if against is None:
        return Comparison(side)
    reference = _reference(connection, project, against)
    there = {name.lower(): (name, kind) for name, kind in columns_of(connection, reference.table).items()}
    shared = dict(there[name.lower()] for name in features if name.lower() in there)
    reference = Side(reference.table, reference.of, reference.as_of, tuple(statistics_of(connection, reference.table, shared)))
    return Comparison(side, reference, stability(connection, (reference.table, shared), (side.table, features)))


def _features(connection: duckdb.DuckDBPyConnection, name: str, view: View) -> dict[str, str]:
    keys = {key.lower() for key in view.entity.keys}
    return {label: kind for label, kind in columns_of(connection, name).items() if label.lower() not in keys}


def _now(connection: duckdb.DuckDBPyConnection, view: View) -> Side:
    built = connection.execute(_BUILT, [view.name]).fetchall()
    if not built:
        raise WarehouseError(f"{view} has not been built yet", where=view.name, hint=f"foretable run --select {view.name}")
    return Side(view.name, str(view), tuple(date for date in built[0] if date is not None))


def _at_date(connection: duckdb.DuckDBPyConnection, graph: Graph, view: View, as_of: datetime) -> Side:
    from foretable.compile.asof import cut
    from foretable.compile.inline import inlined
    from foretable.store.moments import grain_of, require_date

    require_date(connection, graph, view, as_of)
    grain = grain_of(graph, view.name)
    create = exp.Create(kind="TABLE", replace=True, this=table(AT_DATE), expression=inlined(graph, view.name, as_of))
    create.set("properties", exp.Properties(expressions=[exp.TemporaryProperty()]))
    connection.execute(render(create))
    return Side(AT_DATE, str(view), (cut(as_of, grain, graph.project.config.time_zone),) if grain else ())


def _reference(connection: duckdb.DuckDBPyConnection, project: Project, against: str) -> Side:
    if against.lower() not in project.models:
        try:
            return _now(connection, find_view(project, against))
        except UnknownName:
            views = [view.view.rpartition(".")[2] for view in feature_views(project)]
            raise UnknownName(f"no model or feature view is called {against!r}", hint=nearest(against, [*project.models, *views])) from None
    trained = connection.execute(_TRAINED, [against.lower()]).fetchall()
    if not trained:
        raise WarehouseError(f"model {against} has no training set yet", where=against, hint=f"foretable train {against.lower()}")
    name, _, first, last = trained[0]
    return Side(name, f"training set of {against.lower()}", tuple(dict.fromkeys(date for date in (first, last) if date is not None)))
