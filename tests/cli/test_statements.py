"""Dynamic tables declared, changed, shown and dropped through ``foretable sql``."""

from __future__ import annotations

import duckdb
import pytest

SPEND = "CREATE DYNAMIC TABLE features.spend ENTITY = customer AS\nSELECT customer_id, spend_365d FROM features.customer_orders"
FILE = "sql/features/spend.sql"


def rows(root, query):
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def tables(root):
    return {name for (name,) in rows(root, "SELECT schema_name || '.' || table_name FROM duckdb_tables()")}


def listing(call, root):
    return {row["table"]: row for row in call(root, "sql", "SHOW DYNAMIC TABLES", "--json").json()}


def sql(call, root, text):
    done = call(root, "sql", "--write", text)
    assert done.code == 0, done.err
    return done.out


def test_a_table_lives(call, built):
    """Created with its file, read in the same text, altered, replaced, dropped: files and warehouse agree at every step."""
    out = sql(call, built, f"{SPEND}; SELECT count(*) > 100 AS many FROM features.spend")
    assert "sql/features/spend.sql: features.spend has" in out and "yes" in out
    assert (built / FILE).read_text() == f"{SPEND};\n"
    assert call(built, "plan").code == 0
    assert "up to date" in call(built, "plan").out
    sql(call, built, "ALTER DYNAMIC TABLE features.spend SET TARGET_LAG = '5 minutes'")
    assert listing(call, built)["features.spend"]["target_lag"] == "5 minutes"
    sql(
        call,
        built,
        "CREATE OR REPLACE DYNAMIC TABLE features.spend ENTITY = customer AS SELECT customer_id, 1 AS one FROM features.customer_orders",
    )
    assert rows(built, "SELECT DISTINCT one FROM features.spend") == [(1,)]
    assert "has" in sql(call, built, "ALTER DYNAMIC TABLE features.spend REFRESH FULL")
    out = sql(call, built, "DROP DYNAMIC TABLE features.spend")
    assert out.strip() == f"features.spend is dropped; {FILE}, which declared nothing else, is gone"
    assert not (built / FILE).exists()
    assert "features.spend" not in tables(built)
    assert "features.spend" not in listing(call, built)
    assert "up to date" in call(built, "plan").out


def test_suspended_and_resumed(call, built):
    sql(call, built, "ALTER DYNAMIC TABLE predictions.churn SUSPEND")
    assert listing(call, built)["predictions.churn"]["suspended"] is True
    assert "is suspended already" in sql(call, built, "ALTER DYNAMIC TABLE predictions.churn SUSPEND")
    sql(call, built, "ALTER DYNAMIC TABLE predictions.churn RESUME")
    assert listing(call, built)["predictions.churn"]["suspended"] is False
    assert "is not suspended" in sql(call, built, "ALTER DYNAMIC TABLE predictions.churn RESUME")


def test_show_and_describe(call, built):
    (built / "sql/later.sql").write_text(SPEND)
    every = listing(call, built)
    assert every["features.spend"]["rows"] is None
    assert every["features.spend"]["declared"] == "sql/later.sql:1"
    assert every["predictions.churn"]["rows"] == rows(built, "SELECT count(*) FROM predictions.churn")[0][0]
    assert "training.churned" not in every
    only = call(built, "sql", "SHOW DYNAMIC TABLES LIKE 'C%' IN predictions", "--json").json()
    assert [row["table"] for row in only] == ["predictions.churn"]
    assert call(built, "sql", "SHOW DYNAMIC TABLES LIKE 'x'", "--json").json() == []
    columns = call(built, "sql", "DESCRIBE DYNAMIC TABLE features.spend", "--json").json()
    assert [(row["column"], row["key"]) for row in columns] == [("customer_id", True), ("spend_365d", False)]
    assert call(built, "sql", "SHOW DYNAMIC TABLES IN features", "--csv").out.startswith("table,kind,")


def test_left_to_the_schedule(call, built):
    out = sql(call, built, SPEND.replace("AS\n", "INITIALIZE = ON_SCHEDULE AS\n"))
    assert "foretable run --select features.spend" in out
    assert "features.spend" not in tables(built)


def test_a_table_that_must_wait_says_for_what(call, built):
    (built / "sql/later.sql").write_text(SPEND)
    out = sql(call, built, "CREATE DYNAMIC TABLE decisions.top ENTITY = customer AS SELECT * FROM features.spend")
    assert "decisions.top waits" in out and "foretable run --select +decisions.top" in out
    assert (built / "sql/decisions/top.sql").exists()


REFUSED = {
    SPEND.replace("ENTITY", "ENTITTY"): ("features.spend has no option ENTITTY", "did you mean 'ENTITY'?"),
    SPEND.replace("customer AS", "costumer AS"): ("no entity is called 'costumer'", "did you mean 'customer'?; nothing was written"),
    SPEND.replace("spend_365d FROM", "spendd FROM"): ("spendd", "nothing was written"),
    SPEND.replace("features.customer_orders", "features.customer_order"): (
        "features.customer_order",
        "did you mean 'features.customer_orders'?",
    ),
    SPEND.replace("features.customer_orders", "features.spend"): ("made from each other", "nothing was written"),
    SPEND.replace("features.customer_orders", "features.customer_orders, range(2)"): ("more than one row", "nothing was written"),
    SPEND.replace("features.spend", "raw.orders"): ("raw.orders is a source", "choose another name; nothing was written"),
    SPEND.replace("features.spend", "spend"): ("'spend' is not the name of a table", "write layer.table"),
    SPEND.replace("features.spend", "features.customer_orders"): ("features.customer_orders is declared in Python", "change it there"),
    SPEND.replace("features.spend", "decisions.call_list"): ("decisions.call_list is declared already", "CREATE OR REPLACE"),
    SPEND + " WHERE channel = 'web": ("a quote or a comment is not closed", "close it"),
    SPEND + "; SELEC 1": ("syntax error", ""),
    f"BEGIN; {SPEND}": ("has a transaction of its own", "COMMIT or ROLLBACK"),
    "ALTER DYNAMIC TABLE predictions.churnn SUSPEND": (
        "no dynamic table is called predictions.churnn",
        "did you mean 'predictions.churn'?",
    ),
    "ALTER DYNAMIC TABLE raw.orders REFRESH": ("raw.orders is a source", "SHOW DYNAMIC TABLES"),
    "ALTER DYNAMIC TABLE training.churned SUSPEND": ("training.churned is a label", "SHOW DYNAMIC TABLES"),
    "ALTER DYNAMIC TABLE predictions.churn SET TARGET_LAG = '1 hour'": ("predictions.churn is declared in Python", "change it there"),
    "ALTER DYNAMIC TABLE decisions.call_list SET TARGET_LAG = 'soon'": ("'soon' is no target lag", "nothing was written"),
    "ALTER DYNAMIC TABLE decisions.call_list SUSPENDED": ("decisions.call_list cannot SUSPENDED", "did you mean 'SUSPEND'?"),
    "DROP DYNAMIC TABLE predictions.churn": ("predictions.churn is declared in Python", "change it there"),
    "DROP DYNAMIC TABLE decisions.call_lists": ("no dynamic table is called decisions.call_lists", "did you mean 'decisions.call_list'?"),
    "SHOW DYNAMIC TABLES IN feature": ("no dynamic table is in feature", "did you mean 'features'?"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_changes_nothing(call, built, text):
    before = {path: path.read_bytes() for path in (built / "sql").rglob("*.sql")}
    there = tables(built)
    message, hint = REFUSED[text]
    done = call(built, "sql", "--write", text)
    assert done.code in (1, 2)
    assert message in done.err
    assert hint in done.err
    assert {path: path.read_bytes() for path in (built / "sql").rglob("*.sql")} == before
    assert tables(built) == there


@pytest.mark.parametrize("text", [SPEND, "ALTER DYNAMIC TABLE predictions.churn REFRESH", "DROP DYNAMIC TABLE decisions.call_list"])
def test_without_write_nothing_changes(call, built, text):
    done = call(built, "sql", text)
    assert done.code == 2
    assert "Hint: allow it: foretable sql --write" in done.err


def test_a_table_that_others_read_is_not_dropped(call, built):
    sql(call, built, SPEND)
    sql(call, built, "CREATE DYNAMIC TABLE decisions.top ENTITY = customer AS SELECT * FROM features.spend")
    done = call(built, "sql", "--write", "DROP DYNAMIC TABLE features.spend")
    assert "features.spend is read by decisions.top" in done.err
    assert (built / FILE).exists()
    sql(call, built, "DROP DYNAMIC TABLE decisions.top; DROP DYNAMIC TABLE features.spend; DROP DYNAMIC TABLE IF EXISTS features.spend")
    assert not {"decisions.top", "features.spend"} & tables(built)


def test_a_table_whose_declaration_went_before_is_dropped(call, built):
    sql(call, built, SPEND)
    (built / FILE).unlink()
    assert listing(call, built)["features.spend"]["declared"] is None
    sql(call, built, "DROP DYNAMIC TABLE features.spend")
    assert "features.spend" not in tables(built)


def test_a_history_is_kept_and_goes_with_its_table(call, built):
    sql(call, built, SPEND.replace("AS\n", "HISTORY = '30 days' AS\n"))
    (held,) = rows(built, "SELECT count(*) FROM features.spend")
    assert rows(built, "SELECT count(*) FROM features.spend_history WHERE valid_to IS NULL") == [held]
    sql(call, built, "DROP DYNAMIC TABLE features.spend")
    assert not {name for name in tables(built) if "spend" in name}


def test_standard_input_and_a_comment(call, built, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(f"-- What was spent.\n{SPEND};\nSHOW DYNAMIC TABLES IN features;\n"))
    done = call(built, "sql", "--write", "-")
    assert "features.spend" in done.out
    assert (built / FILE).read_text().startswith("-- What was spent.\nCREATE")
