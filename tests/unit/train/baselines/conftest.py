"""Customers whose rates are known, and the sample that figures were published of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

import foretable as ft
from foretable.train.baselines.bgnbd import BgNbd

CDNOW = ft.open(Path(__file__).parent).root.parent / "shared" / "data" / "cdnow"
History = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def cdnow() -> Path:
    """The folder of the CDNOW data."""
    if not CDNOW.exists():
        pytest.skip(f"{CDNOW} is not at hand")
    return CDNOW


@pytest.fixture(scope="session")
def sample(cdnow: Path) -> History:
    """Frequency, recency and age in weeks of its 2,357 customers."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT frequency, recency, T FROM read_csv(?) ORDER BY ID", [str(cdnow / "cdnow_customers_summary.csv")]
        ).fetchnumpy()
    return tuple(np.asarray(rows[name], dtype=np.float64) for name in ("frequency", "recency", "T"))  # type: ignore[return-value]


def _simulated(true: BgNbd, count: int, ahead: float, seed: int) -> tuple[History, np.ndarray]:
    """Customers of the model, and what each buys in the time ``ahead``: purchase by purchase, as the model's story goes."""
    generator = np.random.default_rng(seed)
    rate, leaving = generator.gamma(true.r, 1 / true.alpha, count), generator.beta(true.a, true.b, count)
    age = generator.uniform(30.0, 90.0, count)
    now, recency, frequency, future = np.zeros((4, count))
    going = np.arange(count)
    while len(going):
        now[going] += generator.exponential(1.0, len(going)) / rate[going]
        going = going[now[going] <= age[going] + ahead]
        seen, later = going[now[going] <= age[going]], going[now[going] > age[going]]
        frequency[seen] += 1
        recency[seen] = now[seen]
        future[later] += 1
        going = going[generator.random(len(going)) >= leaving[going]]
    return (frequency, recency, age), future


@pytest.fixture(scope="session")
def simulated() -> Callable[..., tuple[History, np.ndarray]]:
    """Makes customers of a BG/NBD model."""
    return _simulated
