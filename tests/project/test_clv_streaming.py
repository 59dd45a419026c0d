"""Rows arrive in staging, late, twice, wrong and put right: after each batch the tables are what all the rows together give."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from foretable.session import Session

from .streams.stream import live

STEPS = (1, 4, 5, 6, 15, 60, 60, 60, 61, 61, 62, 75, 90, 150, 240, 1440, 4 * 1440)
"""Minutes from one batch to the next."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [101, 102, 103])
def test_after_each_of_two_hundred_batches_everything_is_what_a_recompute_gives(session: Session, tmp_path: Path, seed: int) -> None:
    actions = live(session, tmp_path, seed, random.Random(seed).choices(STEPS, k=200), again=2, afresh=25)
    assert actions["INCREMENTAL"] > 2 * actions["FULL"], actions
