import os
import sys
import textwrap
from datetime import datetime

import pytest

from foretable.declare.load import load_project
from foretable.errors import DeclarationError, UnknownName


def test_the_shop_loads_with_everything_it_declares(shop):
    project = load_project(shop)
    assert set(project.entities) == {"customer"}
    assert set(project.sources) == {"raw.customers", "raw.orders", "raw.plans"}
    assert set(project.tables) == {"features.customer_usage", "training.churned", "predictions.churn", "decisions.calls"}
    assert project.tables["decisions.calls"].description == "The hundred to call."
    assert project.pipelines["churn"] == {"churn", "features.customer_usage", "training.churned", "predictions.churn"}


def test_loading_leaves_sys_path_alone_and_two_projects_live_side_by_side(shop, project):
    before = list(sys.path)
    other = project({"pipelines/churn.py": "import foretable as ft\nft.Source('raw.x', fixed=['a'])"})
    assert load_project(shop).sources.keys() != load_project(other).sources.keys()
    assert sys.path == before


def test_a_file_of_the_same_length_and_time_is_read_again(project, monkeypatch):
    """Where Python keeps bytecode, it tells an edited file by these two alone."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    root = project({"pipelines/a.py": "import foretable as ft\nft.Source('raw.a', fixed=['a'])"})
    path = root / "pipelines" / "a.py"
    at = path.stat().st_mtime_ns
    assert load_project(root).sources.keys() == {"raw.a"}
    path.write_text(path.read_text().replace("raw.a", "raw.b"))
    os.utime(path, ns=(at, at))
    assert load_project(root).sources.keys() == {"raw.b"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import foretable as ft\n\nx = (", 3, "never closed"),
        ("import foretable as ft\nx = 1 / 0", 2, "ZeroDivisionError"),
        ("import foretable as ft\n\nft.Source('orders')", 3, "is not the name of a table"),
        ("import foretable as ft\nft.Source('raw.a', time='t', valid=('f', 'u'))", 2, "both time and valid"),
        ("import foretable as ft\nc = ft.Entity('c', key=())", 2, "no key"),
        ("from ..pipelines.nowhere import x", 1, "nowhere"),
        (
            "import foretable as ft\nc = ft.Entity('c', key='id')\n@ft.label('training.l', entity=c, horizon='30 days')\ndef l(): ...",
            3,
            "horizon, every and start go together",
        ),
        ("import foretable as ft\n@ft.dynamic_table('clean.a', target_lag='soon')\ndef a(): ...", 2, "is no target lag"),
        ("import foretable as ft\n@ft.dynamic_table('clean.a')\ndef a(x): ...", 2, "takes no parameters"),
        ("import foretable as ft\nft.between(3, 1)", 2, "no range"),
        ("import foretable as ft\n@ft.dynamic_table('crm.clean.a')\ndef a(): ...", 2, "other files are only read"),
        ("import foretable as ft\n@ft.dynamic_table('foretable.tables')\ndef a(): ...", 2, "foretable's own"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(project, text, line, message):
    root = project({"pipelines/wrong.py": text})
    with pytest.raises(DeclarationError, match=message) as caught:
        load_project(root)
    assert caught.value.where == f"{root / 'pipelines/wrong.py'}:{line}"


def test_the_same_name_twice_names_both_places(project):
    source = "import foretable as ft\n\nft.Source('raw.x')"
    root = project({"pipelines/a.py": source, "pipelines/b.py": source})
    with pytest.raises(DeclarationError, match=r"raw\.x is declared twice") as caught:
        load_project(root)
    assert "a.py:3" in caught.value.hint and "b.py:3" in caught.value.where


@pytest.mark.parametrize("pinned", ["2026-03-01T02:00:00+02:00", "2026-03-01", "2026-02-28T19:00:00-05:00"])
def test_the_pinned_clock_is_utc(project, pinned):
    assert load_project(project({}, settings=f'as_of = "{pinned}"')).config.as_of == datetime(2026, 3, 1)
    assert load_project(project({}, settings=f"as_of = {pinned}")).config.as_of == datetime(2026, 3, 1)


def test_an_unknown_setting_suggests_the_near_one(project):
    with pytest.raises(DeclarationError, match="warehause") as caught:
        load_project(project({}, settings='warehause = "x"'))
    assert "'warehouse'" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [('as_of = "tomorrow"', "is no date"), ('time_zone = "Mars/Olympus"', "is unknown"), ("name = ", "[Ii]nvalid value")],
)
def test_wrong_settings_are_refused(project, settings, message):
    with pytest.raises(DeclarationError, match=message):
        load_project(project({}, settings=settings))


def test_a_folder_without_a_project_says_how_to_start_one(tmp_path):
    with pytest.raises(DeclarationError, match=r"no pyproject\.toml") as caught:
        load_project(tmp_path)
    assert "foretable init" in caught.value.hint


SQL = {
    "SELECT 1": "no dynamic table",
    "CREATE DYNAMIC TABLE clean.a AS SELEC 1": "dynamic table|Invalid|parse",
    "CREATE DYNAMIC TABLE clean.a TARGET_LAGG = '1 day' AS SELECT 1 AS x": "no option TARGET_LAGG",
    "CREATE DYNAMIC TABLE clean.a ENTITY = costumer AS SELECT 1 AS x": "no entity is called 'costumer'",
    "CREATE TABLE clean.a AS SELECT 1 AS x": "no dynamic table",
}


@pytest.mark.parametrize("text", SQL)
def test_a_wrong_sql_file_is_named_with_its_line(project, text):
    root = project({"pipelines/e.py": "import foretable as ft\nft.Entity('customer', key='id')", "sql/a.sql": f"-- a comment\n\n{text};\n"})
    with pytest.raises(DeclarationError, match=SQL[text]) as caught:
        load_project(root)
    assert caught.value.where == f"{root / 'sql/a.sql'}:3"


def test_an_unknown_entity_in_sql_suggests_the_near_one(project):
    text = "CREATE DYNAMIC TABLE clean.a ENTITY = costumer AS SELECT 1 AS x"
    root = project({"pipelines/e.py": "import foretable as ft\nft.Entity('customer', key='id')", "sql/a.sql": text})
    with pytest.raises(UnknownName) as caught:
        load_project(root)
    assert caught.value.hint == "did you mean 'customer'?"


def test_several_statements_of_one_sql_file_keep_their_lines_and_comments(project):
    text = textwrap.dedent("""\
        -- The first.
        CREATE DYNAMIC TABLE clean.a TARGET_LAG = '5 minutes' AS SELECT 'x;y' AS x;

        -- The second,
        -- in two lines.
        CREATE DYNAMIC TABLE features.b AS SELECT 2 AS x
        """)
    tables = load_project(project({"sql/two.sql": text})).tables
    assert (tables["clean.a"].description, tables["clean.a"].origin.line, tables["clean.a"].target_lag) == ("The first.", 2, "5 minutes")
    assert (tables["features.b"].description, tables["features.b"].origin.line) == ("The second,\nin two lines.", 6)
    assert tables["features.b"].kind == "feature view"


def test_a_macro_file_holds_only_macros_that_can_be_replaced(project):
    with pytest.raises(DeclarationError, match="only macros") as caught:
        load_project(project({"udfs/m.sql": "CREATE OR REPLACE MACRO a(x) AS x;\nCREATE MACRO b(x) AS x;"}))
    assert caught.value.where.endswith("m.sql:2")


MODELS = """
import foretable as ft

c = ft.Entity("c", key="id")
ft.Source("raw.x", entity=c, fixed=["a"])
ft.Source("training.brought", entity=c, fixed=["a"])

@ft.feature_view("features.f", entity=c)
def f():
    return ft.ref("raw.x").rows()

@ft.label("training.left", entity=c)
def left():
    return ft.ref("raw.x").rows()

ft.Model("leaving", label=left, features=[f], candidates=[ft.LogisticRegression()])
"""


def model(name: str, training_set: str = "") -> str:
    given = f', training_set="{training_set}"' if training_set else ""
    return f'ft.Model("{name}", label=left, features=[f], candidates=[ft.LogisticRegression()]{given})\n'


def test_a_training_set_has_a_name_of_its_own(project):
    loaded = load_project(project({"pipelines/a.py": MODELS + model("b", "Training.B_With_Target")}))
    assert {found.name: found.training_set for found in loaded.models.values()} == {
        "leaving": "training.leaving",
        "b": "training.b_with_target",
    }


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (model("b", "training.leaving"), "has the name of that of model leaving"),
        (model("b", "training.Left"), "has the name of a label"),
        (model("left"), "its training set training.left has the name of a label"),
        (model("b", "training.brought"), "has the name of a source"),
        (model("b", "features.b"), "is not in layer training"),
        (model("b", "crm.training.b"), "is not in layer training"),
        (model("b", "b with target"), "is not the name of a table"),
    ],
)
def test_a_training_set_that_cannot_be_its_own_is_refused(project, declared, told):
    with pytest.raises(DeclarationError, match=told) as caught:
        load_project(project({"pipelines/a.py": MODELS + declared}))
    assert "a.py:" in caught.value.where and caught.value.hint
