"""Models declared, trained, shown and dropped through ``foretable sql``, and called in other people's spelling."""

from __future__ import annotations

import duckdb
import pytest

FILE = "sql/models/loyal.sql"
LOYAL = (
    "CREATE MODEL loyal OPTIONS(model_type = 'logistic_reg', input_label_cols = ['back'], key = ['customer_id'], seed = 3) AS\n"
    "SELECT customer_id,\n"
    "  count(*) FILTER (ordered_at < TIMESTAMP '2025-01-01') AS orders,\n"
    "  date_diff('day', max(ordered_at) FILTER (ordered_at < TIMESTAMP '2025-01-01'), TIMESTAMP '2025-01-01') AS quiet,\n"
    "  CAST(count(*) FILTER (ordered_at >= TIMESTAMP '2025-01-01') > 0 AS INTEGER) AS back\n"
    "FROM raw.orders GROUP BY customer_id HAVING orders > 0"
)


def rows(root, query):
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def sql(call, root, text):
    done = call(root, "sql", "--write", text)
    assert done.code == 0, done.err
    return done.out


def models(call, root):
    return {row["model"]: row for row in call(root, "sql", "SHOW MODELS", "--json").json()}


def test_a_model_lives(call, built):
    """Created with its file and trained, called, shown, declared anew, dropped; its versions stay."""
    out = sql(call, built, LOYAL)
    assert f"{FILE}: loyal@1 is champion" in out
    assert (built / FILE).read_text() == f"{LOYAL};\n"
    scored = call(
        built,
        "sql",
        "SELECT loyal!PREDICT(*) AS p, loyal!PREDICT(orders, quiet) AS q FROM (SELECT 3 AS orders, 9 AS quiet) AS f",
        "--json",
    ).json()
    assert 0 < scored[0]["p"] < 1
    assert scored[0]["p"] == scored[0]["q"]
    shown = models(call, built)["loyal"]
    assert (shown["champion"], shown["versions"], shown["declared"]) == (1, 1, f"{FILE}:1")
    described = call(built, "sql", "DESCRIBE MODEL loyal", "--json").json()
    assert [(row["column"], row["role"]) for row in described] == [("orders", "input"), ("quiet", "input"), ("back", "label")]
    assert "is declared already" in sql(call, built, LOYAL.replace("MODEL", "MODEL IF NOT EXISTS"))
    again = call(built, "sql", "--write", LOYAL.replace("CREATE MODEL", "CREATE OR REPLACE MODEL").replace("seed = 3", "seed = 4"))
    assert again.code == 3, "the same model is not better than itself"
    assert "loyal@2 is not champion" in again.err
    assert models(call, built)["loyal"]["versions"] == 2
    assert "seed = 4" in (built / FILE).read_text()
    rows_of = "SELECT count(*) AS orders, 9 AS quiet FROM raw.orders"
    sql(call, built, f"CREATE DYNAMIC TABLE predictions.loyal AS SELECT loyal!PREDICT(*) AS p FROM ({rows_of}) AS f")
    refused = call(built, "sql", "--write", "DROP MODEL loyal")
    assert refused.code == 1
    assert "model loyal is called by predictions.loyal" in refused.err
    out = sql(call, built, "DROP DYNAMIC TABLE predictions.loyal; DROP MODEL loyal")
    assert f"model loyal is dropped; {FILE}, which declared nothing else, is gone; its versions stay" in out
    assert not (built / FILE).exists()
    assert models(call, built)["loyal"]["declared"] is None
    assert rows(built, "SELECT count(*) FROM foretable.model_versions WHERE model = 'loyal'") == [(2,)]


REFUSED = {
    LOYAL.replace("logistic_reg", "logistic_regr"): ("no model_type is called 'logistic_regr'", "did you mean 'logistic_reg'?"),
    LOYAL.replace("seed = 3", "l3_reg = 1"): ("loyal has no option l3_reg", "did you mean 'l2_reg'?"),
    LOYAL.replace("AS back", "AS bac"): ("back", "nothing was written"),
    LOYAL.replace("customer_id'", "custmer_id'"): ("custmer_id", "nothing was written"),
    LOYAL.replace(", key = ['customer_id']", ""): ("nothing says what the key of the rows of loyal is", "add key = ['customer_id']"),
    LOYAL.replace("MODEL loyal", "MODEL churn"): ("model churn is declared already", "CREATE OR REPLACE MODEL"),
    LOYAL.replace("MODEL loyal", "OR REPLACE MODEL churn"): ("churn is declared in Python", "change it there"),
    LOYAL.replace("raw.orders", "raw.order"): ("raw.order", "did you mean 'raw.orders'?"),
    LOYAL.replace("GROUP BY customer_id HAVING orders > 0", "WHERE 1 = 0 GROUP BY customer_id"): ("is empty", "nothing was written"),
    "DROP MODEL churnn": ("no model is called churnn", "did you mean 'churn'?"),
    "DROP MODEL churn": ("churn is declared in Python", "change it there"),
    "DROP MODEL": ("Parser Error", ""),
    "DESCRIBE MODEL churnn": ("'churnn'", "did you mean 'churn'?"),
    "SHOW MODELS LIKE": ("LIKE has no pattern", "SHOW MODELS"),
    "SELECT chrun!PREDICT(f) FROM features.customer_orders AS f": ("no version of a model 'chrun'", "did you mean 'churn'?"),
    "SELECT churn!PREDCT(f) FROM features.customer_orders AS f": ("!PREDCT is not known here", "did you mean 'PREDICT'?"),
    "SELECT churn!PREDICT(*) FROM features.customer_orders, range(2)": ("* may be the row of several tables", "by its name"),
    "SELECT churn!PREDICT(orders_90d) FROM features.customer_orders": ("the row does not have", "pass a row"),
    "SELECT MODEL(churn, v9)!PREDICT(*) FROM features.customer_orders": ("model churn has no v9", "v1"),
    "FROM ML.PREDICT(MODEL chrun, TABLE features.customer_orders)": ("no version of a model 'chrun'", "did you mean 'churn'?"),
    "FROM ML.PREDICT(MODEL churn, features.customer_orders)": ("is no TABLE name and no (query)", "ML.PREDICT(MODEL churn, TABLE"),
    "FROM ML.PREDICT(MODEL churn)": ("ML.PREDICT takes a model and rows, not 1 arguments", "write: ML.PREDICT"),
    "FROM ML.PREDICT(MODEL churn, TABLE features.customer_orders, STRUCT(3 AS threshold))": ("threshold 3 is no probability", "0 to 1"),
    "FROM ML.FORECAST(MODEL churn)": ("ML.FORECAST is not known here", "did you mean 'ML."),
    "FROM ML.EVALUATE(MODEL churn, TABLE features.customer_orders)": ("ML.EVALUATE measures nothing anew", "ML.EVALUATE(MODEL churn)"),
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_refused_with_a_cure(call, first_run, text):
    root = first_run[0]
    before = sorted((root / "sql").rglob("*"))
    done = call(root, "sql", "--write", text)
    problem, hint = REFUSED[text]
    assert done.code in (1, 2)
    assert problem in done.err
    assert hint in done.err
    assert sorted((root / "sql").rglob("*")) == before


def test_a_model_that_the_gate_refuses_ends_with_3_and_stays(call, built):
    """As ``train`` does; the hash of a key tells nothing about who comes back."""
    query = LOYAL.replace("MODEL loyal", "MODEL noise").partition(" AS\nSELECT")[0]
    text = (
        f"{query} AS SELECT customer_id, hash(customer_id) % 1000 AS drawn, "
        "CAST(hash(customer_id + 77) % 2 AS INTEGER) AS back FROM raw.orders GROUP BY customer_id"
    )
    done = call(built, "sql", "--write", text)
    assert done.code == 3, done.err
    assert "sql/models/noise.sql: noise@1 is not champion: no better than chance" in done.err
    assert done.err.count("no better than chance") == 1
    assert "foretable promote noise@1" in done.err
    assert "nothing was written" not in done.err
    assert (built / "sql/models/noise.sql").read_text() == f"{text};\n"
    assert (models(call, built)["noise"]["versions"], models(call, built)["noise"]["champion"]) == (1, None)


def test_only_with_write(call, first_run):
    done = call(first_run[0], "sql", LOYAL)
    assert done.code == 2
    assert "CREATE MODEL changes the project" in done.err
