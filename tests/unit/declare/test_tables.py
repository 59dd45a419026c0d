"""Options of tables that Python declares."""

from __future__ import annotations

import pytest

import foretable as ft
from foretable.errors import DeclarationError

customer = ft.Entity("customer", key="id")
OPTIONS = {"target_lag": "5 minutes", "grain": "hour", "refresh_mode": "FULL", "initialize": "ON_SCHEDULE", "history": "90 days"}


def a_label():
    return ft.label("training.churned", entity=customer)(lambda: None)


def declared(kind, **options):
    if kind == "scoring table":
        model = ft.Model("churn", label=a_label(), features=[ft.ref("features.x")], candidates=[ft.LogisticRegression(C=1.0)])
        return ft.scoring_table("predictions.churn", model=model, **options)
    if kind == "feature view":
        return ft.feature_view("features.x", entity=customer, **options)(lambda: None)
    return ft.dynamic_table("clean.x", entity=customer, **options)(lambda: None)


@pytest.mark.parametrize("kind", ["feature view", "table", "scoring table"])
def test_every_kind_takes_every_option(kind):
    table = declared(kind, **OPTIONS)
    assert table.kind == kind
    assert {name: getattr(table, name) for name in OPTIONS} == OPTIONS
    assert declared(kind).history is None


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"refresh_mode": "INCREMENTEL"}, "features.x: refresh_mode is 'INCREMENTEL'", "'INCREMENTAL'"),
        ({"refresh_mode": None}, "refresh_mode is None", "AUTO"),
        ({"initialize": "later"}, "initialize is 'later'", "ON_SCHEDULE"),
        ({"grain": "week"}, "grain is 'week'", "minute"),
        ({"history": "forever"}, "'forever' is not a length of time", "30 days"),
        ({"history": 90}, "'90' is not a length of time", "30 days"),
        ({"history": "0 days"}, "history is '0 days'", "90 days"),
        ({"online": "no"}, "online='no' is neither True nor False", "online=True"),
        ({"own_pace": 1}, "own_pace=1 is neither", "own_pace=True"),
        ({"owner": None}, "owner=None is no text", "leave it out"),
        ({"tags": "clv"}, "tags='clv' is no list of words", '["clv"]'),
        ({"tags": [1]}, "tags=[1] is no list of words", '["clv"]'),
        ({"version": True}, "version=True is no version", "version=2"),
    ],
)
def test_a_wrong_option_is_told_with_file_and_line(options, message, hint):
    with pytest.raises(DeclarationError) as caught:
        declared("feature view", **options)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where.startswith(__file__)


def test_a_decision_takes_them_too():
    scores = declared("feature view")
    options = {name: value for name, value in OPTIONS.items() if name != "grain"}
    action = ft.Action("call", cost=1, success=0.5)
    plan = ft.decision("decisions.calls", scores=scores, action=action, probability=ft._.p, value=ft._.v, **options)
    assert {name: getattr(plan, name) for name in options} == options


def test_history_needs_a_key():
    with pytest.raises(DeclarationError, match="history needs an entity"):
        ft.dynamic_table("clean.x", history="1 day")(lambda: None)


def test_words_are_taken_in_any_case():
    assert declared("feature view", refresh_mode="full").refresh_mode == "FULL"
