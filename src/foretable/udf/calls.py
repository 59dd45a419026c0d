"""What macros are made of: the checked features of a row, and the answer of a version for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlglot import exp

from foretable import sql
from foretable.forms.expression import expression, raw_expression
from foretable.forms.expression_finish import finished
from foretable.forms.form import Form
from foretable.registry.signature import TYPES, Feature, Signature
from foretable.udf.dispatch import EXPLAIN, ONCE, SCORE, SCORES

ROW = "features_of"
"""The macros' name for the row: unlikely to be a column's."""

_EXPECTED = {"number": "a number", "boolean": "a boolean", "category": "text"}


class Answers(NamedTuple):
    """How a version answers in SQL: by the Python function with ``key``, or as an expression of ``form``."""

    signature: Signature
    key: str = ""
    form: Form | None = None


def answer(answers: Answers, caller: str, *, once: bool = False) -> exp.Expr:
    """What the model gives for the row: a DOUBLE, or the DOUBLE[] of a multiclass model.

    Parameters
    ----------
    answers
        The version.
    caller
        The name that an error tells.
    once
        The optimiser may not run the function twice for a row.
    """
    features = answers.signature.features
    if answers.form is None:
        function = (SCORES if answers.signature.task == "multiclass" else SCORE) + (ONCE if once else "")
        return exp.Anonymous(this=function, expressions=[exp.Literal.string(answers.key), *(_checked(f, caller) for f in features)])
    found = in_sql(answers.signature, answers.form, [_taken(feature) for feature in features])
    return unless_mistaken(answers.signature, found, caller)


def unless_mistaken(signature: Signature, found: exp.Expr, caller: str) -> exp.Expr:
    """What was found for the row, or an error that names the column whose type the model does not read."""
    mistakes = [(exp.Not(this=_right(feature)), _mistake(feature, caller)) for feature in signature.features]
    return exp.Case(ifs=[exp.If(this=wrong, true=told) for wrong, told in mistakes], default=found)


_WEIGHTS = """
SELECT list_transform([$raws], lambda foretable_r : CASE
    WHEN isfinite(list_max(foretable_r)) AND list_count(foretable_r) = len(foretable_r)
    THEN list_transform(foretable_r, lambda foretable_v : exp(foretable_v - list_max(foretable_r))) END)[1]
"""
_SHARES = """
SELECT list_transform([$weights], lambda foretable_s :
    list_transform(foretable_s, lambda foretable_v : foretable_v / list_sum(foretable_s)))[1]
"""
_BETWEEN = "SELECT list_transform([$raw], lambda foretable_r : $answer)[1]"


def in_sql(signature: Signature, form: Form, columns: Sequence[exp.Expr]) -> exp.Expr:
    """The answer of a form over columns of the types of the signature: a DOUBLE, or the DOUBLE[] of a multiclass model."""
    if form.finish.link == "softmax":
        # Over a list: a raw output is written once, not for every two classes, which made queries of seconds to plan.
        raws = finished(replace(form.finish, link="identity"), raw_expression(form, signature, columns))
        return filled(_SHARES, weights=filled(_WEIGHTS, raws=exp.Array(expressions=raws)))
    if form.finish.knots:
        # So too: a search between knots compares it at each of its steps.
        raw, (answer,) = raw_expression(form, signature, columns), finished(form.finish, [sql.column("foretable_r")])
        return filled(_BETWEEN, raw=raw[0], answer=answer)
    found = expression(form, signature, columns)
    if signature.task != "multiclass":
        return found[0]
    # One class without a probability leaves none for the others.
    return exp.case().when(exp.Is(this=found[0].copy(), expression=exp.null()), exp.null()).else_(exp.Array(expressions=found))


def filled(template: str, **parts: exp.Expr) -> exp.Expr:
    """The expression of a ``SELECT``, with a tree for each ``$name``."""
    found: exp.Expr = sql.tree(template, **parts).expressions[0]
    return found


def reasons(signature: Signature, key: str, wanted: exp.Expr, caller: str) -> exp.Expr:
    """The reasons of the row, as many as ``wanted``."""
    most = exp.cast(wanted, "INTEGER", dialect=sql.DIALECT)
    return exp.Anonymous(this=EXPLAIN, expressions=[exp.Literal.string(key), most, *(_checked(f, caller) for f in signature.features)])


def _checked(feature: Feature, caller: str) -> exp.Expr:
    told = exp.cast(_mistake(feature, caller), feature.sql_type, dialect=sql.DIALECT)
    return exp.case().when(_right(feature), _taken(feature)).else_(told)


def _taken(feature: Feature) -> exp.Expr:
    return exp.cast(sql.column(feature.name, ROW), feature.sql_type, dialect=sql.DIALECT)


def _given(feature: Feature) -> exp.Expr:
    return exp.func("typeof", sql.column(feature.name, ROW), dialect=sql.DIALECT)


def _right(feature: Feature) -> exp.Expr:
    """Whether the column has a type that the model reads; folded while a query is planned, so it costs nothing per row."""
    accepted = exp.Literal.string(f'{TYPES[feature.kind]}|"NULL"')
    return exp.func("regexp_full_match", _given(feature), accepted, dialect=sql.DIALECT)


def _mistake(feature: Feature, caller: str) -> exp.Expr:
    begins = exp.Literal.string(f'{caller}: column "{feature.name}" is ')
    ends = exp.Literal.string(f", {_EXPECTED[feature.kind]} is expected")
    message = exp.DPipe(this=exp.DPipe(this=begins, expression=_given(feature)), expression=ends)
    return exp.Anonymous(this="error", expressions=[message])
