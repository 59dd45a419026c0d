"""The compiled SQL of the shop, and hand-written SQL that must give the same rows."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from foretable.compile import compile_project
from foretable.compile.asof import fill
from foretable.compile.inline import inlined
from foretable.compile.output import compiled_text
from foretable.declare.load import load_project
from foretable.sql import parse, render

HERE = Path(__file__).parent
DATES = [datetime(2025, 1, 1), datetime(2025, 6, 1), datetime(2025, 9, 15), datetime(2026, 2, 28), datetime(2026, 3, 1)]


@pytest.mark.parametrize("date", DATES, ids=str)
@pytest.mark.parametrize(("name", "oracle"), [("features.customer_usage", "customer_usage.sql"), ("training.churned", "churned.sql")])
def test_a_compiled_query_gives_the_rows_of_its_hand_written_twin(shop, name, oracle, date):
    graph = compile_project(load_project(shop))
    text = (HERE / oracle).read_text().replace("$as_of", f"TIMESTAMP '{date}'")
    with duckdb.connect(shop / "warehouse.duckdb", read_only=True) as connection:
        for query in (
            fill(graph.tables[name].query, date),
            inlined(graph, name, date),
            parse(render(graph.tables[name].query, pretty=True)),
        ):
            ours = render(fill(query, date))
            difference = connection.execute(
                f"SELECT count(*) FROM ((({ours}) EXCEPT ALL ({text})) UNION ALL (({text}) EXCEPT ALL ({ours})))"
            ).fetchall()
            assert difference == [(0,)]
        rows = connection.execute(f"SELECT count(*) FROM ({text})").fetchall()[0][0]
    assert rows > 100 or date == DATES[0]


@pytest.mark.parametrize("name", ["features.customer_usage", "predictions.churn", "decisions.calls", "training.churned"])
def test_the_compiled_text_is_the_recorded_one(shop, name):
    graph = compile_project(load_project(shop))
    assert compiled_text(graph.tables[name]) == (HERE / "compiled" / f"{name}.sql").read_text()
