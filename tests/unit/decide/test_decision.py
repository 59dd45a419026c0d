"""Plans and profit curves over real tables: order, ties, rules, capacity, budget, and what it all sums up to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foretable as ft
from foretable.decide import Decision
from foretable.declare.resolve import resolving
from foretable.declare.tables import DecisionTable, DynamicTable
from foretable.errors import DeclarationError

CUSTOMER = ft.Entity("customer", key="customer_id")
SCORES = DynamicTable(name="predictions.scores", entity=CUSTOMER, sql="SELECT 1")
CALL = ft.Action("call", cost=50, success=1, false_alarm_cost=0)

Row = tuple[str, float | None, float]
Run = Callable[[DynamicTable, list[Row]], list[dict[str, Any]]]


class OpenTables:
    """Resolves names to the tables of a connection, as the compiler resolves them to unbound ones."""

    future_allowed = False

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def table(self, name: str) -> ibis.Table:
        schema, short = name.split(".")
        return self.connection.table(short, database=schema)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Run a decision or a curve over rows of (customer_id, p, worth)."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("CREATE SCHEMA predictions")

    compiled: dict[DynamicTable, str] = {}

    def rows_of(table: DynamicTable, customers: list[Row]) -> list[dict[str, Any]]:
        ids, chances, values = zip(*customers, strict=True) if customers else ((), (), ())
        scores = {"customer_id": pa.array(ids, pa.string()), "p": pa.array(chances, pa.float64()), "worth": pa.array(values, pa.float64())}
        connection.con.register("given", pa.table(scores))
        connection.raw_sql("CREATE OR REPLACE TABLE predictions.scores AS FROM given")
        if table not in compiled:
            with resolving(OpenTables(connection)):
                compiled[table] = ibis.to_sql(table.define(), dialect="duckdb")
        return connection.con.execute(compiled[table]).to_arrow_table().to_pylist()

    yield rows_of
    connection.disconnect()


def decide(**options: Any) -> Decision:
    defaults = {"scores": SCORES, "action": CALL, "probability": ft._.p, "value": ft._.worth}
    return ft.decision("decisions.plan", **(defaults | options))


def produced(rows: list[dict[str, Any]]) -> list[str]:
    return [row["customer_id"] for row in rows if row["production"]]


def test_the_plan_has_those_who_pay_best_first(run: Run) -> None:
    rows = run(decide(), [("a", 1.0, 100.0), ("b", 1.0, 300.0), ("c", 1.0, 50.0), ("d", 0.1, 400.0), ("e", 1.0, 40.0)])
    assert [(row["customer_id"], row["rank"], row["expected_value"]) for row in rows] == [
        ("b", 1, Decimal("250.00")),
        ("a", 2, Decimal("50.00")),
        ("d", 3, Decimal("35.00")),
    ]  # c brings nothing, e costs


def test_equal_expected_values_are_ordered_by_key_whatever_the_order_of_rows(run: Run) -> None:
    customers = [(key, 1.0, 100.0) for key in "dbac"]
    plan = decide(budget=100)
    assert produced(run(plan, customers)) == ["a", "b"]
    assert run(plan, customers) == run(plan, customers[::-1])


def test_values_that_differ_below_the_cent_are_ties(run: Run) -> None:
    rows = run(decide(), [("b", 1.0, 100.004), ("a", 1.0, 100.001)])
    assert [row["customer_id"] for row in rows] == ["a", "b"]


@pytest.mark.parametrize(("budget", "calls"), [("150.00", 3), ("149.99", 2), ("50", 1), ("49.99", 0), (0, 0), (None, 4)])
def test_the_budget_holds_to_the_cent(run: Run, budget: object, calls: int) -> None:
    rows = run(decide(budget=budget), [(key, 1.0, 100.0) for key in "abcd"])
    assert len(produced(rows)) == calls
    assert sum(row["cost"] for row in rows) == 50 * calls
    assert [row["cumulative_cost"] for row in rows] == [Decimal(50 * n) if n <= calls else None for n in range(1, 5)]


def test_capacity_limits_heads_and_zero_is_nobody(run: Run) -> None:
    customers = [(key, 1.0, 100.0) for key in "abcd"]
    for capacity in (0, 3):
        action = ft.Action("call", cost=50, success=1, capacity=capacity)
        assert len(produced(run(decide(action=action), customers))) == capacity


def test_rules_bind_production_and_leave_the_other_mode_free(run: Run) -> None:
    customers = [("sure", 0.95, 900.0), ("likely", 0.6, 500.0), ("hardly", 0.2, 800.0), ("likely too", 0.5, 400.0)]
    rows = run(decide(eligible=ft._.p.between(0.3, 0.9), budget=50), customers)
    assert [(row["customer_id"], row["eligible"], row["production_rank"]) for row in rows] == [
        ("sure", False, None),
        ("likely", True, 1),
        ("likely too", True, None),
        ("hardly", False, None),
    ]
    assert [row["recommended_action"].split(":")[0] for row in rows] == ["none", "call", "none", "none"]
    assert "budget" in rows[2]["recommended_action"]
    assert "rules" in rows[0]["recommended_action"]


def test_a_rule_that_is_null_does_not_admit(run: Run) -> None:
    rows = run(decide(eligible=ibis.null("boolean")), [("a", 1.0, 100.0)])
    assert [(row["eligible"], row["production"]) for row in rows] == [(False, False)]


def test_customers_without_a_score_are_in_no_plan(run: Run) -> None:
    assert [row["customer_id"] for row in run(decide(), [("a", None, 100.0), ("b", 1.0, 100.0)])] == ["b"]


def test_nobody_scored_is_an_empty_plan(run: Run) -> None:
    assert run(decide(budget=100), []) == []


def test_the_recommendation_may_be_an_expression_of_the_row(run: Run) -> None:
    words = ibis.ifelse(ft._.worth > 200, "visit", "write")
    rows = run(decide(recommend=words), [("a", 1.0, 300.0), ("b", 1.0, 100.0)])
    assert [row["recommended_action"] for row in rows] == ["visit", "write"]


def test_a_decision_needs_an_entity_a_budget_that_is_one_and_names_of_its_own() -> None:
    with pytest.raises(DeclarationError, match="has no entity"):
        decide(scores=DynamicTable(name="predictions.other", sql="SELECT 1"))
    with pytest.raises(DeclarationError, match="budget is negative"):
        decide(budget=-1)
    with pytest.raises(DeclarationError, match="a number is expected"):
        decide(budget="plenty")


def test_a_column_that_the_decision_adds_is_refused_in_the_scores() -> None:
    connection = ibis.duckdb.connect()
    connection.raw_sql("CREATE SCHEMA predictions")
    connection.raw_sql("CREATE TABLE predictions.scores AS SELECT 'a' AS customer_id, 0.5 AS p, 1.0 AS worth, 1 AS rank")
    with resolving(OpenTables(connection)), pytest.raises(DeclarationError, match="'rank', which the decision adds"):
        decide().define()


def test_the_profit_curve_by_hand(run: Run) -> None:
    action = ft.Action("call", cost=50, success="0.5", false_alarm_cost=100)
    customers = [("a", 0.9, 1000.0), ("b", 0.5, 400.0), ("c", 0.5, 1000.0), ("d", 0.1, 1000.0), ("e", None, 5.0)]
    # 0.9·450 − 0.1·100 = 395 | 0.5·150 − 0.5·100 = 25, 0.5·450 − 0.5·100 = 175 | 0.1·450 − 0.9·100 = −45
    points = run(ft.profit_curve("decisions.curve", decide(action=action)), customers)
    assert [(p["customers"], p["threshold"], p["cost"], p["profit"], p["roi"], p["is_optimum"]) for p in points] == [
        (0, None, Decimal(0), Decimal(0), None, False),
        (1, Decimal("0.9"), Decimal(50), Decimal(395), 7.9, False),
        (3, Decimal("0.5"), Decimal(150), Decimal(595), pytest.approx(595 / 150), True),
        (4, Decimal("0.1"), Decimal(200), Decimal(550), 2.75, False),
    ]


def test_where_nothing_pays_the_optimum_is_nobody(run: Run) -> None:
    action = ft.Action("call", cost=50, success=0, false_alarm_cost=100)
    points = run(ft.profit_curve("decisions.curve", decide(action=action)), [("a", 0.9, 1000.0)])
    assert [p["customers"] for p in points if p["is_optimum"]] == [0]


CUSTOMERS = st.lists(
    st.tuples(st.text("abcdef", min_size=1, max_size=4), st.floats(0, 1), st.floats(0, 5000)), max_size=25, unique_by=lambda row: row[0]
)


@functools.cache
def affordable(budget: int, capacity: int, low: float) -> tuple[Decision, DecisionTable]:
    """Kept, because compiling takes longer than running."""
    action = ft.Action("call", cost=50, success="0.4", false_alarm_cost=20, capacity=capacity)
    plan = decide(action=action, budget=budget, eligible=ft._.p >= low)
    return plan, ft.profit_curve("decisions.curve", plan)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    customers=CUSTOMERS, budget=st.sampled_from([0, 49, 350, 1249]), capacity=st.sampled_from([0, 3, 25]), low=st.sampled_from([0.0, 0.5])
)
def test_production_is_an_affordable_prefix_and_never_beats_the_free_mode(
    run: Run, customers: list[Row], budget: int, capacity: int, low: float
) -> None:
    plan, curve = affordable(budget, capacity, low)
    rows = run(plan, customers)
    chosen = [row for row in rows if row["production"]]
    admitted = [row for row in rows if row["eligible"]]
    assert sum(row["cost"] for row in rows) <= budget
    assert len(chosen) <= capacity
    assert chosen == admitted[: len(chosen)]
    assert len(chosen) == min(len(admitted), capacity, budget // 50)  # and not one fewer than could be paid for
    free = sum(row["expected_value"] for row in rows)
    assert free >= sum(row["expected_value"] for row in chosen)
    best = max(point["profit"] for point in run(curve, customers))
    assert free >= best >= 0
