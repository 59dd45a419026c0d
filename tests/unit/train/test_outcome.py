"""Labels as numbers: what each task takes, and what it says of the rest."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from foretable.errors import TrainingError
from foretable.train.outcome import Outcome, enough, outcome


def column(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    half = len(values) // 2
    return pa.chunked_array([pa.array(values[:half], kind), pa.array(values[half:], kind)])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 1], pa.int8()),
        ([False, True, True], None),
        ([0.0, 1.0, 1.0], None),
        ([Decimal("0.0"), Decimal("1.0"), Decimal("1.0")], pa.decimal128(3, 1)),
    ],
)
def test_labels_of_0_and_1(values: list[object], kind: pa.DataType | None) -> None:
    found = outcome(column(values, kind), "classification", "t.y")
    assert found.values.tolist() == [0, 1, 1] and (found.count, found.classes) == (2, ())


@pytest.mark.parametrize(
    ("label", "classes", "codes"),
    [
        (column(["b", "a", "b"]), ("a", "b"), [1, 0, 1]),
        (column([10, 9, 10]), ("9", "10"), [1, 0, 1]),
        (column([True, False, True]), ("false", "true"), [1, 0, 1]),
        (column(["b", "a", "b"]).dictionary_encode(), ("a", "b"), [1, 0, 1]),
        (column(["Größe", "", "Größe"]), ("", "Größe"), [1, 0, 1]),
    ],
    ids=["text", "integers by their value", "booleans", "enum", "umlauts and empty text"],
)
def test_classes_are_sorted(label: pa.ChunkedArray, classes: tuple[str, ...], codes: list[float]) -> None:
    found = outcome(label, "multiclass", "t.y")
    assert found.classes == classes and found.values.tolist() == codes and found.count == len(classes)


def test_numbers_keep_their_value() -> None:
    assert outcome(column([Decimal("1.25"), Decimal("-2.50")], pa.decimal128(5, 2)), "regression", "t.y").values.tolist() == [1.25, -2.5]


@pytest.mark.parametrize(
    ("label", "task", "message"),
    [
        (column([0, None, 1]), "classification", "1 of 3 labels are NULL"),
        (column([0, 2, 1]), "classification", "the label also has 2"),
        (column([0.0, float("nan"), 1.0]), "classification", "the label also has nan"),
        (column(["0", "1", "1"]), "classification", "a string is no number"),
        (column(["a", None, "b"]), "multiclass", "1 of 3 labels are NULL"),
        (column(["a", "a"]), "multiclass", "the label has 1 classes"),
        (column([f"c{i}" for i in range(101)]), "multiclass", "the label has 101 classes"),
        (column([0.5, 1.5]), "multiclass", "a double names no class"),
        (column([1.0, float("inf")]), "regression", "1 labels are NaN, infinite or beyond"),
        (column([1.0, float("nan")]), "regression", "1 labels are NaN"),
        (column([1.0, 1e39]), "regression", "beyond 3.4e38"),
        (column([3.0, 3.0]), "regression", "every label is 3"),
        (column(["x", "y"]), "regression", "is no number to learn"),
    ],
)
def test_what_cannot_be_learned_is_refused(label: pa.ChunkedArray, task: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        outcome(label, task, "t.y")  # type: ignore[arg-type]
    assert caught.value.where == "t.y" and caught.value.hint


@pytest.mark.parametrize(
    ("learned", "message"),
    [
        (Outcome(np.repeat([0.0, 1.0], [95, 5]), (), 2), "class 1 are train 2 of 34; validation 1 of 33; test 2 of 33"),
        (Outcome(np.repeat([0.0, 1.0, 2.0], [60, 39, 1]), ("a", "b", "c"), 3), "'c' "),
        (Outcome(np.arange(100.0)), "too few rows: 15 in train"),
    ],
)
def test_too_few_rows_are_refused_with_the_counts(learned: Outcome, message: str) -> None:
    split = np.arange(100) % 3 if learned.count else np.repeat([0, 1, 2], [15, 40, 45])
    with pytest.raises(TrainingError, match=message):
        enough(learned, split, "t")
