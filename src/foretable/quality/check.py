"""A table against its schema: evaluated, counted and capped in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from foretable.errors import QualityViolation
from foretable.quality.relation import Relation, duckdb_type, ibis_type, relation
from foretable.quality.rules import Rule, all_rules, columns, key_rule, unique_keys
from foretable.sql import column as column_tree
from foretable.sql import render, statement

EXAMPLES = 20


@dataclass(frozen=True)
class Violation:
    """One rule that a table breaks.

    ``count`` is the number of rows that break it, 0 where the matter is the table and not its rows;
    ``examples`` holds up to 20 offending values as text, or whole rows as JSON where ``column`` is empty.
    """

    table: str
    column: str
    rule: str
    count: int
    examples: tuple[str | None, ...] = ()

    @property
    def where(self) -> str:
        """``layer.table.column``."""
        return f"{self.table}.{self.column}" if self.column else self.table

    def __str__(self) -> str:
        if not self.count:
            return self.rule
        rows = "1 row breaks" if self.count == 1 else f"{self.count:,} rows break"
        such = f", such as {_shown(self.examples[0])}" if self.examples else ""
        return f"{rows} {self.rule}{such}"


def check_table(connection: duckdb.DuckDBPyConnection, table: str | Any, schema: Any, *, name: str = "") -> list[Violation]:
    """Everything in a table that breaks its schema; nothing is fetched but counts and a few examples.

    Parameters
    ----------
    connection
        A connection to the warehouse; it stays as it is.
    table
        ``layer.table``, the name of a temporary table, or the tree of a query.
    schema
        A ``pandera.ibis.DataFrameSchema``.
    name
        What to call the table in the violations; by default its own name.

    Returns
    -------
    list[Violation]
        Structure first (missing and extra columns, types), then rules in the schema's order, then
        duplicate keys. Rules on a column that is missing or mistyped are not evaluated.
    """
    checked = relation(connection, table)
    called = name or checked.name
    broken = structure(checked, schema, called)
    faulty = [violation.column for violation in broken]
    rules = all_rules(schema, checked.rows(), skip=faulty)
    keys = [key for key in unique_keys(schema, checked.columns) if not set(key) & set(faulty)]
    return broken + broken_rules(connection, checked, rules, called) + _duplicates(connection, checked, keys, called)


def require(connection: duckdb.DuckDBPyConnection, table: str | Any, schema: Any, *, name: str = "") -> None:
    """Pass only when a table keeps its schema.

    Raises
    ------
    QualityViolation
        Naming the column, the rule, how many rows break it and an example.
    """
    refuse(check_table(connection, table, schema, name=name))


def refuse(violations: Sequence[Violation]) -> None:
    """Raise what was found, if anything was."""
    if not violations:
        return
    first, *others = violations
    more = "".join(f"\n  {other.where}: {other}" for other in others[:9])
    rest = f"\n  and {len(others) - 9} more" if len(others) > 9 else ""
    raise QualityViolation(
        f"{first}{more}{rest}",
        where=first.where,
        hint="correct the rows where they come from, or the rule in the schema of this table",
    )


def structure(checked: Relation, schema: Any, called: str) -> list[Violation]:
    """Missing columns, extra ones where the schema is strict, types, and order where it is ordered."""
    present = list(checked.columns)
    known = dict(columns(schema, present))
    missing = [
        key
        for key, column in schema.columns.items()
        if column.required and not column.regex and key not in known and not schema.add_missing_columns
    ]
    found = [Violation(called, key, "is missing", 0, ()) for key in missing]
    if schema.strict is True:
        found += [Violation(called, name, "is not in the schema", 0) for name in present if name not in known]
    for name, column in known.items():
        wanted = declared_type(schema, column)
        actual = duckdb_type(ibis_type(checked.columns[name])) if wanted else None
        if wanted != actual:
            found.append(Violation(called, name, f"is {checked.columns[name]}, {wanted} is expected", 0))
    if schema.ordered:
        found += [
            Violation(called, name, f"stands where {wanted} is expected", 0)
            for name, wanted in zip([name for name in present if name in known], known, strict=False)
            if name != wanted
        ][:1]
    return found


def declared_type(schema: Any, column: Any) -> str | None:
    """DuckDB's name of the type that a schema asks of a column, if it asks for one."""
    dtype = schema.dtype or column.dtype
    return duckdb_type(dtype.type) if dtype is not None else None


def broken_rules(connection: duckdb.DuckDBPyConnection, checked: Relation, rules: Sequence[Rule], called: str) -> list[Violation]:
    """The rules that some row breaks, or the table as a whole: one scan to count, one more per broken rule."""
    if not rules:
        return []
    rows = checked.rows()
    each = [rule for rule in rules if _per_row_output(rule)]
    whole = [rule for rule in rules if not _per_row_output(rule)]
    counts = dict(zip(map(id, each), _counts(connection, checked, each), strict=True))
    if whole:
        verdicts = rows.aggregate({f"w{i}": rule.predicate for i, rule in enumerate(whole)})
        values = connection.execute(render(checked.tree(verdicts))).fetchall()[0]
        counts |= {id(rule): not held for rule, held in zip(whole, values, strict=True)}
    found = []
    for rule in rules:
        if counts[id(rule)] and _per_row_output(rule):
            found.append(Violation(called, rule.column, rule.name, counts[id(rule)], _examples(connection, checked, rule)))
        elif counts[id(rule)]:
            found.append(Violation(called, rule.column, f"does not hold as a whole: {rule.name}", 0))
    return found


def _per_row_output(rule: Rule) -> bool:
    return bool(rule.predicate.op().shape.is_columnar())


def _counts(connection: duckdb.DuckDBPyConnection, checked: Relation, rules: Sequence[Rule]) -> list[int]:
    if not rules:
        return []
    verdicts = checked.rows().select(**{f"r{i}": rule.predicate for i, rule in enumerate(rules)})
    counted = verdicts.aggregate(**{f"n{i}": verdicts.count(where=~verdicts[f"r{i}"]) for i in range(len(rules))})
    return list(connection.execute(render(checked.tree(counted))).fetchall()[0])


def _examples(connection: duckdb.DuckDBPyConnection, checked: Relation, rule: Rule) -> tuple[str | None, ...]:
    rows = checked.rows()
    shown = rows[rule.column].cast("string") if rule.column else _whole_row(rows)
    verdicts = rows.select(shown=shown, held=rule.predicate)
    query = checked.tree(verdicts.filter(~verdicts.held).select("shown").limit(EXAMPLES))
    return tuple(row[0] for row in connection.execute(render(query)).fetchall())


def _whole_row(rows: Any) -> Any:
    import ibis

    known = [name for name in rows.columns if not rows[name].type().is_unknown()]
    return ibis.struct({name: rows[name] for name in known}).cast("json").cast("string")


def _duplicates(connection: duckdb.DuckDBPyConnection, checked: Relation, keys: Iterable[tuple[str, ...]], called: str) -> list[Violation]:
    found = []
    for key in keys:
        repeated = checked.rows().group_by(list(key)).aggregate(__rows=lambda rows: rows.count())
        query = statement(
            "SELECT coalesce(sum(__rows), 0)::BIGINT, min($shown, 20) FROM $repeated AS repeated",  # min(x, n): the n smallest
            shown=key_text(key),
            repeated=checked.tree(repeated.filter(repeated["__rows"] > 1)).subquery(),
        )
        count, examples = connection.execute(query).fetchall()[0]
        if count:
            found.append(Violation(called, ", ".join(key), key_rule(key), count, tuple(examples)))
    return found


def key_text(key: tuple[str, ...], of: str = "") -> Any:
    """A key's values as one text: ``7590-VHVEG, 3``; ``of`` is the alias of their table."""
    values = [exp.func("coalesce", exp.cast(column_tree(name, of), "text"), exp.Literal.string("NULL")) for name in key]
    return exp.func("concat_ws", exp.Literal.string(", "), *values)


def _shown(value: str | None) -> str:
    if value is None:
        return "NULL"
    return repr(value if len(value) <= 80 else f"{value[:79]}…")
