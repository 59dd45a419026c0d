"""Waves over a project without models: what is built, what a failure leaves, what a reader sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.errors import DeclarationError, RefreshFailed
from foretable.refresh import plan, run_wave
from foretable.refresh.watermark import now
from foretable.run import prepare

DECLARED = {
    "pipelines/shop.py": """import foretable as ft
import pandera.ibis as pa
customer = ft.Entity("customer", key="customer_id")
ft.Source("raw.orders", entity=customer, time="ordered_at")
ft.schema("features.spend", pa.DataFrameSchema({"spend": pa.Column(float, pa.Check.ge(0))}))
""",
    "sql/sources/raw.orders.sql": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount DOUBLE)",
    "sql/features.sql": """
-- Orders so far.
CREATE DYNAMIC TABLE features.orders ENTITY = customer AS
SELECT customer_id, count(*) AS n FROM raw.orders WHERE ordered_at < as_of() GROUP BY customer_id;
CREATE DYNAMIC TABLE features.spend ENTITY = customer AS
SELECT customer_id, max(amount) AS spend FROM raw.orders GROUP BY customer_id;
CREATE DYNAMIC TABLE decisions.top AS
SELECT customer_id, spend FROM features.spend ORDER BY spend DESC, customer_id;
""",
}


@pytest.fixture
def root(project):
    root = project(DECLARED, settings='as_of = "2026-03-01"')
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute("CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, amount DOUBLE)")
        connection.execute("INSERT INTO raw.orders SELECT i % 5, TIMESTAMP '2026-02-01' + to_days(i::INTEGER), i FROM range(20) AS t(i)")
        connection.execute("INSERT INTO raw.orders VALUES (1, '2026-03-01', 3)")
    return root


def refresh(root, **options):
    graph = compile_project(load_project(root))
    connection = duckdb.connect(root / "warehouse.duckdb")
    connection.execute("SET TimeZone = 'UTC'")
    try:
        prepare(connection, graph)
        clock = now(graph)
        prune = options.pop("prune", False)
        report = run_wave(
            connection,
            graph,
            clock,
            lambda state, failed: plan(graph, state, clock, without=failed, **options),
            trigger="TEST",
            prune=prune,
        )
    finally:
        connection.close()
    return report


def read(root, query):
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def actions(report):
    return {done.table: done.action for done in report.built}


def edit(root, path, old, new):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def test_a_wave_builds_in_order_and_the_next_one_has_nothing_to_do(root):
    first = refresh(root)
    assert set(actions(first).values()) == {"REINITIALIZE"}
    assert read(root, "FROM features.orders ORDER BY ALL") == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert [row[1] for row in read(root, "FROM decisions.top")] == [19, 18, 17, 16, 15]
    second = refresh(root)
    assert set(actions(second).values()) == {"NO_DATA"}
    history = read(root, "SELECT wave, action, state, count(*) FROM foretable.refresh_history GROUP BY ALL ORDER BY ALL")
    assert history == [(1, "REINITIALIZE", "SUCCEEDED", 3), (2, "NO_DATA", "SUCCEEDED", 3)]
    status = read(root, "SELECT name, kind, last_action, row_count FROM foretable.table_status ORDER BY name")
    assert status[1] == ("features.orders", "feature view", "REINITIALIZE", 5)


def test_only_what_a_change_reaches_is_built(root):
    refresh(root)
    edit(root, "sql/features.sql", "max(amount)", "min(amount)")
    assert actions(refresh(root)) == {"features.orders": "NO_DATA", "features.spend": "REINITIALIZE", "decisions.top": "FULL"}


def test_a_table_that_fails_keeps_its_content_and_the_others_are_built(root):
    refresh(root)
    before = read(root, "FROM features.spend ORDER BY ALL")
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("INSERT INTO raw.orders VALUES (9, '2026-02-02', -1)")
    report = refresh(root)
    assert actions(report) == {"features.orders": "INCREMENTAL"}
    assert "features.spend.spend" in str(report.failed["features.spend"])
    assert report.blocked == {"decisions.top": "features.spend was not built"}
    assert read(root, "FROM features.spend ORDER BY ALL") == before
    assert read(root, "SELECT count(*) FROM features.orders") == [(6,)]
    failed = read(root, "SELECT table_name, message FROM foretable.refresh_history WHERE state = 'FAILED'")
    assert failed[0][0] == "features.spend" and "spend" in failed[0][1]
    blocked = read(root, "SELECT table_name, reason FROM foretable.refresh_history WHERE state = 'BLOCKED' ORDER BY ALL")
    assert ("decisions.top", "features.spend was not built") in blocked
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("DELETE FROM raw.orders WHERE customer_id = 9")
    healed = refresh(root)
    assert healed.failed == {} and actions(healed)["features.orders"] == "INCREMENTAL"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT customer_id, 1.0::DOUBLE AS spend FROM raw.orders", "more than one row for customer 0"),
        ("SELECT nullif(customer_id, 3) AS customer_id, max(amount) AS spend FROM raw.orders GROUP BY customer_id", "a NULL key in"),
        ("SELECT customer_id, max(error('boom'))::DOUBLE AS spend FROM raw.orders GROUP BY customer_id", "boom"),
    ],
)
def test_a_wrong_feature_view_is_refused_with_the_reason(root, query, message):
    edit(root, "sql/features.sql", "SELECT customer_id, max(amount) AS spend FROM raw.orders GROUP BY customer_id", query)
    report = refresh(root)
    assert message in str(report.failed["features.spend"]) and "Hint:" in str(report.failed["features.spend"])
    assert read(root, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'spend'") == [(0,)]


def test_a_column_that_a_source_gets_waits_until_it_is_recorded(root):
    edit(
        root,
        "sql/features.sql",
        "SELECT customer_id, spend FROM features.spend",
        "SELECT *, 1 AS one FROM features.spend JOIN raw.orders USING (customer_id)",
    )
    refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("ALTER TABLE raw.orders ADD COLUMN later INTEGER DEFAULT 5")
        connection.execute("INSERT INTO raw.orders VALUES (1, '2026-02-03', 50, 7)")
    assert actions(refresh(root))["decisions.top"] == "FULL"
    columns = [row[0] for row in read(root, "DESCRIBE decisions.top")]
    assert columns == ["customer_id", "spend", "ordered_at", "amount", "one"]


def test_a_declaration_that_disappears_is_dropped_only_when_asked(root):
    refresh(root)
    edit(
        root,
        "sql/features.sql",
        "CREATE DYNAMIC TABLE decisions.top AS\nSELECT customer_id, spend FROM features.spend ORDER BY spend DESC, customer_id;",
        "",
    )
    refresh(root)
    assert len(read(root, "FROM decisions.top")) == 5
    refresh(root, prune=True)
    assert read(root, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'top'") == [(0,)]
    assert read(root, "SELECT action FROM foretable.refresh_history WHERE table_name = 'decisions.top' ORDER BY wave DESC LIMIT 1") == [
        ("DROP",)
    ]
    assert read(root, "SELECT count(*) FROM foretable.tables WHERE name = 'decisions.top'") == [(0,)]


def test_a_view_that_somebody_put_in_the_place_of_a_table_is_not_pruned(root):
    refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("DROP TABLE decisions.top; CREATE VIEW decisions.top AS SELECT 1 AS mine")
    text = (root / "sql/features.sql").read_text()
    (root / "sql/features.sql").write_text(text[: text.index("CREATE DYNAMIC TABLE decisions")])
    refresh(root, prune=True)
    assert read(root, "FROM decisions.top") == [(1,)]
    assert read(root, "SELECT count(*) FROM foretable.tables WHERE name = 'decisions.top'") == [(0,)]


def test_a_file_does_not_hide_a_table_of_the_same_name(root):
    edit(root, "pipelines/shop.py", 'time="ordered_at"', 'time="ordered_at", file="orders.csv"')
    (root / "orders.csv").write_text("customer_id,ordered_at,amount\n1,2026-02-01 10:00:00,2.5\n")
    with pytest.raises(DeclarationError, match="the warehouse has a table of that name"):
        refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("DROP TABLE raw.orders")
    assert actions(refresh(root))["features.orders"] == "REINITIALIZE"


def test_a_source_that_lost_a_column_is_named(root):
    refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("ALTER TABLE raw.orders RENAME amount TO total")
    with pytest.raises(Exception, match=r"raw\.orders\.amount: the column is gone") as caught:
        refresh(root)
    assert "foretable sync" in caught.value.hint


@pytest.mark.parametrize("table", ["features.orders", "features.spend", "decisions.top"])
def test_kill_9_in_mid_wave_leaves_the_last_wave_whole(root, table):
    refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("INSERT INTO raw.orders VALUES (7, '2026-02-02', 70)")
    before = read(
        root, "SELECT (SELECT count(*) FROM features.orders), (SELECT count(*) FROM decisions.top), max(wave) FROM foretable.waves"
    )
    script = textwrap.dedent("""
        import os, signal, sys
        import duckdb
        from pathlib import Path
        from foretable.compile import compile_project
        from foretable.declare.load import load_project
        from foretable.refresh import plan, run_wave
        from foretable.refresh.watermark import now
        from foretable.run import prepare
        root, table = Path(sys.argv[1]), sys.argv[2]
        graph = compile_project(load_project(root))
        connection = duckdb.connect(root / "warehouse.duckdb")
        prepare(connection, graph)
        clock = now(graph)
        def die(step):
            if step.name == table and step.state == "done":
                os.kill(os.getpid(), signal.SIGKILL)
        run_wave(connection, graph, clock, lambda state, failed: plan(graph, state, clock, without=failed), trigger="TEST", listen=die)
        """)
    done = subprocess.run([sys.executable, "-c", script, str(root), table], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    counts = "SELECT (SELECT count(*) FROM features.orders), (SELECT count(*) FROM decisions.top), max(wave) FROM foretable.waves"
    assert read(root, counts) == before
    healed = refresh(root)
    assert "NO_DATA" not in actions(healed).values()
    assert read(root, counts) == [(6, 6, 2)]


def test_files_that_are_written_during_a_wave_are_read_again(root, monkeypatch):
    """A folder is no snapshot: what a wave has read of it must be what stands there when it commits."""
    from foretable.refresh import step, wave

    edit(root, "pipelines/shop.py", 'time="ordered_at"', 'time="ordered_at", file="orders/*.csv"')
    (root / "orders").mkdir()
    (root / "orders" / "1.csv").write_text("customer_id,ordered_at,amount\n1,2026-02-01 10:00:00,2.5\n1,2026-02-20 10:00:00,2.5\n")
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("DROP TABLE raw.orders")
    late, real = [2], step.take

    def write_late(taken):
        if taken.build.table == "features.orders" and late:
            (root / "orders" / f"{late.pop()}.csv").write_text("customer_id,ordered_at,amount\n2,2026-02-01 10:00:00,7.5\n")
        return real(taken)

    monkeypatch.setattr(wave, "take", write_late)
    refresh(root)
    assert read(root, "FROM features.orders ORDER BY ALL") == [(1, 1), (2, 1)]
    assert read(root, "SELECT customer_id FROM decisions.top") == [(2,), (1,)]
    assert read(root, "SELECT wave, state FROM foretable.waves") == [(1, "SUCCEEDED")]
    late.extend([5, 4, 3])
    monkeypatch.setattr(wave, "take", write_late)
    monkeypatch.setattr(wave, "TRIES", 2)
    with pytest.raises(RefreshFailed, match="its files changed during 2 waves"):
        refresh(root)


def test_a_table_that_somebody_gave_other_columns_is_made_anew(root):
    refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("ALTER TABLE features.orders ADD COLUMN mine INTEGER")
    done = refresh(root)
    assert actions(done) == {"features.orders": "REINITIALIZE", "features.spend": "NO_DATA", "decisions.top": "NO_DATA"}
    assert [row[0] for row in read(root, "DESCRIBE features.orders")] == ["customer_id", "n"]


def test_a_table_that_was_not_declared_for_a_while_does_not_go_on_from_its_old_log(root):
    refresh(root)
    text = (root / "sql/features.sql").read_text()
    without = text[: text.index("CREATE DYNAMIC TABLE features.spend")]
    (root / "sql/features.sql").write_text(without)
    (root / "pipelines/shop.py").write_text((root / "pipelines/shop.py").read_text().replace("ft.schema(", "0 and ft.schema("))
    refresh(root)
    refresh(root)
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("UPDATE raw.orders SET amount = amount + 1")  # a column that only the table left out reads
    refresh(root)
    (root / "sql/features.sql").write_text(text)
    assert actions(refresh(root))["features.spend"] == "FULL"
    assert read(root, "FROM features.spend EXCEPT SELECT customer_id, max(amount) FROM raw.orders GROUP BY ALL") == []
