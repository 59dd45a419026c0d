"""The rows of a clean table that its schema lets in, as a query: what a wave keeps, a training set must see too."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from foretable.compile.recorded import Columns
from foretable.quality.rules import row_rules, unique_keys
from foretable.sql import column


def good_rows(query: exp.Query, columns: Columns, schema: Any) -> exp.Query:
    """Leave out the rows that a refresh would send to quarantine.

    Parameters
    ----------
    query
        The definition of the table, every placeholder filled.
    columns
        Its columns and types.
    schema
        Its ``pandera.ibis.DataFrameSchema``.

    Returns
    -------
    sqlglot.exp.Query
        Rows that keep every row rule; of rows that share a unique key, none, unless they are copies of one.
    """
    import ibis
    from ibis.backends.sql.compilers.duckdb import compiler
    from ibis.backends.sql.datatypes import DuckDBType

    rows = ibis.table({name: DuckDBType.from_string(kind) for name, kind in columns.items()}, name="unchecked")
    rules = [rule.predicate for rule in row_rules(schema, rows)]
    kept = compiler.to_sqlglot(rows.filter(*rules) if rules else rows)
    kept = kept.transform(lambda node: _written_out(node, query))
    for key in unique_keys(schema, columns):
        distinct = exp.select("*").distinct().from_(kept.subquery("kept"))
        single = exp.EQ(
            this=exp.Window(this=exp.Count(this=exp.Star()), partition_by=[column(name) for name in key]), expression=exp.Literal.number(1)
        )
        kept = exp.select("*").from_(distinct.subquery("kept"))
        kept.set("qualify", exp.Qualify(this=single))
    return kept  # type: ignore[no-any-return]


def _written_out(node: exp.Expr, query: exp.Query) -> exp.Expr:
    if isinstance(node, exp.Table) and node.name == "unchecked":
        return query.subquery(node.args["alias"].this if node.args.get("alias") else exp.to_identifier("unchecked"))
    return node
