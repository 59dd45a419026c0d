"""``predict_<model>()`` in SQL: by row, by table, by version."""

from __future__ import annotations

import math
from unittest.mock import ANY

import duckdb
import pytest

from foretable.registry import promote
from foretable.registry.signature import Feature, SegmentThresholds, Signature
from foretable.udf import dispatch, explain
from foretable.udf.calls import Answers
from foretable.udf.macros import explain_macros, macros


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.fixture
def live(warehouse, register):
    """A warehouse whose champion scores spend + 2·active - 3·plan."""
    register(warehouse, [1.0, 2.0, -3.0])
    promote(warehouse, "churn", 1, reason="first")
    return warehouse


@pytest.fixture
def scored_rows(monkeypatch):
    """Counts the rows that reach a model."""
    counted = [0]
    real = dispatch._scorer

    def counting(key):
        def score(*columns):
            counted[0] += len(columns[0])
            return real(key)(*columns)

        return score

    monkeypatch.setattr(dispatch, "_scorer", counting)
    return counted


def one(connection, query):
    return connection.execute(query).fetchall()[0]


def test_a_row_scores_by_the_names_of_its_columns(live):
    rows = live.execute("SELECT customer_id, predict_churn(f) FROM features.usage AS f ORDER BY 1 LIMIT 3").fetchall()
    assert [score for _, score in rows] == pytest.approx([sigmoid(0 + 2 - 0), sigmoid(0.01 - 3), sigmoid(0.02 + 2 + 3)])


@pytest.mark.parametrize(
    "row",
    [
        "{'spend': 1.5, 'active': true, 'plan': 'gold'}",
        "{'PLAN': 'gold', 'Spend': 1.5::DECIMAL(5, 2), 'more': [1], 'aCtive': true}",
        "{'spend': 1.5::FLOAT, 'active': true, 'plan': 'gold'::ENUM ('silver', 'gold')}",
    ],
)
def test_order_case_and_extra_columns_do_not_matter(live, row):
    assert one(live, f"SELECT predict_churn({row}), PREDICT_CHURN({row})") == pytest.approx((sigmoid(1.5 + 2 - 3),) * 2)


@pytest.mark.parametrize(
    "kind", ["TINYINT", "USMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UHUGEINT", "UINTEGER", "DECIMAL(38, 3)", "FLOAT", "DOUBLE"]
)
def test_every_number_is_a_number(live, kind):
    assert one(live, f"SELECT predict_churn({{'spend': 3::{kind}, 'active': NULL, 'plan': NULL}})")[0] == pytest.approx(sigmoid(3))


@pytest.mark.parametrize(
    ("plan", "expected"), [("'basic'", sigmoid(1)), ("'gold'", sigmoid(1 - 3)), ("'unseen'", sigmoid(1 + 3)), ("NULL", sigmoid(1))]
)
def test_a_category_is_its_place_in_the_vocabulary(live, plan, expected):
    assert one(live, f"SELECT predict_churn({{'spend': 1, 'active': false, 'plan': {plan}}})")[0] == pytest.approx(expected)


def test_the_missing_side_of_an_outer_join_scores_null(live):
    query = "SELECT predict_churn(u) FROM range(2) AS t(i) LEFT JOIN features.usage AS u ON u.customer_id = t.i + 999 ORDER BY i"
    assert live.execute(query).fetchall() == [(ANY,), (None,)]


def test_a_table_gives_all_columns_the_score_its_label_and_the_version(live):
    found = live.execute("FROM predict_churn(features.usage) ORDER BY customer_id LIMIT 2").to_arrow_table()
    assert found.column_names == ["customer_id", "spend", "active", "plan", "other", "churn_probability", "churn_label", "model_version"]
    assert found["churn_probability"].to_pylist() == pytest.approx([sigmoid(2), sigmoid(0.01 - 3)])
    assert found["churn_label"].to_pylist() == [1, 0]
    assert found["model_version"].to_pylist() == [1, 1]


def test_the_label_turns_at_the_threshold_and_is_null_without_a_score(live):
    live.execute("CREATE TABLE t AS SELECT unnest([ln(1.5) + 1e-9, ln(1.5) - 1e-9, NULL]) AS spend, NULL::BOOLEAN AS active, '' AS plan")
    live.execute("UPDATE t SET plan = NULL")
    assert live.execute("SELECT churn_label FROM predict_churn(t) ORDER BY spend DESC NULLS LAST").fetchall() == [(1,), (0,), (None,)]


def test_a_table_may_be_a_string_a_cte_or_have_a_score_already(live):
    assert one(live, "SELECT count(churn_probability) FROM predict_churn('features.usage')") == (1000,)
    assert one(live, "WITH x AS (FROM features.usage LIMIT 7) SELECT count(churn_probability) FROM predict_churn(x)") == (7,)
    live.execute("CREATE TABLE again AS FROM predict_churn(features.usage)")
    assert one(live, "SELECT count(*) FROM predict_churn(again)") == (1000,)


def test_a_regressor_gives_a_prediction_and_no_label(warehouse, register):
    register(warehouse, task="regression")
    promote(warehouse, "churn", 1, reason="first")
    found = warehouse.execute("FROM predict_churn(features.usage) LIMIT 1").to_arrow_table()
    assert found.column_names[-2:] == ["churn_prediction", "model_version"]


def test_versions_keep_their_own_functions(live, register):
    register(live, [0.0, 0.0, 0.0])
    row = "{'spend': 5, 'active': false, 'plan': 'basic'}"
    assert one(live, f"SELECT predict_churn__v1({row}), predict_churn__v2({row})") == pytest.approx((sigmoid(5), 0.5))
    assert one(live, f"SELECT predict_churn({row})") == pytest.approx((sigmoid(5),))
    assert one(live, "SELECT DISTINCT model_version FROM predict_churn__v2(features.usage)") == (2,)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT predict_churn(f) FROM features.usage AS f WHERE customer_id < 10", 10),
        ("SELECT predict_churn(f) FROM features.usage AS f WHERE plan = 'gold'", 333),
        ("SELECT customer_id, predict_churn(f) FROM features.usage AS f LIMIT 5", 5),
        ("SELECT customer_id FROM predict_churn(features.usage)", 0),
        ("SELECT churn_probability FROM predict_churn(features.usage) WHERE customer_id < 10", 10),
        ("SELECT churn_probability FROM predict_churn(features.usage) LIMIT 5", 5),
        ("SELECT churn_probability, churn_label FROM predict_churn(features.usage)", 1000),
        ("FROM predict_churn(features.usage) WHERE churn_label = 1", 1000),
        ("FROM predict_churn(features.usage) WHERE churn_probability > 0.9 AND customer_id >= 500", 500),
        ("FROM predict_churn(features.usage) ORDER BY churn_probability DESC LIMIT 3", 1000),
    ],
)
def test_only_rows_that_survive_reach_the_model_and_only_once(live, scored_rows, query, rows):
    live.execute(query).fetchall()
    assert scored_rows[0] == rows


@pytest.mark.parametrize(
    ("row", "column", "given", "expected"),
    [
        ("{'spend': '5', 'active': true, 'plan': 'gold'}", "spend", "VARCHAR", "a number"),
        ("{'spend': DATE '2026-01-01', 'active': true, 'plan': 'gold'}", "spend", "DATE", "a number"),
        ("{'spend': true, 'active': true, 'plan': 'gold'}", "spend", "BOOLEAN", "a number"),
        ("{'spend': [1], 'active': true, 'plan': 'gold'}", "spend", "INTEGER[]", "a number"),
        ("{'spend': {'a': 1}, 'active': true, 'plan': 'gold'}", "spend", "STRUCT(a INTEGER)", "a number"),
        ("{'spend': 1, 'active': 1, 'plan': 'gold'}", "active", "INTEGER", "a boolean"),
        ("{'spend': 1, 'active': true, 'plan': 3}", "plan", "INTEGER", "text"),
        ("{'spend': 1, 'active': true, 'plan': ['gold']}", "plan", "VARCHAR[]", "text"),
    ],
)
def test_a_mistyped_column_is_named(live, row, column, given, expected):
    with pytest.raises(duckdb.Error) as caught:
        live.execute(f"SELECT predict_churn({row})").fetchall()
    told = explain(caught.value)
    assert told is not None
    assert told.message == f'predict_churn: column "{column}" is {given}, {expected} is expected'
    assert told.exit_code == 2


@pytest.mark.parametrize("value", ["5", "customer_id", "'gold'", "1 + 1"])
def test_a_scalar_instead_of_a_row_is_a_binder_error(live, value):
    with pytest.raises(duckdb.BinderException) as caught:
        live.execute(f"SELECT predict_churn({value}) FROM features.usage")
    told = explain(caught.value)
    assert told is not None
    assert "takes a whole row" in told.message
    assert "AS f" in told.hint


@pytest.mark.parametrize("query", ["SELECT predict_churn(f) FROM features.usage AS f", "FROM predict_churn(features.usage)"])
def test_a_feature_dropped_after_training_is_a_binder_error_that_names_it(live, query):
    live.execute("ALTER TABLE features.usage DROP COLUMN plan")
    with pytest.raises(duckdb.BinderException, match="plan") as caught:
        live.execute(query)
    told = explain(caught.value)
    assert told is not None
    assert "'plan'" in told.message


def test_an_unknown_model_is_told_with_the_near_name(live):
    with pytest.raises(duckdb.CatalogException, match="predict_churn"):
        live.execute("SELECT predict_chrun(f) FROM features.usage AS f")


def test_explain_shows_the_version(live):
    plan = one(live, "EXPLAIN (FORMAT json) SELECT predict_churn(f) FROM features.usage AS f WHERE customer_id < 10")[1]
    assert "churn@1#" in plan


def test_names_that_need_quotes_are_quoted(warehouse):
    odd = Signature(
        "odd",
        "classification",
        (Feature('a "b"; c', "number"), Feature("Select", "category", ("o'x",))),
        "y",
        by_segment=SegmentThresholds("the 'place", (("it's", 0.9),)),
    )
    for statement in [*macros(Answers(odd, "k"), 1, ""), *explain_macros(odd, "k", "", "__v1")]:
        warehouse.execute(statement)
    for name in ("predict_odd", "predict_odd_label", "explain_odd__v1"):
        with pytest.raises(duckdb.Error, match='column "a "b"; c" is VARCHAR'):
            warehouse.execute(f"""SELECT {name}({{'a "b"; c': 'text', 'Select': 'x', 'the ''place': 'x'}})""").fetchall()


def test_a_calibrated_line_is_written_once_however_many_knots():
    import numpy as np

    from foretable.forms.evaluate import answer as expected
    from foretable.forms.form import Finish, Linear

    features = tuple(Feature(f"f{i}", "number") for i in range(20))
    nothing = np.zeros(20)
    knots = tuple((float(k), k / 40) for k in range(41))
    form = Linear(nothing, nothing, np.ones((1, 20)), nothing[None, :], {}, np.zeros(1), Finish(knots=knots))
    statements = macros(Answers(Signature("churn", "classification", features, "churned", 0.5), form=form), 1, "")
    row = statements[0]
    assert row.count('"f19"') < 20, "the weighted sum is not repeated at every knot"
    with duckdb.connect() as connection:
        connection.execute(row)
        matrix = np.random.default_rng(0).normal(1, 1, (50, 20))
        matrix[0], matrix[1, 0] = np.nan, np.inf
        for values, score in zip(matrix.tolist(), expected(form, matrix).tolist(), strict=True):
            names = ", ".join(f"?::DOUBLE AS f{i}" for i in range(20))
            given = [None if math.isnan(value) else value for value in values]
            (found,) = connection.execute(f"SELECT predict_churn(f) FROM (SELECT {names}) AS f", given).fetchall()[0]
            assert found == (pytest.approx(score, abs=1e-12) if any(value is not None for value in given) else None)


@pytest.mark.parametrize("name", ["features_of", "Foretable_Table"])
def test_sql_that_cannot_tell_a_column_from_its_row_is_refused(name):
    import numpy as np

    from foretable.errors import UsageError
    from foretable.forms.form import Finish, Linear
    from foretable.udf.install_sql import sql_macros

    nothing = np.zeros(1)
    form = Linear(nothing, nothing, np.ones((1, 1)), nothing[None, :], {}, np.zeros(1), Finish("sigmoid"))
    with pytest.raises(UsageError, match=f"reads a column '{name}'"):
        sql_macros(Signature("churn", "classification", (Feature(name, "number"),), "churned", 0.5), form, 1)


def test_a_column_called_input_is_a_column(live):
    from foretable.udf.functions import install_macros

    live.execute("CREATE TABLE given AS SELECT 1.0 AS spend, true AS active, 'gold' AS plan, 'mine' AS input")
    install_macros(live, "churn", 1, "predict_churn")
    assert one(live, "SELECT input, churn_probability IS NOT NULL FROM predict_churn(given)") == ("mine", True)


def test_infinities_that_cancel_leave_nothing_to_explain():
    import numpy as np
    import pyarrow as pa

    from foretable.udf.explained import explaining

    contributions = np.array([[np.inf, -np.inf, 0.0], [np.inf, 1.0, 0.0], [1.0, 2.0, 0.5]])
    signature = Signature("churn", "classification", (Feature("a", "number"), Feature("b", "number")), "churned", 0.5)
    found = explaining(signature, lambda: lambda _: contributions)(
        pa.array([None] * 3, pa.int32()), pa.array([1.0] * 3), pa.array([1.0] * 3)
    )
    assert [reasons is None for reasons in found.to_pylist()] == [True, False, False]


def test_each_row_may_want_its_own_number_of_reasons():
    import numpy as np
    import pyarrow as pa

    from foretable.udf.explained import explaining

    signature = Signature("churn", "classification", (Feature("a", "number"), Feature("b", "number")), "churned", 0.5)
    explain_rows = explaining(signature, lambda: lambda _: np.array([[1.0, -2.0, 0.5]] * 5))
    wanted = pa.chunked_array([pa.array([1, 2, None], pa.int32()), pa.array([0, -1], pa.int32())])
    found = explain_rows(wanted, pa.array([1.0] * 5), pa.array([1.0] * 5)).to_pylist()
    assert [[reason["feature"] for reason in row] for row in found] == [["b"], ["b", "a"], ["b", "a"], [], []]
