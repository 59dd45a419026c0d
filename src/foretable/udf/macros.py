"""The macros of a version, by row and by table; ``suffix`` is that of an alias or number: ``__challenger``, ``__v4``.

For classes of 0 and 1 and for numbers ``predict_<model>(row)`` is what the model gives, and
``predict_<model>_label(row)`` what follows from a probability at the threshold of the signature. For several
classes they are the most probable class, and ``predict_<model>_probabilities(row)`` those of all. Numbers have
``predict_<model>_interval(row)``, and ``predict_<model>_interval_of(prediction)`` for who has the prediction already.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable import sql
from foretable.registry.signature import Signature
from foretable.udf.calls import ROW, Answers, answer, filled, reasons
from foretable.udf.ends import ends, interval_once
from foretable.udf.explained import REASON

_SCORED = "foretable_scored"
TABLE = "foretable_table"
"""The macros' name for the table: a column of that name would be taken for it."""
_TABLE = """
SELECT * EXCLUDE (foretable_scored)
FROM (SELECT features_of.*, $answer AS foretable_scored FROM query_table(foretable_table) AS features_of)
"""
_FROM_LIST = "SELECT list_transform([$answer], lambda foretable_p : $made)[1]"
"""An expression that reads the probabilities more than once, and has them computed once."""
PREDICTION = "foretable_prediction"
"""The macros' name for what a model has predicted."""
_CLASS = "SELECT list_extract($classes, list_position(foretable_p, list_max(foretable_p)))"
_MAP = "SELECT map($classes, $answer)"


def macros(answers: Answers, version: int, suffix: str) -> list[str]:
    """``CREATE OR REPLACE MACRO`` for ``predict_`` in all its forms.

    Parameters
    ----------
    answers
        The version.
    version
        Its number.
    suffix
        What ends the names.
    """
    signature = answers.signature
    name, label = f"predict_{signature.model}{suffix}", f"predict_{signature.model}_label{suffix}"
    if signature.task == "multiclass":
        several = [
            _create(name, [ROW], _class(signature, answer(answers, name))),
            _create(label, [ROW], _class(signature, answer(answers, label))),
            _create(f"predict_{signature.model}_probabilities{suffix}", [ROW], _probabilities(signature, answer(answers, name))),
        ]
    else:
        several = [_create(name, [ROW], answer(answers, name))]
    if signature.task == "classification":
        several.append(_create(label, [ROW], label_of(signature, answer(answers, label), ROW)))
    if signature.task == "regression":
        called, known = f"predict_{signature.model}_interval{suffix}", f"predict_{signature.model}_interval_of{suffix}"
        several.append(_create(called, [ROW], interval_once(signature.intervals, answer(answers, called))))
        several.append(_create(known, [PREDICTION], interval_once(signature.intervals, exp.column(PREDICTION))))
    return [*several, _table(answers, version, name)]


def explain_macros(signature: Signature, key: str, exact_key: str, suffix: str) -> list[str]:
    """``explain_<model>(row, top)`` and the same by exact Shapley values; without a key, the macro tells that there is none."""
    name = f"explain_{signature.model}{suffix}"
    return [_explain(signature, name, key), _explain(signature, f"{name}__exact", exact_key)]


def _explain(signature: Signature, name: str, key: str) -> str:
    if key:
        body = reasons(signature, key, exp.column("top"), name)
    else:
        told = exp.Anonymous(this="error", expressions=[exp.Literal.string(f"{name}: the version has no explanations")])
        body = exp.cast(told, f"{REASON}[]", dialect=sql.DIALECT)
    return _create(name, parameters(ROW, reasons=True), body)


def parameters(row: str, *, reasons: bool) -> list[exp.Expr]:
    """What a function takes: the row, and where it gives reasons, how many are wanted."""
    wanted = [exp.PropertyEQ(this=exp.to_identifier("top"), expression=exp.null())] if reasons else []
    return [exp.to_identifier(row), *wanted]


def _table(answers: Answers, version: int, name: str) -> str:
    """``FROM predict_<model>(table)``: all columns, what the model gives, label and version."""
    query = sql.tree(_TABLE, answer=answer(answers, name, once=True))
    given = {**_given(answers.signature), "model_version": exp.Literal.number(version)}
    query = query.select(*(exp.alias_(value, column, quoted=True, copy=False) for column, value in given.items()), copy=False)
    return _create(name, [TABLE], query, exp.ReturnsProperty(this=exp.Schema(this=exp.var("TABLE")), is_table=True))


def _given(signature: Signature) -> dict[str, exp.Expr]:
    """The columns that the table form adds, from the answer that it has computed."""
    found = sql.column(_SCORED)
    if signature.task == "multiclass":
        return {signature.output: _class(signature, found), f"{signature.model}_probabilities": _probabilities(signature, found)}
    if signature.task == "regression" and signature.intervals is not None:
        low, high = ends(signature.intervals, found)
        return {signature.output: found, f"{signature.output}_low": low, f"{signature.output}_high": high}
    if signature.task == "regression":
        return {signature.output: found}
    return {signature.output: found, f"{signature.model}_label": label_of(signature, found, "")}


def label_of(signature: Signature, score: exp.Expr, of: str) -> exp.Expr:
    """1 from the threshold on, else 0; NULL without a score.

    Parameters
    ----------
    signature
        It has the threshold, and those of single segments.
    score
        The probability.
    of
        The table alias that the segment's column belongs to.
    """
    by = signature.by_segment
    limit = _number(signature.threshold)
    if by is not None and by.thresholds:
        segment = exp.cast(sql.column(by.column, of), "VARCHAR", dialect=sql.DIALECT)
        cases = [exp.If(this=exp.Literal.string(value), true=_number(threshold)) for value, threshold in by.thresholds]
        limit = exp.Case(this=segment, ifs=cases, default=limit)
    return exp.cast(exp.Paren(this=exp.GTE(this=score, expression=limit)), "INTEGER", dialect=sql.DIALECT)


def _number(value: float) -> exp.Expr:
    return exp.cast(exp.Literal.number(repr(value)), "DOUBLE", dialect=sql.DIALECT)


def _class(signature: Signature, found: exp.Expr) -> exp.Expr:
    made = filled(_CLASS, classes=_classes(signature))
    return filled(_FROM_LIST, answer=found, made=made)


def _probabilities(signature: Signature, found: exp.Expr) -> exp.Expr:
    return filled(_MAP, classes=_classes(signature), answer=found)


def _classes(signature: Signature) -> exp.Expr:
    return exp.Array(expressions=[exp.Literal.string(each) for each in signature.classes])


def _create(name: str, parameters: Sequence[str | exp.Expr], body: exp.Expr, *properties: exp.Expr) -> str:
    # In schema main: a macro must not land in whatever schema a session USEs.
    named = exp.UserDefinedFunction(
        this=sql.table(f"main.{name}"),
        expressions=[exp.to_identifier(parameter) if isinstance(parameter, str) else parameter for parameter in parameters],
        wrapped=True,
    )
    tree = exp.Create(kind="MACRO", replace=True, this=named, expression=body)
    if properties:
        tree.set("properties", exp.Properties(expressions=list(properties)))
    return sql.render(tree, copy=False)
