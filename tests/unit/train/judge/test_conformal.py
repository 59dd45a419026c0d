"""Split-conformal intervals: they hold what they say, whatever the outcomes look like."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.registry.intervals import Intervals
from foretable.train.judge.conformal import conformal

Rows = tuple[np.ndarray, np.ndarray]


def spend(rows: int, generator: np.random.Generator) -> Rows:
    """Heavy-tailed amounts, many of them 0, and what a fair model predicts of them."""
    mean = np.exp(generator.normal(4.5, 1.2, rows))
    nothing = 1 / (1 + mean / 50)
    outcome = np.where(generator.random(rows) < nothing, 0.0, generator.gamma(1.2, mean / 1.2)).round(2)
    return mean * (1 - nothing) * np.exp(generator.normal(0, 0.2, rows)), outcome


def counts(rows: int, generator: np.random.Generator) -> Rows:
    prediction = np.exp(generator.normal(1.5, 1.0, rows))
    return prediction, generator.poisson(prediction).astype(float)


def profit(rows: int, generator: np.random.Generator) -> Rows:
    prediction = generator.normal(0, 30, rows)
    return prediction, prediction + generator.standard_t(4, rows) * 10


def biased(rows: int, generator: np.random.Generator) -> Rows:
    """The model predicts one number for everybody, and too much."""
    return np.full(rows, 70.0), generator.gamma(2, 20, rows)


WORLDS = {"spend": spend, "counts": counts, "profit": profit, "biased": biased}


def held(found: Intervals, rows: Rows) -> np.ndarray:
    low, high = found.of(rows[0])
    return (low <= rows[1]) & (rows[1] <= high)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.98])
@pytest.mark.parametrize("world", WORLDS)
def test_unseen_rows_are_held_at_the_level(world: str, level: float) -> None:
    generator = np.random.default_rng(5)
    calibrated, unseen = WORLDS[world](20_000, generator), WORLDS[world](40_000, generator)
    found = conformal(*calibrated, np.arange(20_000), level=level, least=float(min(calibrated[1])))
    share = held(found, unseen).mean()
    noise = 4 * np.sqrt(level * (1 - level) * (1 / 20_000 + 1 / 40_000))
    # More, where no interval could hold less: whole numbers and those who buy nothing come in lumps, and the prediction itself is always
    # held, also where the model predicts too much.
    lumps = {"spend": 0.15 if level == 0.5 else 0.0, "counts": 0.06, "profit": 0.0, "biased": (1 - level) / 2}[world]
    assert level - noise <= share <= level + noise + 0.002 + lumps


def test_small_and_large_predictions_are_held_alike() -> None:
    generator = np.random.default_rng(1)
    calibrated, unseen = spend(20_000, generator), spend(40_000, generator)
    found = conformal(*calibrated, np.arange(20_000), level=0.9, least=0.0)
    inside = held(found, unseen)
    tenth = np.searchsorted(np.quantile(unseen[0], np.linspace(0, 1, 11)[1:-1]), unseen[0])
    shares = np.array([inside[tenth == number].mean() for number in range(10)])
    assert (abs(shares - 0.9) < 0.02).all()


@pytest.mark.parametrize(("share", "others"), [(0.2, 0.881), (0.5, 0.83)])
def test_pieces_where_nearly_nobody_buys_do_not_make_it_all_hold_too_much(share: float, others: float) -> None:
    generator = np.random.default_rng(8)
    gone = generator.random(60_000) < share
    prediction = np.where(gone, generator.uniform(0.1, 5, 60_000), np.exp(generator.normal(4.5, 0.7, 60_000)))
    outcome = np.where(generator.random(60_000) < np.where(gone, 0.97, 0.1), 0.0, prediction * generator.gamma(1.2, 1 / 1.2, 60_000))
    learned = np.arange(60_000) < 20_000
    found = conformal(prediction[learned], outcome[learned], np.flatnonzero(learned), level=0.9, least=0.0)
    inside = held(found, (prediction, outcome))
    assert inside[~learned & gone].mean() > 0.96, "no interval holds less than those who buy nothing"
    assert inside[~learned & ~gone].mean() == pytest.approx(others, abs=0.01), "but seven points less at most"
    assert share > 0.2 or inside[~learned].mean() == pytest.approx(0.9, abs=0.008)


def test_predictions_that_no_outcome_can_be_hold_as_others_do() -> None:
    """A linear model predicts less than nothing for a third of the customers, of whom some buy; later ones are predicted even less."""
    generator = np.random.default_rng(9)
    prediction = generator.normal(40, 80, 40_000) - np.where(np.arange(40_000) < 20_000, 0, 60)
    outcome = np.where(generator.random(40_000) < 0.7, 0.0, generator.gamma(2, 20, 40_000))
    found = conformal(prediction[:20_000], outcome[:20_000], np.arange(20_000), level=0.9, least=0.0)
    low, high = found.of(prediction)
    inside = held(found, (prediction, outcome))[20_000:]
    below = prediction[20_000:] < 0
    assert inside[below].mean() == pytest.approx(0.9, abs=0.01) and (high >= 0).all() and (low == np.minimum(prediction, 0)).all()


def test_few_rows_hold_the_level_on_average() -> None:
    """The guarantee is over calibration sets: of 40 rows one set may be off, 300 of them are not."""
    generator = np.random.default_rng(2)
    shares = []
    for _ in range(300):
        found = conformal(*profit(40, generator), np.arange(40), level=0.8, least=-1e6)
        shares.append(held(found, profit(200, generator)).mean())
    assert 0.8 - 0.01 <= np.mean(shares) <= 0.8 + 2 / 41 + 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.integers(0, 5)), max_size=80),
    st.sampled_from([0.3, 0.8, 0.9]),
    st.sampled_from([-50.0, -60.0]),
)
def test_whatever_it_is_given_the_ends_are_in_order(rows: list[tuple[float, float, int]], level: float, least: float) -> None:
    prediction, outcome, clusters = (np.array(column, dtype=float) for column in zip(*rows, strict=True)) if rows else [np.empty(0)] * 3
    found = conformal(prediction, outcome, clusters, level=level, least=least)
    assert found.sound()
    asked = np.concatenate([prediction, np.array(found.borders), [-1e300, -70.0, -0.0, 0.0, 70.0, 1e300]])
    low, high = found.of(asked)
    if found.low:
        assert (low <= asked).all() and (asked <= high).all() and (low >= np.minimum(least, asked)).all()
    else:
        assert np.isnan(low).all() and np.isnan(high).all()


@pytest.mark.parametrize(("rows", "reached"), [(18, False), (19, True), (0, False)])
def test_a_level_that_the_rows_cannot_reach_gives_none(rows: int, reached: bool) -> None:
    prediction, outcome = profit(rows, np.random.default_rng(0))
    assert bool(conformal(prediction, outcome, np.arange(rows), level=0.9, least=-1e6).low) == reached


def test_many_rows_of_few_entities_are_few() -> None:
    prediction, outcome = profit(1_000, np.random.default_rng(0))
    assert not conformal(prediction, outcome, np.arange(1_000) % 18, level=0.9, least=-1e6).low
    wide = conformal(prediction, outcome, np.arange(1_000) % 30, level=0.9, least=-1e6)
    narrow = conformal(prediction, outcome, np.arange(1_000), level=0.9, least=-1e6)
    assert len(wide.low) < len(narrow.low) and held(wide, (prediction, outcome)).mean() > 0.93


def test_rows_of_one_entity_weigh_as_one() -> None:
    prediction, outcome = spend(500, np.random.default_rng(3))
    once = conformal(prediction, outcome, np.arange(500), level=0.9, least=0.0)
    again = np.repeat(np.arange(500), 4)
    assert conformal(prediction[again], outcome[again], again, level=0.9, least=0.0).high[-1] == pytest.approx(once.high[-1])


def test_a_higher_level_is_wider() -> None:
    prediction, outcome = profit(3_000, np.random.default_rng(4))
    ends = [conformal(prediction, outcome, np.arange(3_000), level=level, least=-1e6).of(prediction) for level in (0.5, 0.8, 0.9)]
    for (low, high), (lower, higher) in pairwise(ends):
        assert (lower <= low).all() and (high <= higher).all()


def test_where_many_buy_nothing_the_low_end_is_nothing_and_the_high_end_has_the_level() -> None:
    prediction = np.full(2_000, 30.0)
    outcome = np.where(np.arange(2_000) % 5 == 0, 0.0, np.arange(2_000) / 20)
    low, high = conformal(prediction, outcome, np.arange(2_000), level=0.9, least=0.0).of(np.array([30.0]))
    assert low[0] == 0.0 and (outcome <= high[0]).mean() == pytest.approx(0.9, abs=0.002)


def test_a_purchase_that_nobody_expected_does_not_stretch_the_intervals_of_others() -> None:
    unexpected = np.arange(200) % 5 == 0
    prediction = np.where(unexpected, 1e-6, np.linspace(3, 10, 200))
    found = conformal(prediction, np.where(unexpected, 50.0, prediction), np.arange(200), level=0.9, least=0.0)
    _, high = found.of(prediction)
    assert high.max() < 1_500
    assert found.of(np.array([1e-9]))[1][0] == pytest.approx(50)


def test_near_the_least_outcome_the_ends_are_level() -> None:
    generator = np.random.default_rng(7)
    prediction = np.exp(generator.normal(3, 1, 5_000))
    found = conformal(prediction, prediction * generator.uniform(0.5, 1.5, 5_000), np.arange(5_000), level=0.9, least=0.0)
    low, high = found.of(np.array([1e-9, 1e-3]))
    assert low.tolist() == [1e-9, 1e-3] and high[0] == high[1] > 0.1


def test_below_the_least_outcome_nothing_is_expected() -> None:
    found = conformal(*spend(5_000, np.random.default_rng(6)), np.arange(5_000), level=0.9, least=0.0)
    low, high = found.of(np.array([-5.0, 0.0, 1e-12]))
    assert low.tolist() == [-5.0, 0.0, 0.0] and (high > 0).all() and high[0] == high[1] == high[2]
