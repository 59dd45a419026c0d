"""Quarantine seen from outside: what waits there, and bringing back what now passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from foretable.declare.names import checked
from foretable.errors import UsageError
from foretable.quality.casting import from_text
from foretable.quality.quarantine import now, quarantine_of, recount, whole_table
from foretable.quality.relation import exists, relation
from foretable.quality.verdict import judge
from foretable.sql import parse, statement, table
from foretable.warehouse import wave

Rows = tuple[list[str], list[tuple[Any, ...]]]

_OVERVIEW = """
SELECT table_name, rule, column_name, quarantined, redriven, waiting, last_quarantined_at
FROM foretable.quarantine_summary
ORDER BY table_name, waiting DESC, rule, column_name
"""

_WAITING = """
SELECT batch, rule, column_name, value, row, quarantined_at
FROM $quarantine
WHERE table_name = ? AND redriven_at IS NULL
ORDER BY batch, rowid
LIMIT ?
"""

_CELLS = """
SELECT rowid AS __held, CAST(row AS MAP(VARCHAR, JSON)) AS cells
FROM $quarantine
WHERE table_name = ? AND redriven_at IS NULL
ORDER BY rowid
"""

_MISFITS = """
UPDATE $quarantine AS q
SET rule = 'type', column_name = r.__misfit, value = json_extract_string(CAST(q.row AS MAP(VARCHAR, JSON))[r.__misfit], '$')
FROM foretable_restored AS r
WHERE q.rowid = r.__held AND r.__misfit IS NOT NULL
"""

_STILL = """
UPDATE $quarantine AS q
SET rule = v.rule, column_name = v.column_name, value = v.value
FROM foretable_verdicts AS v
JOIN foretable_restored AS r ON r.rowid = v.id
WHERE q.rowid = r.__held AND NOT v.is_copy
"""

_BACK = """
UPDATE $quarantine SET redriven_at = ?
WHERE rowid IN (
    SELECT r.__held FROM foretable_restored AS r
    WHERE r.rowid NOT IN (SELECT id FROM foretable_verdicts WHERE NOT is_copy)
)
"""

_PASSED = """
SELECT * EXCLUDE (__held, __misfit) FROM foretable_restored AS r
WHERE r.rowid NOT IN (SELECT id FROM foretable_verdicts)
ORDER BY r.rowid
"""

_MOVE = "INSERT INTO $target BY NAME SELECT * FROM $passed"


@dataclass(frozen=True)
class RedriveReport:
    """What re-driving did: ``rows`` moved to the table, ``quarantined`` stayed, ``copies`` were there already."""

    table: str
    rows: int
    quarantined: int
    copies: int


def quarantined(connection: duckdb.DuckDBPyConnection, name: str | None = None, *, limit: int = 100) -> Rows:
    """What waits in quarantine, as column names and rows.

    Parameters
    ----------
    name
        ``layer.table``: its rows, oldest first, at most ``limit``. None: one line per table, rule and column.
    """
    name = name and checked(name)
    if name is None:
        found = connection.execute(_OVERVIEW)
    elif exists(connection, quarantine_of(name)):
        found = connection.execute(statement(_WAITING, quarantine=table(quarantine_of(name))), [name, limit])
    else:
        return [], []
    return [field[0] for field in found.description], found.fetchall()


def redrive(connection: duckdb.DuckDBPyConnection, name: str, schema: Any) -> RedriveReport:
    """Check the rows in quarantine again, and move those that now pass to their table, all in one transaction.

    A row may pass because the rule changed, or because somebody corrected it in place
    (``UPDATE quarantine.orders SET row = json_merge_patch(row, '{"amount": 3}')``). The rest stay, with the
    rules they break now.

    Parameters
    ----------
    name
        ``layer.table``.
    schema
        Its ``pandera.ibis.DataFrameSchema``; None where there is none any more.

    Raises
    ------
    UsageError
        The table is one that a refresh rebuilds, or is gone.
    QualityViolation
        With these rows, a rule about the table as a whole would not hold; nothing was moved.
    """
    name = checked(name)
    require_loadable(connection, name)
    if not exists(connection, quarantine_of(name)):
        return RedriveReport(name, 0, 0, 0)
    if not exists(connection, name):
        raise UsageError(f"there is no table {name} to move rows to", hint=f"load it first: foretable ingest {name} FILE")
    with wave(connection):
        report = _redrive(connection, name, schema)
        whole_table(connection, name, schema)
    return report


def require_loadable(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Refuse a table that foretable rebuilds: rows put into it by hand would be gone at the next refresh."""
    if not exists(connection, "foretable.tables"):
        return
    kept = connection.execute("SELECT kind FROM foretable.tables WHERE name = ?", [name]).fetchall()
    if kept:
        raise UsageError(
            f"{name} is a {kept[0][0]} that every refresh makes anew",
            where=name,
            hint="correct what it is made from, or its rules; then: foretable refresh",
        )


def _redrive(connection: duckdb.DuckDBPyConnection, name: str, schema: Any) -> RedriveReport:
    quarantine, target = table(quarantine_of(name)), table(name)
    columns = relation(connection, name).columns
    held = parse(statement(_CELLS, quarantine=quarantine))
    restored = exp.select(*_cells(columns)).from_(held.subquery("held"))
    create = "CREATE OR REPLACE TEMP TABLE foretable_restored AS SELECT * FROM $rows"
    connection.execute(statement(create, rows=restored.subquery()), [name])
    connection.execute(statement(_MISFITS, quarantine=quarantine))
    misfits = _count(connection, "SELECT count(*) FROM foretable_restored WHERE __misfit IS NOT NULL")
    connection.execute("DELETE FROM foretable_restored WHERE __misfit IS NOT NULL")
    judge(connection, "foretable_restored", name, schema, beside=("__held", "__misfit"))
    connection.execute(statement(_STILL, quarantine=quarantine))
    passed = parse(_PASSED)
    connection.execute(statement(_MOVE, target=target, passed=passed.subquery("passed")))
    _log(connection, name, passed, columns)
    connection.execute(statement(_BACK, quarantine=quarantine), [now()])
    recount(connection, name)
    total = _count(connection, "SELECT count(*) FROM foretable_restored")
    copies = _count(connection, "SELECT count(*) FROM foretable_verdicts WHERE is_copy")
    still = _count(connection, "SELECT count(*) FROM foretable_verdicts WHERE NOT is_copy")
    connection.execute("DROP TABLE foretable_restored")
    connection.execute("DROP TABLE foretable_verdicts")
    return RedriveReport(name, total - copies - still, still + misfits, copies)


def _log(connection: duckdb.DuckDBPyConnection, name: str, rows: exp.Query, columns: dict[str, str]) -> None:
    # Waves check rows with this package, so what they keep can only be imported once both are there.
    from foretable.refresh.feeds.loaded import log_loaded

    log_loaded(connection, name, rows, columns)


def _cells(columns: dict[str, str]) -> list[Any]:
    """The row number in quarantine, each column read from the JSON, and the first that cannot be read."""
    cells, misfit = [], exp.Case()
    for name, kind in columns.items():
        cell = exp.Bracket(this=exp.column("cells"), expressions=[exp.Literal.string(name)])
        text = exp.Anonymous(this="json_extract_string", expressions=[cell, exp.Literal.string("$")])
        value = from_text(text, kind)
        cells.append(exp.alias_(value, name, quoted=True))
        misfit = misfit.when(exp.and_(text.is_(exp.null()).not_(), value.copy().is_(exp.null())), exp.Literal.string(name))
    return [exp.column("__held"), *cells, exp.alias_(misfit, "__misfit")]


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
