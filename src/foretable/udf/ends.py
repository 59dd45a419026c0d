"""The interval around a prediction in SQL, bit for bit as ``registry.intervals`` computes it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from foretable.forms.expression_parts import choose, number
from foretable.registry.intervals import Intervals, Line
from foretable.sql import DIALECT, column
from foretable.udf.calls import filled

TYPE = "STRUCT(low DOUBLE, high DOUBLE)"
_ONCE = "SELECT list_transform($alone, lambda foretable_p : $made)[1]"
_BOTH = "SELECT CASE WHEN $prediction IS NOT NULL THEN {'low': $low, 'high': $high} END"
_LOW = "SELECT CASE WHEN $prediction IS NOT NULL THEN least($prediction, greatest($least, $line)) END"
_HIGH = "SELECT CASE WHEN $prediction IS NOT NULL THEN greatest($prediction, $line) END"


def interval(intervals: Intervals | None, prediction: exp.Expr) -> exp.Expr:
    """Both ends as a STRUCT; NULL without a prediction or intervals.

    Parameters
    ----------
    intervals
        Those of the version.
    prediction
        A column: it is written many times.
    """
    if intervals is None or not intervals.low:
        return exp.cast(exp.null(), TYPE, dialect=DIALECT)
    low, high = ends(intervals, prediction)
    return filled(_BOTH, prediction=prediction.copy(), low=low, high=high)


def interval_once(intervals: Intervals | None, prediction: exp.Expr) -> exp.Expr:
    """The same around whatever expression, which is computed once."""
    # Not [prediction], which sqlglot writes as ARRAY(…) where the prediction has a query in it.
    alone = exp.Anonymous(this="list_value", expressions=[prediction])
    return filled(_ONCE, alone=alone, made=interval(intervals, column("foretable_p")))


def ends(intervals: Intervals, prediction: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """The low and the high end; parameters as for :func:`interval`."""
    if not intervals.low:
        return exp.cast(exp.null(), "DOUBLE"), exp.cast(exp.null(), "DOUBLE")
    least = number(intervals.least)
    low, high = (_piecewise(intervals.borders, lines, prediction) for lines in (intervals.low, intervals.high))
    return filled(_LOW, prediction=prediction.copy(), least=least, line=low), filled(_HIGH, prediction=prediction.copy(), line=high)


def _piecewise(borders: Sequence[float], lines: Sequence[Line], prediction: exp.Expr) -> exp.Expr:
    pieces = [_line(line, prediction) for line in lines]
    upto = (exp.LTE(this=prediction.copy(), expression=number(border)) for border in borders)
    return choose(pieces[-1], *zip(upto, pieces, strict=False)) if borders else pieces[0]


def _line(line: Line, prediction: exp.Expr) -> exp.Expr:
    at, by = line
    if by == 0:
        return number(at)
    return exp.Paren(this=exp.Add(this=number(at), expression=exp.Mul(this=number(by), expression=prediction.copy())))
