"""Which statements are ours, and what they say."""

from __future__ import annotations

import pytest

from foretable.errors import DeclarationError, ForetableError, UsageError
from foretable.statements.read import Alter, Create, Describe, Drop, Plain, Show, read


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "",
        "SELECT 'create dynamic table a.b as select 1'; SELECT 2 -- drop dynamic table a.b",
        "CREATE TABLE dynamic AS SELECT 1 AS tables",
        "SHOW dynamic",
        "SELECT dynamic table FROM t",
        "SELECT 'unterminated",
    ],
)
def test_what_is_not_ours_is_left_to_duckdb_as_it_stands(text):
    assert read(text) == [Plain(text)]


def test_ours_stand_between_others():
    text = "SELECT 'a;b' AS x; show dynamic tables; /* drop; */ SELECT 2 -- end"
    assert read(text) == [Plain("SELECT 'a;b' AS x"), Show("", ""), Plain("SELECT 2")]


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("SHOW DYNAMIC TABLES", Show("", "")),
        ("show dynamic tables like '%churn%' in predictions", Show("%churn%", "predictions")),
        ("SHOW DYNAMIC TABLES IN SCHEMA Predictions LIKE 'a_'", Show("a_", "predictions")),
        ('DROP DYNAMIC TABLE "Features"."X"', Drop("features.x", False)),
        ("drop dynamic\n table if exists features.x", Drop("features.x", True)),
        ("DESCRIBE DYNAMIC TABLE features.x", Describe("features.x")),
        ("desc dynamic table features.x", Describe("features.x")),
    ],
)
def test_what_they_say(text, read_as):
    assert read(f"{text};") == [read_as]


@pytest.mark.parametrize(("words", "action", "full"), [("Suspend", "SUSPEND", 0), ("RESUME", "RESUME", 0), ("refresh full", "REFRESH", 1)])
def test_alter(words, action, full):
    (found,) = read(f"ALTER DYNAMIC TABLE features.x {words}")
    assert isinstance(found, Alter)
    assert (found.name, found.action, found.full) == ("features.x", action, bool(full))


def test_alter_set_and_create():
    alter, create = read(
        "ALTER DYNAMIC TABLE a.b SET TARGET_LAG = '1 hour' GRAIN = hour;\n-- Why.\nCREATE OR REPLACE DYNAMIC TABLE a.c AS FROM x"
    )
    assert isinstance(alter, Alter)
    assert {name: option.value for name, option in alter.options.items()} == {"target_lag": "1 hour", "grain": "hour"}
    assert isinstance(create, Create)
    assert (create.header.name, create.header.replace, create.header.query, create.statement.comment) == ("a.c", True, "FROM x", "Why.")


WRONG = {
    "ALTER DYNAMIC TABLE a.b SUSPENDD": "did you mean 'SUSPEND'",
    "ALTER DYNAMIC TABLE a.b": "SUSPEND",
    "ALTER DYNAMIC TABLE": "write layer.table after TABLE",
    "ALTER DYNAMIC TABLE a.b REFRESH FUL": "REFRESH FULL",
    "ALTER DYNAMIC TABLE a.b SET": "SET TARGET_LAG",
    "ALTER DYNAMIC TABLE a.b SET TARGETLAG = '1 hour'": "did you mean 'TARGET_LAG'",
    "DROP DYNAMIC TABLE a.b, a.c": "DROP DYNAMIC TABLE layer.name",
    "DROP DYNAMIC TABLE a.b CASCADE": "DROP DYNAMIC TABLE layer.name",
    "DROP DYNAMIC TABLES": "DROP DYNAMIC TABLE layer.name",
    "DROP DYNAMIC TABLE b": "layer.table",
    "SHOW DYNAMIC TABLE": "SHOW DYNAMIC TABLES",
    "SHOW DYNAMIC TABLES LIKE": "LIKE 'pattern'",
    "SHOW DYNAMIC TABLES FROM a": "IN layer",
    "SHOW DYNAMIC TABLES IN a IN b": "IN layer",
    "DESCRIBE DYNAMIC TABLE a.b now": "DESCRIBE DYNAMIC TABLE layer.name",
    "CREATE DYNAMIC TABLE a.b ENTITTY = c AS SELECT 1": "did you mean 'ENTITY'",
    "SELECT 1;\n\nCREATE DYNAMIC TABLE a.b AS SELECT 'x": "close it",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_cure(text):
    with pytest.raises((UsageError, DeclarationError)) as caught:
        read(text)
    assert WRONG[text] in caught.value.hint


def test_an_open_quote_is_told_with_its_line():
    with pytest.raises(ForetableError) as caught:
        read("SELECT 1;\n\nDROP DYNAMIC TABLE a.b; SELECT 'x")
    assert caught.value.where == "line 3"
