"""Which tables a change of definitions reaches, and what stands in the way; nothing here touches a database."""

from __future__ import annotations

from collections.abc import Collection

from foretable.compile.graph import Graph
from foretable.refresh.state import State


def affected(graph: Graph, state: State, select: Collection[str] | None) -> dict[str, str]:
    """The tables to build, in an order in which they can be built, each with the reason.

    Parameters
    ----------
    graph
        The project as declared now.
    state
        The warehouse.
    select
        Tables to look at; None means all. What is made from a table that is left out reads it as it is.
    """
    found: dict[str, str] = {}
    for name in graph.refreshed:
        if select is not None and name not in select:
            continue
        reached = [parent for parent in graph.tables[name].upstream if parent in found]
        if reason := _changed(graph, state, name):
            found[name] = reason
        elif reached:
            found[name] = f"it reads {', '.join(reached)}"
    return found


def is_own(graph: Graph, state: State, name: str) -> bool:
    """Whether a table is affected by itself, not only through what it reads."""
    return bool(_changed(graph, state, name))


def _changed(graph: Graph, state: State, name: str) -> str:
    before = state.tables.get(name)
    if before is None or name not in state.existing:
        return "new table" if before is None else "the table is gone"
    if before.definition != graph.tables[name].fingerprint:
        return "its definition changed"
    for alias in graph.tables[name].aliases:
        if before.models.get(alias) != state.champions.get(alias):
            return f"model {alias} is now version {state.champions.get(alias, '(none)')}"
    return "its schema changed" if before.rules != state.rules.get(name) else ""


def blocked(graph: Graph, state: State, name: str, stuck: Collection[str], found: Collection[str]) -> str:
    """Why a table cannot be built; empty where it can.

    Parameters
    ----------
    stuck
        Tables that could not be built.
    found
        All that are affected.
    """
    for parent in graph.tables[name].upstream:
        if parent in stuck:
            return f"{parent} cannot be built"
        if parent in graph.tables and parent not in found and parent not in state.existing:
            return f"{parent} is not built yet; add it: --select +{name}"
    for model in graph.tables[name].models:
        if model not in state.champions:
            return f"model {model} has no version to score with yet; train it: foretable train {model}"
    return ""


def relearning(graph: Graph, state: State, name: str) -> list[str]:
    """Models of a table that a run would train first, for no version matches their declaration."""
    return [model for model in graph.tables[name].models if model not in state.trained]
