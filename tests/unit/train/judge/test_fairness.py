"""Groups, gaps and limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import recall_score

from foretable.declare.judge import FAIRNESS, Gate
from foretable.forms.evaluate import expit
from foretable.train.judge.evaluate import measure
from foretable.train.judge.fairness import fairness
from foretable.train.judge.segments import by_value
from foretable.train.result import Evaluation, Finding
from foretable.train.steady import steady


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with steady():
        yield


def world(rows: int = 3000, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, probability and gender; ``shift`` raises the probabilities of F without cause."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(-0.5, 1.5, rows)
    gender = generator.choice(np.array(["F", "M"]), rows)
    return (generator.random(rows) < expit(logit)).astype(float), expit(logit + shift * (gender == "F")), gender


def judged(
    y: np.ndarray, p: np.ndarray, gender: np.ndarray, limits: dict[str, float] | None = None, clusters: np.ndarray | None = None
) -> tuple[dict[tuple[str, str], Evaluation], tuple[Finding, ...]]:
    each = np.arange(len(y)) if clusters is None else clusters
    gate = Gate(fairness=limits or {})
    found, findings = fairness(gate, "gender", by_value("gender", pa.array(gender)), y, p, each, threshold=0.5, seed=0)
    assert {e.split for e in found} == {"test"}
    return {(e.segment, e.metric): e for e in found}, findings


def test_groups_are_measured_as_the_oracle_does() -> None:
    y, p, gender = world(shift=0.8)
    found, _ = judged(y, p, gender)
    for name in ("F", "M"):
        rows = gender == name
        flagged = p[rows] >= 0.5
        expected = {
            "selection_rate": flagged.mean(),
            "tpr": recall_score(y[rows], flagged),
            "fpr": 1 - recall_score(y[rows], flagged, pos_label=0),
            "calibration_error": measure("classification", y[rows], p[rows], np.arange(rows.sum()), threshold=0.5, seed=0)[
                "calibration_error"
            ][0],
        }
        for measured, value in expected.items():
            one = found[f"gender={name}", measured]
            assert one.value == pytest.approx(value), measured
            assert one.low <= one.value <= one.high
            assert one.row_count == rows.sum()
    for measured in FAIRNESS:
        gap = found["gender", f"{measured}_gap"]
        assert gap.value == pytest.approx(abs(found["gender=F", measured].value - found["gender=M", measured].value))
        assert gap.low <= gap.value <= gap.high
        assert gap.row_count == 3000


def test_a_gap_beyond_the_limit_is_refused() -> None:
    y, p, gender = world(shift=1.0)
    found, findings = judged(y, p, gender, {"selection_rate": 0.1, "tpr": 0.9})
    assert [(f.check, f.severity, f.column) for f in findings] == [("fairness", "refused", "gender")]
    gap = found["gender", "selection_rate_gap"]
    assert gap.low > 0.1
    assert findings[0].evidence == {"measure": "selection_rate", "gap": gap.value, "low": gap.low, "high": gap.high, "limit": 0.1}
    assert "at most 0.1 is allowed" in findings[0].message


def test_a_gap_that_may_be_beyond_the_limit_is_a_warning() -> None:
    y, p, gender = world(600)
    gap = judged(y, p, gender)[0]["gender", "tpr_gap"]
    _, findings = judged(y, p, gender, {"tpr": (gap.value + gap.high) / 2})
    assert [f.severity for f in findings] == ["warning"]
    assert "cannot be ruled out" in findings[0].message
    assert judged(y, p, gender, {"tpr": gap.high + 0.01})[1] == ()
    assert gap.low < gap.value / 2
    assert [f.severity for f in judged(y, p, gender, {"tpr": gap.value / 2})[1]] == ["refused"], "the gap itself must be within"


def test_small_groups_are_shown_and_not_judged() -> None:
    y, p, gender = world(shift=0.0)
    gender = gender.astype(object)
    gender[:40] = "X"
    p[:40] = 0.99
    found, findings = judged(y, p, gender, {"selection_rate": 0.2})
    assert found["gender=X", "selection_rate"].value == 1
    assert found["gender", "selection_rate_gap"].value < 0.2
    assert found["gender", "selection_rate_gap"].row_count == 2960
    assert [(f.severity, f.evidence) for f in findings] == [("warning", {"groups": ["gender=X"]})]


def test_one_group_cannot_be_compared() -> None:
    y, p, _ = world()
    alone = np.full(3000, "F")
    assert [f.severity for f in judged(y, p, alone)[1]] == ["warning"]
    assert [f.severity for f in judged(y, p, alone, {"tpr": 0.1})[1]] == ["refused"], "a limit that cannot be shown is not kept"


def test_one_group_besides_small_ones_is_told_once() -> None:
    y, p, _ = world()
    gender = np.array(["F"] * 2960 + ["X"] * 40)
    for limits, severity in ({}, "warning"), ({"tpr": 0.1}, "refused"):
        (finding,) = judged(y, p, gender, limits)[1]
        assert (finding.severity, finding.evidence) == (severity, {"groups": ["gender=X"]})
        assert finding.message == (
            "1 group of gender large enough to be judged, so nothing can be compared (gender=X: fewer than 30 test rows of a class)"
        )


def test_rows_of_one_entity_are_one_piece_of_evidence() -> None:
    y, p, gender = world(300, 1.0)
    copies = np.repeat(np.arange(300), 10)
    by_entity = judged(y[copies], p[copies], gender[copies], clusters=copies)[0]["gender", "tpr_gap"]
    by_row = judged(y[copies], p[copies], gender[copies])[0]["gender", "tpr_gap"]
    assert by_entity.value == by_row.value
    assert by_entity.high - by_entity.low > 2 * (by_row.high - by_row.low)


def test_the_interval_of_a_gap_covers_the_truth() -> None:
    y, p, gender = world(400_000, 0.6, 99)
    true = (y == 1) & (p >= 0.5)
    truth = abs(np.subtract(*(true[gender == name].sum() / y[gender == name].sum() for name in ("F", "M"))))
    inside = 0
    for seed in range(40):
        gap = judged(*world(600, 0.6, seed))[0]["gender", "tpr_gap"]
        inside += int(gap.low <= truth <= gap.high)
    assert inside >= 34
