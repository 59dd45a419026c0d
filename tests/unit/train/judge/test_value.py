"""The threshold by value, against counting every cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.declare.judge import Value
from foretable.forms.evaluate import expit
from foretable.train.judge.cuts import best_cuts, offers, ranked
from foretable.train.judge.value import choose, worth
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def total(value: Value, outcome: np.ndarray, probability: np.ndarray, dates: np.ndarray, cuts: np.ndarray, order: np.ndarray) -> float:
    """Row by row, as the words say it."""
    used: dict[int, int] = {}
    worth = 0.0
    for row in order:
        date = dates[row]
        act = probability[row] >= cuts[row] and (value.capacity is None or used.get(date, 0) < value.capacity)
        used[date] = used.get(date, 0) + int(act)
        if outcome[row] == 1:
            worth += value.true_positive if act else value.false_negative
        else:
            worth += value.false_positive if act else value.true_negative
    return worth


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Value, np.ndarray, np.ndarray, np.ndarray, int]:
    rows = draw(st.integers(1, 25))
    levels = draw(st.integers(1, 12))
    probability = np.array(draw(st.lists(st.integers(0, levels), min_size=rows, max_size=rows))) / levels
    outcome = np.array(draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)), dtype=float)
    dates = np.array(draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)))
    money = [draw(st.integers(-20, 20)) for _ in range(4)]
    value = Value(*map(float, money), capacity=draw(st.none() | st.integers(1, 5)))
    return value, outcome, probability, dates, draw(st.integers(0, 100))


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_no_cut_is_worth_more(world: tuple[Value, np.ndarray, np.ndarray, np.ndarray, int]) -> None:
    value, outcome, probability, dates, seed = world
    rows, order = len(outcome), ranked(probability, seed)
    offered = offers(value, outcome, probability, dates, seed)
    threshold, found = offered.best(np.ones(rows))
    candidates = [*np.unique(probability), 2.0]
    totals = {cut: total(value, outcome, probability, dates, np.full(rows, cut), order) for cut in candidates}
    assert found == max(totals.values())
    assert found == total(value, outcome, probability, dates, np.full(rows, threshold), order)
    assert offered.total(np.full(rows, threshold), np.ones(rows)) == found
    highest = max(cut for cut in candidates if totals[cut] == found)
    assert (probability >= threshold).tolist() == (probability >= highest).tolist(), "of equal totals, the fewest are acted on"
    assert threshold not in probability or threshold == 0 or len(np.unique(probability)) == 1, "half way between two"


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(0, 100))
def test_weights_count_as_copies(world: tuple[Value, np.ndarray, np.ndarray, np.ndarray, int], seed: int) -> None:
    value, outcome, probability, dates, _ = world
    copies = np.random.default_rng(seed).integers(0, 3, len(outcome))
    if copies.sum() == 0 or len(np.unique(probability)) < len(probability):
        return
    weighted = offers(value, outcome, probability, dates, 0).best(copies.astype(float))
    several = (np.repeat(array, copies) for array in (outcome, probability, dates))
    assert offers(value, *several, 0).best(np.ones(copies.sum()))[1] == weighted[1]


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_each_segment_gets_the_best_cut_given_the_others(world: tuple[Value, np.ndarray, np.ndarray, np.ndarray, int]) -> None:
    value, outcome, probability, dates, seed = world
    rows, order = len(outcome), ranked(probability, seed)
    segments = np.array([("north", "south", "east")[row % 3] for row in range(rows)], dtype=object)
    names = sorted(set(segments[:2]))
    offered = offers(value, outcome, probability, dates, seed)
    alone = offered.best(np.ones(rows))[0]
    cuts = best_cuts(offered, segments, names, alone)

    def with_cuts(chosen: dict[str, float]) -> float:
        return total(value, outcome, probability, dates, np.array([chosen.get(segment, alone) for segment in segments]), order)

    found = with_cuts(cuts)
    candidates = [*np.unique(probability), 2.0]
    for name, cut in product(names, candidates):
        assert with_cuts({**cuts, name: cut}) <= found
    assert found >= with_cuts({})
    if value.capacity is None:
        for pair in product(candidates, repeat=len(names)):
            assert with_cuts(dict(zip(names, pair, strict=True))) <= found


def world(rows: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logit = generator.normal(-1, 1.5, rows)
    return (generator.random(rows) < expit(logit)).astype(float), expit(logit)


def test_calibrated_probabilities_are_cut_where_gain_and_loss_balance() -> None:
    """Acting is worth 10·p − 2·(1 − p), so from p = 1/6 on. Source: Elkan 2001, "The foundations of cost-sensitive learning"."""
    y, p = world(40_000)
    found = choose(Value(true_positive=10, false_positive=-2), y, p, None, None, np.arange(40_000), 0)
    assert found.threshold == pytest.approx(1 / 6, abs=0.04)
    assert found.threshold_low <= found.threshold <= found.threshold_high
    assert found.threshold_low < 1 / 6 < found.threshold_high
    assert found.low < found.worth < found.high
    acted = p >= found.threshold
    assert found.worth == pytest.approx(10 * y[acted].sum() - 2 * (1 - y[acted]).sum())


def test_nothing_or_everything_may_be_worth_it() -> None:
    y, p = world(500)
    each = np.arange(500)
    nobody = choose(Value(true_positive=-1, false_positive=-1), y, p, None, None, each, 0)
    assert (nobody.worth, (p >= nobody.threshold).any()) == (0, False)
    certain = choose(Value(false_positive=-1), np.zeros(3), np.ones(3), None, None, np.arange(3), 0)
    assert certain.threshold > 1, "even of those with probability 1"
    everybody = choose(Value(true_positive=1, false_positive=1), y, p, None, None, each, 0)
    assert (everybody.worth, (p >= everybody.threshold).all()) == (500, True)


def test_a_segment_that_is_off_gets_a_threshold_of_its_own_and_a_small_one_does_not() -> None:
    y, p = world(20_000)
    segments = np.where(np.arange(20_000) % 2 == 0, "north", "south").astype(object)
    segments[:50] = "islands"
    segments[50:200] = None
    shown = np.where(segments == "south", p / 2, p)
    value, each = Value(true_positive=10, false_positive=-2, by="region"), np.arange(20_000)
    found = choose(value, y, shown, None, segments, each, 0)
    assert set(found.by_segment) == {"north", "south"}
    assert found.by_segment["north"] == pytest.approx(1 / 6, abs=0.05)
    assert found.by_segment["south"] == pytest.approx(1 / 12, abs=0.03)
    cuts = found.cuts(4, np.array(["north", "islands", "elsewhere", None], dtype=object))
    assert cuts.tolist() == [found.by_segment["north"], *[found.threshold] * 3]
    one = choose(Value(true_positive=10, false_positive=-2), y, shown, None, None, each, 0)
    assert found.worth > one.worth
    assert one.cuts(2).tolist() == [one.threshold] * 2


def test_worth_on_other_rows_is_less_flattering() -> None:
    value = Value(true_positive=10, false_positive=-2, capacity=3)
    more = []
    for seed in range(12):
        y, p = world(120, seed)
        dates = np.arange(120) % 5
        found = choose(value, y, p, dates, None, np.arange(120), seed)
        fresh, their = world(120, seed + 1000)
        there = worth(value, fresh, their, dates, found.cuts(120), np.arange(120), seed)
        assert (there.metric, there.split, there.row_count) == ("worth", "test", 120)
        assert there.low <= there.value <= there.high
        again = worth(value, y, p, dates, found.cuts(120), np.arange(120), seed)
        assert (again.value, again.low, again.high) == pytest.approx((found.worth, found.low, found.high))
        more.append(found.worth - there.value)
    assert np.mean(more) > 0


def test_the_interval_of_the_worth_covers_what_the_threshold_brings_on_average() -> None:
    value, inside = Value(true_positive=5, false_positive=-1), 0
    y, p = world(400_000, 999)
    truth = worth(value, y, p, None, np.full(len(y), 0.3), np.arange(len(y)), 0).value / len(y)
    for seed in range(60):
        y, p = world(400, seed)
        found = worth(value, y, p, None, np.full(400, 0.3), np.arange(400), seed)
        inside += int(found.low / 400 <= truth <= found.high / 400)
    assert 52 <= inside <= 60


def test_segments_that_share_a_capacity_are_looked_at_again() -> None:
    """South acts on nobody once north has moved, and so leaves room for north to move again."""
    y, p = np.array([1.0, 0, 0, 1, 1, 1]), np.array([0.2, 0.1, 0.5, 0.4, 0.6, 0.3])
    segments = np.array(["south", "north", "north", "south", "south", "south"], dtype=object)
    offered = offers(Value(1, 4, -2, 5, capacity=2), y, p, None, 0)
    cuts = best_cuts(offered, segments, ["north", "south"], offered.best(np.ones(6))[0])
    assert offered.total(np.array([cuts[segment] for segment in segments]), np.ones(6)) == 28
