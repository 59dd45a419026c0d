"""A query of a model in the words of another database."""

from __future__ import annotations

import re

from sqlglot import exp

from foretable import sql
from foretable.errors import UsageError
from foretable.forms.expression_parts import choose, number

DIALECTS = ("duckdb", "snowflake", "bigquery", "postgres", "spark")
STEEP = 700.0
"""Beyond, exp is a range error in some databases: there it is not asked for more. e^-700 is 1e-304."""

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


def written(query: exp.Expr, dialect: str) -> str:
    """The text of a query.

    Parameters
    ----------
    query
        As DuckDB would be asked.
    dialect
        One of ``DIALECTS``. In Snowflake names of lower-case letters are those that are written without quotes there.

    Raises
    ------
    UsageError
        A text of the model holds the character NUL, which that database cannot write.
    """
    if dialect == sql.DIALECT:
        return sql.render(query)
    for literal in query.find_all(exp.Literal):
        if "\0" in literal.this:
            raise UsageError(f"the text {literal.this!r} cannot be written in {dialect}", hint="rename that value where the column is made")
    if dialect == "snowflake":
        query = query.transform(_upper)
    return query.transform(_bounded).sql(dialect=dialect)


def _bounded(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Exp):
        return node
    power = exp.Paren(this=node.this)
    high, low = exp.GT(this=power.copy(), expression=number(STEEP)), exp.LT(this=power.copy(), expression=number(-STEEP))
    return exp.Exp(this=choose(power, (high, number(STEEP)), (low, number(-STEEP))))


def _upper(node: exp.Expr) -> exp.Expr:
    return exp.to_identifier(node.name.upper(), quoted=True) if isinstance(node, exp.Identifier) and _PLAIN.match(node.name) else node
