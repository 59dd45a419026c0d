"""The search: what is tried follows from the seed, also after a stop."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foretable as ft
from foretable.errors import TrainingError
from foretable.train.result import Trial
from foretable.train.search import sample
from foretable.train.search.sample import search_sample
from foretable.train.search.search import search

CANDIDATE = ft.XGBoost(
    learning_rate=ft.between(0.001, 10.0, log=True), max_depth=ft.between(1, 30), grow_policy=ft.among("a", 0.5, None), gamma=3
)


def reached(parameters: Mapping[str, Any], fold: int) -> float:
    if parameters["max_depth"] == 7:
        return math.nan
    bowl = -(math.log(parameters["learning_rate"]) ** 2) - abs(parameters["max_depth"] - 20) / 10
    return bowl - (parameters["grow_policy"] == "a") + 0.3 * fold * (parameters["max_depth"] % 3 - 1)


def run(
    trials: int, earlier: tuple[Trial, ...] = (), objective: Callable[[Mapping[str, Any], int], float] = reached, **options: Any
) -> tuple[dict[str, Any], list[Any], list[Trial]]:
    told: list[Trial] = []
    given = {"folds": 3, "seed": 5, "higher_is_better": True, "tell": told.append} | options
    best, tried = search(CANDIDATE, objective, trials=trials, earlier=earlier, **given)
    return best, list(tried), told


def plain(trials: list[Trial]) -> list[Any]:
    return [(t.trial, dict(t.parameters), t.folds if t.state != "FAILED" else len(t.folds), t.state) for t in trials]


def kept(trial: Trial) -> Trial:
    """What comes back from the catalog, where parameters are JSON."""
    return Trial(
        trial.candidate, trial.trial, json.loads(json.dumps(dict(trial.parameters))), trial.value, trial.state, 0.0, trial.folds, None
    )


@settings(max_examples=8, deadline=None)
@given(stop=st.integers(0, 30), seed=st.integers(0, 3))
def test_a_search_that_goes_on_tries_what_it_would_have_tried(stop: int, seed: int) -> None:
    best, whole, _ = run(30, seed=seed)
    again, all_, told = run(30, tuple(kept(trial) for trial in whole[:stop]), seed=seed)
    assert again == best and plain(all_) == plain(whole)
    assert [trial.trial for trial in told] == list(range(stop, 30)), "what is done is not done again"


def test_a_longer_search_begins_as_the_shorter_one() -> None:
    assert plain(run(12)[1]) == plain(run(30)[1])[:12]
    assert plain(run(5, tuple(run(12)[1]))[1]) == plain(run(5)[1]), "nor does a shorter one look at later trials"


def test_another_seed_tries_something_else() -> None:
    assert plain(run(5)[1]) != plain(run(5, seed=6)[1])


def test_who_is_behind_is_stopped_and_never_wins() -> None:
    best, tried, _ = run(40)
    states = {trial.state for trial in tried}
    assert states == {"COMPLETE", "PRUNED", "FAILED"}
    assert all(trial.state == "COMPLETE" for trial in tried[:5] if trial.parameters["max_depth"] != 7)
    for trial in tried:
        assert (len(trial.folds) == 3) == (trial.state == "COMPLETE") or trial.state == "FAILED"
        assert set(trial.parameters) == {"learning_rate", "max_depth", "grow_policy", "gamma"}
    complete = [trial for trial in tried if trial.state == "COMPLETE"]
    assert best == dict(max(complete, key=lambda trial: trial.value).parameters)
    assert all(trial.value == pytest.approx(np.mean(trial.folds)) for trial in complete)


def test_errors_are_searched_downwards() -> None:
    def error(parameters: Mapping[str, Any], fold: int) -> float:
        return -reached(parameters, fold) if parameters["max_depth"] != 7 else 99.0

    best, tried, _ = run(20, objective=error, higher_is_better=False)
    assert best == dict(min((t for t in tried if t.state == "COMPLETE"), key=lambda t: t.value).parameters)
    behind = [t.value for t in tried if t.state == "PRUNED"]
    assert behind and min(behind) > min(t.value for t in tried if t.state == "COMPLETE")


def test_tpe_does_better_than_its_first_draws() -> None:
    _, tried, _ = run(40)
    assert max(t.value for t in tried if t.state == "COMPLETE") > max(t.value for t in tried[:10] if t.state == "COMPLETE")


def test_nothing_usable_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no trial of XGBoost"):
        run(3, objective=lambda parameters, fold: math.inf)


def test_without_ranges_nothing_is_searched() -> None:
    options = {"folds": 3, "trials": 9, "seed": 0, "higher_is_better": True, "earlier": (), "tell": pytest.fail}
    assert search(ft.XGBoost(max_depth=3), reached, **options) == ({"max_depth": 3}, ())  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(0, 400), min_size=2, max_size=5), room=st.integers(5, 600), seed=st.integers(0, 5))
def test_a_sample_stands_for_all_rows_of_every_class(counts: list[int], room: int, seed: int) -> None:
    outcome = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts)).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "SEARCH_ROWS", room)
        rows, weights = search_sample(outcome, len(counts), seed)
    assert len(rows) <= max(room, 0) or len(outcome) <= room
    assert (np.diff(rows) > 0).all() and weights.sum() == pytest.approx(len(outcome))
    for value, count in enumerate(counts):
        assert weights[outcome[rows] == value].sum() == pytest.approx(count)


def test_a_sample_of_numbers_is_drawn_at_random() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "SEARCH_ROWS", 1000)
        rows, weights = search_sample(np.arange(5000.0), 0, 0)
    assert len(rows) == 1000 and (weights == 5).all()
    assert 2000 < rows.mean() < 3000
