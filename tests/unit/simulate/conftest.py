"""One small lifetime-value world for the tests that look at it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from foretable.simulate import simulate_clv


@pytest.fixture(scope="session")
def clv() -> dict[str, pa.Table]:
    """Six thousand customers with a history, and as many newcomers, made in three chunks each."""
    return simulate_clv(6_000, seed=4, chunk=2_000)
