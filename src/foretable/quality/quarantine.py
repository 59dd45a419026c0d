"""Rows that were held back: ``quarantine.<table>``, one row per row, with every rule that it breaks.

All tables of one name share a quarantine table (``raw.telco`` and ``clean.telco`` have
``quarantine.telco``); ``table_name`` tells them apart. A row that breaks several rules stands there
once, its rules, columns and values joined by ``; `` in the same order. ``row`` is the whole row as JSON
(decimals as text, so that no digit is lost). ``batch`` is the number of the ingest, or of the wave for
a table that foretable rebuilds. ``redriven_at`` says when the row left quarantine: because it was
re-driven, because a refresh no longer finds it broken, or because a load replaced the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
from sqlglot import exp

from foretable.quality.check import broken_rules, refuse, structure
from foretable.quality.relation import Relation, exists, relation, spelt
from foretable.quality.rules import table_rules
from foretable.quality.verdict import judge
from foretable.sql import column, parse, statement, table

_TABLE = """
CREATE TABLE IF NOT EXISTS $quarantine (
    table_name VARCHAR,
    batch BIGINT,
    rule VARCHAR,
    column_name VARCHAR,
    value VARCHAR,
    row JSON,
    quarantined_at TIMESTAMP,
    redriven_at TIMESTAMP
)
"""

_HELD = """
CREATE OR REPLACE TEMP TABLE foretable_held AS
SELECT v.rule, v.column_name, v.value, $row AS row,
       row_number() OVER (PARTITION BY v.rule, CAST($row AS VARCHAR) ORDER BY v.id) AS copy
FROM $staged AS s
JOIN foretable_verdicts AS v ON v.id = s.rowid
WHERE NOT v.is_copy
ORDER BY v.id
"""

_RECORD = """
INSERT INTO $quarantine
SELECT ?, ?, rule, column_name, value, row, ?, NULL FROM foretable_held
"""

# What is in quarantine already: the same row, as often, for the same rules.
_OPEN = """
CREATE OR REPLACE TEMP TABLE foretable_open AS
SELECT rowid AS id, rule, CAST(row AS VARCHAR) AS text,
       row_number() OVER (PARTITION BY rule, CAST(row AS VARCHAR) ORDER BY rowid) AS copy
FROM $quarantine
WHERE table_name = ? AND redriven_at IS NULL AND $concerned
"""

_AMONG = "$held IN (SELECT $key FROM $keys AS keys)"

_WAITING = "SELECT count(*) FROM $quarantine WHERE table_name = ? AND redriven_at IS NULL"

_KNOWN = """
DELETE FROM foretable_held AS h
USING foretable_open AS o
WHERE h.rule = o.rule AND CAST(h.row AS VARCHAR) = o.text AND h.copy = o.copy
"""

_GONE = """
UPDATE $quarantine SET redriven_at = ?
WHERE rowid IN (
    SELECT o.id FROM foretable_open AS o
    ANTI JOIN foretable_held AS h ON h.rule = o.rule AND CAST(h.row AS VARCHAR) = o.text AND h.copy = o.copy
)
"""

_LOG = """
INSERT INTO foretable.quarantine_log
SELECT table_name, batch, rule, column_name, count(*), min(quarantined_at), count(redriven_at)
FROM $quarantine
WHERE table_name = ?
GROUP BY table_name, batch, rule, column_name
ORDER BY batch, rule, column_name
"""


@dataclass(frozen=True)
class Keys:
    """The keys whose rows are staged: a table of ``k1``, ``k2``, …, and the columns of the rows that these are."""

    table: str
    columns: tuple[str, ...]


def quarantine_of(name: str) -> str:
    """``quarantine.telco`` for ``raw.telco``."""
    return f"quarantine.{name.rsplit('.', 1)[-1]}"


def split_clean(connection: duckdb.DuckDBPyConnection, staged: str, target: str, schema: Any, wave: int, keys: Keys | None = None) -> int:
    """Take the rows that break a rule out of a staged table and keep them in quarantine.

    Runs inside the caller's transaction. What is still broken is recorded once, however often the table
    is refreshed; what no longer is, leaves quarantine. Copies of a row with a unique key, equal to it in
    every column, are taken out too, and recorded nowhere: they say nothing new.

    Parameters
    ----------
    staged
        The temporary table that holds the new content of ``target``.
    target
        ``clean.table``.
    schema
        A ``pandera.ibis.DataFrameSchema``.
    wave
        Number of the refresh wave.
    keys
        Only the rows of these keys are staged: what lies in quarantine of any other stays as it is. No
        rule may look at rows of several keys. None: the staged rows are all there are.

    Returns
    -------
    int
        How many rows of ``target`` lie in quarantine now, whichever were staged.

    Raises
    ------
    QualityViolation
        Columns are missing or mistyped, or a rule about the table as a whole does not hold.
    """
    checked = relation(connection, staged)
    refuse(structure(checked, schema, target))
    judge(connection, staged, None, schema)
    hold(connection, staged, target, wave, lasting=True, keys=keys)
    connection.execute("DROP TABLE foretable_verdicts")
    refuse(broken_rules(connection, checked, table_rules(schema, checked.rows()), target))
    return _waiting(connection, target)


def _waiting(connection: duckdb.DuckDBPyConnection, target: str) -> int:
    if not exists(connection, quarantine_of(target)):
        return 0
    return int(connection.execute(statement(_WAITING, quarantine=table(quarantine_of(target))), [target]).fetchall()[0][0])


def hold(
    connection: duckdb.DuckDBPyConnection, staged: str, target: str, batch: int, *, lasting: bool = False, keys: Keys | None = None
) -> int:
    """Move the rows with a verdict from a staged table to quarantine; copies are only taken out.

    Parameters
    ----------
    lasting
        The staged rows are all that the table will hold: rows in quarantine that are not broken any
        more leave it, and those that still are stay as they are.
    keys
        They are all that it will hold of these keys.

    Returns
    -------
    int
        How many rows are held back, copies not counted.
    """
    columns = relation(connection, staged).columns
    connection.execute(statement(_HELD, staged=table(staged), row=row_json(columns, "s")))
    count = int(connection.execute("SELECT count(*) FROM foretable_held").fetchall()[0][0])
    quarantine = quarantine_of(target)
    if count or exists(connection, quarantine):
        connection.execute("CREATE SCHEMA IF NOT EXISTS quarantine")
        connection.execute(statement(_TABLE, quarantine=table(quarantine)))
        if lasting:
            concerned = _among(keys, staged, columns) if keys is not None else exp.true()
            connection.execute(statement(_OPEN, quarantine=table(quarantine), concerned=concerned), [target])
            connection.execute(statement(_GONE, quarantine=table(quarantine)), [now()])
            connection.execute(_KNOWN)
            connection.execute("DROP TABLE foretable_open")
        connection.execute(statement(_RECORD, quarantine=table(quarantine)), [target, batch, now()])
        recount(connection, target)
    connection.execute(statement("DELETE FROM $staged WHERE rowid IN (SELECT id FROM foretable_verdicts)", staged=table(staged)))
    connection.execute("DROP TABLE foretable_held")
    return count


def _among(keys: Keys, staged: str, columns: dict[str, str]) -> Any:
    """Whether a row in quarantine has one of the keys; told by what the row's JSON says, so that NULL is a key like any other.

    Under a collation ``a`` is staged where ``A`` is a key: the keys of staged rows count too.
    """
    spelled = {name.lower(): name for name in columns}
    names = [spelled[name.lower()] for name in keys.columns]
    given = exp.select(*(exp.alias_(column(f"k{number + 1}"), name, quoted=True) for number, name in enumerate(names)))
    both = exp.union(given.from_(table(keys.table)), exp.select(*map(column, names)).from_(table(staged)), distinct=False)
    key = _key_text(row_json({name: columns[name] for name in names}, "keys"), names)
    return parse(statement(_AMONG, held=_key_text(exp.column("row"), names), key=key, keys=both.subquery()))


def _key_text(row: Any, names: Sequence[str]) -> Any:
    """The values of some columns of a row that is JSON, as the text of a JSON array."""
    paths = [exp.Literal.string(f"/{name.replace('~', '~0').replace('/', '~1')}") for name in names]
    values = exp.Anonymous(this="json_extract", expressions=[row, exp.Array(expressions=paths)])
    return exp.cast(exp.Anonymous(this="to_json", expressions=[values]), "text")


def supersede(connection: duckdb.DuckDBPyConnection, target: str) -> None:
    """Close what is in quarantine for a table whose whole content is being replaced."""
    if exists(connection, quarantine_of(target)):
        close = "UPDATE $quarantine SET redriven_at = ? WHERE table_name = ? AND redriven_at IS NULL"
        connection.execute(statement(close, quarantine=table(quarantine_of(target))), [now(), target])
        recount(connection, target)


def recount(connection: duckdb.DuckDBPyConnection, target: str) -> None:
    """Write the counts of ``foretable.quarantine_log`` for a table anew."""
    connection.execute("DELETE FROM foretable.quarantine_log WHERE table_name = ?", [target])
    connection.execute(statement(_LOG, quarantine=table(quarantine_of(target))), [target])


def whole_table(connection: duckdb.DuckDBPyConnection, target: str, schema: Any) -> None:
    """Refuse a table that breaks a rule about it as a whole; its rows are known to be good."""
    if schema is not None:
        checked: Relation = relation(connection, target)
        refuse(broken_rules(connection, checked, table_rules(schema, checked.rows()), target))


def row_json(columns: dict[str, str], of: str) -> Any:
    """A row as a JSON object."""
    parts = [
        exp.PropertyEQ(
            this=exp.Literal.string(name),
            expression=exp.cast(column(name, of), "text") if spelt(kind).startswith("DECIMAL") else column(name, of),
        )
        for name, kind in columns.items()
    ]
    return exp.Anonymous(this="to_json", expressions=[exp.Struct(expressions=parts)])


def now() -> datetime:
    """The time of day in UTC, as the catalog stores it."""
    return datetime.now(UTC).replace(tzinfo=None)
