"""The first step of a wave: what changed in the sources goes to the logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

import duckdb

from foretable.compile.graph import Graph
from foretable.compile.recorded import Columns
from foretable.declare.clock import duration
from foretable.declare.source import Source
from foretable.errors import DeclarationError
from foretable.refresh.feeds import files, fingerprints
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.filemark import file_marks
from foretable.refresh.feeds.log import drop_feed, open_feed, restart
from foretable.refresh.feeds.memory import Kept, Memory, recall, remember, still_holds
from foretable.refresh.feeds.settle import outgrown
from foretable.refresh.sync import actual_schema


def detect(connection: duckdb.DuckDBPyConnection, graph: Graph, feeds: Sequence[Feed], epoch: int, now: datetime) -> None:
    """Log what changed in the sources since the last detection, inside the caller's transaction.

    Parameters
    ----------
    graph
        The compiled project.
    feeds
        Every feed of a source that anybody wants; those that nobody wants any more are dropped.
    epoch
        The number of the wave.
    now
        The machine's clock in UTC: it says when an audit of an ingest log is due.

    Raises
    ------
    DeclarationError
        A source lost a column.
    ForetableError
        Files of a source cannot be read, or change while they are read.
    """
    known = recall(connection)
    for gone in known.keys() - {feed.name for feed in feeds}:
        drop_feed(connection, gone)
    known |= {name: replace(known[name], memory=None) for name in outgrown(connection, graph, feeds, known)}
    marks = file_marks(connection, {feed.table for feed in feeds})
    for name, wanted in groupby(sorted(feeds, key=lambda feed: (feed.table, feed.keys)), key=lambda feed: feed.table):
        source = graph.project.sources[name]
        with files.readable(source) if source.file is not None else nullcontext():
            there = actual_schema(connection, source)
        typed = [_typed(source, feed, there) for feed in wanted]
        if source.file is None:
            fresh = Memory(duckdb.__version__, mark=marks.get(name), audited=now.isoformat() if source.audit else None)
            _detect_rows(connection, source, there, known, typed, epoch, fresh)
            continue
        folder = files.Folder(source, str(graph.project.root / source.file), there)
        fresh = Memory(duckdb.__version__, reading=files.reading(connection, folder))
        if not source.query:
            _detect_files(connection, folder, known, typed, epoch, fresh)
            continue
        with files.readable(source):
            fresh = replace(fresh, mark=files.files_mark(connection, folder))
            _detect_rows(connection, source, there, known, typed, epoch, fresh)


def _typed(source: Source, feed: Feed, there: Columns) -> Feed:
    """The feed with the types that the columns really have."""
    kinds = {name.lower(): kind for name, kind in there.items()}
    for name in feed.columns:
        if name.lower() not in kinds:
            raise DeclarationError(
                f"the column is gone from the source; there are: {', '.join(there)}",
                where=f"{source.name}.{name}",
                hint="restore it, or accept the change: foretable sync",
            )
    return replace(feed, columns={name: kinds[name.lower()] for name in feed.columns})


@dataclass(frozen=True)
class _Pair:
    """A feed as it is wanted, and as the stored sums were made."""

    wanted: Feed
    stored: Feed
    memory: Memory

    @property
    def same_columns(self) -> bool:
        return {name.lower() for name in self.wanted.columns} == {name.lower() for name in self.stored.columns}


def _known(
    connection: duckdb.DuckDBPyConnection, kind: str, feed: Feed, kept: Kept | None, there: Columns, epoch: int, reading: str | None
) -> _Pair | None:
    """What can be compared; None where the feed is new or has started anew."""
    stored = replace(feed, columns=kept.columns) if kept is not None else feed
    moved = kept is None or kept.kind != kind or stored.types != feed.types
    if moved and open_feed(connection, feed, kind, epoch):
        return None
    if kept is not None and kept.memory is not None and kept.memory.reading == reading and still_holds(kept.memory, kept.columns, there):
        return _Pair(feed, stored, kept.memory)
    restart(connection, feed, epoch)
    return None


def _detect_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    there: Columns,
    known: Mapping[str, Kept],
    feeds: Sequence[Feed],
    epoch: int,
    fresh: Memory,
) -> None:
    to_store: list[Feed] = []
    to_compare: list[_Pair] = []
    for feed in feeds:
        pair = _known(connection, source.feed, feed, known.get(feed.name), there, epoch, fresh.reading)
        if pair is None:
            to_store.append(feed)
        elif not (pair.same_columns and _may_skip(source, pair.memory, fresh)):
            to_compare.append(pair)
            to_store += [] if pair.same_columns else [feed]
    for _, group in groupby(sorted(to_compare, key=_compared), key=_compared):
        _compare(connection, list(group), fresh, epoch)
    for feed in to_store:
        remember(connection, feed, fingerprints.store(connection, feed, fresh))


def _compared(pair: _Pair) -> str:
    return repr([list(pair.stored.columns.items()), pair.memory.column, pair.memory.since])


def _may_skip(source: Source, memory: Memory, fresh: Memory) -> bool:
    """Whether the source need not be read: its files were not written to, or its loads are logged and no audit is due."""
    if memory.mark is not None and memory.mark == fresh.mark:
        return True
    if source.audit is None or memory.audited is None or fresh.audited is None:
        return False
    since = datetime.fromisoformat(fresh.audited) - datetime.fromisoformat(memory.audited)
    return timedelta(0) <= since < duration(source.audit)


def _compare(connection: duckdb.DuckDBPyConnection, pairs: Sequence[_Pair], fresh: Memory, epoch: int) -> None:
    memories = fingerprints.compare(connection, [(pair.stored, pair.memory) for pair in pairs], epoch)
    for pair, memory in zip(pairs, memories, strict=True):
        if pair.memory.audited is not None:  # loads have added sums to those that were there
            memory = fingerprints.compact(connection, pair.stored, memory)
        memory = replace(fresh, mask=memory.mask, column=memory.column, since=memory.since)
        if memory != pair.memory:
            remember(connection, pair.stored, memory)


def _detect_files(
    connection: duckdb.DuckDBPyConnection, folder: files.Folder, known: Mapping[str, Kept], feeds: Sequence[Feed], epoch: int, fresh: Memory
) -> None:
    for feed in feeds:
        pair = _known(connection, "files", feed, known.get(feed.name), folder.columns, epoch, fresh.reading)
        if pair is not None:
            files.compare_files(connection, pair.stored, folder, epoch)
        if pair is None or not pair.same_columns:
            files.store_files(connection, feed, folder)
            remember(connection, feed, fresh)
