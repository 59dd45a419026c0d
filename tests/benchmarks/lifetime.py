"""A project with the pipelines of lifetime value, and one step of it in a process of its own.

    python tests/benchmarks/lifetime.py ROOT STEP [number]

prints as JSON what the step took: processor and wall seconds of the step alone, the peak of memory of the whole process in MB.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

CONTENT = Path(__file__).resolve().parents[2]
CLOCK = datetime(2026, 1, 1)
THREADS, TRIALS = 2, 20
ONCE_A_DAY = ("features.rfm_cut_points", "features.cohort_benchmarks")
TABLES = (
    "features.clv_today",
    "features.rfm_features",
    "features.purchase_patterns",
    "features.engagement_features",
    *ONCE_A_DAY,
    "features.continuous_customer_features",
)
WANTED, MODEL, PREDICTIONS = TABLES[-1], "continuous_clv_model", "predictions.continuous_clv_predictions"
RAW = ("continuous_customers_profile", "continuous_transactions", "continuous_interactions")
REPEATS = 5

Took = dict[str, Any]


def lay_out(root: Path) -> None:
    """Write the project, without a warehouse."""
    for pattern in ("pipelines/clv*.py", "models/*clv*.py", "sql/sources/raw.co*.sql"):
        for path in CONTENT.glob(pattern):
            (root / path.relative_to(CONTENT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / path.relative_to(CONTENT))
    (root / "pyproject.toml").write_text('[tool.foretable]\nas_of = "2026-01-01"\npublish = []\n')


def took(root: Path, step: str, number: int = 0) -> Took:
    """What a step took, in a process of its own."""
    given = os.environ | {"POLARS_MAX_THREADS": str(THREADS), "OMP_NUM_THREADS": str(THREADS)}
    ran = subprocess.run([sys.executable, __file__, str(root), step, str(number)], capture_output=True, text=True, env=given, check=False)
    if ran.returncode:
        raise AssertionError(f"{step} failed:\n{ran.stderr[-3000:]}")
    found: Took = json.loads(ran.stdout.splitlines()[-1])
    print(f"{step} {number or ''}: {found}", file=sys.stderr, flush=True)
    return found


def spent(call: Callable[[], Any]) -> tuple[Took, Any]:
    """Processor and wall seconds of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}, result


class Steps:
    """The steps, by name; each gives what it took."""

    def __init__(self, root: Path, number: int) -> None:
        from foretable.compile import compile_project
        from foretable.declare.load import load_project

        self.root, self.number = root, number
        self.graph = compile_project(load_project(root))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """The warehouse, ready for a wave."""
        from foretable.run import prepare
        from foretable.udf import connect

        connection = connect(self.root / "warehouse.duckdb")
        connection.execute(f"SET threads = {THREADS}")
        if limit := os.environ.get("CLV_MEMORY_LIMIT"):
            connection.execute("SET memory_limit = $limit", {"limit": limit})
        prepare(connection, self.graph)
        return connection

    def simulate(self) -> Took:
        """``foretable simulate clv``: raw tables of ``number`` customers of either pipeline."""
        from foretable.cli import main

        sys.argv = ["foretable", "simulate", "clv", "--customers", str(self.number), "--to", str(self.root / "warehouse.duckdb")]

        def run() -> None:
            try:
                main()
            except SystemExit as end:
                if end.code:
                    raise

        return spent(run)[0]

    def sizes(self) -> Took:
        """Rows of the raw tables."""
        with duckdb.connect(self.root / "warehouse.duckdb", read_only=True) as connection:
            return {name: connection.execute(f"SELECT count(*) FROM raw.{name}").fetchall()[0][0] for name in RAW}

    def features(self) -> Took:
        """A first wave over the feature tables."""
        return self._wave(TABLES)

    def bare(self) -> Took:
        """The queries of the feature tables with CREATE TABLE AS in the same warehouse, nothing detected, checked or recorded."""
        from foretable.compile.asof import fill
        from foretable.sql import render

        queries = {name.partition(".")[2]: render(fill(self.graph.tables[name].query, CLOCK, {})) for name in TABLES}
        with closing(self.connect()) as connection:
            connection.execute("CREATE SCHEMA rebuilt")

            def run() -> None:
                connection.execute("BEGIN")
                for name, query in queries.items():
                    connection.execute(f"CREATE TABLE rebuilt.{name} AS {query}")
                connection.execute("COMMIT")

            found, _ = spent(run)
            connection.execute("DROP SCHEMA rebuilt CASCADE")
        return found

    def train(self) -> Took:
        """``foretable train``: both candidates; the training set is told apart."""
        from foretable.train import train_model, training_set

        build, parts = training_set.build_training_set, []

        def timed(*given: Any) -> Any:
            part, built = spent(lambda: build(*given))
            part["note"] = f"{built.row_count:,} rows × {len(built.features)} features"
            part["note"] += f", drawn from {built.drawn_from:,}" if built.drawn_from else ""
            parts.append(part | {"peak": peak()})
            return built

        training_set.build_training_set = timed
        with closing(self.connect()) as connection:
            whole, report = spent(lambda: train_model(connection, self.graph, MODEL, trials=TRIALS))
        figures = ", ".join(f"{c.trained.candidate} R² {c.trained.value('r2', 'test'):.3f}" for c in report.candidates)
        rest = {key: whole[key] - parts[0][key] for key in ("cpu", "wall")}
        return {"set": parts[0], "rest": rest | {"note": f"{TRIALS} trials each; out of time {figures}"}, **whole}

    def score(self) -> Took:
        """A first wave over the predictions."""
        return self._wave([PREDICTIONS])

    def publish(self) -> Took:
        """The predictions as Parquet with the file for BI."""
        from foretable.publish import publish

        with closing(self.connect()) as connection:
            wave = connection.execute("SELECT max(wave) FROM foretable.waves").fetchall()[0][0]
            return spent(lambda: publish(connection, self.root, [PREDICTIONS], wave, {PREDICTIONS: ["customer_id"]}))[0]

    def online(self) -> Took:
        """What is declared online, to SQLite."""
        from foretable.online.copy import copy_online

        with closing(self.connect()) as connection:
            found, copied = spent(lambda: copy_online(connection, self.graph))
        return found | {"note": ", ".join(f"{c.table.partition('.')[2]} {c.action} {c.written:,} rows" for c in copied)}

    def nothing(self) -> Took:
        """A wave when nothing has changed."""
        return self._wave(self._hourly())

    def hourly(self) -> Took:
        """A wave after a purchase and an interaction of one in a hundred customers have come to staging."""
        self._arrive()
        return self._wave(self._hourly())

    def daily(self) -> Took:
        """The same with cut points and benchmarks, which reach every customer."""
        self._arrive()
        return self._wave([*TABLES, PREDICTIONS])

    def _hourly(self) -> list[str]:
        return [*(name for name in TABLES if name not in ONCE_A_DAY), PREDICTIONS]

    def _arrive(self) -> None:
        with duckdb.connect(self.root / "warehouse.duckdb") as connection:
            drawn = "SELECT customer_id FROM raw.continuous_customers_profile ORDER BY random() LIMIT $count"
            connection.execute(f"CREATE TEMP TABLE drawn AS {drawn}", {"count": round(self.number / 100)})
            for name, columns in (
                ("continuous_transactions", "20.25, 'Electronics', 1"),
                ("continuous_interactions", "'website_visit'"),
            ):
                known = f"(SELECT max(#1) FROM (FROM raw.{name} UNION ALL FROM raw.{name}_staging))"
                key = "transaction_id" if name.endswith("transactions") else "interaction_id"
                connection.execute(
                    f"INSERT INTO raw.{name}_staging SELECT {known.replace('#1', key)} + row_number() OVER (), customer_id, "
                    f"TIMESTAMP '2025-12-31 22:00:00', {columns} FROM drawn"
                )

    def _wave(self, tables: Any) -> Took:
        from foretable import run as whole

        whole.copy_online = lambda *_: ()  # it has a line of its own
        with closing(self.connect()) as connection:
            found, done = spent(lambda: whole.run(connection, self.graph, select=tables, train=False).wave)
        if done.failed or done.blocked:
            raise AssertionError(f"the wave left tables behind: {done.failed} {done.blocked}")
        actions = {built.table: built.action for built in done.built}
        last = done.built[-1]
        told = f"{last.table.partition('.')[2]}: {last.action} {last.row_count:,} rows" + (f", {last.dirty:,} keys" if last.dirty else "")
        return found | {"note": told, "actions": actions}

    def export(self) -> Took:
        """The raw tables as Parquet."""
        (self.root / "files").mkdir()
        with duckdb.connect(self.root / "warehouse.duckdb", read_only=True) as connection:
            for name in (f"{table}{end}" for table in RAW for end in ("", "_staging")):
                connection.execute(f"COPY raw.{name} TO '{self.root / 'files' / name}.parquet'")
        return {}

    def sql(self) -> Took:
        """The feature table from Parquet, into a table in memory, as one query: what a training set evaluates."""
        from foretable.compile.inline import inlined
        from foretable.sql import render

        query = render(inlined(self.graph, WANTED, CLOCK))
        with duckdb.connect() as connection:
            connection.execute(f"SET threads = {THREADS}")
            connection.execute("CREATE SCHEMA raw")
            for path in (self.root / "files").glob("*.parquet"):
                connection.execute(f"CREATE VIEW raw.{path.stem} AS FROM read_parquet('{path}')")
            found = self._several(lambda: connection.execute(f"CREATE OR REPLACE TABLE found AS {query}"))
            connection.execute(f"COPY found TO '{self.root / 'sql.parquet'}'")
        return found

    def pandas(self, *, by_arrow: bool = False) -> Took:
        """The same in pandas, into a frame."""
        from rival_clv_pandas import features

        found = self._several(lambda: features(self.root / "files", CLOCK, by_arrow=by_arrow))
        name = "pandas_by_arrow" if by_arrow else "pandas"
        features(self.root / "files", CLOCK, by_arrow=by_arrow).to_parquet(self.root / f"{name}.parquet", index=False)
        return found

    def pandas_by_arrow(self) -> Took:
        """The same, the files read by pyarrow."""
        return self.pandas(by_arrow=True)

    def polars(self) -> Took:
        """The same in Polars, into a frame."""
        from rival_clv_polars import features

        found = self._several(lambda: features(self.root / "files", CLOCK))
        features(self.root / "files", CLOCK).write_parquet(self.root / "polars.parquet")
        return found

    @staticmethod
    def _several(call: Callable[[], Any]) -> Took:
        call()  # imports and caches of the file system
        taken = [spent(call)[0] for _ in range(REPEATS)]
        return {key: statistics.median(one[key] for one in taken) for key in ("cpu", "wall")} | {"peak": peak()}


def require_equal(root: Path, way: str) -> None:
    """A rival's features are ours: words and NULLs equal, numbers to 1e-9 of their size."""
    with duckdb.connect() as connection:
        columns = connection.execute(f"DESCRIBE FROM '{root / 'sql.parquet'}'").fetchall()
        tests = []
        for name, kind, *_ in columns:
            if name == "customer_id":
                tests.append("a.customer_id IS NULL OR b.customer_id IS NULL")
            elif kind == "VARCHAR":
                tests.append(f"a.{name} IS DISTINCT FROM b.{name}::VARCHAR")
            else:
                ours, theirs = f"a.{name}::DOUBLE", f"nullif(b.{name}::DOUBLE, 'nan')"
                tests.append(f"({ours} IS NULL) <> ({theirs} IS NULL) OR abs({ours} - {theirs}) > 1e-9 * greatest(1, abs({ours}))")
        counts = ", ".join(f"count_if({test}) AS {name}" for test, (name, *_) in zip(tests, columns, strict=True))
        both = f"'{root / 'sql.parquet'}' AS a FULL JOIN '{root / way}.parquet' AS b ON a.customer_id = b.customer_id"
        found = connection.execute(f"SELECT {counts} FROM {both}").fetchall()[0]
    wrong = {name: count for (name, *_), count in zip(columns, found, strict=True) if count}
    if wrong:
        raise AssertionError(f"{way} computes something else, rows by column: {wrong}")


def peak() -> float:
    """The most memory that this process has had, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    answer = getattr(Steps(Path(sys.argv[1]), int(sys.argv[3])), sys.argv[2])()
    print(json.dumps({"peak": peak(), **answer}))
