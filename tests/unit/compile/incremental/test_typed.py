"""The tree to reason about means what the text means in DuckDB, or is refused."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest
from sqlglot import exp

from foretable.compile.asof import fill
from foretable.compile.expanded import Unreadable
from foretable.compile.spliced import spliced
from foretable.compile.typed import PLACE, ROW, TABLE, places, typed
from foretable.declare.project import Macro
from foretable.sql import parse, render, table

SCHEMAS = {
    "raw.a": {"k": "BIGINT", "v": "INTEGER", "ts": "TIMESTAMP"},
    "raw.b": {"k": "BIGINT", "w": "INTEGER", "ts": "TIMESTAMP"},
    "raw.c": {"k": "BIGINT", "v": "INTEGER", "x": "INTEGER"},
    "clean.a": {"K": "BIGINT", "Q": "INTEGER"},
    "lake.raw.a": {"k": "BIGINT", "q": "INTEGER"},
}
MACROS = {
    macro.name: macro
    for macro in (
        Macro("half", "CREATE OR REPLACE MACRO half(x) AS quarter(x) * 2;", "m.sql:1"),
        Macro("quarter", "CREATE MACRO quarter(x) AS x / 4", "m.sql:2"),
        Macro("scaled", "CREATE MACRO scaled(x, factor := 2, plus := 0) AS (x - 1) * factor + plus;", "m.sql:3"),
        Macro("larger", "CREATE MACRO larger(a, b) AS CASE WHEN a > b THEN a ELSE b END;", "m.sql:4"),
        Macro("listed", "CREATE MACRO listed(l) AS list_transform(l, y -> y + 1);", "m.sql:5"),
        Macro("odd", "CREATE MACRO odd(y) AS list_transform([1], y -> y + 1);", "m.sql:6"),
        Macro("several", "CREATE MACRO several(x) AS x, (x, y) AS x + y;", "m.sql:7"),
        Macro("rows", "CREATE MACRO rows(x) AS TABLE SELECT x AS x;", "m.sql:8"),
    )
}
SAME = [
    "SELECT * FROM raw.a",
    "SELECT k, v AS v FROM raw.a WHERE v > 1",
    "FROM raw.a SELECT k",
    "SELECT v + 1 AS v, v AS w FROM raw.a WHERE v > 1",
    "SELECT v + 1 AS z FROM raw.a WHERE z > 2",
    "SELECT k % 2 AS k, count(*) AS n FROM raw.a GROUP BY k",
    "SELECT k % 2 AS j, count(*) AS n FROM raw.a GROUP BY j",
    "SELECT k % 2 AS j, count(*) AS n FROM raw.a GROUP BY ALL",
    "SELECT k, count(*) AS n FROM raw.a GROUP BY 1 HAVING n > 1",
    "SELECT v + 1 AS z, z * 2 AS y FROM raw.a",
    "SELECT k, row_number() OVER (PARTITION BY k ORDER BY ts, v) AS r FROM raw.a QUALIFY r = 1",
    "SELECT a.k, b.w FROM raw.a LEFT JOIN raw.b USING (k)",
    "SELECT k, w FROM raw.a JOIN raw.b USING (k)",
    "SELECT k, w FROM raw.a FULL JOIN raw.b USING (k)",
    "SELECT k, w FROM raw.a RIGHT JOIN raw.b USING (k)",
    "SELECT k, v, w, x FROM raw.a JOIN raw.b USING (k) LEFT JOIN raw.c USING (k, v)",
    "SELECT k, v FROM raw.a NATURAL JOIN raw.c",
    "SELECT * EXCLUDE (v) FROM raw.a",
    "SELECT * REPLACE (v + 1 AS v) FROM raw.a",
    "SELECT raw.a.k, a.v FROM raw.a",
    "SELECT one.k, two.q FROM raw.a AS one JOIN clean.a AS two ON one.k = two.k",
    "SELECT a.K, Q FROM clean.a",
    "SELECT one.k, two.q FROM raw.a AS one JOIN lake.raw.a AS two ON one.k = two.k",
    "WITH a AS (SELECT k FROM raw.a), b AS (WITH a AS (SELECT k + 1 AS k FROM a) SELECT k FROM a) SELECT a.k, b.k AS j FROM a, b",
    "WITH t(x, y) AS (SELECT k, v FROM raw.a) SELECT x, y FROM t",
    "SELECT x FROM (SELECT k FROM raw.a) AS t(x)",
    "SELECT k, (SELECT max(w) FROM raw.b WHERE b.k = a.k) AS m FROM raw.a",
    "SELECT k, (SELECT max(w) FROM raw.b WHERE k = a.k) AS m FROM raw.a",
    "SELECT a.k, l.m FROM raw.a LEFT JOIN LATERAL (SELECT max(w) AS m FROM raw.b WHERE b.k = a.k) AS l ON true",
    "SELECT k FROM raw.a UNION ALL SELECT w FROM raw.b EXCEPT SELECT x + 2 FROM raw.c",
    "SELECT half(v) AS h, scaled(v) AS s, scaled(v + 1, factor := 3) AS t, scaled(v, plus := 1) AS u FROM raw.a",
    "SELECT larger(v, quarter(k)) AS m, listed([v]) AS l FROM raw.a",
    "SELECT k FROM raw.a WHERE ts < as_of() AND 'as_of()' <> 'half(x)'",
    "SELECT a.k, u.x FROM raw.a, unnest([1, v]) AS u(x)",
    "SELECT v // 2 AS d, v ** 2 AS p, v::VARCHAR || 'x' AS t FROM raw.a",
    "SELECT k, sum(v) OVER w AS s FROM raw.a WINDOW w AS (PARTITION BY k)",
    "SELECT v FROM raw.a AS v WHERE v > 1",
    "SELECT DISTINCT ON (k) k, v FROM (SELECT k, max(v) AS v FROM raw.a GROUP BY k)",
]
REFUSED = [
    ("SELECT k, min(ts) AS ts FROM raw.a GROUP BY k HAVING ts < as_of()", "a column and an alias"),
    ("SELECT k, v + 1 AS v FROM raw.a QUALIFY row_number() OVER (ORDER BY k) = v", "a column and an alias"),
    ("SELECT k FROM raw.a FULL JOIN raw.b USING (k) LEFT JOIN raw.c USING (k)", "USING"),
    ("SELECT b.w FROM raw.a, raw.b JOIN raw.c USING (k)", "USING"),
    ("SELECT t.x FROM raw.a AS t(x, y, z)", "renamed in FROM"),
    ("SELECT COLUMNS(*) FROM raw.a", "not written out"),
    ("SELECT odd(v) AS o FROM raw.a", "parameter of a lambda"),
    ("SELECT several(v) AS o FROM raw.a", "cannot be read"),
    ("SELECT x FROM rows(1)", "cannot be told apart"),
    ("SELECT half(v, k) AS o FROM raw.a", "other arguments"),
    ("SELECT t.k FROM (SELECT a.k, b.k FROM raw.a JOIN raw.b ON a.k = b.k) AS t", "two columns are called k"),
    ("SELECT a.k FROM raw.a, (SELECT max(w) AS m FROM raw.b WHERE b.k = a.k) AS l", "cannot be resolved"),
]


@pytest.fixture(scope="module")
def warehouse():
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA raw; CREATE SCHEMA clean; CREATE SCHEMA lake.raw")
        connection.execute(
            "CREATE TABLE raw.a AS SELECT i % 5 AS k, (i % 3)::INTEGER AS v, DATE '2025-01-01' + i::INTEGER AS ts FROM range(9) t(i)"
        )
        connection.execute("ALTER TABLE raw.a ALTER ts TYPE TIMESTAMP")
        connection.execute("CREATE TABLE raw.b AS SELECT i % 7 AS k, i::INTEGER AS w, TIMESTAMP '2025-01-01' AS ts FROM range(9) t(i)")
        connection.execute("CREATE TABLE raw.c AS SELECT i AS k, (i % 3)::INTEGER AS v, i::INTEGER AS x FROM range(9) t(i)")
        connection.execute('CREATE TABLE clean.a AS SELECT i AS "K", i::INTEGER AS "Q" FROM range(4) t(i)')
        connection.execute("CREATE TABLE lake.raw.a AS SELECT i AS k, 10 + i::INTEGER AS q FROM range(4) t(i)")
        for name in ("quarter", "half", "scaled", "larger", "listed"):
            connection.execute(MACROS[name].sql)
        yield connection


@pytest.mark.parametrize("text", SAME)
def test_it_means_the_same(warehouse, text):
    query, date = spliced(text), datetime(2025, 1, 4)
    tree = typed(query, SCHEMAS, MACROS, {})
    for node in tree.find_all(exp.Table):
        if TABLE in node.meta:
            named = table(node.meta[TABLE])
            for part in ("this", "db", "catalog"):
                node.set(part, named.args.get(part))
    ours = warehouse.execute(render(fill(tree, date)))
    names, rows = [part[0].lower() for part in ours.description], sorted(ours.fetchall(), key=repr)
    theirs = warehouse.execute(render(fill(query, date)))
    assert names == [part[0].lower() for part in theirs.description]
    assert rows == sorted(theirs.fetchall(), key=repr)
    assert rows
    assert all(
        column.table
        for column in tree.find_all(exp.Column)
        if not isinstance(column.parent, exp.PropertyEQ) and not column.find_ancestor(exp.Lambda, exp.Order, exp.Distinct)
    )


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_not_sure_is_refused(text, reason):
    with pytest.raises(Unreadable, match=reason):
        typed(spliced(text), SCHEMAS, MACROS, {})


def test_places_are_numbered_alike_in_the_query_and_in_the_tree():
    text = """WITH w AS (SELECT * FROM raw.b) SELECT raw.a.k FROM w JOIN raw.a ON (SELECT max(x) FROM raw.c) > 1, "Raw"."A" AS again"""
    for query in (spliced(text), parse(text)):
        found = [".".join(part.name.lower() for part in place.parts) for place in places(query)]
        tree = typed(query, SCHEMAS, {}, {})
        numbered = {node.meta[PLACE]: node.meta[TABLE] for node in tree.find_all(exp.Table) if PLACE in node.meta}
        assert [numbered[number] for number in range(len(found))] == found
        assert sorted(found) == ["raw.a", "raw.a", "raw.b", "raw.c"]
    assert [node.name for node in places(spliced(text))] == ["b", "a", "c", "A"]


@pytest.fixture
def models():
    import foretable as ft

    entity = ft.Entity("e", key="k")
    label = ft.label("training.y", entity=entity)(lambda: None)
    view = ft.feature_view("features.f", entity=entity)(lambda: None)
    candidates = [ft.LogisticRegression(), ft.XGBoost()]
    return {
        name: ft.Model(name, label=label, features=[view], candidates=candidates, task=task)
        for name, task in (("m", "classification"), ("r", "regression"))
    }


def test_a_row_handed_over_stands_for_all_of_its_columns(models):
    tree = typed(spliced("SELECT f.k, predict_m(f) AS p FROM (SELECT * FROM raw.a) AS f"), SCHEMAS, {}, models)
    row = next(node for node in tree.find_all(exp.Anonymous) if node.this == ROW)
    assert [column.sql() for column in row.expressions] == ["f.k", "f.v", "f.ts"]


def test_a_table_handed_over_has_its_columns_and_the_scores(models):
    tree = typed(spliced("FROM predict_m(raw.a)"), SCHEMAS, {}, models)
    assert tree.named_selects == ["k", "v", "ts", "m_probability", "m_label", "model_version"]
    assert [node.meta[TABLE] for node in tree.find_all(exp.Table)] == ["raw.a"]
    regression = typed(spliced("WITH w AS (SELECT k FROM raw.a) SELECT * FROM predict_r__3(w) AS z"), SCHEMAS, {}, models)
    assert regression.named_selects == ["k", "r_prediction", "model_version"]


def test_a_table_that_bears_the_name_of_a_column_is_refused():
    with pytest.raises(Unreadable, match="a table and a column"):
        typed(spliced("SELECT to_json(v) AS j FROM (SELECT v FROM raw.a) AS v"), SCHEMAS, {}, {})
