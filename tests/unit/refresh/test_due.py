"""What is due when: lags, cron, DOWNSTREAM, failures, suspension."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from foretable.compile.graph import Compiled, Graph
from foretable.compile.incremental.shape import Analysis
from foretable.declare.origin import collecting
from foretable.declare.project import Config, Project
from foretable.declare.tables import DynamicTable
from foretable.refresh.due import RETRY, Pace, agenda, next_due, references, tried
from foretable.sql import parse

NOW = datetime(2026, 3, 2, 12, 0)
MINUTE = timedelta(minutes=1)

# name -> (target lag, what it is made from)
LAGS = {
    "clean.orders": ("DOWNSTREAM", ["raw.orders"]),
    "features.usage": ("1 hour", ["clean.orders"]),
    "features.daily": ("0 6 * * *", ["clean.orders"]),
    "predictions.churn": ("5 minutes", ["features.usage"]),
    "clean.unread": ("DOWNSTREAM", ["raw.orders"]),
}


def build(lags: Mapping[str, tuple[str, list[str]]] = LAGS, time_zone: str = "UTC", own_pace: Collection[str] = ()) -> Graph:
    with collecting():
        tables = {
            name: DynamicTable(name=name, sql="SELECT 1", target_lag=lag, own_pace=name in own_pace) for name, (lag, _) in lags.items()
        }
    compiled = {
        name: Compiled(name, tables[name], parse("SELECT 1"), tuple(made_from), (), (), {}, f"print of {name}", Analysis)
        for name, (_, made_from) in lags.items()
    }
    return Graph(Project(Path(), Config(time_zone=time_zone), tables=tables), compiled, {})


@pytest.fixture
def graph() -> Graph:
    return build()


def fresh(graph: Graph, at: datetime = NOW) -> dict[str, Pace]:
    """Every table refreshed at a moment."""
    return {name: Pace(at, graph.tables[name].fingerprint) for name in graph.refreshed}


def test_nothing_is_due_right_after_a_refresh(graph):
    found = agenda(graph, fresh(graph), NOW)
    assert found.due == ()
    assert found.next_wake == NOW + 5 * MINUTE
    assert found.suspended == {}


def test_what_was_never_built_is_due_whatever_its_lag(graph):
    found = agenda(graph, {}, NOW)
    assert set(found.due) == set(LAGS)
    assert found.next_wake is None


def test_a_due_table_takes_along_what_it_is_made_from_and_nothing_else(graph):
    found = agenda(graph, fresh(graph), NOW + 5 * MINUTE)
    assert found.due == ("clean.orders", "features.usage", "predictions.churn")
    assert found.next_wake == NOW + 60 * MINUTE
    assert agenda(graph, fresh(graph), NOW + timedelta(minutes=4, seconds=59)).due == ()


def test_cron_is_due_when_a_time_lies_between_refresh_and_now():
    daily = build({"clean.orders": ("DOWNSTREAM", []), "features.daily": ("0 6 * * *", ["clean.orders"])})
    paces = fresh(daily, datetime(2026, 3, 2, 5, 30))
    assert agenda(daily, paces, datetime(2026, 3, 2, 5, 59, 59)).due == ()
    assert agenda(daily, paces, datetime(2026, 3, 2, 5, 59, 59)).next_wake == datetime(2026, 3, 2, 6, 0)
    assert agenda(daily, paces, NOW).due == ("clean.orders", "features.daily")
    paces["features.daily"] = replace(paces["features.daily"], refreshed_at=datetime(2026, 3, 2, 6, 0))
    assert agenda(daily, paces, NOW).due == ()


def test_cron_without_a_zone_is_in_that_of_the_project():
    berlin = build({"features.daily": ("0 6 * * *", [])}, "Europe/Berlin")
    paces = fresh(berlin, datetime(2026, 3, 2, 4, 0))
    assert agenda(berlin, paces, datetime(2026, 3, 2, 4, 59)).due == ()
    assert agenda(berlin, paces, datetime(2026, 3, 2, 5, 0)).due == ("features.daily",)


def test_downstream_is_due_with_its_first_reader_however_far(graph):
    far = build({"clean.a": ("DOWNSTREAM", []), "clean.b": ("DOWNSTREAM", ["clean.a"]), "features.c": ("2 hours", ["clean.b"])})
    assert next_due(far, "clean.a", NOW) == NOW + 120 * MINUTE
    assert agenda(far, fresh(far), NOW + 120 * MINUTE).due == ("clean.a", "clean.b", "features.c")
    assert next_due(graph, "clean.orders", NOW) == NOW + 5 * MINUTE
    assert next_due(graph, "clean.unread", NOW) is None
    assert "clean.unread" not in agenda(graph, fresh(graph), NOW + timedelta(days=400)).due


def test_a_changed_definition_is_due_at_once(graph):
    paces = fresh(graph) | {"features.daily": Pace(NOW, "another print")}
    assert agenda(graph, paces, NOW).due == ("clean.orders", "features.daily")


def test_a_refresh_in_the_future_says_nothing(graph):
    paces = fresh(graph) | {"features.daily": Pace(NOW + timedelta(days=9), "print of features.daily")}
    assert agenda(graph, paces, NOW).due == ("clean.orders", "features.daily")


def failed(graph: Graph, name: str, at: datetime) -> Pace:
    return Pace(NOW - timedelta(days=1), graph.tables[name].fingerprint, at, tried(graph, name), failed=True)


def test_a_table_that_failed_waits_for_its_lag_and_holds_up_what_is_made_from_it(graph):
    paces = fresh(graph) | {"features.usage": failed(graph, "features.usage", NOW)}
    found = agenda(graph, paces, NOW + 10 * MINUTE)
    assert found.due == ()
    assert found.next_wake == NOW + 60 * MINUTE
    # Its own lag of an hour has not run out again before 13:00; the scores wait with it.
    assert agenda(graph, paces, NOW + 59 * MINUTE).due == ()
    assert agenda(graph, paces, NOW + 60 * MINUTE).due == ("clean.orders", "features.usage", "predictions.churn")


def test_a_failure_higher_up_does_not_hold_up_others(graph):
    paces = fresh(graph, NOW - timedelta(days=2)) | {"features.usage": failed(graph, "features.usage", NOW)}
    assert agenda(graph, paces, NOW + MINUTE).due == ("clean.orders", "features.daily")


def test_a_mended_definition_is_tried_at_once(graph):
    """Also where the mistake stood further up."""
    before = build()
    paces = fresh(graph) | {"features.usage": failed(graph, "features.usage", NOW)}
    mended = Graph(graph.project, {**graph.tables, "clean.orders": replace(graph.tables["clean.orders"], fingerprint="mended")}, {})
    assert agenda(before, paces, NOW + MINUTE).due == ()
    assert agenda(mended, paces, NOW + MINUTE).due == ("clean.orders", "features.usage")


def test_a_table_that_waits_for_something_else_is_tried_again_soon(graph):
    waiting = Pace(None, "", NOW, tried(graph, "features.daily"))
    paces = fresh(graph) | {"features.daily": waiting}
    found = agenda(graph, paces, NOW + MINUTE)
    assert (found.due, found.next_wake) == ((), NOW + RETRY)
    assert agenda(graph, paces | {"predictions.churn": Pace(NOW + RETRY, "print of predictions.churn")}, NOW + RETRY).due == (
        "clean.orders",
        "features.daily",
    )


def test_a_failed_table_without_a_pace_is_tried_again_too(graph):
    paces = fresh(graph) | {"clean.unread": replace(failed(graph, "clean.unread", NOW), refreshed_at=None)}
    assert agenda(graph, paces, NOW + MINUTE).due == ()
    assert agenda(graph, paces, NOW + 2 * RETRY - MINUTE).due[-1:] == ("clean.unread",)


def test_suspended_tables_and_what_is_made_from_them_are_left_out(graph):
    paces = fresh(graph) | {"features.usage": Pace(None, suspended="asked for")}
    found = agenda(graph, paces, NOW + timedelta(days=1))
    assert found.due == ("clean.orders", "features.daily")
    assert found.suspended == {"features.usage": "asked for", "predictions.churn": "features.usage is suspended"}


def test_the_next_wake_is_never_now_or_past(graph):
    for minutes in range(0, 3000, 7):
        moment = NOW + minutes * MINUTE
        found = agenda(graph, fresh(graph), moment)
        assert found.next_wake is None or found.next_wake > moment
        if not found.due:
            assert found.next_wake is not None


# clean.window <- features.cuts <- features.segments -> clean.orders; cut-points once a day, at their own pace.
CUTS = {
    "clean.orders": ("DOWNSTREAM", ["raw.orders"]),
    "clean.window": ("DOWNSTREAM", ["clean.orders"]),
    "features.cuts": ("1 day", ["clean.window"]),
    "features.segments": ("1 hour", ["clean.orders", "features.cuts"]),
    "predictions.worth": ("5 minutes", ["features.segments"]),
}
HOUR = 60 * MINUTE


@pytest.fixture
def cuts() -> Graph:
    return build(CUTS, own_pace={"features.cuts"})


def test_a_table_at_its_own_pace_is_not_taken_along_nor_is_what_only_it_reads(cuts):
    assert agenda(cuts, fresh(cuts), NOW + 5 * MINUTE).due == ("clean.orders", "features.segments", "predictions.worth")
    assert references(cuts, "predictions.worth") == {"features.cuts"}
    assert references(cuts, "features.cuts") == set()


def test_a_table_at_its_own_pace_is_due_itself(cuts):
    calm = fresh(cuts, NOW + 24 * HOUR) | {"features.cuts": fresh(cuts)["features.cuts"]}
    found = agenda(cuts, calm, NOW + 24 * HOUR)
    assert (found.due, found.next_wake) == (("clean.orders", "clean.window", "features.cuts"), NOW + 24 * HOUR + 5 * MINUTE)
    assert next_due(cuts, "clean.window", NOW) == NOW + 24 * HOUR  # not with the scores: they read what is stored
    assert next_due(cuts, "clean.orders", NOW) == NOW + 5 * MINUTE


def test_a_table_at_its_own_pace_that_was_never_built_or_changed_is_due_at_once(cuts):
    assert set(agenda(cuts, {}, NOW).due) == set(CUTS)
    paces = fresh(cuts) | {"features.cuts": Pace(NOW, "another print")}
    assert agenda(cuts, paces, NOW).due == ("clean.orders", "clean.window", "features.cuts")


def test_a_failure_at_its_own_pace_holds_up_readers_only_where_nothing_is_stored(cuts):
    paces = fresh(cuts) | {"features.cuts": failed(cuts, "features.cuts", NOW)}
    found = agenda(cuts, paces, NOW + 5 * MINUTE)
    assert found.due == ("clean.orders", "features.segments", "predictions.worth")
    for nothing in ({"refreshed_at": None, "definition": ""}, {"definition": "another print"}):
        unbuilt = paces | {"features.cuts": replace(paces["features.cuts"], **nothing)}
        assert agenda(cuts, unbuilt, NOW + 5 * MINUTE).due == ()
        assert agenda(cuts, unbuilt, NOW + 24 * HOUR).due == tuple(CUTS)


def test_what_only_a_table_at_its_own_pace_reads_holds_up_nobody_else(cuts):
    paces = fresh(cuts) | {"clean.window": failed(cuts, "clean.window", NOW)}
    assert agenda(cuts, paces, NOW + 5 * MINUTE).due == ("clean.orders", "features.segments", "predictions.worth")


def test_readers_of_a_suspended_table_wait_at_whatever_pace_it_is(cuts):
    paces = fresh(cuts) | {"features.cuts": replace(fresh(cuts)["features.cuts"], suspended="asked for")}
    assert agenda(cuts, paces, NOW + 2 * HOUR).due == ()
