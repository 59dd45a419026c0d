"""What ``plan --explain`` tells: how a change in what a table reads reaches its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foretable.cli import console

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.compile.incremental.shape import Analysis, Effect
    from foretable.refresh import Plan


def explained(graph: Graph, planned: Plan, name: str, refreshed: Mapping[str, datetime]) -> dict[str, Any]:
    """The mode of a table, why, and what the plan makes of it, as plain data; ``refreshed`` says since when tables are stored."""
    from foretable.refresh.due import references
    from foretable.sql import render

    compiled = graph.tables[name]
    found = compiled.analysis
    build = next((step for step in planned.builds if step.table == name), None)
    return {
        "table": name,
        "mode": found.mode,
        "why": found.reason or "every change can be traced to the keys whose rows it may alter",
        "hint": found.hint,
        "next": {
            "action": build.action if build else "BLOCKED",
            "reason": build.reason if build else planned.blocked.get(name, "not selected"),
            "as_of": build.as_of if build else None,
            "dirty": build.dirty if build else None,
        },
        "refresh_key": list(found.key),
        "reads": [_read(found, table) for table in dict.fromkeys([*compiled.upstream, *(e.table for e in found.effects)])],
        "own_pace": [{"table": table, "refreshed_at": refreshed.get(table)} for table in sorted(references(graph, name))],
        "windows": [{"table": edge.effect.table, "time": render(edge.row), "edge": render(edge.moment)} for edge in found.boundaries],
        "volatile": found.volatile,
        "unique": [f"{table} ({', '.join(columns)})" for table, columns in found.unique],
        "models": list(compiled.models),
        "notes": list(found.notes),
        "restriction": _restriction(graph, name) if not found.reason else [],
    }


def _read(found: Analysis, table: str) -> dict[str, Any]:
    return {
        "table": table,
        "columns": list(found.reads.get(table, ())),
        "how": list(dict.fromkeys(_reach(found, effect) for effect in found.effects if effect.table == table)),
    }


def _reach(found: Analysis, effect: Effect) -> str:
    """``by its key``, ``by way of …`` or that any change counts."""
    if not effect.columns:
        return "any change rebuilds the table"
    if not effect.path:
        return f"a changed row dirties its {', '.join(effect.columns)}"
    steps = [f"{hop.table} ({', '.join(hop.columns)}) gives {', '.join(hop.gives)}" for hop in effect.path]
    return f"a changed row dirties its {', '.join(effect.columns)}; " + "; ".join(steps)


def _restriction(graph: Graph, name: str) -> list[dict[str, Any]]:
    """What stands in for each table while the dirty keys are recomputed; the rest of the query stays."""
    from foretable.compile.references import qualified
    from foretable.compile.typed import places
    from foretable.refresh.restrict import restricted_views
    from foretable.sql import render

    compiled = graph.tables[name]
    views = restricted_views(compiled.query, compiled.analysis, nulls=False)
    numbered = list(places(compiled.query))
    return [
        {"place": place + 1, "table": qualified(numbered[place]), "rows": render(view)}
        for place, view in zip(compiled.analysis.restricted, views.values(), strict=True)
    ]


def show(facts: dict[str, Any]) -> None:
    """Print it for people."""
    following = facts["next"]
    console.say(f"{facts['table']} is {facts['mode']}: {facts['why']}")
    if facts["hint"]:
        console.say(f"Hint: {facts['hint']}")
    dirty = f", {console.count(following['dirty'], 'dirty key')}" if following["dirty"] is not None else ""
    console.say(f"next refresh: {following['action']}{dirty}: {following['reason']}")
    if facts["refresh_key"]:
        console.say(f"refresh key: {', '.join(facts['refresh_key'])}")
    console.heading("what it reads")
    rows = [[read["table"], "; ".join(read["how"]), ", ".join(read["columns"])] for read in facts["reads"]]
    console.table(["table", "how a change reaches the key", "columns that count"], rows, limit=None)
    for read in facts["own_pace"]:
        since = read["refreshed_at"]
        stored = f"the schedule reads what is stored since {since:%Y-%m-%d %H:%M} UTC" if since else "it is not built yet"
        console.say(f"{read['table']} is at its own pace: {stored}")
    if facts["windows"]:
        console.heading("when the clock moves, the keys of rows are dirty that one of these edges has passed")
        rows = [[edge["table"], edge["time"], edge["edge"]] for edge in facts["windows"]]
        console.table(["table", "time of a row", "edge"], rows, limit=None)
    for label, value in (
        ("looks at the clock outside a window, so that a tick rebuilds every row", facts["volatile"]),
        ("must be unique", ", ".join(facts["unique"])),
    ):
        if value:
            console.say(f"{label}: {value}")
    for note in facts["notes"]:
        console.say(f"note: {note}")
    if facts["restriction"]:
        console.heading("while dirty keys are recomputed, these rows stand in for")
        for part in facts["restriction"]:
            console.say(f"{part['table']}:")
            console.sql(f"  {part['rows']}")
