"""Aliases: what ``predict_<model>`` calls, and how to go back."""

from __future__ import annotations

import pytest

from foretable.errors import PromotionRefused, UnknownName, UsageError
from foretable.registry import aliases_of, archived, champion, past_champions, promote, resolve, rollback
from foretable.train.result import Finding

ROW = "{'spend': 1, 'active': false, 'plan': 'basic'}"


@pytest.fixture
def three(warehouse, register):
    """A warehouse with versions 1, 2 and 3 of ``churn``, each with a score of its own, and no champion."""
    for weight in (1.0, 2.0, 3.0):
        register(warehouse, [weight, 0.0, 0.0])
    return warehouse


def score(connection, name="predict_churn"):
    return connection.execute(f"SELECT {name}({ROW})").fetchall()[0][0]


def history(connection):
    return connection.execute("SELECT alias, version, previous, reason FROM foretable.alias_history ORDER BY rowid").fetchall()


def test_the_champion_is_what_predict_calls(three):
    assert champion(three, "churn") is None
    for version in (1, 3, 2):
        promote(three, "churn", version, reason=f"try {version}")
        assert champion(three, "Churn").version == version
        assert score(three) == score(three, f"predict_churn__v{version}") == score(three, "predict_churn__champion")
        assert three.execute("SELECT DISTINCT model_version FROM predict_churn(features.usage)").fetchall() == [(version,)]
    assert history(three) == [("champion", 1, None, "try 1"), ("champion", 3, 1, "try 3"), ("champion", 2, 3, "try 2")]


def test_another_alias_leaves_the_champion(three):
    promote(three, "churn", 1, reason="first")
    promote(three, "churn", 2, reason="to watch", alias="challenger")
    assert champion(three, "churn").version == 1
    assert score(three, "predict_churn__challenger") == score(three, "predict_churn__v2")
    assert three.execute("SELECT champion, challenger FROM foretable.models").fetchall() == [(1, 2)]


def test_promoting_the_champion_again_changes_nothing(three):
    promote(three, "churn", 1, reason="first")
    promote(three, "churn", 1, reason="again")
    assert len(history(three)) == 1


def test_rollback_goes_back_champion_by_champion(three):
    for version in (1, 2, 3):
        promote(three, "churn", version, reason="better")
    assert rollback(three, "churn").version == 2
    assert score(three) == score(three, "predict_churn__v2")
    assert rollback(three, "churn").version == 1
    with pytest.raises(UsageError, match="churn@1 is the first champion"):
        rollback(three, "churn")
    assert history(three)[-1] == ("champion", 1, 2, "rollback from 2")
    promote(three, "churn", 3, reason="fixed")
    assert rollback(three, "churn").version == 1


def test_promote_and_rollback_join_the_callers_transaction(three):
    promote(three, "churn", 1, reason="first")
    three.execute("BEGIN")
    promote(three, "churn", 2, reason="better")
    rollback(three, "churn")
    promote(three, "churn", 3, reason="best")
    assert score(three) == score(three, "predict_churn__v3")
    three.execute("ROLLBACK")
    assert champion(three, "churn").version == 1
    assert score(three) == score(three, "predict_churn__v1")
    assert len(history(three)) == 1


def test_a_failed_promotion_changes_nothing(three):
    promote(three, "churn", 1, reason="first")
    three.execute("DELETE FROM foretable.model_artifacts WHERE version = 2")
    with pytest.raises(UnknownName, match="churn@2"):
        promote(three, "churn", 2, reason="half gone")
    assert champion(three, "churn").version == 1
    assert len(history(three)) == 1


@pytest.mark.parametrize(
    ("reference", "version"),
    [("churn@2", 2), ("churn@v2", 2), ("CHURN@Challenger", 3), ("churn@champion", 1), ("churn", 1), (" churn@1 ", 1)],
)
def test_references(three, reference, version):
    promote(three, "churn", 1, reason="first")
    promote(three, "churn", 3, reason="to watch", alias="challenger")
    assert resolve(three, reference).version == version


@pytest.mark.parametrize("reference", ["", "@", "churn@", "@3", "churn@x y", "churn@4.0", "churn@-1", "ch urn", "churn@1@2"])
def test_malformed_references(three, reference):
    with pytest.raises(UsageError, match="model@version"):
        resolve(three, reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("chrun@1", "no version of a model 'chrun' is registered\nHint: did you mean 'churn'?"),
        ("chrun@champion", "no version of a model 'chrun' is registered\nHint: did you mean 'churn'?"),
        ("churn@9", "model churn has no version 9\nHint: it has 1, 2, 3"),
        ("churn@x", "model churn has no x\nHint: promote a version: foretable promote churn@1"),
        ("churn", "model churn has no champion\nHint: promote a version: foretable promote churn@1"),
    ],
)
def test_unknown_references(three, reference, message):
    with pytest.raises(UnknownName) as caught:
        resolve(three, reference)
    assert str(caught.value) == message


@pytest.mark.parametrize("alias", ["v3", "3", "Best", "a b", "a__b", "exact", ""])
def test_an_alias_is_a_plain_name(three, alias):
    with pytest.raises(UsageError, match="cannot be an alias"):
        promote(three, "churn", 1, reason="", alias=alias)


def test_promoting_what_is_not_there(three):
    with pytest.raises(UnknownName, match="no version 7"):
        promote(three, "churn", 7, reason="")
    with pytest.raises(UnknownName, match="no version of a model 'nobody'"):
        promote(three, "nobody", 1, reason="")


@pytest.mark.parametrize("reason", ["rollback from a holiday", "rollback from 1", "rollback from 2"])
def test_the_words_of_a_promotion_do_not_make_it_a_rollback(three, reason):
    promote(three, "churn", 1, reason=reason)
    promote(three, "churn", 2, reason=reason)
    promote(three, "churn", 3, reason=reason)
    assert rollback(three, "churn").version == 2
    assert rollback(three, "churn").version == 1


UNFAIR = Finding("fairness", "refused", "tpr differs by 0.31 between plans", "plan", {"limit": 0.1})


def test_a_refused_version_is_champion_only_by_force(warehouse, add):
    add(warehouse)
    add(warehouse, findings=(UNFAIR, Finding("chance", "refused", "no better than chance"), Finding("few", "warning", "few rows")))
    promote(warehouse, "churn", 1, reason="first")
    with pytest.raises(PromotionRefused) as caught:
        promote(warehouse, "churn", 2, reason="better")
    assert caught.value.message == "fairness: tpr differs by 0.31 between plans; chance: no better than chance"
    assert "foretable promote churn@2 --force --reason WHY" in caught.value.hint
    assert champion(warehouse, "churn").version == 1
    promote(warehouse, "churn", 2, reason="to watch", alias="challenger")
    promote(warehouse, "churn", 2, reason="the law is clear", force=True)
    assert champion(warehouse, "churn").version == 2
    assert history(warehouse)[-1] == ("champion", 2, 1, "the law is clear (forced; refused for fairness, chance)")


def test_going_back_to_a_forced_champion_needs_no_force(warehouse, add):
    for number in range(2):
        add(warehouse, findings=(UNFAIR,) if not number else ())
    promote(warehouse, "churn", 1, reason="known", force=True)
    promote(warehouse, "churn", 2, reason="better")
    assert rollback(warehouse, "churn").version == 1


def test_the_archive_hides_versions_and_keeps_them(three):
    promote(three, "churn", 3, reason="best")
    promote(three, "churn", 1, reason="old", alias="archived")
    promote(three, "churn", 2, reason="old", alias="archived")
    promote(three, "churn", 2, reason="again", alias="archived")
    assert archived(three, "churn") == {1, 2}
    assert aliases_of(three, "churn", 1) == ["archived"]
    assert three.execute(f"SELECT predict_churn__v1({ROW}) IS NOT NULL").fetchall() == [(True,)]
    assert champion(three, "churn").version == 3
    with pytest.raises(UsageError, match="archived names no single version\nHint: say which; archived are: churn@1, churn@2"):
        resolve(three, "churn@archived")
    promote(three, "churn", 2, reason="wanted again", alias="challenger")
    assert archived(three, "churn") == {1}
    assert [row[0] for row in history(three)] == ["champion", "archived", "archived", "challenger"]
    assert past_champions(three, "churn") == [3]


def test_a_version_with_a_name_is_not_archived(three):
    promote(three, "churn", 1, reason="first")
    promote(three, "churn", 1, reason="too", alias="stable")
    with pytest.raises(UsageError, match="churn@1 is champion, stable and cannot be archived"):
        promote(three, "churn", 1, reason="", alias="archived")
    assert archived(three, "churn") == set()


def test_a_version_of_another_task_leaves_no_function_behind(warehouse, add):
    add(warehouse, "regression")
    add(warehouse)
    query = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE regexp_full_match(function_name, 'predict_churn(_[a-z]+)*')"
    of_numbers = {"predict_churn", "predict_churn_interval", "predict_churn_interval_of"}
    for promoted, left in ((1, of_numbers), (2, {"predict_churn", "predict_churn_label"}), (1, of_numbers)):
        promote(warehouse, "churn", promoted, reason="another task")
        assert {name for (name,) in warehouse.execute(query).fetchall()} == left
    assert warehouse.execute(f"SELECT predict_churn_label__v2({ROW})").fetchall()[0][0] in (0, 1)
