"""How values of DuckDB's types stand in SQLite, and come back as what they were.

Whole numbers are INTEGER, floats REAL, booleans 0 and 1, bytes BLOB; everything else is text that says the value exactly:
decimals, dates and times as DuckDB writes them, times with a zone in UTC, nested values as JSON. A whole number beyond
64 bits is its digits, and NaN the text ``NaN``, for SQLite would make NULL of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

Family = Literal["whole", "wide", "floating", "boolean", "bytes", "decimal", "date", "moment", "zoned", "nested", "varchar", "text"]

_FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "whole"),
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT"), "wide"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "floating"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"), "moment"),
    **dict.fromkeys(("VARCHAR", "JSON"), "varchar"),
    "BOOLEAN": "boolean",
    "BLOB": "bytes",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "zoned",
}
# A column without a type keeps what it is given: a number too long for 64 bits would become a float in any other.
_STORED: Mapping[Family, str] = {"whole": "INTEGER", "boolean": "INTEGER", "floating": "REAL", "bytes": "BLOB", "wide": ""}


def family(kind: str) -> Family:
    """What is done with a DuckDB type."""
    if kind.startswith(("STRUCT(", "MAP(", "UNION(")) or kind.endswith("]"):
        return "nested"
    return "decimal" if kind.startswith("DECIMAL") else _FAMILIES.get(kind, "text")


def stored_as(kind: str) -> str:
    """The SQLite type of a column; empty for one that takes whatever comes."""
    return _STORED.get(family(kind), "TEXT")


def fitting(value: Any) -> Any:
    """A value from DuckDB as SQLite can keep it."""
    if isinstance(value, float) and value != value:
        return "NaN"
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _or_text(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Years before 1 and infinite dates, which Python has not, stay text."""

    def decode(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            return text

    return decode


_DECODERS: Mapping[Family, Callable[[Any], Any]] = {
    "boolean": bool,
    "floating": float,
    "wide": int,
    "decimal": Decimal,
    "date": _or_text(date.fromisoformat),
    "moment": _or_text(datetime.fromisoformat),
    "zoned": _or_text(datetime.fromisoformat),
    "nested": json.loads,
}


def decoder(kind: str) -> Callable[[Any], Any] | None:
    """What makes the value of a stored one that is not NULL; None where it is the same."""
    return _DECODERS.get(family(kind))


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's: SQLite takes them for bytes, and finds nothing; DuckDB binds none in a list."""
    return value.item() if hasattr(value, "item") else value


def key_value(value: Any, kind: str) -> Any:
    """A key that is asked for, as it stands in the file."""
    value = plain(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        text = moment.replace(tzinfo=None).isoformat(sep=" ")
        return (text.rstrip("0") if moment.microsecond else text) + ("+00:00" if family(kind) == "zoned" else "")
    if isinstance(value, date | Decimal):
        return str(value)
    if family(kind) == "wide" and isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)
    return fitting(value)
