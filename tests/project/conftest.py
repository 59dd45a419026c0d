"""The project that these tests belong to, run on simulated customers or, where it is at hand, on IBM's file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

import foretable as ft
from foretable.compile import compile_project
from foretable.compile.asof import fill
from foretable.compile.graph import Graph
from foretable.compile.inline import inlined
from foretable.declare.load import load_project
from foretable.session import Session
from foretable.simulate import simulate_telco
from foretable.simulate.clv import simulate_clv
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
def graph() -> Graph:
    """The compiled project."""
    return compile_project(load_project(ROOT))


@pytest.fixture(scope="session")
def build(graph: Graph) -> Iterator[Build]:
    """Build the telco tables that need no model from a ``raw.telco``, by their compiled queries."""
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


TIMES = {
    "continuous_customers_profile": "signup_date",
    "continuous_transactions": "transaction_date",
    "continuous_interactions": "event_date",
}
TIMES |= {"coldstart_customers": "observed_at", "coldstart_transactions": "transaction_date"}


class Shop:
    """Raw tables of lifetime value, made by hand or simulated, those that are not given empty; and views of them at any date."""

    def __init__(self, graph: Graph, tables: Mapping[str, Sequence[Sequence[Any]] | pa.Table]) -> None:
        self.graph, self.connection = graph, duckdb.connect()
        self.connection.execute("CREATE SCHEMA raw")
        for name, columns in graph.schemas.items():
            if not name.startswith(("raw.continuous_", "raw.coldstart_")):
                continue
            self.connection.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
            rows = tables.get(name.removeprefix("raw."), ())
            if isinstance(rows, pa.Table):
                self.connection.register("given", rows)
                self.connection.execute(f"INSERT INTO {name} BY NAME FROM given")
            elif rows:
                self.connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", [list(row) for row in rows])

    def at(self, name: str, as_of: str) -> dict[Any, dict[str, Any]]:
        """Rows of a view or a label at a date, by their first column."""
        found = self.connection.execute(render(inlined(self.graph, name, datetime.fromisoformat(as_of))))
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        by_key = {row[names[0]]: row for row in rows}
        assert len(by_key) == len(rows), f"{name} has a key twice"
        return by_key

    def cut(self, as_of: str, *names: str, after: bool = False) -> None:
        """Delete what was not known at a date; with ``after`` what was."""
        for name in names or TIMES:
            for each in {f"raw.{name}", f"raw.{name}_staging"} & self.graph.schemas.keys():
                self.connection.execute(f"DELETE FROM {each} WHERE {TIMES[name]} {'<' if after else '>='} ?", [as_of])


@pytest.fixture(scope="session")
def shop(graph: Graph) -> Iterator[Callable[..., Shop]]:
    """Make a :class:`Shop` of the given tables."""
    made: list[Shop] = []

    def make(**tables: Any) -> Shop:
        made.append(Shop(graph, tables))
        return made[-1]

    yield make
    for each in made:
        each.connection.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The pipelines of lifetime value over a simulated world, after a run: the models have learned, from few dates."""
    root = lay_out(tmp_path_factory.mktemp("valued"), simulate_clv(150, seed=1, coldstart=1_000, interactions=0.2))
    session = ft.open(root)
    report = session.run()
    assert not report.wave.failed and not report.wave.blocked and not report.untrained
    shutil.copy(session.warehouse, root / "pristine.duckdb")
    return session


@pytest.fixture
def session(trained: Session) -> Session:
    """The same, whatever was done to it since."""
    shutil.copy(trained.root / "pristine.duckdb", trained.warehouse)
    shutil.rmtree(trained.root / "published")
    return trained


def lay_out(root: Path, world: Mapping[str, pa.Table]) -> Path:
    """Write the pipelines of lifetime value and a warehouse with the tables of a world."""
    for pattern in ("pipelines/clv*.py", "models/*clv*.py", "sql/sources/raw.co*.sql"):
        for path in ROOT.glob(pattern):
            (root / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / path.relative_to(ROOT))
    sources = root / "pipelines" / "clv_sources.py"
    text = sources.read_text()
    for name, value in (("EVERY", '"6 months"'), ("COLDSTART_EVERY, COLDSTART_EVERY_DAYS", '"182 days", 182')):
        text, found = re.subn(rf"^(\w+, {name} = \S+,) .*$", rf"\1 {value}", text, flags=re.MULTILINE)
        assert found == 1
    sources.write_text(text)
    (root / "pyproject.toml").write_text('[tool.foretable]\nas_of = "2026-01-01"\ntrials = 1\n')
    with duckdb.connect(str(root / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw")
        for name, rows in world.items():
            connection.register("given", rows)
            connection.execute(f"CREATE TABLE raw.{name} AS FROM given")
    return root
