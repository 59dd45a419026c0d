"""Expected values by hand, to the cent."""

from decimal import Decimal

import ibis
import pytest

import foretable as ft
from foretable.errors import DeclarationError


def expected(action: ft.Action, probability: object, value: object) -> Decimal:
    found = action.expected_value(ibis.literal(probability), ibis.literal(value))
    return ibis.duckdb.connect().execute(found)


CALL = ft.Action("call", cost=50, false_alarm_cost=300, success="0.3")


@pytest.mark.parametrize(
    ("probability", "value", "by_hand"),
    [
        (0.5, 2000, "125.00"),  # 0.5·(0.3·2000 − 50) − 0.5·300
        (1.0, 1000, "250.00"),  # nobody is disturbed for nothing
        (0.0, 10_000, "-300.00"),  # everybody is
        (0.576923077, 900, "0.00"),  # break-even
        (0.123456789, 1234.56, "-223.41"),  # 0.123456789·320.368 − 0.876543211·300 = 39.5516… − 262.9629… = −223.4113…
    ],
)
def test_expected_value_is_what_the_formula_gives_by_hand(probability: float, value: float, by_hand: str) -> None:
    assert expected(CALL, probability, value) == Decimal(by_hand)


def test_tenths_are_tenths() -> None:
    # In doubles 0.1·3 − 0.3 is 5.6e-17, and a plan would contain a customer who brings nothing.
    assert expected(ft.Action("mail", cost="0.30", false_alarm_cost=0, success=0.1), 1.0, 3) == Decimal("0.00")


def test_a_null_score_has_no_expected_value() -> None:
    assert ibis.duckdb.connect().execute(CALL.expected_value(ibis.null("float64"), ibis.literal(100))) is None


def test_large_money_does_not_overflow() -> None:
    assert expected(ft.Action("visit", cost=0, success=1), 1.0, 10_000_000_000) == Decimal("10000000000.00")


def test_false_alarm_costs_what_the_action_costs_unless_said_otherwise() -> None:
    assert expected(ft.Action("call", cost=50, success=0.3), 0.0, 1000) == Decimal("-50.00")


def test_break_even_is_the_root_of_the_expected_value() -> None:
    assert CALL.break_even(900) == Decimal("0.5769")
    assert CALL.break_even(100) == Decimal("1.0714")
    assert ft.Action("call", cost=500, success=0.3, false_alarm_cost=0).break_even(100) == Decimal("Infinity")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"cost": 50, "success": 1.2}, "success 1.2 is no share"),
        ({"cost": -1, "success": 0.5}, "negative cost"),
        ({"cost": 50, "success": 0.5, "false_alarm_cost": -300}, "negative cost"),
        ({"cost": 50, "success": 0.5, "capacity": -1}, "negative capacity"),
        ({"cost": "fifty", "success": 0.5}, "a number is expected"),
        ({"cost": float("nan"), "success": 0.5}, "a finite number is expected"),
        ({"cost": 33.335, "success": 0.5}, "cost is 33.335, at most 2 digits"),
        ({"cost": 1, "success": 0.12345}, "success is 0.12345, at most 4 digits"),
    ],
)
def test_an_impossible_action_is_refused_where_it_stands(given: dict, says: str) -> None:
    with pytest.raises(DeclarationError, match=says) as raised:
        ft.Action("call", **given)
    assert "test_action.py:" in raised.value.where
