"""Lifetime value of customers from elsewhere: the content as it is, with the declarations of the sources alone exchanged."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import foretable as ft
from foretable.session import Session
from foretable.train.baselines.bgnbd import fit_bgnbd

from .conftest import REAL, ROOT

DATA = REAL.parents[1]
CDNOW = DATA / "cdnow" / "cdnow_master.csv"
SUMMARY = DATA / "cdnow" / "cdnow_customers_summary.csv"
RETAIL = DATA / "online_retail" / "online_retail.parquet"
CONTENT = ("pipelines/clv_arrivals.py", "pipelines/clv_continuous.py", "pipelines/clv_schemas.py", "models/continuous_clv_model.py")
LAST = "LastPeriod(spend_last_period)"
CHAMPION = "version = (SELECT champion FROM foretable.models)"
Mapped = Callable[..., Session]
Beside = dict[tuple[str, str], tuple[float, float, float, float, float]]


def at_hand(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"{path} is not at hand")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    """A project of the pipeline over a file, by the sources in ``real/<name>_sources.py``."""

    def make(name: str, file: Path, as_of: str, trials: int = 1) -> Session:
        root = tmp_path_factory.mktemp(name)
        for path in CONTENT:
            (root / path).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / path, root / path)
        shutil.copy(Path(__file__).parent / "real" / f"{name}_sources.py", root / "pipelines" / "clv_sources.py")
        (root / file.name).symlink_to(file)
        (root / "pyproject.toml").write_text(f'[tool.foretable]\nas_of = "{as_of}"\ntrials = {trials}\n')
        return ft.open(root)

    return make


def sales(path: Path) -> dict[int, list[tuple[datetime, float]]]:
    """Write two years of a shop's list, and give back what each customer bought."""
    chance = np.random.default_rng(5)
    first, last = datetime(2024, 1, 1), datetime(2025, 12, 31)
    found: dict[int, list[tuple[datetime, float]]] = {}
    for who in range(1, 301):
        day, gap = first + timedelta(days=int(chance.integers(0, 720))), chance.gamma(2, 25)
        while day < last:
            found.setdefault(who, []).append((day, round(float(chance.gamma(3, 10)) + 1, 2)))
            day = last if chance.random() < 0.1 else day + timedelta(days=1 + int(chance.exponential(gap)))
    found[1].append((datetime(2025, 12, 30), -0.5))
    with path.open("w", newline="") as file:
        lines = csv.writer(file, delimiter=";")
        lines.writerow(["Beleg", "Kunde", "Tag", "Betrag", "Ware", "Ort"])
        rows = [(who, *sale) for who, own in found.items() for sale in own]
        lines.writerows(
            [f"B{number}", who, day.date(), f"{amount:.2f}".replace(".", ","), "Tee", "Nord" if who % 2 else "Süd"]
            for number, (who, day, amount) in enumerate(rows)
        )
    return found


def test_a_shop_with_a_list_of_another_shape_is_scored(mapped: Mapped, tmp_path: Path) -> None:
    now = datetime(2026, 1, 1)
    bought = sales(tmp_path / "verkauf.csv")
    session = mapped("shop", tmp_path / "verkauf.csv", "2026-01-01")
    report = session.run()
    assert not report.untrained and not report.wave.failed and not report.wave.blocked
    mature = [who for who, own in bought.items() if (now - min(day for day, _ in own)).days >= 60]
    scored = session.rows("""
        SELECT customer_id, predicted_12m_ltv_low <= predicted_12m_ltv AND predicted_12m_ltv <= predicted_12m_ltv_high
        FROM predictions.continuous_clv_predictions ORDER BY 1
    """)[1]
    assert scored == [(who, True) for who in sorted(mature)]
    assert 0 < len(mature) < len(bought)
    features = session.rows("""
        SELECT customer_id, monetary_total::DOUBLE, recency_days, recent_90d_amount, returns
        FROM features.rfm_features JOIN features.purchase_patterns USING (customer_id)
    """)[1]
    assert len(features) == len(bought)
    for who, total, recency, lately, returns in features:
        own = bought[who]
        assert total == pytest.approx(sum(amount for _, amount in own))
        assert recency == (now - max(day for day, amount in own if amount > 0)).days
        assert lately == pytest.approx(sum(amount for day, amount in own if day >= now - timedelta(days=90)))
        assert returns == sum(amount < 0 for _, amount in own)
    assert {name for name, _ in beside(session)} == {LAST, CELLS, BG_NBD}


CELLS = "CellMeans(recency_score, frequency_score, monetary_score)"
BG_NBD = "BuyTillYouDie(repeat_purchases, repeat_span_days, purchase_age_days, repeat_value)"


def beside(session: Session) -> Beside:
    """Per baseline and metric: its value, and by how much the model is better, with the interval of that."""
    rows = session.rows(f"""
        SELECT baseline, metric, value, difference, difference_low, difference_high FROM foretable.baselines WHERE {CHAMPION}
    """)[1]
    return {(name, metric): tuple(figures) for name, metric, *figures in rows}


def own(session: Session, metric: str) -> tuple[float, float, float]:
    """Value and interval on the test rows."""
    query = f"SELECT value, low, high FROM foretable.evaluations WHERE {CHAMPION} AND split = 'test' AND segment = 'all' AND metric = ?"
    (found,) = session.rows(query, [metric])[1]
    return found


@at_hand(CDNOW)
def test_the_features_of_cdnow_give_the_published_parameters(mapped: Mapped) -> None:
    """The sample is known by its figures, not by its customers: of each, some customer of ours has the same.

    Ages are published to the last day of September, ours are to its end.
    """
    session = mapped("cdnow", CDNOW, "1997-10-01")
    session.run(select=["+features.rfm_features"], train=False)
    query = "SELECT repeat_purchases, repeat_span_days, purchase_age_days - 1 FROM features.rfm_features WHERE frequency > 0"
    rows = session.rows(query)[1]
    found = {(x, round(recency / 7, 2), round(age / 7, 2)): (x, recency / 7, age / 7) for x, recency, age in rows}
    have = Counter((x, round(recency / 7, 2), round(age / 7, 2)) for x, recency, age in rows)
    published = np.genfromtxt(SUMMARY, delimiter=",", skip_header=1)[:, 1:].tolist()
    sample = Counter((int(x), recency, age) for x, recency, age in published)
    assert sample.total() == 2_357 and not sample - have
    fitted = fit_bgnbd(*np.array([found[each] for each in sample.elements()], dtype=np.float64).T)
    assert [round(each, 3) for each in (fitted.r, fitted.alpha, fitted.a, fitted.b)] == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], abs=1.1e-3
    )
    assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)


@pytest.mark.slow
@at_hand(CDNOW)
def test_cdnow_is_foretold_as_it_is_told(mapped: Mapped) -> None:
    """Better than the last period by squares; not by absolute error, nor by Spearman, and no better than BG/NBD: the report says so."""
    session = mapped("cdnow", CDNOW, "1998-07-01", trials=6)
    session.run()
    found = beside(session)
    assert found[LAST, "rmse"][2] > 0 and found[LAST, "r2"][2] > 0
    assert found[LAST, "mae"][3] < 0 and found[LAST, "spearman"][3] < 0
    assert told_of(session) == "warning"
    ranked = session.rows(f"SELECT predict_continuous_clv_model(t), spend_last_period, target_12m_ltv FROM {TRAINING} AS t {LATEST}")[1]
    model, last, spent = np.array(ranked, dtype=np.float64).T
    assert in_order(model, spent) > in_order(last, spent) + 0.05, (
        "of two customers who spend differently, it knows more often who spends more"
    )


@pytest.mark.slow
@at_hand(RETAIL)
def test_online_retail_is_foretold_as_it_is_told(mapped: Mapped) -> None:
    """Better ranked than by the last period; the total misses the season that a single year does not show."""
    session = mapped("online_retail", RETAIL, "2011-12-10", trials=6)
    session.run()
    found = beside(session)
    assert found[LAST, "spearman"][2] > 0
    assert own(session, "calibration_ratio")[2] < 1
    assert own(session, "coverage")[2] < 0.9


TRAINING = "training.continuous_training_data_with_target"
LATEST = f"WHERE as_of = (SELECT max(as_of) FROM {TRAINING})"


def told_of(session: Session) -> str:
    """How loud the finding about baselines is."""
    (found,) = session.rows(f"SELECT severity FROM foretable.findings WHERE {CHAMPION} AND \"check\" = 'baseline'")[1]
    return str(found[0])


def in_order(predicted: np.ndarray, spent: np.ndarray) -> float:
    """The share of pairs with different outcomes that a prediction puts in their order; equal predictions count half."""
    one, other = np.random.default_rng(0).integers(0, len(spent), (2, 500_000))
    differ = spent[one] != spent[other]
    agree = np.sign(predicted[one] - predicted[other]) * np.sign(spent[one] - spent[other])
    return float((agree[differ] > 0).mean() + (agree[differ] == 0).mean() / 2)
