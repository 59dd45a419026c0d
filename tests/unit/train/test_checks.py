"""What stops a training before it starts, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb
import pytest

import foretable as ft
from foretable.errors import DeclarationError, GateRefused, LabelLeak, TrainingError
from foretable.train.features import read_rows
from foretable.train.prepare import Prepared, prepare
from foretable.train.split import TEST
from foretable.train.training_set import TrainingSet

Declare = Callable[..., ft.Model]


def prepared(connection: duckdb.DuckDBPyConnection, training: TrainingSet, model: ft.Model) -> Prepared:
    return prepare(model, read_rows(connection, training), training)


def with_column(connection: duckdb.DuckDBPyConnection, training: TrainingSet, expression: str) -> TrainingSet:
    connection.execute(f"CREATE TABLE training.more AS SELECT *, {expression} AS extra FROM training.churn")
    return replace(training, table="training.more", features=(*training.features, "extra"))


def test_null_labels(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> None:
    connection.execute("UPDATE training.churn SET churned = NULL WHERE customer_id < 2")
    with pytest.raises(TrainingError, match="10 of 3,000 labels are NULL") as caught:
        prepared(connection, training, declare())
    assert caught.value.where == "training.churn.churned"


def test_labels_other_than_0_and_1(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> None:
    connection.execute("UPDATE training.churn SET churned = 2 WHERE customer_id < 2")
    with pytest.raises(TrainingError, match="also has 2"):
        prepared(connection, training, declare())


@pytest.mark.parametrize("keep", [0, 1])
def test_too_few_of_a_class(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare, keep: int) -> None:
    connection.execute("UPDATE training.churn SET churned = ? WHERE customer_id >= 5", [1 - keep])
    with pytest.raises(TrainingError, match=r"rows of class 1 are train .* of .*; validation .*; test .*at least 20 in train"):
        prepared(connection, training, declare())


@pytest.mark.parametrize(
    ("expression", "note"),
    [
        ("7", "left out: always 7"),
        ("NULL::DOUBLE", "left out: always NULL"),
        ("'x'", "left out: always x"),
        ("CASE WHEN customer_id % 2 = 0 THEN 'NaN'::DOUBLE END", "left out: always NULL"),
    ],
)
def test_features_that_never_vary_are_left_out_and_named(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare, expression: str, note: str
) -> None:
    found = prepared(connection, with_column(connection, training, expression), declare())
    assert [f.name for f in found.signature.features] == list(training.features)
    (finding,) = [each for each in found.findings if each.check == "constant"]
    assert (finding.severity, finding.column, finding.message) == ("note", "extra", f"{note} in the training rows")


def test_a_feature_that_varies_only_among_held_out_rows_is_left_out(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare
) -> None:
    plain = prepared(connection, training, declare())
    held_out = read_rows(connection, training)["customer_id"][int(plain.rows(TEST)[0])].as_py()
    found = prepared(connection, with_column(connection, training, f"customer_id = {held_out}"), declare())
    assert found.signature == plain.signature
    assert [(each.column, each.message) for each in found.findings] == [("extra", "left out: always false in the training rows")]


def test_a_feature_that_is_only_sometimes_null_stays(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare
) -> None:
    found = prepared(connection, with_column(connection, training, "CASE WHEN customer_id % 2 = 0 THEN 1 END"), declare())
    assert found.signature.features[-1].name == "extra"
    assert found.findings == found.notes == ()


def test_that_rows_were_drawn_is_told(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> None:
    (told,) = prepared(connection, replace(training, drawn_from=7_512_000), declare()).findings
    assert (told.check, told.severity) == ("rows", "note")
    assert told.message == "learned from 3,000 of 7,512,000 rows: whole customer_months drawn by a hash of the key"


@pytest.mark.parametrize(
    "leak",
    [
        "churned * 10 + random()",
        "-churned + random() / 2",
        "CASE WHEN churned = 1 THEN random() END",
        "CASE WHEN churned = 0 THEN random() WHEN customer_id % 2 = 0 THEN 1 + random() END",
        "CASE WHEN churned = 0 THEN random() WHEN customer_id % 2 = 0 THEN -random() END",
        "churned = 1",
        "CASE WHEN churned = 1 THEN 'left' ELSE ['a', 'b'][1 + customer_id % 2] END",
        "CASE WHEN churned = 0 THEN ['a', 'b'][1 + customer_id % 2] END",
    ],
)
def test_a_leaking_feature_is_refused_by_name(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare, leak: str
) -> None:
    with pytest.raises(LabelLeak, match="ROC-AUC") as caught:
        prepared(connection, with_column(connection, training, leak), declare())
    assert caught.value.where == "training.more.extra"
    assert isinstance(caught.value, GateRefused) and caught.value.exit_code == 3


@pytest.mark.parametrize("value", ["'inf'::DOUBLE", "'-inf'::FLOAT", "1e200"])
def test_infinite_numbers_are_refused_wherever_they_are(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare, value: str
) -> None:
    """One row of 3,000, on any side of the split."""
    more = with_column(connection, training, f"CASE WHEN customer_id = 7 AND month = 1 THEN {value} ELSE month END")
    with pytest.raises(TrainingError, match="1 values are infinite or beyond") as caught:
        prepared(connection, more, declare())
    assert caught.value.where == "training.more.extra"


def test_a_strong_feature_is_no_leak(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> None:
    prepared(connection, with_column(connection, training, "churned + (hash(customer_id * 31 + month) % 1000) / 1000.0 * 1.6"), declare())


def test_a_category_of_single_rows_is_no_leak(
    connection: duckdb.DuckDBPyConnection, fill: Callable[..., TrainingSet], declare: Declare
) -> None:
    """It tells every row that it was learned from, and no other."""
    training = fill(connection, entities=220, months=1, rate=0.0)
    prepared(connection, with_column(connection, training, "'c' || customer_id"), declare())


def test_a_time_split_needs_dates(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> None:
    with pytest.raises(DeclarationError, match="has no dates"):
        prepared(connection, training, declare(split=ft.TimeSplit()))


def test_without_a_split_entities_are_held_out(connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Declare) -> None:
    by_default = prepared(connection, training, declare(split=None))
    declared = prepared(connection, training, declare())
    assert (by_default.split == declared.split).all()
