"""Every kind of rule, against rows that keep it and rows that break it, on a real DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import ibis
import ibis.expr.datatypes as dt
import pandera.ibis as pa
import pytest

from foretable.errors import DeclarationError, QualityViolation, UnknownName
from foretable.quality.check import check_table, require
from foretable.sql import parse


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA raw")
    yield connection
    connection.close()


def found(connection: duckdb.DuckDBPyConnection, rows: str, schema: pa.DataFrameSchema) -> list[tuple[str, str, int]]:
    connection.execute(f"CREATE OR REPLACE TABLE raw.t AS {rows}")
    return [(v.column, v.rule, v.count) for v in check_table(connection, "raw.t", schema)]


NUMBERS = "SELECT unnest([-1, 0, 1, 2, NULL])::BIGINT AS a"
WORDS = "SELECT unnest(['ab', 'abc', 'x', '', NULL]) AS a"


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (pa.Check.ge(0), 1),
        (pa.Check.gt(0), 2),
        (pa.Check.le(0), 2),
        (pa.Check.lt(0), 3),
        (pa.Check.eq(1), 3),
        (pa.Check.ne(1), 1),
        (pa.Check.in_range(0, 1), 2),
        (pa.Check.in_range(0, 1, include_max=False), 3),
        (pa.Check.isin([0, 1]), 2),
        (pa.Check.notin([0, 1]), 2),
        (pa.Check(lambda d: d.table[d.key] % 2 == 0), 2),
        (pa.Check(lambda d: d.table[d.key].fill_null(-1) >= 0), 1),
        (pa.Check(lambda d: {"x": d.table[d.key] > -1, "y": d.table[d.key] < 2}), 2),
        (pa.Check(lambda d: d.table.select(y=d.table[d.key] < 2)), 1),
    ],
)
def test_a_check_on_numbers_counts_what_breaks_it_and_passes_null(warehouse, check, broken):
    schema = pa.DataFrameSchema({"a": pa.Column(int, check, nullable=True)})
    assert [count for _, _, count in found(warehouse, NUMBERS, schema)] == [broken]


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (pa.Check.str_matches("a"), 2),
        (pa.Check.str_matches("b"), 4),
        (pa.Check.str_contains("b"), 2),
        (pa.Check.str_length(1, 2), 2),
        (pa.Check.str_startswith("ab"), 2),
        (pa.Check.str_endswith("c"), 3),
        (pa.Check.isin(["x", "ab"]), 2),
    ],
)
def test_a_check_on_text_counts_what_breaks_it_and_passes_null(warehouse, check, broken):
    schema = pa.DataFrameSchema({"a": pa.Column(str, check, nullable=True)})
    assert [count for _, _, count in found(warehouse, WORDS, schema)] == [broken]


def test_null_and_nan_break_only_not_nullable(warehouse):
    rows = "SELECT unnest([1::DOUBLE, NULL, 'nan'::DOUBLE, 2]) AS a"
    assert found(warehouse, rows, pa.DataFrameSchema({"a": pa.Column(float, pa.Check.ge(0))})) == [("a", "not_null", 2)]
    assert found(warehouse, rows, pa.DataFrameSchema({"a": pa.Column(float, pa.Check.ge(0), nullable=True)})) == []


def test_null_breaks_a_check_that_does_not_ignore_it(warehouse):
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(-5, ignore_na=False), nullable=True)})
    assert found(warehouse, NUMBERS, schema) == [("a", "greater_than_or_equal_to(-5)", 1)]


def test_a_rule_about_the_table_as_a_whole(warehouse):
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda d: d.table[d.key].mean() > 1, error="mean above 1"), nullable=True)})
    assert found(warehouse, NUMBERS, schema) == [("a", "does not hold as a whole: mean above 1", 0)]
    assert found(warehouse, "SELECT 2::BIGINT AS a", schema) == []
    windowed = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda d: d.table[d.key] < d.table[d.key].max()), nullable=True)})
    assert [count for *_, count in found(warehouse, NUMBERS, windowed)] == [1]
    values = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.unique_values_eq([-1, 0, 1, 2]), nullable=True)})
    assert found(warehouse, NUMBERS, values) == []
    assert len(found(warehouse, "SELECT 1::BIGINT AS a", values)) == 1


def test_a_rule_about_the_whole_row_shows_the_row(warehouse):
    schema = pa.DataFrameSchema({}, checks=pa.Check(lambda d: d.table.low <= d.table.high, error="low above high"))
    warehouse.execute("CREATE TABLE raw.t AS SELECT 1 AS low, 2 AS high UNION ALL SELECT 3, 2 UNION ALL SELECT NULL, 2")
    (violation,) = check_table(warehouse, "raw.t", schema)
    assert (violation.column, violation.rule, violation.count, violation.examples) == ("", "low above high", 1, ('{"low":3,"high":2}',))


def test_structure_comes_first_and_rules_on_faulty_columns_are_left_out(warehouse):
    schema = pa.DataFrameSchema(
        {"a": pa.Column(int, pa.Check.ge(0)), "b": pa.Column(dt.Decimal(9, 2)), "c": pa.Column(str), "d": pa.Column(str, required=False)},
        strict=True,
    )
    rows = "SELECT 'x' AS a, 1.5::DECIMAL(9,2) AS b, 1 AS extra"
    assert found(warehouse, rows, schema) == [
        ("c", "is missing", 0),
        ("extra", "is not in the schema", 0),
        ("a", "is VARCHAR, BIGINT is expected", 0),
    ]


@pytest.mark.parametrize(
    ("dtype", "column"),
    [
        (int, "BIGINT"),
        (float, "DOUBLE"),
        (str, "VARCHAR"),
        (bool, "BOOLEAN"),
        ("date", "DATE"),
        (dt.timestamp, "TIMESTAMP"),
        (dt.Timestamp("UTC"), "TIMESTAMPTZ"),
        (dt.int8, "TINYINT"),
        (dt.float32, "FLOAT"),
        (dt.Decimal(18, 4), "DECIMAL(18,4)"),
    ],
)
def test_types_are_compared_as_duckdb_spells_them(warehouse, dtype, column):
    rows = f"SELECT NULL::{column} AS a"
    assert found(warehouse, rows, pa.DataFrameSchema({"a": pa.Column(dtype, nullable=True)})) == []
    assert len(found(warehouse, "SELECT NULL::BLOB AS a", pa.DataFrameSchema({"a": pa.Column(dtype, nullable=True)}))) == 1


def test_uniqueness_of_the_schema_and_of_a_column_which_pandera_ignores(warehouse):
    rows = "SELECT * FROM (VALUES (1, 'x'), (1, 'x'), (1, 'y'), (2, NULL), (2, NULL)) AS t(a, b)"
    together = pa.DataFrameSchema({"b": pa.Column(str, nullable=True)}, unique=["a", "b"])
    assert found(warehouse, rows, together) == [("a, b", "unique(a, b)", 4)]
    (violation,) = check_table(warehouse, "raw.t", together)
    assert violation.examples == ("1, x", "2, NULL")
    alone = pa.DataFrameSchema({"b": pa.Column(str, nullable=True, unique=True)})
    assert alone.validate(ibis.duckdb.from_connection(warehouse).table("t", database="raw")) is not None  # pandera sees nothing
    assert found(warehouse, rows, alone) == [("b", "unique(b)", 4)]
    assert found(warehouse, "SELECT 1 AS a, 'x' AS b", together) == []


def test_patterns_name_several_columns(warehouse):
    schema = pa.DataFrameSchema({"m_.*": pa.Column(int, pa.Check.ge(0), regex=True)})
    assert found(warehouse, "SELECT -1::BIGINT AS m_1, 1::BIGINT AS m_2, -1::BIGINT AS other", schema) == [
        ("m_1", "greater_than_or_equal_to(0)", 1)
    ]


def test_counts_are_exact_and_examples_capped(warehouse):
    schema = pa.DataFrameSchema({"i": pa.Column(int, pa.Check.lt(1000))})
    warehouse.execute("CREATE TABLE raw.t AS SELECT i FROM range(100000) AS r(i)")
    (violation,) = check_table(warehouse, "raw.t", schema)
    assert (violation.count, len(violation.examples), violation.examples[0]) == (99000, 20, "1000")


def test_an_empty_table_keeps_every_rule(warehouse):
    schema = pa.DataFrameSchema({"a": pa.Column(int, [pa.Check.ge(0), pa.Check(lambda d: d.table[d.key].mean() > 1)])}, unique=["a"])
    assert found(warehouse, "SELECT 1::BIGINT AS a LIMIT 0", schema) == []


def test_require_says_table_column_rule_count_and_example(warehouse):
    warehouse.execute("CREATE TABLE raw.t AS SELECT unnest([-5, -6, 3])::BIGINT AS a, NULL AS b")
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0)), "b": pa.Column()})
    with pytest.raises(QualityViolation) as caught:
        require(warehouse, "raw.t", schema)
    text = str(caught.value)
    assert text.startswith("raw.t.a: 2 rows break greater_than_or_equal_to(0), such as '-5'\n")
    assert "\n  raw.t.b: 3 rows break not_null, such as NULL\n" in text
    assert caught.value.hint
    assert caught.value.exit_code == 3
    require(warehouse, "raw.t", pa.DataFrameSchema({"a": pa.Column(int)}))


def test_a_query_and_a_temporary_table_can_be_checked(warehouse):
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0))}, unique=["a"])
    warehouse.execute("CREATE TEMP TABLE staged AS SELECT unnest([-1, 2, 2])::BIGINT AS a")
    expected = [("greater_than_or_equal_to(0)", 1), ("unique(a)", 2)]
    assert [(v.rule, v.count) for v in check_table(warehouse, "staged", schema)] == expected
    query = parse("SELECT a FROM staged")
    violations = check_table(warehouse, query, schema, name="clean.t")
    assert [(v.rule, v.count) for v in violations] == expected
    assert violations[0].where == "clean.t.a"


def test_checking_leaves_the_connection_as_it_was(warehouse):
    warehouse.execute("SET TimeZone = 'Asia/Tokyo'")
    found(warehouse, NUMBERS, pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0))}))
    assert warehouse.execute("SELECT current_setting('TimeZone')").fetchall() == [("Asia/Tokyo",)]


def test_odd_names_and_types_do_no_harm(warehouse):
    warehouse.execute("""CREATE TABLE raw.t AS SELECT -1::BIGINT AS "a ""b", union_value(x := 1) AS u, 'select' AS "select" """)
    schema = pa.DataFrameSchema({'a "b': pa.Column(int, pa.Check.ge(0)), "select": pa.Column(str, pa.Check.isin(["it's"]))})
    assert [v.column for v in check_table(warehouse, "raw.t", schema)] == ['a "b', "select"]


def test_a_missing_table_and_a_check_that_cannot_run_are_explained(warehouse):
    with pytest.raises(UnknownName, match="there is no table"):
        check_table(warehouse, "raw.none", pa.DataFrameSchema({}))
    with pytest.raises(DeclarationError, match="cannot be evaluated"):
        found(warehouse, NUMBERS, pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda d: d.table.nothing > 0))}))
    with pytest.raises(DeclarationError, match="not boolean"):
        found(warehouse, NUMBERS, pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda d: d.table[d.key] + 1))}))
