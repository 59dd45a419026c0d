import pytest

from foretable.compile import compile_project
from foretable.compile.references import aliases_of, called_model
from foretable.declare.load import load_project
from foretable.errors import DeclarationError
from foretable.sql import render


def compiled(root):
    return compile_project(load_project(root))


def model(name, options=""):
    return f'\n\n{name} = ft.Model("{name}", label=churned, features=[customer_usage], candidates=[ft.LogisticRegression()]{options})\n'


@pytest.mark.parametrize("ending", ["label", "probabilities"])
def test_a_model_that_is_called_as_the_function_of_another_is_refused(shop, ending):
    with (shop / "models/churn.py").open("a") as file:
        file.write(model(f"churn_{ending}"))
    with pytest.raises(DeclarationError, match=f"churn and churn_{ending} would both answer as predict_churn_{ending}"):
        compiled(shop)


def test_models_whose_names_begin_alike_are_told_apart(shop):
    with (shop / "models/churn.py").open("a") as file:
        file.write(model("churn_labels") + model("chur"))
    assert called_model("predict_churn_labels__challenger", compiled(shop).project.models) == ("churn_labels", "predict", "challenger")


@pytest.mark.parametrize("name", ["predict_churn", "explain_churn__exact", "predict_churn_label__challenger"])
def test_a_macro_that_is_called_as_a_models_function_is_refused(shop, name):
    (shop / "udfs/m.sql").write_text(f"CREATE OR REPLACE MACRO {name}(x) AS x * 2;\n")
    with pytest.raises(DeclarationError, match=f"{name} is a function of the model churn"):
        compiled(shop)


@pytest.mark.parametrize("name", ["_churn", "churn_", "a__b", "größe", "1st", ""])
def test_a_model_has_a_plain_name(shop, name):
    with (shop / "models/churn.py").open("a") as file:
        file.write(model("other").replace('"other"', f'"{name}"'))
    with pytest.raises(DeclarationError, match="cannot name a model"):
        load_project(shop)


def test_exact_reasons_are_those_of_the_champion_or_of_an_alias():
    assert aliases_of(["explain_churn__exact"], ["churn"]) == ("churn",)
    assert aliases_of(["explain_churn__challenger__exact"], ["churn"]) == ("churn@challenger",)
    assert aliases_of(["explain_churn__v3__exact"], ["churn"]) == ()


def reasons(shop, call):
    query = f"SELECT f.customer_id, {call} AS answer FROM features.customer_usage AS f"
    (shop / "sql/why.sql").write_text(f"CREATE DYNAMIC TABLE decisions.why ENTITY = customer TARGET_LAG = '1 hour' AS {query};\n")
    return compiled(shop).tables["decisions.why"]


def test_a_table_asks_for_so_many_reasons(shop):
    table = reasons(shop, "explain_churn(f, top := 3)")
    assert table.columns["answer"].startswith("STRUCT(feature VARCHAR") and not table.analysis.reason


def test_a_function_that_the_task_does_not_have_is_refused(shop):
    with pytest.raises(DeclarationError, match="predict_churn_probabilities"):
        reasons(shop, "predict_churn_probabilities(f)")


def test_a_column_called_like_the_row_of_a_scoring_table_is_not_scored_in_its_place(shop):
    text = (shop / "pipelines/churn.py").read_text()
    (shop / "pipelines/churn.py").write_text(text.replace("orders_30d=o.count(", "f=o.count(), orders_30d=o.count("))
    query = render(compiled(shop).tables["predictions.churn"].query)
    assert "PREDICT_CHURN(" in query.upper() and 'predict_churn("f")' not in query.lower()
