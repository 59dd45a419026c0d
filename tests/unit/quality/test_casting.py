"""Text and typed values become a column's type, or NULL where DuckDB alone would change them in silence."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest
from sqlglot import exp

from foretable.quality.casting import from_text, from_typed, inferred
from foretable.sql import column, render


def read(text: str, kind: str) -> object:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    query = exp.select(from_text(column("t"), kind)).from_("given")
    connection.execute("CREATE TABLE given AS SELECT ? AS t", [text])
    return connection.execute(render(query)).fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12", "BIGINT", 12),
        (" -12 ", "INTEGER", -12),
        ("12.0", "BIGINT", 12),
        ("12.5", "BIGINT", None),
        ("1e3", "BIGINT", None),
        ("1_000", "BIGINT", None),
        ("300", "TINYINT", None),
        ("", "BIGINT", None),
        (" ", "DOUBLE", None),
        ("29.85", "DECIMAL(9,2)", Decimal("29.85")),
        ("29.8500", "DECIMAL(9,2)", Decimal("29.85")),
        (".5", "DECIMAL(9,2)", Decimal("0.50")),
        ("29.855", "DECIMAL(9,2)", None),
        ("1.5e-3", "DOUBLE", 0.0015),
        ("1,5", "DOUBLE", None),
        ("1_000.0", "DOUBLE", None),
        ("2024-01-02", "DATE", date(2024, 1, 2)),
        ("2024-01-02 00:00:00", "DATE", date(2024, 1, 2)),
        ("2024-01-02 10:00", "DATE", None),
        ("2024-02-30", "DATE", None),
        ("2024-01-02", "TIMESTAMP", datetime(2024, 1, 2)),
        ("2024-01-02 03:04:05", "TIMESTAMP", datetime(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02T10:00:00+02:00", "TIMESTAMP", datetime(2024, 1, 2, 8)),
        ("2024-01-02T10:00:00-05", "TIMESTAMP", datetime(2024, 1, 2, 15)),
        ("2024-01-02T10:00:00Z", "TIMESTAMP", datetime(2024, 1, 2, 10)),
        ("soon", "TIMESTAMP", None),
        ("true", "BOOLEAN", True),
        ("maybe", "BOOLEAN", None),
        ("0012", "VARCHAR", "0012"),
        (" ", "VARCHAR", " "),
        ("[1, 2]", "BIGINT[]", [1, 2]),
        ("[1, x]", "BIGINT[]", None),
        ('{"a": 1}', "STRUCT(a BIGINT)", {"a": 1}),
    ],
)
def test_a_text_is_read_exactly_or_not_at_all(text, kind, value):
    assert read(text, kind) == value


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("12", "INTEGER", "BIGINT", 12),
        ("12.0", "DOUBLE", "BIGINT", 12),
        ("12.5", "DOUBLE", "BIGINT", None),
        ("29.85", "DOUBLE", "DECIMAL(9,2)", Decimal("29.85")),
        ("0.125", "DOUBLE", "DECIMAL(9,2)", None),
        ("12.5", "VARCHAR", "BIGINT", None),
        ("300", "BIGINT", "TINYINT", None),
        ("2024-01-02 10:00", "TIMESTAMP", "DATE", None),
        ("2024-01-02", "DATE", "TIMESTAMP", datetime(2024, 1, 2)),
        ("7", "BIGINT", "VARCHAR", "7"),
    ],
)
def test_a_typed_value_changes_type_only_where_nothing_is_lost(value, source, target, expected):
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE given AS SELECT '{value}'::{source} AS v")
    query = exp.select(from_typed(column("v"), source, target)).from_("given")
    assert connection.execute(render(query)).fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", None], "BIGINT"),
        (["1", "2.5"], "DOUBLE"),
        (["1", "1e5"], "DOUBLE"),
        (["0012", "7"], "VARCHAR"),
        (["1", " "], "VARCHAR"),
        (["0", "0.5"], "DOUBLE"),
        (["99999999999999999999", "1"], "VARCHAR"),
        (["true", "False"], "BOOLEAN"),
        (["yes", "no"], "VARCHAR"),
        (["2024-01-02"], "DATE"),
        (["2024-01-02", "2024-01-02 10:00"], "TIMESTAMP"),
        (["nan"], "VARCHAR"),
        ([None, None], "VARCHAR"),
    ],
)
def test_the_type_of_a_column_nobody_declared_fits_every_value(texts, kind):
    connection = duckdb.connect()
    connection.execute("CREATE TABLE given (t VARCHAR)")
    connection.executemany("INSERT INTO given VALUES (?)", [[text] for text in texts])
    assert connection.execute(render(exp.select(inferred(column("t"))).from_("given"))).fetchall() == [(kind,)]
