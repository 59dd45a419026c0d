"""Loading files: what enters, what is held back, and what refuses the batch whole with file, line and column."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import ibis.expr.datatypes as dt
import pandera.ibis as pa
import pytest

from foretable.errors import IngestError, QualityViolation, UsageError
from foretable.quality import ingest, quarantined, redrive
from foretable.warehouse import ensure_catalog

ORDERS = pa.DataFrameSchema(
    {"id": pa.Column(str), "amount": pa.Column(dt.Decimal(9, 2), pa.Check.ge(0), nullable=True), "at": pa.Column("date", nullable=True)},
    unique=["id"],
    strict=True,
)
GOOD = "id,amount,at\n0012,1.50,2026-01-02\n13,,\n"

Write = Callable[[str, "str | bytes"], str]


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    ensure_catalog(connection)
    yield connection
    connection.close()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def to(name: str, content: str | bytes) -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return to


def rows(connection: duckdb.DuckDBPyConnection, table: str = "raw.orders") -> list[tuple]:
    return connection.execute(f"FROM {table}").fetchall()


def types(connection: duckdb.DuckDBPyConnection, table: str = "raw.orders") -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('raw', 'quarantine')"
    return connection.execute(query).fetchall()


def refused(connection: duckdb.DuckDBPyConnection, *files: str, schema: object = ORDERS, **options: object) -> IngestError:
    """The error; and nothing was written, nor left behind."""
    before = [(name, rows(connection, f"{layer}.{name}")) for layer, name in tables(connection)]
    with pytest.raises(IngestError) as caught:
        ingest(connection, "raw.orders", files, schema, **options)
    assert [(name, rows(connection, f"{layer}.{name}")) for layer, name in tables(connection)] == before
    assert connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() == []
    assert caught.value.hint
    return caught.value


def test_a_csv_takes_the_types_of_the_schema(warehouse, write):
    report = ingest(warehouse, "raw.orders", [write("orders.csv", GOOD)], ORDERS)
    assert rows(warehouse) == [("0012", Decimal("1.50"), date(2026, 1, 2)), ("13", None, None)]
    assert types(warehouse) == {"id": "VARCHAR", "amount": "DECIMAL(9,2)", "at": "DATE"}
    assert (report.rows, report.quarantined, report.copies, report.created, report.replaced) == (2, 0, 0, True, False)
    assert warehouse.execute("SELECT batch, table_name, file, row_count FROM foretable.ingests").fetchall() == [
        (1, "raw.orders", "orders.csv", 2)
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolon.csv", "id;amount;at\n0012;1.50;2026-01-02\n13;;\n"),
        ("tab.tsv", "id\tamount\tat\n0012\t1.50\t2026-01-02\n13\t\t\n"),
        ("pipe.txt", "id|amount|at\n0012|1.50|2026-01-02\n13||\n"),
        ("bom.csv", b"\xef\xbb\xbf" + GOOD.encode()),
        ("crlf.csv", GOOD.replace("\n", "\r\n")),
        ("no_end.csv", GOOD.rstrip()),
        ("quoted.csv", '"id","amount","at"\n"0012","1.50","2026-01-02"\n"13","",""\n'),
        ("single.csv", "'id','amount','at'\n'0012','1.50','2026-01-02'\n'13',,\n"),
        ("other_order.csv", "at,ID,Amount\n2026-01-02,0012,1.5\n,13,\n"),
        ("spaces.csv", "id, amount, at\n0012, 1.5, 2026-01-02\n13,,\n"),
        ("blank_lines.csv", "id,amount,at\n\n0012,1.50,2026-01-02\n\n13,,\n\n"),
        ("packed.csv.gz", gzip.compress(GOOD.encode(), mtime=0)),
        ("lines.jsonl", '{"id": "0012", "amount": 1.50, "at": "2026-01-02"}\n{"id": "13", "amount": null}\n'),
        ("array.json", '[{"id": "0012", "amount": 1.50, "at": "2026-01-02"}, {"id": "13"}]'),
    ],
)
def test_the_same_rows_come_out_however_they_are_written(warehouse, write, name, content):
    ingest(warehouse, "raw.orders", [write(name, content)], ORDERS)
    assert rows(warehouse) == [("0012", Decimal("1.50"), date(2026, 1, 2)), ("13", None, None)]


def test_text_in_quotes_keeps_delimiters_quotes_and_newlines(warehouse, write):
    file = write("orders.csv", 'id,note\n1,"a, ""b""\nc"\n2,""\n3,\n4," "\n')
    ingest(warehouse, "raw.orders", [file], None)
    assert rows(warehouse) == [(1, 'a, "b"\nc'), (2, ""), (3, None), (4, " ")]


def test_parquet_and_columns_nobody_declared(warehouse, write, tmp_path):
    query = "SELECT '0012' AS id, 1.5::DOUBLE AS amount, 7::INTEGER AS n, TIMESTAMP '2026-01-02 03:04:05' AS at, [1, 2] AS l"
    warehouse.execute(f"COPY ({query}) TO '{tmp_path}/orders.parquet'")
    schema = pa.DataFrameSchema({"amount": pa.Column(dt.Decimal(9, 2)), "n": pa.Column(int)})
    ingest(warehouse, "raw.orders", [str(tmp_path / "orders.parquet")], schema)
    assert rows(warehouse) == [(Decimal("1.50"), 7, "0012", datetime(2026, 1, 2, 3, 4, 5), [1, 2])]


def test_without_a_schema_types_come_from_every_value_of_every_file(warehouse, write):
    one = write("in/1.csv", "id,n,x,day,word\n0012,1,1,2026-01-01,1\n")
    two = write("in/2.csv", "id,n,x,day,word\n7,2,2.5,2026-01-02 10:00,b\n")
    report = ingest(warehouse, "raw.orders", [one, two], None)
    assert types(warehouse) == {"id": "VARCHAR", "n": "BIGINT", "x": "DOUBLE", "day": "TIMESTAMP", "word": "VARCHAR"}
    assert [(file.name, file.rows) for file in report.files] == [("in/1.csv", 1), ("in/2.csv", 1)]


def test_globs_are_expanded_in_order_and_a_file_is_loaded_once(warehouse, write):
    for number in (2, 1, 3):
        write(f"in/{number}.csv", f"n\n{number}\n")
    report = ingest(warehouse, "raw.orders", ["in/*.csv", "in/1.csv", "./in/2.csv"], None)
    assert rows(warehouse) == [(1,), (2,), (3,)]
    assert [file.name for file in report.files] == ["in/1.csv", "in/2.csv", "in/3.csv"]


def test_standard_input_needs_a_format(warehouse, monkeypatch):
    with pytest.raises(UsageError, match="format"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
        ingest(warehouse, "raw.orders", ["-"], ORDERS)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert ingest(warehouse, "raw.orders", ["-"], ORDERS, format="csv").files[0].name == "stdin"
    assert len(rows(warehouse)) == 2


@pytest.mark.parametrize(
    ("name", "content", "where", "message"),
    [
        ("empty.csv", "", "empty.csv", "the file is empty"),
        ("empty.jsonl", "", "empty.jsonl", "no rows"),
        ("header.csv", "id,amount,at\n", "header.csv", "only a header, no rows"),
        ("page.csv", "<!DOCTYPE html>\n<html><body>please, log, in</body></html>\n", "page.csv", "it is a web page"),
        ("binary.csv", bytes(range(256)), "binary.csv", "binary data"),
        ("parquet.csv", b"PAR1....", "parquet.csv", "it is a Parquet file"),
        ("sheet.csv", b"PK\x03\x04....", "sheet.csv", "a spreadsheet"),
        ("wide.csv", "id,amount,at\n".encode("utf-16"), "wide.csv", "it is UTF-16"),
        ("json.csv", '{"id": 1}\n', "json.csv", "looks like JSON"),
        ("latin.csv", "id,amount,at\n1,1,\nMüller,1,\n".encode("latin-1"), "latin.csv:3", "not UTF-8: 'Müller,1,'"),
        ("short.csv", 'id,amount,at\n"1\n1",1,\n2,3\n', "short.csv:4", "the line has 2 fields, the header 3"),
        ("long.csv", "id,amount,at\n1,2,3,4,5\n", "long.csv:2", "the line has 5 fields, the header 3"),
        ("one.csv", "id,amount,at\n1\n", "one.csv:2", "the line has 1 field, the header 3"),
        ("open.csv", 'id,amount,at\n"1,2,\n3,4,\n', "open.csv, row 1", "a quote is not closed"),
        ("twice.csv", "id,amount,at,ID\n1,1,,1\n", "twice.csv:1", "column 'ID' twice"),
        ("index.csv", ",id,amount,at\n0,1,1,\n", "index.csv:1", "column 1 of the header has no name"),
        ("missing.csv", "id,at\n1,\n", "missing.csv", "column 'amount' is missing; the schema of raw.orders has it"),
        ("extra.csv", "id,amount,at,colour\n1,1,,red\n", "extra.csv", "column 'colour' is not in the schema of raw.orders"),
        (
            "mistyped.csv",
            'id,amount,at\n"1\n1",1,\n\n2,1,\n3,cheap,\n4,dear,\n',
            "mistyped.csv:6",
            "'amount': 'cheap' is not a value of type DECIMAL",
        ),
        ("blank.csv", "id,amount,at\n1, ,\n", "blank.csv:2", "column 'amount': a blank (' ') is not a value"),
        ("rounded.csv", "id,amount,at\n1,1.505,\n", "rounded.csv:2", "'1.505' is not a value of type DECIMAL"),
        ("date.csv", "id,amount,at\n1,1,01/02/2026\n", "date.csv:2", "column 'at': '01/02/2026' is not a value of type DATE"),
        ("broken.jsonl", '{"id": "1"}\n\n{"id": \n', "broken.jsonl:3", "the line is not JSON"),
        ("scalars.jsonl", "1\n2\n", "scalars.jsonl", "no JSON objects"),
        ("text.jsonl", "id,amount\n1,2\n", "text.jsonl:1", "the line is not JSON"),
        ("mistyped.jsonl", '{"id": "1", "amount": 1, "at": null}\n\n{"amount": "x"}\n', "mistyped.jsonl:3", "column 'amount': 'x'"),
        ("not.parquet", "id,amount,at\n", "not.parquet", "not a Parquet file"),
    ],
)
def test_a_broken_file_is_refused_with_its_place_and_nothing_is_written(warehouse, write, name, content, where, message):
    ingest(warehouse, "raw.orders", [write("good.csv", GOOD)], ORDERS)
    error = refused(warehouse, write("more.csv", "id,amount,at\n99,1,\n"), write(name, content), replace=True)
    assert error.where == where
    assert message in error.message


def test_a_missing_file_a_folder_and_a_glob_without_files_are_refused(warehouse, write):
    write("in/x.txt", "")
    assert "no such file" in refused(warehouse, "nothing.csv").message
    assert "no file matches" in refused(warehouse, "in/*.csv").message
    assert "a folder" in refused(warehouse, "in").message
    with pytest.raises(UsageError, match="format of"):
        ingest(warehouse, "raw.orders", [write("orders.xls", "x")], ORDERS)
    with pytest.raises(UsageError, match="unknown"):
        ingest(warehouse, "raw.orders", ["in/x.txt"], ORDERS, format="xml")


def test_a_near_name_is_suggested_for_a_missing_column(warehouse, write):
    assert "'amonut'" in refused(warehouse, write("near.csv", "id,amonut,at\n1,1,\n")).hint


def test_a_table_that_is_there_decides_the_columns(warehouse, write):
    warehouse.execute("CREATE SCHEMA raw; CREATE TABLE raw.orders (id VARCHAR, n INTEGER)")
    ingest(warehouse, "raw.orders", [write("a.csv", "n,id\n1,0012\n")], None)
    assert rows(warehouse) == [("0012", 1)]
    assert "'n' is missing; table raw.orders has it" in refused(warehouse, write("b.csv", "id\n1\n"), schema=None).message
    assert "'m' is not in table raw.orders" in refused(warehouse, write("c.csv", "id,n,m\n1,1,1\n"), schema=None).message
    assert "fit its schema" in refused(warehouse, write("d.csv", GOOD)).message
    assert ingest(warehouse, "raw.orders", ["d.csv"], ORDERS, replace=True).replaced
    assert len(rows(warehouse)) == 2


def test_optional_columns_may_be_missing_and_further_ones_follow_strict(warehouse, write):
    columns = {"id": pa.Column(str), "note": pa.Column(str, required=False, nullable=True)}
    extra = write("extra.csv", "id,colour\n1,2\n")
    ingest(warehouse, "raw.orders", [extra], pa.DataFrameSchema(columns))
    assert types(warehouse) == {"id": "VARCHAR", "colour": "BIGINT"}
    ingest(warehouse, "raw.orders", [extra], pa.DataFrameSchema(columns, strict="filter"), replace=True)
    assert types(warehouse) == {"id": "VARCHAR"}
    ingest(warehouse, "raw.orders", [write("note.csv", "id,note\n1,x\n")], pa.DataFrameSchema(columns), replace=True)
    ingest(warehouse, "raw.orders", [write("no_note.csv", "id\n2\n")], pa.DataFrameSchema(columns))
    assert rows(warehouse) == [("1", "x"), ("2", None)]


def test_rows_that_break_rules_or_keys_go_to_quarantine_and_the_counts_add_up(warehouse, write):
    ingest(warehouse, "raw.orders", [write("first.csv", "id,amount,at\n1,1,\n2,2,\n")], ORDERS)
    one = write("one.csv", "id,amount,at\n1,1,\n2,9,\n3,-1,\n4,4,\n")
    two = write("two.csv", "id,amount,at\n5,5,\n5,6,\n6,6,\n6,6,\n,7,\n")
    report = ingest(warehouse, "raw.orders", [one, two], ORDERS)
    assert [row[0] for row in rows(warehouse)] == ["1", "2", "4", "6"]
    assert [(file.rows, file.quarantined, file.copies) for file in report.files] == [(1, 2, 1), (1, 3, 1)]
    assert (report.rows, report.quarantined, report.copies) == (2, 5, 2)
    assert report.rules == {("unique(id)", "id"): 3, ("greater_than_or_equal_to(0)", "amount"): 1, ("not_null", "id"): 1}
    assert [(row[0], row[1], row[3]) for row in quarantined(warehouse, "raw.orders")[1]] == [
        (2, "unique(id)", "2"),
        (2, "greater_than_or_equal_to(0)", "-1.00"),
        (2, "unique(id)", "5"),
        (2, "unique(id)", "5"),
        (2, "not_null", None),
    ]
    assert redrive(warehouse, "raw.orders", None).rows == 5


def test_a_file_of_which_no_row_passes_is_refused(warehouse, write):
    ingest(warehouse, "raw.orders", [write("good.csv", GOOD)], ORDERS)
    with pytest.raises(QualityViolation, match="none of the 2 rows passes") as caught:
        ingest(warehouse, "raw.orders", [write("bad.csv", "id,amount,at\n1,-1,\n2,-2,\n")], ORDERS, replace=True)
    assert caught.value.where == "raw.orders.amount"
    assert len(rows(warehouse)) == 2
    assert quarantined(warehouse, "raw.orders") == ([], [])


def test_a_rule_of_the_table_as_a_whole_refuses_the_load(warehouse, write):
    schema = pa.DataFrameSchema({"n": pa.Column(int)}, checks=pa.Check(lambda d: d.table.n.sum() < 10, error="sum below 10"))
    ingest(warehouse, "raw.orders", [write("a.csv", "n\n4\n")], schema)
    with pytest.raises(QualityViolation, match="sum below 10"):
        ingest(warehouse, "raw.orders", [write("b.csv", "n\n6\n")], schema)
    assert rows(warehouse) == [(4,)]
    assert warehouse.execute("SELECT count(*) FROM foretable.ingests").fetchall() == [(1,)]


def test_the_same_content_is_loaded_twice_only_on_purpose(warehouse, write):
    file = write("n.csv", "n\n1\n")
    ingest(warehouse, "raw.orders", [file], None)
    error = refused(warehouse, write("renamed.csv", "n\n1\n"), schema=None)
    assert "the same content was loaded into raw.orders" in error.message
    assert "from n.csv" in error.message
    ingest(warehouse, "raw.orders", [file], None, again=True)
    assert len(rows(warehouse)) == 2
    ingest(warehouse, "raw.orders", [write("other.csv", "n\n2\n")], None, replace=True)
    ingest(warehouse, "raw.orders", [file], None)  # what it had loaded was replaced
    assert rows(warehouse) == [(2,), (1,)]
    warehouse.execute("DROP TABLE raw.orders")
    ingest(warehouse, "raw.orders", [file], None)
    assert rows(warehouse) == [(1,)]
    assert "that of n.csv" in refused(warehouse, "n.csv", "renamed.csv", schema=None, replace=True).message


def test_replacing_closes_what_waits_in_quarantine(warehouse, write):
    ingest(warehouse, "raw.orders", [write("a.csv", "id,amount,at\n1,-1,\n2,2,\n")], ORDERS)
    ingest(warehouse, "raw.orders", [write("b.csv", "id,amount,at\n1,1,\n3,-3,\n")], ORDERS, replace=True)
    assert [row[3] for row in quarantined(warehouse, "raw.orders")[1]] == ["-3.00"]


@pytest.mark.parametrize("name", ["foretable.models", "quarantine.orders", "lake.raw.orders"])
def test_a_place_that_is_not_the_users_is_refused(warehouse, write, name):
    with pytest.raises(UsageError, match="nothing can be loaded"):
        ingest(warehouse, name, [write("n.csv", "n\n1\n")], None)


def test_a_table_that_foretable_makes_is_refused(warehouse, write):
    warehouse.execute("INSERT INTO foretable.tables (name, kind) VALUES ('features.usage', 'feature view')")
    with pytest.raises(UsageError, match=r"features\.usage is a feature view"):
        ingest(warehouse, "features.usage", [write("n.csv", "n\n1\n")], None)


TELCO = Path(__file__).parents[4] / "shared/data/telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv"


@pytest.mark.skipif(not TELCO.exists(), reason="the IBM Telco file is not there")
def test_the_telco_file_loads_with_its_blank_charges_as_text(warehouse):
    report = ingest(warehouse, "raw.telco", [TELCO], None)
    assert report.rows == 7043
    found = types(warehouse, "raw.telco")
    assert (len(found), found["TotalCharges"], found["MonthlyCharges"], found["tenure"]) == (21, "VARCHAR", "DOUBLE", "BIGINT")
    assert warehouse.execute("SELECT count(*) FROM raw.telco WHERE trim(TotalCharges) = ''").fetchall() == [(11,)]
    numeric = pa.DataFrameSchema({"TotalCharges": pa.Column(float)})
    error = refused(warehouse, str(TELCO), schema=numeric, replace=True)
    assert error.where.endswith("Churn.csv:490")
    assert "a blank (' ')" in error.message
    assert "nor are 10 more" in error.message
