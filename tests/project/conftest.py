"""The project that these tests belong to, run on simulated customers or, where it is at hand, on IBM's file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

import foretable as ft
from foretable.compile import compile_project
from foretable.compile.asof import fill
from foretable.declare.load import load_project
from foretable.simulate import simulate_telco
from foretable.sql import render, statement, table

ROOT = ft.open(Path(__file__).parent).root
REAL = ROOT.parent / "shared" / "data" / "telco_churn" / "WA_Fn-UseC_-Telco-Customer-Churn.csv"
CONTENT = ("pipelines", "models", "udfs", "sql")
UNTRAINED = ("clean.telco_customers", "features.telco_customer_months", "features.telco_next_months", "training.telco_churned")

Build = Callable[[pa.Table], duckdb.DuckDBPyConnection]


@pytest.fixture(scope="session")
def customers() -> pa.Table:
    """A thousand simulated customers."""
    return simulate_telco(1_000, seed=3)


@pytest.fixture(scope="session")
def real_customers() -> pa.Table:
    """IBM's file as text that is a number where it should be one."""
    if not REAL.exists():
        pytest.skip(f"{REAL} is not at hand")
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT * REPLACE (SeniorCitizen::BIGINT AS SeniorCitizen, tenure::BIGINT AS tenure, MonthlyCharges::DOUBLE AS MonthlyCharges)"
            " FROM read_csv(?, all_varchar = true)",
            [str(REAL)],
        ).to_arrow_table()


@pytest.fixture(scope="session")
def build() -> Iterator[Build]:
    """Build the telco tables that need no model from a ``raw.telco``, by their compiled queries."""
    graph = compile_project(load_project(ROOT))
    opened = []

    def made(raw: pa.Table) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        opened.append(connection)
        for schema in ("raw", "clean", "features", "training"):
            connection.execute(statement("CREATE SCHEMA $name", name=table(schema)))
        connection.register("given", raw)
        connection.execute("CREATE TABLE raw.telco AS FROM given")
        for name in UNTRAINED:
            query = fill(graph.tables[name].query, None)
            connection.execute(render(exp.Create(kind="TABLE", this=table(name), expression=query)))
        return connection

    yield made
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[pa.Table], Path]:
    """Copy what is about telco, the warehouse filled with the given customers and nothing else."""

    def copy(raw: pa.Table) -> Path:
        root = tmp_path_factory.mktemp("project")
        for folder in CONTENT:
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "compiled", "*clv*", "raw.co*"))
        (root / "pyproject.toml").write_text('[tool.foretable]\nas_of = "2026-01-01"\ntrials = 1\n')
        with duckdb.connect(str(root / "warehouse.duckdb")) as connection:
            connection.execute("CREATE SCHEMA raw")
            connection.register("given", raw)
            connection.execute("CREATE TABLE raw.telco AS FROM given")
        return root

    return copy
