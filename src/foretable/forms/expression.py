"""A model as one SQL expression per output."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable.forms.expression_finish import finished
from foretable.forms.expression_linear import linear_outputs
from foretable.forms.form import Form, Linear
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
    raise NotImplementedError
