"""Where the sum of the outcomes lies."""

from __future__ import annotations

import numpy as np
import pytest

from foretable.train.judge.evaluate import evaluate
from foretable.train.judge.shares import shares
from foretable.train.split import TEST, TRAIN

OUTCOME = np.arange(1.0, 101.0)
HELD = np.full(100, TEST)
EACH = np.arange(100)


def of(metric: str, found: tuple, number: int) -> object:
    return next(e for e in found if (e.metric, e.segment) == (metric, f"decile={number}"))


def test_tenths_hold_shares_of_the_sum():
    found = shares(OUTCOME, OUTCOME * 3, HELD, EACH, seed=0)
    assert of("value_share", found, 10).value == pytest.approx(sum(range(91, 101)) / 5050)
    assert of("value_captured", found, 9).value == pytest.approx(sum(range(81, 101)) / 5050)
    assert of("value_captured", found, 1).value == 1.0
    assert sum(e.value for e in found if e.metric == "value_share") == pytest.approx(1.0)
    top = of("value_share", found, 10)
    assert top.low < top.value < top.high and top.row_count == 10


def test_rows_of_others_do_not_count():
    split = np.where(EACH < 50, TRAIN, TEST)
    found = shares(OUTCOME, OUTCOME, split, EACH, seed=0)
    assert of("value_share", found, 10).value == pytest.approx(sum(range(96, 101)) / sum(range(51, 101)))


def test_customers_are_drawn_with_all_their_rows():
    """Ten rows of one customer are no ten customers: with them the share is less certain."""
    alone = of("value_share", shares(OUTCOME, OUTCOME, HELD, EACH, seed=0), 10)
    tied = of("value_share", shares(OUTCOME, OUTCOME, HELD, EACH // 10, seed=0), 10)
    assert tied.value == alone.value and tied.high - tied.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize("outcome", [OUTCOME - 50, OUTCOME * 0], ids=["below 0", "nothing"])
def test_no_shares_of_what_has_none(outcome):
    assert shares(outcome, OUTCOME, HELD, EACH, seed=0) == ()


def test_equal_predictions_share_a_tenth():
    found = shares(OUTCOME, np.ones(100), HELD, EACH, seed=0)
    assert {e.segment for e in found} == {"decile=10"} and of("value_share", found, 10).value == 1.0


@pytest.mark.parametrize(("task", "there"), [("regression", True), ("classification", False)])
def test_regressions_are_told_so(task, there):
    outcome = OUTCOME if task == "regression" else (OUTCOME > 50).astype(float)
    found = evaluate(task, outcome, OUTCOME / 101, HELD, EACH, threshold=0.5, seed=0, segments={})
    assert any(e.metric == "value_captured" for e in found) is there
