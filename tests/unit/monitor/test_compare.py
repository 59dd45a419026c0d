"""Versions in production, by what came of their answers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

import foretable as ft
from foretable.errors import TrainingError, UnknownName, UsageError
from foretable.monitor import compare_versions
from foretable.registry import promote
from foretable.session import Session

SCORING = 'churn_scores = ft.scoring_table("predictions.churn", model=churn, keep=["region"], {more})\n'
DATES = [datetime(2025, 12, 1), datetime(2026, 1, 1), datetime(2026, 2, 1)]
STOOD = """
SELECT l.as_of, l.churned, h.churn_probability, h.model_version, h.churn_probability_challenger, h.model_version_challenger
FROM training.churn AS l JOIN predictions.churn_history AS h ON h.customer_id = l.customer_id AND h.scored_at <= l.as_of
WHERE l.as_of >= TIMESTAMP '2025-12-01'
QUALIFY row_number() OVER (PARTITION BY l.customer_id, l.as_of ORDER BY h.scored_at DESC, h.valid_from) = 1
"""


def declared(
    shop: Path, more: str, candidates: str = "[ft.LogisticRegression(C=0.1), ft.XGBoost(n_estimators=20, max_depth=2)]"
) -> Session:
    path = shop / "models" / "churn.py"
    text = path.read_text()
    start, stop = text.index("    candidates="), text.index("    gate=")
    text = text[:start] + f"    candidates={candidates},\n" + text[stop : text.index("churn_scores")] + SCORING.format(more=more)
    path.write_text(text)
    return ft.open(shop)


def test_answers_of_all_versions_are_judged_by_the_outcomes_that_came(shop: Path) -> None:
    session = declared(shop, 'shadow="challenger", traffic={"challenger": 0.4}, history="2 years", reasons=2')
    for date in DATES:
        session.run(as_of=date)
    with session.connect(write=True) as connection:
        stood = connection.execute(STOOD).df()
        found = compare_versions(connection, session.graph, "predictions.churn")
        kept = connection.execute("SELECT count(*), max(dates) FROM foretable.model_comparison WHERE role = 'answer'").fetchall()[0]
    assert stood["as_of"].nunique() >= 2
    assert set(stood["model_version"]) == {1, 2}
    for role, answer, version in (
        ("answer", "churn_probability", "model_version"),
        ("shadow", "churn_probability_challenger", "model_version_challenger"),
    ):
        for number, rows in stood.groupby(version):
            told = {c.metric: c for c in found if c.role == role and c.version == number}
            assert told["roc_auc"].row_count == len(rows)
            assert told["roc_auc"].dates == rows["as_of"].nunique()
            assert told["roc_auc"].value == pytest.approx(roc_auc_score(rows["churned"], rows[answer]))
            assert told["brier"].value == pytest.approx(brier_score_loss(rows["churned"], rows[answer]))
            assert told["brier"].low <= told["brier"].value <= told["brier"].high
    assert kept[0] > 0


def test_traffic_is_shared_by_the_key_and_stays_so(shop: Path) -> None:
    session = declared(shop, 'traffic={"challenger": 0.4}')
    session.run()
    with session.connect(write=True) as connection:
        first = dict(connection.execute("SELECT customer_id, model_version FROM predictions.churn").fetchall())
        champion = connection.execute("SELECT version FROM foretable.model_aliases WHERE alias = 'champion'").fetchall()[0][0]
        challenger = connection.execute("SELECT version FROM foretable.model_aliases WHERE alias = 'challenger'").fetchall()[0][0]
        right = connection.execute(
            f"SELECT bool_and(p.churn_probability = CASE p.model_version WHEN {champion} THEN predict_churn(f)"
            f" ELSE predict_churn__challenger(f) END) FROM predictions.churn AS p JOIN features.customer_usage AS f USING (customer_id)"
        ).fetchall()[0][0]
    assert right
    share = np.mean([version == challenger for version in first.values()])
    assert 0.3 < share < 0.5
    session.run(full_refresh=True)
    assert dict(session.rows("SELECT customer_id, model_version FROM predictions.churn")[1]) == first


def test_without_a_challenger_the_champion_answers_for_all_and_the_shadow_is_empty(shop: Path) -> None:
    one = "[ft.LogisticRegression(C=0.1)]"
    session = declared(shop, 'shadow="challenger", traffic={"challenger": 0.4}', one)
    session.run()
    versions = session.rows("SELECT DISTINCT model_version, churn_probability_challenger, model_version_challenger FROM predictions.churn")[
        1
    ]
    assert versions == [(1, None, None)]
    session.train("churn")
    with session.connect(write=True) as connection:
        promote(connection, "churn", 2, reason="to see it", alias="challenger")
    report = session.run(train=False)
    assert [(done.table, done.action) for done in report.wave.built if done.table == "predictions.churn"] == [("predictions.churn", "FULL")]
    shadow = session.rows("SELECT count(*), count(churn_probability_challenger), min(model_version_challenger) FROM predictions.churn")[1]
    assert shadow[0][0] == shadow[0][1] > 0
    assert shadow[0][2] == 2
    assert session.run(train=False).wave.built == () or all(done.action == "NO_DATA" for done in session.run(train=False).wave.built)


def test_reasons_come_as_json(shop: Path) -> None:
    session = declared(shop, "reasons=2")
    session.run()
    kind, short, first = session.rows(
        "SELECT typeof(churn_factors), min(json_array_length(churn_factors)), any_value(churn_factors ->> '$[0].feature')"
        " FROM predictions.churn GROUP BY 1"
    )[1][0]
    assert (kind, short) == ("JSON", 2)
    assert first in {"orders_30d", "spend_90d", "region", "plan", "monthly_fee"}


@pytest.mark.parametrize(
    ("more", "name", "error", "words"),
    [
        ("", "predictions.churn", UsageError, "keeps no history"),
        ('history="1 year"', "predictions.chrun", UnknownName, "no scoring table"),
        ('history="1 year"', "predictions.churn", TrainingError, "no outcome"),
    ],
)
def test_what_cannot_be_compared_is_told(shop: Path, more: str, name: str, error: type[Exception], words: str) -> None:
    session = declared(shop, more, "[ft.LogisticRegression(C=0.1)]")
    session.run()
    with session.connect() as connection, pytest.raises(error, match=words):
        compare_versions(connection, session.graph, name)


def test_shares_above_one_are_refused() -> None:
    nothing = SimpleNamespace(name="x", label=SimpleNamespace(entity=None))
    with pytest.raises(ft.errors.DeclarationError, match="at most 1"):
        ft.scoring_table("predictions.x", model=nothing, traffic={"challenger": 0.7, "other": 0.5})


def test_duckdb_places_a_key_where_it_did() -> None:
    """The place of a key may not change with DuckDB: a customer would be handed to another version."""
    places = duckdb.sql("SELECT [md5_number_lower(concat_ws('|', 'churn', k::VARCHAR)) % 10000 FOR k IN range(4)]").fetchall()[0][0]
    assert places == PLACED


PLACED = [2296, 7695, 872, 1633]
