"""A linear form as SQL: one sum of products, and a longer one for rows that lack something.

Where every number is there, a row costs a multiplication and an addition per column. A NULL or NaN among
the columns makes that sum NULL or NaN, and only such rows are then asked column by column what is missing.
DuckDB evaluates the short sum once, though it stands twice: in the question and in the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlglot import exp

from foretable.forms.expression_parts import all_null, by_level, choose, is_finite, is_nan, less, number, times, total
from foretable.forms.form import FIRST_SLOT, NULL_SLOT, UNSEEN_SLOT, Linear
from foretable.registry.signature import Feature

FOLDED = 32.0
"""A mean that weighs less is part of the offset; from a larger one it would take digits of the row's own value."""


def linear_outputs(form: Linear, features: Sequence[Feature], columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The raw outputs of a row; NULL where all its columns are, or where infinities cancel.

    Parameters
    ----------
    form
        The model.
    features
        Those of its signature.
    columns
        A DOUBLE, BOOLEAN or VARCHAR expression per feature.
    """
    return [_output(form, k, features, columns) for k in range(form.outputs)]


def _output(form: Linear, k: int, features: Sequence[Feature], columns: Sequence[exp.Expr]) -> exp.Expr:
    folded = np.abs(form.per_unit[k] * form.mean) <= FOLDED
    offset = number(form.offset[k] - np.sum(np.where(folded, form.per_unit[k] * form.mean, 0.0)))
    gaps = np.any(form.per_gap != 0, axis=0)
    terms = [_Term(form, k, j, features[j], columns[j], bool(folded[j])) for j in range(len(features))]
    short = total([offset, *[term.filled() if gaps[j] else term.bare() for j, term in enumerate(terms)]])
    long = total([offset.copy(), *[term.asked() for term in terms]])
    if all(feature.kind != "number" or gaps[j] for j, feature in enumerate(features)):
        # No NULL is seen in this sum, so it is asked here whether there is anything but NULLs.
        answer = choose(short.copy(), (all_null(columns), exp.null()))
    else:
        answer = short.copy()
    return choose(choose(long, (all_null(columns), exp.null()), (is_nan(long), exp.null())), (is_finite(short), answer))


class _Term:
    """What one column adds to one output."""

    def __init__(self, form: Linear, k: int, j: int, feature: Feature, column: exp.Expr, folded: bool) -> None:
        self.feature, self.column = feature, column
        self.weight, self.mean = float(form.per_unit[k, j]), float(form.mean[j])
        self.folded = folded
        self.missing = float(self.weight * form.fill[j] + form.per_gap[k, j])
        self.levels = form.per_level[j][k] if feature.kind == "category" else np.empty(0)

    def bare(self) -> exp.Expr:
        """NULL for NULL and NaN for NaN, of a number; a boolean or category always has a value."""
        if self.feature.kind == "number":
            deviation = self.column.copy() if self.folded or not self.mean else less(self.column.copy(), self.mean)
            return times(deviation, self.weight)
        if self.feature.kind == "boolean":
            return self._boolean()
        known = dict(zip(self.feature.vocabulary, self.levels[FIRST_SLOT:].tolist(), strict=True))
        return by_level(self.column, known, float(self.levels[UNSEEN_SLOT]), float(self.levels[NULL_SLOT]))

    def filled(self) -> exp.Expr:
        """``bare``, with a value for NULL too."""
        return exp.Coalesce(this=self.bare(), expressions=[self._gap()]) if self.feature.kind == "number" else self.bare()

    def asked(self) -> exp.Expr:
        """``filled``, with a value for NaN too."""
        return choose(self.filled(), (is_nan(self.column), self._gap())) if self.feature.kind == "number" else self.bare()

    def _gap(self) -> exp.Expr:
        return number(self.missing + self.weight * self.mean if self.folded else self.missing)

    def _boolean(self) -> exp.Expr:
        shift = 0.0 if self.folded else self.mean
        yes, no = (number(self.weight * (value - shift)) for value in (1.0, 0.0))
        return choose(self._gap(), (self.column.copy(), yes), (exp.Not(this=self.column.copy()), no))
