"""Calibration: rates are met, the order stays, no step is steeper than float32 can bear."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from foretable.forms import Finish
from foretable.forms.evaluate import apply_finish, expit
from foretable.train.estimators.calibration import STEEPEST, calibrate


def scores(seed: int, rows: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are twice as sure as they should be, and outcomes."""
    random = np.random.default_rng(seed)
    logit = random.normal(-1, 1.5, rows)
    return 2 * logit + 1, (random.random(rows) < expit(logit)).astype(np.float64)


def test_without_calibration_the_estimators_own_link_answers() -> None:
    for link in ("identity", "sigmoid", "softmax", "exp"):
        assert calibrate(None, np.empty(0), np.empty(0), link) == Finish(link)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("link", ["sigmoid", "identity"])
def test_rates_are_met(kind: str, link: str) -> None:
    raw, outcome = scores(0)
    raw = raw if link == "sigmoid" else expit(raw)
    finish = calibrate(kind, raw, outcome, link)  # type: ignore[arg-type]
    answer = apply_finish(finish, raw)
    assert answer.mean() == pytest.approx(outcome.mean(), abs=0.005)
    fresh, truth = scores(1, 20_000)
    answer = apply_finish(finish, fresh if link == "sigmoid" else expit(fresh))
    deciles = np.digitize(answer, np.quantile(answer, np.linspace(0.1, 0.9, 9)))
    gaps = [abs(answer[deciles == d].mean() - truth[deciles == d].mean()) for d in range(10)]
    before = [abs(expit(fresh)[deciles == d].mean() - truth[deciles == d].mean()) for d in range(10)]
    assert np.mean(gaps) < (0.05 if (kind, link) == ("sigmoid", "identity") else 0.02) < np.mean(before) / 2
    assert (np.diff(answer[np.argsort(fresh)]) >= 0).all(), "the order stays"


@given(seed=st.integers(0, 999), rows=st.integers(2, 300), kinds=st.sampled_from(["sigmoid", "identity"]))
@settings(max_examples=80, deadline=None)
def test_no_isotonic_step_is_steeper_than_float32_can_bear(seed: int, rows: int, kinds: str) -> None:
    random = np.random.default_rng(seed)
    outcome = random.integers(0, 2, rows).astype(np.float64)
    raw = np.round(random.normal(0, 3, rows), 2) if kinds == "sigmoid" else random.random(rows)
    finish = calibrate("isotonic", raw, outcome, kinds)  # type: ignore[arg-type]
    if not finish.knots:
        assert (finish.slope, finish.offset) == (0.0, outcome.mean())
        return
    x, y = np.array(finish.knots).T
    assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
    assert (np.diff(y) / np.diff(x)).max() <= STEEPEST * (0.25 if kinds == "sigmoid" else 1) * (1 + 1e-9)
    assert y.min() > 0 and y.max() < 1, "no rows prove a probability of 0 or 1"


def test_the_line_follows_scikit_learns_steps() -> None:
    raw, outcome = scores(5)
    own = IsotonicRegression(out_of_bounds="clip").fit(raw, outcome).predict(raw)
    answer = apply_finish(calibrate("isotonic", raw, outcome, "sigmoid"), raw)
    assert np.abs(answer - own).mean() < 0.01
    assert log_loss(outcome, answer) < log_loss(outcome, expit(raw))


def test_what_float32_gets_wrong_stays_within_the_tolerance() -> None:
    """Steps of an isotonic regression made 0.015 of the last digit of a float32."""
    raw, outcome = scores(2)
    finish = calibrate("isotonic", raw, outcome, "sigmoid")
    nearby = raw + np.random.default_rng(0).uniform(-2e-6, 2e-6, len(raw))
    assert np.abs(apply_finish(finish, nearby) - apply_finish(finish, raw)).max() < 1e-5


def test_a_model_that_ranks_the_wrong_way_gives_everybody_the_base_rate() -> None:
    raw, outcome = scores(3)
    for kind in ("sigmoid", "isotonic"):
        finish = calibrate(kind, -raw, outcome, "sigmoid")
        assert finish.slope == 0
        assert apply_finish(finish, raw) == pytest.approx(np.full(len(raw), outcome.mean()))


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_the_order_of_rows_changes_nothing_and_twice_is_the_same(kind: str) -> None:
    raw, outcome = scores(4, 500)
    first = calibrate(kind, raw, outcome, "sigmoid")
    assert calibrate(kind, raw, outcome, "sigmoid") == first
    shuffled = np.random.default_rng(0).permutation(500)
    other = calibrate(kind, raw[shuffled], outcome[shuffled], "sigmoid")
    assert apply_finish(other, raw) == pytest.approx(apply_finish(first, raw), abs=1e-9)
