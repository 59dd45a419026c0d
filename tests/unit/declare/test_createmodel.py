"""CREATE MODEL in a SQL file: what it declares, what is refused where."""

from __future__ import annotations

import pytest

import foretable as ft
from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.errors import DeclarationError, UnknownName

PIPELINE = """
import foretable as ft

customer = ft.Entity("customer", key="customer_id")
raw = ft.Source("raw.customers", entity=customer, fixed=["a", "b", "churned"])
"""
SCHEMA = "CREATE TABLE raw.customers (customer_id BIGINT, a DOUBLE, b VARCHAR, churned INTEGER);"
HEAD = "-- Who leaves.\nCREATE OR REPLACE MODEL `p-x.d.Leave`\nOPTIONS ("
TAIL = ") AS\nSELECT customer_id, a, b, -- three\n  churned\nFROM raw.customers;\n"
PLAIN = "model_type = 'LOGISTIC_REG', input_label_cols = [\"churned\"], key = ['customer_id']"


@pytest.fixture
def declared(project):
    def load(options, more=None, tail=TAIL):
        files = {"pipelines/a.py": PIPELINE, "sql/sources/raw.customers.sql": SCHEMA, "sql/m.sql": f"{HEAD}{options}{tail}", **(more or {})}
        return load_project(project(files))

    return load


def test_what_it_declares(declared):
    found = declared(PLAIN)
    model = found.models["leave"]
    assert (model.task, model.description, model.origin.line) == ("classification", "Who leaves.", 2)
    assert model.label is found.tables["training.leave_label"]
    assert list(model.features) == [found.tables["training.leave_inputs"]]
    assert model.label.entity is found.entities["customer"]
    assert "SELECT customer_id, a, b, -- three\n  churned\nFROM raw.customers" in model.label.sql
    graph = compile_project(found)
    assert list(graph.tables["training.leave_label"].columns) == ["customer_id", "churned"]
    assert list(graph.tables["training.leave_inputs"].columns) == ["customer_id", "a", "b"]
    assert graph.upstream("training.leave_inputs") == {"raw.customers"}
    assert graph.refreshed == []  # both live in training sets alone


@pytest.mark.parametrize(
    ("options", "candidate"),
    [
        ("model_type = 'logistic_reg'", ft.LogisticRegression()),
        ("model_type = 'logistic_reg', l2_reg = 4", ft.LogisticRegression(C=0.25)),
        ("model_type = 'logistic_reg', l1_reg = 1, l2_reg = 3", ft.LogisticRegression(C=0.25, l1_ratio=0.25)),
        ("model_type = 'logistic_reg', l1_reg = 2", ft.LogisticRegression(C=0.5, l1_ratio=1.0)),
        ("model_type = 'logistic_reg', l2_reg = HPARAM_RANGE(0.1, 10)", ft.LogisticRegression(C=ft.between(0.1, 10.0, log=True))),
        ("model_type = 'linear_reg', l2_reg = HPARAM_CANDIDATES([1, 2.5])", ft.LinearRegression(alpha=ft.among(1, 2.5))),
        ("model_type = 'logistic_reg', num_trials = 7", ft.LogisticRegression(C=ft.between(0.01, 10, log=True))),
        ("model_type = 'boosted_tree_classifier', max_tree_depth = HPARAM_RANGE(2, 5), learn_rate = 0.1, max_iterations = 50",
         ft.XGBoost(max_depth=ft.between(2, 5), learning_rate=0.1, n_estimators=50)),
        ("model_type = 'boosted_tree_regressor', min_split_loss = 0", ft.XGBoost(gamma=0)),
        ("model_type = 'random_forest_regressor', num_parallel_tree = 20, max_tree_depth = 4",
         ft.RandomForest(n_estimators=20, max_depth=4)),
    ],
)  # fmt: skip
def test_settings_under_their_names_here(declared, options, candidate):
    (found,) = declared(f"input_label_cols = ['churned'], key = ['customer_id'], {options}").models["leave"].candidates
    assert (found.name, found.parameters) == (candidate.name, candidate.parameters)


def test_the_rest_of_the_options(declared):
    model = declared(
        f"{PLAIN}, auto_class_weights = TRUE, num_trials = 3, seed = -4, threshold = .25, folds = 2, calibration = 'isotonic',"
        " exclude = ['b'], hparam_tuning_objectives = ['f1_score'], data_split_method = 'RANDOM', data_split_eval_fraction = 0.25"
    ).models["leave"]
    assert (model.weights, model.trials, model.seed, model.threshold, model.folds) == ("balanced", 3, -4, 0.25, 2)
    assert (model.calibration, list(model.exclude), model.gate.metric) == ("isotonic", ["b"], "f1")
    assert model.split == ft.EntitySplit("customer_id", (pytest.approx(0.6), 0.25, 0.15))


def test_a_key_that_nobody_declares(declared):
    entity = declared(PLAIN.replace("'customer_id'", "'customer_id', 'a'")).models["leave"].label.entity
    assert entity.keys == ("customer_id", "a")


def test_the_key_of_the_one_table_that_is_read(declared):
    table = "CREATE DYNAMIC TABLE clean.customers ENTITY = customer AS SELECT * FROM raw.customers;"
    options = PLAIN.replace(", key = ['customer_id']", "")
    tail = TAIL.replace("raw.customers", "clean.customers")
    found = declared(options, {"sql/z.sql": table}, tail)
    assert found.models["leave"].label.entity is found.entities["customer"]
    with pytest.raises(DeclarationError, match="nothing says what the key") as raised:
        declared(options, {"sql/z.sql": table}, TAIL.replace("FROM raw", "FROM clean.customers, raw"))
    assert raised.value.where.endswith("sql/m.sql:2")


@pytest.mark.parametrize(
    ("options", "line", "problem", "hint"),
    [
        (f"{PLAIN},\n l3_reg = 1", 4, "leave has no option l3_reg", "l2_reg"),
        (f"{PLAIN},\n max_tree_depth = 1", 4, "leave has no option max_tree_depth", ""),
        (f"{PLAIN}, l2_reg = 1,\nl2_reg = 2", 4, "twice", "leave one"),
        (f"{PLAIN}, l2_reg = 'x'", 3, "l2_reg is a number", "HPARAM_RANGE"),
        (f"{PLAIN}, l2_reg = 0", 3, "without any penalty", "l2_reg = 0.001"),
        (f"{PLAIN}, l2_reg = -1", 3, "l2_reg is searched above 0", ""),
        (f"{PLAIN}, l2_reg = HPARAM_RANGE(0, 1)", 3, "l2_reg is searched above 0", "HPARAM_RANGE(0.01"),
        (f"{PLAIN}, l2_reg = HPARAM_RANGE(3, 1)", 3, "HPARAM_RANGE(lowest, highest)", ""),
        (f"{PLAIN}, l2_reg = HPARAM_CANDIDATES([1])", 3, "HPARAM_CANDIDATES([two", ""),
        (f"{PLAIN}, l1_reg = 1, l2_reg = HPARAM_RANGE(1, 3)", 3, "not searched together", "give one"),
        (f"{PLAIN}, num_trials = 'many'", 3, "num_trials is a whole number", "num_trials = 20"),
        (f"{PLAIN}, num_trials = TRUE", 3, "num_trials is a whole number", ""),
        (f"{PLAIN}, exclude = [1]", 3, "exclude is a list", "['a_column']"),
        (f"{PLAIN}, time_col = 't'", 3, "have no dates, so no time_col", "horizon="),
        (f"{PLAIN}, data_split_method = 'SEQ'", 3, "no data_split_method is called 'SEQ' here", "RANDOM"),
        (f"{PLAIN}, data_split_test_fraction = 0.9", 3, "leave no rows", "below 1"),
        (f"{PLAIN}, hparam_tuning_objectives = ['roc_auc', 'f1']", 3, "one objective", "roc_auc"),
        (f"{PLAIN}, hparam_tuning_objectives = ['rmse']", 2, "'rmse' is no gate metric", ""),
        (f"{PLAIN}, seed", 3, "option seed has no value", "the shape is"),
        (f"{PLAIN}, seed = x", 3, "x is no value of option seed", "the shape is"),
        (f"{PLAIN} seed = 1", 3, "a comma is missing", "the shape is"),
        ("key = ['customer_id']", 2, "leave has no model_type", "logistic_reg"),
        ("key = ['customer_id'], model_type = 'dnn_classifier'", 3, "no model_type is called 'dnn_classifier'", ""),
        ("model_type = 'linear_reg', key = ['customer_id'], input_label_cols = ['a', 'b']", 3, "learns one column", ""),
        ("model_type = 'linear_reg', input_label_cols = ['a'], key = [1]", 3, "key names columns", "customer_id"),
    ],
)
def test_refused_with_file_and_line(declared, options, line, problem, hint):
    with pytest.raises(DeclarationError) as raised:
        declared(options)
    assert problem in raised.value.message
    assert hint in raised.value.hint
    assert raised.value.hint
    assert raised.value.where.endswith(f"sql/m.sql:{line}")


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        (")", "AS and a query are missing"),
        (") AS", "has no query"),
        (") SELECT 1", "AS and a query are missing before SELECT"),
        ("", "OPTIONS( is not closed"),
        (") AS SELECT FROM WHERE", "leave:"),
        (") AS DROP TABLE x", "is no query"),
        (") AS SELECT churn!FIT(*) FROM raw.customers", "!FIT is not known here"),
    ],
)
def test_the_query_is_one(declared, tail, problem):
    with pytest.raises(DeclarationError) as raised:
        declared(PLAIN, tail=tail)
    assert problem in str(raised.value)
    assert "sql/m.sql:" in raised.value.where


def test_what_only_compiling_finds(declared):
    with pytest.raises(DeclarationError, match="chrned"):
        compile_project(declared(PLAIN.replace("churned", "chrned")))
    clock = TAIL.replace("raw.customers", "raw.customers WHERE as_of() > TIMESTAMP '2020-01-01'")
    graph = compile_project(declared(PLAIN, tail=clock))
    from foretable.train.training_set import training_query

    with pytest.raises(DeclarationError, match="has no clock"):
        training_query(graph, "leave", None)


def test_a_table_calls_models_in_other_spelling(declared):
    tables = (
        "CREATE DYNAMIC TABLE predictions.a ENTITY = customer AS\nSELECT customer_id, leave!PREDICT(*) AS p FROM raw.customers;\n"
        "CREATE DYNAMIC TABLE predictions.b ENTITY = customer AS\n"
        "SELECT customer_id, predicted_churned FROM ML.PREDICT(MODEL leave, TABLE raw.customers) WHERE j(2 * mod(customer_id, 3));\n"
    )
    found = declared(PLAIN, {"sql/t.sql": tables, "udfs/j.sql": "CREATE OR REPLACE MACRO j(x) AS x > 1;"})
    graph = compile_project(found)
    for name in ("predictions.a", "predictions.b"):
        assert graph.tables[name].models == ("leave",)
        assert graph.tables[name].upstream == ("raw.customers",)
    assert dict(graph.tables["predictions.b"].columns) == {"customer_id": "BIGINT", "predicted_churned": "INTEGER"}
    assert found.tables["predictions.a"].sql.endswith("leave!PREDICT(*) AS p FROM raw.customers")  # the file says what it said


def test_fields_of_an_answer_have_their_types(declared):
    query = (
        "SELECT customer_id, leave!EXPLAIN(*)[1].feature AS a, leave!EXPLAIN(r)[1].contribution AS b, leave!PREDICT_PROBA(*)['1'] AS c,"
        " MODEL(leave, v3)!PREDICT(a, b) AS d FROM raw.customers AS r"
    )
    table = f"CREATE DYNAMIC TABLE predictions.a ENTITY = customer AS {query};"
    found = compile_project(declared(PLAIN, {"sql/t.sql": table})).tables["predictions.a"]
    assert list(found.columns.values()) == ["BIGINT", "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE"]


@pytest.mark.parametrize(
    ("query", "kind", "problem"),
    [
        ("SELECT customer_id, leav!PREDICT(*) AS p FROM raw.customers", UnknownName, "calls a model 'leav', which nothing declares"),
        ("SELECT customer_id, leave!PREDICT(*) AS p FROM raw.customers, range(2)", DeclarationError, "several tables"),
        ("FROM ML.EVALUATE(MODEL leave)", DeclarationError, "no declared table may"),
        ("SELECT customer_id FROM ML.PREDICT(MODEL leave, TABLE raw.customer)", UnknownName, "raw.customer"),
    ],
)
def test_a_table_that_calls_a_model_wrongly(declared, query, kind, problem):
    with pytest.raises(kind) as raised:
        compile_project(declared(PLAIN, {"sql/t.sql": f"\nCREATE DYNAMIC TABLE predictions.a AS\n{query};"}))
    assert problem in raised.value.message
    assert "sql/t.sql:" in raised.value.where
    assert raised.value.hint
