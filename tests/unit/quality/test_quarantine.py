"""Splitting, keeping and re-driving rows, on a real DuckDB file with its catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import ibis.expr.datatypes as dt
import pandera.ibis as pa
import pytest

from foretable.errors import DeclarationError, QualityViolation, UsageError
from foretable.quality.check import check_table
from foretable.quality.quarantine import Keys, hold, recount, split_clean
from foretable.quality.redrive import quarantined, redrive
from foretable.quality.verdict import judge
from foretable.warehouse import ensure_catalog, wave

SCHEMA = pa.DataFrameSchema(
    {"id": pa.Column(int), "amount": pa.Column(dt.Decimal(9, 2), [pa.Check.ge(0), pa.Check.lt(100)], nullable=True)}, unique=["id"]
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute("SET TimeZone = 'UTC'")
    ensure_catalog(connection)
    connection.execute("CREATE SCHEMA clean")
    connection.execute("CREATE SCHEMA raw")
    yield connection
    connection.close()


def stage(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE staged AS"
        f" SELECT id::BIGINT AS id, amount::DECIMAL(9,2) AS amount FROM (VALUES {rows}) AS t(id, amount)"
    )


def refresh(connection: duckdb.DuckDBPyConnection, rows: str, number: int, schema: pa.DataFrameSchema = SCHEMA) -> tuple[list[tuple], int]:
    with wave(connection):
        stage(connection, rows)
        held = split_clean(connection, "staged", "clean.orders", schema, number)
        good = connection.execute("SELECT id, amount::DOUBLE FROM staged ORDER BY ALL").fetchall()
    return good, held


KEPT = "batch, rule, column_name, value, row->>'id', redriven_at IS NOT NULL"


def kept(connection: duckdb.DuckDBPyConnection, what: str = KEPT) -> list[tuple]:
    return connection.execute(f"SELECT {what} FROM quarantine.orders ORDER BY rowid").fetchall()


def test_a_row_that_breaks_rules_goes_to_quarantine_once_with_all_of_them(warehouse):
    schema = pa.DataFrameSchema(
        {"id": pa.Column(int, pa.Check.gt(0)), "amount": pa.Column(dt.Decimal(9, 2), [pa.Check.ge(0), pa.Check.ge(-1)])}
    )
    good, held = refresh(warehouse, "(1, 5), (2, -0.5), (-3, -7), (4, NULL)", 9, schema)
    assert good == [(1, 5.0)]
    assert held == 3
    assert kept(warehouse, "table_name, batch, rule, column_name, value, row") == [
        ("clean.orders", 9, "greater_than_or_equal_to(0)", "amount", "-0.50", '{"id":2,"amount":"-0.50"}'),
        (
            "clean.orders",
            9,
            "greater_than(0); greater_than_or_equal_to(0); greater_than_or_equal_to(-1)",
            "id; amount; amount",
            "-3; -7.00; -7.00",
            '{"id":-3,"amount":"-7.00"}',
        ),
        ("clean.orders", 9, "not_null", "amount", None, '{"id":4,"amount":null}'),
    ]
    assert warehouse.execute("SELECT sum(row_count), sum(redriven) FROM foretable.quarantine_log").fetchall() == [(3, 0)]
    assert [(row[0], row[2], row[5]) for row in quarantined(warehouse)[1]] == [
        ("clean.orders", "id; amount; amount", 1),
        ("clean.orders", "amount", 1),
        ("clean.orders", "amount", 1),
    ]
    assert len(quarantined(warehouse, "clean.orders")[1]) == 3


def test_rows_of_one_key_that_differ_are_all_held_and_of_equal_ones_one_is_kept(warehouse):
    good, held = refresh(warehouse, "(1, 5), (1, 5), (1, 5), (2, 6), (2, 7), (2, 7), (3, 1)", 1)
    assert good == [(1, 5.0), (3, 1.0)]
    assert held == 3
    assert [row[1:4] for row in kept(warehouse)] == [("unique(id)", "id", "2")] * 3


def test_a_row_that_breaks_a_rule_does_not_spoil_the_other_row_of_its_key(warehouse):
    good, held = refresh(warehouse, "(1, 5), (1, -5)", 1)
    assert (good, held) == ([(1, 5.0)], 1)


def test_a_null_in_a_key_equals_another_null(warehouse):
    schema = pa.DataFrameSchema({"id": pa.Column(int, nullable=True)}, unique=["id"])
    good, held = refresh(warehouse, "(NULL, 1), (NULL, 2), (7, 1)", 1, schema)
    assert (good, held) == ([(7, 1.0)], 2)


def test_a_row_still_broken_at_the_next_refresh_is_not_recorded_twice(warehouse):
    rows = "(1, 5), (2, -1), (3, -1), (3, -1)"
    assert refresh(warehouse, rows, 1) == refresh(warehouse, rows, 2)
    assert [(row[0], row[4], row[5]) for row in kept(warehouse)] == [(1, "2", False), (1, "3", False), (1, "3", False)]
    refresh(warehouse, "(1, 5), (2, 1), (3, -1), (4, -1)", 3)
    assert [(row[0], row[4], row[5]) for row in kept(warehouse)] == [(1, "2", True), (1, "3", False), (1, "3", True), (3, "4", False)]
    assert warehouse.execute("SELECT sum(row_count), sum(redriven) FROM foretable.quarantine_log").fetchall() == [(4, 2)]
    refresh(warehouse, "(1, 5)", 4)
    assert all(row[5] for row in kept(warehouse))


def test_nothing_is_made_where_nothing_is_broken(warehouse):
    assert refresh(warehouse, "(1, 5)", 1) == ([(1, 5.0)], 0)
    assert warehouse.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'quarantine'").fetchall() == [(0,)]
    assert quarantined(warehouse, "clean.orders") == ([], [])
    assert quarantined(warehouse)[1] == []


def test_a_structure_that_is_wrong_or_a_rule_of_the_whole_stops_the_wave(warehouse):
    with pytest.raises(QualityViolation, match=r"clean\.orders\.other: is missing"):
        refresh(warehouse, "(1, 5)", 1, pa.DataFrameSchema({"other": pa.Column(str)}))
    whole = pa.DataFrameSchema({"id": pa.Column(int, pa.Check(lambda d: d.table[d.key].max() > 10, error="ids above 10"))})
    with pytest.raises(QualityViolation, match="does not hold as a whole: ids above 10"):
        refresh(warehouse, "(1, 5)", 1, whole)


def by_key(connection: duckdb.DuckDBPyConnection, rows: str, dirty: str, number: int) -> int:
    """Refresh ``clean.orders``, of which ``rows`` are all those of the dirty keys; ``bad`` says which break its rule."""
    with wave(connection):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE staged AS {rows}")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE dirty AS {dirty}")
        names = [name for name, *_ in connection.execute("DESCRIBE staged").fetchall() if name != "bad"]
        schema = pa.DataFrameSchema({"bad": pa.Column(int, pa.Check.eq(0))}, unique=names)
        return split_clean(connection, "staged", "clean.orders", schema, number, Keys("temp.main.dirty", tuple(map(str.upper, names))))


STATE = "batch, redriven_at IS NULL"
VALUES = [
    ("1.50::DECIMAL(9,2)", "1.05::DECIMAL(9,2)"),
    ("12345678901234567890.12::DECIMAL(38,2)", "12345678901234567890.13::DECIMAL(38,2)"),
    ("TIMESTAMP '2024-01-02 03:04:05'", "TIMESTAMP '2024-01-02 03:04:05.000001'"),
    ("TIMESTAMPTZ '2024-01-02 03:04:05+02'", "TIMESTAMPTZ '2024-01-02 03:04:05+01'"),
    ("TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", "TIMESTAMP_NS '2024-01-02 03:04:05.123456788'"),
    ("DATE '2024-01-02'", "DATE '2024-01-03'"),
    ("TIME '01:02:03.5'", "TIME '01:02:03'"),
    ("170141183460469231731687303715884105727", "170141183460469231731687303715884105726"),
    ("9007199254740993", "9007199254740992"),
    ("true", "false"),
    ("'a\"b,é'", "'a\"b'"),
    ("'null'", "NULL::VARCHAR"),
    ("'1'", "'01'"),
    ("''", "NULL::VARCHAR"),
    ("'\\xAA\\x00'::BLOB", "'\\xAA'::BLOB"),
    ("'a'::ENUM ('a', 'b')", "'b'::ENUM ('a', 'b')"),
    ("'00000000-0000-0000-0000-000000000001'::UUID", "'00000000-0000-0000-0000-000000000002'::UUID"),
    ("NULL::BIGINT", "0::BIGINT"),
]


@pytest.mark.parametrize(("one", "other"), [*VALUES, *(pair[::-1] for pair in VALUES)])
def test_only_rows_of_the_keys_that_were_computed_leave_quarantine(warehouse, one, other):
    bad, good = (f"SELECT {one} AS k, {sign}::BIGINT AS bad" for sign in (1, 0))
    both = f"{bad} UNION ALL SELECT {other}, 1"
    assert by_key(warehouse, both, f"SELECT {one} AS k1 UNION ALL SELECT {other}", 1) == 2
    assert by_key(warehouse, bad, f"SELECT {one} AS k1", 2) == 2, "what is still broken stays as it was"
    assert kept(warehouse, STATE) == [(1, True), (1, True)]
    assert by_key(warehouse, f"{good} LIMIT 1", f"SELECT {one} AS k1", 3) == 1
    assert kept(warehouse, STATE) == [(1, False), (1, True)]
    assert by_key(warehouse, f"{bad} LIMIT 0", f"SELECT {other} AS k1", 4) == 0, "gone, not corrected"
    assert warehouse.execute("SELECT row_count, redriven FROM foretable.quarantine_log").fetchall() == [(2, 2)]


def test_a_key_of_several_columns_is_compared_as_a_whole_with_its_nulls(warehouse):
    keys = ["1, NULL, 'x'", "1, 2.0, 'x'", "NULL, NULL, 'x'", "NULL, NULL, NULL", "2, NULL, 'x'"]

    def rows(keys):
        return f"""SELECT col0::INT AS "a/b~c ""d", col1::DECIMAL(4,1) AS "row", col2::VARCHAR AS "K3", 1::BIGINT AS bad
            FROM (VALUES {", ".join(f"({key})" for key in keys)})"""

    def dirty(keys):
        return f'SELECT * EXCLUDE (bad) RENAME ("a/b~c ""d" AS k1, "row" AS k2, "K3" AS k3) FROM ({rows(keys)})'

    assert by_key(warehouse, rows(keys), dirty(keys), 1) == len(keys)
    for number, key in enumerate(keys):
        assert by_key(warehouse, f"{rows([key])} LIMIT 0", dirty([key]), number + 2) == len(keys) - number - 1
        assert [still for _, still in kept(warehouse, STATE)] == [False] * (number + 1) + [True] * (len(keys) - number - 1)


def test_under_a_collation_the_rows_that_were_staged_count(warehouse):
    rows = "SELECT k COLLATE nocase AS k, 1::BIGINT AS bad FROM (VALUES ('a'), ('b')) AS t(k)"
    assert by_key(warehouse, rows, "SELECT unnest(['a', 'b']) AS k1", 1) == 2
    assert by_key(warehouse, f"{rows} WHERE k = 'a'", "SELECT 'A' AS k1", 2) == 2
    assert by_key(warehouse, f"SELECT k, 0::BIGINT AS bad FROM ({rows}) WHERE k = 'a'", "SELECT 'A' AS k1", 3) == 1


def load(connection: duckdb.DuckDBPyConnection, rows: str, schema: pa.DataFrameSchema = SCHEMA) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS raw.orders (id BIGINT, amount DECIMAL(9,2))")
    with wave(connection):
        stage(connection, rows)
        judge(connection, "staged", "raw.orders", schema)
        hold(connection, "staged", "raw.orders", 1)
        connection.execute("INSERT INTO raw.orders SELECT * FROM staged")


def stored(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    return connection.execute("SELECT id, amount::DOUBLE FROM raw.orders ORDER BY ALL").fetchall()


def test_a_key_that_the_table_has_is_held_back_unless_the_row_is_the_same(warehouse):
    load(warehouse, "(1, 5), (2, 6)")
    load(warehouse, "(1, 5), (2, 7), (3, 8)")
    assert stored(warehouse) == [(1, 5.0), (2, 6.0), (3, 8.0)]
    assert [row[1:5] for row in kept(warehouse)] == [("unique(id)", "id", "2", "2")]


def test_redriving_moves_what_now_passes_and_keeps_the_rest_with_its_present_reason(warehouse):
    load(warehouse, "(1, 5), (2, -1), (3, -1), (4, 200)")
    warehouse.execute("""UPDATE quarantine.orders SET row = json_merge_patch(row, '{"amount": 2.25}') WHERE row->>'id' = '2'""")
    warehouse.execute("""UPDATE quarantine.orders SET row = json_merge_patch(row, '{"amount": 300}') WHERE row->>'id' = '3'""")
    report = redrive(warehouse, "raw.orders", SCHEMA)
    assert (report.rows, report.quarantined, report.copies) == (1, 2, 0)
    assert stored(warehouse) == [(1, 5.0), (2, 2.25)]
    assert [(row[1], row[3], row[4], row[5]) for row in kept(warehouse)] == [
        ("greater_than_or_equal_to(0)", "-1.00", "2", True),
        ("less_than(100)", "300.00", "3", False),
        ("less_than(100)", "200.00", "4", False),
    ]
    assert redrive(warehouse, "raw.orders", SCHEMA).rows == 0
    assert redrive(warehouse, "raw.orders", None).rows == 2
    assert stored(warehouse) == [(1, 5.0), (2, 2.25), (3, 300.0), (4, 200.0)]
    assert quarantined(warehouse, "raw.orders")[1] == []
    assert warehouse.execute("SELECT sum(row_count), sum(redriven) FROM foretable.quarantine_log").fetchall() == [(3, 3)]


def test_a_corrected_value_of_the_wrong_type_or_key_stays(warehouse):
    load(warehouse, "(1, 5), (2, -1), (3, -1)")
    warehouse.execute("""UPDATE quarantine.orders SET row = '{"id": 2, "amount": "cheap"}' WHERE row->>'id' = '2'""")
    warehouse.execute("""UPDATE quarantine.orders SET row = '{"id": 1, "amount": 9}' WHERE row->>'id' = '3'""")
    assert redrive(warehouse, "raw.orders", SCHEMA).quarantined == 2
    assert [row[1:4] for row in kept(warehouse)] == [("type", "amount", "cheap"), ("unique(id)", "id", "1")]
    assert stored(warehouse) == [(1, 5.0)]


def test_a_redriven_row_is_the_row_it_was(warehouse):
    warehouse.execute("""
        CREATE TABLE raw.orders AS SELECT -1::BIGINT AS id, 12345678901234567890.12::DECIMAL(38,2) AS d, 0.1::DOUBLE AS f, 1.1::FLOAT AS g,
            'a"b,é' AS s, '' AS empty, TRUE AS b, DATE '2024-01-02' AS day, TIMESTAMP '2024-01-02 03:04:05.123456' AS at, [1, NULL] AS l,
            {'x': 'y', 'z': [1.5]} AS st, 'null' AS n, NULL::INTEGER AS nothing, 'inf'::DOUBLE AS inf, 9223372036854775807 AS big,
            '\\xAA\\x00'::BLOB AS bytes, INTERVAL 3 DAY AS i, MAP {'k': 1} AS m, 1 AS "odd ""name" """)
    before = warehouse.execute("FROM raw.orders").fetchall()
    warehouse.execute("CREATE TEMP TABLE staged AS FROM raw.orders")
    warehouse.execute("DELETE FROM raw.orders")
    schema = pa.DataFrameSchema({"id": pa.Column(int, pa.Check.ge(0))})
    judge(warehouse, "staged", "raw.orders", schema)
    assert hold(warehouse, "staged", "raw.orders", 1) == 1
    assert redrive(warehouse, "raw.orders", None).rows == 1
    assert warehouse.execute("FROM raw.orders").fetchall() == before


def test_redriving_is_refused_where_it_would_not_last_or_breaks_the_whole(warehouse):
    load(warehouse, "(1, 5), (2, -1)")
    whole = pa.DataFrameSchema({"id": pa.Column(int, pa.Check(lambda d: d.table[d.key].max() < 2, error="few"))})
    with pytest.raises(QualityViolation, match="few"):
        redrive(warehouse, "raw.orders", whole)
    assert stored(warehouse) == [(1, 5.0)]
    assert kept(warehouse)[0][5] is False
    warehouse.execute("INSERT INTO foretable.tables (name, kind) VALUES ('raw.orders', 'feature view')")
    with pytest.raises(UsageError, match="every refresh makes anew"):
        redrive(warehouse, "raw.orders", SCHEMA)
    warehouse.execute("DELETE FROM foretable.tables")
    warehouse.execute("DROP TABLE raw.orders")
    with pytest.raises(UsageError, match="no table"):
        redrive(warehouse, "raw.orders", SCHEMA)


def test_layers_that_share_a_name_share_a_quarantine_table_but_no_rows(warehouse):
    load(warehouse, "(1, 5), (2, -1)")
    refresh(warehouse, "(3, -1)", 5)
    refresh(warehouse, "(3, 1)", 6)
    assert [(json.loads(row[4]), row[5]) for row in kept(warehouse)] == [(2, False), (3, True)]
    assert redrive(warehouse, "raw.orders", None).rows == 1
    recount(warehouse, "clean.orders")
    assert warehouse.execute("SELECT table_name, row_count, redriven FROM foretable.quarantine_log ORDER BY 1").fetchall() == [
        ("clean.orders", 1, 1),
        ("raw.orders", 1, 1),
    ]


def test_a_column_called_rowid_is_refused_and_other_names_of_ours_are_free(warehouse):
    schema = pa.DataFrameSchema({"id": pa.Column(int)}, unique=["id"])
    warehouse.execute("CREATE TEMP TABLE staged AS SELECT 1::BIGINT AS id, 2 AS rowid")
    with pytest.raises(UsageError, match="rowid"):
        judge(warehouse, "staged", None, schema)
    warehouse.execute(
        "CREATE OR REPLACE TEMP TABLE staged AS SELECT 1::BIGINT AS id, unnest([1, 2]) AS variants, 'x' AS rule, 'y' AS is_copy, 'z' AS row"
    )
    judge(warehouse, "staged", None, schema)
    assert hold(warehouse, "staged", "raw.orders", 1) == 2


def test_good_rows_pass_the_check(warehouse):
    refresh(warehouse, "(1, 5), (2, -1), (3, 7), (3, 8)", 1)
    assert check_table(warehouse, "staged", SCHEMA) == []


def test_a_name_is_read_in_any_case_and_only_with_its_layer(warehouse):
    load(warehouse, "(1, 5), (2, -1)")
    assert len(quarantined(warehouse, "RAW.Orders")[1]) == 1
    assert redrive(warehouse, "RAW.Orders", None).rows == 1
    for look in (lambda: quarantined(warehouse, "orders"), lambda: redrive(warehouse, "orders", SCHEMA)):
        with pytest.raises(DeclarationError, match="'orders' is not the name of a table"):
            look()
