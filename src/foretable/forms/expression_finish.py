"""From raw outputs to answers, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable.forms.evaluate import segments
from foretable.forms.expression_parts import choose, is_finite, less, number, times, total
from foretable.forms.form import Finish


def finished(finish: Finish, raws: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The answers for raw outputs, whose trees they take: one, or a probability per class; NULL for NULL."""
    if finish.knots:
        return [_between_knots(finish, raw) for raw in raws]
    values = [_straight(finish, raw) for raw in raws]
    if finish.link == "sigmoid":
        one = number(1.0)
        return [_over(one, exp.Add(this=one.copy(), expression=_exponential(exp.Neg(this=exp.Paren(this=value))))) for value in values]
    if finish.link == "exp":
        return [_exponential(value) for value in values]
    return _softmax(values) if finish.link == "softmax" else values


def _straight(finish: Finish, raw: exp.Expr) -> exp.Expr:
    value = raw if finish.slope == 1.0 else times(raw, finish.slope)
    return exp.Paren(this=exp.Add(this=value, expression=number(finish.offset))) if finish.offset else value


def _softmax(values: Sequence[exp.Expr]) -> list[exp.Expr]:
    largest = exp.Greatest(this=values[0].copy(), expressions=[value.copy() for value in values[1:]])
    # With an infinite one there is no share to speak of.
    shares = [_exponential(exp.Sub(this=value.copy(), expression=largest.copy())) for value in values]
    whole = total([share.copy() for share in shares])
    return [choose(exp.null(), (is_finite(largest), _over(share, whole.copy()))) for share in shares]


def _between_knots(finish: Finish, raw: exp.Expr) -> exp.Expr:
    starts, levels, slopes = (part.tolist() for part in segments(finish))

    def line(at: int) -> exp.Expr:
        if slopes[at] == 0.0:
            return number(levels[at])
        return exp.Add(this=number(levels[at]), expression=times(less(raw.copy(), starts[at]), slopes[at]))

    def search(first: int, last: int) -> exp.Expr:
        if first == last:
            return line(first)
        middle = (first + last + 1) // 2
        below = exp.LT(this=raw.copy(), expression=number(starts[middle]))
        return choose(search(middle, last), (below, search(first, middle - 1)))

    lowest = levels[starts.count(starts[0]) - 1]  # of steps at one raw the last counts, below it too
    below = exp.LT(this=raw.copy(), expression=number(starts[0]))
    reached = exp.GTE(this=raw.copy(), expression=number(starts[0]))
    return choose(exp.null(), (below, number(lowest)), (reached, search(0, len(starts) - 1)))


def _exponential(value: exp.Expr) -> exp.Expr:
    return exp.Exp(this=value)


def _over(numerator: exp.Expr, denominator: exp.Expr) -> exp.Expr:
    # Both are floating point and the denominator is never 0: a dialect has nothing to cast or to guard.
    return exp.Div(this=numerator, expression=exp.Paren(this=denominator), typed=True, safe=False)
