"""What is told of intervals: their coverage where they were not calibrated, and that it is off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from foretable.registry.intervals import Intervals
from foretable.registry.signature import Signature
from foretable.train.judge.conformal import conformal
from foretable.train.judge.covered import covered
from foretable.train.prepare import Prepared
from foretable.train.result import Evaluation, Finding
from foretable.train.search.folds import Grounds
from foretable.train.split import TEST, TRAIN, VALIDATION

ROWS = 2_000


def prepared(outcome: np.ndarray) -> Prepared:
    """Rows of three splits, two of each entity."""
    import pyarrow as pa

    split, clusters = np.repeat([TRAIN, VALIDATION, TEST], ROWS), np.arange(3 * ROWS) // 2
    dates = np.datetime64("2025-01-01", "us") + (split * 60 + np.arange(3 * ROWS) % 2 * 30).astype("timedelta64[D]")
    grounds = Grounds(split, outcome, clusters, pa.array([str(each) for each in np.unique(clusters)]), 0, 0, dates, "30 days")
    signature = Signature("ltv", "regression", (), "spend_next")
    return Prepared(signature, np.empty((3 * ROWS, 0)), outcome, split, clusters, split == TEST, (), 0, dates, {}, grounds)


def world() -> tuple[Prepared, np.ndarray]:
    """Spend around what is predicted."""
    generator = np.random.default_rng(0)
    answer = np.exp(generator.normal(4, 1, 3 * ROWS))
    outcome = answer * generator.gamma(3, 1 / 3, 3 * ROWS)
    return prepared(outcome), answer


def judged(rows: Prepared, answer: np.ndarray) -> tuple[dict[tuple[str, str, str], Evaluation], tuple[Finding, ...]]:
    part = rows.rows(VALIDATION)
    found = conformal(answer[part], rows.outcome[part], rows.clusters[part], level=0.9, least=0.0)
    region = np.arange(len(answer)) % 3 == 0
    evaluations, findings = covered(found, rows, answer, segments={"region=north": region}, seed=0)
    return {(e.split, e.segment, e.metric): e for e in evaluations}, findings


def test_coverage_and_width_are_measured_for_all_and_by_part() -> None:
    rows, answer = world()
    found, findings = judged(rows, answer)
    one, width = found["test", "all", "coverage"], found["test", "all", "interval_width"]
    assert abs(one.value - 0.9) < 0.02 and one.low < one.value < one.high and one.row_count == ROWS
    assert width.low < width.value < width.high
    for segment in ("region=north", "decile=1", "decile=10", "as_of=2025-05-01"):
        assert abs(found["test", segment, "coverage"].value - 0.9) < 0.08, segment
    assert ("validation", "all", "coverage") in found and not any(key[0] == "train" for key in found)
    assert findings == ()


@pytest.mark.parametrize(
    ("moved", "said"), [(lambda spent, expected: spent * 2.5, "too few"), (lambda spent, expected: expected, "more than they say")]
)
def test_outcomes_that_have_moved_are_warned_of(moved: Callable[[np.ndarray, np.ndarray], np.ndarray], said: str) -> None:
    rows, answer = world()
    test = rows.rows(TEST)
    rows.outcome[test] = moved(rows.outcome[test], answer[test])
    found, (finding,) = judged(rows, answer)
    assert (finding.check, finding.severity) == ("intervals", "warning") and said in finding.message
    assert finding.evidence["value"] == found["test", "all", "coverage"].value


def test_too_few_rows_for_a_level_are_told() -> None:
    rows, answer = world()
    evaluations, (finding,) = covered(Intervals(0.9), rows, answer, segments={}, seed=0)
    assert evaluations == () and "too few entities" in finding.message
