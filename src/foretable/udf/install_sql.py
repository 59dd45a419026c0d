"""Macros of a model that any DuckDB client can call: nothing in them but SQL."""

from __future__ import annotations

from sqlglot import exp

from foretable import sql
from foretable.errors import UsageError
from foretable.forms.expression_query import model_query, row_query
from foretable.forms.form import Form, Linear
from foretable.registry.signature import Signature
from foretable.udf.calls import ROW, Answers, answer, unless_mistaken
from foretable.udf.ends import interval_once
from foretable.udf.macros import TABLE


def sql_macros(signature: Signature, form: Form, version: int) -> tuple[str, list[str]]:
    """The name ``<model>_sql`` and what creates it, by row and by table; with intervals, ``<model>_sql_interval`` by row.

    Parameters
    ----------
    signature
        What the version reads and gives.
    form
        The model.
    version
        Its number.

    Raises
    ------
    UsageError
        A feature has the name by which the macros know the row or the table.
    """
    for feature in signature.features:
        if feature.name.lower() in (ROW, TABLE):
            what = f"{signature.model} reads a column {feature.name!r}, which its SQL could not tell from the row itself"
            raise UsageError(what, hint="rename the column, or export the SQL to a file: --output")
    name = f"{signature.model}_sql"
    table = exp.Anonymous(this="query_table", expressions=[exp.column(TABLE)])
    by_table = model_query(form, signature, version, exp.Table(this=table))
    returns = exp.Properties(expressions=[exp.ReturnsProperty(this=exp.Schema(this=exp.var("TABLE")), is_table=True)])
    statements = [_create(name, ROW, _by_row(signature, form, name)), _create(name, TABLE, by_table, returns)]
    if signature.intervals is not None:
        called = f"{name}_interval"
        statements.append(_create(called, ROW, interval_once(signature.intervals, _by_row(signature, form, called))))
    return name, statements


def _by_row(signature: Signature, form: Form, name: str) -> exp.Expr:
    if isinstance(form, Linear) and signature.task != "multiclass":
        return answer(Answers(signature, form=form), name)
    # A macro hands its row into a query only whole.
    row = exp.select(exp.alias_(exp.column(ROW), "row", quoted=True)).subquery("given")
    features = [exp.alias_(sql.column(feature.name, "row"), feature.name, quoted=True) for feature in signature.features]
    rows = exp.select(*features).from_(row).subquery("features")
    found = row_query(form, signature, rows).subquery()
    return unless_mistaken(signature, found, name)


def _create(name: str, parameter: str, body: exp.Expr, properties: exp.Properties | None = None) -> str:
    named = exp.UserDefinedFunction(this=sql.table(f"main.{name}"), expressions=[exp.to_identifier(parameter)], wrapped=True)
    return sql.render(exp.Create(kind="MACRO", replace=True, this=named, expression=body, properties=properties))
