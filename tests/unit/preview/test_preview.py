"""What plan --diff finds: definitions changed in a project without models, each compared with what a run made."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest

import foretable as ft
from foretable.errors import DeclarationError, WarehouseError
from foretable.preview import preview, record_missing, scratch_warehouse

PIPELINE = """
import foretable as ft
import pandera.ibis as pa

customer = ft.Entity("customer", key="customer_id")
orders = ft.Source("raw.orders", entity=customer, time="ordered_at")
ft.schema("clean.orders", pa.DataFrameSchema({"amount": pa.Column(checks=pa.Check.ge(0))}))
ft.schema("features.totals", pa.DataFrameSchema({"total": pa.Column(checks=pa.Check.le(1000))}))


@ft.feature_view("features.counts", entity=customer, target_lag="1 day")
def counts():
    return orders.rows().group_by("customer_id").agg(n=ft._.count())
"""
TABLES = """
CREATE DYNAMIC TABLE clean.orders AS SELECT * FROM raw.orders;

CREATE DYNAMIC TABLE features.totals ENTITY = customer AS
SELECT customer_id, sum(amount) AS total, count(*) AS n, 'x' AS label FROM clean.orders WHERE ordered_at < as_of() GROUP BY customer_id;

CREATE DYNAMIC TABLE decisions.best ENTITY = customer AS
SELECT customer_id, tenth(total) AS tenth FROM features.totals WHERE total > 10;

CREATE DYNAMIC TABLE monitoring.labels AS SELECT label, n % 3 AS n FROM features.totals;
"""
MACROS = "CREATE OR REPLACE MACRO tenth(x) AS part(x, 10);\nCREATE OR REPLACE MACRO part(x, n) AS x / n;\n"
ORDERS = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders AS
SELECT i AS order_id, i % 7 AS customer_id, TIMESTAMP '2026-01-01' + to_days(CAST(i AS INTEGER)) AS ordered_at,
    (i % 5)::DECIMAL(9, 2) AS amount
FROM range(60) AS t(i);
"""
FILES = {"pipelines/shop.py": PIPELINE, "sql/tables.sql": TABLES, "udfs/m.sql": MACROS}


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder of its own for temporary files, to see what is left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A project after a run."""
    root = tmp_path_factory.mktemp("built") / "shop"
    for name, text in {**FILES, "pyproject.toml": '[tool.foretable]\nas_of = "2026-03-01"\n'}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write(root / "warehouse.duckdb", ORDERS)
    assert not ft.open(root).run().wave.failed
    return root


@pytest.fixture
def root(built, tmp_path) -> Path:
    """A copy of it, to do anything to."""
    return Path(shutil.copytree(built, tmp_path / "shop", symlinks=True))


def write(path: Path, statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(statements)


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def look(root: Path, select=(), exclude=(), limit=10):
    session = ft.open(root)
    path = root / "warehouse.duckdb"
    before = digest(path)
    with scratch_warehouse(root, session.config) as connection:
        record_missing(connection, session.project)
        found = preview(connection, session.graph, select=session.selected(select, exclude), limit=limit)
    assert digest(path) == before
    return found


def tables(root: Path, **options):
    return {change.table: change for change in look(root, **options).tables}


def digest(path: Path) -> list[str]:
    """The bytes of the warehouse and of its log; none where there is none."""
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, Path(f"{path}.wal")) if file.exists()]


def counts(change):
    found = change.difference
    return found.only_before, found.only_after, found.changed, found.same


def test_nothing_changed(root, temporary):
    found = look(root)
    assert (found.tables, dict(found.drops), found.failed) == ((), {}, [])
    assert not list(temporary.iterdir())


def test_changed_values_reach_what_is_made_from_them(root, temporary):
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount) + (customer_id = 3)::INTEGER * 5 AS total")
    found = tables(root)
    assert list(found) == ["features.totals", "decisions.best", "monitoring.labels"]
    totals, best, labels = found.values()
    assert (totals.outcome, totals.reason, counts(totals)) == ("DIFFERS", "its definition changed", (0, 0, 1, 6))
    (column,) = totals.difference.columns
    assert (column.name, column.rows, column.largest) == ("total", 1, 5.0)
    assert column.mean_after - column.mean_before == pytest.approx(5 / 7)
    (example,) = totals.difference.examples
    assert (dict(example.key), example.column, example.after - example.before) == ({"customer_id": 3}, "total", 5)
    assert (best.outcome, best.reason) == ("DIFFERS", "it reads features.totals")
    assert (labels.outcome, labels.difference.same) == ("SAME", 7)  # it reads other columns
    assert not list(temporary.iterdir())


def test_it_agrees_with_the_run_that_follows(root):
    edit(root, "sql/tables.sql", "sum(amount) AS total", "max(amount) * customer_id AS total")
    announced = tables(root)
    old = ft.open(root).rows("SELECT * FROM decisions.best")[1]
    ft.open(root).run()
    new = ft.open(root).rows("SELECT * FROM decisions.best")[1]
    both = {key for key, *_ in old} & {key for key, *_ in new}
    changed = sum(dict(old)[key] != dict(new)[key] for key in both)
    assert counts(announced["decisions.best"]) == (len(old) - len(both), len(new) - len(both), changed, len(both) - changed)
    assert changed


def test_columns_that_come_go_and_change_their_type(root):
    edit(root, "sql/tables.sql", "count(*) AS n, 'x' AS label", "count(*)::DOUBLE AS n, 'x' AS label, max(ordered_at) AS last")
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount)::DOUBLE + 0.001 AS total")
    found = {column.name: column for column in tables(root)["features.totals"].difference.columns}
    assert (found["last"].before, found["last"].after) == (None, "TIMESTAMP")
    assert (found["n"].before, found["n"].after, found["n"].rows) == ("BIGINT", "DOUBLE", 0)
    assert found["total"].rows == 7
    assert "label" not in found
    edit(root, "sql/tables.sql", ", 'x' AS label", "")
    edit(root, "sql/tables.sql", "SELECT label, n % 3 AS n", "SELECT n % 3 AS n")
    change = tables(root)["features.totals"]
    gone = [column for column in change.difference.columns if column.after is None]
    assert [(column.name, column.before) for column in gone] == [("label", "VARCHAR")]
    assert change.difference.changed == 7  # the column that is gone makes no row differ, total does


def declare(root: Path, name: str, key: str, table: str, query: str) -> None:
    """Give a table of its own file another entity and query."""
    edit(root, "pipelines/shop.py", "\norders =", f'\n{name} = ft.Entity("{name}", key="{key}")\norders =')
    text = (root / "sql" / "tables.sql").read_text()
    statements = [part for part in text.split("\n\n") if f" {table} " not in part]
    (root / "sql" / "tables.sql").write_text("\n\n".join(statements))
    (root / "sql" / "own.sql").write_text(f"CREATE DYNAMIC TABLE {table} ENTITY = {name} AS {query};")


def test_a_renamed_key_leaves_nothing_to_pair_rows_by(root):
    query = "SELECT customer_id AS person_id, tenth(total) AS tenth FROM features.totals WHERE total > 10"
    declare(root, "person", "person_id", "decisions.best", query)
    best = tables(root)["decisions.best"]
    assert best.difference.unpaired == "it had no column person_id"
    assert best.difference.only_before == best.difference.only_after == best.difference.changed == 0  # tenth is as it was
    assert [column.name for column in best.difference.columns] == ["person_id", "customer_id"]


def test_a_key_that_was_not_unique(root):
    declare(root, "label", "label", "monitoring.labels", "SELECT label, max(n) AS n FROM features.totals GROUP BY label")
    change = tables(root)["monitoring.labels"]
    assert change.difference.unpaired == "it had several rows for one label"
    assert counts(change) == (7, 1, 0, 0)


def test_rows_without_a_key_are_compared_as_heaps(root):
    edit(root, "sql/tables.sql", "n % 3 AS n FROM", "if(customer_id = 3, 7, n % 3) AS n FROM")
    change = tables(root)["monitoring.labels"]
    assert change.difference.unpaired == "it has no key"
    assert counts(change) == (1, 1, 0, 6)
    assert [dict(row) for row in change.difference.fresh] == [{"label": "x", "n": 7}]
    assert len(change.difference.gone) == 1
    assert [column.name for column in change.difference.columns] == ["n"]


def test_a_macro_as_declared_now_hides_the_stored_one(root):
    edit(root, "udfs/m.sql", "x / n", "x / n + 1")  # called through tenth, which has not changed
    found = tables(root)
    assert list(found) == ["decisions.best"]
    (column,) = found["decisions.best"].difference.columns
    assert (column.mean_after - column.mean_before, column.largest) == (pytest.approx(1), pytest.approx(1))


def test_a_new_table_and_one_declared_in_python(root):
    edit(root, "pipelines/shop.py", "n=ft._.count()", "n=ft._.count() + 1")
    (root / "sql" / "more.sql").write_text("CREATE DYNAMIC TABLE decisions.more AS SELECT customer_id, n FROM features.counts;")
    found = tables(root, limit=2)
    assert counts(found["features.counts"]) == (0, 0, 7, 0)
    more = found["decisions.more"]
    assert (more.outcome, more.rows_before, more.rows_after) == ("NEW", None, 7)
    assert [dict(row) for row in more.difference.fresh] == [{"customer_id": 0, "n": 10}, {"customer_id": 1, "n": 10}]


def test_a_query_that_fails_blocks_what_is_made_from_it(root, temporary):
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount) + error('no such luck')::INTEGER AS total")
    edit(root, "pipelines/shop.py", "n=ft._.count()", "n=ft._.count() + 1")
    found = look(root)
    assert {change.table: change.outcome for change in found.tables} == {
        "features.counts": "DIFFERS", "features.totals": "FAILED", "decisions.best": "BLOCKED", "monitoring.labels": "BLOCKED",
    }  # fmt: skip
    (failed,) = found.failed
    assert "no such luck" in failed.error.message
    assert failed.error.hint
    assert not list(temporary.iterdir())


def test_two_rows_for_one_key_are_an_error(root):
    edit(root, "sql/tables.sql", "FROM features.totals WHERE total > 10", "FROM features.totals, range(2)")
    (failed,) = look(root).failed
    assert failed.table == "decisions.best"
    assert "more than one row for customer" in failed.error.message


def test_the_definition_changed_but_not_the_content(root):
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount + 0) AS total")
    found = tables(root)
    assert {name: change.outcome for name, change in found.items()} == dict.fromkeys(found, "SAME")
    assert found["decisions.best"].difference.same == found["decisions.best"].rows_after > 0


ALIKE = {
    "zero": ("0.0::DOUBLE", "-0.0::DOUBLE"),
    "month": ("INTERVAL 30 DAYS", "INTERVAL 1 MONTH"),
    "list": ("[]::INTEGER[]", "[NULL]::INTEGER[]"),
    "nested": ("{'a': 0.0::DOUBLE}", "{'a': -0.0::DOUBLE}"),
    "folded": ("'a' COLLATE NOCASE", "'A' COLLATE NOCASE"),
    "nothing": ("NULL::INTEGER", "0::INTEGER"),
}
"""Values that DuckDB takes for equal, or shows alike."""


def test_values_are_compared_to_the_bit(project):
    def declared(side: int, name: str, options: str) -> str:
        values = ", ".join(f"{pair[side]} AS {column}" for column, pair in ALIKE.items())
        return f"CREATE DYNAMIC TABLE {name} {options}AS SELECT customer_id, {values} FROM raw.orders WHERE customer_id = order_id;\n"

    def both(side: int) -> str:
        return declared(side, "decisions.keyed", "ENTITY = customer ") + declared(side, "monitoring.heap", "")

    root = project({"pipelines/shop.py": PIPELINE.split("ft.schema")[0], "sql/one.sql": both(0)}, 'as_of = "2026-03-01"')
    write(root / "warehouse.duckdb", ORDERS)
    assert not ft.open(root).run().wave.failed
    (root / "sql" / "one.sql").write_text(both(1))
    found = tables(root)
    assert [(column.name, column.rows) for column in found["decisions.keyed"].difference.columns] == [(name, 7) for name in ALIKE]
    assert [column.name for column in found["monitoring.heap"].difference.columns] == list(ALIKE)
    assert (counts(found["decisions.keyed"]), counts(found["monitoring.heap"])) == ((0, 0, 7, 0), (7, 7, 0, 0))
    for example in found["decisions.keyed"].difference.examples:
        assert str(example.before) != str(example.after)


def test_rules_are_shown_and_quarantine_told(root):
    edit(root, "sql/tables.sql", "SELECT * FROM raw.orders", "SELECT * REPLACE ((amount - 1)::DECIMAL(9, 2) AS amount) FROM raw.orders")
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount) + 1000 AS total")
    found = tables(root)
    clean, totals = found["clean.orders"], found["features.totals"]
    assert (clean.quarantined, clean.refused, clean.rows_after) == (12, False, 48)
    assert [(broken.column, broken.count) for broken in clean.violations] == [("amount", 12)]
    assert (totals.refused, totals.outcome) == (True, "DIFFERS")
    assert totals.violations[0].count == 7
    assert found["decisions.best"].outcome == "DIFFERS"
    ft.open(root).run()
    assert ft.open(root).rows("SELECT count(*) FROM quarantine.orders")[1] == [(12,)]  # as announced


def test_other_rules_alone_are_a_change(root):
    edit(root, "pipelines/shop.py", "pa.Check.ge(0)", "pa.Check.ge(1)")
    clean = tables(root)["clean.orders"]
    assert (clean.reason, clean.quarantined, clean.difference.only_before) == ("its schema changed", 12, 12)


def test_sources_that_moved_since_are_named(root):
    edit(root, "sql/tables.sql", "count(*) AS n", "count(*) + 0 AS n")
    assert tables(root)["features.totals"].moved == ()
    write(root / "warehouse.duckdb", "INSERT INTO raw.orders VALUES (99, 3, '2026-01-05', 4)")
    found = tables(root)
    assert found["features.totals"].moved == ("raw.orders",)
    assert found["features.totals"].outcome == "SAME"  # it reads clean.orders, which no definition changed


def test_both_sides_are_of_the_date_that_the_table_has(root):
    write(root / "warehouse.duckdb", "INSERT INTO raw.orders VALUES (99, 3, '2026-03-20', 4)")
    edit(root, "pyproject.toml", "2026-03-01", "2026-04-01")
    edit(root, "sql/tables.sql", "FROM clean.orders WHERE ordered_at < as_of()", "FROM raw.orders WHERE ordered_at < as_of()")
    totals = tables(root)["features.totals"]
    assert (f"{totals.as_of:%Y-%m-%d}", totals.outcome, totals.moved) == ("2026-03-01", "SAME", ("raw.orders",))


def test_only_what_is_selected(root):
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount) + 10 AS total")
    assert list(tables(root, select=["features.totals"])) == ["features.totals"]
    assert list(tables(root, exclude=["features.totals"])) == []  # what is made from it reads it as it is
    assert list(tables(root, exclude=["decisions.best"])) == ["features.totals", "monitoring.labels"]


def test_tables_that_nothing_declares_any_more(root):
    (root / "sql" / "tables.sql").write_text(TABLES[: TABLES.index("CREATE DYNAMIC TABLE monitoring")])
    found = look(root)
    assert dict(found.drops) == {"monitoring.labels": 7}
    assert found.tables == ()


def test_a_source_in_files_that_the_warehouse_has_never_seen(root):
    (root / "extra.csv").write_text("customer_id,points\n1,10\n2,20\n")
    edit(root, "pipelines/shop.py", "\n\n@ft.feature_view", '\nft.Source("raw.points", file="extra.csv")\n\n\n@ft.feature_view')
    (root / "sql" / "more.sql").write_text(
        "CREATE DYNAMIC TABLE decisions.points ENTITY = customer AS\n"
        "SELECT p.customer_id, p.points FROM raw.points AS p JOIN features.totals AS t ON t.customer_id = p.customer_id;"
    )
    assert tables(root)["decisions.points"].rows_after == 2


def test_without_a_warehouse_every_table_is_new(project):
    root = project({**FILES, "extra.csv": "customer_id,points\n1,10\n"}, 'as_of = "2026-03-01"\nsample = "sample.duckdb"')
    write(root / "sample.duckdb", ORDERS)
    found = look(root)
    assert {change.outcome for change in found.tables} == {"NEW"}
    assert len(found.tables) == 5
    assert not (root / "warehouse.duckdb").exists()


def test_a_source_that_lost_a_column_is_refused(root):
    write(root / "warehouse.duckdb", "ALTER TABLE raw.orders DROP COLUMN amount")
    with pytest.raises(DeclarationError, match="gone from the source"):
        look(root)


def test_an_older_catalog_is_not_brought_up_to_date_behind_the_back(root):
    write(root / "warehouse.duckdb", "UPDATE foretable.catalog SET version = 1")
    with pytest.raises(WarehouseError, match="catalog has version 1"):
        look(root)


READER = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(connection.execute("SELECT count(*) FROM features.totals").fetchall()[0][0])
"""


def test_others_read_meanwhile(root):
    session = ft.open(root)
    edit(root, "sql/tables.sql", "sum(amount) AS total", "sum(amount) + 10 AS total")
    read = []

    def listen(event):
        if event.state == "done":
            command = [sys.executable, "-c", READER, str(root / "warehouse.duckdb")]
            read.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())

    with scratch_warehouse(root, session.config) as connection:
        record_missing(connection, session.project)
        preview(connection, session.graph, listen=listen)
    assert read == ["7", "7", "7"]
