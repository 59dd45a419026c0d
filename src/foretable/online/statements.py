"""Statements of the copy: reading rows out of DuckDB, writing them into SQLite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from foretable.online.file import Entry
from foretable.online.kinds import family, stored_as
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import log_table
from foretable.refresh.feeds.sums import places
from foretable.sql import column, parse, render, table, tree

SQLITE = "sqlite"
_FORM = 1
"""Raise it when values are kept otherwise: every table is copied anew."""
_ODD = {
    "floating": "isnan($value)",
    "HUGEINT": "$value NOT BETWEEN -9223372036854775808 AND 9223372036854775807",
    "UBIGINT": "$value > 9223372036854775807",
    "UHUGEINT": "$value > 9223372036854775807",
}


@dataclass(frozen=True)
class Copy:
    """A table as it is copied: its name, columns with their DuckDB types, and key."""

    name: str
    columns: Mapping[str, str]
    keys: tuple[str, ...]

    @cached_property
    def shape(self) -> str:
        """Changes with the columns, their types and the key."""
        text = json.dumps([_FORM, list(self.columns.items()), self.keys])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def target(self) -> exp.Table:
        """The table in the SQLite file: one name, with its dot."""
        return exp.Table(this=exp.to_identifier(self.name, quoted=True))

    def entry(self, wave: int, started: str | None, as_of: str | None, definition: str, row_count: int, now: str) -> Entry:
        """The line for ``foretable_online``."""
        columns, keys = json.dumps(list(self.columns.items())), json.dumps(self.keys)
        return Entry(self.name, wave, started, as_of, definition, self.shape, columns, keys, lookup(self), row_count, now)


def lookup(copy: Copy) -> str:
    """One row by key with the table's shape; the shape alone where there is no such key."""
    query = parse("SELECT m.shape, t.* FROM foretable_online AS m LEFT JOIN x AS t ON TRUE")
    join = query.args["joins"][0]
    join.set("this", exp.alias_(copy.target, "t", table=True))
    join.set("on", exp.and_(*(exp.EQ(this=column(key, "t"), expression=exp.Placeholder()) for key in copy.keys)))
    return _sqlite(query.where(exp.EQ(this=column("name", "m"), expression=exp.Literal.string(copy.name))))


def create(copy: Copy) -> str:
    """The SQLite table; a key of one whole number is the number of the row."""
    lowered = {key.lower() for key in copy.keys}
    definitions: list[exp.Expr] = [_definition(name, kind, key=name.lower() in lowered) for name, kind in copy.columns.items()]
    definitions.append(exp.PrimaryKey(expressions=[exp.to_identifier(key, quoted=True) for key in copy.keys]))
    return _sqlite(exp.Create(kind="TABLE", this=exp.Schema(this=copy.target, expressions=definitions)))


def _definition(name: str, kind: str, *, key: bool) -> exp.ColumnDef:
    constraints = [exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())] if key else []
    stored = stored_as(kind)
    return exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=exp.var(stored) if stored else None, constraints=constraints)


def drop(name: str) -> str:
    """Take a table out of the SQLite file."""
    return _sqlite(exp.Drop(kind="TABLE", this=exp.Table(this=exp.to_identifier(name, quoted=True)), exists=True))


def put(copy: Copy) -> str:
    """Write a row, in place of the one of the same key."""
    into = parse("INSERT INTO t VALUES (1)")
    into.set("this", copy.target)
    into.set("expression", exp.Values(expressions=[exp.Tuple(expressions=[exp.Placeholder() for _ in copy.columns])]))
    into.set("alternative", "REPLACE")
    return _sqlite(into)


def remove(copy: Copy) -> str:
    """Delete the row of a key."""
    delete = parse("DELETE FROM t WHERE TRUE")
    delete.set("this", copy.target)
    delete.set("where", exp.Where(this=exp.and_(*(exp.EQ(this=column(key), expression=exp.Placeholder()) for key in copy.keys))))
    return _sqlite(delete)


def all_rows(copy: Copy) -> str:
    """Every row in the order of the key, as SQLite keeps it; and, last, whether a value needs a closer look."""
    return render(_rows(copy).order_by(*(column(key, "r") for key in copy.keys)))


def changed_rows(copy: Copy, feed: Feed, since: int) -> str:
    """The rows of the keys that were logged after a wave, in the same columns."""
    same = exp.and_(
        *(exp.EQ(this=column(key, "r"), expression=column(place, "c")) for key, place in zip(copy.keys, places(feed), strict=True))
    )
    return render(_rows(copy).join(_changed(feed, since), on=same, join_type="SEMI"))


def gone_keys(copy: Copy, feed: Feed, since: int) -> str:
    """The keys that were logged after a wave and that the table has no more, as SQLite keeps them, and the same closer look."""
    kinds = _kinds(copy)
    named = {key: (column(place, "c"), kinds[key.lower()]) for key, place in zip(copy.keys, places(feed), strict=True)}
    same = exp.and_(*(exp.EQ(this=column(key, "r"), expression=value.copy()) for key, (value, _) in named.items()))
    query = exp.select(*(_kept(value, kind) for value, kind in named.values()), _odd(named.values())).from_(_changed(feed, since))
    return render(query.join(exp.alias_(table(copy.name), "r", table=True), on=same, join_type="ANTI"))


def _rows(copy: Copy) -> exp.Select:
    named = [(column(name, "r"), kind) for name, kind in copy.columns.items()]
    return exp.select(*(_kept(value, kind) for value, kind in named), _odd(named)).from_(exp.alias_(table(copy.name), "r", table=True))


def _changed(feed: Feed, since: int) -> exp.Expr:
    logged = exp.select(*map(column, places(feed))).distinct().from_(log_table(feed))
    return logged.where(exp.GT(this=column("epoch"), expression=exp.Literal.number(since))).subquery("c")


def _kept(value: exp.Column, kind: str) -> exp.Expr:
    """A value of DuckDB as SQLite is to have it, as far as that can be said in SQL."""
    found = family(kind)
    if found in ("whole", "wide", "floating", "boolean", "bytes", "varchar"):
        return value.copy()
    if found == "zoned":
        return tree("CAST($value AT TIME ZONE 'UTC' AS VARCHAR) || '+00:00'", value=value.copy())  # type: ignore[no-any-return]
    if found == "nested":
        return tree("CASE WHEN $value IS NOT NULL THEN CAST(to_json($value) AS VARCHAR) END", value=value.copy())  # type: ignore[no-any-return]
    return exp.cast(value.copy(), "VARCHAR")


def _odd(named: Iterable[tuple[exp.Column, str]]) -> exp.Expr:
    """Whether a row holds NaN, or a number beyond 64 bits."""
    tests = [tree(_ODD[found], value=value.copy()) for value, kind in named if (found := kind if kind in _ODD else family(kind)) in _ODD]
    return exp.or_(*tests) if tests else exp.false()


def _kinds(copy: Copy) -> dict[str, str]:
    return {name.lower(): kind for name, kind in copy.columns.items()}


def _sqlite(made: exp.Expr) -> str:
    return made.sql(SQLITE, normalize_functions=False)
