"""A model as one SQL expression per output."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable import sql
from foretable.forms.expression_finish import finished
from foretable.forms.expression_linear import linear_outputs
from foretable.forms.expression_trees import tree_columns, tree_outputs, unless_empty
from foretable.forms.form import Form, Linear, Trees
from foretable.registry.signature import Signature


def expression(form: Form, signature: Signature, columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """What a model answers, in DuckDB's SQL: one expression, or one per class.

    The order of its operations is fixed, so scores are the same bits for any number of threads.

    Parameters
    ----------
    form
        The model.
    signature
        What it reads; categories are told apart by its vocabularies.
    columns
        A DOUBLE, BOOLEAN or VARCHAR expression per feature, in the order of the signature.

    Returns
    -------
    list of sqlglot.exp.Expr
        DOUBLE; NULL where all columns are NULL or where infinities cancel.
    """
    return finished(form.finish, raw_expression(form, signature, columns))


def raw_expression(form: Form, signature: Signature, columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The raw outputs, before ``form.finish``; see ``expression``."""
    if isinstance(form, Linear):
        return linear_outputs(form, signature.features, columns)
    return [_layered(form, output, columns, signature) for output in range(form.outputs)]


def _layered(form: Trees, output: int, columns: Sequence[exp.Expr], signature: Signature) -> exp.Expr:
    """A subquery, so that what hundreds of branches read is made ready once: a category's code, a number without NaN."""
    ready = tree_columns(form, signature.features, columns)
    names = [sql.column(f"c{i}", "ready") for i in range(len(ready))]
    rows = exp.select(*(exp.alias_(value, f"c{i}", quoted=True) for i, value in enumerate(ready))).subquery("ready", copy=False)
    raw = tree_outputs(form, signature.features, names)[output]
    return unless_empty(exp.select(raw, copy=False).from_(rows, copy=False).subquery(copy=False), columns)
