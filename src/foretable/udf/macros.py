"""The SQL around a version: the macros ``predict_<model>(row)`` and ``FROM predict_<model>(table)``.

A macro hands the features to ``foretable_score`` by name and checks their types on the way. ``typeof``
of a column is folded while a query is planned, so the checks cost nothing per row.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable import sql
from foretable.registry.signature import TYPES, Feature, Signature
from foretable.udf.dispatch import SCORE, SCORE_ONCE

ROW = "features_of"
"""The macros' name for the row: unlikely to be a column's."""

_EXPECTED = {"number": "a number", "boolean": "a boolean", "category": "text"}

_SCORED = "foretable_scored"
_TABLE = """
SELECT * EXCLUDE (foretable_scored), foretable_scored AS $output, $label AS $label_name, $version AS model_version
FROM (SELECT features_of.*, $score AS foretable_scored FROM query_table(input) AS features_of)
"""


def row_macro(name: str, signature: Signature, key: str) -> str:
    """``CREATE OR REPLACE MACRO main.<name>(row)``: the score of one row."""
    return _create(name, [ROW], _score_call(SCORE, signature, key, name))


def table_macro(name: str, signature: Signature, key: str, version: int) -> str:
    """``CREATE OR REPLACE MACRO main.<name>(table) AS TABLE``: all columns, the score, label and version."""
    label = f"{signature.model}_label"
    query = sql.parse(
        sql.statement(
            _TABLE,
            output=exp.to_identifier(signature.output, quoted=True),
            label=_label(signature.threshold),
            label_name=exp.to_identifier(label, quoted=True),
            version=exp.Literal.number(version),
            score=_score_call(SCORE_ONCE, signature, key, name),
        )
    )
    if signature.task == "regression":
        query.set("expressions", [column for column in query.expressions if column.alias != label])
    return _create(name, ["input"], query, exp.ReturnsProperty(this=exp.Schema(this=exp.var("TABLE")), is_table=True))


def _score_call(function: str, signature: Signature, key: str, caller: str) -> exp.Expr:
    arguments = [_checked(feature, caller) for feature in signature.features]
    return exp.Anonymous(this=function, expressions=[exp.Literal.string(key), *arguments])


def _checked(feature: Feature, caller: str) -> exp.Expr:
    value = sql.column(feature.name, ROW)
    expected, accepted = _EXPECTED[feature.kind], f'{TYPES[feature.kind]}|"NULL"'
    given = exp.func("typeof", value.copy(), dialect=sql.DIALECT)
    parts = [exp.Literal.string(f'{caller}: column "{feature.name}" is '), given, exp.Literal.string(f", {expected} is expected")]
    message = exp.DPipe(this=exp.DPipe(this=parts[0], expression=parts[1]), expression=parts[2])
    right = exp.func("regexp_full_match", given.copy(), exp.Literal.string(accepted), dialect=sql.DIALECT)
    return (
        exp.case()
        .when(right, exp.cast(value.copy(), feature.sql_type, dialect=sql.DIALECT))
        .else_(exp.cast(exp.Anonymous(this="error", expressions=[message]), feature.sql_type, dialect=sql.DIALECT))
    )


def _label(threshold: float) -> exp.Expr:
    limit, score = exp.Literal.number(repr(threshold)), sql.column(_SCORED)
    # Two conditions, so that the label of a NULL score is NULL.
    label = exp.case().when(exp.GTE(this=score, expression=limit), "1").when(exp.LT(this=score, expression=limit), "0")
    return exp.cast(label, "INTEGER", dialect=sql.DIALECT)


def _create(name: str, parameters: Sequence[str], body: exp.Expr, *properties: exp.Expr) -> str:
    # In schema main: a macro must not land in whatever schema a session USEs.
    named = exp.UserDefinedFunction(
        this=sql.table(f"main.{name}"),
        expressions=[exp.to_identifier(parameter) for parameter in parameters],
        wrapped=True,
    )
    tree = exp.Create(kind="MACRO", replace=True, this=named, expression=body)
    if properties:
        tree.set("properties", exp.Properties(expressions=list(properties)))
    return sql.render(tree)
