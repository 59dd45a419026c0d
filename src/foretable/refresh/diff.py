"""What differs between the rows that a table holds and those just computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from foretable.sql import column

FLOATS = ("DOUBLE", "FLOAT", "REAL")
NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
AS_TEXT = ("INTERVAL", "TIME WITH TIME ZONE")


def differs(columns: Mapping[str, str], left: str, right: str) -> exp.Expr:
    """Whether two rows differ in any column, told to the bit.

    ``IS DISTINCT FROM`` takes 0.0 for -0.0, one month for 30 days, and under a collation ``a`` for ``A``:
    those types are compared otherwise.
    """
    return exp.or_(*(_differs(kind, column(name, left), column(name, right)) for name, kind in columns.items())) if columns else exp.false()


def _differs(kind: str, left: exp.Expr, right: exp.Expr) -> exp.Expr:
    upper = kind.upper()
    if upper.startswith(NESTED) or upper.endswith("]"):
        return _distinct(_call("to_json", left), _call("to_json", right))
    if upper.startswith(AS_TEXT):
        return _distinct(exp.cast(left, "VARCHAR"), exp.cast(right, "VARCHAR"))
    if upper in FLOATS:
        signs = exp.NEQ(this=_call("signbit", left.copy()), expression=_call("signbit", right.copy()))
        zero = exp.EQ(this=left.copy(), expression=exp.Literal.number(0))
        return exp.paren(exp.or_(_distinct(left, right), exp.and_(zero, signs)))
    if upper.startswith("VARCHAR"):
        return _distinct(_call("encode", left), _call("encode", right))  # a collation is not told among the types
    return _distinct(left, right)


def _distinct(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.NullSafeNEQ(this=left, expression=right)


def _call(name: str, argument: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument])


def equal_keys(keys: Iterable[str], left: str, right: str) -> exp.Expr:
    """``n.customer_id = o.customer_id AND …``; a key of ours is never NULL."""
    return exp.and_(*(exp.EQ(this=column(key, left), expression=column(key, right)) for key in keys))
