import duckdb
import pytest

from foretable.refresh.fingerprint import source_fingerprint

PAIRS = [
    ("DOUBLE", "'0.0'", "'-0.0'"),
    ("INTERVAL", "'1 month'", "'30 days'"),
    ("TIMETZ", "'12:00:00+00'", "'13:00:00+01'"),
    ("INTEGER[]", "[]", "[NULL]"),
    ("INTEGER[]", "[]", "NULL"),
    ("INTEGER[][]", "[[1],[2]]", "[[1,2]]"),
    ("STRUCT(a INTEGER, b INTEGER)", "{'a': 1, 'b': NULL}", "{'a': NULL, 'b': 1}"),
    ("STRUCT(a INTEGER)", "{'a': NULL}", "NULL"),
    ("VARCHAR", "''", "NULL"),
    ("VARCHAR", "'a'", "'a '"),
    ("DECIMAL(9,2)", "1.10", "1.11"),
    ("BLOB", "'\\x00'", "''"),
]


def fingerprint(kind, values):
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute(f"CREATE TABLE raw.t AS SELECT i, v::{kind} AS v FROM (VALUES {values}) AS t(i, v)")
        columns = {row[0]: row[1] for row in connection.execute("DESCRIBE raw.t").fetchall()}
        return source_fingerprint(connection, "raw.t", columns)


@pytest.mark.parametrize(("kind", "one", "other"), PAIRS)
def test_values_that_duckdb_hashes_alike_are_told_apart(kind, one, other):
    assert fingerprint(kind, f"(1, {one}), (2, {one})") != fingerprint(kind, f"(1, {one}), (2, {other})")


def test_order_does_not_count_but_duplicates_and_types_do():
    assert fingerprint("INTEGER", "(1, 5), (2, 6)") == fingerprint("INTEGER", "(2, 6), (1, 5)")
    assert fingerprint("INTEGER", "(1, 5), (1, 5), (2, 6)") != fingerprint("INTEGER", "(1, 5), (2, 6), (2, 6)")
    assert fingerprint("INTEGER", "(1, 5)") != fingerprint("BIGINT", "(1, 5)")
    assert fingerprint("INTEGER", "(1, 5), (1, 5)") != fingerprint("INTEGER", "(1, 6), (1, 6)")


def test_an_empty_table_has_a_fingerprint():
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("CREATE TABLE raw.t (i INTEGER)")
        assert source_fingerprint(connection, "raw.t", {"i": "INTEGER"})[1] == 0
