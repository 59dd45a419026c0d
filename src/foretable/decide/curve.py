"""What every threshold would bring: the profit curve."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from foretable.decide.action import MONEY, PROBABILITY, literal
from foretable.decide.plan import Decision, Terms, valued
from foretable.declare.origin import caller
from foretable.declare.tables import DecisionTable

if TYPE_CHECKING:
    import ibis.expr.types as ir


def profit_curve(name: str, decision: Decision, *, target_lag: str = "1 day") -> DecisionTable:
    """Declare the profit of acting on everybody from a threshold up, for every threshold there is.

    Rules, capacity and budget of the decision are left out: the curve shows what they cost.

    Parameters
    ----------
    name
        ``decisions.<name>``.
    decision
        Whose scores, action and value are used.

    Returns
    -------
    DecisionTable
        One row per distinct probability, and one for acting on nobody. ``customers``: N, how many
        have at least that probability. ``threshold``: that probability, NULL for nobody. ``cost``: N
        times the action's cost, money. ``profit``: sum of their expected values, money. ``roi``:
        profit / cost, a ratio, NULL where nothing is spent. ``is_optimum``: true in the one row with
        the highest profit (N*, p*; the fewest customers among equals).
    """
    return DecisionTable(
        name=name,
        define=partial(curve, decision.terms),
        target_lag=target_lag,
        description=f"Cumulative profit of {decision.name} over all thresholds, N* and p* marked.",
        origin=caller(),
    )


def curve(terms: Terms) -> ir.Table:
    """The curve as an Ibis expression; profit curves as in Provost and Fawcett (2013), chapter 8."""
    import ibis

    rows = valued(terms)
    rows = rows.filter(rows.expected_value.notnull()).mutate(cost=literal(Decimal(terms.action.cost), MONEY))
    steps = rows.group_by(threshold=rows.probability).agg(customers=rows.count(), cost=rows.cost.sum(), profit=rows.expected_value.sum())
    downwards = ibis.cumulative_window(order_by=ibis.desc(steps.threshold))
    nobody = rows.agg(customers=rows.count()).select(
        customers=ibis.literal(0, "int32"),
        threshold=ibis.null(PROBABILITY),
        cost=literal(Decimal(0), MONEY),
        profit=literal(Decimal(0), MONEY),
    )
    points = nobody.union(
        steps.select(
            customers=steps.customers.sum().over(downwards).cast("int32"),
            threshold=steps.threshold,
            cost=steps.cost.sum().over(downwards).cast(MONEY),
            profit=steps.profit.sum().over(downwards).cast(MONEY),
        )
    )
    best = ibis.row_number().over(order_by=[ibis.desc(points.profit), points.customers])
    return points.mutate(
        roi=points.profit.cast("float64") / points.cost.cast("float64").nullif(0),
        is_optimum=best == 0,
    ).order_by("customers")
