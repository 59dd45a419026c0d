"""Gamma-gamma: published figures, known parameters, and what is expected of whom."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from foretable.train.baselines.gamma_gamma import GammaGamma, expected_value, fit_gamma_gamma

TRUE = GammaGamma(6.0, 4.0, 15.0, 0.0, 0, True)
MEANS = """
WITH days AS (SELECT customer_id, date, sum(amount) AS amount FROM read_csv(?) WHERE date <= '1997-09-30' GROUP BY ALL),
numbered AS (SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY date) AS n FROM days)
SELECT count(*) - 1 AS x, max(date) - min(date) AS t_x, DATE '1997-09-30' - min(date) AS T, avg(amount) FILTER (n > 1) AS m
FROM numbered GROUP BY customer_id ORDER BY min(date), customer_id
"""
LATER = frozenset({26, 38, 539, 621, 873, 944, 1178, 1198, 1217, 1247, 1305, 1533, 1588, 2017})
"""Customers of the sample that are, of those of the same history in the right place, the last and not the first."""


def sampled(cdnow: Path, sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Frequency, and mean value of repeat purchases in 39 weeks, of the sample's customers who came back.

    The sample does not say which customers of the whole data it is made of, but has them in its order: by the first purchase and the
    number. That leaves one customer for each but 30, two or three for these; ``LATER`` has their choice from the published means.
    """
    with duckdb.connect() as connection:
        rows = connection.execute(MEANS, [str(cdnow / "cdnow_master.csv")]).fetchall()
    whole = [row[:3] for row in rows]
    days = [np.rint(part * scale).astype(int).tolist() for part, scale in zip(sample, (1, 7, 7), strict=True)]
    histories = list(zip(*days, strict=True))
    first, last = placed(histories, whole), [len(whole) - 1 - at for at in placed(histories[::-1], whole[::-1])][::-1]
    chosen = [last[i] if i + 1 in LATER else first[i] for i in range(len(histories)) if histories[i][0] > 0]
    return np.array([rows[i][0] for i in chosen], dtype=np.float64), np.array([rows[i][3] for i in chosen])


def placed(wanted: list[tuple[int, ...]], there: list[tuple[int, ...]]) -> list[int]:
    """The earliest places of histories that come in one order."""
    found, at = [], 0
    for each in wanted:
        at = there.index(each, at)
        found.append(at)
        at += 1
    return found


def test_the_published_figures_of_cdnow(cdnow: Path, sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    frequency, value = sampled(cdnow, sample)
    found = fit_gamma_gamma(frequency, value)
    assert len(value) == 946 and found.converged
    assert [round(each, 2) for each in (found.p, found.q, found.v)] == [6.25, 3.74, 15.44]


def test_known_parameters_are_found() -> None:
    rows = 20_000
    generator = np.random.default_rng(1)
    frequency = 1 + generator.geometric(0.3, rows)
    rate = generator.gamma(TRUE.q, 1 / TRUE.v, rows)
    value = generator.gamma(TRUE.p * frequency, 1 / rate) / frequency
    found = fit_gamma_gamma(frequency, value)
    assert (found.p, found.q, found.v) == pytest.approx((TRUE.p, TRUE.q, TRUE.v), rel=0.08)
    later = generator.gamma(TRUE.p, 1 / rate)
    expected = expected_value(TRUE, frequency, value)
    for group in (value < 15, (value > 30) & (frequency == 2), frequency > 6):
        off = later[group] - expected[group]
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(group.sum())


def test_the_unit_of_money_changes_v_alone() -> None:
    frequency, value = np.array([1, 2, 5, 1, 3, 8] * 20), np.array([10.0, 12, 30, 7, 22, 18] * 20) + np.arange(120) / 10
    euros, cents = fit_gamma_gamma(frequency, value), fit_gamma_gamma(frequency, value * 100)
    assert (cents.p, cents.q, cents.v / 100) == pytest.approx((euros.p, euros.q, euros.v), rel=1e-5)
    assert cents.log_likelihood == pytest.approx(euros.log_likelihood - 120 * np.log(100))


def test_the_more_purchases_the_more_counts_the_customers_own_mean() -> None:
    found = expected_value(TRUE, np.array([0, 1, 10, 100_000]), np.array([np.nan, 90.0, 90.0, 90.0]))
    assert found[0] == pytest.approx(TRUE.p * TRUE.v / (TRUE.q - 1))
    assert found[0] < found[1] < found[2] < found[3] < 90 and found[3] == pytest.approx(90, rel=1e-4)


def test_equal_values_have_an_end() -> None:
    found = fit_gamma_gamma(np.array([1.0, 2, 3] * 10), np.full(30, 20.0))
    assert np.isfinite([found.p, found.q, found.v]).all() and found.q > 1
    assert expected_value(found, np.array([0.0, 3.0]), np.array([0.0, 20.0])) == pytest.approx([20.0, 20.0], rel=0.01)
