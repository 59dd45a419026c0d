"""Which rows of a staged table may not enter it, and why; found by SQL, row by row number.

Two sorts of rows are held back: those that break a row rule, and then, among the rest, those that
share a unique key with a different row, in the batch or in the table: which of them is right is
unknown, so none of the batch's enters. Copies of a row, equal to it in every column, say nothing new:
one is kept, the others are counted and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
from sqlglot import exp

from foretable.errors import UsageError
from foretable.quality.check import key_text
from foretable.quality.relation import Relation, relation
from foretable.quality.rules import Rule, key_rule, row_rules, unique_keys
from foretable.sql import column, parse, statement, table

_VERDICTS = """
CREATE OR REPLACE TEMP TABLE foretable_verdicts (id BIGINT, rule VARCHAR, column_name VARCHAR, value VARCHAR, is_copy BOOLEAN)
"""

# The value of a single broken rule stays NULL where it is; with several rules each has its place in the text.
_BROKEN = """
INSERT INTO foretable_verdicts
SELECT
    id,
    array_to_string([b.rule FOR b IN broken], '; ') AS rule,
    array_to_string([b.column_name FOR b IN broken], '; ') AS column_name,
    CASE WHEN len(broken) = 1 THEN broken[1].value
         ELSE array_to_string([coalesce(b.value, 'NULL') FOR b IN broken], '; ') END AS value,
    false AS is_copy
FROM (SELECT id, [b FOR b IN verdicts IF b IS NOT NULL] AS broken FROM $judged AS judged)
"""

_LIVE = "SELECT rowid AS __row, * FROM $staged WHERE rowid NOT IN (SELECT id FROM foretable_verdicts)"

# Two steps, because comparing whole rows is dear and keys are seldom repeated.
_REPEATED = """
CREATE OR REPLACE TEMP TABLE foretable_repeated AS
SELECT * FROM $live AS live SEMI JOIN $twice AS twice ON $same
"""

_WITHIN = """
INSERT INTO foretable_verdicts
SELECT
    __row,
    CASE WHEN __variants > 1 THEN ? END AS rule,
    CASE WHEN __variants > 1 THEN ? END AS column_name,
    $shown AS value,
    __variants = 1 AS is_copy
FROM foretable_repeated AS live
JOIN $groups AS groups ON $same
WHERE __variants > 1 OR __row <> __first
"""

_AGAINST = """
INSERT INTO foretable_verdicts
SELECT
    live.__row,
    CASE WHEN NOT bool_or($equal) THEN ? END AS rule,
    CASE WHEN NOT bool_or($equal) THEN ? END AS column_name,
    any_value($shown) AS value,
    bool_or($equal) AS is_copy
FROM $live AS live
JOIN $target AS stored ON $same
GROUP BY live.__row
"""


def judge(connection: duckdb.DuckDBPyConnection, staged: str, target: str | None, schema: Any, *, beside: Sequence[str] = ()) -> None:
    """Fill the temporary table ``foretable_verdicts``: one row per staged row that may not enter.

    Columns: ``id`` (rowid in ``staged``), ``rule``, ``column_name``, ``value`` (texts; several rules are
    joined by ``; ``, each in the same place), ``is_copy``.

    Parameters
    ----------
    staged
        A temporary table with the columns of ``target``, already of the right types.
    target
        The table that the rows are meant for; None when it is to be replaced or does not exist.
    schema
        A ``pandera.ibis.DataFrameSchema``, or None where nobody declared one.
    beside
        Columns of ``staged`` that are no part of the rows.

    Raises
    ------
    UsageError
        The table has a column called rowid, which hides the engine's row numbers.
    """
    connection.execute(_VERDICTS)
    staged_columns = relation(connection, staged).columns
    checked = Relation(staged, {name: kind for name, kind in staged_columns.items() if name not in beside})
    if any(name.lower() == "rowid" for name in checked.columns):
        raise UsageError("a table cannot have a column called rowid", where=target or staged, hint="rename the column where it comes from")
    if schema is None:
        return
    rules = row_rules(schema, checked.rows())
    if rules:
        connection.execute(statement(_BROKEN, judged=_judged(checked, rules).subquery()))
    names = list(checked.columns)
    for key in unique_keys(schema, names):
        if target is not None:
            _against_table(connection, staged, target, key, names)
        _within_batch(connection, staged, key, names)
    connection.execute("DROP TABLE IF EXISTS foretable_repeated")


def _within_batch(connection: duckdb.DuckDBPyConnection, staged: str, key: tuple[str, ...], names: list[str]) -> None:
    live = parse(statement(_LIVE, staged=table(staged)))
    columns = [column(name) for name in key]
    twice = exp.select(*columns).from_(live.subquery("live")).group_by(*columns).having("count(*) > 1")
    connection.execute(statement(_REPEATED, live=live.subquery(), twice=twice.subquery(), same=_same(key, "live", "twice")))
    row = exp.func("row", *(column(name) for name in names))
    variants = exp.Count(this=exp.Distinct(expressions=[row])).as_("__variants")
    first = exp.func("min", column("__row")).as_("__first")
    groups = exp.select(*columns, variants, first).from_("foretable_repeated").group_by(*columns)
    parts = {"shown": key_text(key, of="live"), "groups": groups.subquery(), "same": _same(key, "live", "groups")}
    connection.execute(statement(_WITHIN, **parts), [key_rule(key), ", ".join(key)])


def _against_table(connection: duckdb.DuckDBPyConnection, staged: str, target: str, key: tuple[str, ...], names: list[str]) -> None:
    live = parse(statement(_LIVE, staged=table(staged)))
    parts = {
        "live": live.subquery(),
        "target": table(target),
        "shown": key_text(key, of="live"),
        "equal": _same(names, "live", "stored"),
        "same": _same(key, "live", "stored"),
    }
    connection.execute(statement(_AGAINST, **parts), [key_rule(key), ", ".join(key)])


def _same(names: Sequence[str], left: str, right: str) -> Any:
    """The columns agree, NULL with NULL."""
    return exp.and_(*(exp.NullSafeEQ(this=column(name, left), expression=column(name, right)) for name in names))


def _judged(checked: Any, rules: list[Rule]) -> Any:
    """(id, verdicts): the rows that break a rule; one verdict per rule, NULL where it holds."""
    import ibis

    rows = checked.rows()
    nothing = ibis.null("struct<rule: string, column_name: string, value: string>")
    broken = [
        ibis.ifelse(
            rule.predicate,
            nothing,
            ibis.struct(
                {
                    "rule": ibis.literal(rule.name),
                    "column_name": ibis.literal(rule.column),
                    "value": rows[rule.column].cast("string") if rule.column else ibis.null("string"),
                }
            ),
        )
        for rule in rules
    ]
    held = ibis.and_(*(rule.predicate for rule in rules))
    judged = rows.select(id=rows.rowid(), verdicts=ibis.array(broken), held=held)
    return checked.tree(judged.filter(~judged.held).select("id", "verdicts"))
