"""The whole of telco_churn on simulated customers: scores, value, plan, curve, and the truth they are held against."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import foretable as ft
from foretable.compile.asof import fill
from foretable.session import Session
from foretable.simulate import simulate_telco, telco_hazards
from foretable.simulate.telco import true_risk
from foretable.sql import render

CUSTOMERS = 3_000
BAD = {
    "negative charge": {"customerID": "0000-BADAA", "MonthlyCharges": -20.0},
    "unknown contract": {"customerID": "0000-BADAB", "Contract": "Century"},
}


@pytest.fixture(scope="module")
def session(copied: Callable[[pa.Table], Path]) -> Session:
    """A project that was run once, on good customers and two bad ones."""
    good = simulate_telco(CUSTOMERS, seed=8)
    live = next(row for row in good.to_pylist() if row["Churn"] == "No" and row["tenure"] > 12)
    bad = pa.Table.from_pylist([live | wrong for wrong in BAD.values()], schema=good.schema)
    opened = ft.open(copied(pa.concat_tables([good, bad])))
    report = opened.run()
    assert not report.wave.failed
    return opened


def one(session: Session, query: str) -> tuple:
    return session.rows(query)[1][0]


def test_every_live_customer_with_three_months_is_scored_once(session: Session) -> None:
    scored = one(session, "SELECT count(*), count(DISTINCT customer_id), count(churn_probability_12m) FROM predictions.telco_churn")
    live = one(session, "SELECT count(*) FROM raw.telco WHERE Churn = 'No' AND tenure >= 3 AND customerID NOT LIKE '0000-BAD%'")
    assert scored == live * 3


def test_bad_rows_are_in_quarantine_with_their_reason_and_in_no_score(session: Session) -> None:
    _, found = session.rows('SELECT rule, "row" FROM quarantine.telco_customers ORDER BY rule')
    text = str(found)
    assert "0000-BADAA" in text and "monthly_charge" in text
    assert "0000-BADAB" in text and "contract" in text
    assert one(session, "SELECT count(*) FROM predictions.telco_churn WHERE customer_id LIKE '0000-BAD%'") == (0,)


def test_the_risk_of_the_horizon_is_one_less_the_product_of_staying(session: Session) -> None:
    _, monthly = session.rows("SELECT customer_id, months_ahead, telco_churn_probability FROM predictions.telco_next_months")
    hazards: dict[str, dict[int, float]] = {}
    for customer, ahead, hazard in monthly:
        hazards.setdefault(customer, {})[ahead] = hazard
    _, scores = session.rows("SELECT customer_id, churn_probability_month, churn_probability_12m FROM predictions.telco_churn")
    for customer, month, year in scores:
        assert sorted(hazards[customer]) == list(range(12))
        assert year == pytest.approx(1 - math.prod(1 - hazard for hazard in hazards[customer].values()), abs=1e-12)
        assert month == hazards[customer][0]


def test_no_model_reads_what_people_are_and_how_they_are_treated_is_measured(session: Session) -> None:
    _, signatures = session.rows("SELECT signature FROM foretable.model_versions")
    read = {feature["name"] for (signature,) in signatures for feature in json.loads(signature)["features"]}
    assert len(read) == 48
    assert not read & {"gender", "senior_citizen"}
    measured = "SELECT DISTINCT segment FROM foretable.evaluations WHERE model = 'telco_churn' AND metric = 'tpr' ORDER BY 1"
    groups = ["gender=Female", "gender=Male", "senior_citizen=false", "senior_citizen=true"]
    assert [row[0] for row in session.rows(measured)[1]] == groups


def test_every_customer_has_three_reasons_in_words_that_follow_the_score_of_the_month(session: Session) -> None:
    _, rows = session.rows("SELECT churn_factors, churn_probability_month FROM predictions.telco_churn")
    for factors, probability in rows:
        reasons = json.loads(factors)
        assert len(reasons) == 3 and 0 < probability < 1
        sizes = [abs(reason["contribution"]) for reason in reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert not any(reason["reason"] == f"{reason['feature']} is {reason['value']}" for reason in reasons)
    wrong = """
        SELECT count(*) FROM predictions.telco_churn AS s JOIN predictions.telco_this_month AS m USING (customer_id)
        WHERE s.churn_probability_month != m.telco_churn_probability OR s.churn_factors != m.telco_churn_factors
    """
    assert one(session, wrong) == (0,)


def test_the_challenger_scores_beside_the_champion(session: Session) -> None:
    count, scored, versions, differing = one(
        session,
        """
        SELECT count(*), count(telco_churn_probability_challenger), count(DISTINCT model_version_challenger),
            count(*) FILTER (model_version_challenger != model_version)
        FROM predictions.telco_this_month
        """,
    )
    assert (scored, versions, differing) == (count, 1, count)


def test_lifetime_value_is_charge_by_lifetime_by_margin(session: Session) -> None:
    wrong = """
        SELECT count(*) FROM predictions.telco_churn
        WHERE lifetime_value != round(monthly_charge * expected_lifetime * 0.60, 2) OR expected_lifetime NOT BETWEEN 12 AND 36
    """
    assert one(session, wrong) == (0,)


def test_the_plan_keeps_rules_capacity_and_budget(session: Session) -> None:
    calls, cost, spent, least, lowest, highest = one(
        session,
        """
        SELECT count(*), sum(cost), max(cumulative_cost), min(expected_value), min(churn_probability_12m), max(churn_probability_12m)
        FROM decisions.action_plan WHERE production
        """,
    )
    assert 0 < calls <= 1_000
    assert cost == spent == 50 * calls <= 50_000
    assert least > 0
    assert 0.30 <= lowest <= highest <= 0.90
    assert one(session, "SELECT sum(cost) FROM decisions.action_plan") == (cost,)


def test_the_plan_is_in_order_of_expected_value_and_says_what_to_do(session: Session) -> None:
    _, rows = session.rows("SELECT rank, expected_value, customer_id, production, recommended_action FROM decisions.action_plan")
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert rows == sorted(rows, key=lambda row: (-row[1], row[2]))
    assert all(row[4].startswith("call: " if row[3] else "none: ") for row in rows)


def test_expected_values_are_those_of_the_macro_that_analysts_call(session: Session) -> None:
    differs = "SELECT count(*) FROM decisions.action_plan WHERE expected_value != expected_value(probability, value, 0.30, 50, 300)"
    assert one(session, differs) == (0,)
    left_out = """
        SELECT count(*) FROM predictions.telco_churn ANTI JOIN decisions.action_plan USING (customer_id)
        WHERE expected_value(churn_probability_12m, lifetime_value, 0.30, 50, 300) > 0
    """
    assert one(session, left_out) == (0,)


def test_a_full_rebuild_gives_the_same_plan(session: Session) -> None:
    def plan() -> list[tuple]:
        return session.rows("SELECT * FROM decisions.action_plan")[1]

    before = plan()
    assert not session.run(train=False, full_refresh=True).wave.failed
    assert plan() == before


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("name", ["predictions.telco_churn", "decisions.action_plan", "decisions.profit_curve"])
def test_the_number_of_threads_changes_nothing(session: Session, name: str, threads: int) -> None:
    query = render(fill(session.graph.tables[name].query, None))
    with session.connect() as connection:
        connection.execute("SET threads = " + str(threads))
        assert connection.execute(f"({query}) EXCEPT ALL FROM {name}").fetchall() == []
        assert connection.execute(f"FROM {name} EXCEPT ALL ({query})").fetchall() == []


def test_the_curve_has_one_optimum_which_free_choice_of_customers_beats(session: Session) -> None:
    best = one(session, "SELECT count(*), max(profit) FROM decisions.profit_curve WHERE is_optimum")
    assert best == (1, *one(session, "SELECT max(profit) FROM decisions.profit_curve"))
    assert one(session, "SELECT max(customers) FROM decisions.profit_curve") == one(session, "SELECT count(*) FROM predictions.telco_churn")
    assert one(session, "SELECT sum(expected_value) FROM decisions.action_plan")[0] >= best[1] >= 0


def test_modes_stand_side_by_side_and_the_published_score_promises_what_it_cannot_keep(session: Session) -> None:
    modes = {row[0]: row[1:] for row in session.rows("SELECT mode, customers, cost, own_profit, profit FROM decisions.telco_modes")[1]}
    assert list(modes) == ["production", "unconstrained", "as published", "as published, unconstrained"]
    assert modes["production"][2] == modes["production"][3] <= modes["unconstrained"][3]
    assert modes["as published"][1] <= 50_000
    assert modes["as published"][3] < 0 < modes["as published"][2]


def test_the_specified_rule_selects_nobody_on_monthly_probabilities(session: Session) -> None:
    assert one(session, "SELECT count(*) FROM predictions.telco_churn WHERE churn_probability_month >= 0.30") == (0,)


def test_segments_add_up_to_the_plan(session: Session) -> None:
    total = one(session, "SELECT sum(calls), sum(cost), sum(live_customers) FROM decisions.telco_segments")
    assert total[:2] == one(session, "SELECT count(*) FILTER (production), sum(cost) FROM decisions.action_plan")
    assert total[2:] == one(session, "SELECT count(*) FROM predictions.telco_churn")


def test_probabilities_of_new_customers_agree_with_the_true_hazard_by_decile(session: Session, tmp_path: Path) -> None:
    """Per decile of the prediction, its mean lies where the share of leavers would fall 99 times in 100, were the truth drawn again."""
    world = simulate_telco(CUSTOMERS, seed=99)
    truth = telco_hazards(world)
    pq.write_table(world, tmp_path / "world.parquet")
    other = ft.open(shutil.copytree(session.root, tmp_path / "project", symlinks=True))
    other.ingest("raw.telco", [str(tmp_path / "world.parquet")], replace=True)
    assert not other.run(train=False).wave.failed
    with other.connect() as connection:
        connection.register("truth", truth)
        found = connection.execute("""
            SELECT ntile(10) OVER (ORDER BY predict_telco_churn(f)) AS decile, predict_telco_churn(f) AS predicted, true_hazard
            FROM features.telco_customer_months AS f JOIN truth USING (customer_id, tenure_month)
        """).fetchnumpy()
        risks = connection.execute("SELECT customer_id, churn_probability_12m FROM predictions.telco_churn").fetchall()
    for decile in range(1, 11):
        rows = found["decile"] == decile
        agrees(found["predicted"][rows], found["true_hazard"][rows], f"decile {decile} of customer-months")
    expected = dict(zip(world["customerID"].to_pylist(), true_risk(world, 12), strict=True))
    predicted = np.array([risk for _, risk in risks])
    true = np.array([expected[customer] for customer, _ in risks])
    order = np.argsort(predicted)
    for number, rows in enumerate(np.array_split(order, 10), 1):
        agrees(predicted[rows], true[rows], f"decile {number} of customers")


def agrees(predicted: np.ndarray, true: np.ndarray, where: str) -> None:
    error = math.sqrt((true * (1 - true)).sum()) / len(true)
    assert abs(predicted.mean() - true.mean()) < 2.576 * error, where
