"""The change feeds that a project needs: what its tables, and its online copy, must learn about the tables they read."""

from __future__ import annotations

from functools import lru_cache

from foretable.compile.graph import Graph
from foretable.compile.incremental.shape import Effect
from foretable.compile.recorded import Columns
from foretable.refresh.feeds.feed import Feed


@lru_cache(maxsize=8)
def wanted_feeds(graph: Graph) -> tuple[Feed, ...]:
    """One feed for every table and set of columns by which a change in it reaches a table of ours.

    Of a source those columns are compared that some table uses.
    """
    wanted: dict[tuple[str, tuple[str, ...]], None] = {}
    used: dict[str, set[str]] = {}
    for name in graph.refreshed:
        analysis = graph.tables[name].analysis
        for effect in effects_of(graph, name):
            wanted[effect.table, effect.columns] = None
        for read, columns in analysis.reads.items():
            used.setdefault(read, set()).update(column.lower() for column in columns)
    known = {(table, tuple(map(str.lower, keys))) for table, keys in wanted}
    for name in graph.refreshed:
        keys = _online_key(graph, name)
        if keys and (name, tuple(map(str.lower, keys))) not in known:
            wanted[name, keys] = None
    return tuple(Feed(table, keys, _compared(graph, table, keys, used.get(table, set()))) for table, keys in wanted)


def key_feed(graph: Graph, name: str) -> Feed | None:
    """The feed of the changed keys of a table with an online copy; None for any other."""
    wanted = [key.lower() for key in _online_key(graph, name)]
    feeds = (feed for feed in wanted_feeds(graph) if feed.table == name and [key.lower() for key in feed.keys] == wanted)
    return next(feeds, None) if wanted else None


def _online_key(graph: Graph, name: str) -> tuple[str, ...]:
    declared = graph.tables[name].declared if name in graph.tables else None
    return declared.entity.keys if declared is not None and declared.online and declared.entity is not None else ()


def source_feeds(graph: Graph) -> list[Feed]:
    """Those of the feeds that are of sources."""
    return [feed for feed in wanted_feeds(graph) if feed.table not in graph.tables]


@lru_cache(maxsize=1024)
def effects_of(graph: Graph, name: str) -> tuple[Effect, ...]:
    """How changes reach a table; one that is refreshed in full wants to know only whether anything changed."""
    compiled = graph.tables[name]
    if compiled.analysis.reason:
        return tuple(Effect(read, ()) for read in compiled.upstream)
    found = {*compiled.analysis.effects, *(boundary.effect for boundary in compiled.analysis.boundaries)}
    return tuple(sorted(found, key=lambda effect: (effect.table, effect.columns, len(effect.path), str(effect.path))))


def _compared(graph: Graph, table: str, keys: tuple[str, ...], used: set[str]) -> Columns:
    if table in graph.tables:
        known, wanted = graph.tables[table].columns, {key.lower() for key in keys}
    else:
        known, wanted = graph.schemas[table], used | {key.lower() for key in keys}
    return {name: kind for name, kind in known.items() if name.lower() in wanted}
