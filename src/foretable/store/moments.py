"""The dates that a view is computed at for the rows of a spine, and whether it was known then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.asof import AS_OF, cut, literal, uses_as_of
from foretable.compile.graph import Graph
from foretable.compile.point_in_time import require_known
from foretable.declare.freshness import GRAINS, Grain
from foretable.errors import UsageError
from foretable.refresh.watermark import now, source_watermark
from foretable.sql import column, statement, table, tree
from foretable.store.spine import SPINE, Spine, build_spine, stage_spine
from foretable.store.views import View

MOMENTS = "temp.main.spine_moments"
ASKED = "features at a date of the past"
_CUT = """
CREATE OR REPLACE TEMP TABLE $into AS
WITH m AS (SELECT * FROM $moments) SELECT s.*, m.* EXCLUDE (moment) FROM $spine AS s JOIN m ON s.moment = m.moment
"""
_ORDERED = "SELECT DISTINCT moment FROM $spine ORDER BY moment"


def grain_of(graph: Graph, name: str) -> Grain | None:
    """The finest grain of a table and those it is made from; None where none of them looks at the clock."""
    grains = {
        graph.tables[other].declared.grain
        for other in {name, *(graph.upstream(name) & graph.tables.keys())}
        if uses_as_of(graph.tables[other].query)
    }
    return next((grain for grain in GRAINS if grain in grains), None)


def add_cuts(connection: duckdb.DuckDBPyConnection, grains: Sequence[Grain], time_zone: str) -> None:
    """Give every row of ``SPINE`` its moment cut to each grain, in columns ``moment_minute``, ``moment_hour``, ``moment_day``."""
    distinct = list(dict.fromkeys(grains))
    if not distinct:
        return
    moments = [moment for (moment,) in connection.execute(statement(_ORDERED, spine=table(SPINE))).fetchall()]
    columns = [moments, *([cut(moment, grain, time_zone) for moment in moments] for grain in distinct)]
    lists = [exp.alias_(tree("unnest(?)"), name, quoted=True) for name in ("moment", *(f"moment_{grain}" for grain in distinct))]
    connection.execute(statement(_CUT, into=table(MOMENTS), spine=table(SPINE), moments=exp.select(*lists).subquery()), columns)
    connection.execute(statement("CREATE OR REPLACE TEMP TABLE $into AS FROM $moved", into=table(SPINE), moved=table(MOMENTS)))
    connection.execute(statement("DROP TABLE $moved", moved=table(MOMENTS)))


def require_past(
    connection: duckdb.DuckDBPyConnection, graph: Graph, view: View, grain: Grain | None, spine: Spine, timestamp: str
) -> None:
    """Refuse a view that may see the future, and rows at whose date its sources had not been reported yet.

    A training set leaves such dates out; here every row is wanted, so the first of them is told.

    Raises
    ------
    DeclarationError
        A source of the view is of no kind, or it reads events whatever their date.
    UsageError
        A row lies in the future, or after what a source is known to.
    """
    require_known(graph, view.name, ASKED)
    clock = now(graph)
    late = _first(connection, "moment", clock)
    if late is not None:
        raise _refused(connection, spine, timestamp, late, "lies in the future", f"the clock stands at {clock:%Y-%m-%d %H:%M}")
    if grain is None:
        return
    known = {
        source: reached
        for source in sorted(graph.upstream(view.name) & graph.project.sources.keys())
        if graph.project.sources[source].holds_clock and (reached := source_watermark(connection, graph, source, clock)) is not None
    }
    if not known:
        return
    source, reached = min(known.items(), key=lambda item: item[1])
    late = _first(connection, f"moment_{grain}", reached)
    if late is not None:
        why = f"is not known to {view.name} yet: {source} reaches to {reached:%Y-%m-%d %H:%M}"
        raise _refused(connection, spine, timestamp, late, why, "ask for an earlier date, or load more data")


def require_date(connection: duckdb.DuckDBPyConnection, graph: Graph, view: View, as_of: datetime) -> None:
    """As :func:`require_past`, for one date."""
    one = stage_spine(connection, graph.project.root, {AS_OF: [as_of]}, shown="")
    grain, zone = grain_of(graph, view.name), graph.project.config.time_zone
    build_spine(connection, one, AS_OF, {}, zone)
    add_cuts(connection, [grain] if grain else [], zone)
    require_past(connection, graph, view, grain, one, AS_OF)


def _first(connection: duckdb.DuckDBPyConnection, name: str, limit: datetime) -> int | None:
    """The first row of the spine whose moment lies after a limit."""
    query = tree("SELECT min(place) FROM $spine WHERE $moment > $limit", spine=table(SPINE), moment=column(name), limit=literal(limit))
    found: int | None = connection.execute(statement("$query", query=query)).fetchall()[0][0]
    return found


def _refused(connection: duckdb.DuckDBPyConnection, spine: Spine, timestamp: str, row: int, why: str, hint: str) -> UsageError:
    cell = spine.require(timestamp, "the time of a row")
    query = statement("SELECT moment, CAST($cell AS VARCHAR) FROM $spine WHERE place = ?", cell=column(f"c{cell}"), spine=table(SPINE))
    moment, text = connection.execute(query, [row]).fetchall()[0]
    return UsageError(f"{moment:%Y-%m-%d %H:%M} {why}", where=spine.place(row, cell, text), hint=hint)
