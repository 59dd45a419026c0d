from dataclasses import replace
from datetime import datetime

import pytest

from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.refresh.feeds.feed import FeedState
from foretable.refresh.plan import Drop, plan, table_as_of
from foretable.refresh.state import SourceState, State, TableState
from foretable.refresh.wanted import wanted_feeds

CLOCK = datetime(2026, 3, 1, 14, 30)
USAGE, SCORES, CALLS = "features.customer_usage", "predictions.churn", "decisions.calls"


@pytest.fixture
def graph(shop):
    return compile_project(load_project(shop))


@pytest.fixture
def fresh():
    return State(sources={name: SourceState(CLOCK) for name in ("raw.customers", "raw.orders", "raw.plans")})


def built(graph, state, clock=CLOCK):
    """The state after wave 1, in which everything was trained and built."""
    state = replace(state, champions={"churn": 1}, trained=frozenset({"churn"}))
    tables = {
        step.table: TableState(graph.tables[step.table].fingerprint, step.as_of, 5, 1, dict.fromkeys(graph.tables[step.table].models, 1))
        for step in plan(graph, state, clock).builds
    }
    feeds = {(feed.table, feed.keys): FeedState(1, 0) for feed in wanted_feeds(graph)}
    return replace(state, tables=tables, existing=frozenset(tables), feeds=feeds)


def changed(graph, state, name, wave=2):
    """The state after something changed in a table, in a later wave."""
    feeds = {key: replace(feed, changed_at=wave) if key[0] == name else feed for key, feed in state.feeds.items()}
    return replace(state, feeds=feeds)


def actions(planned):
    return {step.table: step.action for step in planned.builds}


def test_an_empty_warehouse_is_trained_and_built_in_order(graph, fresh):
    planned = plan(graph, fresh, CLOCK)
    assert [(step.model, step.reason) for step in planned.trainings] == [("churn", "no version yet")]
    assert [step.table for step in planned.builds] == [USAGE, SCORES, CALLS]
    assert set(actions(planned).values()) == {"REINITIALIZE"}


def test_a_second_plan_has_nothing_to_do(graph, fresh):
    planned = plan(graph, built(graph, fresh), CLOCK)
    assert planned.trainings == () and planned.work == ()
    assert {step.reason for step in planned.builds} == {"nothing changed"}


def test_a_changed_source_dirties_what_is_made_from_it(graph, fresh):
    planned = plan(graph, changed(graph, built(graph, fresh), "raw.plans"), CLOCK)
    assert actions(planned) == {USAGE: "INCREMENTAL", SCORES: "INCREMENTAL", CALLS: "FULL"}
    assert [step.reason for step in planned.builds] == ["raw.plans changed", f"{USAGE} is refreshed", f"{SCORES} is refreshed"]
    assert [step.waits for step in planned.builds] == [False, True, True]


def test_a_log_that_does_not_reach_back_rebuilds_its_readers(graph, fresh):
    state = built(graph, fresh)
    feeds = {key: FeedState(2, 2) if key[0] == "raw.plans" else feed for key, feed in state.feeds.items()}
    first = plan(graph, replace(state, feeds=feeds), CLOCK).builds[0]
    assert (first.action, first.reason) == ("FULL", "what changed in raw.plans since its last refresh is not known")


def test_a_suspended_table_and_what_stands_on_it_are_left_alone(graph, fresh):
    planned = plan(graph, replace(built(graph, fresh), suspended={SCORES: "asked for"}), CLOCK)
    assert actions(planned) == {USAGE: "NO_DATA"}
    assert planned.blocked == {SCORES: f"suspended (asked for); resume it: foretable resume {SCORES}", CALLS: f"{SCORES} is suspended"}


def test_a_new_champion_rescores_and_nothing_else(graph, fresh):
    state = replace(built(graph, fresh), champions={"churn": 2})
    assert actions(plan(graph, state, CLOCK)) == {USAGE: "NO_DATA", SCORES: "FULL", CALLS: "FULL"}


def test_within_a_day_nothing_moves_and_the_next_day_everything_does(graph, fresh):
    state = built(graph, fresh)
    later = {name: replace(seen, watermark=CLOCK.replace(day=3)) for name, seen in state.sources.items()}
    state = replace(state, sources=later)
    assert plan(graph, state, CLOCK.replace(hour=23)).work == ()
    tomorrow = plan(graph, state, CLOCK.replace(day=2))
    assert actions(tomorrow) == {USAGE: "INCREMENTAL", SCORES: "INCREMENTAL", CALLS: "FULL"}
    assert tomorrow.builds[0].reason == "as_of moved from 2026-03-01 00:00"


def test_an_outage_of_an_activity_source_holds_the_clock_and_a_register_does_not(graph, fresh):
    silent = {"raw.orders": replace(fresh.sources["raw.orders"], watermark=datetime(2026, 2, 10, 5))}
    assert table_as_of(graph, replace(fresh, sources=fresh.sources | silent), USAGE, CLOCK) == datetime(2026, 2, 10)
    quiet = {"raw.customers": replace(fresh.sources["raw.customers"], watermark=datetime(2025, 2, 10))}
    assert table_as_of(graph, replace(fresh, sources=fresh.sources | quiet), USAGE, CLOCK) == datetime(2026, 3, 1)


def test_a_source_that_was_emptied_stops_what_reads_it_and_does_not_look_like_churn(graph, fresh):
    state = built(graph, fresh)
    emptied = {"raw.orders": replace(fresh.sources["raw.orders"], watermark=None)}
    planned = plan(graph, replace(state, sources=state.sources | emptied), CLOCK)
    assert planned.builds == ()
    assert "source raw.orders holds no event yet" in planned.blocked[USAGE]
    assert planned.blocked[SCORES] == f"{USAGE} was not built"
    register = {"raw.customers": replace(fresh.sources["raw.customers"], watermark=None)}
    assert plan(graph, replace(state, sources=state.sources | register), CLOCK).blocked == {}


def test_without_training_the_scores_are_blocked_with_the_cure(graph, fresh):
    planned = plan(graph, fresh, CLOCK, train=False)
    assert actions(planned) == {USAGE: "REINITIALIZE"}
    assert "foretable train churn" in planned.blocked[SCORES]
    assert planned.blocked[CALLS] == f"{SCORES} was not built"


def test_what_failed_and_what_stands_on_it_is_left_out(graph, fresh):
    planned = plan(graph, built(graph, fresh), CLOCK, full_refresh=True, without={USAGE: "boom"})
    assert planned.builds == ()
    assert planned.blocked == {USAGE: "boom", SCORES: f"{USAGE} was not built", CALLS: f"{SCORES} was not built"}


def test_selecting_a_table_whose_upstream_is_missing_says_so(graph, fresh):
    planned = plan(graph, replace(fresh, champions={"churn": 1}), CLOCK, select={SCORES}, train=False)
    assert "--select +predictions.churn" in planned.blocked[SCORES]


def test_what_was_selected_over_an_outdated_table_is_refreshed_again_when_that_one_is(graph, fresh):
    """A table left out of the selection is read as it stands: its readers take in what changes in it later."""
    state = changed(graph, built(graph, fresh), "raw.plans")
    assert actions(plan(graph, state, CLOCK, select={SCORES})) == {SCORES: "NO_DATA"}
    read = replace(state, tables=state.tables | {SCORES: replace(state.tables[SCORES], epoch=2)})
    refreshed = changed(graph, read, USAGE, wave=3)
    assert actions(plan(graph, refreshed, CLOCK, select={SCORES})) == {SCORES: "INCREMENTAL"}


def test_a_changed_definition_reinitialises(graph, fresh, shop):
    state = built(graph, fresh)
    path = shop / "sql/top.sql"
    path.write_text(path.read_text().replace("LIMIT 100", "LIMIT 50"))
    planned = plan(compile_project(load_project(shop)), state, CLOCK)
    assert actions(planned) == {USAGE: "NO_DATA", SCORES: "NO_DATA", CALLS: "REINITIALIZE"}


def test_a_declaration_that_disappeared_shows_as_a_drop(graph, fresh, shop):
    state = built(graph, fresh)
    (shop / "sql/top.sql").unlink()
    assert plan(compile_project(load_project(shop)), state, CLOCK).drops == (Drop(CALLS),)
    gone = replace(state, existing=state.existing - {CALLS})
    assert plan(compile_project(load_project(shop)), gone, CLOCK).drops == (Drop(CALLS),)  # the catalog still has it


def test_a_table_that_somebody_dropped_is_built_again(graph, fresh):
    state = built(graph, fresh)
    planned = plan(graph, replace(state, existing=state.existing - {CALLS}), CLOCK)
    assert actions(planned)[CALLS] == "REINITIALIZE"


def test_changed_rules_check_the_table_again(graph, fresh):
    state = replace(built(graph, fresh), rules={USAGE: "new rules"})
    assert actions(plan(graph, state, CLOCK))[USAGE] == "FULL"
