"""The small pieces that SQL expressions of models are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

WIDE = 32
"""So many terms are added in one line; DuckDB refuses expressions more than 1,000 deep."""


def number(value: float) -> exp.Expr:
    """A DOUBLE that reads back as the same one: without an exponent DuckDB would read a DECIMAL. NaN stands for none: NULL."""
    if math.isnan(value):
        return exp.null()
    text = repr(abs(float(value)))
    # Literal.number would write a negative number its own way, and lose the exponent.
    literal = exp.Literal(this=text if "e" in text else f"{text}e0", is_string=False)
    return exp.Neg(this=literal) if math.copysign(1.0, value) < 0 else literal


def total(terms: Iterable[exp.Expr]) -> exp.Expr:
    """The sum of terms in a fixed order, of little depth however many there are."""
    left = list(terms)
    while len(left) > 1:
        left = [_line(left[start : start + WIDE]) for start in range(0, len(left), WIDE)]
    return left[0]


def times(value: exp.Expr, factor: float) -> exp.Expr:
    """``value`` multiplied by a number."""
    return exp.Mul(this=value, expression=number(factor))


def less(value: exp.Expr, by: float) -> exp.Expr:
    """``(value - by)``."""
    return exp.Paren(this=exp.Sub(this=value, expression=number(by)))


def choose(otherwise: exp.Expr, *branches: tuple[exp.Expr, exp.Expr]) -> exp.Expr:
    """CASE WHEN … THEN …, ELSE ``otherwise``."""
    return exp.Case(ifs=[exp.If(this=condition, true=value) for condition, value in branches], default=otherwise)


def by_level(value: exp.Expr, known: Mapping[str, float], unseen: float, missing: float | None) -> exp.Expr:
    """A number for each value of a text column; ``missing`` is that of NULL, None for NULL itself."""
    branches = [(is_null(value), exp.null() if missing is None else number(missing))] if missing != unseen else []
    branches += [(exp.EQ(this=value.copy(), expression=exp.Literal.string(level)), number(n)) for level, n in known.items() if n != unseen]
    return choose(number(unseen), *branches) if branches else number(unseen)


def is_null(value: exp.Expr) -> exp.Expr:
    """``value IS NULL``."""
    return exp.Is(this=value.copy(), expression=exp.null())


def all_null(columns: Sequence[exp.Expr]) -> exp.Expr:
    """Whether a row has nothing: the empty side of an outer join."""
    return exp.and_(*[is_null(column) for column in columns], copy=False)


def is_number(value: exp.Expr) -> exp.Expr:
    """False or NULL for NaN and NULL, in every dialect: NaN is the greatest number to some, and beyond comparing to others."""
    return exp.LTE(this=value.copy(), expression=infinity())


def is_finite(value: exp.Expr) -> exp.Expr:
    """False or NULL for NaN, NULL and infinities."""
    return exp.LT(this=exp.Abs(this=value.copy()), expression=infinity())


def infinity(negative: bool = False) -> exp.Expr:
    """The DOUBLE above all numbers, or below them."""
    return exp.cast(exp.Literal.string("-inf" if negative else "inf"), "DOUBLE")


def _line(terms: Sequence[exp.Expr]) -> exp.Expr:
    sum_, *others = terms
    for term in others:
        sum_ = exp.Add(this=sum_, expression=term)
    return exp.Paren(this=sum_) if others else sum_
