"""What fails in a run leaves the rest alone, and says so to every reader."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

import foretable as ft
from foretable.errors import IngestError, WarehouseError

NEVER = """
@ft.label("training.never", entity=customer, horizon="900 days", every="1 month", start="2025-06-01")
def never():
    return orders.future(days=900).group_by("customer_id").agg(y=_.count() > 1)
"""
MODELS = """
from ..pipelines.churn import never
from ..pipelines.churn import churned
late = ft.Model("late", label=never, features=[customer_usage], candidates=[ft.LogisticRegression()])
wrong = ft.Model("wrong", label=churned, features=[ft.ref("features.wrong")], candidates=[ft.LogisticRegression()])
ft.scoring_table("predictions.wrong", model=wrong)
ft.scoring_table("predictions.late", model=late)
"""
MACROS = """
CREATE OR REPLACE MACRO risks(input) AS TABLE SELECT *, risk(i) AS risk FROM query_table(input) AS i;
CREATE OR REPLACE MACRO risk(f) AS 100 * predict_churn(f);
CREATE OR REPLACE MACRO lateness(f) AS predict_late (f);
"""
TABLES = """
CREATE DYNAMIC TABLE features.wrong ENTITY = customer AS
SELECT customer_id, if(as_of() < TIMESTAMP '2026-01-01', error('no such day'), 1) AS x FROM raw.customers WHERE signed_up_at < as_of();
CREATE DYNAMIC TABLE predictions.risk ENTITY = customer AS SELECT customer_id, risk FROM risks(features.customer_usage);
CREATE DYNAMIC TABLE predictions.lateness ENTITY = customer AS SELECT customer_id, lateness(f) AS x FROM features.customer_usage AS f;
"""


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_model_that_cannot_learn_stops_neither_the_others_nor_the_tables(shop):
    append(shop / "pipelines/churn.py", NEVER)
    append(shop / "models/churn.py", MODELS)
    append(shop / "udfs/m.sql", MACROS)
    (shop / "sql/risk.sql").write_text(TABLES)
    session = ft.open(shop)
    done = session.run(trials=1)
    assert [trained.model for trained in done.trainings] == ["churn"]
    assert "no label of training.never has matured" in str(done.untrained["late"])
    assert "no such day" in str(done.untrained["wrong"])
    assert done.wave.failed == {}
    assert {name: "foretable train late" in reason for name, reason in done.wave.blocked.items()} == {
        "predictions.late": True,
        "predictions.lateness": True,
        "predictions.wrong": False,
    }
    assert session.graph.tables["predictions.risk"].models == ("churn",)
    assert session.graph.tables["predictions.risk"].upstream == ("features.customer_usage",)
    different = (
        "SELECT count(*) FROM predictions.churn JOIN predictions.risk USING (customer_id) WHERE abs(risk - 100 * churn_probability) > 1e-9"
    )
    assert session.rows(different)[1] == [(0,)]
    assert session.rows("SELECT count(*) FROM predictions.risk")[1] == [(400,)]
    assert {built.action for built in session.run(trials=1).wave.built} == {"NO_DATA"}

    (shop / "few.csv").write_text("order_id,customer_id,ordered_at,amount\n1,1,2025-02-01,3\n2,2,2026-02-20,3\n")
    again = session.run(replace={"raw.orders": str(shop / "few.csv")}, trials=1)
    assert "churn" in again.untrained
    assert again.wave.blocked["predictions.churn"] == "model churn could not learn from the replaced rows"
    assert again.wave.blocked["decisions.calls"] == "predictions.churn was not built"


@pytest.fixture
def counted(project):
    root = project(
        {
            "pipelines/a.py": "import foretable as ft\nft.Source('raw.numbers')\n",
            "sql/a.sql": "CREATE DYNAMIC TABLE clean.a AS SELECT 100 // n AS x, if(n = 0, error('none'), n) AS n FROM raw.numbers;"
            "CREATE DYNAMIC TABLE decisions.b AS SELECT sum(x) AS x FROM clean.a;",
        },
        'as_of = "2026-03-01"',
    )
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.numbers AS SELECT 5 AS n")
    return root


def test_what_a_failure_leaves_behind_is_marked_stale_where_people_read_it(counted):
    session = ft.open(counted)
    manifest = counted / "published/current/manifest.json"

    def published():
        return json.loads(manifest.read_text())["tables"]["decisions.b"]["stale"]

    session.run()
    assert not published()
    with duckdb.connect(counted / "warehouse.duckdb") as connection:
        connection.execute("UPDATE raw.numbers SET n = 0")
    assert "none" in str(session.run().wave.failed["clean.a"])
    assert published()
    with duckdb.connect(counted / "warehouse.duckdb") as connection:
        connection.execute("UPDATE raw.numbers SET n = 4")
    session.run()
    assert not published()


def test_when_publishing_fails_the_wave_stands_and_the_next_run_publishes_it(counted):
    session = ft.open(counted)
    (counted / "published").write_text("in the way")
    with pytest.raises(WarehouseError, match="cannot publish"):
        session.run()
    assert session.rows("FROM decisions.b")[1] == [(20,)]
    (counted / "published").unlink()
    done = session.run()
    assert {built.action for built in done.wave.built} == {"NO_DATA"}
    with duckdb.connect(done.published, read_only=True) as reader:
        assert reader.execute("FROM decisions.b").fetchall() == [(20,)]


@pytest.mark.parametrize(("text", "message"), [("m\n3\n", "column 'n' is missing"), ("n\nthree\n", "is not a value of type INT")])
def test_a_file_that_does_not_fit_what_was_recorded_replaces_nothing(counted, text, message):
    session = ft.open(counted)
    session.run()
    (counted / "new.csv").write_text(text)
    with pytest.raises(IngestError, match=message):
        session.run(replace={"raw.numbers": str(counted / "new.csv")})
    assert session.rows("FROM raw.numbers")[1] == [(5,)]
    (counted / "new.csv").write_text("n\n20\n")
    session.run(replace={"raw.numbers": str(counted / "new.csv")})
    assert session.rows("FROM decisions.b")[1] == [(5,)]
