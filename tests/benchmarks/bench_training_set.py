"""The point-in-time training set: 240,000 spine rows over 12 dates from 1,000,000 events, beside pandas.merge_asof."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from foretable.compile import Graph, compile_project
from foretable.declare.load import load_project
from foretable.train.training_set import build_training_set
from foretable.warehouse import ensure_catalog

TITLE = "Point-in-time training set: 240,000 spine rows over 12 dates from 1,000,000 events"
CUSTOMERS, EVENTS, DATES, REPEATS = 20_000, 1_000_000, 12, 5

PROJECT = {
    "pyproject.toml": '[tool.foretable]\nas_of = "2026-03-04"\n',
    "sql/sources/raw.orders.sql": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP, cents BIGINT)",
    "sql/sources/raw.customers.sql": "CREATE TABLE raw.customers (customer_id BIGINT)",
    "pipelines/bench.py": """import foretable as ft
from foretable import _, last

customer = ft.Entity("customer", key="customer_id")
customers = ft.Source("raw.customers", entity=customer, fixed=[])
orders = ft.Source("raw.orders", entity=customer, time="ordered_at")


@ft.feature_view("features.usage", entity=customer)
def usage():
    o = orders.rows()
    counted = o.group_by("customer_id").agg(
        orders=o.count(),
        orders_30d=o.count(where=last(o.ordered_at, days=30)),
        orders_90d=o.count(where=last(o.ordered_at, days=90)),
        cents_90d=o.cents.sum(where=last(o.ordered_at, days=90)).cast("int64"),
        last_order_at=o.ordered_at.max(),
    )
    return customer.join(customers.rows(), counted).fill_null({"orders": 0, "orders_30d": 0, "orders_90d": 0, "cents_90d": 0})


@ft.label("training.churned", entity=customer, horizon="30 days", every="1 month", start="2025-03-01")
def churned():
    back = orders.future(days=30).group_by("customer_id").agg(n=_.count())
    return customer.join(customers.rows(), back).select("customer_id", churned=_.n.isnull().cast("int8"))


churn = ft.Model("churn", label=churned, features=[usage], candidates=[ft.LogisticRegression()])
""",
}


def measure() -> list[dict[str, Any]]:
    """Rows a second of each way, medians of interleaved repetitions; the results are compared value for value."""
    with tempfile.TemporaryDirectory() as folder:
        connection, graph = _world(Path(folder))
        orders = connection.execute("FROM raw.orders").df()
        customers = connection.execute("FROM raw.customers").df()
        ways: dict[str, Callable[[], Any]] = {
            "foretable": lambda: build_training_set(connection, graph, "churn"),
            "pandas.merge_asof": lambda: _merge_asof(orders, customers),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(REPEATS):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - start)
        _compare(connection, _merge_asof(orders, customers))
        connection.close()
    rows = CUSTOMERS * DATES
    ours = statistics.median(seconds["foretable"])
    return [
        {
            "name": name,
            "rows_per_second": rows / statistics.median(times),
            "ratio": statistics.median(times) / ours,
            "note": "materialised, validated and hashed" if name == "foretable" else "in memory, cumulative sums at both ends of a window",
        }
        for name, times in seconds.items()
    ]


def _world(folder: Path) -> tuple[duckdb.DuckDBPyConnection, Graph]:
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    connection = duckdb.connect(folder / "warehouse.duckdb")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 2")
    ensure_catalog(connection)
    connection.execute("CREATE SCHEMA raw")
    connection.execute(f"CREATE TABLE raw.customers AS SELECT i::BIGINT AS customer_id FROM range({CUSTOMERS}) AS t(i)")
    connection.execute(
        f"""CREATE TABLE raw.orders AS SELECT (hash(i) % {CUSTOMERS})::BIGINT AS customer_id,
        TIMESTAMP '2024-09-01' + to_seconds((hash(i * 7) % 47174400)::BIGINT) AS ordered_at, (hash(i * 3) % 10000)::BIGINT AS cents
        FROM range({EVENTS}) AS t(i)"""
    )
    # The latest event fixes the watermark, so that exactly twelve labels have matured.
    connection.execute("INSERT INTO raw.orders VALUES (0, TIMESTAMP '2026-03-04', 0)")
    return connection, compile_project(load_project(folder))


def _merge_asof(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    dates = pd.date_range("2025-03-01", periods=DATES, freq="MS").as_unit("us")
    spine = customers.merge(pd.DataFrame({"as_of": dates}), how="cross")
    events = orders.sort_values("ordered_at")
    by_customer = events.groupby("customer_id")
    events = events.assign(n=by_customer.cumcount() + 1, total=by_customer["cents"].cumsum(), last_order_at=events["ordered_at"])

    def state(offset: pd.Timedelta) -> pd.DataFrame:
        moment = spine.assign(moment=spine["as_of"] + offset)[["customer_id", "as_of", "moment"]].sort_values("moment")
        found = pd.merge_asof(moment, events, left_on="moment", right_on="ordered_at", by="customer_id", allow_exact_matches=False)
        return found.set_index(["customer_id", "as_of"])[["n", "total", "last_order_at"]].sort_index()

    now, ago_30, ago_90, ahead = (state(pd.Timedelta(days=days)) for days in (0, -30, -90, 30))
    count, before_30, before_90, after = (frame["n"].fillna(0) for frame in (now, ago_30, ago_90, ahead))
    return pd.DataFrame(
        {
            "churned": (after == count).astype("int8"),
            "orders": count,
            "orders_30d": count - before_30,
            "orders_90d": count - before_90,
            "cents_90d": now["total"].fillna(0) - ago_90["total"].fillna(0),
            "last_order_at": now["last_order_at"],
        }
    ).reset_index()


def _compare(connection: duckdb.DuckDBPyConnection, rival: pd.DataFrame) -> None:
    connection.register("rival", rival)
    columns = "customer_id, as_of, churned, orders, orders_30d, orders_90d, cents_90d, last_order_at"
    cast = "customer_id, as_of, churned::TINYINT, orders::BIGINT, orders_30d::BIGINT, orders_90d::BIGINT, cents_90d::BIGINT, last_order_at"
    query = f"SELECT count(*) FROM (SELECT {columns} FROM training.churn EXCEPT ALL SELECT {cast} FROM rival)"
    different, rows = connection.execute(query).fetchall()[0][0], connection.execute("SELECT count(*) FROM training.churn").fetchall()[0][0]
    if different or rows != len(rival):
        raise AssertionError(f"{different} of {rows} rows differ from pandas' {len(rival)}")
