"""Casts that lose nothing in silence: NULL where DuckDB would round, truncate or drop.

DuckDB reads '1.7' as the integer 2, '1.239' as the decimal 1.24, '2024-01-02 10:00' as a date, and
drops the offset of '2024-01-02T10:00+02:00' on its way to a TIMESTAMP.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from foretable.quality.relation import spelt, type_tree
from foretable.sql import parse

_WHOLE = (
    "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "HUGEINT", "INT128",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "UINT128",
)  # fmt: skip
_TEXT = ("VARCHAR", "TEXT", "CHAR")
_NARROWEST = """
CASE
    WHEN count($text) = 0 THEN 'VARCHAR'
    WHEN bool_and($text IS NULL OR $whole IS NOT NULL AND $numeral) THEN 'BIGINT'
    WHEN bool_and($text IS NULL OR $real IS NOT NULL AND $numeral AND NOT $long) THEN 'DOUBLE'
    WHEN bool_and($text IS NULL OR lower($text) IN ('true', 'false')) THEN 'BOOLEAN'
    WHEN bool_and($text IS NULL OR $day IS NOT NULL) THEN 'DATE'
    WHEN bool_and($text IS NULL OR $moment IS NOT NULL) THEN 'TIMESTAMP'
    ELSE 'VARCHAR'
END
"""
_OFFSET = r":\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)\s*$"


def is_text(kind: str) -> bool:
    """Whether a DuckDB type holds text."""
    return spelt(kind) in _TEXT


def from_text(text: Any, kind: str) -> Any:
    """A text read as a DuckDB type; NULL where it is not exactly a value of it.

    Whole numbers may end in ``.0``; a decimal may not have more digits than its scale, a date no time
    but midnight; a timestamp with an offset becomes UTC.
    """
    name = spelt(kind)
    cast = exp.TryCast(this=text, to=type_tree(kind))
    if is_text(kind):
        return text
    if name in _WHOLE:
        return _where_it_reads(text, r"\s*[+-]?[0-9]+(\.0+)?\s*", cast)
    if name.startswith("DECIMAL"):
        scale = name.rstrip(")").split(",")[-1].strip() if "," in name else "3"
        return _where_it_reads(text, rf"\s*[+-]?[0-9]*(\.[0-9]{{0,{scale}}}0*)?\s*", cast)
    if name in ("DOUBLE", "FLOAT", "REAL"):
        return _where_it_reads(text, r"[^_xX]*", cast)
    if name == "DATE":
        return _where_it_reads(text, r"\s*\d{4}-\d{1,2}-\d{1,2}([T ]00:00(:00(\.0+)?)?)?\s*", cast)
    if name.startswith("TIMESTAMP") and name not in ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"):
        zoned = exp.TryCast(this=text, to=type_tree("TIMESTAMPTZ"))
        utc = exp.cast(exp.func("timezone", exp.Literal.string("UTC"), zoned), type_tree(kind))
        return exp.Case().when(exp.func("regexp_matches", text, exp.Literal.string(_OFFSET)), utc).else_(cast)
    if name.startswith(("STRUCT", "MAP")) or name.endswith("]"):
        return exp.TryCast(this=exp.TryCast(this=text, to=type_tree("JSON")), to=type_tree(kind))
    return cast


def from_typed(value: Any, source: str, target: str) -> Any:
    """A value of one DuckDB type as another; NULL where casting it back would not give it again."""
    if spelt(source) == spelt(target):
        return value
    if is_text(source):
        return from_text(value, target)
    cast = exp.TryCast(this=value, to=type_tree(target))
    back = exp.TryCast(this=cast.copy(), to=type_tree(source))
    return exp.Case().when(exp.NullSafeEQ(this=back, expression=value.copy()), cast)


def inferred(text: Any) -> Any:
    """An aggregate that gives the narrowest type that every text of a column fits: ``BIGINT`` … ``VARCHAR``.

    Numbers written with leading zeros are names, not numbers: '0012' stays text.
    """
    numeral = exp.func("regexp_full_match", text, exp.Literal.string(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"))
    parts = {
        "text": text,
        "numeral": numeral,
        "long": exp.func("regexp_full_match", text, exp.Literal.string(r"[+-]?[0-9]{16,}")),  # a double would round it
        "whole": from_text(text, "BIGINT"),
        "real": from_text(text, "DOUBLE"),
        "day": from_text(text, "DATE"),
        "moment": from_text(text, "TIMESTAMP"),
    }
    return parse(_NARROWEST).transform(lambda node: parts[node.name].copy() if isinstance(node, exp.Placeholder) else node)


def _where_it_reads(text: Any, pattern: str, cast: Any) -> Any:
    return exp.Case().when(exp.func("regexp_full_match", text, exp.Literal.string(pattern)), cast)
