"""A small world to train on: mixed types, NULLs, a known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas
import pytest

import foretable as ft
from foretable.registry.signature import Feature
from foretable.train.estimators.fitting import FitInput
from foretable.train.training_set import TrainingSet

KEYS = ("customer_id", "month")
FEATURES = ("spend", "fee", "visits", "is_member", "plan", "channel", "tenure", "share")


def _fill(connection: duckdb.DuckDBPyConnection, *, entities: int = 600, months: int = 5, seed: int = 0, rate: float = -1.5) -> TrainingSet:
    """Table ``training.churn``: ``months`` rows per customer; DECIMAL, integer, float, boolean, text and enum features."""
    rows = entities * months
    connection.execute("CREATE SCHEMA IF NOT EXISTS training")
    generator = np.random.default_rng(seed)
    spend = generator.gamma(2, 20, rows).round(2)
    plan = generator.integers(0, 3, rows)
    effect = generator.normal(0, 0.5, entities).repeat(months)
    logit = rate + 0.04 * (spend - 40) - 0.9 * (plan == 1) + effect
    world = {
        "customer_id": np.arange(rows) // months,
        "month": np.arange(rows) % months,
        "churned": (generator.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int8),
        "spend": spend,
        "visits": generator.poisson(3, rows),
        "is_member": generator.random(rows) < 0.4,
        "plan": plan,
        "tenure": generator.normal(1e6, 10, rows),
        "share": generator.random(rows).astype(np.float32),
        "gap": generator.random((rows, 4)).argmax(axis=1) + 4 * (generator.random(rows) < 0.9),
    }
    frame = pandas.DataFrame(world)
    connection.register("world", frame)
    connection.execute(
        """
        CREATE OR REPLACE TABLE training.churn AS SELECT customer_id, month, churned,
            spend::DECIMAL(9, 2) AS spend,
            CASE WHEN gap <> 0 THEN (spend / 3)::DOUBLE END AS fee,
            visits::UTINYINT AS visits,
            CASE WHEN gap <> 1 THEN is_member END AS is_member,
            CASE WHEN gap <> 2 THEN ['basic', 'gold', 'Größe XL'][plan + 1] END AS plan,
            (['web', 'shop'][1 + visits % 2])::ENUM ('web', 'shop') AS channel,
            tenure, CASE WHEN gap <> 3 THEN share END::FLOAT AS share
        FROM world ORDER BY random()
        """
    )
    connection.unregister("world")
    positives = int(frame["churned"].sum())
    return TrainingSet("training.churn", "churn", KEYS, None, "churned", FEATURES, "hash", rows, positives, None, None)


def _model(**changes: Any) -> ft.Model:
    """The declaration of ``churn`` over that world."""
    customer = ft.Entity("customer_month", key=KEYS)
    label = ft.label("training.churned", entity=customer)(lambda: None)
    features = ft.feature_view("features.usage", entity=customer)(lambda: None)
    declared = ft.Model(
        "churn",
        label=label,
        features=[features],
        candidates=[ft.LogisticRegression(), ft.XGBoost(n_estimators=30, max_depth=4)],
        split=ft.EntitySplit("customer_id"),
    )
    return replace(declared, **changes)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty warehouse in memory."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    yield connection
    connection.close()


@pytest.fixture
def fill() -> Callable[..., TrainingSet]:
    """Makes the world's training set on a connection."""
    return _fill


@pytest.fixture
def training(connection: duckdb.DuckDBPyConnection) -> TrainingSet:
    """``training.churn`` of the small world, on ``connection``."""
    return _fill(connection)


@pytest.fixture
def declare() -> Callable[..., ft.Model]:
    """Declares ``churn`` over that world, with changes."""
    return _model


def _given(matrix: np.ndarray, outcome: np.ndarray, features: tuple[Feature, ...], *, classes: int = 0, **changes: Any) -> FitInput:
    """Encoded rows to fit to; ``weights``, ``clusters``, ``parameters`` and ``seed`` as given, other changes are the model's."""
    own = {name: changes.pop(name) for name in ("weights", "clusters", "parameters", "seed") if name in changes}
    plain = {"weights": np.ones(len(matrix)), "clusters": np.arange(len(matrix)), "parameters": {}, "seed": 0}
    return FitInput(matrix=matrix, outcome=outcome, features=features, model=_model(**changes), classes=classes, **(plain | own))


@pytest.fixture(scope="session")
def given() -> Callable[..., FitInput]:
    """Makes what an estimator is fitted to."""
    return _given
