"""From columns to a signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.errors import TrainingError
from foretable.registry.signature import Feature
from foretable.train.features import infer_features, read_rows
from foretable.train.prepare import prepare
from foretable.train.split import TEST, TRAIN
from foretable.train.training_set import TrainingSet


def test_types_become_kinds(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> None:
    rows = read_rows(connection, training)
    features = infer_features(rows, training.features, training.table)
    assert {f.name: f.kind for f in features} == {
        "spend": "number", "fee": "number", "visits": "number", "is_member": "boolean",
        "plan": "category", "channel": "category", "tenure": "number", "share": "number",
    }  # fmt: skip
    assert {f.name: f.vocabulary for f in features if f.vocabulary} == {"plan": ("Größe XL", "basic", "gold"), "channel": ("shop", "web")}


def test_rows_come_in_the_order_of_their_keys(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> None:
    rows = read_rows(connection, training)
    keys = list(zip(rows["customer_id"].to_pylist(), rows["month"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert rows["spend"].type == pa.float64(), "a DECIMAL is the DOUBLE that the function will see"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("DATE '2024-01-01'", "a DATE is no input for a model: a model that knows the date"),
        ("now()::TIMESTAMP", "a TIMESTAMP is no input"),
        ("[1, 2]", r"a INTEGER\[\] is no input"),
        ("{'a': 1}", "a STRUCT"),
        ("'x'::BLOB", "a BLOB"),
        ("uuid()", "a UUID"),  # text to Arrow, but none that predict_<model>() would take
        ("'1'::JSON", "a JSON"),
    ],
)
def test_a_type_that_is_no_input_is_named(connection: duckdb.DuckDBPyConnection, training: TrainingSet, value: str, words: str) -> None:
    connection.execute(f"CREATE TABLE t AS SELECT *, {value} AS odd FROM training.churn")
    with pytest.raises(TrainingError, match=words) as caught:
        read_rows(connection, replace(training, table="main.t", features=("spend", "odd")))
    assert caught.value.where == "main.t.odd"
    assert "exclude=" in caught.value.hint


def test_an_identifier_is_no_category() -> None:
    rows = pa.table({"name": [f"n{i}" for i in range(300)]})
    with pytest.raises(TrainingError, match="300 different texts") as caught:
        infer_features(rows, ["name"], "training.t")
    assert caught.value.where == "training.t.name"


def test_the_vocabulary_is_that_of_the_training_rows(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Callable[..., ft.Model]
) -> None:
    prepared = prepare(declare(), read_rows(connection, training), training)
    held_out = int(prepared.rows(TEST)[0])
    rows = read_rows(connection, training)
    customer, month = rows["customer_id"][held_out].as_py(), rows["month"][held_out].as_py()
    connection.execute("UPDATE training.churn SET plan = 'new' WHERE customer_id = ? AND month = ?", [customer, month])
    again = prepare(declare(), read_rows(connection, training), training)
    plan = training.features.index("plan")
    assert again.signature == prepared.signature
    assert again.matrix[held_out, plan] == -1
    assert isinstance(again.signature.features[plan], Feature)


def test_the_split_is_by_whole_customers_and_the_last_row_is_marked(
    connection: duckdb.DuckDBPyConnection, training: TrainingSet, declare: Callable[..., ft.Model]
) -> None:
    prepared = prepare(declare(), read_rows(connection, training), training)
    by_customer = prepared.split.reshape(600, 5)
    assert (by_customer == by_customer[:, :1]).all()
    assert len(np.unique(prepared.clusters)) == 600
    assert (prepared.latest.reshape(600, 5) == [False, False, False, False, True]).all()
    assert (prepared.split == TRAIN).mean() == pytest.approx(0.7, abs=0.06)
