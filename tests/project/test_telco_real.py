"""telco_churn on IBM's own file, no code touched; takes minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import foretable as ft
from foretable.session import Session
from foretable.simulate import simulate_telco

from .conftest import REAL

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not at hand")]


@pytest.fixture(scope="module")
def session(copied: Callable[[pa.Table], Path]) -> Session:
    opened = ft.open(copied(simulate_telco(100, seed=1)))
    report = opened.run(replace={"raw.telco": str(REAL)})
    assert not report.wave.failed
    return opened


def one(session: Session, query: str) -> tuple:
    return session.rows(query)[1][0]


def test_all_live_customers_are_scored_once(session: Session) -> None:
    assert one(session, "SELECT count(*), count(DISTINCT customer_id) FROM predictions.telco_churn") == (4_815, 4_815)


def test_the_plan_is_not_empty_and_within_the_budget_to_the_cent(session: Session) -> None:
    calls, cost = one(session, "SELECT count(*), sum(cost) FROM decisions.action_plan WHERE production")
    assert 100 < calls <= 1_000
    assert cost == 50 * calls <= 50_000


def test_ranking_is_as_good_as_the_file_allows_and_no_better(session: Session) -> None:
    """More than 0.88 on all months would be a leak; the live month alone is harder."""
    scores = dict(
        session.rows("""
            SELECT e.split || ' ' || e.segment, e.value FROM foretable.evaluations AS e
            JOIN foretable.models AS m ON m.model = e.model AND m.champion = e.version
            WHERE e.model = 'telco_churn' AND e.metric = 'roc_auc' AND e.split = 'test'
        """)[1]
    )
    assert 0.85 < scores["test all"] < 0.88
    assert 0.72 < scores["test latest"] < 0.80


def test_the_published_rule_fills_the_budget_and_loses_money(session: Session) -> None:
    own, calibrated, cost = one(session, "SELECT own_profit, profit, cost FROM decisions.telco_modes WHERE mode = 'as published'")
    assert cost == 50_000
    assert calibrated < 0 < own


def test_the_specified_rule_selects_nobody_on_monthly_probabilities(session: Session) -> None:
    assert one(session, "SELECT max(churn_probability_month) < 0.30 FROM predictions.telco_churn") == (True,)
