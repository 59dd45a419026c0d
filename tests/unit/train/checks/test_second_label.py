"""Two definitions of one outcome beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.load import load_project
from foretable.errors import DeclarationError, TrainingError
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.train.checks.second_label import second_label
from foretable.train.result import Finding
from foretable.train.training_set import build_training_set
from foretable.warehouse import ensure_catalog

World = Callable[..., tuple[duckdb.DuckDBPyConnection, Graph]]
PIPELINE = """import foretable as ft
from foretable import _
c = ft.Entity("customer", key="customer_id")
other = ft.Entity("shop", key="shop_id")
orders = ft.Source("raw.orders", entity=c, time="ordered_at")
returns = ft.Source("raw.returns", entity=c, time="returned_at")

@ft.feature_view("features.a", entity=c)
def a():
    return orders.rows().group_by("customer_id").agg(n=_.count())

@ft.label("training.y", entity=c, horizon="10 days", every="10 days", start="2026-01-11")
def y():
    known = orders.rows().select("customer_id").distinct()
    back = orders.future(days=10).group_by("customer_id").agg(k=_.count())
    return c.join(known, back).select("customer_id", y=FIRST)

@ft.label("training.z", SPAN)
def z():
    known = orders.rows().select("customer_id").distinct()
    back = orders.future(days=10).group_by("customer_id").agg(k=_.count())
    late = returns.future(days=10).group_by("customer_id").agg(r=_.count())
    return SECOND

ft.Model("m", label=y, features=[a], candidates=[ft.LogisticRegression()], MORE)
"""
SPAN = 'entity=c, horizon="10 days", every="10 days", start="2026-01-11"'
JOINED = "c.join(known, back, late)"
SAME = f'{JOINED}.select("customer_id", z=_.k.fill_null(0) > 0)'
TABLES = {
    "raw.orders": "CREATE TABLE raw.orders (customer_id BIGINT, ordered_at TIMESTAMP)",
    "raw.returns": "CREATE TABLE raw.returns (customer_id BIGINT, returned_at TIMESTAMP)",
}
ROWS = """
INSERT INTO raw.orders SELECT i, '2026-01-05' FROM range(100) AS t(i);
INSERT INTO raw.orders SELECT i, '2026-01-15' FROM range(40) AS t(i);
INSERT INTO raw.orders SELECT 0, '2026-02-28';
INSERT INTO raw.returns SELECT 0, '2026-01-24';
"""


@pytest.fixture
def world(project: Callable[..., Path]) -> Iterator[World]:
    """Dates 11 January to 10 February; 40 of 100 customers come back within ten days of the first."""
    opened = []

    def make(
        second: str = SAME,
        *,
        first: str = '(_.k.fill_null(0) > 0).cast("int8")',
        span: str = SPAN,
        more: str = "second_label=z",
    ) -> tuple[duckdb.DuckDBPyConnection, Graph]:
        text = PIPELINE.replace("FIRST", first).replace("SECOND", second).replace("SPAN", span).replace("MORE", more)
        root = project({"pipelines/a.py": text} | {f"sql/sources/{name}.sql": ddl for name, ddl in TABLES.items()}, 'as_of = "2026-03-05"')
        connection = duckdb.connect()
        opened.append(connection)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA raw")
        for ddl in TABLES.values():
            connection.execute(ddl)
        connection.execute(ROWS)
        ensure_catalog(connection)
        return connection, compile_project(load_project(root))

    yield make
    for connection in opened:
        connection.close()


def compared(connection: duckdb.DuckDBPyConnection, graph: Graph) -> Finding:
    (found,) = second_label(connection, graph, build_training_set(connection, graph, "m"))
    assert (found.check, found.column) == ("labels", "training.z")
    return found


def test_definitions_that_agree_are_said_to(world: World) -> None:
    """One reads a boolean, the other a number; returns are known until 24 January only, so one date is compared."""
    found = compared(*world())
    assert found.severity == "note"
    assert found.evidence == {"rows": 0, "of": 40, "compared": 100, "missing": 0, "not_known": 300, "share": 0.0, "examples": []}
    assert found.message.endswith("300 rows are of dates at which it is not known yet")


def test_without_a_second_label_nothing_is_said(world: World) -> None:
    connection, graph = world(more="")
    assert second_label(connection, graph, build_training_set(connection, graph, "m")) == ()


@pytest.mark.parametrize(("border", "severity", "rows"), [(1, "warning", 1), (8, "warning", 8), (9, "refused", 9)])
def test_the_share_of_positives_that_differ_decides(world: World, border: int, severity: str, rows: int) -> None:
    """40 positives by the first definition; the second calls those below the border negative."""
    found = compared(*world(f'{JOINED}.select("customer_id", z=((_.k.fill_null(0) > 0) & (_.customer_id >= {border})).cast("int8"))'))
    assert (found.severity, found.evidence["rows"], found.evidence["of"]) == (severity, rows, 40)
    assert found.evidence["share"] == rows / 40
    assert f"{rows} positive only by y and 0 only by training.z, such as customer_id 0 on 2026-01-11 (1 and 0)" in found.message
    assert len(found.evidence["examples"]) == min(rows, 5)


def test_rows_that_only_one_has_are_counted_apart(world: World) -> None:
    found = compared(*world(f'{JOINED}.filter(_.customer_id < 90).select("customer_id", z=(_.k.fill_null(0) > 0).cast("int8"))'))
    assert found.severity == "note" and found.evidence["missing"] == 10
    assert "rows have none there" in found.message


def test_numbers_that_differ_in_rounding_alone_are_the_same(world: World) -> None:
    counts = "_.k.fill_null(0) * 0.1"
    task = 'task="regression", second_label=z'
    same = compared(*world(f'{JOINED}.select("customer_id", z=_.k.fill_null(0) * 0.1 * (1 + 1e-12))', first=counts, more=task))
    assert (same.severity, same.evidence["rows"]) == ("note", 0)
    other = compared(*world(f'{JOINED}.select("customer_id", z=_.k.fill_null(0) * 0.1 * (1 + 1e-6))', first=counts, more=task))
    assert (other.severity, other.evidence["rows"]) == ("refused", 40)


def test_classes_are_compared_as_texts(world: World) -> None:
    named = '(_.k.fill_null(0) > 0).cast("int8").cast("string")'
    found = compared(
        *world(
            f'{JOINED}.select("customer_id", z=(_.k.fill_null(0) > 0).cast("int8"))', first=named, more='task="multiclass", second_label=z'
        )
    )
    assert (found.severity, found.evidence["rows"]) == ("note", 0)


def test_several_rows_for_a_key_are_refused(world: World) -> None:
    connection, graph = world('orders.rows().select("customer_id", z=1)')
    training = build_training_set(connection, graph, "m")
    connection.execute("INSERT INTO raw.orders VALUES (3, '2026-01-06')")
    with pytest.raises(TrainingError, match=r"training\.z has several rows for a key"):
        second_label(connection, graph, training)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ('entity=c, horizon="5 days", every="10 days", start="2026-01-11"', "looks 5 days ahead, training.y 10 days"),
        ("entity=other", "is about another entity than training.y"),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(world: World, span: str, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        world(span=span)


def test_it_changes_no_model(world: World) -> None:
    with_it, without = world()[1], world(more="")[1]
    assert declaration_fingerprint(with_it, "m") == declaration_fingerprint(without, "m")
