"""Metrics and their intervals, against scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.linear_model import LogisticRegression

from foretable.declare.judge import Gate
from foretable.forms.evaluate import expit
from foretable.train.estimators.calibration import fit_sigmoid, logistic_line
from foretable.train.judge.bootstrap import dense, interval, repeats_for, replicates
from foretable.train.judge.evaluate import evaluate, measure
from foretable.train.judge.gate import compare
from foretable.train.judge.metrics import RANK, SUMS, ranking, roc_auc, sums
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def world(rows: int = 3000, seed: int = 0, digits: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logit = generator.normal(-2, 1.5, rows)
    outcome = (generator.random(rows) < expit(logit)).astype(float)
    probability = expit(0.8 * logit + 0.2 + generator.normal(0, 0.3, rows))
    return outcome, probability if digits is None else probability.round(digits)


@pytest.mark.parametrize("digits", [None, 1])
def test_metrics_equal_scikit_learns(digits: int | None) -> None:
    y, p = world(digits=digits)
    p = np.clip(p, 0.01, 0.99)
    found = measure("classification", y, p, np.arange(len(y)), threshold=0.4, seed=0)
    flagged = p >= 0.4
    expected = {
        "roc_auc": oracle.roc_auc_score(y, p),
        "pr_auc": oracle.average_precision_score(y, p),
        "log_loss": oracle.log_loss(y, p),
        "brier": oracle.brier_score_loss(y, p),
        "precision": oracle.precision_score(y, flagged),
        "recall": oracle.recall_score(y, flagged),
        "f1": oracle.f1_score(y, flagged),
        "mean_probability": p.mean(),
        "positive_rate": y.mean(),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-12), name
        assert found[name][1] <= value <= found[name][2], name


@pytest.mark.parametrize("digits", [None, 1])
def test_weights_count_as_copies(digits: int | None) -> None:
    y, p = world(800, digits=digits)
    copies = np.random.default_rng(5).integers(0, 4, len(y))
    weighted = ranking(y, p).measure(copies.astype(float))
    repeated = ranking(np.repeat(y, copies), np.repeat(p, copies)).measure(np.ones(copies.sum()))
    assert weighted == pytest.approx(repeated, abs=1e-12)
    assert weighted[0] == pytest.approx(oracle.roc_auc_score(y, p, sample_weight=copies), abs=1e-12)


def test_the_top_decile_counts_ties_by_their_share() -> None:
    y = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 0.0])
    assert ranking(y, np.arange(10)[::-1]).measure(np.ones(10))[RANK.index("precision_at_10pct")] == pytest.approx(1)
    everybody_equal = ranking(y, np.zeros(10)).measure(np.ones(10))
    assert everybody_equal[RANK.index("precision_at_10pct")] == pytest.approx(0.2)
    assert everybody_equal[RANK.index("lift_at_10pct")] == pytest.approx(1)


def test_calibration_slope_is_that_of_a_logistic_regression() -> None:
    y, p = world()
    logit = np.log(p / (1 - p))
    line = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], y)
    found = measure("classification", y, p, np.arange(len(y)), threshold=0.5, seed=0)["calibration_slope"]
    assert found[0] == pytest.approx(line.coef_[0, 0], abs=1e-4)
    assert found[1] < found[0] < found[2]


def test_one_newton_step_is_close_to_the_replicates_own_slope() -> None:
    y, p = world()
    summed = sums(y, p, 0.5)
    draws = np.bincount(np.random.default_rng(2).integers(len(y), size=len(y)), minlength=len(y)).astype(float)
    step = summed.measure(draws @ summed.by_cluster(np.arange(len(y))))[SUMS.index("calibration_slope")]
    copies = draws.astype(int)
    exact, _ = logistic_line(np.repeat(np.log(p / (1 - p)), copies), np.repeat(y, copies))
    assert step == pytest.approx(exact, abs=0.01)
    assert abs(step - exact) < abs(summed.slope - exact)


def test_calibration_error_is_the_mean_gap_of_deciles() -> None:
    y, p = world()
    order = np.argsort(p)
    gaps = [abs(y[part].mean() - p[part].mean()) * len(part) for part in np.array_split(order, 10)]
    found = measure("classification", y, p, np.arange(len(y)), threshold=0.5, seed=0)["calibration_error"]
    assert found[0] == pytest.approx(sum(gaps) / len(y), abs=2e-4)


def test_the_interval_of_the_calibration_error_holds_it_and_stays_above_zero() -> None:
    generator = np.random.default_rng(1)
    p = expit(generator.normal(-1, 1, 400))
    y = (generator.random(400) < p).astype(float)
    value, low, high = measure("classification", y, p, np.arange(400), threshold=0.5, seed=0)["calibration_error"]
    assert 0 <= low < value < high < 0.1
    assert 0.5 < (value - low) / (high - value) < 2, "the noise of resampling widens the interval, and does not shift it"
    tiny = measure("classification", np.tile([0.0, 1.0], 50), np.full(100, 0.5), np.arange(100), threshold=0.5, seed=0)["calibration_error"]
    assert tiny[:2] == (0, 0)


def test_replicates_without_a_finite_figure_are_left_out() -> None:
    low, high = interval(np.array([[1.0, np.nan], [2.0, np.nan], [np.inf, np.nan], [np.nan, np.nan], [-np.inf, np.nan]]))
    assert (low[0], high[0]) == (pytest.approx(1.025), pytest.approx(1.975))
    assert np.isnan([low[1], high[1]]).all()


def test_a_part_without_positives_has_no_ranking() -> None:
    found = measure("classification", np.zeros(50), np.linspace(0.1, 0.2, 50), np.arange(50), threshold=0.5, seed=0)
    assert "roc_auc" not in found and "pr_auc" not in found
    assert found["brier"][0] > 0


def test_a_part_is_resampled_from_its_own_entities() -> None:
    y, p = world(400)
    alone = measure("classification", y, p, np.arange(400), threshold=0.5, seed=0)
    assert measure("classification", y, p, np.arange(400) * 10, threshold=0.5, seed=0) == alone, "entities of other parts are not drawn"


def test_rows_of_one_entity_are_no_independent_evidence() -> None:
    y, p = world(400)
    clusters = np.repeat(np.arange(400), 10)
    alone = measure("classification", y, p, np.arange(400), threshold=0.5, seed=0)["roc_auc"]
    copied = measure("classification", np.repeat(y, 10), np.repeat(p, 10), clusters, threshold=0.5, seed=0)["roc_auc"]
    assert copied == pytest.approx(alone, abs=1e-12), "ten copies of each customer tell nothing new"
    naive = measure("classification", np.repeat(y, 10), np.repeat(p, 10), np.arange(4000), threshold=0.5, seed=0)["roc_auc"]
    assert naive[2] - naive[1] < 0.5 * (alone[2] - alone[1])


def test_intervals_cover_the_truth() -> None:
    truth = roc_auc(*world(400_000, seed=99))
    inside = 0
    for seed in range(60):
        y, p = world(500, seed=seed)
        ranked = ranking(y, p)
        draws = replicates(ranked.measure, np.arange(500), seed, 200)
        low, high = interval(draws)
        inside += int(low[0] <= truth <= high[0])
    assert 51 <= inside <= 60


def test_equal_seeds_draw_equally_and_the_cost_is_bounded() -> None:
    y, p = world(50_000)
    clusters = dense(np.arange(50_000) // 7)
    start = time.process_time()
    first = measure("classification", y, p, clusters, threshold=0.5, seed=4)
    assert time.process_time() - start < 6
    assert measure("classification", y, p, clusters, threshold=0.5, seed=4) == first
    assert repeats_for(40_000) == 200 and repeats_for(1_000_000) == 40


def test_every_split_and_segment_is_evaluated() -> None:
    y, p = world()
    split = np.random.default_rng(0).integers(-1, 3, len(y))
    latest = np.arange(len(y)) % 2 == 0
    found = evaluate("classification", y, p, split, np.arange(len(y)), threshold=0.5, seed=0, segments={"latest": latest})
    rows = {(e.split, e.segment): e.row_count for e in found}
    assert rows == {
        ("train", "all"): (split == 0).sum(),
        ("validation", "all"): (split == 1).sum(),
        ("test", "all"): (split == 2).sum(),
        ("test", "latest"): ((split == 2) & latest).sum(),
    }


def test_platt_recovers_a_known_line_and_the_rate() -> None:
    generator = np.random.default_rng(0)
    margin = generator.normal(3, 2, 200_000)
    y = (generator.random(200_000) < expit(0.5 * margin - 4)).astype(float)
    slope, offset = fit_sigmoid(margin, y)
    assert (slope, offset) == (pytest.approx(0.5, abs=0.02), pytest.approx(-4, abs=0.08))
    assert expit(slope * margin + offset).mean() == pytest.approx(y.mean(), rel=1e-6)


def test_platt_gives_everybody_the_base_rate_when_the_margin_points_the_wrong_way() -> None:
    y = np.array([1.0, 1, 1, 0, 0, 0, 0, 0])
    slope, offset = fit_sigmoid(-y + np.linspace(0, 0.1, 8), y)
    assert slope == 0
    assert expit(np.array([offset]))[0] == pytest.approx(3 / 8)


def test_platt_ends_on_separable_and_constant_margins() -> None:
    y = np.array([0.0, 0, 1, 1])
    slope, offset = fit_sigmoid(np.array([-2.0, -1, 1, 2]), y)
    assert np.isfinite([slope, offset]).all() and slope > 0
    slope, offset = fit_sigmoid(np.ones(4), y)
    assert expit(np.array([slope + offset]))[0] == pytest.approx(0.5)


def rivals(rows: int, gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An outcome, a good model, and one with ``gap`` more noise."""
    generator = np.random.default_rng(1)
    logit = generator.normal(-1, 1.5, rows)
    outcome = (generator.random(rows) < expit(logit)).astype(float)
    return outcome, expit(logit), expit(logit + generator.normal(0, gap, rows))


@pytest.mark.parametrize("metric", ["roc_auc", "pr_auc", "log_loss", "brier"])
def test_the_gate_turns_every_metric_so_that_more_is_better(metric: str) -> None:
    outcome, good, noisy = rivals(4000, 1.5)
    each, options = np.arange(4000), {"champion_version": 3, "threshold": 0.5, "seed": 0}
    won = compare(Gate(metric), outcome, good, noisy, each, **options)
    assert won.accepted
    assert won.low > 0
    lost = compare(Gate(metric), outcome, noisy, good, each, **options)
    assert not lost.accepted
    assert (lost.difference, lost.low, lost.high) == pytest.approx((-won.difference, -won.high, -won.low))
    assert not compare(Gate(metric, margin=won.difference + 1e-6), outcome, good, noisy, each, **options).accepted


def test_the_gate_draws_whole_entities() -> None:
    """Ten copies of each row are no more evidence than one: the interval of the rows is too narrow, that of entities is not."""
    outcome, good, noisy = rivals(300, 0.4)
    copies, options = np.repeat(np.arange(300), 10), {"champion_version": 1, "threshold": 0.5, "seed": 0}
    by_row = compare(Gate("roc_auc"), outcome[copies], good[copies], noisy[copies], np.arange(3000), **options)
    by_entity = compare(Gate("roc_auc"), outcome[copies], good[copies], noisy[copies], copies, **options)
    assert by_entity.difference == pytest.approx(by_row.difference)
    assert by_entity.high - by_entity.low > 2 * (by_row.high - by_row.low)
    assert by_row.accepted
    assert not by_entity.accepted
