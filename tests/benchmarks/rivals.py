"""The same table without foretable: delete+insert as dbt does it, and rebuilds in SQL, pandas and Polars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import xgboost
from usage import EVENTS, FEATURES, WINDOWS, features, moment, scores

COLUMNS = {
    "customers": ["customer_id", "segment", "age"],
    "transactions": ["txn_id", "customer_id", "ts", "amount", "category"],
    "interactions": ["customer_id", "ts", "kind", "dwell_s"],
}


def rebuild(connection: duckdb.DuckDBPyConnection, clock: datetime, layer: str = "raw") -> None:
    """What FULL is measured by: the two queries into two tables, nothing checked, compared or recorded."""
    connection.execute("BEGIN")
    connection.execute(f"CREATE OR REPLACE TABLE rebuilt.usage AS {features(layer, moment(clock))}")
    connection.execute(f"CREATE OR REPLACE TABLE rebuilt.active AS {scores('rebuilt.usage')}")
    connection.execute("COMMIT")


def delete_insert(connection: duckdb.DuckDBPyConnection, clock: datetime, keys: Sequence[int], *, pushed: bool) -> None:
    """dbt's incremental strategy on the tables of ``rebuild``, given the customers that changed.

    ``pushed``: the filter stands in every subquery, as somebody wrote it by hand; else around the query.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE told AS SELECT unnest($keys::BIGINT[]) AS customer_id", {"keys": list(keys)})
    inside = features("raw", moment(clock), "told")
    around = f"SELECT * FROM ({features('raw', moment(clock))}) WHERE customer_id IN (SELECT customer_id FROM told)"
    for target, query in (("rebuilt.usage", inside if pushed else around), ("rebuilt.active", scores("usage__tmp"))):
        staged = f"{target.partition('.')[2]}__tmp"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {staged} AS {query}")
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM {target} WHERE customer_id IN (SELECT customer_id FROM {staged})")
        connection.execute(f"INSERT INTO {target} FROM {staged}")
        connection.execute("COMMIT")


def export(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The sources as Parquet, only the columns that are used."""
    folder.mkdir()
    for name, columns in COLUMNS.items():
        connection.execute(f"COPY (SELECT {', '.join(columns)} FROM raw.{name}) TO '{folder / name}.parquet'")


class Frames:
    """A rebuild with data frames: Parquet in, features, XGBoost itself, Parquet out."""

    def __init__(self, folder: Path, booster: xgboost.Booster, clock: datetime) -> None:
        self.folder, self.booster = folder, booster
        self.end = clock.replace(minute=0)
        self.start = self.end - timedelta(days=max(WINDOWS))

    def pandas(self) -> pd.DataFrame:
        """Rows outside the longest window are left out while reading."""
        bounds = [("ts", ">=", self.start), ("ts", "<", self.end)]
        customers = pd.read_parquet(self.folder / "customers.parquet")
        bought = pd.read_parquet(self.folder / "transactions.parquet", filters=bounds)
        # Decimals would be Python objects; cents add up exactly in 64 bits.
        bought["amount"] = (bought["amount"].astype("float64") * 100).round().astype("int64")
        seen = pd.read_parquet(self.folder / "interactions.parquet", filters=bounds)
        table = customers.set_index("customer_id")
        for frame, name in ((bought, "transactions"), (seen, "interactions")):
            frame["dear"] = frame["amount"] >= 25_000 if name == "transactions" else frame["kind"] == "click"
            for days in WINDOWS:
                group = frame[frame["ts"] >= self.end - timedelta(days=days)].groupby("customer_id")
                table = table.join(self._windowed(group, name, days))
        latest = bought.sort_values(["ts", "txn_id"]).drop_duplicates("customer_id", keep="last").set_index("customer_id")
        table = table.join(latest[["ts", "amount"]].rename(columns={"ts": "last_bought_at", "amount": "last_amount"}))
        table = table.join(seen.groupby("customer_id")["ts"].max().rename("last_seen_at"))
        table[FEATURES] = table[FEATURES].fillna(0)
        for column in [*(name for name in FEATURES if name.startswith(("spent", "largest"))), "last_amount"]:
            table[column] /= 100
        table["active_probability"] = self.booster.inplace_predict(table[FEATURES].to_numpy(dtype=np.float32))
        table = table.reset_index()
        table.to_parquet(self.folder / "pandas.parquet", index=False)
        return table

    @staticmethod
    def _windowed(group: Any, name: str, days: int) -> pd.DataFrame:
        if name == "transactions":
            named = {"bought": ("txn_id", "size"), "spent": ("amount", "sum"), "largest": ("amount", "max")}
            named |= {"categories": ("category", "nunique"), "dear": ("dear", "sum")}
        else:
            named = {"events": ("dwell_s", "size"), "dwelt": ("dwell_s", "sum"), "clicks": ("dear", "sum"), "longest": ("dwell_s", "max")}
        return group.agg(**named).rename(columns=lambda column: f"{column}_{days}d")

    def polars(self) -> pl.DataFrame:
        """Lazy, so that Polars reads only what it needs."""
        measures = {
            "bought": pl.col("ts"), "spent": pl.col("amount"), "largest": pl.col("amount"), "categories": pl.col("category"),
            "dear": pl.col("amount") >= 250, "events": pl.col("ts"), "dwelt": pl.col("dwell_s"), "clicks": pl.col("kind") == "click",
            "longest": pl.col("dwell_s"),
        }  # fmt: skip
        how = {"spent": "sum", "dear": "sum", "dwelt": "sum", "clicks": "sum", "largest": "max", "longest": "max", "categories": "n_unique"}
        table = pl.scan_parquet(self.folder / "customers.parquet")
        for name, latest in (
            (
                "transactions",
                [pl.col("ts").max().alias("last_bought_at"), pl.col("amount").sort_by("ts", "txn_id").last().alias("last_amount")],
            ),
            ("interactions", [pl.col("ts").max().alias("last_seen_at")]),
        ):
            inside = pl.col("ts").is_between(pl.lit(self.start), pl.lit(self.end), closed="left")
            windowed = [
                getattr(measures[measure].filter(pl.col("ts") >= pl.lit(self.end - timedelta(days=days))), how.get(measure, "len"))().alias(
                    f"{measure}_{days}d"
                )
                for measure in EVENTS[name]
                for days in WINDOWS
            ]
            grouped = pl.scan_parquet(self.folder / f"{name}.parquet").filter(inside).group_by("customer_id").agg(*windowed, *latest)
            table = table.join(grouped, on="customer_id", how="left")
        done = table.with_columns(pl.col(FEATURES).fill_null(0)).collect()
        matrix = done.select(pl.col(FEATURES).cast(pl.Float32)).to_numpy()
        done = done.with_columns(pl.Series("active_probability", self.booster.inplace_predict(np.ascontiguousarray(matrix))))
        done.write_parquet(self.folder / "polars.parquet")
        return done


def compare(connection: duckdb.DuckDBPyConnection, folder: Path, clock: datetime) -> None:
    """The rebuilds of both libraries against the query.

    Raises
    ------
    AssertionError
        A value differs, or a score by more than float32 explains.
    """
    rebuild(connection, clock)
    names = ["customer_id", "segment", "age", *FEATURES, "last_bought_at", "last_amount", "last_seen_at"]
    for library in ("pandas", "polars"):
        file = f"read_parquet('{folder / library}.parquet')"
        cast = ", ".join(
            f'CAST(f."{name}" AS {kind}) AS "{name}"' for name, kind, *_ in connection.execute("DESCRIBE rebuilt.usage").fetchall()
        )
        different = connection.execute(f"SELECT count(*) FROM (FROM rebuilt.usage EXCEPT ALL SELECT {cast} FROM {file} AS f)").fetchall()[
            0
        ][0]
        far = f"SELECT max(abs(r.active_probability - f.active_probability)) FROM rebuilt.active AS r JOIN {file} AS f USING (customer_id)"
        furthest = connection.execute(far).fetchall()[0][0]
        if different or furthest > 1e-5:
            raise AssertionError(f"{library}: {different} rows differ in {names}, scores by {furthest}")
