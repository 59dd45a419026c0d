"""Scoring by executor: the models of SQL beside orbital's SQL, xorq, XGBoost, scikit-learn and ONNX Runtime, in one run.

    FORETABLE_RIVALS=/path python tests/benchmarks/bench_models.py [rows]

Rows are in the warehouse, for orbital too (its SQL, in the same connection) and for xorq (an Arrow table registered in its own engine);
the libraries get a matrix in memory. ``ratio`` is the speed of our way that the note names over that of the line, in wall and in CPU
time; on a line of our own it is its speed over that of the line named. Every way gives the same scores, or the run fails.
``explain_`` runs on one thread, and has its rows/s over 50,000 as ratio. Values are such as float32 holds, because orbital splits
trees in float64.

orbital and xorq run where ``FORETABLE_RIVALS`` names a folder with ``orbital/bin/python`` and ``xorq/bin/python``, environments that
have them: ``python -m venv DIR/orbital && DIR/orbital/bin/pip install orbital``, and the same with ``xorq xgboost``.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from boosted import boosted, made
from elsewhere import Orbital, Xorq, absent
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from transplant import forest

from foretable.forms import Finish
from foretable.registry import add_version, promote
from foretable.registry.signature import Feature, Signature
from foretable.train.estimators.convert import convert
from foretable.train.result import Parity, Trained
from foretable.train.training_set import TrainingSet
from foretable.udf import connect
from foretable.warehouse import ensure_catalog

ROWS, FEATURES, TREES, DEPTH, THREADS, REPEATS, QUICK = 1_000_000, 30, 100, 6, 2, 5, 0.5
SLOW, SLOW_REPEATS = 5.0, 3
"""A way that takes so many seconds is repeated less often."""
EXPLAINED, ASKED, ALONE = 200_000, 50_000, "one thread"
TITLE = f"Scoring by executor: {ROWS:,} rows × {FEATURES} features, linear models and {TREES} trees of depth {DEPTH}, {THREADS} threads"
COLUMNS = {
    "way": "name", "rows/s": "rows_per_second", "CPU µs a row": "cpu", "ratio": "ratio", "in CPU": "cpu_ratio", "aim": "aim", "": "note",
}  # fmt: skip
NAMES = [f"f{i}" for i in range(FEATURES)]
FEATURE_LIST = tuple(Feature(name, "number") for name in NAMES)
BATCHES = (ROWS, 200_000, 50_000, 10_000)


@dataclass
class Way:
    """One way of scoring; ``same`` names the ways that give the same total, ``beside`` the one that it is compared with."""

    name: str
    call: Callable[[], float]
    same: str
    rows: int
    beside: str = ""
    aim: float | None = None
    note: str = ""
    ours: bool = False
    apart: Callable[[], dict[str, float]] | None = None
    """Measured in a process of its own."""
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    total: float = float("nan")

    def measure(self, least: float = QUICK) -> None:
        """Once, or as often as ``least`` seconds hold."""
        if self.apart is not None:
            found = self.apart()
            self.total = found["total"]
            self.wall.append(found["seconds"])
            self.cpu.append(found["cpu"])
            return
        times, wall, cpu = 0, time.perf_counter(), time.process_time()
        while not times or time.perf_counter() - wall < least:
            self.total = self.call()
            times += 1
        self.wall.append((time.perf_counter() - wall) / times)
        self.cpu.append((time.process_time() - cpu) / times)


def measure(rows: int = ROWS, repeats: int = REPEATS) -> list[dict[str, Any]]:
    """Medians of interleaved repetitions, after one that does not count."""
    with tempfile.TemporaryDirectory() as folder, connect(Path(folder) / "warehouse.duckdb") as connection:
        connection.execute(f"SET threads = {THREADS}")
        columns = ", ".join(f"((hash(i * {FEATURES} + {j}) % 4000001) / 1e6 - 2)::FLOAT::DOUBLE AS f{j}" for j in range(FEATURES))
        connection.execute(f"CREATE TABLE rows AS SELECT i AS id, {columns} FROM range({rows}) AS t(i)")
        connection.execute(f"CREATE TABLE part AS FROM rows LIMIT {EXPLAINED}")
        models = Models(connection)
        ways = [*_linear(connection, models, rows), *_trees(connection, models, rows), *_explained(connection, rows)]
        elsewhere, told, xorq = _elsewhere(connection, models, Path(folder), rows)
        ways += elsewhere
        for way in ways:
            way.measure(0.0)
        _same(ways)
        for way in ways:
            way.wall.clear()
            way.cpu.clear()
        for turn in range(repeats):
            for way in ways:
                if turn < SLOW_REPEATS or way.wall[0] < SLOW:
                    way.measure()
        _same(ways)
        if xorq is not None:
            xorq.end()
    return [*_lines(ways), *told]


class Models:
    """The models of the benchmark, installed as versions: linear ones of scikit-learn, trees of XGBoost."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        ensure_catalog(connection)
        self.connection = connection
        matrix = matrix_of(connection, np.float64)[:50_000]
        noise = np.random.default_rng(0).normal(size=len(matrix))
        raw = matrix[:, 0] * matrix[:, 1] + matrix[:, 2:].sum(axis=1) / 3 + noise
        outcome = (raw > 0).astype(np.float64)
        self.linear = make_pipeline(LogisticRegression()).fit(matrix, outcome)
        self.scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(matrix, outcome)
        for name, model in (("linear", self.linear), ("scaled", self.scaled)):
            # With an answer to NULL, without which no version is taken; the rivals are spared it.
            imputer = ("imputer", SimpleImputer().fit(matrix))
            form, _ = convert(Pipeline([imputer, *model.steps]), dict.fromkeys(NAMES, "number"))
            self._install(name, made(form, FEATURES, "sql"))
        self.trees = boosted(matrix, outcome, FEATURE_LIST, n_estimators=TREES, max_depth=DEPTH)
        self.onnx = made(self.trees.form(Finish("sigmoid")), FEATURES, "onnx", self.trees.booster())
        self._install("trees", self.onnx)
        self._install("boosted", self.onnx | {"executor": "booster"})
        codes = np.digitize(raw, [-1.0, 1.0]).astype(np.float64)
        self.several = boosted(matrix, codes, FEATURE_LIST, classes=3, n_estimators=TREES // 3, max_depth=DEPTH)
        parts = made(self.several.form(Finish("softmax")), FEATURES, "onnx", self.several.booster())
        self._install("several", parts, classes=("low", "middle", "high"))
        self._install("several_boosted", parts | {"executor": "booster"}, classes=("low", "middle", "high"))

    def _install(self, name: str, parts: dict[str, Any], classes: tuple[str, ...] = ()) -> None:
        signature = Signature(name, "multiclass" if classes else "classification", FEATURE_LIST, "label", classes=classes)
        training = TrainingSet("rows", name, ("id",), None, "label", tuple(NAMES), "", 1, 1, None, None)
        version = Trained(signature=signature, **parts)
        add_version(self.connection, version, training, declaration="", code="", parity=Parity(0, 0, 0.0, 0.0), seed=0)
        promote(self.connection, name, 1, reason="benchmark")

    def plain(self) -> dict[str, Any]:
        """The same models as numbers, for ``transplant``."""
        form, (scaler, model) = self.trees.form(Finish("sigmoid")), (step for _, step in self.scaled.steps)
        trees = [
            {name: getattr(t, name).tolist() for name in ("column", "left", "right")}
            | {"threshold": [float(x) for x in t.threshold], "value": [float(x) for x in t.value[:, 0]]}
            for t in form.trees
        ]
        return {
            "names": NAMES,
            "linear": _weights(self.linear[-1]),
            "scaled": _weights(model) | {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()},
            "trees": {"trees": trees, "base": float(form.base[0])},
        }


def _weights(model: LogisticRegression) -> dict[str, Any]:
    return {"coefficients": model.coef_[0].tolist(), "intercept": float(model.intercept_[0])}


def matrix_of(connection: duckdb.DuckDBPyConnection, dtype: Any) -> np.ndarray:
    """The rows as a matrix in memory."""
    table = connection.execute(f"SELECT {', '.join(NAMES)} FROM rows").fetchnumpy()
    return np.ascontiguousarray(np.column_stack([table[name] for name in NAMES]), dtype=dtype)


def total(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    return float(connection.execute(query).fetchall()[0][0])


def _predict(connection: duckdb.DuckDBPyConnection, model: str, rows: int, same: str, **more: Any) -> Way:
    query = f"SELECT sum(predict_{model}(r)) FROM rows AS r"
    return Way(f"predict_{model}", lambda: total(connection, query), same, rows, ours=True, **more)


def _linear(connection: duckdb.DuckDBPyConnection, models: Models, rows: int) -> Iterable[Way]:
    matrix = matrix_of(connection, np.float64)
    graph = _session(_artifact(connection, "linear"))
    yield _predict(connection, "linear", rows, "linear", note="logistic regression, executor sql")
    by_table = "SELECT sum(linear_probability) FROM predict_linear(rows)"
    yield Way("FROM predict_linear(rows)", lambda: total(connection, by_table), "linear", rows, note="the same by table", ours=True)
    yield _predict(connection, "scaled", rows, "scaled", beside="predict_linear", aim=0.8, note="a scaler before it, over predict_linear")
    proba = models.linear.predict_proba
    yield Way("scikit-learn, linear", lambda: float(proba(matrix)[:, 1].sum()), "linear", rows, "predict_linear", note="matrix in memory")
    with_scaler = models.scaled.predict_proba
    yield Way("scikit-learn, scaled", lambda: float(with_scaler(matrix)[:, 1].sum()), "scaled", rows, "predict_scaled")
    run = lambda: float(graph.run(["y"], {"x": matrix})[0].sum(dtype=float))  # noqa: E731
    yield Way("ONNX Runtime, linear", run, "linear", rows, "predict_linear", note="the same graph, matrix in memory")


def _trees(connection: duckdb.DuckDBPyConnection, models: Models, rows: int) -> Iterable[Way]:
    matrix, booster = matrix_of(connection, np.float32), models.trees.estimator
    graph = _session(models.onnx["artifacts"]["onnx"])
    yield _predict(connection, "trees", rows, "trees", note="executor onnx")
    yield _predict(connection, "boosted", rows, "trees", beside="predict_trees", note="executor booster, over predict_trees")
    run = lambda: float(graph.run(["y"], {"x": matrix})[0].sum(dtype=float))  # noqa: E731
    yield Way("ONNX Runtime, trees", run, "trees", rows, "predict_trees", note="the same graph, matrix in memory")
    batch, call = _best(matrix, booster)
    yield Way("XGBoost inplace_predict", call, "trees", rows, "predict_boosted", 0.5, f"matrix in memory, batches of {batch:,}")
    same = forest(**models.plain()["trees"], width=FEATURES)
    proba = lambda: float(same.predict_proba(matrix)[:, 1].sum())  # noqa: E731
    yield Way("scikit-learn, trees", proba, "trees", rows, "predict_boosted", note="the same trees in gradient boosting, matrix in memory")
    for model, executor in (("several", "onnx"), ("several_boosted", "booster")):
        query = f"SELECT sum(predict_{model}_probabilities(r)['high']) FROM rows AS r"
        note = f"3 classes, {models.several.estimator.num_boosted_rounds() * 3} trees, executor {executor}"
        yield Way(f"predict_{model}", lambda query=query: total(connection, query), "several", rows, note=note, ours=True)
    _, call = _best(matrix, models.several.estimator)
    yield Way("XGBoost inplace_predict, 3 classes", call, "several", rows, "predict_several_boosted", note="matrix in memory")


def _explained(connection: duckdb.DuckDBPyConnection, rows: int) -> Iterable[Way]:
    few = min(rows, EXPLAINED)
    for call, note in (
        ("explain_linear(r)", f"all {FEATURES} reasons"),
        ("explain_trees(r)", f"all {FEATURES} reasons"),
        ("explain_trees(r, top := 3)", "the 3 largest reasons"),
    ):
        query = f"SELECT sum(len({call})) FROM part AS r"
        yield Way(call, partial(_alone, connection, query), call, few, ALONE, 1.0, f"{note}, on one thread", ours=True)


def _alone(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    connection.execute("SET threads = 1")
    try:
        return total(connection, query)
    finally:
        connection.execute(f"SET threads = {THREADS}")


def _elsewhere(
    connection: duckdb.DuckDBPyConnection, models: Models, folder: Path, rows: int
) -> tuple[list[Way], list[dict[str, Any]], Xorq | None]:
    """The rivals that have environments, and a word on those that have none."""
    ways: list[Way] = []
    if (orbital := Orbital.there(folder, models.plain())) is not None:
        for name, ours, aim in (("linear", "predict_linear", 1.5), ("scaled", "predict_scaled", None), ("trees", "predict_boosted", 10.0)):
            query = orbital.fastest(connection, name)
            note = f"orbital {orbital.version}, its SQL in the same connection"
            ways.append(Way(f"orbital, {name}", lambda query=query: total(connection, query), name, rows, ours, aim, note))
    if (xorq := Xorq.there(folder, connection, models.trees.booster(), THREADS)) is not None:
        for name, note in xorq.notes.items():
            apart = partial(xorq.measure, name)
            ways.append(Way(f"xorq, {name}", lambda: 0.0, "trees", rows, "predict_boosted", 1.0, note, apart=apart))
    return ways, [{"name": name, "note": "not measured: no environment of its own"} for name in absent()], xorq


def _best(matrix: np.ndarray, booster: Any) -> tuple[int, Callable[[], float]]:
    """XGBoost with the batch size that was fastest in one trial each."""
    booster.set_param({"nthread": THREADS})

    def scored(batch: int) -> float:
        parts = (booster.inplace_predict(matrix[start : start + batch]) for start in range(0, len(matrix), batch))
        return float(sum(part.reshape(len(part), -1)[:, -1].sum(dtype=float) for part in parts))

    spent = {}
    for batch in BATCHES * 2:
        begun = time.perf_counter()
        scored(batch)
        spent[batch] = min(spent.get(batch, np.inf), time.perf_counter() - begun)
    fastest = min(spent, key=spent.__getitem__)
    return fastest, lambda: scored(fastest)


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _artifact(connection: duckdb.DuckDBPyConnection, model: str) -> bytes:
    from foretable.registry.artifacts import read_artifact

    return read_artifact(connection, model, 1, "onnx")


def _same(ways: list[Way]) -> None:
    for way in ways:
        first = next(other for other in ways if other.same == way.same)
        if abs(way.total - first.total) > 2e-6 * way.rows:
            raise AssertionError(f"{way.name} gives {way.total}, {first.name} {first.total}")


def _lines(ways: list[Way]) -> Iterable[dict[str, Any]]:
    by_name = {way.name: way for way in ways}
    for way in ways:
        wall, cpu = statistics.median(way.wall) / way.rows, statistics.median(way.cpu) / way.rows
        line = {"name": way.name, "rows_per_second": 1 / wall, "cpu": cpu * 1e6, "aim": way.aim, "note": way.note}
        if way.beside == ALONE:
            line |= {"ratio": 1 / wall / ASKED, "cpu_ratio": 1 / cpu / ASKED}
        elif way.beside:
            other = by_name[way.beside]
            ratios = (statistics.median(other.wall) / other.rows / wall, statistics.median(other.cpu) / other.rows / cpu)
            line |= dict(zip(("ratio", "cpu_ratio"), ratios if way.ours else (1 / r for r in ratios), strict=True))
            line["note"] = ", ".join(part for part in (way.note, "" if way.ours else f"beside {way.beside}") if part)
        yield line


if __name__ == "__main__":
    for found in measure(*(int(text) for text in sys.argv[1:])):
        number = {key: found.get(key) or 0.0 for key in ("rows_per_second", "cpu", "ratio", "cpu_ratio", "aim")}
        print("{rows_per_second:>12,.0f} rows/s {cpu:8.3f} µs {ratio:6.2f} {cpu_ratio:6.2f} {aim:5.3g}".format(**number), end="  ")
        print(found["name"], "|", found["note"], flush=True)
