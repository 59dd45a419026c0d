"""What the rules of a schema do to the way a table is refreshed."""

from __future__ import annotations

import pytest

from foretable.compile import compile_project
from foretable.compile.incremental.shape import Analysis
from foretable.declare.load import load_project

PYTHON = """import foretable as ft
import ibis
import pandera.ibis as pa
visit = ft.Entity("visit", key=("customer_id", "store_id"))
ft.Source("raw.visits")
other = ibis.table({{"known": "int64"}}, name="stores", database="raw")
ft.schema("{layer}.visits", pa.DataFrameSchema({rules}))
"""
SQL = "CREATE DYNAMIC TABLE {layer}.visits {option} AS SELECT customer_id, store_id, left_at, paid FROM raw.visits"
SOURCE = "CREATE TABLE raw.visits (customer_id BIGINT, store_id BIGINT, left_at TIMESTAMP, paid DOUBLE)"


@pytest.fixture(params=["clean", "features"])
def analysed(project, request):
    def analyse(rules: str, option: str = "ENTITY = visit") -> Analysis:
        files = {"pipelines/visits.py": PYTHON.format(layer=request.param, rules=rules), "sql/sources/raw.visits.sql": SOURCE}
        root = project({**files, "sql/visits.sql": SQL.format(layer=request.param, option=option)})
        return compile_project(load_project(root)).tables[f"{request.param}.visits"].analysis

    return analyse


def test_rules_about_a_row_and_unique_keys_that_hold_the_key_leave_a_table_incremental(analysed):
    row = 'pa.Check(lambda d: d.table.paid.fill_null(0) < d.table.store_id + 100, name="cheap")'
    found = analysed(
        f'{{"paid": pa.Column(float, pa.Check.in_range(0, 9), nullable=True)}}, checks={row},'
        ' unique=[["store_id", "customer_id", "left_at"], ["customer_id", "store_id"]]'
    )
    assert (found.mode, found.key) == ("INCREMENTAL", ("customer_id", "store_id"))


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ('{"paid": pa.Column(float, unique=True)}', "its rule unique(paid) looks at all rows"),
        ('{}, unique=["customer_id", "left_at"]', "its rule unique(customer_id, left_at) looks at all rows"),
        (
            '{"paid": pa.Column(float, pa.Check(lambda d: d.table[d.key].mean() < 5, name="cheap"))}',
            "its rule cheap looks at all rows",
        ),
        (
            '{"paid": pa.Column(float, pa.Check(lambda d: d.table[d.key] <= 2 * d.table[d.key].mean(), name="steady"))}',
            "its rule steady looks at all rows",
        ),
        (
            '{"left_at": pa.Column(checks=pa.Check(lambda d: d.table[d.key] < ibis.now(), name="past"))}',
            "its rule past may come out otherwise for a row that did not change",
        ),
        (
            '{"paid": pa.Column(float, pa.Check(lambda d: d.table[d.key] < ibis.random(), name="lucky"))}',
            "its rule lucky may come out otherwise for a row that did not change",
        ),
        (
            '{"store_id": pa.Column(int, pa.Check(lambda d: d.table[d.key].isin(other.known), name="known"))}',
            "its rule known may come out otherwise for a row that did not change",
        ),
    ],
)
def test_a_rule_that_looks_beyond_the_row_is_named(analysed, rules, reason):
    assert analysed(rules).reason == reason


def test_without_an_entity_every_row_is_refreshed(analysed):
    assert analysed('{"paid": pa.Column(float)}', "").reason.startswith("it is about no entity")
