"""Whom to act on: everybody who pays, in order, and of these the ones whom rules, capacity and budget admit."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from foretable.decide.action import MONEY, PROBABILITY, Action, Number, exact, literal
from foretable.declare.entity import Entity
from foretable.declare.freshness import Initialize, RefreshMode
from foretable.declare.origin import caller
from foretable.declare.tables import DecisionTable, DynamicTable
from foretable.errors import DeclarationError

if TYPE_CHECKING:
    import ibis.expr.types as ir

ADDED = (
    "rank", "recommended_action", "production", "production_rank", "cost", "cumulative_cost",
    "expected_value", "probability", "value", "eligible",
)  # fmt: skip
OVER_BUDGET = "none: it would pay, but the budget or the capacity is used up"
NOT_ELIGIBLE = "none: outside the rules"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On what a decision is taken: scores, action, and expressions over a row of the scores."""

    scores: DynamicTable
    keys: tuple[str, ...]
    action: Action
    probability: Any
    value: Any
    eligible: Any = None
    budget: Decimal | None = None
    recommend: Any = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision(DecisionTable):
    """A decision table that remembers its terms, so that a profit curve can be drawn for it."""

    terms: Terms = field(repr=False)


def decision(
    name: str,
    *,
    scores: DynamicTable,
    action: Action,
    probability: Any,
    value: Any,
    eligible: Any = None,
    budget: Number | None = None,
    recommend: Any = None,
    entity: Entity | None = None,
    target_lag: str = "1 day",
    refresh_mode: RefreshMode = "AUTO",
    initialize: Initialize = "ON_CREATE",
    history: str | None = None,
    description: str = "",
) -> Decision:
    """Declare a plan: one row per scored customer on whom the action is expected to pay, best first.

    Two modes stand side by side. *Unconstrained* is every row, ranked by expected value (``rank``).
    *Production* are the rows that also fulfil ``eligible`` and fit into the action's capacity and the
    budget (``production``, ``production_rank``, ``cost``, ``cumulative_cost``), taken in the same order: equal
    expected values are ordered by key, so that the plan is the same on every run.

    Parameters
    ----------
    name
        ``decisions.<name>``.
    scores
        A table with at most one row per entity key; all its columns are kept.
    action
        What can be done, its costs and success.
    probability
        Expression of a row of ``scores``: that the customer leaves without the action (``_.churn_probability``).
    value
        Expression: what keeping the customer is worth, in money.
    eligible
        Expression, true where the rules admit the customer; by default everybody.
    budget
        The most money that production may cost; by default any sum.
    recommend
        Expression: the recommended action in words, for production; by default the action's name.
    entity
        Whom a row is about; by default as in ``scores``.
    target_lag, refresh_mode, initialize, history
        As of every table: :class:`~foretable.declare.tables.DynamicTable`.

    Returns
    -------
    Decision
        The key, then rank, recommended_action, production, production_rank (NULL outside production), cost
        (what production spends on the row, money), cumulative_cost (NULL outside production),
        expected_value and value (money, cents), probability (0 to 1, nine digits) and eligible, then the
        other columns of ``scores``.

    Examples
    --------
    >>> from foretable import _
    >>> plan = decision(
    ...     "decisions.calls", scores=churn_scores, action=Action("call", cost=50, success=0.3, capacity=1000),
    ...     probability=_.churn_probability, value=_.monthly_fee * 24, budget=50_000,
    ... )  # doctest: +SKIP
    """
    origin = caller()
    entity = entity or scores.entity
    if entity is None:
        raise DeclarationError(f"{name}: {scores.name} has no entity", where=str(origin), hint="add entity=")
    limit = None if budget is None else exact(budget, "budget", origin, 2)
    if limit is not None and limit < 0:
        raise DeclarationError(f"{name}: the budget is negative", where=str(origin), hint="give 0 or more, or leave it out")
    terms = Terms(
        scores=scores,
        keys=entity.keys,
        action=action,
        probability=probability,
        value=value,
        eligible=eligible,
        budget=limit,
        recommend=recommend,
    )
    return Decision(
        name=name,
        entity=entity,
        define=partial(plan, terms),
        target_lag=target_lag,
        refresh_mode=refresh_mode,
        initialize=initialize,
        history=history,
        description=description or f"Whom to act on ({action.name}), by expected value.",
        origin=origin,
        terms=terms,
    )


def plan(terms: Terms) -> ir.Table:
    """The rows on which the action pays, in order of expected value, with what production takes of them."""
    import ibis

    rows = valued(terms)
    rows = rows.filter(rows.expected_value > 0)
    best_first = [ibis.desc("expected_value"), *terms.keys]
    rows = rows.mutate(
        rank=ibis.row_number().over(order_by=best_first) + 1,
        eligible=ibis.literal(True) if terms.eligible is None else ibis.coalesce(_of(rows, terms.eligible), False),
    )
    among = ibis.cumulative_window(group_by="eligible", order_by=best_first)
    rows = rows.mutate(_cost=literal(Decimal(terms.action.cost), MONEY))
    rows = rows.mutate(_position=ibis.row_number().over(among) + 1, _spent=rows["_cost"].sum().over(among).cast(MONEY))
    rows = rows.mutate(production=rows.eligible & _fits(rows, terms))
    words = ibis.literal(terms.action.name) if terms.recommend is None else _of(rows, terms.recommend)
    rows = rows.mutate(
        production_rank=rows.production.ifelse(rows["_position"], None),
        cost=rows.production.ifelse(rows["_cost"], literal(Decimal(0), MONEY)),
        cumulative_cost=rows.production.ifelse(rows["_spent"], None),
        recommended_action=ibis.cases((rows.production, words), (rows.eligible, OVER_BUDGET), else_=NOT_ELIGIBLE),
    )
    kept = [name for name in terms.scores.rows().columns if name not in terms.keys]
    return rows.select(*terms.keys, *ADDED, *kept).order_by("rank")


def valued(terms: Terms) -> ir.Table:
    """Every scored customer with probability, value and expected value."""
    rows = terms.scores.rows()
    twice = [name for name in ADDED if name in rows.columns]
    if twice:
        raise DeclarationError(f"{terms.scores.name} has a column {twice[0]!r}, which the decision adds", hint="rename it in the scores")
    probability, value = _of(rows, terms.probability), _of(rows, terms.value)
    return rows.mutate(
        probability=probability.cast(PROBABILITY),
        value=value.cast(MONEY),
        expected_value=terms.action.expected_value(probability, value),
    )


def _fits(rows: ir.Table, terms: Terms) -> ir.BooleanValue:
    import ibis

    fits: ir.BooleanValue = ibis.literal(True)
    if terms.action.capacity is not None:
        fits = fits & (rows["_position"] <= terms.action.capacity)
    if terms.budget is not None:
        fits = fits & (rows["_spent"] <= literal(terms.budget, MONEY))
    return fits


def _of(rows: ir.Table, expression: Any) -> Any:
    """An expression written with ``_``, over these rows."""
    return rows.bind(expression)[0]
