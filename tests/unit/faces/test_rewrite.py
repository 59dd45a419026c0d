"""Calls of models in other people's spelling are replaced, and nothing else is touched."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretable.errors import ForetableError, UnknownName, UsageError
from foretable.faces import Facts, anything, in_catalog, rewritten

KNOWN = {
    "churn": Facts("classification", "churned", frozenset({"v1", "v2", "champion", "challenger"})),
    "spend": Facts("regression", "amount"),
    "kind": Facts("multiclass", "segment"),
}


def models(name):
    if name not in KNOWN:
        raise UnknownName(f"no {name}", hint="")
    return KNOWN[name]


def ours(text):
    return rewritten(text, models)


def nobody(_):
    raise AssertionError("no model is asked for")


# Snowflake's spelling


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("SELECT churn!PREDICT(f) FROM t AS f", "SELECT predict_churn(f) FROM t AS f"),
        ("SELECT Churn ! predict ( f ) FROM t f", "SELECT predict_churn(f) FROM t f"),
        ("SELECT churn!PREDICT(*) FROM a.t", "SELECT predict_churn(t) FROM a.t"),
        ('SELECT churn!PREDICT(*) FROM a.t AS "x y"', 'SELECT predict_churn("x y") FROM a.t AS "x y"'),
        ("FROM a.t SELECT churn!PREDICT(*)", "FROM a.t SELECT predict_churn(t)"),
        ("SELECT d.s.churn!PREDICT(f.*) FROM t AS f", "SELECT predict_churn(f) FROM t AS f"),
        ('SELECT "churn"!PREDICT(a.b, "c d") FROM t AS a', "SELECT predict_churn({'b': a.b, 'c d': \"c d\"}) FROM t AS a"),
        ("SELECT churn!PREDICT(a) FROM t", "SELECT predict_churn({'a': a}) FROM t"),
        ("SELECT MODEL(churn)!PREDICT(*) FROM t", "SELECT predict_churn(t) FROM t"),
        ("SELECT model(d.churn, V1)!PREDICT(*) FROM t", "SELECT predict_churn__v1(t) FROM t"),
        ("SELECT MODEL(churn, challenger)!EXPLAIN(*) FROM t", "SELECT explain_churn__challenger(t) FROM t"),
        ("SELECT MODEL(churn, DEFAULT)!PREDICT(*) FROM t", "SELECT predict_churn(t) FROM t"),
        ("SELECT kind!PREDICT_PROBA(*) FROM t", "SELECT predict_kind_probabilities(t) FROM t"),
        ("SELECT churn!PREDICT_PROBA(*) FROM t", "SELECT {'0': 1 - predict_churn(t), '1': predict_churn(t)} FROM t"),
        ("SELECT spend!PREDICT(*) FROM t WHERE spend!PREDICT(*) > 1", "SELECT predict_spend(t) FROM t WHERE predict_spend(t) > 1"),
        (
            "SELECT (SELECT max(churn!PREDICT(*)) FROM a), churn!PREDICT(*) FROM b",
            "SELECT (SELECT max(predict_churn(a)) FROM a), predict_churn(b) FROM b",
        ),
        ("SELECT (SELECT churn!PREDICT(f) FROM a) FROM b AS f", "SELECT (SELECT predict_churn(f) FROM a) FROM b AS f"),
        ("SELECT 1; SELECT churn!PREDICT(*) FROM a;\n-- end", "SELECT 1; SELECT predict_churn(a) FROM a;\n-- end"),
        ("WITH m AS MODEL churn VERSION v2 SELECT m!PREDICT(*) FROM a", "SELECT predict_churn__v2(a) FROM a"),
        (
            "WITH m AS MODEL churn, n AS MODEL spend SELECT m!PREDICT(f), n!PREDICT(f) FROM a f",
            "SELECT predict_churn(f), predict_spend(f) FROM a f",
        ),
        (
            "WITH a AS (SELECT 1 AS x), m AS MODEL churn SELECT m!PREDICT(*) FROM a",
            "WITH a AS (SELECT 1 AS x) SELECT predict_churn(a) FROM a",
        ),
        ("-- why\nexplain analyze SELECT churn!PREDICT(*) FROM a", "-- why\nexplain analyze SELECT predict_churn(a) FROM a"),
        ("COPY (SELECT churn!PREDICT(*) FROM a) TO 'x.csv'", "COPY (SELECT predict_churn(a) FROM a) TO 'x.csv'"),
        ("SELECT 1; EXPLAIN SELECT churn!EXPLAIN(*) FROM a", "SELECT 1; EXPLAIN SELECT explain_churn(a) FROM a"),
        (
            "SELECT churn!PREDICT(*) FROM a UNION SELECT churn!PREDICT(*) FROM b",
            "SELECT predict_churn(a) FROM a UNION SELECT predict_churn(b) FROM b",
        ),
        ("CREATE TABLE x AS SELECT churn!PREDICT(*) AS p FROM a", "CREATE TABLE x AS SELECT predict_churn(a) AS p FROM a"),
    ],
)
def test_snowflake(theirs, expected):
    assert ours(theirs) == expected


# BigQuery's spelling: what is written is recorded in tests/golden, where it runs; here is what depends on the model.


def test_a_regression_model_has_no_probabilities():
    text = ours("FROM ML.PREDICT(MODEL spend, TABLE t)")
    assert '"spend_prediction" AS "predicted_amount"' in text
    assert "probs" not in text


def test_a_multiclass_model_has_as_many_probabilities_as_classes():
    text = ours("FROM ML.PREDICT(MODEL kind, TABLE t)")
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT 1 AS x; CREATE MACRO predict_kind(input) AS TABLE SELECT *, 'b' AS kind_label,"
            " {'a': 0.25, 'b': 0.75} AS kind_probabilities FROM query_table(input)"
        )
        cursor = connection.execute(text)
        assert [part[0] for part in cursor.description] == [
            "x",
            "kind_label",
            "kind_probabilities",
            "predicted_segment",
            "predicted_segment_probs",
        ]
        assert cursor.fetchall()[0][3:] == ("b", [{"label": "a", "prob": 0.25}, {"label": "b", "prob": 0.75}])


def test_explained():
    text = ours("FROM ML.EXPLAIN_PREDICT(MODEL churn, (SELECT 1 AS x), STRUCT(1 AS top_k_features, .9 AS threshold))")
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE MACRO predict_churn(input) AS TABLE SELECT *, 0.8 AS churn_probability, 1 AS churn_label FROM query_table(input);"
            "CREATE MACRO explain_churn(f) AS [{'feature': 'x', 'value': f.x, 'contribution': 0.3::DOUBLE, 'reason': ''},"
            " {'feature': 'y', 'value': 0, 'contribution': 0.1::DOUBLE, 'reason': ''}]"
        )
        (row,) = connection.execute(text).fetchall()
    assert row[2:4] == (0, 0)
    assert row[-1] == [{"feature": "x", "attribution": pytest.approx(0.3)}]


def test_backquotes():
    assert 'FROM "p-x"."d"."t")' in ours("FROM ML.PREDICT(MODEL `p-x.d.churn`, TABLE `p-x.d.t`)")


# What is refused


@pytest.mark.parametrize(
    ("theirs", "problem"),
    [
        ("SELECT churn!PREDICT(*) FROM a, b", "may be the row of several tables: a, b"),
        ("SELECT churn!PREDICT(*) FROM a JOIN b USING (x)", "several tables"),
        ("SELECT churn!PREDICT(*)", "not clear which row"),
        ("UPDATE a SET x = churn!PREDICT(*)", "not clear which row"),
        ("SELECT churn!PREDICT(*) FROM (SELECT 1)", "a query without a name"),
        ("SELECT churn!PREDICT(*) FROM a WHERE TABLE TABLE", "not clear which row"),
        ("SELECT churn!PREDICT() FROM a", "about no row"),
        ("SELECT churn!PREDICT(1 + 1) FROM a", "neither a column nor a table"),
        ("SELECT churn!PREDICT('x') FROM a", "neither a column nor a table"),
        ("SELECT churn!FIT(*) FROM a", "!FIT is not known here"),
        ("SELECT spend!PREDICT_PROBA(*) FROM a", "predicts a number"),
        ("SELECT MODEL(churn, v3)!PREDICT(*) FROM a", "model churn has no v3"),
        ("SELECT MODEL()!PREDICT(*) FROM a", "names no model"),
        ("SELECT MODEL(churn, v1, v2)!PREDICT(*) FROM a", "names no model"),
        ("SELECT MODEL(churn, 'v 1')!PREDICT(*) FROM a", "names no model"),
        ("FROM ML.PREDICT(MODEL churn, TABLE)", "names no table"),
        ("FROM ML.PREDICT(MODEL churn, TABLE a.b, 0.3)", "no STRUCT"),
        ("FROM ML.PREDICT(MODEL churn, TABLE a.b, STRUCT(0.3))", "no STRUCT"),
        ("FROM ML.PREDICT(MODEL churn, TABLE a.b, STRUCT(x AS threshold))", "no STRUCT"),
        ("FROM ML.PREDICT(MODEL churn, TABLE a.b, STRUCT(0.3 AS treshold))", "no setting treshold"),
        ("FROM ML.PREDICT(MODEL churn, TABLE a.b, STRUCT(1.3 AS threshold))", "no probability"),
        ("FROM ML.PREDICT(MODEL spend, TABLE a.b, STRUCT(0.3 AS threshold))", "regression model"),
        ("FROM ML.WEIGHTS(MODEL churn)", "ML.WEIGHTS is not known"),
    ],
)
def test_refused_with_a_hint(theirs, problem):
    with pytest.raises((UsageError, UnknownName)) as raised:
        ours(theirs)
    assert problem in raised.value.message
    assert raised.value.hint


def test_a_declared_table_does_not_read_the_catalog():
    with pytest.raises(UsageError, match="no declared table may"):
        rewritten("FROM ML.EVALUATE(MODEL churn)", models, declared=True)


def test_an_error_says_where():
    with pytest.raises(UsageError) as raised:
        rewritten("SELECT 1,\n churn!FIT(*) FROM a", models, place=lambda line: f"a.sql:{line}")
    assert raised.value.where == "a.sql:2"


# What is not touched

PIECES = st.sampled_from(
    [
        *("SELECT a != b", "x!~~ 'y'", "4!", "'churn!PREDICT(*)'", '"churn!PREDICT(*)"', "-- churn!PREDICT(*)\n"),
        *("/* ML.PREDICT(MODEL a, TABLE b) */", "$$ ML.PREDICT(MODEL a, TABLE b) $$", "ml.predict(a, b)", "ML . x", "MODEL(churn)"),
        *("PREDICT(*)", "e'it\\'s'", "(", ")", ";", "ML.", "{'a': 1}", "[1, 2]", "as", ",", "x::INT", "ä", "$1", "\n"),
        *("5!= predict(x)", "a.ml.predict(MODEL b)"),
    ]
)


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_a_text_without_such_calls_stays_byte_for_byte(text):
    assert rewritten(text, nobody) == text


@pytest.mark.parametrize("quote", ["'", '"', "/*", "$$"])
def test_a_text_that_never_ends_is_left_to_duckdb(quote):
    assert rewritten(f"SELECT churn!PREDICT(f) FROM t AS f WHERE x = {quote}", nobody).endswith(quote)


@given(st.text(alphabet="ml.!predict(MODEL churn,*)'\"-/;$ \n", max_size=60))
def test_any_text_is_left_alone_or_told_about(text):
    try:
        done = rewritten(text, anything)
    except ForetableError as error:
        assert error.hint
    else:
        assert rewritten(done, anything) == done


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_stands_around_a_call_stays(before, after):
    comment, other = before.replace("*/", ""), after.replace("*/", "")
    text = f"/* {comment} */ SELECT churn!PREDICT(f) FROM t AS f /* {other} */"
    assert ours(text) in (text, text.replace("churn!PREDICT(f)", "predict_churn(f)"))


# What the warehouse knows


def test_the_catalog_tells_about_models(warehouse, register):
    from foretable.registry import promote

    asked = in_catalog(warehouse)
    with pytest.raises(UnknownName, match="foretable train churn"):
        asked("churn")
    register(warehouse)
    register(warehouse, task="regression")
    promote(warehouse, "churn", 1, reason="first")
    promote(warehouse, "churn", 2, reason="try", alias="challenger")
    assert in_catalog(warehouse)("churn") == Facts("classification", "churned", frozenset({"v1", "v2", "champion", "challenger"}))


def test_a_plain_file_has_no_models():
    with duckdb.connect() as connection, pytest.raises(UnknownName):
        in_catalog(connection)("churn")
