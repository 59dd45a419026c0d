"""The ingest log: whoever loads rows through foretable says which keys they have."""

from __future__ import annotations

import json

import duckdb
from sqlglot import exp

from foretable.compile.recorded import Columns
from foretable.refresh.feeds import fingerprints
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import append, restart
from foretable.refresh.feeds.memory import Kept, recall, remember, still_holds
from foretable.refresh.feeds.sums import keys_of

_FEEDS = "SELECT feed, keys FROM foretable.feeds WHERE table_name = ? AND kind = 'ingest' ORDER BY feed"
# The next wave takes it in.
_EPOCH = "SELECT coalesce(max(wave), 0) + 1 FROM foretable.waves"


def log_loaded(connection: duckdb.DuckDBPyConnection, name: str, rows: exp.Query, columns: Columns) -> None:
    """Log the keys of rows that were added to a table, in the caller's transaction; nothing where no ingest log is kept.

    Parameters
    ----------
    rows
        The rows, with the columns of the table.
    columns
        Those columns and their types.
    """
    epoch, feeds = _feeds(connection, name)
    for feed, kept in feeds:
        if kept.memory is None or not still_holds(kept.memory, kept.columns, columns):
            _forget(connection, feed, epoch)
            continue
        keys = [exp.alias_(value, place) for place, value in keys_of(feed).items()] or [exp.Literal.number(1)]
        append(connection, feed, epoch, exp.select(*keys).from_(rows.subquery("loaded")))
        fingerprints.add(connection, feed, kept.memory, rows)


def log_replaced(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Say that a table has other content altogether: whoever reads it must be rebuilt."""
    epoch, feeds = _feeds(connection, name)
    for feed, _ in feeds:
        _forget(connection, feed, epoch)


def _feeds(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[int, list[tuple[Feed, Kept]]]:
    named = connection.execute(_FEEDS, [name]).fetchall()
    known = recall(connection) if named else {}
    epoch = int(connection.execute(_EPOCH).fetchall()[0][0])
    return epoch, [(Feed(name, tuple(json.loads(keys)), known[each].columns), known[each]) for each, keys in named]


def _forget(connection: duckdb.DuckDBPyConnection, feed: Feed, epoch: int) -> None:
    restart(connection, feed, epoch)
    remember(connection, feed, None)
