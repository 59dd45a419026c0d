"""Changing one statement of a file leaves every other byte as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretable.declare.load import load_project
from foretable.declare.statement import statements
from foretable.errors import DeclarationError
from foretable.statements.files import added, file_for, place_of, removed, replaced, with_change, with_options

FILE = (
    "-- Two tables.\r\n\r\n-- The first; it has a comment\n-- of two lines.\nCREATE DYNAMIC TABLE clean.a TARGET_LAG = '1 day' AS\n"
    "SELECT 'ä;' AS x -- inside\n, 2 AS y /* after */ ;   \n\n\t-- The second.\ncreate dynamic table clean.b as\tselect 2 as x  -- last"
)


@pytest.fixture
def place(project):
    def found(name, text=FILE):
        root = project({})
        (root / "sql").mkdir(exist_ok=True)
        (root / "sql" / "two.sql").write_bytes(text.encode())
        return place_of(load_project(root).tables[name])

    return found


def one(text):
    (statement,) = statements(text)
    return statement


def test_replaced_in_its_place(place):
    change = replaced(place("clean.a"), one("CREATE OR REPLACE DYNAMIC TABLE clean.a AS SELECT 9 AS z;"))
    start, stop = FILE.index("CREATE"), FILE.index(" /* after")
    assert change.after == f"{FILE[:start]}CREATE OR REPLACE DYNAMIC TABLE clean.a AS SELECT 9 AS z{FILE[stop:]}"
    change.write()
    assert place("clean.a", change.after).header.query == "SELECT 9 AS z"
    assert change.path.read_bytes() == change.after.encode()
    change.take_back()
    assert change.path.read_bytes() == FILE.encode()
    assert [path.name for path in change.path.parent.iterdir()] == ["two.sql"]


def test_a_comment_of_its_own_replaces_the_one_above(place):
    change = replaced(place("clean.b"), one("-- Anew.\nCREATE DYNAMIC TABLE clean.b AS SELECT 9 AS z"))
    assert change.after == FILE[: FILE.index("\t-- The second")] + "-- Anew.\nCREATE DYNAMIC TABLE clean.b AS SELECT 9 AS z  -- last"


def test_removed_with_the_comment_directly_above(place):
    assert removed(place("clean.a")).after == "-- Two tables.\r\n\r\n" + FILE[FILE.index("-- The second") :]
    assert removed(place("clean.b")).after == FILE[: FILE.index("\t-- The second")] + "-- last"


def test_a_file_with_nothing_left_goes(place):
    change = removed(place("clean.a", "-- Why.\nCREATE DYNAMIC TABLE clean.a AS SELECT 1 AS x;\n"))
    assert change.after == ""
    change.write()
    assert not change.path.exists()
    change.take_back()
    assert change.path.exists()


@pytest.mark.parametrize("other", [False, True])
def test_folders_made_for_a_file_go_with_it_unless_they_are_used(tmp_path, other):
    (tmp_path / "kept").mkdir()
    change = added(tmp_path / "kept" / "sql" / "clean" / "a.sql", one("CREATE DYNAMIC TABLE clean.a AS SELECT 1 AS x"))
    change.write()
    assert change.path.exists()
    if other:
        (tmp_path / "kept" / "sql" / "mine.sql").touch()
    change.take_back()
    assert [path.name for path in (tmp_path / "kept").rglob("*")] == (["sql", "mine.sql"] if other else [])
    assert (tmp_path / "kept").exists()


def test_options_are_rewritten_where_they_stand_and_added_before_as(place):
    change = with_options(place("clean.a"), {"grain": "hour", "target_lag": "'5 minutes'"})
    assert change.after == FILE.replace("TARGET_LAG = '1 day' AS", "TARGET_LAG = '5 minutes' GRAIN = hour AS")
    assert with_options(place("clean.b"), {"refresh_mode": "FULL"}).after == FILE.replace("clean.b as", "clean.b REFRESH_MODE = FULL as")


@pytest.mark.parametrize("before", ["", FILE, FILE + "\n;", "-- only a comment;\n"])
def test_a_new_statement_stands_at_the_end(project, before):
    root = project({})
    path = root / "sql" / "two.sql"
    path.parent.mkdir()
    path.write_bytes(before.encode())
    change = added(path, one("-- New.\nCREATE DYNAMIC TABLE clean.c AS SELECT 3 AS x;"))
    assert change.after.startswith(before.rstrip().removesuffix("  -- last"))
    assert change.after.endswith("-- New.\nCREATE DYNAMIC TABLE clean.c AS SELECT 3 AS x;\n")
    change.write()
    tables = load_project(root).tables
    assert tables["clean.c"].description.endswith("New.")
    assert len(tables) == (3 if FILE[:9] in before else 1)


def test_where_a_new_table_goes(project):
    loaded = load_project(project({}))
    assert file_for(loaded, "features.x") == loaded.root / "sql/features/x.sql"
    assert file_for(loaded, "compiled.x") == loaded.root / "sql/compiled_x.sql"  # sql/compiled holds no declarations


def test_python_and_other_declarations_are_not_overwritten(project):
    root = project({"pipelines/a.py": "import foretable as ft\n\n\n@ft.dynamic_table('clean.a')\ndef a():\n    return None\n"})
    loaded = load_project(root)
    with pytest.raises(DeclarationError, match=r"clean\.a is declared in Python") as caught:
        place_of(loaded.tables["clean.a"])
    assert caught.value.where == f"{root}/pipelines/a.py:4"
    with pytest.raises(DeclarationError, match=r"clean\.a is declared already"):
        with_change(loaded, added(Path(root) / "sql/x.sql", one("CREATE DYNAMIC TABLE clean.a AS SELECT 1 AS x")))
