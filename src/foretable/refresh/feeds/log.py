"""The logs behind the feeds: tables of schema ``foretable_feeds``, one row per wave and changed value.

Everything happens in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import duckdb
from sqlglot import exp

from foretable.refresh.feeds.feed import Feed, FeedState
from foretable.refresh.feeds.sums import exact, places
from foretable.sql import column, parse, render, statement, table

SCHEMA = "foretable_feeds"

_APPEND = "INSERT INTO $log SELECT ?, * FROM $found"
_APPEND_ANY = "INSERT INTO $log SELECT ? FROM $found LIMIT 1"
_CHANGED = "UPDATE foretable.feeds SET changed_at = greatest(changed_at, ?) WHERE feed = ?"
_RESTARTED = "UPDATE foretable.feeds SET complete_from = ?, changed_at = ? WHERE feed = ?"
_PRUNED = "UPDATE foretable.feeds SET complete_from = greatest(complete_from, ?) WHERE feed = ?"
_OF_TABLES = "SELECT feed FROM foretable.feeds WHERE kind = 'table'"
_OF_FEED = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'foretable_feeds' AND ends_with(table_name, '_' || ?)
"""


def log_table(feed: Feed) -> exp.Table:
    """The tree of a feed's log: ``epoch`` and, by position, ``k1``, ``k2`` and so on."""
    return feed_table("log", feed.name)


def feed_table(role: str, name: str) -> exp.Table:
    """The tree of a table that belongs to the feed of that name."""
    return table(f"{SCHEMA}.{role}_{name}")


def open_feed(connection: duckdb.DuckDBPyConnection, feed: Feed, kind: str, epoch: int) -> bool:
    """Make a feed's log where there is none, or anew where its keys or its kind are others now; says whether it did.

    Parameters
    ----------
    kind
        ``fingerprint``, ``ingest``, ``files``, or ``table`` for tables that foretable makes.
    epoch
        The wave from which on a new log is complete.
    """
    found = connection.execute("SELECT columns, kind FROM foretable.feeds WHERE feed = ?", [feed.name]).fetchall()
    alike = found and (found[0][1] == kind or {found[0][1], kind} == {"fingerprint", "ingest"})
    if alike and Feed(feed.table, feed.keys, json.loads(found[0][0])).types == feed.types:
        if found[0][1] != kind:
            connection.execute("UPDATE foretable.feeds SET kind = ? WHERE feed = ?", [kind, feed.name])
        return False
    drop_feed(connection, feed.name)
    columns = {"epoch": "BIGINT", **dict(zip(places(feed), feed.types, strict=True))}
    connection.execute(_create(log_table(feed), columns))
    row = [feed.name, feed.table, json.dumps(feed.keys), json.dumps(dict(feed.columns)), kind, epoch, 0, None]
    connection.execute("INSERT INTO foretable.feeds VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return True


def fill(connection: duckdb.DuckDBPyConnection, into: exp.Table, columns: Mapping[str, str], rows: exp.Query | None = None) -> None:
    """Make a table of the feeds anew with these rows; types are spelt as DuckDB spells them."""
    connection.execute(_create(into, columns))
    if rows is not None:
        insert(connection, into, rows)


def stage(connection: duckdb.DuckDBPyConnection, into: exp.Table, rows: exp.Query) -> None:
    """Make a temporary table of these rows, with the types that they have."""
    temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
    connection.execute(render(exp.Create(kind="TABLE", replace=True, this=into.copy(), properties=temporary, expression=rows)))


def insert(connection: duckdb.DuckDBPyConnection, into: exp.Table, rows: exp.Query) -> None:
    """Add rows to a table of the feeds."""
    tree = parse("INSERT INTO t SELECT 1")
    tree.set("this", into.copy())
    tree.set("expression", rows)
    connection.execute(render(tree))


def _create(name: exp.Table, columns: Mapping[str, str]) -> str:
    definitions = [exp.ColumnDef(this=exp.to_identifier(each, quoted=True), kind=exp.var(kind)) for each, kind in columns.items()]
    temporary = exp.Properties(expressions=[exp.TemporaryProperty()]) if name.db == "temp" else None
    return render(exp.Create(kind="TABLE", replace=True, this=exp.Schema(this=name.copy(), expressions=definitions), properties=temporary))


def append(connection: duckdb.DuckDBPyConnection, feed: Feed, epoch: int, rows: exp.Query) -> int:
    """Log changed values under a wave; gives how many different ones there are.

    Parameters
    ----------
    rows
        Gives ``k1``, ``k2``, … in this order, duplicates welcome. Of a feed without keys any row says that something changed.
    """
    if feed.keys:
        named = exp.TableAlias(this=exp.to_identifier("found"), columns=[exp.to_identifier(place) for place in places(feed)])
        keys = [exact(column(place), kind) for place, kind in zip(places(feed), feed.types, strict=True)]
        found = exp.select(*keys).distinct().from_(exp.Subquery(this=rows, alias=named))
        query = statement(_APPEND, log=log_table(feed), found=found.subquery("found"))
    else:
        query = statement(_APPEND_ANY, log=log_table(feed), found=rows.subquery("found"))
    count = int(connection.execute(query, [epoch]).fetchall()[0][0])
    if count:
        connection.execute(_CHANGED, [epoch, feed.name])
    return count


def restart(connection: duckdb.DuckDBPyConnection, feed: Feed, epoch: int) -> None:
    """Empty a log and say that everything may have changed: whoever reads it must be rebuilt."""
    connection.execute(statement("DELETE FROM $log", log=log_table(feed)))
    connection.execute(_RESTARTED, [epoch, epoch, feed.name])


def prune(connection: duckdb.DuckDBPyConnection, feed: Feed, epoch: int) -> None:
    """Forget what was logged up to a wave that every reader has taken in."""
    gone = connection.execute(statement("DELETE FROM $log WHERE epoch <= ?", log=log_table(feed)), [epoch]).fetchall()[0][0]
    if gone:
        connection.execute(_PRUNED, [epoch, feed.name])


def read_states(connection: duckdb.DuckDBPyConnection) -> Mapping[str, FeedState]:
    """The state of every feed, by name."""
    rows = connection.execute("SELECT feed, complete_from, changed_at FROM foretable.feeds").fetchall()
    return {name: FeedState(complete_from, changed_at) for name, complete_from, changed_at in rows}


def drop_unwanted(connection: duckdb.DuckDBPyConnection, wanted: Iterable[Feed]) -> None:
    """Drop the feeds of our own tables that nobody wants any more: they miss what changes from now on."""
    names = {feed.name for feed in wanted}
    for (name,) in connection.execute(_OF_TABLES).fetchall():
        if name not in names:
            drop_feed(connection, name)


def drop_feed(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drop a feed and every table that belongs to it."""
    for (each,) in connection.execute(_OF_FEED, [name]).fetchall():
        connection.execute(render(exp.Drop(kind="TABLE", this=table(f"{SCHEMA}.{each}"))))
    connection.execute("DELETE FROM foretable.feeds WHERE feed = ?", [name])
