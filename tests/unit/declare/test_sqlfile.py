"""CREATE DYNAMIC TABLE in SQL files: options in any order, and where what is wrong stands."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.declare.entity import Entity
from foretable.declare.sqlfile import declared_in
from foretable.declare.statement import EXAMPLES, statements
from foretable.declare.tables import DecisionTable, DynamicTable, FeatureView
from foretable.errors import DeclarationError

ENTITIES = {"customer": Entity("customer", key="id")}
GIVEN = {
    "ENTITY": "Customer",
    "TARGET_LAG": "'5 minutes'",
    "REFRESH_MODE": "incremental",
    "INITIALIZE": "'ON_SCHEDULE'",
    "GRAIN": "Hour",
    "HISTORY": "'90 days'",
    "OWN_PACE": "true",
    "ONLINE": "TRUE",
    "OWNER": "'crm team'",
    "TAGS": "'rfm, daily'",
    "VERSION": "2",
}


def declare(text):
    (table,) = declared_in(text, "sql/a.sql", ENTITIES)
    return table


def test_every_option_is_tried():
    assert {name.upper() for name in EXAMPLES} == GIVEN.keys()


ORDERS = [Random(seed).sample(list(GIVEN), len(GIVEN)) for seed in range(18)]


@pytest.mark.parametrize("order", ORDERS)
def test_options_stand_in_any_order(order):
    table = declare(
        f"CREATE OR REPLACE DYNAMIC TABLE Features.A {' '.join(f'{name} = {GIVEN[name]}' for name in order)}\nAS SELECT 1 AS id"
    )
    assert (table.name, table.view, table.version) == ("features.a__v2", "features.a", 2)
    assert table.entity is ENTITIES["customer"]
    assert (table.target_lag, table.refresh_mode, table.initialize) == ("5 minutes", "INCREMENTAL", "ON_SCHEDULE")
    assert (table.grain, table.history, table.sql) == ("hour", "90 days", "SELECT 1 AS id")
    assert (table.own_pace, table.online, table.owner, table.tags) == (True, True, "crm team", ("rfm", "daily"))


def test_without_options_everything_is_the_default():
    table = declare("create dynamic table clean.a as from x")
    assert (table.entity, table.target_lag, table.refresh_mode, table.initialize) == (None, "1 day", "AUTO", "ON_CREATE")
    assert (table.grain, table.history, table.own_pace) == ("day", None, False)
    assert declare("CREATE DYNAMIC TABLE clean.a OWN_PACE = FALSE AS SELECT 1").own_pace is False


@pytest.mark.parametrize(("layer", "kind"), [("features", FeatureView), ("decisions", DecisionTable), ("clean", DynamicTable)])
def test_the_layer_says_what_it_is(layer, kind):
    assert type(declare(f"CREATE DYNAMIC TABLE {layer}.a AS SELECT 1 AS x")) is kind


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a AS b, 'x AS y' AS \"AS\" FROM t AS u -- AS\nWHERE 1 = 1",
        "WITH c AS (SELECT 1) FROM c",
        "SELECT 7 // 2 AS q, j->>'a.b' AS r FROM t",
        "SELECT $$it's; AS$$ AS q",
        "(SELECT 1 AS x)",
    ],
)
def test_the_query_stays_as_it_is_written(query):
    assert declare(f"CREATE DYNAMIC TABLE clean.a TARGET_LAG = 'DOWNSTREAM' AS\n  {query}\n;").sql == query


WRONG = {
    "CREATE DYNAMIC TABLE clean.a\nTARGET_LAGG = '1 day' AS SELECT 1": (2, "no option TARGET_LAGG", "did you mean 'TARGET_LAG'"),
    "CREATE DYNAMIC TABLE clean.a\n\nREFRESHMODE = FULL AS SELECT 1": (3, "no option REFRESHMODE", "did you mean 'REFRESH_MODE'"),
    "CREATE DYNAMIC TABLE clean.a\nENTITY = costumer AS SELECT 1": (2, "no entity is called 'costumer'", "did you mean 'customer'"),
    "CREATE DYNAMIC TABLE clean.a ENTITY = customer\nENTITY = customer AS SELECT 1": (2, "ENTITY twice", "leave one"),
    "CREATE DYNAMIC TABLE clean.a\nTARGET_LAG = AS SELECT 1": (2, "TARGET_LAG has no value", "TARGET_LAG = '1 hour'"),
    "CREATE DYNAMIC TABLE clean.a\nTARGET_LAG '1 day' AS SELECT 1": (2, "TARGET_LAG has no value", "TARGET_LAG = '1 hour'"),
    "CREATE DYNAMIC TABLE clean.a\nTARGET_LAG = 5 minutes AS SELECT 1": (2, "bare number", "TARGET_LAG = '1 hour'"),
    "CREATE DYNAMIC TABLE clean.a TARGET_LAG = 'soon' AS SELECT 1": (1, "'soon' is no target lag", "5 minutes"),
    "CREATE DYNAMIC TABLE clean.a REFRESH_MODE = INCREMENTEL AS SELECT 1": (1, "refresh_mode is 'INCREMENTEL'", "'INCREMENTAL'"),
    "CREATE DYNAMIC TABLE clean.a INITIALIZE = ON_CREAT AS SELECT 1": (1, "initialize is 'ON_CREAT'", "'ON_CREATE'"),
    "CREATE DYNAMIC TABLE clean.a GRAIN = week AS SELECT 1": (1, "grain is 'week'", "minute"),
    "CREATE DYNAMIC TABLE clean.a HISTORY = '90 days' AS SELECT 1": (1, "history needs an entity", "ENTITY ="),
    "CREATE DYNAMIC TABLE clean.a ENTITY = customer HISTORY = 'long' AS SELECT 1": (1, "'long' is not a length of time", "30 days"),
    "CREATE DYNAMIC TABLE clean.a ENTITY = customer HISTORY = '0 days' AS SELECT 1": (1, "history is '0 days'", "90 days"),
    "CREATE DYNAMIC TABLE clean.a ENTITY = customer HISTORY = '99999999999 days' AS SELECT 1": (1, "history is", "90 days"),
    "CREATE DYNAMIC TABLE clean.a\nOWN_PACE = maybe AS SELECT 1": (2, "own_pace is 'maybe'", "TRUE"),
    "CREATE DYNAMIC TABLE clean.a TARGET_LAG = DOWNSTREAM OWN_PACE = TRUE AS SELECT 1": (1, "own_pace needs a pace", "target_lag="),
    "CREATE DYNAMIC TABLE clean.a ONLINE = TRUE AS SELECT 1": (1, "online needs an entity", "entity="),
    "CREATE DYNAMIC TABLE clean.a\nVERSION = 2 AS SELECT 1": (2, "only feature views have", "leave VERSION out"),
    "CREATE DYNAMIC TABLE features.a\nVERSION = '2b' AS SELECT 1": (2, "2b is no version", "VERSION = 2"),
    "CREATE DYNAMIC TABLE features.a\nVERSION = 0 AS SELECT 1": (2, "0 is no version", "VERSION = 2"),
    "CREATE DYNAMIC TABLE features.a VERSION = AS SELECT 1": (1, "VERSION has no value", "VERSION = 2"),
    "CREATE DYNAMIC TABLE a AS SELECT 1": (1, "'a' is not the name of a table", "layer.table"),
    "CREATE DYNAMIC TABLE\nAS SELECT 1": (2, "'AS' is not the name of a table", "layer.table"),
    "CREATE DYNAMIC TABLE": (1, "name of the table is missing", "layer.table"),
    "CREATE DYNAMIC TABLE clean.a": (1, "clean.a has no query", "the shape is"),
    "CREATE DYNAMIC TABLE clean.a AS": (1, "clean.a has no query", "the shape is"),
    "CREATE DYNAMIC TABLE clean.a\nSELECT 1": (2, "AS is missing before SELECT", "the shape is"),
    "CREATE DYNAMIC TABLE clean.a AS\nDELETE FROM t": (2, "is no query", "the shape is"),
    "CREATE DYNAMIC TABLE clean.a AS\nSELECT (1\nFROM t": (3, "Expecting )", "the shape is"),
    "CREATE DYNAMIC TABLE quarantine.a AS SELECT 1": (1, "cannot be made", "predictions"),
    "-- fine\nSELECT 'one\nline more'; -- still fine\n\nCREATE DYNAMIC TABLE clean.a AS SELECT 'x": (5, "not closed", "close it"),
    "CREATE VIEW clean.a AS SELECT 1": (1, "this is no dynamic table", "the shape is"),
    "CREATE": (1, "this is no dynamic table", "the shape is"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_line_and_its_cure(text):
    line, message, hint = WRONG[text]
    with pytest.raises(DeclarationError) as caught:
        declared_in(text, "sql/a.sql", ENTITIES)
    assert message in caught.value.message
    assert caught.value.where == f"sql/a.sql:{line}"
    assert hint in caught.value.hint


pieces = st.lists(st.sampled_from(["SELECT 1", "'a;b'", '"c;d"', "-- e;\n", "/* f;\n */", ";", "\n", " ", "$$g;$$", "x"]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(pieces)
def test_statements_lie_where_they_are_said_to(parts):
    text = " ".join(parts)
    found = statements(text, "f.sql")
    assert [text[statement.start : statement.stop] for statement in found] == [statement.text for statement in found]
    assert all(statement.origin.line == text[: statement.start].count("\n") + 1 for statement in found)
    between, end = [], 0
    for statement in found:
        between.append(text[end : statement.start])
        end = statement.stop
    assert not any(word in gap for gap in [*between, text[end:]] for word in ("SELECT", "'", '"', "$", "x"))
