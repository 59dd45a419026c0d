"""What is known of feature views, as plain data: a line for each, or everything of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from foretable.store.views import View

if TYPE_CHECKING:
    from foretable.compile.graph import Graph

LAST = 5
"""Refreshes that are told of a view."""
_STATUS = """
SELECT s.name, s.row_count AS rows, s.as_of, s.refreshed_at, s.actual_lag, s.is_late AS late, s.late_reason, s.suspended,
    c.columns AS built_columns
FROM foretable.table_status AS s
LEFT JOIN (
    SELECT schema_name || '.' || table_name AS name, count(*) AS columns
    FROM duckdb_columns() WHERE database_name = current_database() GROUP BY ALL
) AS c ON c.name = s.name
"""
_REFRESHES = """
SELECT table_name AS "table", started_at, action, state, row_count AS rows, inserted, updated, deleted, seconds, reason
FROM foretable.refresh_history WHERE list_contains(?, table_name) ORDER BY started_at DESC, wave DESC LIMIT ?
"""
_NOTHING = ("rows", "as_of", "refreshed_at", "actual_lag", "late", "late_reason", "suspended", "built_columns")


def summaries(connection: duckdb.DuckDBPyConnection | None, views: Sequence[View]) -> list[dict[str, Any]]:
    """A line for every version: whom it is about, how large and how fresh it is, who answers for it.

    ``connection`` is None where there is no warehouse yet; what only it knows is None then, and of a view that was never built.
    """
    status = _status(connection)
    found = []
    for view in views:
        known = status.get(view.name, dict.fromkeys(_NOTHING))
        columns = known["built_columns"]
        found.append(
            {
                "view": view.view,
                "version": view.version,
                "table": view.name,
                "entity": view.entity.name,
                "keys": list(view.entity.keys),
                "columns": columns - len(view.entity.keys) if columns else None,
                "rows": known["rows"],
                "target_lag": view.declared.target_lag,
                **{name: known[name] for name in ("actual_lag", "late", "late_reason", "as_of", "refreshed_at", "suspended")},
                "owner": view.declared.owner or None,
                "tags": list(view.declared.tags),
                "online": view.declared.online,
                "description": " ".join(view.declared.description.partition("\n\n")[0].split()),
            }
        )
    return found


def everything(
    connection: duckdb.DuckDBPyConnection | None, graph: Graph, versions: Sequence[View], before: View | None = None
) -> dict[str, Any]:
    """All that is known of some ``versions`` of a view, side by side; ``before`` is the version that the first of them follows.

    ``columns`` has a line for each column of any version: its type in each, and what it is made of in the last version that has it.
    """
    last = versions[-1]
    lines = summaries(connection, versions)
    former: Mapping[str, str] | None = graph.tables[before.name].columns if before is not None else None
    sides = []
    for view, line in zip(versions, lines, strict=True):
        columns = graph.tables[view.name].columns
        sides.append(
            {
                **{name: line[name] for name in line if name not in ("view", "entity", "keys", "description")},
                "grain": view.declared.grain,
                "columns": len(columns) - len([key for key in view.entity.keys if key in columns]),
                **_change(former, columns),
                "models": _models(graph, view.name),
                "read_by": sorted(other for other, table in graph.tables.items() if view.name in table.upstream),
                "declared": str(view.declared.origin),
            }
        )
        former = columns
    return {
        "view": last.view,
        "description": last.declared.description,
        "entity": last.entity.name,
        "keys": list(last.entity.keys),
        "versions": sides,
        "columns": _columns(graph, versions),
        **_lineage(graph, versions),
        "refreshes": _refreshes(connection, [view.name for view in versions]),
    }


def _status(connection: duckdb.DuckDBPyConnection | None) -> dict[str, dict[str, Any]]:
    if connection is None:
        return {}
    cursor = connection.execute(_STATUS)
    names = [part[0] for part in cursor.description or ()]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _change(before: Mapping[str, str] | None, columns: Mapping[str, str]) -> dict[str, Any]:
    """What a version has that the one before lacked, and the other way round."""
    if before is None:
        return {"added": [], "removed": [], "retyped": {}}
    return {
        "added": [name for name in columns if name not in before],
        "removed": [name for name in before if name not in columns],
        "retyped": {name: [before[name], kind] for name, kind in columns.items() if name in before and before[name] != kind},
    }


def _models(graph: Graph, name: str) -> list[str]:
    return sorted(model.name for model in graph.project.models.values() if name in {view.name for view in model.features})


def _columns(graph: Graph, versions: Sequence[View]) -> list[dict[str, Any]]:
    from foretable.compile.lineage import column_lineage

    names = dict.fromkeys(name for view in reversed(versions) for name in graph.tables[view.name].columns)
    made = {view.name: column_lineage(graph, view.name) for view in versions}
    found = []
    for name in names:
        having = [view for view in versions if name in graph.tables[view.name].columns]
        types = {str(view.version): graph.tables[view.name].columns.get(name) for view in versions}
        found.append({"column": name, "types": types, "made_of": made[having[-1].name].get(name, [])})
    return found


def _lineage(graph: Graph, versions: Sequence[View]) -> dict[str, list[str]]:
    upstream = {other for view in versions for other in graph.upstream(view.name)}
    downstream = {other for view in versions for other in graph.downstream(view.name)}
    return {
        "sources": sorted(upstream & graph.project.sources.keys()),
        "made_from": sorted(upstream & graph.tables.keys()),
        "models": sorted({model for view in versions for model in _models(graph, view.name)}),
        "read_by": sorted(downstream),
    }


def _refreshes(connection: duckdb.DuckDBPyConnection | None, names: Sequence[str]) -> list[dict[str, Any]]:
    if connection is None:
        return []
    cursor = connection.execute(_REFRESHES, [list(names), LAST])
    labels = [part[0] for part in cursor.description or ()]
    return [dict(zip(labels, row, strict=True)) for row in cursor.fetchall()]
