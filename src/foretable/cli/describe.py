"""What ``show`` tells about a declaration, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foretable.declare.names import LAYERS
from foretable.errors import UnknownName, nearest

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.declare.model import Model
    from foretable.declare.project import Project
    from foretable.declare.source import Source
    from foretable.session import Session


FEW = 4
"""Columns of a source that are named in one line."""


def position(name: str) -> int:
    """Where the layer of a table stands in the flow; unknown layers come last."""
    layer = name.split(".")[-2]
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def known_when(source: Source) -> str:
    """What makes a row of a source known: ``time=ordered_at``."""
    if source.time:
        return f"time={source.time}"
    if source.valid:
        return f"valid={source.valid[0]}..{source.valid[1]}"
    if source.fixed is None:
        return "kind not declared: refused in training"
    return f"fixed={','.join(source.fixed)}" if len(source.fixed) <= FEW else f"{len(source.fixed)} fixed columns"


def summary(description: str) -> str:
    """The first paragraph, in one line."""
    return " ".join(description.partition("\n\n")[0].split())


def described(session: Session, name: str) -> dict[str, Any]:
    """A table, source, model, function or macro of the project, as far as there is something to say.

    Raises
    ------
    UnknownName
        Nothing has that name.
    """
    facts = {"name": name.lower(), **_facts(session, name.lower())}
    facts["declared"] = near(session, str(facts["declared"]))
    return {key: value for key, value in facts.items() if value not in (None, "", [])}


def near(session: Session, place: str) -> str:
    """A path or ``file:line`` as seen from the project."""
    return place.removeprefix(f"{session.root.resolve()}/")


def _facts(session: Session, name: str) -> dict[str, Any]:
    project = session.project
    if name in project.tables:
        return _table(session.graph, name)
    if name in project.sources:
        return _source(session.graph, name)
    if name in project.models:
        return _model(project.models[name])
    if name in project.macros:
        return {"kind": "SQL macro", "declared": project.macros[name].origin, "sql": project.macros[name].sql}
    if name in project.functions:
        function = project.functions[name]
        return {
            "kind": "Python function",
            "parameters": list(function.parameters),
            "returns": function.returns,
            "declared": function.origin,
        }
    raise UnknownName(f"nothing here is called {name!r}", hint=nearest(name, _names(project)))


def _names(project: Project) -> list[str]:
    return [*project.tables, *project.sources, *project.models, *project.macros, *project.functions]


def _table(graph: Graph, name: str) -> dict[str, Any]:
    from foretable.compile.lineage import column_lineage
    from foretable.sql import render

    compiled = graph.tables[name]
    declared = compiled.declared
    made_of = column_lineage(graph, name)
    return {
        "kind": compiled.kind,
        "one_row_per": list(compiled.entity.keys) if compiled.entity else None,
        "description": summary(declared.description),
        "declared": str(declared.origin),
        "owner": declared.owner,
        "tags": list(declared.tags),
        "target_lag": declared.target_lag,
        "own_pace": declared.own_pace or None,
        "grain": declared.grain,
        "online": declared.online or None,
        "reads": list(compiled.upstream),
        "models": list(compiled.models),
        "read_by": sorted(other for other, table in graph.tables.items() if name in table.upstream),
        "columns": [
            {"column": column, "type": kind, "made_of": ", ".join(made_of.get(column, []))} for column, kind in compiled.columns.items()
        ],
        "sql": render(compiled.query, pretty=True),
    }


def _source(graph: Graph, name: str) -> dict[str, Any]:
    from foretable.compile.recorded import read_recorded

    source = graph.project.sources[name]
    columns = read_recorded(graph.project.root, name) or {}
    return {
        "kind": f"{source.kind} source" if source.kind else "source",
        "known_when": known_when(source),
        "entity": source.entity.name if source.entity else None,
        "description": summary(source.description),
        "declared": str(source.origin),
        "file": source.file,
        "query": source.query or None,
        "read_by": sorted(other for other, table in graph.tables.items() if name in table.upstream),
        "columns": [{"column": column, "type": kind} for column, kind in columns.items()],
    }


def _model(model: Model) -> dict[str, Any]:
    return {
        "kind": f"model, {model.task}",
        "description": summary(model.description),
        "declared": str(model.origin),
        "label": model.label.name,
        "features": [view.name for view in model.features],
        "exclude": list(model.exclude),
        "candidates": [candidate.name for candidate in model.candidates],
        "gate": f"{model.gate.metric} better by {model.gate.margin} or more",
        "split": f"{model.split}" if model.split else "default",
        "function": f"predict_{model.name}(row), FROM predict_{model.name}(table)",
    }
