"""A linear form as SQL: one sum, to which each column adds its product, or what stands for a value that is missing.

One comparison per column tells a number from NULL and NaN (which COALESCE does not see), and is a tenth of what a query of a
million rows takes. Of a column without a weight for its gaps it is not asked at first: where that plain sum is a number,
nothing was missing, and it is the careful one to the last bit; DuckDB makes the careful one for other rows only.
DuckDB evaluates a sum once, though it stands twice: in the question and in the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from sqlglot import exp

from foretable.forms.expression_parts import all_null, by_level, choose, is_number, less, number, times, total
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
    careful = [unless_unknown(sum_, columns) for sum_ in linear_sums(form, features, columns)]
    # A column with a weight for its gaps had some; asked twice, its rows would cost twice.
    trusted = [j for j, f in enumerate(features) if f.kind == "number" and not form.per_gap[:, j].any()]
    if not trusted:
        return careful
    plain = [_sum(form, k, features, columns, trusted) for k in range(form.outputs)]
    return [choose(rest, (is_number(sum_), sum_.copy())) for sum_, rest in zip(plain, careful, strict=True)]


def unless_unknown(sum_: exp.Expr, columns: Sequence[exp.Expr]) -> exp.Expr:
    """NULL for a sum that is NaN, or of nothing but NULLs. The first question is on the sum, so DuckDB makes that one first, once."""
    return choose(exp.null(), (is_number(sum_), choose(sum_.copy(), (all_null(columns), exp.null()))))


def linear_sums(form: Linear, features: Sequence[Feature], columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The sums behind ``linear_outputs``, which an empty row has too; NaN where infinities cancel."""
    return [_sum(form, k, features, columns) for k in range(form.outputs)]


def _sum(form: Linear, k: int, features: Sequence[Feature], columns: Sequence[exp.Expr], trusted: Collection[int] = ()) -> exp.Expr:
    """``trusted``: numbers that are not asked whether they are missing; the sum is none where they are."""
    folded = np.abs(form.per_unit[k] * form.mean) <= FOLDED
    offset = form.offset[k] - np.sum(np.where(folded, form.per_unit[k] * form.mean, 0.0))
    shifts = np.where(folded, 0.0, form.mean)
    # Where the mean is part of the offset, what stands for a missing value takes it back.
    gaps = form.per_unit[k] * np.where(folded, form.fill + form.mean, form.fill) + form.per_gap[k]
    terms = [number(offset)]
    for j, (feature, column) in enumerate(zip(features, columns, strict=True)):
        if feature.kind == "category":
            terms.append(_level(form.per_level[j][k], feature.vocabulary, column))
        else:
            term = _boolean if feature.kind == "boolean" else _product if j in trusted else _number
            terms.append(term(column, float(form.per_unit[k, j]), float(shifts[j]), float(gaps[j])))
    return total(terms)


def _number(column: exp.Expr, weight: float, shift: float, gap: float) -> exp.Expr:
    return choose(number(gap), (is_number(column), _product(column, weight, shift, gap)))


def _product(column: exp.Expr, weight: float, shift: float, _gap: float) -> exp.Expr:
    return times(less(column.copy(), shift) if shift else column.copy(), weight)


def _boolean(column: exp.Expr, weight: float, shift: float, gap: float) -> exp.Expr:
    yes, no = (number(weight * (value - shift)) for value in (1.0, 0.0))
    return choose(number(gap), (column.copy(), yes), (exp.Not(this=column.copy()), no))


def _level(weights: np.ndarray, vocabulary: Sequence[str], column: exp.Expr) -> exp.Expr:
    known = dict(zip(vocabulary, weights[FIRST_SLOT:].tolist(), strict=True))
    return by_level(column, known, float(weights[UNSEEN_SLOT]), float(weights[NULL_SLOT]))
