"""Two rows differ when any bit of them does, whatever ``IS DISTINCT FROM`` says."""

from __future__ import annotations

import duckdb
import pytest

from foretable.refresh.diff import differs
from foretable.sql import render

PAIRS = [
    ("DOUBLE", "'0.0'", "'-0.0'"),
    ("FLOAT", "'-0.0'", "'0.0'"),
    ("DOUBLE", "'nan'", "1"),
    ("DOUBLE", "NULL", "0"),
    ("INTERVAL", "'1 month'", "'30 days'"),
    ("INTERVAL", "'1 day'", "'24 hours'"),
    ("TIME WITH TIME ZONE", "'12:00:00+00'", "'13:00:00+01'"),
    ("INTEGER[]", "[]", "[NULL]"),
    ("INTEGER[]", "[]", "NULL"),
    ("DOUBLE[]", "['0.0']", "['-0.0']"),
    ("INTERVAL[]", "['1 month']", "['30 days']"),
    ("STRUCT(a INTEGER, b DOUBLE)", "{'a': 1, 'b': '0.0'}", "{'a': 1, 'b': '-0.0'}"),
    ("STRUCT(a INTEGER)", "{'a': NULL}", "NULL"),
    ("MAP(INTEGER, VARCHAR)", "map([1, 2], ['a', 'b'])", "map([2, 1], ['b', 'a'])"),
    ("VARCHAR", "'a' COLLATE nocase", "'A'"),
    ("VARCHAR", "'a'", "'a '"),
    ("VARCHAR[]", "['a, b']", "['a', 'b']"),
    ("JSON", "'[1, 2]'", "'[1,2]'"),
    ("BLOB", "'\\x00'", "''"),
    ("BIT", "'0'", "'00'"),
    ("DECIMAL(10, 2)", "1.5", "1.51"),
    ("TIMESTAMP", "'2026-01-01'", "NULL"),
]


@pytest.mark.parametrize(("kind", "left", "right"), PAIRS)
def test_what_differs_in_a_bit_differs(kind: str, left: str, right: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cast = "{}" if "COLLATE" in left else f"({{}})::{kind}"
        connection.execute(f"CREATE TABLE l AS SELECT {cast.format(left)} AS x")
        connection.execute(f"CREATE TABLE r AS SELECT ({right})::{kind} AS x")
        told = render(differs({"x": kind}, "l", "r"))
        found = [
            connection.execute(f"SELECT count(*) FROM {rows} WHERE {told}").fetchall()[0][0] for rows in ("l, r", "l, l AS r", "r, r AS l")
        ]
        assert found == [1, 0, 0]
