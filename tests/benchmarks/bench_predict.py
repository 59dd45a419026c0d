"""``predict_<model>()`` in SQL beside ONNX Runtime on a matrix, XGBoost itself, and the usual round trip."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from boosted import boosted, trained

from foretable.registry import add_version, promote
from foretable.registry.signature import Feature, Signature
from foretable.train.estimators.trees import TreeFit
from foretable.train.result import Parity, Trained
from foretable.train.training_set import TrainingSet
from foretable.udf import connect
from foretable.warehouse import ensure_catalog

ROWS, FEATURES, TREES, DEPTH, THREADS, REPEATS = 1_000_000, 30, 200, 6, 2, 5
TITLE = f"Scoring {ROWS:,} rows × {FEATURES} features, {TREES} trees of depth {DEPTH}, {THREADS} threads"
NAMES = [f"f{i}" for i in range(FEATURES)]


def measure() -> list[dict[str, Any]]:
    """Rows a second of each way, medians of interleaved repetitions; all must give the same scores.

    ``ratio`` is the speed of ``predict_<model>()`` over the speed of the way.
    """
    with tempfile.TemporaryDirectory() as folder, connect(Path(folder) / "warehouse.duckdb") as connection:
        connection.execute(f"SET threads = {THREADS}")
        columns = ", ".join(f"(hash(i * {FEATURES} + {j}) % 4000001)::DOUBLE / 1e6 - 2 AS f{j}" for j in range(FEATURES))
        connection.execute(f"CREATE TABLE rows AS SELECT i AS id, {columns} FROM range({ROWS}) AS t(i)")
        fitted = _model(connection)
        ways = _ways(connection, fitted)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        sums: dict[str, float] = {}
        for _ in range(REPEATS):
            for name, (way, _) in ways.items():
                start = time.perf_counter()
                sums[name] = way()
                seconds[name].append(time.perf_counter() - start)
    if max(sums.values()) - min(sums.values()) > 1e-6 * ROWS:
        raise AssertionError(f"the ways disagree: {sums}")
    ours = statistics.median(next(iter(seconds.values())))
    return [
        {
            "name": name,
            "rows_per_second": ROWS / statistics.median(times),
            "ratio": statistics.median(times) / ours,
            "note": ways[name][1],
        }
        for name, times in seconds.items()
    ]


def _model(connection: duckdb.DuckDBPyConnection) -> TreeFit:
    ensure_catalog(connection)
    features = tuple(Feature(name, "number") for name in NAMES)
    matrix = np.column_stack(list(connection.execute(f"SELECT {', '.join(NAMES)} FROM rows LIMIT 50000").fetchnumpy().values()))
    noise = np.random.default_rng(0).normal(size=len(matrix))
    outcome = (matrix[:, 0] * matrix[:, 1] + matrix[:, 2:].sum(axis=1) / 3 + noise > 0).astype(np.float64)
    fitted = boosted(matrix, outcome, features, n_estimators=TREES, max_depth=DEPTH)
    signature = Signature("bench", "classification", features, "label")
    version = Trained(signature=signature, **trained(fitted, len(features)))
    training = TrainingSet("rows", "bench", ("id",), None, "label", tuple(NAMES), "", len(matrix), int(outcome.sum()), None, None)
    add_version(connection, version, training, declaration="", code="", parity=Parity(0, 0, 0.0, 0.0), seed=0)
    promote(connection, "bench", 1, reason="benchmark")
    return fitted


def _ways(connection: duckdb.DuckDBPyConnection, fitted: TreeFit) -> dict[str, tuple[Callable[[], float], str]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(trained(fitted, len(NAMES))["artifacts"]["onnx"], options, providers=["CPUExecutionProvider"])
    booster = fitted.estimator
    table = connection.execute(f"SELECT {', '.join(NAMES)} FROM rows").fetchnumpy()
    matrix = np.ascontiguousarray(np.column_stack([table[name] for name in NAMES]), dtype=np.float32)

    def total(query: str) -> float:
        return float(connection.execute(query).fetchall()[0][0])

    def written() -> float:
        connection.execute("CREATE OR REPLACE TABLE scores AS SELECT id, predict_bench(r) AS score FROM rows AS r")
        return total("SELECT sum(score) FROM scores")

    def round_trip() -> float:
        frame = connection.execute("FROM rows").df()
        frame["score"] = booster.inplace_predict(frame[NAMES])
        connection.register("answer", frame[["id", "score"]])
        connection.execute("CREATE OR REPLACE TABLE scores AS FROM answer")
        connection.unregister("answer")
        return total("SELECT sum(score) FROM scores")

    def onnx_runtime() -> float:
        return float(session.run(["y"], {"x": matrix})[0].sum(dtype=float))

    def xgboost() -> float:
        return float(booster.inplace_predict(matrix).sum(dtype=float))

    by_row, by_table = "SELECT sum(predict_bench(r)) FROM rows AS r", "SELECT sum(bench_probability) FROM predict_bench(rows)"
    return {
        "SELECT predict_bench(r) FROM rows AS r": (lambda: total(by_row), "from the table, summed"),
        "FROM predict_bench(rows)": (lambda: total(by_table), "from the table, summed"),
        "CREATE TABLE … AS SELECT predict_bench(r)": (written, "from the table into a table"),
        "ONNX Runtime": (onnx_runtime, "the same graph on a float32 matrix in memory"),
        "XGBoost inplace_predict": (xgboost, "on a float32 matrix in memory"),
        "round trip": (round_trip, "fetch to pandas, XGBoost, write back as a table"),
    }


if __name__ == "__main__":
    for row in measure():
        print(f"{row['name']:45} {row['rows_per_second']:>12,.0f} rows/s   ratio {row['ratio']:.2f}   {row['note']}")
