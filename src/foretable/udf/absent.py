"""Functions of aliases that name no version yet: they answer NULL, so that a table may already call them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
from sqlglot import exp

from foretable import sql
from foretable.udf.macros import parameters


def install_absent(connection: duckdb.DuckDBPyConnection, functions: Mapping[str, str]) -> None:
    """Create those of the functions that are not there.

    Parameters
    ----------
    connection
        A writable warehouse.
    functions
        Name of each function of a row, such as ``predict_churn__challenger``, and the type of its answer.
    """
    for name, answer in functions.items():
        taken = parameters("features_of", reasons=name.startswith("explain_"))
        named = exp.UserDefinedFunction(this=sql.table(f"main.{name}"), expressions=taken, wrapped=True)
        body = exp.cast(exp.null(), answer, dialect=sql.DIALECT)
        connection.execute(sql.render(exp.Create(kind="MACRO", exists=True, this=named, expression=body)))
