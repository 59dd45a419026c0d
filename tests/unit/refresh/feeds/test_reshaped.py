"""Sources whose files have another shape: the query between, and what changed in its rows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import foretable as ft
from foretable.declare.project import Config, Project
from foretable.errors import DeclarationError
from foretable.refresh.feeds.files import Folder, files_mark
from foretable.refresh.sync import mount_files

FIRST = "SELECT CustomerID AS customer_id, min(InvoiceDate) AS first_at, sum(UnitPrice) AS spent FROM file WHERE CustomerID > 0 GROUP BY 1"
HEADER = "CustomerID,InvoiceDate,Quantity,UnitPrice\n"


@pytest.fixture
def folder(watched):
    made = watched.root / "invoices"
    made.mkdir()
    return made


def write(folder: Path, name: str, *lines: str) -> Path:
    """A CSV file that looks as if it were written long ago."""
    path = folder / f"{name}.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    then = path.stat().st_mtime_ns - 100 * 10**9
    os.utime(path, ns=(then, then))
    return path


def mount(watched, query=FIRST, *keys):
    watched.source("raw.first", file="invoices/*.csv", query=query)
    mount_files(watched.connection, Project(watched.root, Config(), sources=watched.sources))
    return [watched.feed("raw.first", key) for key in keys]


def test_what_changed_is_what_the_query_gives_otherwise(watched, folder):
    write(folder, "march", "1,2026-03-01,2,1.5", "2,2026-03-02,1,0.1", "-1,2026-03-02,1,9.9")
    (feed, whole) = mount(watched, FIRST, ("customer_id",), ())
    watched.detect()
    assert watched.detect() == {feed.name: set(), whole.name: set()}
    write(folder, "april", "-1,2026-04-01,1,9.9")  # a row that the query leaves out
    assert watched.detect() == {feed.name: set(), whole.name: set()}
    write(folder, "february", "2,2026-02-01,1,0", "3,2026-02-01,1,1")  # late: the first date of 2 lies in another file now
    assert watched.detect() == {feed.name: {(2,), (3,)}, whole.name: {()}}
    (folder / "february.csv").unlink()
    assert watched.detect() == {feed.name: {(2,), (3,)}, whole.name: {()}}
    write(folder, "march", "2,2026-03-02,1,0.1", "1,2026-03-01,2,1.5")  # the same rows in another order
    assert watched.detect() == {feed.name: set(), whole.name: set()}
    assert not watched.restarted(feed)


def test_files_that_look_the_same_are_not_read(watched, folder):
    """Proven by a change that goes unseen where the mark says that there is none."""
    write(folder, "march", "1,2026-03-01,2,1.5")
    (feed,) = mount(watched, FIRST, ("customer_id",))
    watched.detect()
    write(folder, "march", "1,2026-03-01,2,2.5")
    mark = files_mark(watched.connection, Folder(watched.sources["raw.first"], str(watched.root / "invoices/*.csv"), {}))
    forge(watched, mark)
    assert watched.detect() == {feed.name: set()}
    forge(watched, None)
    assert watched.detect() == {feed.name: {(1,)}}
    (folder / "april.csv").write_text(HEADER + "1,2026-04-01,1,1\n")  # so young that it is read again
    watched.detect()
    assert json.loads(watched.connection.execute("SELECT state FROM foretable.feeds").fetchall()[0][0])["mark"] is None


def forge(watched, mark):
    ((state,),) = watched.connection.execute("SELECT state FROM foretable.feeds").fetchall()
    watched.connection.execute("UPDATE foretable.feeds SET state = ?", [json.dumps(json.loads(state) | {"mark": mark})])


def test_another_query_starts_the_log_anew(watched, folder):
    write(folder, "march", "1,2026-03-01,2,1.5")
    (feed,) = mount(watched, FIRST, ("customer_id",))
    watched.detect()
    mount(watched, FIRST.replace("> 0", "> -9"))
    watched.detect()
    assert watched.restarted(feed)
    mount(watched, "")
    watched.feeds = []
    watched.detect()


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("SELECT CAST(Quantity * UnitPrice AS DECIMAL(12, 2)) AS amount FROM file", {"amount": "DECIMAL(12,2)"}),
        ("SELECT f.Quantity AS n FROM FILE AS f;  -- all of it", {"n": "BIGINT"}),
        ("WITH a AS (SELECT file.Quantity AS n FROM file) SELECT n FROM a UNION ALL SELECT 1 FROM file JOIN file AS g USING (Quantity)",
         {"n": "BIGINT"}),
        ("FROM file SELECT CustomerID::VARCHAR AS \"A B\", '{\"a\": 1}'::JSON->>'$.a' AS a", {"A B": "VARCHAR", "a": "VARCHAR"}),
    ],
)  # fmt: skip
def test_the_columns_are_those_of_the_query(watched, folder, query, types):
    write(folder, "march", "1,2026-03-01,2,1.5")
    mount(watched, query)
    rows = watched.connection.execute("DESCRIBE raw.first").fetchall()
    assert {row[0]: row[1] for row in rows} == types


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT a FROM", "does not parse"),
        ("SELECT 'a FROM file", "does not parse"),
        ("SELECT 1 FROM file; SELECT 2 FROM file", "is not one SELECT"),
        ("DROP TABLE file", "is not one SELECT"),
        ("SELECT 1 AS a", "does not read the table file"),
        ("WITH file AS (SELECT 1 AS a) SELECT * FROM file", "does not read the table file"),
        ("SELECT * FROM file JOIN raw.other USING (a)", "reads raw.other, whose changes"),
        ("SELECT * FROM file, 'b.csv'", "reads b.csv, whose changes"),
        ("SELECT * FROM file, read_csv('b.csv')", "read_csv() reads what no source declares"),
        ("SELECT now() AS n FROM file", "now is the machine's clock"),
        ("SELECT random() AS n FROM file", "gives other rows every time, by random()"),
        ("SELECT Quantity AS n FROM file USING SAMPLE 10", "gives other rows every time, by a sample"),
        ("SELECT n FROM (SELECT Quantity AS n FROM file TABLESAMPLE 50%)", "gives other rows every time, by a sample"),
        ("SELECT CustomerNo FROM file", "Referenced column \"CustomerNo\" not found"),
        ("SELECT nofunction(Quantity) AS n FROM file", "nofunction does not exist"),
    ],
)  # fmt: skip
def test_what_is_no_query_of_the_file_is_told_with_the_source(watched, folder, query, told):
    write(folder, "march", "1,2026-03-01,2,1.5")
    with pytest.raises(DeclarationError) as caught:
        mount(watched, query)
    assert told in caught.value.message
    assert "conftest.py" in caught.value.where
    if "CustomerNo" in query:
        assert caught.value.hint == "the columns of file: CustomerID, InvoiceDate, Quantity, UnitPrice"


PIPELINE = """
import foretable as ft

customer = ft.Entity("customer", key="customer_id")
first = ft.Source(
    "raw.first", entity=customer, time="first_at", file="invoices/*.csv", sparse=True,
    query="SELECT CustomerID AS customer_id, min(InvoiceDate)::TIMESTAMP AS first_at, count(*) AS n FROM file GROUP BY 1",
)
"""
TABLE = """
CREATE DYNAMIC TABLE features.age ENTITY = customer AS
SELECT customer_id, n, date_diff('day', first_at, TIMESTAMP '2026-06-01') AS days FROM raw.first WHERE first_at < as_of();
"""


def test_a_project_takes_late_files_in_and_rebuilds_for_another_query(project):
    root = project({"pipelines/shop.py": PIPELINE, "sql/shop.sql": TABLE}, settings='as_of = "2026-06-01"')
    (root / "invoices").mkdir()
    write(root / "invoices", "march", *(f"{i},2026-03-{1 + i % 28:02},1,1" for i in range(50)))
    session = ft.open(root)
    session.run()
    assert session.rows("SELECT count(*), max(days) FROM features.age")[1] == [(50, 92)]
    assert 'CREATE TABLE "raw"."first"' in (root / "sql/sources/raw.first.sql").read_text()
    write(root / "invoices", "january", "7,2026-01-01,1,1", "99,2026-01-02,1,1")
    (built,) = ft.open(root).run().wave.built
    assert (built.action, built.inserted, built.updated) == ("INCREMENTAL", 1, 1)
    assert session.rows("SELECT * FROM features.age WHERE customer_id IN (7, 99) ORDER BY ALL")[1] == [(7, 2, 151), (99, 1, 150)]
    (root / "pipelines/shop.py").write_text(PIPELINE.replace("FROM file", "FROM file WHERE CustomerID < 99"))
    (built,) = ft.open(root).run().wave.built
    assert (built.action, built.reason, built.row_count) == ("REINITIALIZE", "its definition changed", 50)
