"""Counts and sums of row hashes: what two contents of a table are compared by.

A relation of sums has the columns that it is grouped by, ``n`` rows, and their ``total``: the sum of their hashes
modulo 2^64 (DuckDB stores and reads HUGEINT slowly). Sums add up, so that what was loaded can be added to what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlglot import exp

from foretable.compile.recorded import Columns
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.fingerprint import row_hash
from foretable.sql import DIALECT, column, parse, table

SUMS = {"n": "BIGINT", "total": "UBIGINT"}

_OF_ROWS = "SELECT count(*) AS n, CAST(coalesce(sum($row), 0) & 18446744073709551615 AS UBIGINT) AS total"
_OF_SUMS = "SELECT CAST(coalesce(sum(n), 0) AS BIGINT) AS n, CAST(coalesce(sum(total), 0) & 18446744073709551615 AS UBIGINT) AS total"
_OLD = "SELECT -n AS n, -CAST(total AS HUGEINT) AS total"
_NEW = "SELECT n, CAST(total AS HUGEINT) AS total"
_DIFFERENT = "sum(n) <> 0 OR (sum(total) & 18446744073709551615) <> 0"
_BUCKET = "CAST(hash($keys) & $mask AS UINTEGER)"


@cache
def _parsed(text: str) -> Any:
    return parse(text)


def _template(text: str) -> Any:
    """A tree of its own of a text that never changes; parsing takes longer than many a detection."""
    return _parsed(text).copy()


def places(feed: Feed) -> tuple[str, ...]:
    """Names of a feed's key columns in its tables: by position, so that no name is in the way of another."""
    return tuple(f"k{i + 1}" for i in range(len(feed.keys)))


def exact(value: exp.Expr, kind: str) -> exp.Expr:
    """A key such that values are the same only when their bytes are, whatever the collation of the column."""
    return exp.Collate(this=value, expression=exp.var("C")) if kind.upper() in ("VARCHAR", "TEXT") else value


def keys_of(feed: Feed) -> dict[str, exp.Expr]:
    """The keys of a row of the table, under the names that they have in the feed's tables."""
    return {place: exact(column(key), kind) for place, key, kind in zip(places(feed), feed.keys, feed.types, strict=True)}


def bucket_of(keys: Sequence[str], mask: int) -> exp.Expr:
    """The bucket of a row: some bits of the hash of its keys."""
    tree: exp.Expr = _template(_BUCKET)
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name == "mask":
            node.replace(exp.Literal.number(mask))
        else:
            node.parent.set("expressions", [column(key) for key in keys])  # type: ignore[union-attr]
    return tree


def sums_of_rows(rows: exp.Expr, columns: Columns, groups: Mapping[str, exp.Expr]) -> exp.Select:
    """Sums over the rows of a table or query, by groups; without groups there is one, even of no rows."""
    sums = _template(_OF_ROWS)
    next(iter(sums.find_all(exp.Placeholder))).replace(row_hash(columns))
    return _grouped(sums, rows, groups)


def sums_by_bucket(rows: exp.Expr, feed: Feed, mask: int) -> exp.Select:
    """Sums over the rows of a table or query by the bucket of their keys; without keys there is one bucket."""
    if feed.keys:
        return sums_of_rows(rows, feed.columns, {"bucket": bucket_of(feed.keys, mask)})
    return in_one_bucket(sums_of_rows(rows, feed.columns, {}))


def in_one_bucket(sums: exp.Select) -> exp.Select:
    """Ungrouped sums as those of a bucket."""
    return sums.select(exp.alias_(exp.cast(exp.Literal.number(0), "UINTEGER", dialect=DIALECT), "bucket"), *sums.expressions, append=False)


def sums_of_sums(sums: exp.Expr, groups: Mapping[str, exp.Expr]) -> exp.Select:
    """Sums over stored sums, of which there may be several in a group."""
    return _grouped(_template(_OF_SUMS), sums, groups)


def _grouped(sums: exp.Select, rows: exp.Expr, groups: Mapping[str, exp.Expr]) -> exp.Select:
    grouped = exp.select(*(exp.alias_(value, name, quoted=True) for name, value in groups.items()), *sums.expressions).from_(rows)
    # By position: a column of the table may bear the same name.
    return grouped.group_by(*(exp.Literal.number(i + 1) for i in range(len(groups)))) if groups else grouped


def different(old: exp.Query, new: exp.Query, names: Sequence[str]) -> exp.Select:
    """The groups in which two relations of sums differ; NULL is a value like any other."""
    columns = [column(name) for name in names]
    both = [exp.select(*columns, *_template(text).expressions).from_(query.subquery("sums")) for text, query in ((_OLD, old), (_NEW, new))]
    union = exp.union(*both, distinct=False)
    return exp.select(*columns).from_(union.subquery("both")).group_by(*columns).having(_template(_DIFFERENT))


def all_of(name: exp.Table) -> exp.Select:
    """Every row of a table of sums."""
    return exp.select("*").from_(name)


def within(query: exp.Select, bucket: exp.Expr, buckets: str) -> exp.Select:
    """Those rows alone whose bucket stands in a table of buckets."""
    listed = exp.select(column("bucket", "chosen")).from_(exp.alias_(table(buckets), "chosen", table=True))
    return query.where(exp.In(this=bucket, query=exp.Subquery(this=listed)))
