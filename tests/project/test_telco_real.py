"""telco_churn on IBM's own file, no code touched; takes minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.compile.inline import inlined
from foretable.session import Session
from foretable.simulate import simulate_telco
from foretable.sql import render

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


BANDS = [0.0, 0.03, 0.07, 0.15, 0.25, 0.35, 0.45, 0.55, 1.0]


def test_the_twelve_month_risk_agrees_with_those_who_left(session: Session) -> None:
    """Risk at a landmark month beside the share that left within 12 months of it (Kaplan and Meier, 1958), by band of risk."""
    landmarks = (3, 6, 12, 24, 36, 48, 58)
    found = [_at_landmark(session, month) for month in landmarks]
    risk, months, left = (np.concatenate(part) for part in zip(*found, strict=True))
    bands = np.digitize(risk, BANDS[1:-1])
    for band in range(len(BANDS) - 1):
        inside = bands == band
        observed = _share_that_left(months[inside], left[inside])
        print(f"{BANDS[band]:.2f}–{BANDS[band + 1]:.2f} {inside.sum():6,} {risk[inside].mean():.3f} {observed:.3f}")
        assert inside.sum() > 50
        assert abs(risk[inside].mean() - observed) < 0.01 + 0.2 * observed


def _at_landmark(session: Session, month: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of everybody still here at ``month``: the risk of the next 12, the months lived after it, and whether they then left."""
    months = render(inlined(session.graph, "features.telco_customer_months", None)).replace('"raw"."telco"', "temp.landmark")
    with session.connect() as connection:
        here = "SELECT * REPLACE (? + 11 AS tenure, 'No' AS Churn) FROM raw.telco WHERE tenure >= ?"
        connection.execute(f"CREATE TEMP TABLE landmark AS {here}", [month, month])
        rows = connection.execute(
            f"""SELECT
                1 - product(1 - predict_telco_churn(f)) AS risk, any_value(t.tenure) - ? AS months, any_value(t.Churn = 'Yes') AS churned
            FROM ({months}) AS f JOIN raw.telco AS t ON t.customerID = f.customer_id WHERE f.tenure_month >= ? GROUP BY f.customer_id""",
            [month, month],
        ).fetchnumpy()
    return rows["risk"], rows["months"], rows["churned"]


def _share_that_left(months: np.ndarray, churned: np.ndarray) -> float:
    staying = 1.0
    for month in range(12):
        here = (months >= month).sum()
        staying *= 1 - ((months == month) & churned).sum() / max(here, 1)
    return float(1 - staying)
