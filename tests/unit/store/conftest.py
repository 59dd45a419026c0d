"""One small world of customers, stores and orders with every sort of feature view, loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import foretable as ft
from foretable.session import Session

PIPELINE = '''
import foretable as ft
from foretable import _, last
c = ft.Entity("customer", key="customer_id")
pair = ft.Entity("customer_shop", key=("customer_id", "shop"))
orders = ft.Source("raw.orders", entity=c, time="ordered_at")
plans = ft.Source("raw.plans", entity=c, valid=("valid_from", "valid_to"))
regions = ft.Source("raw.regions", entity=c, fixed=["region"])
loose = ft.Source("raw.loose")

@ft.feature_view("features.usage", entity=c, owner="growth", tags=["clv", "core"], online=True)
def usage():
    """What a customer bought.

    More of it."""
    o = orders.rows()
    return o.group_by("customer_id").agg(
        n=o.count(), items=o.items.sum(), recent=o.count(where=last(o.ordered_at, days=30)), spend=o.amount.sum(), weight=o.weight.max()
    )

@ft.feature_view("features.usage", entity=c, version=2, owner="growth", tags=["clv"])
def usage2():
    o = orders.rows()
    return o.group_by("customer_id").agg(n=o.count().cast("int32"), spend=o.amount.sum(), first=o.ordered_at.min())

@ft.feature_view("features.hourly", entity=c, grain="hour")
def hourly():
    return orders.rows().group_by("customer_id").agg(n_hour=_.count())

@ft.feature_view("features.stacked", entity=c)
def stacked():
    h, p = hourly.rows(), plans.rows().select("customer_id", "plan")
    return c.join(p, h).select("customer_id", "plan", n_all=_.n_hour.fill_null(0))

@ft.feature_view("features.by_shop", entity=pair)
def by_shop():
    return orders.rows().group_by(["customer_id", "shop"]).agg(n_here=_.count())

@ft.feature_view("features.fixed", entity=c)
def fixed():
    return regions.rows()

@ft.feature_view("features.loose", entity=c)
def of_no_kind():
    return loose.rows().select("customer_id", "secret")

@ft.label("training.back", entity=c, horizon="10 days", every="9 days", start="2026-01-05")
def back():
    active = orders.last(days=40).select("customer_id").distinct()
    again = orders.future(days=10).group_by("customer_id").agg(k=_.count())
    return c.join(active, again).select("customer_id", back=(_.k.fill_null(0) > 0).cast("int8"))

ft.Model("again", label=back, features=[usage, stacked], candidates=[ft.LogisticRegression()])
'''
CLOCK = "2026-03-05"


def write_world(root: Path, seed: int, settings: str = "") -> Session:
    """A project with random orders up to 2026-02-27 and versions of plans that end and begin."""
    (root / "pipelines").mkdir(parents=True)
    (root / "pyproject.toml").write_text(f'[tool.foretable]\nas_of = "{CLOCK}"\n{settings}\n')
    (root / "pipelines" / "a.py").write_text(PIPELINE)
    random = np.random.default_rng(seed)
    count = 4_000
    seconds = np.sort(random.integers(0, 57 * 86_400, count))
    made = pa.table(
        {
            "customer_id": random.integers(1, 120, count),
            "shop": np.array(["x", "y"])[random.integers(0, 2, count)],
            "ordered_at": np.datetime64("2026-01-01", "us") + seconds.astype("timedelta64[s]"),
            "cents": random.integers(0, 100_000, count),
            "items": random.integers(0, 9, count),
            "weight": np.where(random.random(count) < 0.3, np.nan, random.normal(size=count)),
        }
    )
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA raw")
        connection.register("made", made)
        connection.execute("CREATE TABLE raw.orders AS SELECT * EXCLUDE (cents), (cents / 100)::DECIMAL(10, 2) AS amount FROM made")
        connection.execute(
            "CREATE TABLE raw.plans AS SELECT i AS customer_id, 'basic' AS plan, TIMESTAMP '2025-01-01' AS valid_from, "
            "TIMESTAMP '2026-01-20' + to_hours((i * 7)::INTEGER) AS valid_to FROM range(1, 110) AS t(i) UNION ALL "
            "SELECT i, 'gold', TIMESTAMP '2026-01-20' + to_hours((i * 7)::INTEGER), NULL FROM range(1, 110) AS t(i)"
        )
        connection.execute("CREATE TABLE raw.regions AS SELECT i AS customer_id, ['n', 's'][1 + i % 2] AS region FROM range(1, 50) AS t(i)")
        connection.execute("CREATE TABLE raw.loose AS SELECT 1::BIGINT AS customer_id, 7 AS secret")
    return ft.open(root)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The world, its tables built: only to be read."""
    session = write_world(tmp_path_factory.mktemp("store") / "world", 1)
    session.run(train=False)
    yield session
