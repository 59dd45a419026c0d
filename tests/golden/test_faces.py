"""BigQuery's and Snowflake's spelling in, our words out; both run, and give the rows of a hand-written twin in our words."""

import shutil
from pathlib import Path

import pytest

import foretable as ft
from foretable.faces import in_catalog, rewritten

HERE = Path(__file__).parent / "faces"
DECLARED = """
CREATE DYNAMIC TABLE predictions.big ENTITY = customer AS
SELECT customer_id, predicted_churned, predicted_churned_probs[1].prob AS p FROM ML.PREDICT(MODEL churn, TABLE features.customer_usage);
CREATE DYNAMIC TABLE predictions.snow ENTITY = customer AS SELECT customer_id, churn!PREDICT(*) AS p FROM features.customer_usage;
"""
NAMES = sorted(path.name.removesuffix(".in.sql") for path in HERE.glob("*.in.sql"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The shop with a champion of its model."""
    import duckdb

    root = tmp_path_factory.mktemp("faces") / "shop"
    shutil.copytree(Path(__file__).parents[1] / "shop", root, ignore=shutil.ignore_patterns("__pycache__"))
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((root / "data.sql").read_text())
    (root / "sql" / "faces.sql").write_text(DECLARED)
    session = ft.open(root)
    session.run(trials=1)
    return session


@pytest.mark.parametrize("name", NAMES)
def test_in_our_words(trained, name):
    given = (HERE / f"{name}.in.sql").read_text()
    with trained.connect() as connection:
        text = rewritten(given, in_catalog(connection))
        assert text == (HERE / f"{name}.out.sql").read_text()
        ours = connection.execute(text).fetchall()
        twin = connection.execute((HERE / f"{name}.twin.sql").read_text()).fetchall()
    assert ours == twin
    assert len(ours) > 3
    assert [tuple(row.values()) for row in trained.sql(given).to_pylist()] == ours


def test_declared_tables_are_planned_and_refreshed_by_key(trained, tmp_path):
    root = tmp_path / "shop"
    shutil.copytree(trained.root, root, symlinks=True)
    session = ft.open(root)
    tables = {name: session.graph.tables[name] for name in ("predictions.big", "predictions.snow")}
    assert all(table.models == ("churn",) and table.upstream == ("features.customer_usage",) for table in tables.values())
    with session.connect(write=True) as connection:
        connection.execute("INSERT INTO raw.orders SELECT 900000 + i, i, TIMESTAMP '2026-02-20', 50 FROM range(5) AS t(i)")
    done = {built.table: built for built in session.run().wave.built}
    for name in tables:
        assert (done[name].action, done[name].dirty) == ("INCREMENTAL", 5)
        _, differing = session.rows(
            "SELECT count(*) FROM query_table(?) AS t JOIN predict_churn(features.customer_usage) AS f USING (customer_id)"
            " WHERE t.p IS DISTINCT FROM f.churn_probability",
            [name],
        )
        assert differing == [(0,)]
