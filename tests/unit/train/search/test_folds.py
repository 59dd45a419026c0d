"""Folds inside the training rows: nothing known later, and no entity, crosses from one side to the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from foretable.errors import TrainingError
from foretable.train.search.folds import Fold, Grounds, cut_folds
from foretable.train.split import AWAY, TRAIN, VALIDATION, entity_codes, keep_apart, split_by_entity, split_by_time

SHARES = (0.7, 0.15, 0.15)


def grounds(customers: int, months: int, *, apart: bool = False, horizon: str = "1 month", rate: float = 0.4, seed: int = 0) -> Grounds:
    """Every customer in every month."""
    generator = np.random.default_rng(seed)
    dates = np.repeat((np.datetime64("2024-01", "M") + np.arange(months)).astype("datetime64[us]"), customers)
    codes, values = entity_codes(pa.array([f"c{i}" for i in range(customers)] * months))
    split = split_by_time(dates, horizon, SHARES)
    if apart:
        split = keep_apart(split, codes, values, seed, SHARES)
    outcome = (generator.random(len(dates)) < rate).astype(float)
    return Grounds(split, outcome, codes, values, 2, seed, dates, horizon, apart)


def by_entity(customers: int, rows: int, *, stratify: bool, seed: int = 0, rate: float = 0.3) -> Grounds:
    codes, values = entity_codes(pa.array([f"c{i}" for i in range(customers)] * rows))
    outcome = np.tile((np.random.default_rng(seed).random(customers) < rate).astype(float), rows)
    split = split_by_entity(pa.array([f"c{i}" for i in range(customers)] * rows), seed, SHARES, outcome if stratify else None)
    return Grounds(split, outcome, codes, values, 2, seed, stratify=stratify)


@given(months=st.integers(8, 40), wanted=st.integers(2, 5), days=st.integers(1, 90), apart=st.booleans(), seed=st.integers(0, 9))
def test_what_a_fold_learns_from_is_known_before_its_measured_rows_begin(
    months: int, wanted: int, days: int, apart: bool, seed: int
) -> None:
    try:
        ground = grounds(90, months, apart=apart, horizon=f"{days} days", seed=seed)
    except TrainingError:  # too few dates for a split
        return
    folds, notes = cut_folds(ground, wanted)
    assert bool(notes) == (len(folds) < wanted)
    if len(folds) == 1:
        return
    for fold in folds:
        assert (ground.split[fold.learn] == TRAIN).all() and (ground.split[fold.measure] == TRAIN).all()
        last, first = ground.dates[fold.learn].max(), ground.dates[fold.measure].min()
        assert last + np.timedelta64(days, "D") <= first
        if apart:
            assert not set(ground.clusters[fold.learn]) & set(ground.clusters[fold.measure])
    for earlier, after in pairwise(folds):
        assert ground.dates[earlier.measure].max() < ground.dates[after.measure].min()
        assert apart or set(earlier.learn) <= set(after.learn), "with a gap between short and long months they may be equal"


@given(customers=st.integers(60, 300), rows=st.integers(1, 4), wanted=st.integers(2, 5), stratify=st.booleans(), seed=st.integers(-3, 9))
def test_every_entity_is_measured_in_one_fold_and_learned_from_in_the_others(
    customers: int, rows: int, wanted: int, stratify: bool, seed: int
) -> None:
    ground = by_entity(customers, rows, stratify=stratify, seed=abs(seed))
    folds, _ = cut_folds(ground, wanted)
    if len(folds) == 1:
        return
    measured = np.sort(np.concatenate([fold.measure for fold in folds]))
    assert (measured == np.flatnonzero(ground.split == TRAIN)).all(), "every training row once"
    for fold in folds:
        assert not set(ground.clusters[fold.learn]) & set(ground.clusters[fold.measure])
        assert len(fold.learn) + len(fold.measure) == len(measured)


def test_strata_give_every_fold_the_same_share() -> None:
    ground = by_entity(600, 1, stratify=True, rate=0.1)
    folds, _ = cut_folds(ground, 4)
    counts = [int(ground.outcome[fold.measure].sum()) for fold in folds]
    assert len(counts) == 4 and max(counts) - min(counts) <= 1
    drawn, _ = cut_folds(by_entity(600, 1, stratify=False, rate=0.1), 4)
    assert len({len(fold.measure) for fold in drawn}) > 1, "without strata shares are only expected"


def test_folds_are_drawn_apart_from_the_splits() -> None:
    """With one draw for both, the fold with the lowest draws would be the same customers for any share of training rows."""
    ground = by_entity(3000, 1, stratify=False)
    folds, _ = cut_folds(ground, 3)
    shares = [len(fold.measure) / int((ground.split == TRAIN).sum()) for fold in folds]
    assert all(abs(share - 1 / 3) < 0.05 for share in shares)


def test_few_rows_get_fewer_folds_and_at_last_the_validation_rows() -> None:
    few = grounds(60, 8, rate=0.5)
    folds, notes = cut_folds(few, 4)
    assert 1 < len(folds) < 4
    assert notes == (f"the training rows are not enough for 4 folds: trials are measured on {len(folds)} folds",)
    one, said = cut_folds(grounds(30, 3, rate=0.5), 3)
    assert "on the validation rows" in said[0]
    assert (one[0].measure == np.flatnonzero(grounds(30, 3, rate=0.5).split == VALIDATION)).all()


def test_one_fold_is_the_validation_rows_and_no_shortage() -> None:
    ground = grounds(50, 20)
    (fold,), notes = cut_folds(ground, 1)
    assert isinstance(fold, Fold) and notes == ()
    assert (fold.learn == np.flatnonzero(ground.split == TRAIN)).all()
    assert (fold.measure == np.flatnonzero(ground.split == VALIDATION)).all()


def test_numbers_need_rows_and_no_classes() -> None:
    ground = grounds(40, 20)
    numbers = Grounds(ground.split, np.linspace(-5, 5, 800), ground.clusters, ground.entities, 0, 0, ground.dates, "1 month")
    assert len(cut_folds(numbers, 3)[0]) == 3


def test_rows_of_entities_of_another_split_are_away() -> None:
    ground = grounds(200, 20, apart=True)
    parts = {part: set(ground.clusters[ground.split == part]) for part in (0, 1, 2)}
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert all(parts.values()) and (ground.split == AWAY).sum() > 0
