"""What a declaration of a model refuses at once."""

from __future__ import annotations

from typing import Any

import pytest

import foretable as ft
from foretable.errors import DeclarationError

customer = ft.Entity("customer", key="customer_id")


@ft.label("training.left", entity=customer)
def left() -> ft.Table:
    return ft.ref("clean.customers").rows().select("customer_id", "left")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"task": "multiclas"}, "'multiclas' is no task"),
        ({"folds": 0}, "folds=0"),
        ({"trials": 0}, "trials=0"),
        ({"threshold": 1.5}, "threshold=1.5 is no probability"),
        ({"threshold": float("nan")}, "threshold=nan is no probability"),
        ({"threshold": ft.Value()}, "without a worth"),
        ({"rows": 1.5}, "rows=1.5 is no whole number"),
        ({"training_set": 5}, "training_set=5 is no name"),
        ({"task": "regression", "intervals": "0.9"}, "intervals='0.9' is no number"),
        ({"task": "regression", "baselines": "spend"}, "baselines='spend' is no list of baselines"),
        ({"task": "regression", "baselines": [ft.LastPeriod]}, "is no list of baselines"),
        ({"task": "regression", "baselines": [ft.CellMeans(["plan"])]}, "which names no column"),  # type: ignore[arg-type]
        ({"threshold": ft.Value(true_positive=1, capacity=0)}, "capacity=0"),
    ],
)
def test_settings_that_mean_nothing_are_told_with_their_place(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError, match=told) as caught:
        ft.Model("left", label=left, features=[ft.ref("clean.customers")], candidates=[ft.LogisticRegression()], **options)
    assert "test_model.py" in str(caught.value.where)
    assert caught.value.hint


@pytest.mark.parametrize("other", ["training.left", ft.ref("clean.customers"), 3])
def test_a_second_label_is_a_label(other: Any) -> None:
    with pytest.raises(DeclarationError, match=r"model left: second_label=.* is no label") as caught:
        ft.Model("left", label=left, features=[ft.ref("clean.customers")], candidates=[ft.LogisticRegression()], second_label=other)
    assert caught.value.hint == "give what @ft.label made"


@pytest.mark.parametrize("reasons", [-1, "3", 2.5])
def test_reasons_are_a_number(reasons: Any) -> None:
    model = ft.Model("left", label=left, features=[ft.ref("clean.customers")], candidates=[ft.LogisticRegression()])
    with pytest.raises(DeclarationError, match="is no number of reasons"):
        ft.scoring_table("predictions.left", model=model, reasons=reasons)


@pytest.mark.parametrize("output", [5, None])
def test_the_column_of_predictions_has_a_name(output: Any) -> None:
    model = ft.Model("left", label=left, features=[ft.ref("clean.customers")], candidates=[ft.LogisticRegression()])
    with pytest.raises(DeclarationError, match="names no column"):
        ft.scoring_table("predictions.left", model=model, output=output)
