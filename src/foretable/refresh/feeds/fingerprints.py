"""Two-stage fingerprints: which keys of a table have other rows than when the fingerprints were stored.

Stage 1 reads the table from its floor on and sums its rows by bucket, ``hash(keys) & mask``. Stage 2 reads the rows of
buckets that moved and sums them by key. Both are compared with what is stored, in tables of the feed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import duckdb
from sqlglot import exp

from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import append, feed_table, fill, insert, stage
from foretable.refresh.feeds.memory import Memory
from foretable.refresh.feeds.sums import (
    SUMS,
    all_of,
    bucket_of,
    different,
    in_one_bucket,
    keys_of,
    places,
    sums_by_bucket,
    sums_of_rows,
    sums_of_sums,
    within,
)
from foretable.sql import DIALECT, column, render, statement, table

_BUCKETS = "temp.foretable_found_buckets"
_KEYS = "temp.foretable_found_keys"
_MOVED = "temp.foretable_moved"
_KEYS_IN_A_BUCKET = 12
_FEWEST, _MOST = 8, 15  # powers of two: with more, summing by bucket gets slow


def watched(feed: Feed, memory: Memory, rows: exp.Expr | None = None) -> exp.Expr:
    """The rows that sums are made of: those of the feed's table, or of another relation with its columns, from the floor on."""
    rows = table(feed.table) if rows is None else rows
    if memory.column is None or memory.since is None:
        return rows
    kind = next(kind for name, kind in feed.columns.items() if name.lower() == memory.column.lower())
    since = exp.cast(exp.Literal.string(memory.since), kind, dialect=DIALECT)
    return exp.select("*").from_(rows).where(exp.GTE(this=column(memory.column), expression=since)).subquery("watched")


def store(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory) -> Memory:
    """Store the fingerprints of a table as it is now; one scan."""
    if feed.keys:
        fill(connection, table(_KEYS), _key_columns(feed), sums_of_rows(watched(feed, memory), feed.columns, keys_of(feed)))
        memory = _adopt(connection, feed, memory)
        _clear(connection)
        return memory
    fill(connection, feed_table("buckets", feed.name), _BUCKET_COLUMNS, sums_by_bucket(watched(feed, memory), feed, 0))
    return replace(memory, mask=0)


def compare(connection: duckdb.DuckDBPyConnection, feeds: Sequence[tuple[Feed, Memory]], epoch: int) -> list[Memory]:
    """Log the keys of a table that have other rows now, and store what they have.

    Parameters
    ----------
    feeds
        Feeds of one table that compare the same columns of the same rows, with what is remembered of each. When the first scan
        finds the table's total as it was, the others need none.

    Returns
    -------
    list[Memory]
        What to remember, in the same order.
    """
    order = sorted(range(len(feeds)), key=lambda i: (not feeds[i][0].keys, i))
    memories = [memory for _, memory in feeds]
    scanned = order[0]
    _scan(connection, *feeds[scanned])
    total = _total(connection, table(_BUCKETS))
    for i in order:
        feed, memory = feeds[i]
        stored = feed_table("buckets", feed.name)
        if _total(connection, stored) == total:
            continue
        if not feed.keys:
            append(connection, feed, epoch, exp.select("1"))
            fill(connection, stored, _BUCKET_COLUMNS)
            connection.execute(statement("INSERT INTO $stored VALUES (0, ?, ?)", stored=stored), total)
            continue
        if i != scanned:
            _scan(connection, feed, memory)
        memories[i] = _compare_keys(connection, feed, memory, epoch)
    _clear(connection)
    return memories


def add(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory, rows: exp.Query) -> None:
    """Add rows that were loaded to what is stored, so that they do not count as changed when the table is compared."""
    loaded = rows.subquery("loaded")
    insert(connection, feed_table("buckets", feed.name), sums_by_bucket(loaded, feed, memory.mask))
    if feed.keys:
        insert(connection, feed_table("keys", feed.name), sums_of_rows(loaded, feed.columns, keys_of(feed)))


def compact(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory) -> Memory:
    """One stored sum per key and bucket again, and as many buckets as the keys ask for."""
    if not feed.keys:
        stage(connection, table(_BUCKETS), in_one_bucket(sums_of_sums(feed_table("buckets", feed.name), {})))
        fill(connection, feed_table("buckets", feed.name), _BUCKET_COLUMNS, all_of(table(_BUCKETS)))
        _clear(connection)
        return memory
    groups = {place: column(place) for place in places(feed)}
    summed = sums_of_sums(feed_table("keys", feed.name), groups).having("sum(n) <> 0")
    fill(connection, table(_KEYS), _key_columns(feed), summed)
    memory = _adopt(connection, feed, memory)
    _clear(connection)
    return memory


def _clear(connection: duckdb.DuckDBPyConnection) -> None:
    for name in (_BUCKETS, _KEYS, _MOVED):
        connection.execute(render(exp.Drop(kind="TABLE", this=table(name), exists=True)))


_BUCKET_COLUMNS = {"bucket": "UINTEGER", **SUMS}


def _key_columns(feed: Feed) -> dict[str, str]:
    return {**dict(zip(places(feed), feed.types, strict=True)), **SUMS}


def _mask(keys: int) -> int:
    power = round(math.log2(max(keys, 1) / _KEYS_IN_A_BUCKET))
    return int(2 ** min(max(power, _FEWEST), _MOST)) - 1


def _scan(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory) -> None:
    """Stage 1."""
    stage(connection, table(_BUCKETS), sums_by_bucket(watched(feed, memory), feed, memory.mask))


def _compare_keys(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory, epoch: int) -> Memory:
    """Stage 2, in the buckets that moved."""
    buckets, keys = feed_table("buckets", feed.name), feed_table("keys", feed.name)
    stage(connection, table(_MOVED), different(all_of(buckets), all_of(table(_BUCKETS)), ["bucket"]))
    most = 2 * _count(connection, table(_MOVED)) > memory.mask + 1
    found = sums_of_rows(watched(feed, memory), feed.columns, keys_of(feed))
    stored, bucket = all_of(keys), bucket_of(places(feed), memory.mask)
    if not most:
        found = within(found, bucket_of(feed.keys, memory.mask), _MOVED)
        stored = within(stored, bucket, _MOVED)
    fill(connection, table(_KEYS), _key_columns(feed), found)
    append(connection, feed, epoch, different(stored, all_of(table(_KEYS)), places(feed)))
    if most:
        return _adopt(connection, feed, memory)
    for stale, place in ((keys, bucket), (buckets, column("bucket"))):
        where = within(all_of(stale), place, _MOVED).args["where"]
        connection.execute(render(exp.Delete(this=stale.copy(), where=where.copy())))
    insert(connection, keys, all_of(table(_KEYS)))
    insert(connection, buckets, sums_of_sums(table(_KEYS), {"bucket": bucket}))
    crowded = _mask(_count(connection, keys)) > 4 * memory.mask + 3
    return compact(connection, feed, memory) if crowded else memory


def _adopt(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory) -> Memory:
    """Store the keys that were found as all there are, and their buckets."""
    fill(connection, feed_table("keys", feed.name), _key_columns(feed), all_of(table(_KEYS)))
    mask = _mask(_count(connection, table(_KEYS)))
    buckets = sums_of_sums(table(_KEYS), {"bucket": bucket_of(places(feed), mask)})
    fill(connection, feed_table("buckets", feed.name), _BUCKET_COLUMNS, buckets)
    return replace(memory, mask=mask)


def _total(connection: duckdb.DuckDBPyConnection, buckets: exp.Table) -> tuple[int, int]:
    return connection.execute(render(sums_of_sums(buckets, {}))).fetchall()[0]


def _count(connection: duckdb.DuckDBPyConnection, rows: exp.Table) -> int:
    return int(connection.execute(statement("SELECT count(*) FROM $rows", rows=rows)).fetchall()[0][0])
