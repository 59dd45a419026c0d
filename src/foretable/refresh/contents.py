"""Comparing what a table without a key holds with what was just computed, by hashes of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from sqlglot import exp

from foretable.compile.graph import Compiled
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import append
from foretable.refresh.fingerprint import row_hash
from foretable.refresh.stage import STAGED
from foretable.sql import column, render, table


def same_content(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> bool:
    """Whether the staged rows are those that the table holds, in whatever order."""
    held, staged = (connection.execute(render(_summed(compiled, name, ()))).fetchall() for name in (compiled.name, STAGED))
    return held == staged


def log_contents(connection: duckdb.DuckDBPyConnection, compiled: Compiled, feeds: Sequence[Feed], epoch: int) -> None:
    """Log which values of the wanted columns have other rows now; before the table is written."""
    for feed in feeds:
        if not feed.keys:
            append(connection, feed, epoch, exp.select("1 AS k1"))
            continue
        old, new = (_summed(compiled, name, feed.keys).subquery(alias) for name, alias in ((compiled.name, "o"), (STAGED, "n")))
        names = [f"k{number + 1}" for number in range(len(feed.keys))]
        same = exp.and_(*(exp.NullSafeEQ(this=column(name, "o"), expression=column(name, "n")) for name in names))
        differ = exp.or_(*(exp.NullSafeNEQ(this=column(part, "o"), expression=column(part, "n")) for part in ("rows", "total")))
        values = [exp.alias_(exp.Coalesce(this=column(name, "o"), expressions=[column(name, "n")]), name) for name in names]
        append(connection, feed, epoch, exp.select(*values).from_(old).join(new, on=same, join_type="FULL").where(differ))


def _summed(compiled: Compiled, source: str, keys: Sequence[str]) -> exp.Select:
    """Count and sum of the rows' hashes, per value of the keys."""
    named = [exp.alias_(column(key), f"k{number + 1}") for number, key in enumerate(keys)]
    count = exp.alias_(exp.Count(this=exp.Star()), "rows")
    total = exp.alias_(exp.Sum(this=row_hash(compiled.columns)), "total")
    rows = exp.select(*named, count, total).from_(table(source))
    return rows.group_by(*map(column, keys)) if keys else rows
