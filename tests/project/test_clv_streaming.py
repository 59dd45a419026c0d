"""Rows arrive in staging, late, twice, wrong and put right: after each batch the tables are what all the rows together give."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from foretable.refresh import dirty
from foretable.refresh.wanted import effects_of
from foretable.session import Session

from .streams.stream import live

Patch = Callable[..., None]
Mutant = Callable[[Patch], None]

STEPS = (1, 4, 5, 6, 15, 60, 60, 60, 61, 61, 62, 75, 90, 150, 240, 725, 1440, 4 * 1440)
"""Minutes from one batch to the next."""
SOME_DAYS = (60, 150, 61, 2160, 725, 720, 75, 720, 725)
"""The same, such that reference tables are refreshed in the middle of a day, when nothing else reaches every row."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [101, 102, 103])
def test_after_each_of_two_hundred_batches_everything_is_what_a_recompute_gives(session: Session, tmp_path: Path, seed: int) -> None:
    actions = live(session, tmp_path, seed, random.Random(seed).choices(STEPS, k=200), again=2, afresh=25)
    assert actions["INCREMENTAL"] > 2 * actions["FULL"], actions


def _forget(patch: Patch, table: str) -> None:
    """What changed in a table reaches none of its readers."""
    for module in ("plan", "step"):  # by name: the package calls a function so too
        patch(sys.modules[f"foretable.refresh.{module}"], "effects_of", lambda *of: tuple(e for e in effects_of(*of) if e.table != table))


def corrections_in_staging_forgotten(patch: Patch) -> None:
    _forget(patch, "raw.continuous_transactions_staging")


def cut_points_stay(patch: Patch) -> None:
    _forget(patch, "features.rfm_cut_points")


def one_edge_of_windows(patch: Patch) -> None:
    real = dirty.crossing
    patch("foretable.refresh.stage.crossing", lambda boundary, ticks: real(boundary, (max(ticks), max(ticks))))
    patch("foretable.refresh.dirty.crossing", lambda boundary, ticks: real(boundary, (max(ticks), max(ticks))))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [corrections_in_staging_forgotten, cut_points_stay, one_edge_of_windows], ids=lambda one: one.__name__)
def test_a_wrong_engine_is_caught(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    mutant(monkeypatch.setattr)
    with pytest.raises(AssertionError):
        live(session, tmp_path, 5, SOME_DAYS)
