"""Whether chance does as well, by permutation."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from foretable.forms.evaluate import expit
from foretable.train.judge.chance import _shuffled, chance, permutation_test
from foretable.train.judge.measures import point
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def panel(seed: int, entities: int = 60, most: int = 6, signal: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes and scores that belong to entities, each with its own number of rows, in an order that mixes them."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(entities), generator.integers(1, most + 1, entities))
    trait, habit = generator.normal(0, 2, entities), generator.normal(0, 2, entities)
    outcome = (generator.random(len(clusters)) < expit(trait[clusters])).astype(float)
    score = habit[clusters] + signal * trait[clusters] + generator.normal(0, 0.3, len(clusters))
    mixed = generator.permutation(len(clusters))
    return outcome[mixed], score[mixed], clusters[mixed]


def test_a_model_that_tells_is_better_than_chance() -> None:
    outcome, score, clusters = panel(0, signal=1.0)
    found = chance("classification", outcome, score, clusters, seed=0)
    assert (found.check, found.severity) == ("chance", "note")
    assert found.evidence["p_value"] == pytest.approx(1 / 1001)
    assert found.evidence["value"] == pytest.approx(point("classification", "roc_auc", outcome, score))
    assert found.message.startswith("better than chance: roc_auc 0.")
    turned = chance("classification", outcome, -score, clusters, seed=0)
    assert turned.severity == "refused"
    assert turned.evidence["p_value"] > 0.9, "worse than chance is not better than it"
    assert turned.message.startswith("no better than chance: roc_auc 0.")


@pytest.mark.parametrize("task", ["regression", "multiclass", "classification"])
def test_the_p_value_is_that_of_scipy(task: str) -> None:
    generator = np.random.default_rng(5)
    rows, each = 60, np.arange(60)
    outcome = generator.integers(0, 3, rows).astype(float)
    answer = generator.random((rows, 3)) + 0.12 * (outcome[:, None] == np.arange(3))
    if task != "multiclass":
        answer = (outcome * 0.4 + generator.normal(0, 2, rows)).round(1)
        outcome = outcome if task == "regression" else (outcome > 0).astype(float)
    metric = "spearman" if task == "regression" else "roc_auc"
    theirs = stats.permutation_test(
        (outcome,),
        lambda values: point(task, metric, values, answer),
        permutation_type="pairings",
        n_resamples=1000,
        alternative="greater",
        rng=0,
    )
    p_value, value, repeats = permutation_test(task, outcome, answer, each, seed=0)
    assert value == pytest.approx(theirs.statistic)
    assert repeats == 1000
    assert p_value == pytest.approx(theirs.pvalue, abs=0.04)
    assert 0.001 < theirs.pvalue < 0.6


def test_a_tiny_sample_cannot_show_it() -> None:
    outcome, score = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    perfect = chance("classification", outcome, score, np.arange(4), seed=0)
    assert perfect.evidence["value"] == 1
    assert perfect.severity == "refused", "one of six orders is perfect"
    assert perfect.evidence["p_value"] == pytest.approx(1 / 6, abs=0.04)


def test_one_class_alone_is_refused_in_words() -> None:
    found = chance("classification", np.zeros(50), np.linspace(0, 1, 50), np.arange(50), seed=0)
    assert (found.severity, found.evidence["p_value"]) == ("refused", 1.0)


def test_rows_of_one_entity_are_one_piece_of_evidence() -> None:
    """Three entities of a hundred rows each: whoever ranks them right was lucky once, not three hundred times."""
    clusters = np.repeat(np.arange(3), 100)
    outcome = np.repeat([0.0, 1.0, 1.0], 100)
    score = np.repeat([0.1, 0.5, 0.9], 100) + np.random.default_rng(0).normal(0, 0.01, 300)
    mixed = np.random.default_rng(1).permutation(300)
    clusters, outcome, score = clusters[mixed], outcome[mixed], score[mixed]
    assert permutation_test("classification", outcome, score, np.arange(300), seed=0)[0] < 0.01
    assert permutation_test("classification", outcome, score, clusters, seed=0)[0] == pytest.approx(1 / 3, abs=0.05)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_rows_says_nothing(seed: int) -> None:
    outcome, score, clusters = panel(seed, entities=15)
    first = permutation_test("classification", outcome, score, clusters, seed=1)
    assert first == permutation_test("classification", outcome, score, clusters, seed=1)
    assert first[0] == permutation_test("classification", outcome, np.exp(score), clusters, seed=1)[0], "only the ranks count"


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12), seed=st.integers(0, 100))
def test_an_entity_gets_the_outcomes_of_one_other_in_their_order(sizes: list[int], seed: int) -> None:
    owner = np.repeat(np.arange(len(sizes)), sizes)
    positions = _shuffled(np.array(sizes), np.random.default_rng(seed))
    donors = [owner[positions[owner == entity]] for entity in range(len(sizes))]
    assert all(len(set(rows)) == 1 for rows in donors)
    assert sorted(rows[0] for rows in donors) == list(range(len(sizes))), "every entity gives once"
    first = np.cumsum(sizes) - np.array(sizes)
    for entity, size in enumerate(sizes):
        given = positions[owner == entity] - first[donors[entity][0]]
        assert given.tolist() == [place * sizes[donors[entity][0]] // size for place in range(size)]


def test_the_cost_is_bounded() -> None:
    generator = np.random.default_rng(0)
    outcome, score = (generator.random(200_000) < 0.1).astype(float), generator.random(200_000)
    start = time.process_time()
    _, _, repeats = permutation_test("classification", outcome, score, generator.integers(0, 50_000, 200_000), seed=0)
    assert repeats == 200
    assert time.process_time() - start < 6


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 6])
def test_p_values_are_uniform_without_a_signal(most: int) -> None:
    found = []
    for seed in range(300):
        outcome, score, clusters = panel(seed, most=most)
        found.append(permutation_test("classification", outcome, score, clusters, seed=seed)[0])
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.09
    if most > 1:
        naive = []
        for seed in range(100):
            outcome, score, _ = panel(seed, most=most)
            naive.append(permutation_test("classification", outcome, score, np.arange(len(outcome)), seed=0)[0])
        assert np.mean(np.array(naive) <= 0.05) > 0.09, "rows taken for independent find signals that are not there"
