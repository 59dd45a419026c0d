"""Whether a source holds other rows than when its tables were refreshed: by the sums that the last wave stored."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from foretable.compile.graph import Graph
from foretable.preview.scratch import in_scratch
from foretable.preview.sides import columns_of
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.filemark import file_marks
from foretable.refresh.feeds.fingerprints import watched
from foretable.refresh.feeds.log import feed_table
from foretable.refresh.feeds.memory import Kept, recall, still_holds
from foretable.refresh.feeds.sums import sums_of_rows, sums_of_sums
from foretable.sql import render, table
from foretable.warehouse.version import catalog_version

_FEEDS = "SELECT table_name, feed, changed_at FROM foretable.feeds WHERE kind <> 'table' ORDER BY feed"
_STORED = {"files": "keys"}


def changed_since(connection: duckdb.DuckDBPyConnection, graph: Graph, sources: Collection[str]) -> dict[str, int | None]:
    """The last wave that saw a source change, None where it has changed since all of them.

    Sources of which nothing can be said, for no wave has stored their sums, are left out.
    """
    if not catalog_version(connection):
        return {}
    marks, known = file_marks(connection, set(sources)), recall(connection)
    found: dict[str, int | None] = {}
    for name, feed, changed_at in connection.execute(_FEEDS).fetchall():
        if name not in sources or feed not in known:
            continue
        if name not in found:  # what one feed of a source sees, all see
            moved = _moved(connection, graph, name, feed, known[feed], marks.get(name))
            if moved is None:
                continue
            found[name] = None if moved else changed_at
        elif (last := found[name]) is not None:
            found[name] = max(last, changed_at)
    return found


def _moved(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, feed: str, kept: Kept, mark: str | None) -> bool | None:
    if kept.memory is None:
        return None
    if kept.memory.mark is not None and kept.memory.mark == mark:
        return False
    held = table(name if graph.project.sources[name].file is None else in_scratch(name))
    if not still_holds(kept.memory, kept.columns, columns_of(connection, held)):
        return None
    stored = feed_table(_STORED.get(kept.kind, "buckets"), feed)
    rows = watched(Feed(name, (), kept.columns), kept.memory, held)  # the tables have seen no others
    queries = (sums_of_rows(rows, kept.columns, {}), sums_of_sums(stored, {}))
    now, then = (connection.execute(render(query)).fetchall() for query in queries)
    return now != then
