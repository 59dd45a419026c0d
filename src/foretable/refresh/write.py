"""Bringing a table from the rows it holds to the staged ones: only what differs is written, and logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import duckdb
from sqlglot import exp

from foretable.compile.graph import Compiled
from foretable.compile.scoring import SCORED_AT
from foretable.declare.scoring import ScoringTable
from foretable.refresh.diff import differs, equal_keys
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import append
from foretable.refresh.stage import STAGED, dirty_rows
from foretable.sql import column, parse, render, statement, table

CHANGED = "temp.main.changed"
_COUNTS = """
SELECT count(*) FILTER (fresh), count(*) FILTER (NOT fresh AND NOT gone), count(*) FILTER (gone), (SELECT count(*) FROM temp.main.staged)
FROM temp.main.changed
"""
REWRITE = 0.45
"""Above this share of changed rows a table is written anew: it is faster, and leaves no holes in the file."""
WIDE = ("HUGEINT", "UHUGEINT", "DECIMAL(38")


@dataclass(frozen=True)
class Written:
    """How many rows were inserted, updated and deleted, and how many there are now."""

    inserted: int
    updated: int
    deleted: int
    row_count: int

    @property
    def any(self) -> bool:
        """Whether anything changed."""
        return bool(self.inserted or self.updated or self.deleted)


def find_changed(connection: duckdb.DuckDBPyConnection, compiled: Compiled, *, dirty: bool) -> Written:
    """Compare the staged rows with those that the table holds, in ``temp.changed``; an entity's table only.

    Parameters
    ----------
    dirty
        Compare with the rows of the dirty keys alone.

    Returns
    -------
    Written
        What will be written; ``row_count`` counts the staged rows.
    """
    connection.execute(_compare(compiled, dirty))
    return Written(*connection.execute(_COUNTS).fetchall()[0])


@lru_cache(maxsize=256)
def _compare(compiled: Compiled, dirty: bool) -> str:
    keys = compiled.entity.keys if compiled.entity else ()
    old = dirty_rows(compiled) if dirty else exp.select("*").from_(table(compiled.name))
    compared = {name: kind for name, kind in compiled.columns.items() if name not in (*keys, *_kept_by_engine(compiled))}
    new_gone, old_gone = column(keys[0], "n").is_(exp.null()), column(keys[0], "o").is_(exp.null())
    named = [exp.alias_(_either(key), f"k{number + 1}") for number, key in enumerate(keys)]
    query = (
        exp.select(*named, exp.alias_(new_gone, "gone"), exp.alias_(old_gone, "fresh"))
        .from_(exp.alias_(table(STAGED), "n", table=True))
        .join(old.subquery("o"), on=equal_keys(keys, "n", "o"), join_type="FULL")
        .where(exp.or_(new_gone.copy(), old_gone.copy(), differs(compared, "n", "o")))
    )
    create = parse("CREATE OR REPLACE TEMP TABLE t AS SELECT 1")
    create.set("this", table(CHANGED))
    create.set("expression", query)
    return render(create)


def _either(key: str) -> exp.Expr:
    return exp.Coalesce(this=column(key, "n"), expressions=[column(key, "o")])


def _kept_by_engine(compiled: Compiled) -> Sequence[str]:
    return (SCORED_AT,) if isinstance(compiled.declared, ScoringTable) else ()


def staged_count(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows are staged."""
    return int(connection.execute(statement("SELECT count(*) FROM $staged", staged=table(STAGED))).fetchall()[0][0])


def log_changed(connection: duckdb.DuckDBPyConnection, compiled: Compiled, feeds: Sequence[Feed], epoch: int) -> None:
    """Log the changed keys for those who read the table; before it is written, for the old values count too."""
    keys = [key.lower() for key in (compiled.entity.keys if compiled.entity else ())]
    for feed in feeds:
        if all(key.lower() in keys for key in feed.keys):
            names = [exp.alias_(column(f"k{keys.index(key.lower()) + 1}"), f"k{n + 1}") for n, key in enumerate(feed.keys)]
            append(connection, feed, epoch, exp.select(*(names or [exp.alias_(exp.Literal.number(1), "k1")])).from_(table(CHANGED)))
        else:
            old, new = (_values(compiled, source, feed) for source in (compiled.name, STAGED))
            append(connection, feed, epoch, exp.union(old, new, distinct=False))


def _values(compiled: Compiled, source: str, feed: Feed) -> exp.Select:
    names = [exp.alias_(column(key, "r"), f"k{n + 1}") for n, key in enumerate(feed.keys)]
    return exp.select(*names).from_(exp.alias_(table(source), "r", table=True)).join(_changed(), on=_same(compiled), join_type="SEMI")


def _changed() -> exp.Expr:
    return exp.alias_(table(CHANGED), "c", table=True)


def _same(compiled: Compiled) -> exp.Expr:
    keys = compiled.entity.keys if compiled.entity else ()
    return exp.and_(*(exp.EQ(this=column(key, "r"), expression=column(f"k{n + 1}", "c")) for n, key in enumerate(keys)))


def write_changed(connection: duckdb.DuckDBPyConnection, compiled: Compiled, written: Written) -> None:
    """Delete and insert the rows in ``temp.changed``."""
    delete, put = _replace(compiled)
    if written.updated or written.deleted:
        connection.execute(delete)
    if written.inserted or written.updated:
        connection.execute(put)


@lru_cache(maxsize=256)
def _replace(compiled: Compiled) -> tuple[str, str]:
    delete = parse("DELETE FROM t AS r USING c AS c WHERE TRUE")
    delete.set("this", exp.alias_(table(compiled.name), "r", table=True))
    delete.set("using", [_changed()])
    delete.set("where", exp.Where(this=_same(compiled)))
    return render(delete), _into(compiled, _staged(compiled).join(_changed(), on=_same(compiled), join_type="SEMI"))


def write_all(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    """Write the table anew from the staged rows, in their order."""
    schema = exp.to_identifier(compiled.name.rsplit(".", 1)[0], quoted=True)
    connection.execute(statement("CREATE SCHEMA IF NOT EXISTS $schema", schema=schema))
    definitions = [_definition(name, kind) for name, kind in compiled.columns.items()]
    create = exp.Create(kind="TABLE", replace=True, this=exp.Schema(this=table(compiled.name), expressions=definitions))
    connection.execute(render(create))
    connection.execute(_into(compiled, _staged(compiled)))


def _definition(name: str, kind: str) -> exp.ColumnDef:
    # Sums of whole numbers are HUGEINT, and bit-packed ones are slow to read.
    wide = kind.upper().startswith(WIDE)
    constraints = [exp.ColumnConstraint(kind=exp.Var(this="USING COMPRESSION uncompressed"))] if wide else []
    return exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=exp.var(kind), constraints=constraints)


def _into(compiled: Compiled, rows: exp.Query) -> str:
    """Insert rows whose columns stand in the table's order."""
    into = exp.Insert(this=table(compiled.name))
    into.set("expression", rows)
    return render(into)


def _staged(compiled: Compiled) -> exp.Select:
    """The staged rows with the columns in the table's order."""
    return exp.select(*(column(name, "r") for name in compiled.columns)).from_(exp.alias_(table(STAGED), "r", table=True))


def few(written: Written, held: int) -> bool:
    """Whether so few rows changed that they are best replaced one by one."""
    return written.inserted + written.updated + written.deleted <= REWRITE * max(held, written.row_count)
